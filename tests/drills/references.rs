//! The live source as a reference, a sample of the objects, and the schema alone.

use crate::{
    damage::{
        compared::without,
        kit::{DATABASE, Kit, cut, option},
    },
    support::consistency::contradictions,
};
use pulp_drill::model::{level, record::RunRecord};
use std::{fs, process::Command};

/// A test that has run: exit code, level of proof, and all that its report states.
struct Tested {
    exit: Option<i32>,
    level: &'static str,
    said: String,
}

async fn test(kit: &Kit, options: &[String]) -> Tested {
    let reports = tempfile::tempdir().unwrap();
    let profile = match options.iter().any(|option| option == "--profile") {
        true => Vec::new(),
        false => option("profile", &kit.path("site.yaml")),
    };
    let own = [option("report-dir", reports.path()), profile].concat();
    let (exit, printed) =
        kit.program(&[vec!["restore-test".to_owned()], own, options.to_vec()].concat()).await;
    let record = fs::read(reports.path().join("latest/record.json"));
    let record: Option<RunRecord> = record.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let contradictions = record.as_ref().map(|record| contradictions(record, &reports.path().join("latest")));
    assert_eq!(contradictions.unwrap_or_default(), [""; 0]);
    let level = level::describe(record.as_ref().and_then(RunRecord::level));
    let findings = record.iter().flat_map(|r| &r.scenarios).flat_map(|s| &s.findings);
    let findings: String = findings.map(|f| format!("{f}: {} {}\n", f.expected, f.actual)).collect();
    let said = (findings + &printed).split_whitespace().collect::<Vec<_>>().join(" ");
    Tested { exit, level, said }
}

#[track_caller]
fn is(tested: &Tested, exit: i32, level: &str, says: &str) {
    assert_eq!((tested.exit, tested.level), (Some(exit), level), "{}", tested.said);
    assert!(tested.said.contains(says), "{says:?} is not in {}", tested.said);
}

async fn dump(kit: &Kit, name: &str, options: &[&str]) -> Vec<String> {
    let access = kit.access().await;
    let mut all = vec![format!("--file={}", kit.path(name).display())];
    all.extend(options.iter().map(|option| (*option).to_owned()));
    tokio::task::block_in_place(|| kit.client(&access, "pg_dump", &all));
    option("dump", &kit.path(name))
}

/// What a database contains, as far as a reader could have changed it.
async fn contents(kit: &Kit) -> String {
    kit.text(
        "select string_agg(x::text, E'\\n' order by x::text) from (\
           select c.oid::text || c.relname || c.relfilenode || c.relpages || c.reltuples || c.xmin from pg_class c \
             where c.oid >= 16384 \
           union all select 'tuples ' || sum(n_tup_ins + n_tup_upd + n_tup_del + n_tup_hot_upd) from pg_stat_all_tables \
             where schemaname not like 'pg_%' \
           union all select 'receipts ' || last_value || is_called from receipts \
           union all select 'roles ' || string_agg(rolname, ',' order by rolname) from pg_roles \
           union all select 'databases ' || string_agg(datname, ',' order by datname) from pg_database \
           union all select 'large ' || count(*) from pg_largeobject_metadata) x (x)",
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_source_a_sample_and_a_schema_prove_what_they_are_compared_with() {
    let Some(kit) = Kit::make().await else { return };
    a_sample_and_a_schema_reach_no_level_that_they_do_not_prove(&kit).await;
    the_live_source_is_a_reference_and_is_not_changed(&kit).await;
    a_migration_that_fails_anywhere_says_nothing_of_the_backup(&kit).await;
    kit.stop().await;
}

async fn the_live_source_is_a_reference_and_is_not_changed(kit: &Kit) {
    let files = option("assets", &kit.path("files"));
    let source = ["--source-env".to_owned(), "SHOP_URL".to_owned()];
    let sound = [&dump(kit, "ok.dump", &["--format=custom"]).await[..], &files, &source].concat();
    let before = contents(kit).await;
    is(&test(kit, &sound).await, 0, "complete", "");
    assert_eq!(before, contents(kit).await, "the source was changed");

    // A role that may only read tables and sequences, on a database that says so too.
    let reader = ["create role reader login password 'r'", "grant pg_read_all_data to reader"];
    kit.sql(DATABASE, &reader).await;
    let mut reader = kit.access().await;
    (reader.user, reader.password) = ("reader".to_owned(), "r".to_owned());
    let with_reader = |options: &[String]| {
        let mut all = vec!["restore-test".to_owned(), "--profile".to_owned()];
        let reports = kit.path("reports").display().to_string();
        all.extend([kit.path("site.yaml").display().to_string(), "--report-dir".to_owned(), reports]);
        all.extend_from_slice(options);
        tokio::task::block_in_place(|| {
            let mut command = Command::new(crate::damage::kit::PROGRAM);
            command.args(all).env("SHOP_URL", reader.url()).output().unwrap()
        })
    };
    let hidden = with_reader(&sound);
    let said = String::from_utf8_lossy(&hidden.stderr);
    assert!(hidden.status.code() == Some(3) && said.contains("BYPASSRLS"), "{said}");
    kit.sql(DATABASE, &["alter role reader bypassrls"]).await;
    let ran = with_reader(&sound);
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("Level of proof: complete"), "{said}");

    let _plain = dump(kit, "ok.sql", &["--format=plain"]).await;
    let text = fs::read_to_string(kit.path("ok.sql")).unwrap();
    for (name, text, level, says) in [
        ("trigger", without(&text, "CREATE TRIGGER stamp"), "readable", "trigger photos.stamp"),
        ("policy", without(&text, "CREATE POLICY"), "readable", "policy places.all_of_them"),
        ("view", without(&text, "CREATE VIEW public.many"), "readable", "view many"),
        (
            "sequence",
            without(&text, "SELECT pg_catalog.setval('public.receipts'"),
            "restored",
            "sequence behind: receipts",
        ),
        (
            "serial",
            text.replace(
                "setval('\"Back Office\".\"Day Book_id_seq\"', 40",
                "setval('\"Back Office\".\"Day Book_id_seq\"', 39",
            ),
            "restored",
            "its column has reached 40",
        ),
    ] {
        let lossy = option("dump", &kit.write(&format!("{name}.sql"), text.as_bytes()));
        is(&test(kit, &[&lossy[..], &files, &source].concat()).await, 1, level, says);
    }
    let no_blobs = dump(kit, "no-blobs.dump", &["--format=custom", "--no-blobs"]).await;
    let tested = test(kit, &[&no_blobs[..], &files, &source].concat()).await;
    is(&tested, 1, "consistent", "2 large objects as in the source");
}

async fn a_sample_and_a_schema_reach_no_level_that_they_do_not_prove(kit: &Kit) {
    let sound = dump(kit, "ok.dump", &["--format=custom"]).await;
    let sample = |folder: &str| {
        let seed = ["--sample", "4", "--seed", "7"].map(str::to_owned);
        [&sound[..], &option("assets", &kit.path(folder)), &seed].concat()
    };
    let says = "The bytes of 4 of 12 objects were read, chosen with the seed 7";
    is(&test(kit, &sample("files")).await, 0, "restored", says);
    let all = [&sample("files")[..4], &["--sample", "12", "--max-rto", "1h"].map(str::to_owned)].concat();
    is(&test(kit, &all).await, 0, "consistent", "");
    let missing = kit.copy("files", "missing");
    fs::remove_file(missing.join("p5.jpg")).unwrap();
    is(&test(kit, &sample("missing")).await, 1, "restored", "missing binary");
    // The changed bytes of an object are noticed if it is in the sample.
    let damaged = kit.copy("files", "damaged");
    let noticed = async |name: &str| {
        fs::copy(kit.path("files").join(name), damaged.join(name)).unwrap();
        cut(&damaged.join(name), 0.5);
        let tested = test(kit, &sample("damaged")).await;
        fs::copy(kit.path("files").join(name), damaged.join(name)).unwrap();
        tested.exit == Some(1)
    };
    let mut seen = 0;
    for number in 1..=3 {
        seen += usize::from(noticed(&format!("p{number}.jpg")).await);
    }
    assert!(seen < 3, "more than the sample was read");

    let schema = |dump: &[String], reference: &[&str]| {
        let tier = ["--tier", "schema"].iter().chain(reference).map(|word| (*word).to_owned());
        dump.iter().cloned().chain(tier).collect::<Vec<_>>()
    };
    let source = ["--source-env", "SHOP_URL"];
    let plain = dump(kit, "ok.sql", &["--format=plain"]).await;
    for dump in [&sound, &plain] {
        is(&test(kit, &schema(dump, &source)).await, 0, "none", "only the schema was restored");
        is(&test(kit, &schema(dump, &[])).await, 3, "none", "--schema-of-migrate");
    }
    // Tools that record migrations in a table run all of them again where it is empty.
    let refusing = migrating(kit, "[sh, -c, \"echo it exists already >&2; exit 1\"]");
    let options = [schema(&sound, &source), option("profile", &refusing)].concat();
    is(&test(kit, &options).await, 3, "readable", "cannot run on a schema without rows");

    let text = fs::read_to_string(kit.path("ok.sql")).unwrap();
    let lossy =
        option("dump", &kit.write("lossy.sql", without(&text, "CREATE INDEX notes_twice").as_bytes()));
    is(&test(kit, &schema(&lossy, &source)).await, 1, "none", "index notes_twice");
}

/// The kit's profile with another command to migrate.
fn migrating(kit: &Kit, command: &str) -> std::path::PathBuf {
    let site = fs::read_to_string(kit.path("site.yaml")).unwrap();
    let site = site.lines().map(|line| match line.starts_with("migrate:") {
        true => format!("migrate: {command}\n"),
        false => format!("{line}\n"),
    });
    kit.write("migrating.yaml", site.collect::<String>().as_bytes())
}

async fn a_migration_that_fails_anywhere_says_nothing_of_the_backup(kit: &Kit) {
    let sound =
        [dump(kit, "ok.dump", &["--format=custom"]).await, option("assets", &kit.path("files"))].concat();
    let with = |command: &str| [&sound[..], &option("profile", &migrating(kit, command))].concat();
    let in_empty = "fails in an empty database in the same way";
    for (command, says) in [
        ("[sh, ./no-such-script.sh]", in_empty),
        ("[sh, -c, \"no-such-program --all\"]", in_empty),
        ("[psql, --set, ON_ERROR_STOP=1, --command, select nonsense]", in_empty),
        ("[./no-such-script.sh]", "(migrate): there is no program ./no-such-script.sh"),
    ] {
        is(&test(kit, &with(command)).await, 3, "readable", says);
    }
    let only_here = "[psql, --set, ON_ERROR_STOP=1, --command, \"create schema \\\"Back Office\\\"\"]";
    is(&test(kit, &with(only_here)).await, 1, "readable", "restore failed");
}
