//! The level of proof of a restore: how far it is proven. A level is reached if all checks that support
//! it have passed and every lower level is reached. It is derived from the facts of the verdict, so that
//! the two cannot disagree.

use crate::{
    base::ids::TableName,
    model::{
        check::{CheckId, ProofLevel},
        figures::{NotCompared, RestoredFigures},
        finding::{FindingKind, Severity},
        verdict::{CheckOutcome, Facts},
    },
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most tables that a sentence names.
const MOST_TABLES: usize = 5;

/// The level that a restore reached, and what the others lack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelResult {
    /// The highest level that was reached; none if not even the backup could be read.
    pub reached: Option<ProofLevel>,
    /// What the higher levels lack, lowest level first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<LevelGap>,
}

/// Why a level was not reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelGap {
    /// The level.
    pub level: ProofLevel,
    /// What it lacks.
    pub lacks: Lack,
}

/// What a level lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "lack")]
pub enum Lack {
    /// A step of the procedure failed.
    StepFailed {
        /// Which.
        step: String,
    },
    /// An error ended the drill.
    Error,
    /// A check of the level found something.
    Findings {
        /// The check.
        check: CheckId,
        /// How many findings that are not warnings.
        findings: usize,
    },
    /// A check of the level has no result.
    NoResult {
        /// The check.
        check: CheckId,
    },
    /// No row has its object.
    NoRowMatched,
    /// Only some of the objects were read.
    Sampled {
        /// How many were not.
        unread: u64,
    },
    /// Only the schema was restored.
    SchemaOnly,
    /// There was nothing to compare the rows with.
    NoReference,
    /// Tables are not in the reference.
    TablesNotCompared {
        /// Which.
        tables: Vec<TableName>,
    },
    /// The schema was not compared.
    SchemaNotCompared,
    /// The positions of sequences were not compared.
    SequencesNotCompared,
    /// The target can render and no template was rendered.
    NoRender,
    /// Nothing of the application was used.
    NotUsed,
}

impl Lack {
    /// What supplies it: an option or a key of the profile, or where to look.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::StepFailed { .. } | Self::Findings { .. } => "see what to do about the findings",
            Self::Error | Self::NoResult { .. } => "remove the reason and repeat the run",
            Self::NoRowMatched => {
                "restore a backup with rows that point at objects, as `binary` in the profile describes them"
            }
            Self::Sampled { .. } => "leave out --sample",
            Self::SchemaOnly => "leave out --tier schema",
            Self::NoReference => "give --manifest, --ledger or --source-env",
            Self::TablesNotCompared { .. } => {
                "record them with `pulp-drill manifest create`, or give --ledger or --source-env"
            }
            Self::SchemaNotCompared => "give --source-env or --schema-of-migrate",
            Self::SequencesNotCompared => "give --source-env, or a manifest or ledger that has them",
            Self::NoRender => "add --render TEMPLATE=DATA.json --golden TEMPLATE=FILE.pdf",
            Self::NotUsed => "add `start` and `ready`, or `assertions`, to the profile",
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StepFailed { step } => write!(f, "the step {step} failed"),
            Self::Error => f.write_str("an error ended the drill"),
            Self::Findings { check, findings: 1 } => write!(f, "1 finding of the check {check}"),
            Self::Findings { check, findings } => write!(f, "{findings} findings of the check {check}"),
            Self::NoResult { check } => write!(f, "the check {check} has no result"),
            Self::NoRowMatched => f.write_str("no row was matched with its object"),
            Self::Sampled { unread } => write!(f, "{unread} objects were listed and not read"),
            Self::SchemaOnly => f.write_str("only the schema was restored: no row and no object was read"),
            Self::NoReference => f.write_str("the rows were not compared with a reference"),
            Self::TablesNotCompared { tables } => {
                let named: Vec<&str> = tables.iter().take(MOST_TABLES).map(TableName::as_str).collect();
                let more = match tables.len().saturating_sub(MOST_TABLES) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                write!(f, "tables that are not in the reference: {}{more}", named.join(", "))
            }
            Self::SchemaNotCompared => f.write_str("the schema was not compared with a reference"),
            Self::SequencesNotCompared => {
                f.write_str("the positions of sequences were not compared with a reference")
            }
            Self::NoRender => f.write_str("no template was rendered"),
            Self::NotUsed => {
                f.write_str("nothing of the application was started, and the profile has no assertion")
            }
        }
    }
}

impl fmt::Display for LevelGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, lacks } = self;
        write!(f, "{level} not reached: {lacks}; {}", lacks.remedy())
    }
}

/// The level as reports print it.
pub fn describe(level: Option<ProofLevel>) -> &'static str {
    level.map_or("none", ProofLevel::id)
}

/// Whether this proves a restore: a ledger counts no other run.
pub fn proves(level: Option<ProofLevel>) -> bool {
    level >= Some(ProofLevel::Consistent)
}

/// What a level depends on beside the facts of the verdict.
#[derive(Clone, Copy, Debug)]
pub struct LevelFacts<'a> {
    /// The facts of the verdict.
    pub facts: &'a Facts<'a>,
    /// The step that failed, if one did.
    pub failed_step: Option<&'a str>,
    /// Whether every step that reads the backup succeeded.
    pub whole: bool,
    /// What came back; none where it was not read.
    pub figures: Option<&'a RestoredFigures>,
    /// Whether the target renders.
    pub renders: bool,
    /// Whether only the schema was restored.
    pub schema_only: bool,
}

impl LevelFacts<'_> {
    /// The level.
    pub fn level(&self) -> LevelResult {
        let gaps: Vec<LevelGap> = ProofLevel::ALL.iter().flat_map(|level| self.gaps(*level)).collect();
        let missing = |level: &&ProofLevel| gaps.iter().any(|gap| gap.level == **level);
        let reached = ProofLevel::ALL.iter().take_while(|level| !missing(level)).last().copied();
        LevelResult { reached, gaps }
    }

    fn gaps(&self, level: ProofLevel) -> Vec<LevelGap> {
        let mut lacks: Vec<Lack> = self.ended_early(level).into_iter().collect();
        if lacks.is_empty() && self.completed() && self.schema_only {
            lacks.extend((level == ProofLevel::Readable).then_some(Lack::SchemaOnly));
        } else if lacks.is_empty() && self.completed() {
            lacks.extend(self.lacks_of_checks(level));
            match level {
                ProofLevel::Readable | ProofLevel::Restored => {}
                ProofLevel::Consistent => {
                    lacks.extend(self.no_row_matched().into_iter().chain(self.sampled()))
                }
                ProofLevel::Complete => lacks.extend(self.not_compared()),
                ProofLevel::Usable => lacks.extend(self.not_used()),
            }
        }
        lacks.into_iter().map(|lacks| LevelGap { level, lacks }).collect()
    }

    fn completed(&self) -> bool {
        self.failed_step.is_none() && self.facts.errors.is_empty()
    }

    /// Why nothing above what the steps reached is known; once, at the lowest level.
    fn ended_early(&self, level: ProofLevel) -> Option<Lack> {
        let first = if self.whole { ProofLevel::Restored } else { ProofLevel::Readable };
        let why = || match self.failed_step {
            Some(step) => Lack::StepFailed { step: step.to_owned() },
            None => Lack::Error,
        };
        (!self.completed() && level == first).then(why)
    }

    fn lacks_of_checks(&self, level: ProofLevel) -> Vec<Lack> {
        let of_level = CheckId::ALL.iter().copied().filter(|check| check.supports() == level);
        let lack = |check: CheckId| {
            let findings = self.facts.findings.iter().filter(|f| f.check == check);
            let findings = findings.filter(|f| f.severity == Severity::Failure && !is_of_a_limit(f.kind));
            match (findings.count(), self.facts.answers.of(check)) {
                (0, Some(CheckOutcome::Unknown { .. } | CheckOutcome::Checked { items: 0 }) | None) => {
                    Some(Lack::NoResult { check })
                }
                (0, Some(CheckOutcome::Checked { .. } | CheckOutcome::Skipped { .. })) => None,
                (findings, _) => Some(Lack::Findings { check, findings }),
            }
        };
        of_level.filter_map(lack).collect()
    }

    fn no_row_matched(&self) -> Option<Lack> {
        self.figures.is_none_or(|figures| figures.matched == 0).then_some(Lack::NoRowMatched)
    }

    fn sampled(&self) -> Option<Lack> {
        let unread = self.figures.map_or(0, |figures| figures.listed);
        (unread > 0).then_some(Lack::Sampled { unread })
    }

    fn not_compared(&self) -> Vec<Lack> {
        if self.is_skipped(CheckId::Contents) {
            return vec![Lack::NoReference];
        }
        let Some(NotCompared { tables, schema, sequences }) = self.figures.map(|f| &f.not_compared) else {
            return Vec::new();
        };
        let tables = (!tables.is_empty()).then(|| Lack::TablesNotCompared { tables: tables.clone() });
        let schema = schema.then_some(Lack::SchemaNotCompared);
        tables.into_iter().chain(schema).chain(sequences.then_some(Lack::SequencesNotCompared)).collect()
    }

    fn not_used(&self) -> Option<Lack> {
        let unused = self.is_skipped(CheckId::Ready) && self.is_skipped(CheckId::Assertions);
        match (self.renders, self.is_skipped(CheckId::Render), unused) {
            (true, true, _) => Some(Lack::NoRender),
            (false, _, true) => Some(Lack::NotUsed),
            (true, false, _) | (false, _, false) => None,
        }
    }

    fn is_skipped(&self, check: CheckId) -> bool {
        matches!(self.facts.answers.of(check), Some(CheckOutcome::Skipped { .. }))
    }
}

/// A limit of the user's that was exceeded shows nothing wrong in what came back.
fn is_of_a_limit(kind: FindingKind) -> bool {
    matches!(kind, FindingKind::BackupTooOld | FindingKind::RecoveryTooSlow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        finding::{Entity, Finding},
        verdict::Answers,
    };

    /// Every check passed, one row has its object.
    fn answers() -> Answers {
        let mut answers = Answers::default();
        CheckId::ALL.iter().for_each(|check| answers.add(*check, CheckOutcome::Checked { items: 1 }));
        answers
    }

    fn with(check: CheckId, outcome: CheckOutcome) -> Answers {
        let mut answers = Answers::default();
        for other in CheckId::ALL.iter().filter(|other| **other != check) {
            answers.add(*other, CheckOutcome::Checked { items: 1 });
        }
        answers.add(check, outcome);
        answers
    }

    fn skipped(check: CheckId) -> Answers {
        with(check, CheckOutcome::Skipped { why: String::new() })
    }

    fn level(answers: &Answers, change: impl FnOnce(&mut LevelFacts<'_>, &mut RestoredFigures)) -> String {
        judged(answers, &[], change)
    }

    fn judged(
        answers: &Answers,
        findings: &[Finding],
        change: impl FnOnce(&mut LevelFacts<'_>, &mut RestoredFigures),
    ) -> String {
        let facts =
            Facts { findings, expected: &[], possible: &[], answers, without_effect: &[], errors: &[] };
        let mut figures = RestoredFigures { matched: 1, ..RestoredFigures::default() };
        let mut level = LevelFacts {
            facts: &facts,
            failed_step: None,
            whole: true,
            figures: None,
            renders: true,
            schema_only: false,
        };
        change(&mut level, &mut figures);
        let LevelResult { reached, gaps } = LevelFacts { figures: Some(&figures), ..level }.level();
        let gaps: Vec<String> = gaps.iter().map(|gap| format!("{}: {}", gap.level, gap.lacks)).collect();
        format!("{} ({})", describe(reached), gaps.join("; "))
    }

    #[test]
    fn a_level_is_reached_only_with_all_lower_ones() {
        assert_eq!(level(&answers(), |_, _| {}), "usable ()");
        assert_eq!(
            level(&answers(), |_, figures| figures.matched = 0),
            "restored (consistent: no row was matched with its object)"
        );
        assert_eq!(
            level(&answers(), |_, figures| figures.listed = 3),
            "restored (consistent: 3 objects were listed and not read)"
        );
        assert_eq!(
            level(&answers(), |level, _| level.schema_only = true),
            "none (readable: only the schema was restored: no row and no object was read)"
        );
        let reference = "consistent (complete: the rows were not compared with a reference)";
        assert_eq!(level(&skipped(CheckId::Contents), |_, _| {}), reference);
        assert_eq!(
            level(&answers(), |_, figures| figures.not_compared.tables = vec!["a".into()]),
            "consistent (complete: tables that are not in the reference: a)"
        );
        assert_eq!(
            level(&answers(), |_, figures| figures.not_compared.schema = true),
            "consistent (complete: the schema was not compared with a reference)"
        );
        assert_eq!(
            level(&answers(), |_, figures| figures.not_compared.sequences = true),
            "consistent (complete: the positions of sequences were not compared with a reference)"
        );
        assert_eq!(
            level(&skipped(CheckId::Render), |_, _| {}),
            "complete (usable: no template was rendered)"
        );
        assert_eq!(level(&skipped(CheckId::Render), |level, _| level.renders = false), "usable ()");
        assert_eq!(level(&skipped(CheckId::Ready), |level, _| level.renders = false), "usable ()");
        let mut unused = Answers::default();
        for check in CheckId::ALL {
            let outcome = match check {
                CheckId::Ready | CheckId::Assertions => CheckOutcome::Skipped { why: String::new() },
                _ => CheckOutcome::Checked { items: 1 },
            };
            unused.add(*check, outcome);
        }
        assert_eq!(
            level(&unused, |level, _| level.renders = false),
            "complete (usable: nothing of the application was started, and the profile has no assertion)"
        );
    }

    #[test]
    fn what_failed_or_has_no_result_ends_below_its_level() {
        let unknown = |check| with(check, CheckOutcome::Unknown { why: String::new() });
        assert_eq!(
            level(&unknown(CheckId::Indexes), |_, _| {}),
            "restored (consistent: the check indexes has no result)"
        );
        let finding = |check, kind| [Finding::new(check, kind, Entity::Table("a".into()), "", "")];
        let lost = finding(CheckId::Catalog, FindingKind::TableLost);
        assert_eq!(
            judged(&answers(), &lost, |_, _| {}),
            "readable (restored: 1 finding of the check catalog)"
        );
        let orphan = finding(CheckId::Reconcile, FindingKind::OrphanBinary);
        assert_eq!(judged(&answers(), &orphan, |_, _| {}), "usable ()");
        let old = finding(CheckId::Procedure, FindingKind::BackupTooOld);
        assert_eq!(judged(&answers(), &old, |_, _| {}), "usable ()");
        let failed = |level: &mut LevelFacts<'_>, whole| {
            level.failed_step = Some("restore database");
            level.whole = whole;
        };
        assert_eq!(
            level(&answers(), |level, _| failed(level, false)),
            "none (readable: the step restore database failed)"
        );
        assert_eq!(
            level(&answers(), |level, _| failed(level, true)),
            "readable (restored: the step restore database failed)"
        );
    }
}
