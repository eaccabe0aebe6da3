//! Dumps that lack what only a reference shows, with the manifest and the ledger of the same site.

use super::{
    Case,
    kit::{Kit, option},
};
use std::fs;

/// The text without the statement that begins so.
pub fn without(text: &str, start: &str) -> String {
    let at = text.find(start).unwrap_or_else(|| panic!("no {start:?}"));
    let end = at + text[at..].find(";\n").unwrap() + 2;
    text[..at].to_owned() + &text[end..]
}

pub(super) async fn cases(kit: &Kit) -> Vec<Case> {
    kit.references(&kit.path("ok.dump")).await;
    let text = fs::read_to_string(kit.path("ok.sql")).unwrap();
    let lines = |keep: &dyn Fn(&str) -> bool| {
        text.split_inclusive('\n').filter(|line| keep(line)).collect::<String>()
    };
    let (manifest, ledger) =
        (option("manifest", &kit.path("manifest")), option("ledger", &kit.path("ledger.jsonl")));
    let case = |damage, format, name: &str, text: String, reference: &[String], says| {
        let dump = kit.write(name, text.as_bytes());
        Case::damaged(damage, format, [&option("dump", &dump), reference].concat(), 1, says)
    };
    let (with_manifest, with_ledger) = ("plain format, with `--manifest`", "plain format, with `--ledger`");
    let sound = |format, reference: &[String]| {
        Case::sound(format, [&option("dump", &kit.path("ok.sql")), reference].concat())
    };
    let sequence = without(&text, "SELECT pg_catalog.setval('public.receipts'");
    vec![
        sound(with_manifest, &manifest),
        // Its runs are in another folder.
        Case { says: "were not compared with the run", ..sound(with_ledger, &ledger) },
        case(
            "a trigger missing",
            with_ledger,
            "trigger.sql",
            without(&text, "CREATE TRIGGER stamp"),
            &ledger,
            "trigger photos.stamp",
        ),
        case(
            "a policy missing",
            with_manifest,
            "all_of_them.sql",
            without(&text, "CREATE POLICY"),
            &manifest,
            "policy places.all_of_them",
        ),
        case(
            "an index missing",
            with_ledger,
            "index.sql",
            without(&text, "CREATE INDEX notes_twice"),
            &ledger,
            "index notes_twice",
        ),
        case(
            "a constraint missing",
            with_manifest,
            "constraint.sql",
            text.replacen("CONSTRAINT \"Day Book_what_check\" CHECK ((what <> ''::text))", "CHECK (true)", 1),
            &manifest,
            "Day Book_what_check",
        ),
        case("a sequence not set", with_manifest, "receipts.sql", sequence.clone(), &manifest, "never set"),
        case("a sequence not set", with_ledger, "receipts-2.sql", sequence, &ledger, "never set"),
        case(
            "the rows of a partition missing",
            with_ledger,
            "partition.sql",
            lines(&|line| !line.contains("\t2025-12-")),
            &ledger,
            "visits_2025",
        ),
        case(
            "a row changed",
            with_manifest,
            "changed.sql",
            text.replacen("\tentry 7\t", "\tentry 8\t", 1),
            &manifest,
            "row changed",
        ),
    ]
}
