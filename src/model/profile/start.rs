//! The changes that an engine may make to the rows of an entity at startup: an unfinished batch job is
//! failed or resumed (runbook 1), a schedule whose run was missed runs now (runbook 3.5). No other change
//! is allowed. Compares two versions of a row; does not know which rows exist.

use super::run::Within;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A change that an engine may make to a row at startup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AtStart {
    /// The rows that it applies to: columns, each with the allowed values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub from: BTreeMap<String, Vec<String>>,
    /// Only rows of this age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<Age>,
    /// Only rows whose time in this column has passed; the change sets a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// The values of these columns afterwards.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub to: BTreeMap<String, String>,
    /// Columns that may have any value afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<String>,
    /// The runs that it causes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<RunRows>,
    /// How many rows of other entities it may add per changed row.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub adds: BTreeMap<String, usize>,
}

/// The age of a row when the engine starts: either over or under a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Age {
    /// The column with the time from which its age is measured.
    pub of: String,
    /// It is older than this, `60s` or `2m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Within>,
    /// It is no older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<Within>,
    /// The engine's environment variable for another limit, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
}

/// The rows that record runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunRows {
    /// Their entity: `schedule execution`.
    pub entity: String,
    /// Their column with the key of the row that is run.
    pub of: String,
    /// How many rows a missed run must have; 0 if it is skipped.
    pub times: usize,
    /// Columns with the values that they have while a run is in flight.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub in_flight: BTreeMap<String, Vec<String>>,
}

/// When and in which environment an engine was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineStart {
    /// Before it was started.
    pub began: DateTime<Utc>,
    /// When its rows were read afterwards.
    pub until: DateTime<Utc>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
}

/// Whether a change of a row is due. It is undecided if the limit lies between the engine's start and the
/// moment when the rows were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// It may not be made.
    No,
    /// It may or may not be made.
    Perhaps,
    /// It must be made.
    Yes,
}

impl AtStart {
    /// The columns that the rule looks at.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let age = self.age.as_ref().map(|age| &age.of);
        let names = self.from.keys().chain(age).chain(&self.due).chain(self.to.keys()).chain(&self.moves);
        names.map(String::as_str)
    }

    /// Whether the change must be made where it is due, or only may be: columns that a start rewrites.
    pub fn is_required(&self) -> bool {
        !self.to.is_empty() || self.due.is_some()
    }

    /// Whether the change is due for a row.
    pub fn is_due(&self, row: &Value, start: &EngineStart) -> Due {
        let has = |(column, values): (&String, &Vec<String>)| {
            text(row, column).is_some_and(|value| values.contains(&value))
        };
        if !self.from.iter().all(has) {
            return Due::No;
        }
        let by_age = self.age.as_ref().map_or(Due::Yes, |age| age.is_due(row, start));
        let by_moment = self.due.as_ref().map_or(Due::Yes, |column| {
            moment(row, column).map_or(Due::No, |at| passed(at, start.began, start.until))
        });
        by_age.min(by_moment)
    }

    /// Whether one version of a row became the other by this change and by nothing else.
    pub fn made(&self, was: &Value, is: &Value, start: &EngineStart) -> bool {
        let (Value::Object(before), Value::Object(after)) = (was, is) else { return false };
        let may = |column: &String| {
            self.moves.contains(column) || self.to.contains_key(column) || self.due.as_ref() == Some(column)
        };
        let same = before.len() == after.len()
            && before.iter().all(|(column, value)| after.get(column) == Some(value) || may(column));
        let became = |(column, value): (&String, &String)| text(is, column).as_ref() == Some(value);
        same && self.is_due(was, start) > Due::No
            && self.to.iter().all(became)
            && self.due.as_ref().is_none_or(|column| later(was, is, column))
    }
}

impl RunRows {
    /// Whether a row records a run in flight.
    pub fn is_in_flight(&self, row: &Value) -> bool {
        let has = |(column, values): (&String, &Vec<String>)| {
            text(row, column).is_some_and(|value| values.contains(&value))
        };
        !self.in_flight.is_empty() && self.in_flight.iter().all(has)
    }
}

impl Age {
    /// The limit in an engine's environment.
    pub fn limit(&self, env: &BTreeMap<String, String>) -> TimeDelta {
        let said = self.variable.as_ref().and_then(|name| env.get(name)?.trim().parse().ok());
        let otherwise = self.over.or(self.under).unwrap_or_default().0;
        let otherwise = TimeDelta::from_std(otherwise).unwrap_or(TimeDelta::MAX);
        said.and_then(TimeDelta::try_milliseconds).unwrap_or(otherwise)
    }

    fn is_due(&self, row: &Value, start: &EngineStart) -> Due {
        let Some(since) = moment(row, &self.of) else { return Due::No };
        let until = since.checked_add_signed(self.limit(&start.env)).unwrap_or(DateTime::<Utc>::MAX_UTC);
        match (passed(until, start.began, start.until), self.over.is_some()) {
            (due, true) => due,
            (Due::Yes, false) => Due::No,
            (Due::Perhaps, false) => Due::Perhaps,
            (Due::No, false) => Due::Yes,
        }
    }
}

/// Whether a time had passed when the engine read it, which was between `began` and `until`.
fn passed(at: DateTime<Utc>, began: DateTime<Utc>, until: DateTime<Utc>) -> Due {
    match () {
        () if at < began => Due::Yes,
        () if at <= until => Due::Perhaps,
        () => Due::No,
    }
}

/// Whether a time moved forward. A removed time did not: the engine would never return to it.
pub fn later(was: &Value, is: &Value, column: &str) -> bool {
    matches!((moment(was, column), moment(is, column)), (Some(was), Some(is)) if is > was)
}

/// A column's value as text; `None` without a value.
fn text(row: &Value, column: &str) -> Option<String> {
    match row.get(column)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A column's time; UTC if it has no zone.
pub fn moment(row: &Value, column: &str) -> Option<DateTime<Utc>> {
    let text = row.get(column)?.as_str()?;
    let zoned = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    zoned.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|at| at.and_utc())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> DateTime<Utc> {
        moment(&json!({ "at": text }), "at").unwrap()
    }

    fn start(grace: &str) -> EngineStart {
        let env = [("GRACE".to_owned(), grace.to_owned())].into();
        EngineStart { began: at("2026-01-01T12:00:00Z"), until: at("2026-01-01T12:00:05Z"), env }
    }

    fn given_up() -> AtStart {
        serde_json::from_value(json!({
            "from": { "status": ["pending", "processing"] },
            "age": { "of": "made", "over": "60s", "variable": "GRACE" },
            "to": { "status": "failed", "code": "abandoned" },
            "moves": ["ended"],
        }))
        .unwrap()
    }

    #[test]
    fn a_row_is_due_by_its_values_and_its_age() {
        let job = |status: &str, made: &str| json!({ "status": status, "made": made });
        let rule = given_up();
        for (status, made, grace, due) in [
            ("pending", "2026-01-01T11:59:59.998", "1", Due::Yes),
            ("processing", "2026-01-01T11:58:00+00:00", "none", Due::Yes),
            ("processing", "2026-01-01T11:59:03+00:00", "none", Due::Perhaps),
            ("processing", "2026-01-01T11:58:00+00:00", "3600000", Due::No),
            ("completed", "2026-01-01T11:58:00+00:00", "1", Due::No),
            ("pending", "yesterday", "1", Due::No),
        ] {
            assert_eq!(rule.is_due(&job(status, made), &start(grace)), due, "{status} {made} {grace}");
        }
        let mut young = rule;
        let age = young.age.as_mut().unwrap();
        age.under = age.over.take();
        assert_eq!(young.is_due(&job("pending", "2026-01-01T11:58:00Z"), &start("1")), Due::No);
        assert_eq!(young.is_due(&job("pending", "2026-01-01T11:58:00Z"), &start("3600000")), Due::Yes);
    }

    #[test]
    fn only_the_change_of_the_profile_is_allowed() {
        let was = json!({ "status": "pending", "made": "2026-01-01T11:00:00Z", "code": null, "ended": null, "n": 1 });
        let good = json!({ "status": "failed", "made": "2026-01-01T11:00:00Z", "code": "abandoned", "ended": 5, "n": 1 });
        let rule = given_up();
        assert!(rule.made(&was, &good, &start("1")));
        assert!(!rule.made(&was, &good, &start("99999999")), "it is too young");
        for (column, value) in [("code", json!("other")), ("status", json!("completed")), ("n", json!(2))] {
            let mut other = good.clone();
            other[column] = value;
            assert!(!rule.made(&was, &other, &start("1")), "{column}");
        }
        let mut more = good.clone();
        more["new"] = json!(1);
        assert!(!rule.made(&was, &more, &start("1")));
        assert!(!rule.made(&Value::Null, &good, &start("1")));
    }

    #[test]
    fn a_moment_that_has_passed_moves_on() {
        let rule: AtStart = serde_json::from_value(json!({ "due": "next", "moves": ["count"] })).unwrap();
        let row = |next: Value, count: u8| json!({ "next": next, "count": count });
        let was = row(json!("2026-01-01T11:00:00Z"), 0);
        assert!(rule.made(&was, &row(json!("2026-01-02T11:00:00Z"), 1), &start("1")));
        assert!(!rule.made(&was, &row(Value::Null, 1), &start("1")), "it is gone");
        assert!(!rule.made(&was, &row(json!("2026-01-01T11:00:00Z"), 1), &start("1")), "it stays");
        assert!(!rule.made(&was, &row(json!("2025-01-01T11:00:00Z"), 1), &start("1")), "it goes back");
        let ahead = row(json!("2026-01-01T12:00:09Z"), 0);
        assert!(!rule.made(&ahead, &row(json!("2026-01-02T11:00:00Z"), 1), &start("1")), "it was not due");
    }
}
