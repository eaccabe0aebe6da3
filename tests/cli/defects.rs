//! Every deliberate defect of the stand-in engine is caught, by the finding that names it.

use crate::support::harness::{Sandbox, call, postgres};
use crate::{scenario, unexpected};
use clap::ValueEnum as _;
use pulp_drill::model::finding::FindingKind;
use standin::engine::Defect;
use std::sync::Mutex;

/// What a drill says of an engine with this defect. A new defect must be added here to compile.
fn finding_of(defect: Defect) -> FindingKind {
    match defect {
        Defect::FailOpen => FindingKind::FailOpen,
        Defect::StaleCache => FindingKind::StaleRender,
        Defect::WrongCode | Defect::WrongStatus => FindingKind::WrongRefusal,
        Defect::PartialPdf | Defect::TruncatedPdf => FindingKind::PartialPdf,
        Defect::Nondeterministic => FindingKind::NotDeterministic,
        Defect::RefusesPresent => FindingKind::RenderRefused,
        Defect::WrongReason => FindingKind::WrongReason,
        Defect::ForgetsSchedules => FindingKind::ScheduleMoved,
        Defect::HidesDeadLetters => FindingKind::WrongListing,
        Defect::AdmitsArchived => FindingKind::WrongAccess,
        Defect::SkipsMissedRuns | Defect::RepeatsMissedRuns => FindingKind::MissedRun,
        Defect::ForgetsUnfinishedJobs => FindingKind::UnfinishedJob,
        Defect::SwallowsUpload => FindingKind::UnstoredWrite,
        Defect::WrongAsset | Defect::OldVersion => FindingKind::PdfDiffers,
        Defect::LiesReady => FindingKind::FalseReady,
    }
}

/// The shipped scenario that it shows in, where a drill without a fault has no occasion for it.
fn occasion(defect: Defect) -> Option<&'static str> {
    match defect {
        Defect::HidesDeadLetters | Defect::AdmitsArchived => Some("operations-restored"),
        Defect::ForgetsUnfinishedJobs => Some("batch-jobs-abandoned"),
        Defect::SkipsMissedRuns | Defect::RepeatsMissedRuns => Some("schedule-due-during-outage"),
        _ => None,
    }
}

#[test]
fn every_defect_of_the_stand_in_is_caught_by_the_finding_that_names_it() {
    if !postgres() {
        return;
    }
    let left = Mutex::new(Defect::value_variants().to_vec());
    let wrong = Mutex::new(Vec::new());
    // One at a time on each core: a drill alone does not fill two.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(defect) = left.lock().unwrap().pop() else { break };
                    if let Some(what) = missed(defect) {
                        wrong.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What is wrong with how this defect is caught, if anything.
fn missed(defect: Defect) -> Option<String> {
    let sandbox = Sandbox::new();
    let name = defect.to_possible_value().unwrap().get_name().to_owned();
    let done = match occasion(defect) {
        None => call(sandbox.small_run(&["--defect", &name]).arg(sandbox.faultless())),
        Some(id) => call(sandbox.run(&["--defect", &name]).arg(scenario(id))),
    };
    let kinds = if done.code == Some(1) { unexpected(&sandbox.record()) } else { Vec::new() };
    let wanted = finding_of(defect).describe();
    (!kinds.iter().any(|kind| kind == wanted))
        .then(|| format!("{name}: wanted {wanted:?}, got {kinds:?}\n{}", done.all()))
}
