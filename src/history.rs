//! The ledger of runs: JSON Lines, a line a run, each with the SHA-256 of the line before, so that a
//! run that was removed or changed is noticed. The digest of the whole file stands beside it, because
//! the chain does not protect the last line. The digest that the file will have is written before a line is
//! added: an interrupted write leaves a torn line or none, never a whole line without its digest.
//!
//! It keeps what a trend needs and the digest of each run's record; the runs themselves are kept
//! elsewhere. It is not a signature: whoever can write both files can write another history.

use crate::{
    base::{digest::Digest, error::Error, ids::RunId},
    model::{
        check::ProofLevel,
        figures::RestoredFigures,
        level,
        record::{RunRecord, ScenarioRecord},
        verdict::{Role, Verdict},
    },
};
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub mod file;

pub mod trend;

pub mod show;

pub mod export;

pub mod page;

pub mod bucket;

/// The ledger's name in a folder.
pub const LEDGER: &str = "ledger.jsonl";

/// A run in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Counts from 0 without gaps.
    pub seq: u64,
    /// SHA-256 of the line before, without its newline; zeros for the first.
    pub prev: Digest,
    /// When it was added.
    pub added: DateTime<Utc>,
    /// The run.
    pub run: RunId,
    /// The harness and its version.
    pub harness: String,
    /// When the run began.
    pub began: DateTime<Utc>,
    /// When its last event was written.
    pub ended: DateTime<Utc>,
    /// Its verdict.
    pub verdict: Verdict,
    /// The level of proof that every restore without deliberate damage reached.
    pub level: Option<ProofLevel>,
    /// The longest measured recovery time, in milliseconds.
    pub rto_ms: Option<u64>,
    /// The longest measured recovery point, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_ms: Option<u64>,
    /// Its scenarios, baseline drills included.
    pub scenarios: usize,
    /// Scenarios that were skipped.
    #[serde(default, skip_serializing_if = "is_none")]
    pub skipped: usize,
    /// Unexpected findings.
    pub unexpected: usize,
    /// The name of the run's folder; lines of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The fingerprint of the key that signed the run; none for an unsigned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// What its largest restore without deliberate damage brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<RestoredSize>,
    /// By `topology / seed`, or `existing backup / profile`.
    pub groups: BTreeMap<String, GroupResult>,
    /// SHA-256 of `record.json`.
    pub record: Digest,
    /// SHA-256 of the journal.
    pub journal: Digest,
}

/// What a restore brought back, in total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RestoredSize {
    /// Rows of all tables.
    pub rows: u64,
    /// Objects.
    pub objects: u64,
    /// Bytes of all objects.
    pub bytes: u64,
}

/// What a run shows about one topology and seed, or about the existing backups of one application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupResult {
    /// The worst verdict of its scenarios.
    pub verdict: Verdict,
    /// The level of proof that each of its restores without deliberate damage reached; none if there is
    /// no such restore.
    pub level: Option<ProofLevel>,
    /// The figures of an existing backup's restore, which a later one is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Box<RestoredFigures>>,
}

/// The last run in which an existing backup was proven to restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastProven {
    /// The run.
    pub run: RunId,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// What came back.
    pub figures: RestoredFigures,
}

/// The last proven restore of an application's existing backups, by the profile that was given.
pub fn last_proven(lines: &[LedgerEntry], profile: &str) -> Option<LastProven> {
    let group = group_of_existing(profile);
    lines.iter().rev().find_map(|line| {
        let result = line.groups.get(&group).filter(|result| result.is_proven())?;
        let figures = (**result.figures.as_ref()?).clone();
        Some(LastProven { run: line.run.clone(), ended: line.ended, figures })
    })
}

fn group_of_existing(profile: &str) -> String {
    format!("existing backup / {profile}")
}

impl GroupResult {
    /// Whether it proves that a restore works.
    pub fn is_proven(&self) -> bool {
        self.verdict == Verdict::Pass && level::proves(self.level)
    }
}

/// Keeps lines that earlier versions wrote as they are.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none(n: &usize) -> bool {
    *n == 0
}

impl LedgerEntry {
    /// What is kept of a run; its place in the chain is given when it is added.
    ///
    /// # Errors
    /// Blames the user where the record is that of no run, or of a part of one.
    pub fn of(
        record: &RunRecord,
        digest: Digest,
        journal: Digest,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let (Some(started), Some(began), Some(ended)) = (&record.started, record.began, record.ended) else {
            return Err(Error::usage("the journal does not contain the beginning of the run"));
        };
        if let Some(part) = record.part() {
            return Err(Error::usage(format!("this is {part} of a run only"))
                .hint("join the parts with `pulp-drill report merge` and add the joined run"));
        }
        let unexpected = |s: &ScenarioRecord| {
            s.judged().filter(|(_, role)| matches!(role, Some(Role::Unexpected))).count()
        };
        Ok(Self {
            seq: 0,
            prev: Digest::ZERO,
            added: now,
            run: started.run.clone(),
            harness: started.harness.clone(),
            began,
            ended,
            verdict: record.verdict(),
            level: record.level(),
            rto_ms: record.longest(|s| s.rto_ms).map(|(ms, _)| ms),
            rpo_ms: record.longest(|s| s.rpo_ms).map(|(ms, _)| ms),
            scenarios: record.scenarios.len(),
            skipped: record.skipped.len(),
            unexpected: record.scenarios.iter().map(unexpected).sum(),
            folder: None,
            signer: None,
            size: size(record),
            groups: groups(record),
            record: digest,
            journal,
        })
    }
}

/// The largest restore of those that have a level of proof.
fn size(record: &RunRecord) -> Option<RestoredSize> {
    let sound = record.scenarios.iter().filter(|s| s.level.is_some());
    let sizes = sound.filter_map(|s| s.figures.as_ref()).map(|figures| RestoredSize {
        rows: figures.tables.values().fold(0, |sum, rows| sum.saturating_add(*rows)),
        objects: figures.objects,
        bytes: figures.bytes,
    });
    sizes.max()
}

/// A folder's name as a part of a link.
fn encoded(folder: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    utf8_percent_encode(folder, PLAIN).to_string()
}

/// The results by group; in a run that did not end as planned nothing is proven.
fn groups(record: &RunRecord) -> BTreeMap<String, GroupResult> {
    let planned = record.finished.as_ref().is_some_and(|f| f.cut_short.is_none()) && record.errors.is_empty();
    let floor = if planned { Verdict::Pass } else { Verdict::Unknown };
    let mut groups: BTreeMap<String, Vec<&ScenarioRecord>> = BTreeMap::new();
    for scenario in &record.scenarios {
        if let Some(group) = group_of(record, scenario) {
            groups.entry(group).or_default().push(scenario);
        }
    }
    let result = |scenarios: Vec<&ScenarioRecord>| GroupResult {
        figures: scenarios.iter().find(|s| s.is_of_existing_backup()).and_then(|s| s.figures.clone()),
        verdict: scenarios.iter().map(|s| s.verdict()).fold(floor, Verdict::max),
        level: scenarios.iter().filter_map(|s| s.level.as_ref()).map(|level| level.reached).min().flatten(),
    };
    groups.into_iter().map(|(group, scenarios)| (group, result(scenarios))).collect()
}

/// The group of a scenario that started. Existing backups are those of an application.
fn group_of(record: &RunRecord, scenario: &ScenarioRecord) -> Option<String> {
    let started = scenario.started.as_ref()?;
    let profile = || record.started.as_ref().and_then(|run| run.config.get("profile"));
    Some(match scenario.is_of_existing_backup() {
        true => group_of_existing(profile().map_or("unknown", String::as_str)),
        false => format!("{} / {}", started.topology, started.seed),
    })
}
