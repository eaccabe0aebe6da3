//! The program as a user meets it: the real binary in temporary folders, on the PostgreSQL of this
//! machine. Exit codes, messages, and what is left behind, which is nothing.
//!
//! Tests that need a run are skipped with a message where PostgreSQL is not installed.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod attached;
mod engines;
mod environment;
mod generic;
mod installed;
mod lifecycle;
mod notifications;
mod pdf;
mod refusals;
mod reports;
mod targets;

use serde_json::Value;
use support::harness::ROOT;

#[path = "../support"]
mod support {
    pub mod harness;
}

/// Whether the tests run as root, with a message where they do not.
pub fn root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        println!("skipped: needs root");
    }
    root
}

/// A shipped scenario by id.
pub fn scenario(id: &str) -> String {
    format!("{ROOT}/scenarios/{id}.yaml")
}

/// The kinds of a record's findings that were not expected.
pub fn unexpected(record: &Value) -> Vec<String> {
    let mut kinds = Vec::new();
    for scenario in record["scenarios"].as_array().unwrap() {
        let roles = scenario["judgement"]["roles"].as_array().cloned().unwrap_or_default();
        for (number, finding) in scenario["findings"].as_array().unwrap().iter().enumerate() {
            let role = roles.get(number).map(Value::to_string).unwrap_or_default();
            if !role.contains("expected") || role.contains("unexpected") {
                kinds.push(finding["kind"].as_str().unwrap().to_owned());
            }
        }
    }
    kinds.sort();
    kinds.dedup();
    kinds
}
