//! Assertions of a profile, and references that show what a backup leaves out.

use super::site::{Live, PROGRAM, Tested, program, test, texts, with_live};
use pulp_drill::model::verdict::CheckOutcome;
use std::{collections::BTreeSet, fs, process::Command};

/// The shipped profile with assertions, as a file.
fn profile_with(live: &Live, name: &str, assertions: &str) -> String {
    let shipped = fs::read_to_string("profiles/pulp-engine.yaml").unwrap();
    live.write(name, format!("{shipped}\nassertions:\n{assertions}").as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn assertions_are_checks_of_their_own_and_one_that_could_not_run_is_unknown() {
    with_live(false, async |live: &Live| {
        let (dump, folder) = (live.dump("pulp.dump", &["--format=custom"]), live.text("assets"));
        let sound = profile_with(
            live,
            "sound.yaml",
            "  some assets: { sql: { query: select count(*) from assets -- all, at-least: 1 } }\n  \
               recent: { fresh: { table: assets, column: created_at, max-age: 1d } }\n  \
               ready: { http: { path: /health/ready, contains: ok } }\n  \
               three: { command: { run: [sh, -c, exit 3], exit: 3 } }\n",
        );
        let good = test(&dump, &folder, &texts(&["--profile", &sound]), &[]);
        assert_eq!((good.exit, good.found()), (Some(0), BTreeSet::new()), "{}{}", good.actual(), good.said);
        let names: Vec<&str> = good.scenario().assertions.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["ready", "recent", "some assets", "three"]);

        let wrong = profile_with(
            live,
            "wrong.yaml",
            "  too many: { sql: { query: select count(*) from assets, at-least: 1000 } }\n  \
               old: { fresh: { table: assets, column: created_at, max-age: 1ms } }\n  \
               other page: { http: { path: /nowhere } }\n  \
               fails: { command: { run: [\"false\"] } }\n",
        );
        let bad = test(&dump, &folder, &texts(&["--profile", &wrong]), &[]);
        let expected =
            ["fails", "old", "other page", "too many"].map(|name| format!("assertion failed: {name}"));
        assert_eq!((bad.exit, bad.found()), (Some(1), expected.into()), "{}", bad.said);

        for (name, assertion) in [
            ("writes", "{ sql: { query: \"select set_config('transaction_read_only', 'off', false)\", not-empty: true } }"),
            ("reads a file", "{ sql: { query: \"select pg_read_file('/etc/passwd')\", not-empty: true } }"),
            ("no such table", "{ sql: { query: select 1 from nowhere, not-empty: true } }"),
            ("too slow", "{ sql: { query: \"select pg_sleep(60)::text\", not-empty: true, within: 1s } }"),
            ("no key", "{ http: { path: /health, header-env: { X-Token: NO_SUCH_VARIABLE } } }"),
            ("no program", "{ command: { run: [./no-such-program] } }"),
        ] {
            let profile = profile_with(live, "unknown.yaml", &format!("  {name}: {assertion}\n"));
            let unknown = test(&dump, &folder, &texts(&["--profile", &profile]), &[]);
            assert_eq!(
                (unknown.exit, unknown.found()),
                (Some(3), BTreeSet::new()),
                "{name}: {}",
                unknown.said
            );
            let [(_, CheckOutcome::Unknown { .. }, _)] = &unknown.scenario().assertions[..] else {
                panic!("{name}: {:?}", unknown.scenario().assertions);
            };
        }
    })
    .await;
}

/// The level of a test, and what it lacks.
fn level(tested: &Tested) -> String {
    let level = tested.scenario().level.as_ref().unwrap();
    pulp_drill::model::level::describe(level.reached).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_leaves_something_out_is_found_out_by_any_reference() {
    with_live(false, async |live: &Live| {
        let folder = live.text("assets");
        let sound = live.dump("pulp.dump", &["--format=custom"]);
        let manifest = texts(&["--manifest", &live.manifest(&sound)]);
        let source = texts(&["--source-env", "LIVE_URL"]);
        let env = [("LIVE_URL", live.url.clone())];
        let migrate = texts(&["--schema-of-migrate"]);

        let reports = live.text("reports");
        let ledger = texts(&["--ledger", &live.text("ledger.jsonl")]);
        let ran = program(&texts(&["--report-dir", &reports, "--dump", &sound, "--assets", &folder]), &[]);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let add = ["history", "add", &format!("{reports}/latest"), "--ledger", &live.text("ledger.jsonl")];
        let added = Command::new(PROGRAM).args(add).output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));

        let bare = test(&sound, &folder, &[], &[]);
        assert_eq!((bare.exit, level(&bare)), (Some(0), "consistent".to_owned()), "{}", bare.said);
        for (reference, reached) in
            [(&manifest, "complete"), (&ledger, "complete"), (&source, "complete"), (&migrate, "consistent")]
        {
            let good = test(&sound, &folder, reference, &env);
            assert_eq!(
                (good.exit, good.found(), level(&good)),
                (Some(0), BTreeSet::new(), reached.to_owned()),
                "{reference:?}: {}",
                good.said
            );
        }

        let no_table = live.dump("no-table.dump", &["--format=custom", "--exclude-table=audit_events"]);
        let no_rows = live.dump("no-rows.dump", &["--format=custom", "--exclude-table-data=audit_events"]);
        let mut schema_only = live.dump("schema.dump", &["--format=plain", "--schema-only"]);
        schema_only = live.write("schema.sql", &fs::read(schema_only).unwrap());
        for (dump, references) in [
            (&no_table, &[&manifest, &ledger, &source, &migrate][..]),
            (&no_rows, &[&manifest, &ledger, &source]),
            (&schema_only, &[&manifest, &ledger, &source, &migrate]),
        ] {
            for reference in references {
                let bad = test(dump, &folder, reference, &env);
                assert_eq!(bad.exit, Some(1), "{dump} {reference:?}: {}{}", bad.actual(), bad.said);
                assert!(level(&bad) != "complete" && level(&bad) != "usable", "{dump} {reference:?}");
            }
        }
        for dump in [&no_table, &no_rows] {
            let unproven = test(dump, &folder, &[], &[]);
            assert_eq!((unproven.exit, level(&unproven)), (Some(0), "consistent".to_owned()), "{dump}");
        }
        // A table that the manifest does not name is not proven.
        let text = fs::read_to_string(live.path("manifest").join("manifest.json")).unwrap();
        let mut partly: serde_json::Value = serde_json::from_str(&text).unwrap();
        partly["tables"].as_object_mut().unwrap().remove("audit_events");
        partly.as_object_mut().unwrap().remove("dbDumpSha256");
        let partly = live.write("partly.json", partly.to_string().as_bytes());
        let tested = test(&no_rows, &folder, &texts(&["--manifest", &partly]), &[]);
        assert_eq!((tested.exit, level(&tested)), (Some(0), "consistent".to_owned()), "{}", tested.said);
        let lacks = tested.scenario().level.as_ref().unwrap().gaps[0].to_string();
        assert!(lacks.contains("not in the reference: audit_events"), "{lacks}");
    })
    .await;
}
