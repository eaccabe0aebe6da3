//! A database with nearly every kind of object that PostgreSQL has comes back from every kind of backup, on
//! the installed major version and on all that `PULP_DRILL_PG_BIN` names.

use crate::damage;
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

/// The schema and its rows, for PostgreSQL 15. Lines that begin with `--17 ` are for 17 and newer.
const FIXTURE: &str = "tests/fixtures/feature-zoo";

/// What the schema needs and an installation lacks.
const MISSING: &str = "select name::text from (values ('pgcrypto'), ('citext'), ('hstore'), ('pg_trgm'), ('btree_gist'), \
    ('ltree'), ('unaccent'), ('lo'), ('postgres_fdw'), ('uuid-ossp'), ('ICU'), ('libxml')) wanted (name) \
    where not exists (select from pg_available_extensions a where a.name = wanted.name) \
    and not (name = 'ICU' and exists (select from pg_collation where collprovider = 'i' and collname <> 'unicode')) \
    and not (name = 'libxml' and exists (select from pg_config where setting ~ 'libxml|lxml2'))";

/// What needs a library that small installations leave out, and what takes its place.
const WITHOUT: [(&str, &str, &str); 8] = [
    ("pgcrypto", "CREATE EXTENSION IF NOT EXISTS pgcrypto;", ""),
    ("pgcrypto", "pgp_sym_encrypt('s','k')", "'s'"),
    ("uuid-ossp", "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\";", ""),
    ("uuid-ossp", "uuid_generate_v4()", "gen_random_uuid()"),
    ("ICU", "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)", "FROM \"C\""),
    ("ICU", "(provider = icu, locale = 'de-u-co-phonebk')", "FROM \"C\""),
    ("libxml", ", x='<a><!-- c --><b/></a>'", ""),
    ("ICU", "(provider = icu, locale = 'und', rules = '&V << w <<< W')", "FROM \"C\""),
];

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

/// How the rows are backed up.
const FORMATS: [&str; 9] = [
    "custom format",
    "directory format",
    "tar format",
    "plain format",
    "plain format, gzip",
    "plain format, zstd",
    "plain format, `--clean --create`",
    "`pg_dumpall`",
    "base backup",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_feature_comes_back_from_every_kind_of_backup() {
    let mut tested = Vec::new();
    for major in 13..=18 {
        let found = discover(&Places::of_machine(), Some(WantedMajor::Exactly(major))).await.found;
        match found {
            Some(bin) => tested.extend(on(&bin).await),
            None => println!("skipped: there is no PostgreSQL {major}"),
        }
    }
    println!("tested: {}", tested.join(", "));
    // Machines have different versions: the document is only written, from whichever has most.
    if std::env::var_os("PULP_DRILL_BLESS").is_some() {
        let mut table =
            format!("| backup | {} |\n|---|{}\n", tested.join(" | "), "---|".repeat(tested.len()));
        for format in FORMATS {
            table += &format!("| {format} |{}\n", " pass |".repeat(tested.len()));
        }
        damage::hold("versions", &table);
    }
}

/// The version that was tested, and the extensions that it was tested without.
async fn on(bin: &PgBin) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let run = RunDir::create(&Base::below(folder.path()).unwrap(), "zoo", false).unwrap();
    let server = OwnServer::start(&run, "own", ServerPrograms::Here(bin), &Redactor::new()).await.unwrap();
    let connection = Postgres::connect(&server.access("postgres").await).await.unwrap();
    let missing = connection.texts(MISSING).await.unwrap();
    connection.execute("create database zoo", &[]).await.unwrap();
    connection.close().await;
    if missing.iter().any(|name| WITHOUT.iter().all(|(known, ..)| name != known)) {
        println!("skipped: PostgreSQL {} lacks {}", bin.version, missing.join(", "));
        return None;
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
        let newer = (16..=bin.version.major).map(|major| format!("--{major} "));
        let text = newer.fold(text, |text, mark| text.replace(&mark, ""));
        let older = SINCE.iter().filter(|(since, ..)| bin.version.major < *since);
        let text = older.fold(text, |text, (_, from, to)| text.replace(from, to));
        let without = WITHOUT.iter().filter(|(name, ..)| missing.iter().any(|lacking| lacking == name));
        let text = without.fold(text, |text, (_, from, to)| text.replace(from, to));
        fs::write(path(name), text).unwrap();
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
        let dump = |name: &str, options: &[&str]| {
            let file = format!("--file={}", path(name).display());
            client(
                "pg_dump",
                &options.iter().map(|option| (*option).to_owned()).chain([file]).collect::<Vec<_>>(),
            );
        };
        dump(FORMATS[0], &["--format=custom"]);
        dump(FORMATS[1], &["--format=directory"]);
        dump(FORMATS[2], &["--format=tar"]);
        dump(FORMATS[3], &["--format=plain"]);
        dump(FORMATS[4], &["--format=plain", "--compress=6"]);
        let text = fs::read(path(FORMATS[3])).unwrap();
        fs::write(path(FORMATS[5]), zstd::encode_all(&text[..], 1).unwrap()).unwrap();
        dump(FORMATS[6], &["--format=plain", "--clean", "--create"]);
        client("pg_dumpall", &[format!("--file={}", path(FORMATS[7]).display())]);
        let base = format!("--pgdata={}", path(FORMATS[8]).display());
        client("pg_basebackup", &[base, "--checkpoint=fast".to_owned()]);
        let folder = folder.path();
        let abreast = |names: &[&'static str]| {
            std::thread::scope(|scope| {
                let tests: Vec<_> =
                    names.iter().map(|name| scope.spawn(move || restored(folder, name))).collect();
                tests.into_iter().map(|test| test.join().unwrap()).collect::<Vec<_>>()
            })
        };
        FORMATS.chunks(3).flat_map(abreast).collect::<Vec<_>>()
    });
    let wrong: Vec<String> = done.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "PostgreSQL {}:\n{}", bin.version, wrong.join("\n"));
    let version = bin.version.text.split(' ').next().unwrap();
    Some(match missing.is_empty() {
        true => version.to_owned(),
        false => format!("{version} without {}", missing.join(" and ")),
    })
}

fn restored(folder: &Path, name: &str) -> Result<(), String> {
    let kind = if name == FORMATS[8] { "--physical" } else { "--dump" };
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
