//! What all parts of the page use: its options, and how a verdict and a day are shown.

use crate::model::{budget::TimeSpan, verdict::Verdict};
use chrono::{DateTime, Utc};

/// What a page is made of beside the ledger.
#[derive(Clone, Copy, Debug)]
pub struct PageOptions<'a> {
    /// The ledger's name, for people.
    pub ledger: &'a str,
    /// How old the last proof may be.
    pub every: Option<TimeSpan>,
    /// The time that counts as now.
    pub now: DateTime<Utc>,
    /// Where the folders of the runs are, as a prefix of a link; `None` without links.
    pub runs: Option<&'a str>,
}

/// The class of a verdict in the style sheet.
pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Unknown => "unknown",
        Verdict::Fail => "fail",
    }
}

/// The day of a time.
pub(super) fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}
