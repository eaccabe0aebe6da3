//! The catalogue of checks: what is looked at, and where the rule comes from. How each looks is in
//! `runbook::verify`.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! checks {
    ($($variant:ident $id:literal $title:literal $source:literal),* $(,)?) => {
        /// One check. Every check runs in every scenario; a check that could not look says so.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum CheckId { $(#[doc = $title] #[serde(rename = $id)] $variant),* }

        impl CheckId {
            /// All checks, in the order in which they run.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in reports and documents.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id),* }
            }

            /// What it looks at, in a sentence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }

            /// Where the rule comes from.
            pub fn source(self) -> &'static str {
                match self { $(Self::$variant => $source),* }
            }
        }
    };
}

checks! {
    Baseline "baseline" "Before the backup: acknowledged writes are stored as sent, and renders are the known-good PDFs" "runbook 2.3, 3.6",
    Procedure "procedure" "Every step of backup and restore succeeded, in the runbook's order" "runbook 2, 3",
    Catalog "catalog" "Tables, columns, constraints, indexes and other schema objects are those of the source" "runbook 3.3, 3.4",
    Contents "contents" "Rows, by count and digest, are those of the cut point" "runbook 3.7",
    Sequences "sequences" "No sequence is behind the column that it feeds" "PostgreSQL, CREATE SEQUENCE",
    Reconcile "reconcile" "Every row has its binary with the recorded size and SHA-256, and every binary its row" "runbook 2.3",
    Acknowledged "acknowledged" "Every write under load that was acknowledged before the dump is whole, and none is half there" "runbook 2.3",
    Ready "ready" "The engine is ready on the restored stores" "runbook 3.5",
    Schedules "schedules" "Every schedule kept its next run, and a run that fell into the outage was made up for once" "runbook 3.5",
    Jobs "jobs" "Every completed batch job can be polled, with the results that it had, and every unfinished one comes to its end" "runbook 1",
    Operations "operations" "The API shows the tenants, labels, runs and dead letters that it showed at the cut point, lets in the same tenants, and hands out the binaries of the store" "runbook 1",
    Manifest "manifest" "The metadata inventory shows no drift" "runbook 3.6, 4",
    Render "render" "Every template renders its known-good PDF, or is refused as documented where a binary is gone" "runbook 3.6",
    FailClosed "fail-closed" "With a binary taken away, the store cut off and access denied, the engine refuses each for its own reason" "runbook 2.3",
    Untouched "untouched" "Starting the engine and asking it changes nothing that was restored, and it stays ready and takes a write" "runbook 3.5",
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
