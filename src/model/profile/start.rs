//! What the start of an engine may do to the rows of an entity: an unfinished batch job is given up or
//! taken up again (runbook 1), a schedule whose run was missed runs now (runbook 3.5). What is not
//! said here nobody may do. It looks at two versions of a row; which rows there are is not its matter.

use super::run::Within;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A change that the start of an engine may make to a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AtStart {
    /// The rows that it may be made to: columns with the values of which they have one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub from: BTreeMap<String, Vec<String>>,
    /// Only rows of such an age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<Age>,
    /// Only rows whose moment in this column has passed; it moves on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// What these columns are afterwards.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub to: BTreeMap<String, String>,
    /// Columns that may be anything afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<String>,
    /// The runs that are made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<RunRows>,
    /// How many rows of other entities it may add for each row that it changes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub adds: BTreeMap<String, usize>,
}

/// How old a row is when the engine starts: either more or less than so long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Age {
    /// The column with the moment that its age is counted from.
    pub of: String,
    /// It is older than this, `60s` or `2m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Within>,
    /// It is no older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<Within>,
    /// The variable of the engine that says another limit, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
}

/// The rows that tell of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunRows {
    /// Their entity: `schedule execution`.
    pub entity: String,
    /// Their column with the key of the row that is run.
    pub of: String,
    /// How many there are of a run that was missed; 0 where it is passed over.
    pub times: usize,
    /// Columns, and the values that they have as long as the run is not over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub under_way: BTreeMap<String, Vec<String>>,
}

/// When an engine was started, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineStart {
    /// Before it was started.
    pub began: DateTime<Utc>,
    /// When it was looked at afterwards.
    pub until: DateTime<Utc>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
}

/// Whether a change is due to a row: where the limit lies between the engine's start and the look at
/// what it did, nobody can tell.
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
    /// Whether a row is to be changed like this.
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
    /// Whether a row tells of a run that is not over.
    pub fn is_under_way(&self, row: &Value) -> bool {
        let has = |(column, values): (&String, &Vec<String>)| {
            text(row, column).is_some_and(|value| values.contains(&value))
        };
        !self.under_way.is_empty() && self.under_way.iter().all(has)
    }
}

impl Age {
    /// The limit that holds for an engine.
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

/// Whether a moment had passed when the engine looked, which was some time between these two.
fn passed(at: DateTime<Utc>, began: DateTime<Utc>, until: DateTime<Utc>) -> Due {
    match () {
        () if at < began => Due::Yes,
        () if at <= until => Due::Perhaps,
        () => Due::No,
    }
}

/// Whether a moment moved on. One that is gone did not: nobody would ever come back to it.
pub fn later(was: &Value, is: &Value, column: &str) -> bool {
    matches!((moment(was, column), moment(is, column)), (Some(was), Some(is)) if is > was)
}

/// A column's value as text; none where it has none.
fn text(row: &Value, column: &str) -> Option<String> {
    match row.get(column)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A column's moment; one without a zone is in UTC.
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
    fn a_change_is_what_the_profile_says_and_nothing_else() {
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
