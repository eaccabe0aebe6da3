//! What the profile lets the start of an engine do (`at-start`): which differences between two looks at
//! the stores are its doing and nobody's damage, and the wait until it has been done. A difference that
//! the profile does not name is none of these, however likely it looks.

use crate::{
    base::{
        clock::Clock,
        error::Error,
        ids::{ObjectKey, TableName},
        sorted::EntryChange,
    },
    model::{
        profile::{AtStart, Binary, Due, EngineStart, Profile, ProfileEntity, RunRows},
        state::{Database, Row, State},
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
            for EntryChange { key, was, is } in differences(&entity.table, &before.database, &after.database)
            {
                let (Some(was), Some(is)) = (was, is) else { continue };
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
                let made = runs_of(rule, &key, profile, &before.database, &after.database);
                let Some(table) = profile.entities.get(&runs.entity).map(|entity| &entity.table) else {
                    continue;
                };
                let made = made.into_iter().take(runs.times).map(|(run, _)| (table.clone(), run));
                allowed.rows.extend(made);
            }
        }
        for (table, rows) in adds {
            let new = added(table, &before.database, &after.database).map(|(key, _)| key);
            let new: Vec<String> = new.filter(|key| !allowed.row(table, key)).take(rows).collect();
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

/// What differs between the rows of a table. A table that is not there has none.
fn differences(
    table: &TableName,
    before: &Database,
    after: &Database,
) -> impl Iterator<Item = EntryChange<String, Row>> + use<> {
    let rows = |database: &Database| database.tables.get(table).map(|t| t.rows.clone()).unwrap_or_default();
    rows(before).differences(&rows(after))
}

/// The rows that only the second look saw.
fn added(
    table: &TableName,
    before: &Database,
    after: &Database,
) -> impl Iterator<Item = (String, Row)> + use<> {
    differences(table, before, after).filter_map(|EntryChange { key, was, is }| match was {
        Some(_) => None,
        None => Some((key, is?)),
    })
}

/// The new rows that tell of runs of the row with this key, by their keys.
pub fn runs_of(
    rule: &AtStart,
    key: &str,
    profile: &Profile,
    before: &Database,
    after: &Database,
) -> Vec<(String, Row)> {
    let Some(runs) = &rule.runs else { return Vec::new() };
    let Some(owner) = alone(key) else { return Vec::new() };
    let table = profile.entities.get(&runs.entity).map(|entity| &entity.table);
    let new = table.into_iter().flat_map(|table| added(table, before, after));
    new.filter(|(_, row)| row.json.value().get(&runs.of) == Some(&owner)).collect()
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
        let tables = before.tables.get(&entity.table).zip(now.tables.get(&entity.table));
        let both = tables.into_iter().flat_map(|(was, is)| {
            was.rows.iter().filter_map(|(key, row)| is.rows.get(&key).map(|is| (key, row, is)))
        });
        both.into_iter().all(|(key, was, is)| {
            let due: Vec<&AtStart> = rules
                .iter()
                .filter(|r| r.is_required())
                .filter(|r| r.is_due(&was.json.value(), start) == Due::Yes)
                .collect();
            let done = |rule: &&AtStart| {
                let runs = runs_of(rule, &key, profile, before, now);
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
