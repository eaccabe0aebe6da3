//! What a run does not show, whatever its verdict. A limit that only the run knows is recorded as an
//! event; the others follow from the record (`report::facts`).

use crate::{
    base::ids::{ScenarioId, TableName},
    model::check::CheckId,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that a run does not show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "limit")]
pub enum Limit {
    /// The engine was the one that comes with the harness.
    StandInEngine {
        /// Its name and version.
        name: String,
        /// Whether it was started with defects.
        defects: bool,
    },
    /// The object store was the one that comes with the harness.
    EmbeddedObjectStore,
    /// PostgreSQL ran without `fsync`.
    FsyncOff,
    /// No render was requested of an existing backup.
    NoRender,
    /// Renders had no known-good PDF to compare with.
    NoKnownGood,
    /// Some renders had no known-good PDF to compare with.
    SomeWithoutKnownGood,
    /// No manifest of the backup was given.
    NoManifest,
    /// The manifest has no digests of tables.
    NoTableDigests,
    /// A backup does not record the schema of its source.
    SchemaNotRecorded,
    /// Definitions of a reference were printed by another major version.
    DefinitionsOfOtherMajor {
        /// Where the reference is from, for people.
        origin: String,
        /// Its server's major version, if it is known.
        theirs: Option<u32>,
        /// That of the server that restored.
        ours: u32,
    },
    /// Unlogged tables without a row.
    UnloggedRows {
        /// Which.
        tables: Vec<TableName>,
    },
    /// Other backups lie beside the one that was tested.
    OtherBackups {
        /// How many.
        backups: usize,
    },
    /// The bytes of some objects were read.
    Sampled {
        /// Of how many.
        examined: usize,
        /// How many there are.
        of: usize,
        /// What chose them.
        seed: u64,
    },
    /// Only the schema was restored.
    SchemaOnly,
    /// A physical backup has no manifest of its files.
    NoBackupManifest,
    /// The cluster of a physical backup has no page checksums.
    NoPageChecksums,
    /// The other databases of a physical backup.
    OtherDatabases {
        /// Their names.
        names: Vec<String>,
    },
    /// Only a part of the scenarios was run.
    Part {
        /// `part 1 of 3`.
        part: String,
    },
    /// Drills without a result.
    UnverifiedDrills {
        /// How many.
        drills: usize,
    },
    /// Scenarios were not run.
    Skipped {
        /// Which.
        ids: Vec<ScenarioId>,
        /// What was missing for all of them.
        why: String,
    },
    /// Faults that changed nothing.
    FaultsWithoutEffect {
        /// As in their scenarios.
        faults: Vec<String>,
    },
    /// Checks without a result, with the number of drills.
    UnknownChecks {
        /// Check and drills.
        checks: Vec<(CheckId, usize)>,
    },
    /// Checks that were skipped, with the number of drills.
    SkippedChecks {
        /// Check and drills.
        checks: Vec<(CheckId, usize)>,
    },
    /// No baseline drill passed.
    NoBaseline,
    /// The recovery point was not measured.
    RpoNotMeasured,
    /// The recovery point is that of one backup.
    RpoOfOneBackup,
    /// No budget was set.
    NoBudget,
    /// The recovery time is that of a small seed.
    RtoOfSmallSeed,
    /// The recovery time is that of a throwaway site on this machine.
    RtoOfThisMachine,
    /// The run is signed; a report cannot verify the signature.
    SignatureNotVerified {
        /// The fingerprint of the key that the journal names.
        key: String,
    },
    /// The run is not signed.
    Unsigned,
    /// A drill supports a control for the part that it exercises.
    ControlsPartlyExercised,
    /// No scenario names a control.
    NoControl,
}

impl Limit {
    /// Whether it is about the environment or the scope of the run, so that it bounds what the run says
    /// about a control.
    pub fn concerns_controls(&self) -> bool {
        match self {
            Self::StandInEngine { .. }
            | Self::EmbeddedObjectStore
            | Self::FsyncOff
            | Self::NoRender
            | Self::NoKnownGood
            | Self::SomeWithoutKnownGood
            | Self::NoManifest
            | Self::NoTableDigests
            | Self::SchemaNotRecorded
            | Self::DefinitionsOfOtherMajor { .. }
            | Self::UnloggedRows { .. }
            | Self::OtherBackups { .. }
            | Self::Sampled { .. }
            | Self::SchemaOnly
            | Self::NoBackupManifest
            | Self::NoPageChecksums
            | Self::OtherDatabases { .. }
            | Self::Skipped { .. } => true,
            Self::Part { .. }
            | Self::UnverifiedDrills { .. }
            | Self::FaultsWithoutEffect { .. }
            | Self::UnknownChecks { .. }
            | Self::SkippedChecks { .. }
            | Self::NoBaseline
            | Self::RpoNotMeasured
            | Self::RpoOfOneBackup
            | Self::NoBudget
            | Self::RtoOfSmallSeed
            | Self::RtoOfThisMachine
            | Self::SignatureNotVerified { .. }
            | Self::Unsigned
            | Self::ControlsPartlyExercised
            | Self::NoControl => false,
        }
    }

    /// Whether it bounds a test of an existing backup and must be printed with its result.
    pub fn concerns_existing_backup(&self) -> bool {
        matches!(
            self,
            Self::NoRender
                | Self::NoKnownGood
                | Self::SomeWithoutKnownGood
                | Self::NoManifest
                | Self::NoTableDigests
                | Self::SchemaNotRecorded
                | Self::DefinitionsOfOtherMajor { .. }
                | Self::UnloggedRows { .. }
                | Self::OtherBackups { .. }
                | Self::Sampled { .. }
                | Self::SchemaOnly
                | Self::NoBackupManifest
                | Self::NoPageChecksums
                | Self::OtherDatabases { .. }
        )
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandInEngine { name, defects: false } => write!(
                f,
                "The engine was the {name} that comes with pulp-drill: nothing is shown about the engine of \
                 production."
            ),
            Self::StandInEngine { name, defects: true } => write!(
                f,
                "The engine was the {name}, started with a defect on purpose: a failed run shows that the \
                 checks detect it. Nothing is shown about the engine of production."
            ),
            Self::EmbeddedObjectStore => f.write_str(
                "The object store was the one that comes with pulp-drill: nothing is shown about MinIO or AWS S3.",
            ),
            Self::FsyncOff => {
                f.write_str("PostgreSQL ran with fsync off: nothing is shown about a power failure.")
            }
            Self::NoRender => f.write_str(
                "No template was rendered: whether the application works on the restored stores is not shown (runbook 3.6).",
            ),
            Self::NoKnownGood => f.write_str(
                "No known-good PDF was given: renders were only checked for being complete PDFs.",
            ),
            Self::SomeWithoutKnownGood => f.write_str("Some renders had no known-good PDF to compare with."),
            Self::NoManifest => f.write_str(
                "No manifest was given: whether all rows, templates and assets came back is not known.",
            ),
            Self::NoTableDigests => f.write_str(
                "The manifest has no digests of tables: whether all rows came back is not known.",
            ),
            Self::SchemaNotRecorded => f.write_str(
                "A backup does not record the schema of its source, so the schema was not compared.",
            ),
            Self::DefinitionsOfOtherMajor { origin, theirs, ours } => {
                let theirs = theirs.map_or_else(|| "another version".to_owned(), |major| major.to_string());
                write!(
                    f,
                    "Views, rules and materialised views were compared with those {origin} by name only, and publications,                      casts, operators and other rarer objects not in every detail: those are of PostgreSQL {theirs},                      and PostgreSQL {ours} prints definitions in another way."
                )
            }
            Self::UnloggedRows { tables } => {
                let names: Vec<&str> = tables.iter().map(TableName::as_str).collect();
                write!(
                    f,
                    "Unlogged tables came back without a row, which is no finding: {}. A base backup never has their rows,                      and pg_dump --no-unlogged-table-data leaves them out.",
                    names.join(", ")
                )
            }
            Self::OtherBackups { backups } => {
                write!(f, "Only the newest backup was tested: {backups} older ones were not examined.")
            }
            Self::Sampled { examined, of, seed } => {
                let seen = |percent| noticed(*examined, *of, percent);
                write!(
                    f,
                    "The bytes of {examined} of {of} objects were read, chosen with the seed {seed}; of the others only \
                     presence and size were compared. Changed bytes in 1 % of the objects would have been noticed with a \
                     probability of {}, in 5 % with {}.",
                    seen(1),
                    seen(5)
                )
            }
            Self::SchemaOnly => f.write_str(
                "Only the schema was restored and compared: whether rows and objects can be restored is not shown.",
            ),
            Self::NoBackupManifest => f.write_str(
                "The backup has no manifest of its files: whether one of them is missing is not known.",
            ),
            Self::NoPageChecksums => f.write_str(
                "The cluster has no page checksums: changed bytes in a page that is otherwise valid are not detected.",
            ),
            Self::OtherDatabases { names } => {
                write!(f, "Other databases of the cluster were not examined: {}.", names.join(", "))
            }
            Self::Part { part } => write!(f, "This is {part}: the results of the others are not in it."),
            Self::UnverifiedDrills { drills: 1 } => f.write_str("1 drill has no result and shows nothing."),
            Self::UnverifiedDrills { drills } => write!(f, "{drills} drills have no result and show nothing."),
            Self::Skipped { ids, why } => match &ids[..] {
                [id] => write!(f, "{id} was skipped and is not counted as a pass: {why}."),
                ids => write!(
                    f,
                    "{} scenarios were skipped and are not counted as a pass: {why} ({}).",
                    ids.len(),
                    some_of(ids)
                ),
            },
            Self::FaultsWithoutEffect { faults } => {
                write!(f, "Faults that changed nothing: {}.", faults.join("; "))
            }
            Self::UnknownChecks { checks } => write!(f, "Checks without a result: {}.", in_drills(checks)),
            Self::SkippedChecks { checks } => {
                write!(f, "Skipped checks, each for the reason in its drill: {}.", in_drills(checks))
            }
            Self::NoBaseline => f.write_str(
                "No baseline drill passed: findings cannot be separated from what the engine does without a fault.",
            ),
            Self::RpoNotMeasured => f.write_str("The RPO was not measured."),
            Self::RpoOfOneBackup => f.write_str(
                "The RPO is that of one backup. In production the time between two backups is added.",
            ),
            Self::NoBudget => {
                f.write_str("No budget was set: whether the recovery is fast enough was not judged.")
            }
            Self::RtoOfSmallSeed => f.write_str(
                "The RTO is that of a small data set on this machine, not that of your site.",
            ),
            Self::RtoOfThisMachine => f.write_str(
                "The RTO is that of a restore on this machine. It does not include the start of servers, nor people.",
            ),
            Self::SignatureNotVerified { key } => write!(
                f,
                "A report cannot verify the signature by {key}: use `pulp-drill evidence verify`."
            ),
            Self::Unsigned => f.write_str(
                "The run is not signed: whoever can write the folder can replace the record.",
            ),
            Self::ControlsPartlyExercised => f.write_str(
                "A scenario supports a control only for the part that it exercises. It does not show that the \
                 control is met.",
            ),
            Self::NoControl => f.write_str("No scenario that started names a control."),
        }
    }
}

/// The probability that a sample without replacement has at least one of so many percent of the objects, rounded
/// down (hypergeometric distribution).
fn noticed(examined: usize, of: usize, percent: usize) -> String {
    let damaged = (of * percent).div_ceil(100).max(1);
    #[expect(clippy::cast_precision_loss, reason = "a probability")]
    let missed = |n: usize| of.saturating_sub(damaged + n) as f64 / of.saturating_sub(n).max(1) as f64;
    let none: f64 = (0..examined.min(of)).map(missed).product();
    match (1.0 - none) * 100.0 {
        sure if none <= 0.0 => format!("{sure:.0} %"),
        almost if almost >= 99.9 => "more than 99.9 %".to_owned(),
        some => format!("{:.1} %", (some * 10.0).floor() / 10.0),
    }
}

/// The first ids of a list.
fn some_of(ids: &[ScenarioId]) -> String {
    const MOST: usize = 5;
    let first: Vec<&str> = ids.iter().take(MOST).map(ScenarioId::as_str).collect();
    match ids.len().saturating_sub(MOST) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// `render (in 3 drills), ready (in 1 drill)`; without numbers where all are of one drill.
fn in_drills(checks: &[(CheckId, usize)]) -> String {
    if checks.iter().all(|(_, drills)| *drills == 1) {
        return checks.iter().map(|(check, _)| check.to_string()).collect::<Vec<_>>().join(", ");
    }
    let one = |(check, drills): &(CheckId, usize)| match drills {
        1 => format!("{check} (in 1 drill)"),
        _ => format!("{check} (in {drills} drills)"),
    };
    checks.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_states_what_it_would_have_noticed() {
        assert_eq!(noticed(1, 100, 1), "1.0 %");
        assert_eq!(noticed(50, 100, 1), "50.0 %");
        assert_eq!(noticed(99, 100, 5), "100 %");
        assert_eq!(noticed(96, 100, 5), "100 %");
        assert_eq!(noticed(100, 1_000_000, 1), "63.3 %");
        assert_eq!(noticed(1_000, 1_000_000, 1), "more than 99.9 %");
        assert_eq!(noticed(0, 10, 1), "0.0 %");
    }
}
