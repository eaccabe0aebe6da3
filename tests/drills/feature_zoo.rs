//! A database with nearly every kind of object that PostgreSQL has comes back from every kind of backup, on
//! the installed major version and on all that `PULP_DRILL_PG_BIN` names.

use pulp_drill::{
    base::{
        digest::Digest,
        process::{Base, RunDir},
        redact::Redactor,
    },
    runbook::provision::processes::{Places, WantedMajor, discover},
    system::{
        cluster::{OwnServer, ServerPrograms},
        postgres::Postgres,
        programs::PgBin,
    },
};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

/// The schema and its rows, for PostgreSQL 15.
const FIXTURE: &str = "tests/fixtures/feature-zoo";

/// The extensions of the schema, which a small installation lacks.
const EXTENSIONS: &str = "select name::text from (values ('pgcrypto'), ('citext'), ('hstore'), ('pg_trgm'), ('btree_gist'), \
    ('ltree'), ('unaccent'), ('lo'), ('postgres_fdw'), ('uuid-ossp')) wanted (name) \
    where not exists (select from pg_available_extensions a where a.name = wanted.name)";

/// What an older major version does not have: since when, and what takes its place.
const SINCE: [(u32, &str, &str); 10] = [
    (15, " NULLS NOT DISTINCT WHERE", " WHERE"),
    (15, ", security_invoker=true", ""),
    (15, "public.docs (id, name) WHERE (id > 1), app.nopk", "public.docs, app.nopk"),
    (15, "CREATE PUBLICATION pub2 FOR TABLES IN SCHEMA app;\n", ""),
    (14, " mr int4multirange,", ""),
    (14, ", mr='{[1,2),[5,9)}'", ""),
    (14, ", ALTER COLUMN \"whole\" SET COMPRESSION pglz", ""),
    (14, "CREATE STATISTICS app.st2 ON (lower(name)), (bytes % 10) FROM public.docs;\n", ""),
    (14, "IMMUTABLE BEGIN ATOMIC SELECT a + b; END;", "IMMUTABLE AS 'select a + b';"),
    (14, " n='Infinity',", " n=0,"),
];

const PROFILE: &str = "\
name: Feature zoo
api: none
entities:
  doc:
    table: docs
    label: [name]
    binary: { key: object_key, size: bytes, sha256: sha256 }
write-order: { upload: binary-first, replace: binary-first, delete: row-first }
migrate: [\"true\"]
seed: [./fill.sh]
";

#[tokio::test(flavor = "multi_thread")]
async fn every_feature_comes_back_from_every_kind_of_backup() {
    let mut tested = 0;
    for major in 13..=18 {
        let found = discover(&Places::of_machine(), Some(WantedMajor::Exactly(major))).await.found;
        match found {
            Some(bin) => tested += usize::from(on(&bin).await),
            None => println!("skipped: there is no PostgreSQL {major}"),
        }
    }
    println!("{tested} major versions were tested");
}

/// Whether it could be tested.
async fn on(bin: &PgBin) -> bool {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let run = RunDir::create(&Base::below(folder.path()).unwrap(), "zoo", false).unwrap();
    let server = OwnServer::start(&run, "own", ServerPrograms::Here(bin), &Redactor::new()).await.unwrap();
    let connection = Postgres::connect(&server.access("postgres").await).await.unwrap();
    let missing = connection.texts(EXTENSIONS).await.unwrap();
    if missing.is_empty() {
        connection.execute("create database zoo", &[]).await.unwrap();
    }
    connection.close().await;
    if !missing.is_empty() {
        println!("skipped: PostgreSQL {} lacks {}", bin.version, missing.join(", "));
        return false;
    }
    let access = server.access("zoo").await;
    let client = |program: &str, options: &[String]| {
        let mut command = Command::new(bin.program(program));
        command.args(options).arg(format!("--dbname={}", access.url_without_password()));
        let ran = command.envs(access.client_env()).output().unwrap();
        assert!(ran.status.success(), "{}: {program}: {}", bin.version, String::from_utf8_lossy(&ran.stderr));
    };
    let path = |name: &str| folder.path().join(name);
    let files = path("files");
    let mut docs = String::new();
    fs::create_dir_all(files.join("docs")).unwrap();
    for number in 1..=4_u8 {
        let bytes = vec![number; 1_000 * usize::from(number)];
        let (digest, size) = (Digest::of(&bytes), bytes.len());
        fs::write(files.join(format!("docs/{digest}.bin")), bytes).unwrap();
        docs += &format!(
            "insert into public.docs (name, object_key, bytes, sha256, content_type) \
             values ('d{number}.bin', 'docs/{digest}.bin', {size}, '{digest}', 'application/x-t');\n"
        );
    }
    fs::write(path("docs.sql"), docs).unwrap();
    fs::write(path("site.yaml"), PROFILE).unwrap();
    for name in ["schema.sql", "data.sql"] {
        let text = fs::read_to_string(Path::new(FIXTURE).join(name)).unwrap();
        let older = SINCE.iter().filter(|(since, ..)| bin.version.major < *since);
        fs::write(path(name), older.fold(text, |text, (_, from, to)| text.replace(from, to))).unwrap();
    }
    let done = tokio::task::block_in_place(|| {
        for name in ["schema.sql", "docs.sql", "data.sql"] {
            let file = format!("--file={}", path(name).display());
            client(
                "psql",
                &["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", &file]
                    .map(str::to_owned),
            );
        }
        for format in ["custom", "directory", "tar", "plain"] {
            client("pg_dump", &[format!("--format={format}"), format!("--file={}", path(format).display())]);
        }
        client(
            "pg_basebackup",
            &[format!("--pgdata={}", path("base").display()), "--checkpoint=fast".to_owned()],
        );
        ["custom", "directory", "tar", "plain", "base"].map(|name| restored(folder.path(), name))
    });
    let wrong: Vec<String> = done.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "PostgreSQL {}:\n{}", bin.version, wrong.join("\n"));
    true
}

fn restored(folder: &Path, name: &str) -> Result<(), String> {
    let kind = if name == "base" { "--physical" } else { "--dump" };
    // Event triggers need a superuser.
    let ran = Command::new(env!("CARGO_BIN_EXE_pulp-drill"))
        .args(["restore-test", "--restore-as-superuser", kind])
        .arg(folder.join(name))
        .arg("--assets")
        .arg(folder.join("files"))
        .arg("--profile")
        .arg(folder.join("site.yaml"))
        .arg("--report-dir")
        .arg(folder.join("reports"))
        .output()
        .unwrap();
    match ran.status.code() {
        Some(0) => Ok(()),
        code => Err(format!("{name}: exit {code:?}\n{}", String::from_utf8_lossy(&ran.stderr))),
    }
}
