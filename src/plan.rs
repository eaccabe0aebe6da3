//! From a scenario or an existing backup to a plan: a flat, numbered list of steps. Beside the
//! scenarios there are their baseline drills: the same seed and topology without a fault, in which no
//! check may report a finding.

use crate::{
    base::{
        digest::{Digest, Hasher},
        ids::ScenarioId,
        shipped,
    },
    model::{
        event::{Partition, ScenarioStarted, StepStage},
        finding::Expectation,
    },
    scenario::{
        Act, At, BackupStep, Destroy, RestoreStep, Scenario, Step,
        method::{BackupJob, DurableStore, Method, RestoreJob},
        profile::{self, NamedTarget},
    },
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

pub mod existing_backup;
pub mod representatives;
pub mod selection;

pub use existing_backup::{ExistingBackup, ExpectedRender, RecoveryLimits, RowsBackup, TestScope};

/// What is to be done in a drill.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenario's id; `baseline-<seed>` for a baseline drill.
    pub id: ScenarioId,
    /// The application that is drilled.
    pub target: Arc<NamedTarget>,
    /// The seed; empty where there is no source.
    pub seed: String,
    /// The backup that is restored where there is no source: one that existed before the run.
    pub existing: Option<Arc<ExistingBackup>>,
    /// Where rows and binaries live, and how they are backed up.
    pub method: Method,
    /// The steps, in order.
    pub steps: Vec<Planned>,
    /// Findings that must be reported.
    pub expect: Vec<Expectation>,
    /// Findings that may be reported or not: chance decides.
    pub possible: Vec<Expectation>,
    /// Its first event.
    pub started: ScenarioStarted,
}

/// A step with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Counts from 1.
    pub number: usize,
    /// As the scenario file writes it.
    pub description: String,
    /// What is done.
    pub job: PlanJob,
}

/// One thing that the loop can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanJob {
    /// A sub-step of the backup.
    BackUp(BackupJob),
    /// Lose the site or a store of it.
    Destroy(Destroy),
    /// A sub-step of the restore.
    Restore(RestoreJob),
    /// A write through the API, or a fault.
    Act(Act),
    /// Compare a backup with itself while writes continue: its dump, restored beside the site, with the
    /// copied objects. Which of how many, counted from 1.
    InspectBackup(u8, u8),
    /// Bring an existing dump to the site's folder, in a form that may be restored.
    FetchDump,
    /// Bring an existing physical backup to the site's server and verify its files.
    FetchCluster,
    /// Start the site's server on the files of an existing physical backup and let it recover.
    RecoverCluster,
    /// Bring existing binaries into the site (runbook 3.2).
    FetchObjects,
    /// Move every next run far ahead: the engine would act on behalf of a system that still runs.
    HoldSchedules,
}

/// The plans of all scenarios, with the baseline drill of each seed, method and target before them.
pub fn plans(scenarios: &[Scenario]) -> Vec<Plan> {
    let ground = |s: &'_ Scenario| (s.seed.value.clone(), s.method.sound(), s.target.name.clone());
    let grounds: BTreeMap<_, &Scenario> = scenarios.iter().map(|s| (ground(s), s)).collect();
    let plans: Vec<Plan> = scenarios.iter().map(plan).collect();
    let baselines = grounds.into_values().map(baseline);
    // A scenario without a fault is its own baseline drill. For an operator's commands there is none: it
    // is not known which of them is the fault.
    let needed = |baseline: &Plan| {
        if baseline.method.commands.is_some() {
            return false;
        }
        let same = |plan: &&Plan| {
            plan.seed == baseline.seed && plan.method == baseline.method && plan.target == baseline.target
        };
        let clean = |plan: &Plan| plan.expect.is_empty() && plan.steps == baseline.steps;
        baseline.method == Method::default() || !plans.iter().filter(same).any(clean)
    };
    baselines.filter(needed).collect::<Vec<_>>().into_iter().chain(plans.clone()).collect()
}

/// One part of scenarios: of those sorted by id, every `of`th from the one at `index` (from 1) on.
/// [`plans`] adds the part's baseline drills. The partition records the plans of the whole set.
pub fn partition(mut scenarios: Vec<Scenario>, index: u32, of: u32) -> (Vec<Scenario>, Partition) {
    let whole = plans(&scenarios);
    let mut set = Hasher::new();
    for plan in &whole {
        set.field(plan.id.as_str());
        set.field(plan.started.file.as_ref().map_or(Digest::ZERO, |(_, digest)| *digest).0);
    }
    let all = whole.into_iter().map(|plan| plan.id).collect();
    scenarios.sort_by(|a, b| a.id.cmp(&b.id));
    let mine = |number: usize| number as u64 % u64::from(of) == u64::from(index - 1);
    let part = scenarios.into_iter().enumerate().filter(|(n, _)| mine(*n)).map(|(_, s)| s).collect();
    (part, Partition { index, of, set: set.finish(), all })
}

/// The plan of one scenario.
fn plan(scenario: &Scenario) -> Plan {
    let jobs = scenario.steps.iter().flat_map(|step| flatten(&step.value)).collect();
    let steps = number(repeat(jobs).into_iter());
    let values = |list: &[At<Expectation>]| list.iter().map(|e| e.value.clone()).collect::<Vec<_>>();
    let (expect, possible) = (values(&scenario.expect), values(&scenario.possible));
    let digest = Digest::of_file(&scenario.file).unwrap_or(Digest::ZERO);
    Plan {
        id: scenario.id.clone(),
        target: Arc::clone(&scenario.target),
        seed: scenario.seed.value.clone(),
        existing: None,
        method: scenario.method.clone(),
        started: ScenarioStarted {
            title: scenario.title.clone(),
            shows: scenario.shows.trim().to_owned(),
            file: Some((shipped::shown(&scenario.file).display().to_string(), digest)),
            runbook: scenario.runbook.clone(),
            controls: scenario.controls.clone(),
            topology: scenario.method.topology.describe().to_owned(),
            procedure: scenario.method.procedure.describe().to_owned(),
            profile: own_profile(scenario),
            seed: scenario.seed.value.clone(),
            baseline: false,
            expect: expect.clone(),
            possible: possible.clone(),
            steps: steps.iter().map(|s| s.description.clone()).collect(),
        },
        steps,
        expect,
        possible,
    }
}

/// What stands under a load, as often as backups are wanted of it.
fn repeat(jobs: Vec<PlanJob>) -> Vec<PlanJob> {
    let start = jobs.iter().enumerate().find_map(|(at, job)| match job {
        PlanJob::Act(Act::WriteUnderLoad(load)) if load.backups > 1 => Some((at + 1, load.backups)),
        _ => None,
    });
    let stop = jobs.iter().position(|job| *job == PlanJob::Act(Act::StopWriting));
    let (Some((from, times)), Some(to)) = (start, stop) else { return jobs };
    let mut all = jobs[..from].to_vec();
    for number in 1..times {
        all.extend_from_slice(&jobs[from..to]);
        all.push(PlanJob::InspectBackup(number, times));
    }
    all.extend_from_slice(&jobs[from..]);
    all
}

/// The profile that a scenario names itself, with its digest.
fn own_profile(scenario: &Scenario) -> Option<(String, Digest)> {
    let name = &scenario.target.name;
    let digest = || profile::digest_of(name).unwrap_or(Digest::ZERO);
    let shown = || shipped::shown(Path::new(name)).display().to_string();
    scenario.own_profile.then(|| (shown(), digest()))
}

/// The baseline drill of a scenario: of its seed, method and target.
fn baseline(scenario: &Scenario) -> Plan {
    let (seed, method) = (scenario.seed.value.as_str(), &scenario.method.sound());
    let backup = method.backup().into_iter().map(PlanJob::BackUp);
    let restore = method.restore().into_iter().map(PlanJob::Restore);
    let steps = number(backup.chain([PlanJob::Destroy(Destroy::Everything)]).chain(restore));
    let suffix = method.suffix();
    let suffix = if suffix.is_empty() { suffix } else { format!("-{suffix}") };
    let profile = own_profile(scenario);
    // A target that fills itself is called like its seed.
    let of = scenario.target.short();
    let of = if profile.is_some() && of != seed { format!("-{of}") } else { String::new() };
    Plan {
        id: ScenarioId::new(format!("baseline-{seed}{of}{suffix}")),
        target: Arc::clone(&scenario.target),
        seed: seed.to_owned(),
        existing: None,
        method: method.clone(),
        started: ScenarioStarted {
            title: format!("Baseline drill: {seed} without a fault"),
            shows: "The same seed, backed up, lost and restored by the runbook without any fault: \
                    every check must stay silent."
                .to_owned(),
            file: None,
            runbook: method.sections().iter().map(|section| (*section).to_owned()).collect(),
            controls: Vec::new(),
            topology: method.topology.describe().to_owned(),
            procedure: method.procedure.describe().to_owned(),
            profile,
            seed: seed.to_owned(),
            baseline: true,
            expect: Vec::new(),
            possible: Vec::new(),
            steps: steps.iter().map(|s| s.description.clone()).collect(),
        },
        steps,
        expect: Vec::new(),
        possible: Vec::new(),
    }
}

/// The plan for an existing backup: it is restored in the runbook's order into a site of its own and
/// verified against what was recorded with it. There is no source.
pub fn existing(backup: ExistingBackup, target: Arc<NamedTarget>) -> Plan {
    let (fetch, restore) = match &backup.rows {
        RowsBackup::Dump { .. } => (PlanJob::FetchDump, PlanJob::Restore(RestoreJob::RestoreDatabase)),
        RowsBackup::Physical(_) => (PlanJob::FetchCluster, PlanJob::RecoverCluster),
    };
    let whole = [PlanJob::FetchObjects, restore.clone(), PlanJob::HoldSchedules];
    let then = [PlanJob::Restore(RestoreJob::Migrate), PlanJob::Restore(RestoreJob::StartEngine)];
    let jobs: Vec<PlanJob> = match backup.scope {
        TestScope::Whole | TestScope::Sample { .. } => [fetch].into_iter().chain(whole).chain(then).collect(),
        TestScope::Schema => vec![fetch, restore, PlanJob::Restore(RestoreJob::Migrate)],
    };
    let steps = number(jobs.into_iter());
    let method = backup.method();
    let texts = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    Plan {
        id: ScenarioId::from(existing_backup::ID),
        target,
        seed: String::new(),
        started: ScenarioStarted {
            title: match backup.scope {
                TestScope::Whole | TestScope::Sample { .. } => "An existing backup restores".to_owned(),
                TestScope::Schema => "The schema of an existing backup restores".to_owned(),
            },
            shows: match &backup.assets {
                Some(assets) => format!(
                    "The backup {} and the binaries {} are restored into a site of their own and verified as \
                     far as something was recorded to compare with.",
                    backup.rows.shown(),
                    assets.shown()
                ),
                None => format!(
                    "The schema of the backup {} is restored into a site of its own and compared with a reference.",
                    backup.rows.shown()
                ),
            },
            file: None,
            runbook: texts(&["3.1", "3.2", "3.3", "3.4", "3.5", "3.6"]),
            controls: match backup.scope {
                TestScope::Whole | TestScope::Sample { .. } => {
                    texts(&["NIST CP-4(4)", "NIST CP-9(1)", "NIST CP-10", "ISO A.8.13", "DORA 12(2)"])
                }
                TestScope::Schema => Vec::new(),
            },
            topology: method.topology.describe().to_owned(),
            procedure: "restore test".to_owned(),
            profile: None,
            seed: String::new(),
            baseline: false,
            expect: Vec::new(),
            possible: Vec::new(),
            steps: steps.iter().map(|step| step.description.clone()).collect(),
        },
        method,
        steps,
        expect: Vec::new(),
        possible: Vec::new(),
        existing: Some(Arc::new(backup)),
    }
}

fn flatten(step: &Step) -> Vec<PlanJob> {
    match step {
        Step::BackUp(steps) => steps
            .iter()
            .map(|step| match &step.value {
                BackupStep::Own(job) => PlanJob::BackUp(*job),
                BackupStep::Act(act) => PlanJob::Act(act.clone()),
            })
            .collect(),
        Step::Restore(steps) => steps
            .iter()
            .map(|step| match &step.value {
                RestoreStep::Own(job) => PlanJob::Restore(*job),
                RestoreStep::Act(act) => PlanJob::Act(act.clone()),
            })
            .collect(),
        Step::Destroy(what) => vec![PlanJob::Destroy(*what)],
        Step::Act(act) => vec![PlanJob::Act(act.clone())],
    }
}

fn number(jobs: impl Iterator<Item = PlanJob>) -> Vec<Planned> {
    jobs.enumerate().map(|(i, job)| Planned { number: i + 1, description: job.describe(), job }).collect()
}

impl PlanJob {
    /// The stage of the runbook that it belongs to.
    pub fn stage(&self) -> StepStage {
        match self {
            Self::BackUp(BackupJob::StopEngine | BackupJob::StartEngine)
            | Self::Restore(RestoreJob::StopEngine | RestoreJob::StartEngine) => StepStage::Engine,
            Self::BackUp(_) | Self::Act(Act::CopyObject(_) | Act::CopyNewObject(_)) => StepStage::Backup,
            Self::Restore(_)
            | Self::InspectBackup(..)
            | Self::FetchDump
            | Self::FetchCluster
            | Self::RecoverCluster
            | Self::FetchObjects => StepStage::Restore,
            Self::HoldSchedules => StepStage::Engine,
            Self::Destroy(_) => StepStage::Loss,
            Self::Act(Act::Fault(_) | Act::FaultInBackup(_)) => StepStage::Fault,
            Self::Act(
                Act::Upload(_)
                | Act::Replace(_)
                | Act::Delete(_)
                | Act::SaveTemplate(_)
                | Act::WriteUnderLoad(_)
                | Act::WaitForWrites(_)
                | Act::StopWriting
                | Act::Copy(_)
                | Act::MoveLabel(_)
                | Act::RunBatch(_)
                | Act::Begin(_)
                | Act::GoOn(_)
                | Act::Release(_)
                | Act::KillEngine
                | Act::PlanRun(_)
                | Act::WaitForRun(_),
            ) => StepStage::Engine,
        }
    }

    /// The step as a scenario file writes it.
    pub fn describe(&self) -> String {
        match self {
            Self::BackUp(job) => job.describe().to_owned(),
            Self::Restore(job) => job.describe().to_owned(),
            Self::Destroy(Destroy::Everything) => "destroy: everything".to_owned(),
            Self::Destroy(Destroy::Database) => "destroy: database".to_owned(),
            Self::Destroy(Destroy::Objects) => "destroy: objects".to_owned(),
            Self::Act(act) => act.describe(),
            Self::InspectBackup(number, of) => format!("inspect backup {number} of {of}"),
            Self::FetchDump => "fetch dump".to_owned(),
            Self::FetchCluster => "fetch physical backup".to_owned(),
            Self::RecoverCluster => "recover cluster".to_owned(),
            Self::FetchObjects => "fetch objects".to_owned(),
            Self::HoldSchedules => "hold schedules".to_owned(),
        }
    }

    /// The durable stores that it brings back.
    pub fn restores(&self) -> &'static [DurableStore] {
        match self {
            Self::Restore(job) => job.brings_back(),
            Self::FetchObjects => &[DurableStore::Bucket, DurableStore::Assets],
            Self::RecoverCluster => &[DurableStore::Database],
            Self::BackUp(_)
            | Self::Destroy(_)
            | Self::Act(_)
            | Self::InspectBackup(..)
            | Self::FetchDump
            | Self::FetchCluster
            | Self::HoldSchedules => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_its_stage() {
        let name = || serde_json::from_value(serde_json::json!("logo.png")).expect("a name");
        for (job, stage) in [
            (PlanJob::BackUp(BackupJob::DumpDatabase), StepStage::Backup),
            (PlanJob::BackUp(BackupJob::StopEngine), StepStage::Engine),
            (PlanJob::Act(Act::CopyObject(name())), StepStage::Backup),
            (PlanJob::Act(Act::Upload(name())), StepStage::Engine),
            (PlanJob::Destroy(Destroy::Everything), StepStage::Loss),
            (PlanJob::Restore(RestoreJob::RecoverDatabase), StepStage::Restore),
            (PlanJob::Restore(RestoreJob::StartEngine), StepStage::Engine),
        ] {
            assert_eq!(job.stage(), stage, "{}", job.describe());
        }
    }
}
