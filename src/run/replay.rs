//! Schedules on real stores: each becomes a scenario, an ordinary run performs them, and its findings
//! are compared with the final state of the model. It knows nothing of how a scenario is performed.

use crate::{
    base::error::{Error, ErrorContext},
    model::{
        check::CheckId,
        exit_code::ExitCode,
        finding::FindingKind,
        record::{RunRecord, ScenarioRecord},
        verdict::Verdict,
    },
    run::{options::Options, schedule, session::FinishedRun},
    window::{Schedule, Script},
};
use std::{collections::BTreeSet, fs};

/// How a schedule went in the model and on the stores.
pub struct Compared<'a> {
    /// The schedule.
    pub schedule: &'a Schedule,
    /// Its scenario.
    pub script: &'a Script,
    /// What the stores must show by the model's end.
    pub expected: BTreeSet<String>,
    /// What they have shown.
    pub found: BTreeSet<String>,
    /// Whether that is the same.
    pub went: ReplayResult,
    /// Why it is not, worst first.
    pub reasons: Vec<String>,
}

/// Whether the stores match the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayResult {
    /// They do, and every other check held.
    Same,
    /// They do not.
    Differs,
    /// It could not be found out.
    Unknown,
}

impl From<ReplayResult> for ExitCode {
    fn from(result: ReplayResult) -> Self {
        match result {
            ReplayResult::Same => Self::AllHeld,
            ReplayResult::Differs => Self::IntegrityFailure,
            ReplayResult::Unknown => Self::Unverified,
        }
    }
}

/// Receives a run with its comparisons.
pub type OnCompared<'a> = &'a mut dyn FnMut(&[Compared<'_>], FinishedRun) -> Result<(), Error>;

/// Performs schedules on real stores, each as a scenario of an ordinary run. `finished` gets each run
/// with its comparison; the gravest exit code is returned.
///
/// # Errors
/// As a run, and those of `finished`.
pub async fn run(
    scripts: &[(Schedule, Script)],
    options: Options,
    finished: OnCompared<'_>,
) -> Result<ExitCode, Error> {
    let folder = tempfile::tempdir().or_environment(|| "can't make a folder for scenarios".to_owned())?;
    let mut paths = Vec::new();
    for (_, script) in scripts {
        let file = folder.path().join(format!("{}.yaml", script.id));
        fs::write(&file, &script.text).or_environment(|| format!("can't write {}", file.display()))?;
        paths.push(file);
    }
    let options = Options { paths, store_scenario_files: true, ..options };
    let mut worst = ExitCode::AllHeld;
    let exit = schedule::run(options, &mut |run| {
        let compared = compare(scripts, &run.record);
        worst = compared.iter().map(|one| ExitCode::from(one.went)).fold(worst, ExitCode::max);
        finished(&compared, run)
    })
    .await?;
    Ok(exit.max(worst))
}

/// Holds a run's record against the model.
pub fn compare<'a>(scripts: &'a [(Schedule, Script)], record: &RunRecord) -> Vec<Compared<'a>> {
    scripts.iter().map(|(schedule, script)| of(schedule, script, record)).collect()
}

/// Holds a scenario's record against the model.
fn of<'a>(schedule: &'a Schedule, script: &'a Script, record: &RunRecord) -> Compared<'a> {
    let expected: BTreeSet<String> = script.expect.iter().map(ToString::to_string).collect();
    let scenario = record.scenarios.iter().find(|scenario| scenario.id.as_str() == script.id);
    let found = scenario.map(found).unwrap_or_default();
    let judgement = scenario.and_then(|scenario| scenario.judgement.as_ref());
    let (went, mut reasons) = match judgement {
        None => (ReplayResult::Unknown, why_not(script, record, scenario)),
        Some(judged) => {
            let went = match judged.verdict {
                Verdict::Pass if found == expected => ReplayResult::Same,
                Verdict::Pass | Verdict::Fail => ReplayResult::Differs,
                Verdict::Unknown => ReplayResult::Unknown,
            };
            (went, judged.reasons.iter().map(ToString::to_string).collect())
        }
    };
    reasons.extend(found.difference(&expected).map(|extra| format!("the model has no {extra}")));
    Compared { schedule, script, expected, found, went, reasons }
}

/// What the stores have shown of binaries after the restore.
fn found(scenario: &ScenarioRecord) -> BTreeSet<String> {
    let of_binaries = |kind| {
        use FindingKind as K;
        matches!(kind, K::MissingBinary | K::OrphanBinary | K::WrongContent | K::WrongSize)
    };
    let findings = scenario.findings.iter();
    findings
        .filter(|found| found.check == CheckId::Reconcile && of_binaries(found.kind))
        .map(ToString::to_string)
        .collect()
}

/// Why there is no judgement.
fn why_not(script: &Script, record: &RunRecord, scenario: Option<&ScenarioRecord>) -> Vec<String> {
    let skipped = record.skipped.iter().filter(|skipped| skipped.id.as_str() == script.id);
    let mut why: Vec<String> = skipped.map(|skipped| format!("skipped: {}", skipped.why)).collect();
    why.extend(scenario.into_iter().flat_map(|scenario| scenario.errors.clone()));
    why.extend(record.errors.clone());
    if why.is_empty() {
        why.push("it did not come to its end".to_owned());
    }
    why
}
