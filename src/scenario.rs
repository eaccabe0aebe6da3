//! Scenario files: the vocabulary, as one set of types that parsing, the JSON Schema and the plan
//! share. Steps and expectations keep their place in the file, so that a finding can point at it.

use crate::{
    base::ids::{AssetName, ScenarioId, TemplateKey, WriteName},
    model::{fault::Fault, finding::Expectation, profile::Within, workload::Load},
};
use hold::{Begin, CopyAsset, GoOn, MoveLabel};
use method::{BackupJob, Method, RestoreJob};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};

// Each module may import those declared before it.
pub mod source;

pub mod method;

pub mod hold;

pub mod diagnose;
pub mod yaml;

pub mod library;

pub mod seed;

pub mod profile;

pub mod budgets;

mod describe;

pub mod parse;

pub mod schema;

pub use hold::Replace;
pub use source::{At, SourcePosition};

/// A scenario, as its file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file it came from.
    pub file: PathBuf,
    /// Its id; the file is named like it.
    pub id: ScenarioId,
    /// What it is about, in a line.
    pub title: String,
    /// What it shows, in a few sentences.
    pub shows: String,
    /// The sections of the runbook that it exercises: `2.3`.
    pub runbook: Vec<String>,
    /// The controls that it supports: `NIST CP-9(1)`.
    pub controls: Vec<String>,
    /// Where rows and binaries live, and how they are backed up.
    pub method: Method,
    /// Why its target is not one that it can drill.
    pub unfit: Option<String>,
    /// The application that it drills.
    pub target: Arc<profile::NamedTarget>,
    /// Whether it names that itself.
    pub own_profile: bool,
    /// The seed: a folder of `fixtures/seeds/`; for a target that fills itself, the target's name.
    pub seed: At<String>,
    /// What is done, in order.
    pub steps: Vec<At<Step>>,
    /// What is to be found; nothing is the default.
    pub expect: Vec<At<Expectation>>,
    /// What may be found or not: which of the writes under load a backup catches is chance.
    pub possible: Vec<At<Expectation>>,
}

/// What a scenario may require of the profile: the key of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RequiredKey {
    /// A command that starts the application.
    Start,
    /// A migration that stops half way.
    MigrateByHalf,
    /// Commands that write while a backup runs.
    Write,
}

/// A step of a scenario's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Take a backup; its sub-steps in order, anything between them.
    BackUp(Vec<At<BackupStep>>),
    /// Lose the site, or one store of it.
    Destroy(Destroy),
    /// Bring the site back; its sub-steps in order, anything between them.
    Restore(Vec<At<RestoreStep>>),
    /// Something else at this point.
    Act(Act),
}

/// A point of a backup (runbook 2).
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum BackupStep {
    /// One of its sub-steps.
    Own(BackupJob),
    /// Something between two sub-steps.
    Act(Act),
}

/// A point of a restore (runbook 3).
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum RestoreStep {
    /// One of its sub-steps.
    Own(RestoreJob),
    /// Something between two sub-steps.
    Act(Act),
}

/// What can be done at any point of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Act {
    /// Upload an asset from `fixtures/assets/` (or the seed's own) through the API.
    #[serde(rename = "upload")]
    Upload(AssetName),
    /// Replace the first asset's binary in place by a fixture's bytes, through the API.
    #[serde(rename = "replace")]
    Replace(Replace),
    /// Delete an asset through the API, also where templates refer to it.
    #[serde(rename = "delete")]
    Delete(AssetName),
    /// Save a template again with its name changed, through the API.
    #[serde(rename = "save template again")]
    SaveTemplate(TemplateKey),
    /// Let writers write through the API from now on, while the next steps are done. It goes on when
    /// each operation of the mix has been acknowledged once.
    #[serde(rename = "write under load")]
    WriteUnderLoad(Load),
    /// Wait until so many more writes under load have been acknowledged.
    #[serde(rename = "wait for writes")]
    WaitForWrites(u32),
    /// End the writing, when a write has been acknowledged that began after the last sub-step of the
    /// backup.
    #[serde(rename = "stop writing")]
    StopWriting,
    /// Make an asset of another: download it and upload it under another name, through the API.
    #[serde(rename = "copy")]
    Copy(CopyAsset),
    /// Let a label name another version of its template, through the API.
    #[serde(rename = "move label")]
    MoveLabel(MoveLabel),
    /// Have a template rendered by a batch job, and wait for its end.
    #[serde(rename = "run batch")]
    RunBatch(TemplateKey),
    /// Begin a write and hold it half way.
    #[serde(rename = "begin")]
    Begin(Begin),
    /// Let a write that is held go on to where it is held next.
    #[serde(rename = "go on")]
    GoOn(GoOn),
    /// Let a write that is held go on to its end, which must be a good one.
    #[serde(rename = "release")]
    Release(WriteName),
    /// Kill the engine without warning; writes in flight die with it.
    #[serde(rename = "kill engine")]
    KillEngine,
    /// In a backup, after `list objects`: copy the listed object that was the asset's before its last
    /// write.
    #[serde(rename = "copy object")]
    CopyObject(AssetName),
    /// In a backup, after `list objects`: copy the listed object that the asset's last write made.
    #[serde(rename = "copy new object")]
    CopyNewObject(AssetName),
    /// Let a schedule run next so long from now, behind the back of an engine that is stopped.
    #[serde(rename = "plan next run")]
    PlanRun(PlanRun),
    /// Wait until the next run that was planned is due.
    #[serde(rename = "wait for next run")]
    WaitForRun(String),
    /// Inject a fault into the live stores, or arm it for the next dump, copy or restore.
    #[serde(rename = "fault")]
    Fault(Fault),
    /// Inject a fault into the backup's artefacts.
    #[serde(rename = "fault in backup")]
    FaultInBackup(Fault),
}

impl Act {
    /// The fault that it injects.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault(fault) | Self::FaultInBackup(fault) => Some(fault),
            Self::Upload(_)
            | Self::Replace(_)
            | Self::Delete(_)
            | Self::SaveTemplate(_)
            | Self::WriteUnderLoad(_)
            | Self::WaitForWrites(_)
            | Self::StopWriting
            | Self::Copy(_)
            | Self::MoveLabel(_)
            | Self::RunBatch(_)
            | Self::Begin(_)
            | Self::GoOn(_)
            | Self::Release(_)
            | Self::KillEngine
            | Self::CopyObject(_)
            | Self::CopyNewObject(_)
            | Self::PlanRun(_)
            | Self::WaitForRun(_) => None,
        }
    }
}

/// When a schedule runs next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRun {
    /// Its name.
    pub schedule: String,
    /// How long from now: `2s`.
    #[serde(rename = "in")]
    pub after: Within,
}

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Destroy {
    /// The database, the bucket and the engine's local disk.
    Everything,
    /// The database only.
    Database,
    /// The objects only.
    Objects,
}
