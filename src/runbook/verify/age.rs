//! How old a backup is, by its contents: the newest time in its rows, and the newest of its objects. A
//! time that was in the future when the run began (an expiry, a next run) does not count.

use crate::{
    base::ids::ObjectKey,
    model::{profile::Profile, state::Database},
};
use chrono::{DateTime, NaiveDateTime, Utc};
use std::time::Duration;

/// How old an existing backup was when the run began.
#[derive(Clone, Debug, Default)]
pub struct BackupAge {
    /// When the run began.
    pub now: DateTime<Utc>,
    /// The newest row.
    pub row: Option<Newest>,
    /// The newest object.
    pub object: Option<Newest>,
}

impl BackupAge {
    /// What the age is measured from: the newest row, or the newest object where no row has a time.
    pub fn newest(&self) -> Option<&Newest> {
        self.row.as_ref().or(self.object.as_ref())
    }

    /// The age.
    pub fn age(&self) -> Option<Duration> {
        Some(self.newest()?.age(self.now))
    }
}

/// The newest row or object of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// When.
    pub at: DateTime<Utc>,
    /// Where it was found: `audit_events.created_at`, or an object's key.
    pub place: String,
}

impl Newest {
    /// The age at a moment.
    pub fn age(&self, now: DateTime<Utc>) -> Duration {
        (now - self.at).to_std().unwrap_or_default()
    }

    /// The newest of some objects that is not in the future.
    pub fn of_objects(
        objects: impl IntoIterator<Item = (ObjectKey, DateTime<Utc>)>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let past = objects.into_iter().filter(|(_, at)| *at <= now);
        past.max_by_key(|(_, at)| *at).map(|(key, at)| Self { at, place: key.to_string() })
    }

    /// The newest moment in any column of any row that is not in the future, in the tables that the
    /// profile names: others, such as a record of migrations, show when a program ran and not what was
    /// saved. Columns that the profile names as a next run are plans and do not count. `timestamp` without
    /// a zone is taken as UTC.
    pub fn of_rows(database: &Database, profile: &Profile, now: DateTime<Utc>) -> Option<Self> {
        let mut newest: Option<Self> = None;
        for (name, table) in &database.tables {
            let entities: Vec<_> = profile.entities.values().filter(|entity| entity.table == *name).collect();
            let is_plan = |column: &String| entities.iter().any(|e| e.next_run.as_ref() == Some(column));
            if entities.is_empty() {
                continue;
            }
            let rows = table.rows.values().filter_map(|row| match row.json.value() {
                serde_json::Value::Object(members) => Some(members),
                _ => None,
            });
            for (column, value) in rows.flatten().filter(|(column, _)| !is_plan(column)) {
                let Some(at) = value.as_str().and_then(moment).filter(|at| *at <= now) else { continue };
                if newest.as_ref().is_none_or(|n| n.at < at) {
                    newest = Some(Self { at, place: format!("{name}.{column}") });
                }
            }
        }
        newest
    }
}

/// A moment as PostgreSQL writes it into JSON (ISO 8601).
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let bytes = text.as_bytes();
    // Most values are none: they are not parsed.
    if bytes.len() < 19 || bytes[4] != b'-' || !matches!(bytes[10], b'T' | b' ') {
        return None;
    }
    let zoned = DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc));
    let text = text.replacen(' ', "T", 1);
    zoned.ok().or_else(|| Some(NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").ok()?.and_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::digest::Digest,
        model::state::{Row, Table},
        scenario::profile::read_profile,
    };

    #[test]
    fn the_newest_moment_is_found_and_plans_and_the_future_are_not() {
        let now = moment("2026-11-22T18:00:00Z").unwrap();
        let row = |json: serde_json::Value| Row { digest: Digest::of("x"), json: json.into() };
        let mut database = Database::default();
        let table = |json| Table {
            columns: Vec::new(),
            rows: [("1".to_owned(), row(json))].into_iter().collect(),
            ..Table::default()
        };
        let mut add = |name: &str, json| database.tables.insert(name.into(), table(json));
        add(
            "assets",
            serde_json::json!({ "created_at": "2026-11-22T09:00:00.5+02:00", "n": 5, "t": "2026-11-22" }),
        );
        add("schedules", serde_json::json!({ "next_run_at": "2026-11-22T17:59:00+00:00" }));
        add(
            "tokens",
            serde_json::json!({ "expires": "2026-11-22T18:00:01", "made": "2026-11-22T07:00:00.4" }),
        );
        let profile = read_profile("pulp-engine").unwrap();
        let newest = Newest::of_rows(&database, &profile, now).unwrap();
        assert_eq!(newest.place, "assets.created_at");
        assert_eq!(newest.age(now), Duration::from_millis(10 * 3_600_000 + 3_599_500));
        assert_eq!(Newest::of_rows(&Database::default(), &profile, now), None);
    }
}
