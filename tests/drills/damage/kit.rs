//! A site to back up: rows on a server of its own that archives its WAL, and a folder of files.

use pulp_drill::{
    base::{
        digest::Digest,
        process::{Base, RunDir},
        redact::Redactor,
    },
    runbook::provision::processes::{Places, discover},
    system::{
        cluster::{OwnServer, ServerPrograms},
        postgres::{Access, Postgres},
        programs::PgBin,
    },
};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_pulp-drill");

/// The database of the site.
pub const DATABASE: &str = "shop";

const PROFILE: &str = "\
name: Photo shop
api: none
entities:
  photo:
    table: photos
    label: [file]
    binary: { key: file, sha256: sha256 }
write-order: { upload: binary-first, replace: binary-first, delete: row-first }
migrate: [\"true\"]
seed: [./fill.sh]
";

const SCHEMA: [&str; 20] = [
    "create table photos (id int primary key, file text unique not null, sha256 text not null, \
     taken timestamptz not null default now())",
    "create table notes (id int primary key, body text not null)",
    "create view many as select count(*) as notes from notes",
    "create function twice(int) returns int language sql immutable as 'select $1 * 2'",
    "create index notes_twice on notes (twice(id))",
    "create domain amount as numeric(10, 2) check (value >= 0)",
    "create schema \"Back Office\"",
    "create table \"Back Office\".\"Day Book\" (id serial primary key, at date not null default current_date, \
     what text not null check (what <> ''), due amount, twice int generated always as (id * 2) stored)",
    "create sequence receipts start 100",
    "create table visits (id int, day date not null, primary key (id, day)) partition by range (day)",
    "create table visits_2025 partition of visits for values from ('2025-01-01') to ('2026-01-01')",
    "create table visits_later partition of visits default",
    "create materialized view per_day as select day, count(*) from visits group by day",
    "create table places (id int primary key, name text)",
    "create table towns (mayor text) inherits (places)",
    "create function stamp() returns trigger language plpgsql as $$begin return new; end$$",
    "create trigger stamp before update on photos for each row execute function stamp()",
    "alter table places enable row level security",
    "create policy all_of_them on places using (true)",
    "alter database shop set datestyle = 'ISO, DMY'",
];

/// Rows of the other tables.
const ROWS: [&str; 7] = [
    "insert into \"Back Office\".\"Day Book\" (what, due) select 'entry ' || n, n from generate_series(1, 40) n",
    "select nextval('receipts') from generate_series(1, 60)",
    "insert into visits select n, date '2025-12-01' + n from generate_series(1, 60) n",
    "refresh materialized view per_day",
    "insert into places values (1, 'hill')",
    "insert into towns values (2, 'port', 'somebody')",
    "select lo_from_bytea(0, 'one'), lo_from_bytea(0, 'two')",
];

/// A site, and a folder for its backups.
pub struct Kit {
    pub server: OwnServer,
    pub programs: PgBin,
    folder: tempfile::TempDir,
    run: RunDir,
}

impl Kit {
    /// Makes the site. Does nothing where there is no PostgreSQL.
    pub async fn make() -> Option<Self> {
        let Some(programs) = discover(&Places::of_machine(), None).await.found else {
            println!("skipped: no PostgreSQL server programs were found");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let run = RunDir::create(&Base::below(folder.path()).unwrap(), "kit", false).unwrap();
        let redactor = Redactor::new();
        let server = OwnServer::start(&run, "own", ServerPrograms::Here(&programs), &redactor).await.unwrap();
        let kit = Self { server, programs, folder, run };
        kit.sql("postgres", &[&format!("create database {DATABASE}")]).await;
        kit.sql(DATABASE, &SCHEMA).await;
        fs::write(kit.path("site.yaml"), PROFILE).unwrap();
        fs::create_dir(kit.path("files")).unwrap();
        for number in 1..=12 {
            kit.photo(number).await;
        }
        kit.notes(1..=1_000).await;
        kit.sql(DATABASE, &ROWS).await;
        Some(kit)
    }

    /// Another cluster.
    pub async fn other_server(&self) -> OwnServer {
        OwnServer::start(&self.run, "other", ServerPrograms::Here(&self.programs), &Redactor::new())
            .await
            .unwrap()
    }

    pub async fn photo(&self, number: u32) {
        let (name, bytes) = (format!("p{number}.jpg"), format!("photo number {number}"));
        fs::write(self.path("files").join(&name), &bytes).unwrap();
        let row = format!(
            "insert into photos (id, file, sha256) values ({number}, '{name}', '{}')",
            Digest::of(bytes.as_bytes())
        );
        self.sql(DATABASE, &[&row]).await;
    }

    pub async fn notes(&self, ids: std::ops::RangeInclusive<u32>) {
        let rows = format!(
            "insert into notes select n, md5(n::text) || repeat('-', 60) from generate_series({}, {}) n",
            ids.start(),
            ids.end()
        );
        self.sql(DATABASE, &[&rows]).await;
    }

    pub async fn sql(&self, database: &str, statements: &[&str]) {
        let connection = Postgres::connect(&self.server.access(database).await).await.unwrap();
        for statement in statements {
            connection.execute(statement, &[]).await.unwrap();
        }
        connection.close().await;
    }

    /// The one text of a query.
    pub async fn text(&self, sql: &str) -> String {
        let connection = Postgres::connect(&self.server.access(DATABASE).await).await.unwrap();
        let mut texts = connection.texts(sql).await.unwrap();
        connection.close().await;
        texts.remove(0)
    }

    pub async fn access(&self) -> Access {
        self.server.access(DATABASE).await
    }

    pub async fn stop(&self) {
        self.server.stop().await;
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program and gives its exit code and what it printed. `SHOP_URL` names the database.
    pub async fn program(&self, options: &[String]) -> (Option<i32>, String) {
        let url = self.access().await.url();
        tokio::task::block_in_place(|| {
            let mut command = Command::new(PROGRAM);
            command.args(options).env("SHOP_URL", &url).env("DATABASE_URL", &url);
            let ran = command.output().unwrap();
            let said =
                format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
            (ran.status.code(), said)
        })
    }

    /// Records the site in a manifest, and a proven restore of a dump in a ledger.
    pub async fn references(&self, dump: &Path) {
        let text = |name: &str| self.path(name).display().to_string();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (profile, reports) = (text("site.yaml"), text("reports"));
        let tested = ["restore-test", "--profile", &profile, "--report-dir", &reports];
        let backup = [option("dump", dump), option("assets", &self.path("files"))].concat();
        let latest = format!("{reports}/latest");
        for options in [
            words(&["manifest", "create", "--profile", &profile, "--out", &text("manifest")]),
            [words(&tested), backup].concat(),
            words(&["history", "add", &latest, "--ledger", &text("ledger.jsonl")]),
        ] {
            let (exit, said) = self.program(&options).await;
            assert_eq!(exit, Some(0), "{options:?}: {said}");
        }
    }

    /// A copy of a file or folder of the kit, to be damaged.
    pub fn copy(&self, from: &str, to: &str) -> PathBuf {
        let target = self.path(to);
        let copied = Command::new("cp").arg("-a").args([&self.path(from), &target]).status();
        assert!(copied.unwrap().success());
        target
    }

    /// A file with these bytes.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs one of PostgreSQL's clients against the site's database.
    pub fn client(&self, access: &Access, program: &str, options: &[String]) {
        let done = Command::new(self.programs.program(program))
            .args(options)
            .arg(format!("--dbname={}", access.url_without_password()))
            .envs(access.client_env())
            .output()
            .unwrap();
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

/// `--name path`.
pub fn option(name: &str, path: &Path) -> Vec<String> {
    vec![format!("--{name}"), path.display().to_string()]
}

/// Changes one byte of a file.
pub fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

/// Cuts a file.
pub fn cut(path: &Path, keep: f64) {
    let bytes = fs::read(path).unwrap();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a part of a small file"
    )]
    let length = (bytes.len() as f64 * keep) as usize;
    fs::write(path, &bytes[..length]).unwrap();
}
