//! Scenario to plan: a flat, numbered list of steps, and beside the scenarios the clean controls:
//! the same seed and topology without a fault, in which every check must stay silent.

use crate::{
    base::{
        digest::{Digest, Hasher},
        ids::ScenarioId,
    },
    model::{
        event::{Partition, ScenarioStarted},
        finding::Expectation,
    },
    scenario::{Act, BackupStep, Destroy, RestoreStep, Scenario, Step, Topology},
};
use std::collections::BTreeSet;

/// What is to be done in a scenario.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenario's id; `control-<seed>` for a clean control.
    pub id: ScenarioId,
    /// The seed.
    pub seed: String,
    /// Where rows and binaries live.
    pub topology: Topology,
    /// The steps, in order.
    pub steps: Vec<Planned>,
    /// What is to be found.
    pub expect: Vec<Expectation>,
    /// How its first event reads.
    pub started: ScenarioStarted,
}

/// A step with its number.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Counts from 1.
    pub number: usize,
    /// Its words in the scenario file.
    pub words: String,
    /// What is done.
    pub job: Job,
}

/// One thing that the loop can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// A sub-step of the backup.
    BackUp(BackupJob),
    /// Lose the site or a store of it.
    Destroy(Destroy),
    /// A sub-step of the restore.
    Restore(RestoreJob),
    /// A write through the API, or a fault.
    Act(Act),
}

/// A sub-step of the backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupJob {
    /// Runbook 2.4.
    RecordManifest,
    /// Runbook 2.1.
    DumpDatabase,
    /// Runbook 2.2.
    CopyObjects,
}

/// A sub-step of the restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreJob {
    /// Runbook 3.1.
    StopEngine,
    /// Runbook 3.2.
    RestoreObjects,
    /// Runbook 3.3.
    RestoreDatabase,
    /// Runbook 3.4.
    Migrate,
    /// Runbook 3.5.
    StartEngine,
}

/// The plans of all scenarios, each seed and topology's clean control before them.
pub fn plans(scenarios: &[Scenario]) -> Vec<Plan> {
    let grounds: BTreeSet<(&str, Topology)> =
        scenarios.iter().map(|s| (s.seed.value.as_str(), s.topology)).collect();
    let controls = grounds.into_iter().map(|(seed, topology)| control(seed, topology));
    controls.chain(scenarios.iter().map(plan)).collect()
}

/// One part of scenarios: of those sorted by id, every `of`th from the one at `index` (from 1) on.
/// [`plans`] gives the part its clean controls. `set` is what the whole set's plans say of it.
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
    let steps = number(scenario.steps.iter().flat_map(|step| flatten(&step.value)));
    let expect: Vec<Expectation> = scenario.expect.iter().map(|e| e.value.clone()).collect();
    let digest = Digest::of_file(&scenario.file).unwrap_or(Digest::ZERO);
    Plan {
        id: scenario.id.clone(),
        seed: scenario.seed.value.clone(),
        topology: scenario.topology,
        started: ScenarioStarted {
            title: scenario.title.clone(),
            shows: scenario.shows.trim().to_owned(),
            file: Some((scenario.file.display().to_string(), digest)),
            runbook: scenario.runbook.clone(),
            controls: scenario.controls.clone(),
            topology: words(scenario.topology).to_owned(),
            seed: scenario.seed.value.clone(),
            control: false,
            expect: expect.clone(),
            steps: steps.iter().map(|s| s.words.clone()).collect(),
        },
        steps,
        expect,
    }
}

/// The clean control of a seed and topology.
fn control(seed: &str, topology: Topology) -> Plan {
    let backup = BackupStep::RUNBOOK.iter().map(flatten_backup);
    let restore = RestoreStep::RUNBOOK.iter().map(flatten_restore);
    let steps = number(backup.chain([Job::Destroy(Destroy::Everything)]).chain(restore));
    Plan {
        id: ScenarioId::new(format!("control-{seed}")),
        seed: seed.to_owned(),
        topology,
        started: ScenarioStarted {
            title: format!("Clean control: {seed} without a fault"),
            shows: "The same seed, backed up, lost and restored by the runbook without any fault: \
                    every check must stay silent."
                .to_owned(),
            file: None,
            runbook: ["2.1", "2.2", "2.4", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6"]
                .map(str::to_owned)
                .to_vec(),
            controls: Vec::new(),
            topology: words(topology).to_owned(),
            seed: seed.to_owned(),
            control: true,
            expect: Vec::new(),
            steps: steps.iter().map(|s| s.words.clone()).collect(),
        },
        steps,
        expect: Vec::new(),
    }
}

fn flatten(step: &Step) -> Vec<Job> {
    match step {
        Step::BackUp(steps) => steps.iter().map(|s| flatten_backup(&s.value)).collect(),
        Step::Restore(steps) => steps.iter().map(|s| flatten_restore(&s.value)).collect(),
        Step::Destroy(what) => vec![Job::Destroy(*what)],
        Step::Act(act) => vec![Job::Act(act.clone())],
    }
}

fn flatten_backup(step: &BackupStep) -> Job {
    match step {
        BackupStep::RecordManifest => Job::BackUp(BackupJob::RecordManifest),
        BackupStep::DumpDatabase => Job::BackUp(BackupJob::DumpDatabase),
        BackupStep::CopyObjects => Job::BackUp(BackupJob::CopyObjects),
        BackupStep::Act(act) => Job::Act(act.clone()),
    }
}

fn flatten_restore(step: &RestoreStep) -> Job {
    match step {
        RestoreStep::StopEngine => Job::Restore(RestoreJob::StopEngine),
        RestoreStep::RestoreObjects => Job::Restore(RestoreJob::RestoreObjects),
        RestoreStep::RestoreDatabase => Job::Restore(RestoreJob::RestoreDatabase),
        RestoreStep::Migrate => Job::Restore(RestoreJob::Migrate),
        RestoreStep::StartEngine => Job::Restore(RestoreJob::StartEngine),
        RestoreStep::Act(act) => Job::Act(act.clone()),
    }
}

/// A topology in the words of a scenario file.
fn words(topology: Topology) -> &'static str {
    match topology {
        Topology::PostgresS3 => "postgres + s3",
    }
}

fn number(jobs: impl Iterator<Item = Job>) -> Vec<Planned> {
    jobs.enumerate().map(|(i, job)| Planned { number: i + 1, words: job.words(), job }).collect()
}

impl Job {
    /// The step in the words of a scenario file.
    pub fn words(&self) -> String {
        match self {
            Self::BackUp(BackupJob::RecordManifest) => "record manifest".to_owned(),
            Self::BackUp(BackupJob::DumpDatabase) => "dump database".to_owned(),
            Self::BackUp(BackupJob::CopyObjects) => "copy objects".to_owned(),
            Self::Restore(RestoreJob::StopEngine) => "stop engine".to_owned(),
            Self::Restore(RestoreJob::RestoreObjects) => "restore objects".to_owned(),
            Self::Restore(RestoreJob::RestoreDatabase) => "restore database".to_owned(),
            Self::Restore(RestoreJob::Migrate) => "migrate".to_owned(),
            Self::Restore(RestoreJob::StartEngine) => "start engine".to_owned(),
            Self::Destroy(Destroy::Everything) => "destroy: everything".to_owned(),
            Self::Destroy(Destroy::Database) => "destroy: database".to_owned(),
            Self::Destroy(Destroy::Objects) => "destroy: objects".to_owned(),
            Self::Act(act) => act.words(),
        }
    }
}
