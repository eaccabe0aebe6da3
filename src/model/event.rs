//! One owned, versioned event: the only contract between a run and its readers. Every consumer
//! matches every variant by name. An event holds no secret: what goes in was redacted.

use crate::{
    base::{
        digest::Digest,
        ids::{RunId, ScenarioId, TemplateKey},
    },
    model::{
        blast_radius::BlastRadius,
        check::CheckId,
        exit_code::ExitCode,
        figures::RestoredFigures,
        finding::{Expectation, Finding},
        level::LevelResult,
        page_images::PageComparison,
        verdict::{CheckOutcome, Judgement, Verdict, limit::Limit},
        workload::Measured,
    },
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the events' form; raised when an old reader would misread a new run.
pub const FORMAT: u32 = 1;

/// A line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 0 without gaps.
    pub seq: u64,
    /// SHA-256 of the line before, without its newline; zeros for the first.
    pub prev: Digest,
    /// When, in UTC.
    pub at: DateTime<Utc>,
    /// The scenario that it belongs to; none for the run's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<ScenarioId>,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum Event {
    /// A run began.
    RunStarted(Box<RunStarted>),
    /// Stores and engine are up, or what was found of them.
    SubstrateReady {
        /// By part (`postgres`, `objects`, `engine`, `pg_dump`): name and version, settings that matter.
        versions: BTreeMap<String, String>,
        /// What a run on them does not show.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        limits: Vec<Limit>,
    },
    /// Something that a pass does not show.
    NotProven {
        /// What.
        limit: Limit,
    },
    /// Something a reader of the run should know: leftovers removed, a golden recorded.
    Noted {
        /// A sentence.
        text: String,
    },
    /// A scenario was not run: something that it needs is not there.
    ScenarioSkipped {
        /// Which.
        id: ScenarioId,
        /// What is missing.
        why: String,
        /// The controls that it names, for which there is no evidence now.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        controls: Vec<String>,
    },
    /// A scenario began.
    ScenarioStarted(Box<ScenarioStarted>),
    /// A step began.
    StepStarted {
        /// Its number in the scenario, from 1.
        step: usize,
        /// The stage that it belongs to.
        stage: StepStage,
        /// Its text: `dump database`.
        name: String,
    },
    /// A step ended.
    StepFinished {
        /// Its number.
        step: usize,
        /// How long it took, in milliseconds.
        ms: u64,
        /// Why it could not be done, if so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// An external command ended.
    CommandRan(CommandRan),
    /// Another program looked at the backup before the site was destroyed. No verdict depends on it.
    BackupExamined(ToolReport),
    /// What must be there after the restore was fixed: the rows at the dump's instant.
    CutPoint {
        /// Rows and digest by table.
        tables: BTreeMap<String, TableFacts>,
        /// Objects in the bucket.
        objects: usize,
    },
    /// A fault was injected.
    FaultInjected {
        /// Its id in the catalogue.
        fault: String,
        /// As in the scenario file.
        description: String,
        /// Whether anything was changed.
        changed: bool,
        /// What was changed: before and after.
        detail: String,
    },
    /// What became of the writes under load, and what follows from that.
    LoadMeasured(Box<Measured>),
    /// A template was rendered.
    Rendered {
        /// Which.
        template: TemplateKey,
        /// `source` or `restored`.
        site: String,
        /// HTTP status.
        status: u16,
        /// The answer's code, if it was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// SHA-256 of the body.
        sha256: Digest,
        /// Bytes of the body.
        bytes: u64,
        /// Milliseconds.
        ms: u64,
        /// Whether it is the known-good PDF.
        known_good: bool,
    },
    /// The restored stores were counted.
    RestoreMeasured(Box<RestoredFigures>),
    /// What depends on the damaged objects of the restored site.
    BlastRadiusFound(Box<BlastRadius>),
    /// A check ended.
    CheckFinished {
        /// Which.
        check: CheckId,
        /// How it went.
        outcome: CheckOutcome,
        /// Milliseconds.
        ms: u64,
    },
    /// An assertion of the profile was checked.
    AssertionFinished {
        /// Its name.
        name: String,
        /// Whether it could be checked; if it does not hold, there is a finding about it.
        outcome: CheckOutcome,
        /// Milliseconds.
        ms: u64,
    },
    /// Something was found wrong.
    Found(Box<Finding>),
    /// A file was kept with the run.
    ArtefactStored {
        /// Its path below the run's folder.
        path: String,
        /// Its SHA-256.
        sha256: Digest,
        /// Its bytes.
        bytes: u64,
        /// What it is.
        what: String,
    },
    /// The pages of a render were compared with those of its known-good PDF.
    PagesCompared {
        /// The path of the render, an artefact.
        of: String,
        /// What they show.
        comparison: PageComparison,
    },
    /// Something could not be done or found out.
    ErrorOccurred {
        /// The error message.
        error: String,
        /// Whether it is a bug of ours.
        ours: bool,
    },
    /// A scenario ended.
    ScenarioFinished {
        /// The verdict and what it rests on.
        judgement: Judgement,
        /// How far the restore is proven; none where damage was injected on purpose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<LevelResult>,
        /// Milliseconds from the first step to the end of the last check.
        ms: u64,
        /// Measured recovery time: from the loss to the first known-good render, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rto_ms: Option<u64>,
        /// Measured recovery point, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rpo_ms: Option<u64>,
        /// What that is measured from; journals of earlier versions know [`RpoFrom::Newest`] alone, and
        /// don't say it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rpo_from: Option<RpoFrom>,
    },
    /// What was measured was held against a budget.
    BudgetChecked(BudgetChecked),
    /// A run ended.
    RunFinished {
        /// The greatest verdict of its scenarios.
        verdict: Verdict,
        /// The exit code.
        exit: ExitCode,
        /// Why it ended before its scenarios did, if so: a signal, `--fail-fast`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cut_short: Option<String>,
    },
}

/// The stage of the runbook that a step belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepStage {
    /// Requests to the engine, its start and its stop.
    Engine,
    /// A backup is taken.
    Backup,
    /// A fault is injected.
    Fault,
    /// Stores are destroyed.
    Loss,
    /// A backup is restored.
    Restore,
}

/// From what a recovery point was measured: how much of what users had written a restore loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RpoFrom {
    /// A backup that was there before the run: from its newest row (its newest object, where no row
    /// tells a time) to the beginning of the run.
    Newest,
    /// Writers under load: from the first acknowledged write that is not whole after the restore to the
    /// end of its backup; nothing where that write was acknowledged later. What is written from there to
    /// the loss is lost as well, so a site's is longer by up to the time between two backups.
    Writes,
}

impl RpoFrom {
    /// For people, behind the time.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Newest => "the age of what is newest in the backup",
            Self::Writes => {
                "from the first acknowledged write that is not whole to the end of the backup; the time from \
                 there to a loss comes on top"
            }
        }
    }
}

/// What a budget bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetId {
    /// The recovery time.
    Rto,
    /// The recovery point.
    Rpo,
}

/// A measurement and its budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetChecked {
    /// What is bounded.
    pub budget: BudgetId,
    /// The bound, in milliseconds.
    pub limit_ms: u64,
    /// The worst that was measured; none where nothing was.
    pub measured_ms: Option<u64>,
    /// The scenario in which it was measured.
    pub scenario: Option<ScenarioId>,
    /// Pass within, fail over, unknown where nothing was measured.
    pub verdict: Verdict,
}

/// How a run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// [`FORMAT`].
    pub format: u32,
    /// The run.
    pub run: RunId,
    /// The harness and its version.
    pub harness: String,
    /// The seed of every choice.
    pub seed: u64,
    /// The command line, redacted.
    pub command: Vec<String>,
    /// The configuration as it was resolved: substrate, engine, jobs, profile.
    pub config: BTreeMap<String, String>,
    /// Who or what started it: user, host, the CI job where there is one.
    pub started_by: BTreeMap<String, String>,
    /// Operating system, architecture, cores.
    pub machine: BTreeMap<String, String>,
    /// The ids of all scenarios to be run, baseline drills included, so that one that never ran is noticed.
    pub scenarios: Vec<ScenarioId>,
    /// The runs in the report folder that no run had named before, so that one that is taken away
    /// is missed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Previous>,
    /// Which part of a set it runs; none for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
}

/// A run as a later one names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Which.
    pub run: RunId,
    /// SHA-256 of the first line of its events, without the newline.
    pub began: Digest,
    /// SHA-256 of its events; none where it had not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Digest>,
}

/// A part of a set of scenarios, run by itself; `pulp-drill report merge` joins the parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Which part, from 1.
    pub index: u32,
    /// Of how many.
    pub of: u32,
    /// A digest of the ids and files of the whole set, to detect parts of other sets.
    pub set: Digest,
    /// The ids of the whole set, baseline drills included, in the order of its plan.
    pub all: Vec<ScenarioId>,
}

impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "part {} of {}", self.index, self.of)
    }
}

/// How a scenario began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioStarted {
    /// What it is about.
    pub title: String,
    /// What it shows.
    pub shows: String,
    /// Its file and the file's digest; none for a baseline drill.
    pub file: Option<(String, Digest)>,
    /// The runbook's sections.
    pub runbook: Vec<String>,
    /// The controls.
    pub controls: Vec<String>,
    /// Where rows and binaries live.
    pub topology: String,
    /// The procedure by which they are backed up and restored.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub procedure: String,
    /// The target's profile and its digest, where it is not the run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<(String, Digest)>,
    /// The seed.
    pub seed: String,
    /// Whether it is a baseline drill: the same without a fault, in which no check may report a finding.
    pub baseline: bool,
    /// What it expects to be found.
    pub expect: Vec<Expectation>,
    /// What may be found or not: chance decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub possible: Vec<Expectation>,
    /// Its steps, as in the scenario file.
    pub steps: Vec<String>,
}

/// What a program reported about a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolReport {
    /// The program, with what it was asked: `rclone check`.
    pub tool: String,
    /// How it ended; none where it was not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<String>,
    /// Whether it accepted the backup; none where it was not run, or where its exit code does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
    /// What it reported, or why it was not run.
    pub said: String,
}

/// An external command that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRan {
    /// The program.
    pub program: String,
    /// Its arguments, redacted.
    pub args: Vec<String>,
    /// `exit 0`, `signal 9`, `timed out`.
    pub exit: String,
    /// Milliseconds.
    pub ms: u64,
    /// Standard output, redacted, its middle cut out where it is long.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

/// A table at the cut point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFacts {
    /// Rows.
    pub rows: usize,
    /// The content's digest.
    pub digest: Digest,
}
