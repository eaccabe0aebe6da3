//! Schedules on real stores: each becomes a scenario, the ordinary run performs them, and what it found
//! is held against the end of the model. It knows nothing of how a scenario is performed.

use super::{ExploreArgs, ExploreFormat, pretty, replays, scripts, table, to_json, worst};
use crate::{
    base::error::{Error, ErrorContext},
    cli::{
        output::print,
        run::{Ran, RunArgs, gravest, runs},
    },
    model::write::WritePath,
    model::{
        check::CheckId,
        exit_code::ExitCode,
        finding::FindingKind,
        record::{RunRecord, ScenarioRecord},
        verdict::Verdict,
    },
    report::terminal::style::count,
    window::{AssetOutcome, Schedule, Script},
};
use serde_json::json;
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

/// Whether the stores show what the model says.
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

/// Performs schedules in the model and on real stores, prints how they compare, and gives the exit code.
///
/// # Errors
/// Blames the user for a schedule that can't be read or performed; else as a run.
pub async fn replay(args: ExploreArgs, sign_key: Option<String>) -> Result<ExitCode, Error> {
    let scripts = asked(&args)?;
    let folder = tempfile::tempdir().or_environment(|| "can't make a folder for scenarios".to_owned())?;
    let mut files = Vec::new();
    for (_, script) in &scripts {
        let file = folder.path().join(format!("{}.yaml", script.id));
        fs::write(&file, &script.text).or_environment(|| format!("can't write {}", file.display()))?;
        files.push(file);
    }
    let ran = runs(RunArgs::of_files(files, args.ground.clone()), sign_key).await?;
    let mut exit = gravest(&ran);
    for ran in &ran {
        let compared: Vec<Compared<'_>> =
            scripts.iter().map(|(s, script)| of(s, script, &ran.record)).collect();
        exit = compared.iter().map(|one| ExitCode::from(one.went)).fold(exit, ExitCode::max);
        print(&match args.format {
            ExploreFormat::Json => pretty(&in_json(&compared, ran)),
            ExploreFormat::Human | ExploreFormat::Markdown => {
                describe(&compared) + &format!("report: {}\n", ran.dir.display())
            }
        })?;
    }
    Ok(exit)
}

/// The schedules that were asked for, with their scenarios.
fn asked(args: &ExploreArgs) -> Result<Vec<(Schedule, Script)>, Error> {
    if args.replay.is_empty() {
        return scripts(&table(args), 0);
    }
    let script = |(id, schedule): (String, Schedule)| {
        let script = Script::of(&schedule, &id, 0, WritePath::parts)?;
        Ok((schedule, script))
    };
    replays(args)?.into_iter().map(script).collect()
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

/// What came of it, for people: those that differ with all that is known.
pub fn describe(compared: &[Compared<'_>]) -> String {
    let mut text = String::new();
    for one in compared {
        let outcome = worst(&one.script.outcomes).map_or("consistent", AssetOutcome::title);
        let how = match one.went {
            ReplayResult::Same => "same",
            ReplayResult::Differs => "DIFFERS",
            ReplayResult::Unknown => "UNKNOWN",
        };
        text += &format!("{how:<8} {}: {outcome}\n", one.script.id);
        if one.went == ReplayResult::Same && compared.len() > 1 {
            continue;
        }
        text += &format!("  schedule  {}\n", one.schedule);
        text += &format!("  expected  {}\n", listed(&one.expected));
        text += &format!("  found     {}\n", listed(&one.found));
        for reason in &one.reasons {
            text += &format!("  because   {}\n", reason.replace('\n', "\n            "));
        }
    }
    let same = compared.iter().filter(|one| one.went == ReplayResult::Same).count();
    text + &format!("{same} of {}: the stores show what the model says\n", count(compared.len(), "schedule"))
}

fn listed(findings: &BTreeSet<String>) -> String {
    let all: Vec<&str> = findings.iter().map(String::as_str).collect();
    if all.is_empty() { "nothing wrong with any binary".to_owned() } else { all.join("; ") }
}

fn in_json(compared: &[Compared<'_>], ran: &Ran) -> serde_json::Value {
    let all: Vec<_> = compared
        .iter()
        .map(|one| {
            let mut json = to_json(one.schedule, &one.script.outcomes);
            json["cell"] = json!(one.script.id);
            json["went"] = json!(match one.went {
                ReplayResult::Same => "same",
                ReplayResult::Differs => "differs",
                ReplayResult::Unknown => "unknown",
            });
            json["expected"] = json!(one.expected);
            json["found"] = json!(one.found);
            json["reasons"] = json!(one.reasons);
            json["scenario_sha256"] = json!(crate::base::digest::Digest::of(&one.script.text));
            json
        })
        .collect();
    json!({ "version": 1, "replays": all, "run": ran.dir })
}
