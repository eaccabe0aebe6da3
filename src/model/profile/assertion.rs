//! Assertions: what an application's owner knows to be true of every sound restore. Each is a check of
//! its own in every report. Nothing is run here.

use super::Within;
use crate::base::ids::TableName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// How long a query or a command may take if the profile does not limit it.
const LIMIT: Duration = Duration::from_secs(60);

/// What must be true after a restore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Assertion {
    /// The answer of a query.
    Sql(SqlAssertion),
    /// How old the newest value of a column is.
    Fresh(FreshAssertion),
    /// The answer of the started application.
    Http(HttpAssertion),
    /// The exit code of a command.
    Command(CommandAssertion),
}

/// A query and what it must answer. It runs in a read-only transaction with a role that can only read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SqlAssertion {
    /// The query. With `equals`, `at-least` or `at-most` it returns one row with one column.
    pub query: String,
    /// The value: a number, a text, `true`, `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<serde_json::Value>,
    /// The least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The greatest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// Whether it must return a row.
    #[serde(default)]
    pub not_empty: bool,
    /// How long it may take, `15s` or `2m`; one minute by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
}

/// How old the newest value of a column may be, counted from the time of the check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FreshAssertion {
    /// The table.
    pub table: TableName,
    /// A column with a time.
    pub column: String,
    /// The greatest age: `90m`, `26h`, `2d`.
    pub max_age: String,
}

/// A request to the started application (`GET`) and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpAssertion {
    /// The path, with a query if needed.
    pub path: String,
    /// The status; 200 by default.
    #[serde(default = "ok")]
    pub status: u16,
    /// The whole body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// A part of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Headers whose values are secrets: the name of the header and that of the environment variable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header_env: BTreeMap<String, String>,
}

/// A command and its exit code. It runs in the profile's folder with the target's environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandAssertion {
    /// The command.
    pub run: Vec<String>,
    /// The exit code; 0 by default.
    #[serde(default)]
    pub exit: i32,
    /// How long it may take, `15s` or `2m`; one minute by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
}

fn ok() -> u16 {
    200
}

impl SqlAssertion {
    /// How long the query may take.
    pub fn limit(&self) -> Duration {
        self.within.map_or(LIMIT, |within| within.0)
    }

    /// Whether it compares a value.
    pub fn compares(&self) -> bool {
        self.equals.is_some() || self.at_least.is_some() || self.at_most.is_some()
    }
}

impl FreshAssertion {
    /// How long the query may take.
    pub const fn limit() -> Duration {
        LIMIT
    }
}

impl CommandAssertion {
    /// How long the command may take.
    pub fn limit(&self) -> Duration {
        self.within.map_or(LIMIT, |within| within.0)
    }
}
