//! The scenarios for any application: they can be read for the shipped profile without an API, and have a
//! fault of every kind that needs no API.

use pulp_drill::{
    model::{
        check::Requirement,
        fault::{Fault, FaultTarget},
    },
    scenario::{Act, Scenario, library::FixtureLibrary, parse::names::acts, parse::read_all},
};
use std::{collections::BTreeSet, path::PathBuf};

/// Faults that no scenario for any application can have, and why.
const NOT_GENERIC: &[(&str, &str)] = &[
    ("bucket-at-another-time", "it changes nothing without a write after the base backup"),
    ("delete-markers-ignored", "it changes nothing without a deleted object"),
    ("index-dropped", "no selector names the part of the schema that its finding is about"),
    ("foreign-keys-dropped", "no selector names the part of the schema that its finding is about"),
    ("checks-not-valid", "no selector names the part of the schema that its finding is about"),
    ("defaults-dropped", "no selector names the part of the schema that its finding is about"),
    ("not-null-dropped", "no selector names the part of the schema that its finding is about"),
    ("triggers-disabled", "no selector names the part of the schema that its finding is about"),
    ("row-security-enabled", "no selector names the part of the schema that its finding is about"),
    ("table-unlogged", "no selector names the part of the schema that its finding is about"),
    ("privileges-widened", "no selector names the part of the schema that its finding is about"),
    ("dump-without-constraints", "no selector names the part of the schema that its finding is about"),
    ("sequence-reset", "`any-sequences-excluded` shows the same for every sequence"),
    ("sequence-advanced", "not every application has a sequence"),
    ("row-duplicated", "not every table takes a row twice"),
    ("times-shifted", "which rows have a moment is not known"),
    ("nulls-emptied", "which rows have NULL is not known"),
    ("dump-without-rows", "its findings are all rows of a table"),
    ("dump-byte-changed", "`any-dump-truncated` shows the same"),
    ("dump-empty", "`any-dump-truncated` shows the same"),
    ("binary-shortened", "not every application has an object over 1 MiB"),
    ("binary-zeroed", "`any-copy-bit-flipped` shows the same"),
    ("binary-extended", "`any-copy-truncated` shows the same"),
    ("binary-lines-converted", "not every binary has a line feed"),
    ("binary-key-changed", "not every key has a letter"),
    ("ignored-rows-lost", "what an application asserts of its tables is not known"),
];

fn scenarios() -> Vec<Scenario> {
    let library = FixtureLibrary::new("fixtures").with_profile("photo-archive");
    let read = read_all(&[PathBuf::from("generic")], &library);
    read.unwrap_or_else(|diagnostics| panic!("{}", diagnostics.render(false, 100)))
}

#[test]
fn any_application_has_forty_drills_and_every_fault_that_needs_no_api() {
    let all = scenarios();
    assert!(all.len() >= 40, "{}", all.len());
    let fault = |act: &Act| match act {
        Act::Fault(fault) | Act::FaultInBackup(fault) => Some(fault.id()),
        _ => None,
    };
    let used: BTreeSet<&str> =
        all.iter().flat_map(|scenario| acts(&scenario.steps)).filter_map(|(act, _)| fault(act)).collect();
    let in_files =
        [FaultTarget::RowFiles, FaultTarget::Tarball, FaultTarget::NextArchive, FaultTarget::NextResults];
    for entry in Fault::ALL {
        let possible = entry.requires == Requirement::Stores && !in_files.contains(&entry.target);
        let excused = NOT_GENERIC.iter().any(|(id, _)| *id == entry.id);
        assert_eq!(used.contains(entry.id), possible && !excused, "{}", entry.id);
    }
}

#[test]
fn what_a_scenario_requires_of_the_profile_is_a_reason_to_skip_it() {
    let why = |id: &str| {
        let all = scenarios();
        all.iter().find(|scenario| scenario.id.as_str() == id).unwrap().unfit.clone()
    };
    assert_eq!(why("any-maintenance-window").as_deref(), Some("the profile has no `start`"));
    assert_eq!(why("any-dump-plain"), None);
}
