//! What the profile lets the start of an engine do (`at-start`): which differences between two looks at
//! the stores are its doing and nobody's damage, and the wait until it has been done. A difference that
//! the profile does not name is none of these, however likely it looks.

use crate::{
    base::{
        clock::Clock,
        error::Error,
        ids::{ObjectKey, TableName},
    },
    model::{
        profile::{AtStart, Binary, Due, EngineStart, Profile, ProfileEntity, RunRows},
        state::{Database, Row, State, Table},
    },
    runbook::verify::observe,
    site::Handles,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// What is to be done at the start may take so long, and is looked for so often.
const SETTLE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_millis(100));

/// The differences between two looks that the start of an engine is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    rows: BTreeSet<(TableName, String)>,
    objects: BTreeSet<ObjectKey>,
}

impl Allowed {
    /// What the profile allows of what became another, and what appeared.
    pub fn between(before: &State, after: &State, profile: &Profile, start: Option<&EngineStart>) -> Self {
        let mut allowed = Self::default();
        let Some(start) = start else { return allowed };
        let mut adds: BTreeMap<&TableName, usize> = BTreeMap::new();
        for (entity, rules) in ruled(profile) {
            for (key, was, is) in both(entity, &before.database, &after.database) {
                let made = |rule: &&AtStart| {
                    was.digest != is.digest && rule.made(&was.json.value(), &is.json.value(), start)
                };
                let Some(rule) = rules.iter().find(made) else { continue };
                allowed.rows.insert((entity.table.clone(), key.clone()));
                allowed.objects.extend(new_objects(entity, rule, &is.json.value()));
                for (name, rows) in &rule.adds {
                    let Some(other) = profile.entities.get(name) else { continue };
                    *adds.entry(&other.table).or_default() += rows;
                }
                let Some(runs) = &rule.runs else { continue };
                let made = runs_of(rule, key, profile, &before.database, &after.database);
                let Some(table) = profile.entities.get(&runs.entity).map(|entity| &entity.table) else {
                    continue;
                };
                let made = made.into_iter().take(runs.times).map(|(run, _)| (table.clone(), run.clone()));
                allowed.rows.extend(made);
            }
        }
        for (table, rows) in adds {
            let new = added(table, &before.database, &after.database).filter(|key| !allowed.row(table, key));
            let new: Vec<String> = new.take(rows).cloned().collect();
            allowed.rows.extend(new.into_iter().map(|key| (table.clone(), key)));
        }
        allowed
    }

    /// Whether the difference in this row is one of them.
    pub fn row(&self, table: &TableName, key: &str) -> bool {
        self.rows.contains(&(table.clone(), key.to_owned()))
    }

    /// Whether this object is one of them.
    pub fn object(&self, key: &ObjectKey) -> bool {
        self.objects.contains(key)
    }
}

/// The objects to which a row refers since it was changed.
fn new_objects<'a>(
    entity: &'a ProfileEntity,
    rule: &'a AtStart,
    is: &'a Value,
) -> impl Iterator<Item = ObjectKey> + 'a {
    let moved = |binary: &&Binary| binary.key_columns().any(|column| rule.moves.iter().any(|m| m == column));
    let referred = entity.binaries.iter().filter(moved).flat_map(|binary| binary.referred(is));
    referred.map(|referred| ObjectKey::new(referred.key))
}

/// The entities whose rows the start of an engine may change.
fn ruled(profile: &Profile) -> impl Iterator<Item = (&ProfileEntity, &[AtStart])> {
    profile
        .entities
        .values()
        .map(|entity| (entity, &entity.at_start[..]))
        .filter(|(_, rules)| !rules.is_empty())
}

/// The rows of an entity that both looks saw.
fn both<'a>(
    entity: &ProfileEntity,
    before: &'a Database,
    after: &'a Database,
) -> impl Iterator<Item = (&'a String, &'a Row, &'a Row)> {
    let tables = before.tables.get(&entity.table).zip(after.tables.get(&entity.table));
    tables.into_iter().flat_map(|(before, after)| {
        before.rows.iter().filter_map(|(key, was)| Some((key, was, after.rows.get(key)?)))
    })
}

/// The keys of rows that only the second look saw.
fn added<'a>(
    table: &TableName,
    before: &'a Database,
    after: &'a Database,
) -> impl Iterator<Item = &'a String> {
    let was: BTreeSet<&String> = before.tables.get(table).into_iter().flat_map(|t| t.rows.keys()).collect();
    let is = after.tables.get(table).into_iter().flat_map(|t| t.rows.keys());
    is.filter(move |key| !was.contains(key))
}

/// The new rows that tell of runs of the row with this key, by their keys.
pub fn runs_of<'a>(
    rule: &AtStart,
    key: &str,
    profile: &Profile,
    before: &Database,
    after: &'a Database,
) -> Vec<(&'a String, &'a Row)> {
    let Some(runs) = &rule.runs else { return Vec::new() };
    let Some(Table { rows, .. }) =
        profile.entities.get(&runs.entity).and_then(|e| after.tables.get(&e.table))
    else {
        return Vec::new();
    };
    let owner = alone(key);
    let before = profile.entities.get(&runs.entity).and_then(|e| before.tables.get(&e.table));
    let is_new = |key: &String| before.is_none_or(|before| !before.rows.contains_key(key));
    let of_it = |row: &Row| owner.is_some() && row.json.value().get(&runs.of) == owner.as_ref();
    rows.iter().filter(|(key, row)| is_new(key) && of_it(row)).collect()
}

/// The value of a primary key of one column.
pub fn alone(key: &str) -> Option<Value> {
    match serde_json::from_str::<Vec<Value>>(key).ok()?.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// Whether all is done that must be done to rows as they were before the start.
fn is_settled(before: &Database, now: &Database, profile: &Profile, start: &EngineStart) -> bool {
    ruled(profile).all(|(entity, rules)| {
        both(entity, before, now).all(|(key, was, is)| {
            let due: Vec<&AtStart> = rules
                .iter()
                .filter(|r| r.is_required())
                .filter(|r| r.is_due(&was.json.value(), start) == Due::Yes)
                .collect();
            let done = |rule: &&AtStart| {
                let runs = runs_of(rule, key, profile, before, now);
                let over = |declared: &RunRows| {
                    runs.len() >= declared.times
                        && !runs.iter().any(|(_, run)| declared.is_in_flight(&run.json.value()))
                };
                rule.made(&was.json.value(), &is.json.value(), start) && rule.runs.as_ref().is_none_or(over)
            };
            due.is_empty() || due.iter().any(done)
        })
    })
}

/// Looks at the stores after the start, when what the profile says of it has been done. Where that is
/// not done in time, the checks tell what is missing.
pub async fn settled(
    site: &Handles,
    as_of: &State,
    before: &State,
    start: &mut EngineStart,
    clock: &Clock,
) -> Result<State, Error> {
    let began = Instant::now();
    loop {
        let now = observe(site, Some(as_of)).await?;
        start.until = clock.now();
        if is_settled(&before.database, &now.database, &site.profile, start) || began.elapsed() > SETTLE.0 {
            return Ok(now);
        }
        tokio::time::sleep(SETTLE.1).await;
    }
}
