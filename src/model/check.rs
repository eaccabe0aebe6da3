//! The catalogue of checks: what each verifies, and where the rule comes from. The checks themselves
//! are in `runbook::verify`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What it takes to report a finding, or to inject a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// The stores, the commands or the process are enough.
    Stores,
    /// The target must have an API.
    Api,
}

/// How far a restore is proven. Each level includes those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProofLevel {
    /// Every part of the backup was read to its end.
    Readable,
    /// It was restored without an error, and no part of the schema is known to be missing.
    Restored,
    /// Rows and objects agree, and indexes agree with their tables.
    Consistent,
    /// The rows were compared with a reference.
    Complete,
    /// The application works on it.
    Usable,
}

impl ProofLevel {
    /// All levels, lowest first.
    pub const ALL: &[Self] =
        &[Self::Readable, Self::Restored, Self::Consistent, Self::Complete, Self::Usable];

    /// The name in reports.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Readable => "readable",
            Self::Restored => "restored",
            Self::Consistent => "consistent",
            Self::Complete => "complete",
            Self::Usable => "usable",
        }
    }
}

impl fmt::Display for ProofLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

// One check: its variant, its id, the level of proof that it supports, what it verifies, its rule.
macro_rules! checks {
    ($($variant:ident $id:literal $level:ident $title:literal $rule:literal),* $(,)?) => {
        /// One check. Every scenario has an answer from every check: a result, a reason to skip it, or unknown.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum CheckId { $(#[doc = $title] #[serde(rename = $id)] $variant),* }

        impl CheckId {
            /// All checks, in the order in which they run: first what is measured (writes in flight, the first
            /// good render), last what changes the site, and the procedure with its limits.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in reports and documents.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id),* }
            }

            /// What it verifies, in a sentence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }

            /// The level of proof that a restore does not reach while this check fails.
            pub fn supports(self) -> ProofLevel {
                match self { $(Self::$variant => ProofLevel::$level),* }
            }

            /// Where the rule comes from.
            pub fn rule(self) -> &'static str {
                match self { $(Self::$variant => $rule),* }
            }
        }
    };
}

checks! {
    Source "source" Usable "Before the backup, at the source: acknowledged writes are stored as sent, and renders are the known-good PDFs" "runbook 2.3, 3.6",
    Acknowledged "acknowledged" Complete "Every write under load that was acknowledged before the dump is complete, and no write is torn" "runbook 2.3",
    Ready "ready" Usable "The engine is ready on the restored stores" "runbook 3.5",
    Render "render" Usable "Every template renders its known-good PDF, or is refused as documented if a binary is missing" "runbook 3.6",
    Catalog "catalog" Restored "Tables, columns, constraints, indexes and other schema objects equal those of the source" "runbook 3.3, 3.4",
    Contents "contents" Complete "Rows equal those of the cut point, by count and digest" "runbook 3.7",
    Indexes "indexes" Consistent "Every index has exactly the rows of its table, and the pages of both are intact" "PostgreSQL, pg_amcheck --heapallindexed",
    Sequences "sequences" Consistent "No sequence is behind the column that it supplies" "PostgreSQL, CREATE SEQUENCE",
    Reconcile "reconcile" Consistent "Every row has its binary with the recorded size and SHA-256, and every binary its row" "runbook 2.3",
    Schedules "schedules" Complete "Every schedule kept its next run, and a run that fell into the outage was made up for exactly once" "runbook 3.5",
    Jobs "jobs" Usable "Every completed batch job can be polled and returns its results, and every unfinished job ends" "runbook 1",
    Operations "operations" Usable "The API lists the same tenants, labels, runs and dead letters as at the cut point, and grants access to the same tenants" "runbook 1",
    Manifest "manifest" Complete "The metadata inventory shows no drift" "runbook 3.6, 4",
    ReadBack "read-back" Usable "The application returns every binary as the restored store has it, and refuses a missing one" "profile, read-back",
    FailClosed "fail-closed" Usable "With a binary removed, the store unreachable or access denied, the engine refuses to render, each time with the right reason" "runbook 2.3",
    Untouched "untouched" Usable "Starting and querying the engine changes no restored data; it stays ready and accepts a write" "runbook 3.5",
    Assertions "assertions" Usable "Every assertion of the profile holds" "profile, assertions",
    Procedure "procedure" Restored "Every step of backup and restore succeeded, in the runbook's order" "runbook 2, 3",
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
