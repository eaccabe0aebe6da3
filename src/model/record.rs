//! RunRecord: the fold of a run's events, and the only thing that reports read.

use crate::{
    base::ids::{RunId, ScenarioId},
    model::{
        blast_radius::BlastRadius,
        check::{CheckId, ProofLevel},
        event::{
            BudgetChecked, CommandRan, Entry, Event, Partition, RpoFrom, RunStarted, ScenarioStarted,
            StepStage, TableFacts, ToolReport,
        },
        exit_code::ExitCode,
        figures::RestoredFigures,
        finding::Finding,
        level::LevelResult,
        page_images::PageComparison,
        verdict::{CheckOutcome, Judgement, Role, Verdict, limit::Limit},
        workload::Measured,
    },
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an artefact is that holds a template's known-good PDF.
pub const KNOWN_GOOD: &str = "the known-good PDF";

/// The most problems that a warning names.
const MOST_PROBLEMS: usize = 3;

/// A run, as its events tell it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Whether the folder that it was read from is as the run wrote it. The fold does not know: whoever
    /// verifies a stored run sets it. No run writes it into its own record.
    #[serde(default, skip_serializing_if = "Integrity::is_intact")]
    pub integrity: Integrity,
    /// How it began; none where the first event is missing.
    pub started: Option<RunStarted>,
    /// When it began.
    pub began: Option<DateTime<Utc>>,
    /// When its last event was written.
    pub ended: Option<DateTime<Utc>>,
    /// Names and versions of what took part.
    pub versions: BTreeMap<String, String>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What a pass does not show, as recorded by the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Errors of the run itself.
    pub errors: Vec<String>,
    /// The scenarios, in the order of the plan.
    pub scenarios: Vec<ScenarioRecord>,
    /// Scenarios that were not run, and what they miss: neither passed nor failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// Files kept with the run: path, digest, bytes, what.
    pub artefacts: Vec<Artefact>,
    /// Page images of renders that differ, by the path of the render.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pages: BTreeMap<String, PageComparison>,
    /// Measurements and their budgets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<BudgetChecked>,
    /// How it ended; none where it did not (a killed run).
    pub finished: Option<Finished>,
}

/// Whether a stored run is as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Integrity {
    /// Nothing is known against it.
    #[default]
    Intact,
    /// It does not verify: what is wrong, by file. Nothing in it proves anything.
    Violated(Vec<String>),
}

impl Integrity {
    /// Whether nothing is known against it.
    pub fn is_intact(&self) -> bool {
        *self == Self::Intact
    }

    /// The warning that every report begins with; none for an intact run.
    pub fn warning(&self) -> Option<String> {
        match self {
            Self::Intact => None,
            Self::Violated(problems) => {
                let shown = &problems[..problems.len().min(MOST_PROBLEMS)];
                let more = match problems.len() - shown.len() {
                    0 => String::new(),
                    more => format!("; and {more} more"),
                };
                Some(format!(
                    "NOT AS WRITTEN: this run does not verify, so nothing in this report is proven. {}{more}",
                    shown.join("; ")
                ))
            }
        }
    }
}

/// A scenario that was not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Which.
    pub id: ScenarioId,
    /// What it misses.
    pub why: String,
    /// The controls that it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The verdict.
    pub verdict: Verdict,
    /// The exit code.
    pub exit: ExitCode,
    /// Why it ended early.
    pub cut_short: Option<String>,
}

/// A file kept with the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Artefact {
    /// Below the run's folder.
    pub path: String,
    /// SHA-256.
    pub sha256: crate::base::digest::Digest,
    /// Bytes.
    pub bytes: u64,
    /// What it is.
    pub what: String,
    /// The scenario that kept it; none where the run did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<ScenarioId>,
}

/// A scenario of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScenarioRecord {
    /// Which.
    pub id: ScenarioId,
    /// How it began; none where it never did.
    pub started: Option<ScenarioStarted>,
    /// When it began.
    pub began: Option<DateTime<Utc>>,
    /// Its steps.
    pub steps: Vec<StepRecord>,
    /// Commands, in order.
    pub commands: Vec<CommandRan>,
    /// What other programs reported about the backup.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolReport>,
    /// The cut point by table.
    pub cut_point: BTreeMap<String, TableFacts>,
    /// Objects at the cut point.
    pub cut_objects: Option<usize>,
    /// Faults: id, description, whether they changed anything, and what.
    pub faults: Vec<FaultRecord>,
    /// What became of the writes under load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Box<Measured>>,
    /// What came back, in figures; none where it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Box<RestoredFigures>>,
    /// What depends on damaged objects; none where none is damaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blast_radius: Option<Box<BlastRadius>>,
    /// Renders: how many were the known-good PDF, refused, or other.
    pub renders: Renders,
    /// How each check went, with its milliseconds.
    pub checks: Vec<(CheckId, CheckOutcome, u64)>,
    /// When each check ended, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub check_ends: Vec<DateTime<Utc>>,
    /// The profile's assertions by name, each with its outcome and milliseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assertions: Vec<(String, CheckOutcome, u64)>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Errors.
    pub errors: Vec<String>,
    /// The verdict; none where the scenario did not end.
    pub judgement: Option<Judgement>,
    /// How far the restore is proven; none where damage was injected on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<LevelResult>,
    /// Milliseconds.
    pub ms: u64,
    /// Measured recovery time.
    pub rto_ms: Option<u64>,
    /// Measured recovery point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_ms: Option<u64>,
    /// What that is measured from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_from: Option<RpoFrom>,
}

/// A step of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its number, from 1.
    pub step: usize,
    /// The stage that it belongs to.
    pub stage: StepStage,
    /// Its text.
    pub name: String,
    /// When it began.
    pub began: DateTime<Utc>,
    /// Milliseconds; none where it did not end.
    pub ms: Option<u64>,
    /// Why it could not be done.
    pub failed: Option<String>,
}

/// A fault of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// Its id.
    pub fault: String,
    /// Its description.
    pub description: String,
    /// Whether anything changed.
    pub changed: bool,
    /// What changed.
    pub detail: String,
}

/// Renders on the restored site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renders {
    /// Known-good PDFs.
    pub known_good: usize,
    /// Refused or failed.
    pub refused: usize,
    /// Answers that are neither.
    pub other: usize,
}

impl ScenarioRecord {
    /// The verdict; a scenario that did not end is unknown.
    pub fn verdict(&self) -> Verdict {
        self.judgement.as_ref().map_or(Verdict::Unknown, |j| j.verdict)
    }

    /// Whether it restored a backup that existed before the run: that has no seed.
    pub fn is_of_existing_backup(&self) -> bool {
        self.started.as_ref().is_some_and(|started| started.seed.is_empty())
    }

    /// Whether it is a baseline drill.
    pub fn is_baseline(&self) -> bool {
        self.started.as_ref().is_some_and(|s| s.baseline)
    }

    /// The findings with their roles.
    pub fn judged(&self) -> impl Iterator<Item = (&Finding, Option<&Role>)> {
        let roles = self.judgement.as_ref().map_or(&[][..], |j| &j.roles[..]);
        self.findings.iter().enumerate().map(|(i, f)| (f, roles.get(i)))
    }
}

impl RunRecord {
    /// Folds entries, in their order, into a record.
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut record = Self::default();
        for entry in entries {
            record.take(entry);
        }
        record
    }

    /// The verdict: the greatest of its scenarios' and of its budgets'. A run that did not end, whose planned
    /// scenarios did not all run, or that does not verify is unknown at best.
    pub fn verdict(&self) -> Verdict {
        let worst = self.scenarios.iter().map(ScenarioRecord::verdict).max().unwrap_or(Verdict::Unknown);
        let worst = self.budgets.iter().map(|b| b.verdict).fold(worst, Verdict::max);
        if self.is_whole() { worst } else { worst.max(Verdict::Unknown) }
    }

    /// Whether it ended as planned and is as it was written.
    pub fn is_whole(&self) -> bool {
        let planned = self.finished.as_ref().is_some_and(|f| f.cut_short.is_none()) && self.errors.is_empty();
        planned && self.integrity.is_intact()
    }

    /// Whether all that it tested are backups that existed before it.
    pub fn is_of_existing_backups(&self) -> bool {
        !self.scenarios.is_empty() && self.scenarios.iter().all(ScenarioRecord::is_of_existing_backup)
    }

    /// The scenario whose restore is proven least, of those without deliberate damage; none if there is
    /// none. A run that did not end as planned or does not verify proves nothing.
    pub fn least_proven(&self) -> Option<&ScenarioRecord> {
        let judged = self.scenarios.iter().filter(|s| s.level.is_some() && self.is_whole());
        judged.min_by_key(|s| s.level.as_ref().and_then(|level| level.reached))
    }

    /// The level of proof that every restore without deliberate damage reached.
    pub fn level(&self) -> Option<ProofLevel> {
        self.least_proven()?.level.as_ref()?.reached
    }

    /// The longest of what was measured, and the scenario that it was measured in; of equals the last.
    pub fn longest(&self, measured: fn(&ScenarioRecord) -> Option<u64>) -> Option<(u64, &ScenarioRecord)> {
        self.scenarios.iter().filter_map(|s| Some((measured(s)?, s))).max_by_key(|(ms, _)| *ms)
    }

    /// The longest measured recovery point, with what it is measured from and where.
    pub fn longest_rpo(&self) -> Option<(u64, RpoFrom, &ScenarioRecord)> {
        let (ms, scenario) = self.longest(|s| s.rpo_ms)?;
        Some((ms, scenario.rpo_from.unwrap_or(RpoFrom::Newest), scenario))
    }

    /// Which part of a run it is; none for a whole one.
    pub fn part(&self) -> Option<&Partition> {
        self.started.as_ref()?.partition.as_ref()
    }

    /// The run's id, or a dash.
    pub fn id(&self) -> RunId {
        self.started.as_ref().map_or_else(|| RunId::new("-"), |s| s.run.clone())
    }

    /// Parts of one run record the same limits.
    fn limit(&mut self, limit: &Limit) {
        if !self.limits.contains(limit) {
            self.limits.push(limit.clone());
        }
    }

    /// Takes in the next entry.
    pub fn take(&mut self, entry: &Entry) {
        self.ended = Some(entry.at);
        if let Some(id) = &entry.scenario {
            let found = self.scenarios.iter().position(|s| s.id == *id);
            let index = found.unwrap_or_else(|| {
                self.scenarios.push(ScenarioRecord { id: id.clone(), ..ScenarioRecord::default() });
                self.scenarios.len() - 1
            });
            self.scenarios[index].take(entry);
        }
        match &entry.event {
            Event::RunStarted(started) => {
                self.began = Some(entry.at);
                self.scenarios = started
                    .scenarios
                    .iter()
                    .map(|id| ScenarioRecord { id: id.clone(), ..ScenarioRecord::default() })
                    .collect();
                self.started = Some((**started).clone());
            }
            Event::SubstrateReady { versions, limits } => {
                self.versions.extend(versions.clone());
                limits.iter().for_each(|limit| self.limit(limit));
            }
            Event::NotProven { limit } => self.limit(limit),
            Event::Noted { text } => self.notes.push(text.clone()),
            Event::ScenarioSkipped { id, why, controls } => {
                // It may have begun: what it needs was looked for on its site.
                self.scenarios.retain(|scenario| scenario.id != *id);
                self.skipped.push(Skipped { id: id.clone(), why: why.clone(), controls: controls.clone() })
            }
            Event::ErrorOccurred { error, ours: _ } => {
                if entry.scenario.is_none() {
                    self.errors.push(error.clone());
                }
            }
            Event::ArtefactStored { path, sha256, bytes, what } => self.artefacts.push(Artefact {
                path: path.clone(),
                sha256: *sha256,
                bytes: *bytes,
                what: what.clone(),
                scenario: entry.scenario.clone(),
            }),
            Event::PagesCompared { of, comparison } => {
                self.pages.insert(of.clone(), comparison.clone());
            }
            Event::BudgetChecked(checked) => self.budgets.push(checked.clone()),
            Event::RunFinished { verdict, exit, cut_short } => {
                self.finished =
                    Some(Finished { verdict: *verdict, exit: *exit, cut_short: cut_short.clone() });
            }
            Event::ScenarioStarted(_)
            | Event::StepStarted { .. }
            | Event::StepFinished { .. }
            | Event::CommandRan(_)
            | Event::BackupExamined(_)
            | Event::CutPoint { .. }
            | Event::FaultInjected { .. }
            | Event::LoadMeasured(_)
            | Event::Rendered { .. }
            | Event::RestoreMeasured(_)
            | Event::BlastRadiusFound(_)
            | Event::CheckFinished { .. }
            | Event::AssertionFinished { .. }
            | Event::Found(_)
            | Event::ScenarioFinished { .. } => {}
        }
    }
}

impl ScenarioRecord {
    fn take(&mut self, entry: &Entry) {
        match &entry.event {
            Event::ScenarioStarted(started) => {
                self.began = Some(entry.at);
                self.started = Some((**started).clone());
            }
            Event::StepStarted { step, stage, name } => self.steps.push(StepRecord {
                step: *step,
                stage: *stage,
                name: name.clone(),
                began: entry.at,
                ms: None,
                failed: None,
            }),
            Event::StepFinished { step, ms, failed } => {
                if let Some(record) = self.steps.iter_mut().rfind(|s| s.step == *step) {
                    record.ms = Some(*ms);
                    record.failed.clone_from(failed);
                }
            }
            Event::CommandRan(command) => self.commands.push(command.clone()),
            Event::BackupExamined(report) => self.tools.push(report.clone()),
            Event::CutPoint { tables, objects } => {
                self.cut_point.clone_from(tables);
                self.cut_objects = Some(*objects);
            }
            Event::FaultInjected { fault, description, changed, detail } => self.faults.push(FaultRecord {
                fault: fault.clone(),
                description: description.clone(),
                changed: *changed,
                detail: detail.clone(),
            }),
            Event::LoadMeasured(measured) => self.load = Some(measured.clone()),
            Event::RestoreMeasured(figures) => self.figures = Some(figures.clone()),
            Event::BlastRadiusFound(radius) => self.blast_radius = Some(radius.clone()),
            Event::Rendered { site, status, known_good, .. } if site == "restored" => {
                match (known_good, status) {
                    (true, _) => self.renders.known_good += 1,
                    (false, 200..=299) => self.renders.other += 1,
                    (false, _) => self.renders.refused += 1,
                }
            }
            Event::CheckFinished { check, outcome, ms } => {
                self.checks.push((*check, outcome.clone(), *ms));
                self.check_ends.push(entry.at);
            }
            Event::AssertionFinished { name, outcome, ms } => {
                self.assertions.push((name.clone(), outcome.clone(), *ms));
            }
            Event::Found(finding) => self.findings.push((**finding).clone()),
            Event::ErrorOccurred { error, ours: _ } => self.errors.push(error.clone()),
            Event::ScenarioFinished { judgement, level, ms, rto_ms, rpo_ms, rpo_from } => {
                self.judgement = Some(judgement.clone());
                self.level.clone_from(level);
                self.ms = *ms;
                self.rto_ms = *rto_ms;
                self.rpo_ms = *rpo_ms;
                self.rpo_from = rpo_ms.and(rpo_from.or(Some(RpoFrom::Newest)));
            }
            Event::Rendered { .. }
            | Event::RunStarted(_)
            | Event::SubstrateReady { .. }
            | Event::NotProven { .. }
            | Event::Noted { .. }
            | Event::ScenarioSkipped { .. }
            | Event::ArtefactStored { .. }
            | Event::PagesCompared { .. }
            | Event::BudgetChecked(_)
            | Event::RunFinished { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Journals of earlier versions don't say what a recovery point was measured from.
    #[test]
    fn a_recovery_point_without_a_source_is_that_of_a_backup_from_before_the_run() {
        let folded = |measured: &str| {
            let judgement = r#"{ "verdict": "pass", "reasons": [], "roles": [] }"#;
            let event =
                format!(r#"{{ "type": "scenario-finished", "judgement": {judgement}, "ms": 1{measured} }}"#);
            let event: Event = serde_json::from_str(&event).unwrap();
            let scenario = Some(ScenarioId::new("a"));
            let prev = crate::base::digest::Digest::ZERO;
            let record =
                RunRecord::fold([&Entry { seq: 0, prev, at: DateTime::UNIX_EPOCH, scenario, event }]);
            record.longest_rpo().map(|(ms, from, _)| (ms, from))
        };
        assert_eq!(folded(""), None);
        assert_eq!(folded(r#", "rpo_ms": 7"#), Some((7, RpoFrom::Newest)));
        assert_eq!(folded(r#", "rpo_ms": 7, "rpo_from": "writes""#), Some((7, RpoFrom::Writes)));
        let mut record = RunRecord::default();
        let scenario =
            |ms, from| ScenarioRecord { rpo_ms: Some(ms), rpo_from: Some(from), ..Default::default() };
        record.scenarios = vec![scenario(9, RpoFrom::Writes), scenario(3, RpoFrom::Newest)];
        assert_eq!(record.longest_rpo().map(|(ms, from, _)| (ms, from)), Some((9, RpoFrom::Writes)));
    }
}
