//! The lists that belong together: faults, their pages and their scenarios; findings and who can show
//! them; the words of scenario files and the document that explains them. Starts nothing.

use crate::support::{bless, document_part};
use clap::ValueEnum;
use pulp_drill::{
    model::{
        check::CheckId,
        control::Control,
        fault::{Fault, FaultTarget},
        finding::{FindingKind, Severity},
    },
    scenario::{
        Act, BackupStep, RestoreStep, Scenario, Step,
        library::FixtureLibrary,
        method::{BackupJob, RestoreJob},
        parse::read_all,
    },
};
use standin::engine::Defect;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::PathBuf,
    sync::LazyLock,
};

static SCENARIOS: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    read_all(&[PathBuf::from("scenarios")], &FixtureLibrary::new("fixtures"))
        .unwrap_or_else(|diagnostics| panic!("{}", diagnostics.render(false, 100)))
});

/// Findings that no scenario of a sound engine can expect, and why.
const NOT_BY_SCENARIO: &[(FindingKind, &str)] = &[
    (FindingKind::DamagedTable, "damaged pages of a data directory, which no fault makes"),
    (
        FindingKind::DataMissing,
        "only an existing backup is compared with an earlier restore or a live source",
    ),
    (FindingKind::WrongRelease, "a defect of the engine"),
    (
        FindingKind::PrivilegesNotRestored,
        "commands that leave out owners and privileges, in a schema that has some",
    ),
    (FindingKind::PdfMetadataDiffers, "an engine that stamps the time into its PDFs"),
    (FindingKind::ScheduleMoved, "a defect of the engine, or a consequence of lost or changed rows"),
    (FindingKind::ResultLost, "a defect of the engine, or a consequence of lost results"),
    (FindingKind::TornWrite, "chance: possible in scenarios under load"),
    (FindingKind::MismatchedWrite, "chance: possible in scenarios under load"),
    (FindingKind::SourceChanged, "a command that harms what it is to save: tests/drills/misbehaving.rs"),
    (FindingKind::BackupTooOld, "a backup that was there before: tests/drills/existing_backup.rs"),
    (FindingKind::RecoveryTooSlow, "a limit of restore-test: tests/drills/existing_backup.rs"),
];

/// The acts of a scenario, those between sub-steps too.
fn acts(scenario: &Scenario) -> Vec<&Act> {
    fn of_step(step: &Step) -> Vec<&Act> {
        match step {
            Step::Act(act) => vec![act],
            Step::Destroy(_) => vec![],
            Step::BackUp(steps) => steps
                .iter()
                .filter_map(|s| if let BackupStep::Act(act) = &s.value { Some(act) } else { None })
                .collect(),
            Step::Restore(steps) => steps
                .iter()
                .filter_map(|s| if let RestoreStep::Act(act) = &s.value { Some(act) } else { None })
                .collect(),
        }
    }
    scenario.steps.iter().flat_map(|step| of_step(&step.value)).collect()
}

fn faults(scenario: &Scenario) -> impl Iterator<Item = &Fault> {
    acts(scenario).into_iter().filter_map(|act| match act {
        Act::Fault(fault) | Act::FaultInBackup(fault) => Some(fault),
        _ => None,
    })
}

/// The pages of `docs/faults/`, by id.
fn pages() -> BTreeMap<String, String> {
    let files = fs::read_dir("docs/faults").unwrap().map(|entry| entry.unwrap().path());
    let page = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name != "README").then(|| (name, fs::read_to_string(path).unwrap()))
    };
    files.filter_map(page).collect()
}

#[test]
fn every_fault_has_one_id_and_one_wording() {
    let unique = |of: fn(&pulp_drill::model::fault::FaultEntry) -> &'static str| {
        Fault::ALL.iter().map(of).collect::<BTreeSet<_>>().len()
    };
    assert_eq!(unique(|f| f.id), Fault::ALL.len());
    assert_eq!(unique(|f| f.description), Fault::ALL.len());
    assert_eq!(Fault::ALL.iter().map(|f| f.id).collect::<Vec<_>>(), Fault::IDS);
    for fault in SCENARIOS.iter().flat_map(faults) {
        let listed = Fault::ALL.iter().find(|listed| listed.id == fault.id()).unwrap();
        assert_eq!(listed, fault.entry());
        let description = serde_json::to_value(fault).unwrap();
        let word =
            description.as_str().or_else(|| description.as_object()?.keys().next().map(String::as_str));
        assert_eq!(word, Some(listed.description));
    }
}

#[test]
fn every_fault_has_a_scenario_and_a_page_that_names_it() {
    let mut shown: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for scenario in SCENARIOS.iter() {
        for fault in faults(scenario) {
            shown.entry(fault.id()).or_default().insert(scenario.id.as_str());
        }
    }
    let pages = pages();
    assert_eq!(
        pages.keys().collect::<BTreeSet<_>>(),
        Fault::IDS.iter().map(|i| i.to_string()).collect::<BTreeSet<_>>().iter().collect()
    );
    for fault in Fault::ALL {
        let scenarios = shown.get(fault.id).unwrap_or_else(|| panic!("no scenario shows {}", fault.id));
        let page = &pages[fault.id];
        let named: Vec<&str> = page
            .split("../../scenarios/")
            .skip(1)
            .filter_map(|rest| rest.split_once(".yaml"))
            .map(|p| p.0)
            .collect();
        assert!(
            named.iter().any(|name| scenarios.contains(name)),
            "docs/faults/{}.md names no scenario with this fault: {scenarios:?}",
            fault.id
        );
        for name in named {
            assert!(
                SCENARIOS.iter().any(|s| s.id.as_str() == name),
                "docs/faults/{}.md names {name}",
                fault.id
            );
        }
        let check = fault.caught_by.map_or("Nothing".to_owned(), |check| format!("`{check}`"));
        assert!(page.contains(&check), "docs/faults/{}.md does not name the check {check}", fault.id);
        for part in ["# ", "**What notices it.**", "**What to do.**"] {
            assert!(page.contains(part), "docs/faults/{}.md lacks {part}", fault.id);
        }
    }
}

#[test]
fn every_defect_of_the_stand_in_is_a_fault() {
    let defects = Defect::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let defects: BTreeSet<String> = defects.map(|value| format!("engine-{}", value.get_name())).collect();
    let faults = Fault::ALL.iter().filter(|fault| fault.target == FaultTarget::NextStart);
    assert_eq!(faults.map(|fault| fault.id.to_owned()).collect::<BTreeSet<_>>(), defects);
}

#[test]
fn every_finding_is_expected_by_a_scenario_or_can_be_shown_by_none() {
    let expected: BTreeSet<FindingKind> =
        SCENARIOS.iter().flat_map(|s| &s.expect).map(|e| e.value.kind).collect();
    let not_shown: BTreeSet<FindingKind> = NOT_BY_SCENARIO.iter().map(|(kind, _)| *kind).collect();
    let both: Vec<_> = expected.intersection(&not_shown).collect();
    assert!(both.is_empty(), "a scenario expects what none was said to show: {both:?}");
    let neither: Vec<_> =
        FindingKind::ALL.iter().filter(|k| !expected.contains(k) && !not_shown.contains(k)).collect();
    assert!(neither.is_empty(), "no scenario expects {neither:?}");
}

#[test]
fn scenarios_are_many_and_told_in_full() {
    assert!(SCENARIOS.len() >= 22, "only {} scenarios", SCENARIOS.len());
    // A scenario of another application is filled by that one's profile.
    let own = SCENARIOS.iter().filter(|s| !s.own_profile);
    let seeds: BTreeSet<&str> = own.map(|s| s.seed.value.as_str()).collect();
    assert_eq!(seeds.into_iter().collect::<Vec<_>>(), ["brochure", "invoices", "operations"]);
    for scenario in SCENARIOS.iter() {
        let id = &scenario.id;
        let text = fs::read_to_string(&scenario.file).unwrap();
        let up = "../".repeat(scenario.file.components().count() - 1);
        let first = format!("# yaml-language-server: $schema={up}docs/scenario.schema.json");
        assert_eq!(text.lines().next(), Some(&*first), "{id}");
        assert!(!scenario.runbook.is_empty() && !scenario.controls.is_empty(), "{id}");
        // A file's name has a point, too.
        let sentences =
            scenario.shows.split(['.', '!']).filter(|s| s.starts_with(char::is_whitespace)).count() + 1;
        assert!((2..=5).contains(&sentences), "{id}: {sentences} sentences are no 2 to 4");
        for control in &scenario.controls {
            assert!(Control::of(control).is_some(), "{id}: {control}");
        }
    }
}

#[test]
fn the_index_of_faults_is_current() {
    let mut text = String::from(
        "# Faults\n\nWhat a scenario can do to a store or to a backup, a page each. [Another page](../detection.md) shows \
         which check detects which. This index is written by `tests/static/catalogue.rs`.\n\n\
         | fault | in a scenario | what it does | noticed by |\n|---|---|---|---|\n",
    );
    for fault in Fault::ALL {
        writeln!(
            text,
            "| [{id}]({id}.md) | `{}` | {} | {} |",
            fault.description,
            fault.meaning,
            fault.caught_by.map_or("nothing: it does no harm".to_owned(), |check| format!("`{check}`")),
            id = fault.id
        )
        .unwrap();
    }
    bless::file("docs/faults/README.md", &text);
}

/// Holds a part of a file to a text in which sections of the runbook are linked.
fn part(path: &str, name: &str, wanted: &str) {
    document_part::hold(path, name, &crate::runbook_linked(wanted, "runbook.md"));
}

#[test]
fn the_guide_to_scenarios_is_current() {
    const GUIDE: &str = "docs/scenarios.md";
    let mut faults = String::from("| fault | what it does | takes effect |\n|---|---|---|\n");
    for fault in Fault::ALL {
        let when = match fault.target {
            FaultTarget::Objects => {
                "at once, in the live bucket (`fault`) or in the copy (`fault in backup`)"
            }
            FaultTarget::Rows => "at once, in the live database (`fault`)",
            FaultTarget::RowFiles => {
                "at once, in the live folder of file mode (`fault`) or in its archive (`fault in backup`)"
            }
            FaultTarget::NextArchive => "at the next `archive assets`",
            FaultTarget::NextResults => "at the next `copy results`",
            FaultTarget::Dump | FaultTarget::Tarball => "at once, in the backup's files (`fault in backup`)",
            FaultTarget::NextDump => "at the next `dump database`",
            FaultTarget::NextCopy => "at the next `copy objects`",
            FaultTarget::NextTransfer => "at the next `copy objects` or `copy listed objects`",
            FaultTarget::NextRestore => "at the next `restore database`",
            FaultTarget::NextMigration => "at the next `migrate`",
            FaultTarget::Versions => "at once, in the bucket's versions (`fault`)",
            FaultTarget::WalArchive => "at once, in the WAL archive (`fault in backup`)",
            FaultTarget::NextBucketRecovery => "at the next `recover objects`",
            FaultTarget::NextDatabaseRecovery => "at the next `recover database`",
            FaultTarget::NextStart => "at the next `start engine`; for the stand-in engine",
        };
        writeln!(
            faults,
            "| [`{}`](faults/{}.md) | {} | {when} |",
            fault.description, fault.id, fault.meaning
        )
        .unwrap();
    }
    part(GUIDE, "faults", &faults);

    let mut findings = String::from("| finding | severity | meaning | what to do |\n|---|---|---|---|\n");
    for kind in FindingKind::ALL {
        let weight = match kind.severity() {
            Severity::Warning => "warning",
            Severity::Failure => "failure",
        };
        writeln!(findings, "| `{kind}` | {weight} | {} | {} |", kind.meaning(), kind.what_to_do()).unwrap();
    }
    part(GUIDE, "findings", &findings);

    let mut apart = String::from("| finding | reported only for |\n|---|---|\n");
    for (kind, why) in NOT_BY_SCENARIO {
        writeln!(apart, "| `{kind}` | {why} |").unwrap();
    }
    part(GUIDE, "not by scenarios", &apart);

    let mut checks = String::from("| check | what it verifies | rule |\n|---|---|---|\n");
    for check in CheckId::ALL {
        writeln!(checks, "| `{check}` | {} | {} |", check.title(), check.rule()).unwrap();
    }
    part(GUIDE, "checks", &checks);

    let mut shipped = String::from("| scenario | what it shows |\n|---|---|\n");
    // Those of the window are in a folder and a table of their own.
    let (window, others): (Vec<_>, Vec<_>) =
        SCENARIOS.iter().partition(|scenario| scenario.file.starts_with("scenarios/window"));
    for scenario in others {
        writeln!(shipped, "| [`{id}`](../scenarios/{id}.yaml) | {} |", scenario.title, id = scenario.id)
            .unwrap();
    }
    let cells = "one for each cell of [the consistency window](consistency-window.md)";
    writeln!(shipped, "| [`window/`](../scenarios/window), {} scenarios | {cells} |", window.len()).unwrap();
    part(GUIDE, "scenarios", &shipped);

    let mut backup = String::from("| sub-step of `back up` | what is done |\n|---|---|\n");
    for job in BackupJob::ALL {
        writeln!(backup, "| `{job}` | {} |", job.meaning()).unwrap();
    }
    part(GUIDE, "backup steps", &backup);
    let mut restore = String::from("| sub-step of `restore` | what is done |\n|---|---|\n");
    for job in RestoreJob::ALL {
        writeln!(restore, "| `{job}` | {} |", job.meaning()).unwrap();
    }
    part(GUIDE, "restore steps", &restore);

    // Every word of a step stands in the guide.
    let guide = fs::read_to_string(GUIDE).unwrap();
    let acts = [
        "back up",
        "destroy",
        "restore",
        "upload",
        "replace",
        "delete",
        "save template again",
        "copy",
        "move label",
        "run batch",
        "begin",
        "go on",
        "release",
        "kill engine",
        "copy object",
        "copy new object",
        "plan next run",
        "wait for next run",
        "fault",
        "fault in backup",
    ];
    for word in acts {
        assert!(guide.contains(&format!("| `{word}")), "docs/scenarios.md does not explain `{word}`");
    }
}
