//! The result of a check: how much it checked, or why it did not, and what it found.

use crate::model::{finding::Finding, verdict::CheckOutcome};

/// The result of a check.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// How much it checked, or why it did not.
    pub outcome: CheckOutcome,
    /// What it found.
    pub findings: Vec<Finding>,
}

impl CheckResult {
    /// It checked this many things; unknown where there were none.
    pub fn checked(items: usize, findings: Vec<Finding>) -> Self {
        match items {
            0 => Self::unknown("there was nothing to check", findings),
            items => Self { outcome: CheckOutcome::Checked { items }, findings },
        }
    }

    /// There is nothing to check here, or nothing to compare with.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self { outcome: CheckOutcome::Skipped { why: why.into() }, findings: Vec::new() }
    }

    /// It could not find out; what it had found by then still counts.
    pub fn unknown(why: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self { outcome: CheckOutcome::Unknown { why: why.into() }, findings }
    }

    /// Both as one, see [`CheckOutcome::and`].
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.findings.extend(other.findings);
        Self { outcome: self.outcome.and(other.outcome), findings: self.findings }
    }
}
