//! What the engine did to the stores by itself: an engine that repairs what it finds at its start
//! would hide what the backup lost, and one that cleans up would lose it. Compares two states of a
//! site between which only the engine was active.

use crate::{
    base::{
        ids::{ObjectKey, TableName},
        shared::Shared,
    },
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{EngineStart, Profile, ProfileEntity},
        state::{Row, Sequence, State, change},
    },
    runbook::verify::{CheckResult, Names, at_start::Allowed},
    site::{Restored, Site},
};
use std::collections::{BTreeMap, BTreeSet};

/// Findings that are listed one by one, at most.
const MOST: usize = 20;

/// Between the states before and after the engine's start, nothing may change but what the profile
/// describes (`at-start`).
pub fn by_start(
    before: &State,
    after: &State,
    profile: &Profile,
    names: &Names,
    start: &EngineStart,
) -> CheckResult {
    let allowed = Allowed::between(before, after, profile, Some(start));
    let rows = before
        .database
        .tables
        .iter()
        .filter_map(|(name, was)| Some((name, &was.rows, &after.database.tables.get(name)?.rows)));
    let when = "before the engine's start";
    let mut findings = Vec::new();
    let mut at = 1 + before.objects.len();
    for (table, was, is) in rows {
        at += was.len();
        let entity = |key: &String| row(table, key, was.get(key).or_else(|| is.get(key)), profile);
        findings.extend(changes(was, is, |key, _| !allowed.row(table, key), when, entity));
    }
    at += before.results.len();
    for (was, is) in [(&before.objects, &after.objects), (&before.results, &after.results)] {
        let counts = |key: &ObjectKey, is_new: bool| !(is_new && allowed.object(key));
        findings.extend(changes(was, is, counts, when, |key| names.entity(key)));
    }
    let (was, is) = (&before.database.catalog.parts, &after.database.catalog.parts);
    at += was.len();
    findings.extend(changes(was, is, |_, _| true, when, |part| Entity::Table(TableName::new(part))));
    findings.extend(wound_on(before, after));
    summed_up(at, findings)
}

/// Sequences that would have collided and don't any more. That one goes on is what sequences do.
fn wound_on(before: &State, after: &State) -> Vec<Finding> {
    let collides = |s: &Sequence| {
        s.reached.is_some_and(|reached| if s.increment < 0 { reached <= s.next } else { reached >= s.next })
    };
    let (was, is) = (&before.database.sequences, &after.database.sequences);
    let mended = was.iter().filter_map(|(name, was)| {
        let is = is.get(name).filter(|is| collides(was) && !collides(is))?;
        let (expected, actual) = (format!("next value {}", was.next), format!("next value {}", is.next));
        let entity = Entity::Sequence(name.clone());
        Some(Finding::new(CheckId::Untouched, FindingKind::EngineChangedData, entity, expected, actual))
    });
    mended.collect()
}

/// What a backup took away from its source or changed there, in a line. What it adds is its own
/// book-keeping.
pub fn by_backup(before: &State, after: &State, profile: &Profile, names: &Names) -> Option<String> {
    let old = |is_new: bool| !is_new;
    let when = "before the backup";
    let mut findings = Vec::new();
    for (table, was) in &before.database.tables {
        let none = Shared::default();
        let is = after.database.tables.get(table).map_or(&none, |table| &table.rows);
        let entity = |key: &String| row(table, key, was.rows.get(key), profile);
        findings.extend(changes(&was.rows, is, |_, is_new| old(is_new), when, entity));
    }
    for (was, is) in [(&before.objects, &after.objects), (&before.results, &after.results)] {
        findings.extend(changes(was, is, |_, is_new| old(is_new), when, |key| names.entity(key)));
    }
    let (was, is) = (&before.database.catalog.parts, &after.database.catalog.parts);
    let part = |part: &String| Entity::Table(TableName::new(part));
    findings.extend(changes(was, is, |_, is_new| old(is_new), when, part));
    let said = findings.iter().take(MOST).map(|f| format!("{} {}", f.entity, f.actual));
    let mut said: Vec<String> = said.collect();
    if findings.len() > MOST {
        said.push(format!("and {} more", findings.len() - MOST));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

/// A row by the name that people know it by.
fn row(table: &TableName, key: &str, row: Option<&Row>, profile: &Profile) -> Entity {
    let name = row.map(|row| profile.row_name(table, key, &row.json.value()));
    Entity::Row { table: table.clone(), row: name.unwrap_or_else(|| key.to_owned()) }
}

/// Renders may add rows (usage, audit) and objects (results); they may not take away or change anything.
/// Rows of entities that a start may change can still be on their way.
pub fn by_renders(before: &State, after: &State, profile: &Profile, names: &Names) -> CheckResult {
    let when = "before the renders";
    let mut at = 1 + before.objects.len();
    let old = |_: &ObjectKey, is_new: bool| !is_new;
    let mut findings = changes(&before.objects, &after.objects, old, when, |key| names.entity(key));
    let lasting =
        |e: &ProfileEntity| !e.binaries.is_empty() || e.definition.is_some() || e.next_run.is_some();
    let rules = || profile.entities.values().flat_map(|e| &e.at_start);
    let run = |name: &String| rules().any(|rule| rule.runs.as_ref().is_some_and(|runs| runs.entity == *name));
    let moving = |(name, e): &(&String, &ProfileEntity)| !lasting(e) && (!e.at_start.is_empty() || run(name));
    let moving: BTreeSet<_> = profile.entities.iter().filter(moving).map(|(_, e)| &e.table).collect();
    for (table, was) in &before.database.tables {
        let Some(is) = after.database.tables.get(table) else { continue };
        at += was.rows.len();
        let counts = |_: &String, is_new: bool| !is_new && !moving.contains(table);
        let entity = |key: &String| row(table, key, was.rows.get(key), profile);
        findings.extend(changes(&was.rows, &is.rows, counts, when, entity));
    }
    summed_up(at, findings)
}

/// Whether an engine that was ready still is.
pub async fn still_ready(site: &Site<Restored>) -> Option<Finding> {
    let why = match site.engine.api().await {
        Err(error) => error.to_string(),
        Ok(api) => match api.ready().await {
            Ok(ready) if ready.ok => return None,
            Ok(ready) => format!("it was ready; after the checks: {}", ready.answer),
            Err(unreachable) => format!("it was ready; after the checks: {unreachable}"),
        },
    };
    let entity = Entity::Engine("engine".to_owned());
    let expected = format!("after the checks still: {}", site.profile.ready_shown());
    Some(Finding::new(CheckId::Untouched, FindingKind::EngineNotReady, entity, expected, why))
}

/// What changed, as far as it `counts`: by its key, and whether it is new. What went away always does.
fn changes<K: Ord + Clone, V: PartialEq + Clone>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
    counts: impl Fn(&K, bool) -> bool,
    when: &str,
    entity: impl Fn(&K) -> Entity,
) -> Vec<Finding> {
    let changed = change(before, after);
    let found = |key: &K, expected: String, actual: &str| {
        Finding::new(CheckId::Untouched, FindingKind::EngineChangedData, entity(key), expected, actual)
    };
    let counted = changed.set.keys().filter(|key| counts(key, !before.contains_key(*key)));
    let set = counted.map(|key| match before.contains_key(key) {
        true => found(key, format!("as it was {when}"), "changed"),
        false => found(key, format!("nothing, as {when}"), "added"),
    });
    set.chain(changed.gone.iter().map(|key| found(key, format!("as it was {when}"), "removed"))).collect()
}

fn summed_up(at: usize, mut findings: Vec<Finding>) -> CheckResult {
    if findings.len() > MOST {
        let more = findings.len() - MOST;
        findings.truncate(MOST);
        if let Some(last) = findings.last_mut() {
            last.actual += &format!(" (and {more} more like it)");
        }
    }
    CheckResult::checked(at, findings)
}
