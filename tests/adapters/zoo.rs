//! A schema with nearly every kind of object: a sound restore in any format must be silent, and each
//! change of one object must be a finding that names it, in a drill and in the test of an existing backup.

use super::postgres::{Cluster, profile};
use pulp_drill::base::redact::Redactor;
use pulp_drill::model::figures::{SchemaOrigin, SchemaReference};
use pulp_drill::model::finding::{Finding, Severity};
use pulp_drill::model::state::{Database, State};
use pulp_drill::procedure::schema;
use pulp_drill::runbook::verify::{Reference, catalog, contents};
use pulp_drill::scenario::method::PrivilegesKept;
use pulp_drill::system::postgres::Postgres;

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/feature-zoo/schema.sql");
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/feature-zoo/data.sql");
/// Rows that the data refers to; in a drill they have files.
const DOCS: &str = "insert into public.docs (name, object_key, bytes, sha256, content_type) \
    select 'd'||i, 'docs/'||i, i, 'x', 'application/x-t' from generate_series(1, 4) i";
const CHANGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/zoo-changes.txt");

/// What is not compared with another server: no dump contains it, or it depends on who looks.
const NOT_IN_A_DUMP: [&str; 6] =
    ["setting ", "large object ", "database ", "user mapping ", "rows of matview ", "comment EXTENSION"];

async fn captured(cluster: &Cluster, postgres: &Postgres) -> Database {
    let mut database = postgres.capture(&profile(), None).await.unwrap();
    let (bin, redactor) = (&cluster.server.bin, Redactor::new());
    let why =
        schema::complete_from(&mut database.catalog, postgres, bin, cluster.temp.path(), &redactor).await;
    assert_eq!(why.unwrap(), None);
    database
}

fn state(database: &Database) -> State {
    State { database: database.clone(), ..State::default() }
}

/// What the check of the schema finds in a backup, compared with the live source and with a recorded schema.
fn found_in_backup(before: &Database, after: &Database) -> [Vec<Finding>; 2] {
    let major = Some(15);
    let tables = || before.tables.iter().map(|(name, table)| (name.clone(), table.rows.len() as u64));
    let reference = |read_from, parts| SchemaReference {
        origin: "elsewhere".to_owned(),
        read_from,
        major,
        tables: tables().collect(),
        parts,
        sequences: None,
    };
    let recorded = schema::figures(before, major).parts;
    [(SchemaOrigin::Source, schema::comparable(&before.catalog)), (SchemaOrigin::EarlierRun, recorded)].map(
        |(read_from, parts)| {
            let reference = Reference { schemas: vec![reference(read_from, parts)], ..Reference::default() };
            let after = state(after);
            catalog::check(&reference, &after, Some(&after), PrivilegesKept::None, major).0.findings
        },
    )
}

/// What the checks find between two captures.
fn found(before: &Database, after: &Database, kept: PrivilegesKept) -> Vec<Finding> {
    let reference = Reference { state: Some(state(before)), ..Reference::default() };
    let (result, _) = catalog::check(&reference, &state(after), None, kept, Some(15));
    let rows = contents::check(&reference, &state(after), None, &profile(), None);
    let sequences = catalog::sequences(&reference, &state(after), after);
    [result, rows, sequences].into_iter().flat_map(|result| result.findings).collect()
}

fn told(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{f}: {} / {}", f.expected, f.actual)).collect()
}

async fn zoo(cluster: &Cluster) -> Postgres {
    let postgres = cluster.database("zoo").await;
    let quiet = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"];
    cluster.program("psql", "zoo", &[&quiet[..], &["-f", SCHEMA, "-c", DOCS, "-f", DATA]].concat()).await;
    postgres
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_restore_in_any_format_is_silent() {
    let cluster = Cluster::start().await;
    let source = zoo(&cluster).await;
    let before = captured(&cluster, &source).await;
    assert!(before.catalog.definitions.as_ref().unwrap().len() > 100);
    let public = "drop schema public cascade; create schema public";
    for (number, (format, flags, anew)) in [
        ("custom", ["--no-owner", "--no-privileges"], false),
        ("directory", ["--no-owner", "--no-privileges"], false),
        ("tar", ["--no-owner", "--no-privileges"], true),
        ("plain", ["--no-owner", "--no-privileges"], false),
        ("plain", ["--quote-all-identifiers", "--no-privileges"], true),
        ("custom", ["--verbose", "--verbose"], false),
    ]
    .into_iter()
    .enumerate()
    {
        let (name, path) = (format!("restored{number}"), cluster.temp.path().join(number.to_string()));
        let file = path.to_str().unwrap();
        let format_option = format!("--format={format}");
        cluster
            .program("pg_dump", "zoo", &[&[format_option.as_str(), "-f", file], &flags[..]].concat())
            .await;
        let restored = cluster.database(&name).await;
        if anew {
            cluster.sql(&name, public).await;
        }
        match format {
            "plain" => {
                let args = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", file];
                cluster.program("psql", &name, &args).await;
            }
            _ => {
                cluster.program("pg_restore", &name, &[&["--exit-on-error", file], &flags[..]].concat()).await
            }
        }
        let after = captured(&cluster, &restored).await;
        let without = flags.contains(&"--no-privileges");
        let kept = if without { PrivilegesKept::None } else { PrivilegesKept::All };
        let findings = found(&before, &after, kept);
        assert_eq!(told(&findings), Vec::<String>::new(), "{format} {flags:?} {anew}");
        for findings in found_in_backup(&before, &after) {
            assert_eq!(
                told(&findings),
                Vec::<String>::new(),
                "{format} {flags:?} {anew}, against a reference"
            );
        }
        let unknown = found(&before, &after, PrivilegesKept::Unknown);
        assert!(unknown.iter().all(|f| f.severity == Severity::Warning), "{:?}", told(&unknown));
        restored.close().await;
    }
    // A database that is copied as it is has its privileges too.
    source.close().await;
    cluster.sql("postgres", "create database copied template zoo").await;
    let copied = Postgres::connect(&cluster.access("copied")).await.unwrap();
    let after = captured(&cluster, &copied).await;
    assert_eq!(told(&found(&before, &after, PrivilegesKept::All)), Vec::<String>::new());
    copied.close().await;
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_an_object_is_a_finding_that_names_it() {
    let cluster = Cluster::start().await;
    let postgres = zoo(&cluster).await;
    cluster.sql("zoo", "create role mallory").await;
    let mut last = captured(&cluster, &postgres).await;
    let changes = std::fs::read_to_string(CHANGES).unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for line in changes.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (wanted, sql) = line.split_once(" <- ").unwrap_or_else(|| panic!("{line}"));
        cluster.sql("zoo", sql).await;
        let now = captured(&cluster, &postgres).await;
        let findings = found(&last, &now, PrivilegesKept::All);
        let names: Vec<String> = findings.iter().map(ToString::to_string).collect();
        // A change may show in what refers to the object, too.
        if !names.iter().any(|name| name == wanted) || names.len() > 5 {
            wrong.push(format!("{sql}\n    wanted {wanted}\n    found {:?}", told(&findings)));
        }
        // What was added is no loss: looked at the other way round, it is one.
        let backward = found_in_backup(&now, &last);
        for (forward, backward) in found_in_backup(&last, &now).into_iter().zip(backward) {
            let compared = wanted.starts_with("catalog differs")
                && !NOT_IN_A_DUMP.iter().any(|part| wanted.contains(part));
            if compared && forward.is_empty() && backward.is_empty() {
                wrong.push(format!("{sql}\n    wanted {wanted}, against a reference"));
            }
        }
        (last, count) = (now, count + 1);
    }
    assert!(wrong.is_empty(), "{} of {count} changes:\n{}", wrong.len(), wrong.join("\n"));
    postgres.close().await;
    cluster.server.stop().await;
}
