//! What the engine did to the stores by itself: an engine that repairs what it finds at its start
//! would hide what the backup lost, and one that cleans up would lose it. Compares two states of a
//! site between which only the engine was active.

use crate::{
    base::{
        ids::{ObjectKey, TableName},
        sorted::EntryChange,
    },
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{EngineStart, Profile, ProfileEntity},
        state::{ObjectState, Row, Sequence, State, TableRows, change},
    },
    runbook::verify::{CheckResult, Names, at_start::Allowed},
    site::{Restored, Site},
};
use std::collections::BTreeSet;

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
    let mut findings = ChangeFindings::default();
    let mut at = 1 + before.objects.len();
    for (table, was, is) in rows {
        at += was.len();
        let entity = |change: &EntryChange<String, Row>| row(table, change, profile);
        findings.append(changes(was.differences(is), |key, _| !allowed.row(table, key), when, entity));
    }
    at += before.results.len();
    for (was, is) in [(&before.objects, &after.objects), (&before.results, &after.results)] {
        let counts = |key: &ObjectKey, is_new: bool| !(is_new && allowed.object(key));
        findings.append(changes(was.differences(is), counts, when, |change| names.entity(&change.key)));
    }
    at += before.database.catalog.parts.len();
    findings.append(changes(parts(before, after), |_, _| true, when, part));
    wound_on(before, after).into_iter().for_each(|finding| findings.add(|| finding));
    findings.summed_up(at)
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
    let mut findings = ChangeFindings::default();
    for (table, was) in &before.database.tables {
        let none = TableRows::default();
        let is = after.database.tables.get(table).map_or(&none, |table| &table.rows);
        let entity = |change: &EntryChange<String, Row>| row(table, change, profile);
        findings.append(changes(was.rows.differences(is), |_, is_new| old(is_new), when, entity));
    }
    for (was, is) in [(&before.objects, &after.objects), (&before.results, &after.results)] {
        let entity = |change: &EntryChange<ObjectKey, ObjectState>| names.entity(&change.key);
        findings.append(changes(was.differences(is), |_, is_new| old(is_new), when, entity));
    }
    findings.append(changes(parts(before, after), |_, is_new| old(is_new), when, part));
    let said = findings.few.iter().map(|f| format!("{} {}", f.entity, f.actual));
    let mut said: Vec<String> = said.collect();
    if findings.more > 0 {
        said.push(format!("and {} more", findings.more));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

/// A row by the name that people know it by.
fn row(table: &TableName, change: &EntryChange<String, Row>, profile: &Profile) -> Entity {
    let row = change.was.as_ref().or(change.is.as_ref());
    let name = row.map(|row| profile.row_name(table, &change.key, &row.json.value()));
    Entity::Row { table: table.clone(), row: name.unwrap_or_else(|| change.key.clone()) }
}

/// Definitions of objects of the schema, before and after.
type PartChange = EntryChange<String, (Option<TableName>, String)>;

/// What differs between two schemas.
fn parts(before: &State, after: &State) -> impl Iterator<Item = PartChange> {
    let (was, is) = (&before.database.catalog.parts, &after.database.catalog.parts);
    let changed = change(was, is);
    let keys: BTreeSet<String> = changed.set.into_keys().chain(changed.gone).collect();
    keys.into_iter().map(|key| EntryChange { was: was.get(&key).cloned(), is: is.get(&key).cloned(), key })
}

fn part(change: &PartChange) -> Entity {
    Entity::Table(TableName::new(&change.key))
}

/// Renders may add rows (usage, audit) and objects (results); they may not take away or change anything.
/// Rows of entities that a start may change can still be on their way.
pub fn by_renders(before: &State, after: &State, profile: &Profile, names: &Names) -> CheckResult {
    let when = "before the renders";
    let mut at = 1 + before.objects.len();
    let old = |_: &ObjectKey, is_new: bool| !is_new;
    let objects = before.objects.differences(&after.objects);
    let mut findings = changes(objects, old, when, |change| names.entity(&change.key));
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
        let entity = |change: &EntryChange<String, Row>| row(table, change, profile);
        findings.append(changes(was.rows.differences(&is.rows), counts, when, entity));
    }
    findings.summed_up(at)
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
fn changes<K, V>(
    differences: impl Iterator<Item = EntryChange<K, V>>,
    counts: impl Fn(&K, bool) -> bool,
    when: &str,
    entity: impl Fn(&EntryChange<K, V>) -> Entity,
) -> ChangeFindings {
    let (mut set, mut gone) = (ChangeFindings::default(), ChangeFindings::default());
    let found = |change: &EntryChange<K, V>, expected: String, actual: &str| {
        Finding::new(CheckId::Untouched, FindingKind::EngineChangedData, entity(change), expected, actual)
    };
    for change in differences {
        match (&change.was, &change.is) {
            (Some(_), Some(_)) if counts(&change.key, false) => {
                set.add(|| found(&change, format!("as it was {when}"), "changed"));
            }
            (None, Some(_)) if counts(&change.key, true) => {
                set.add(|| found(&change, format!("nothing, as {when}"), "added"));
            }
            (Some(_), None) => gone.add(|| found(&change, format!("as it was {when}"), "removed")),
            (Some(_) | None, Some(_)) | (None, None) => {}
        }
    }
    set.append(gone);
    set
}

/// The first findings, and how many more there are.
#[derive(Default)]
struct ChangeFindings {
    few: Vec<Finding>,
    more: usize,
}

impl ChangeFindings {
    fn add(&mut self, finding: impl FnOnce() -> Finding) {
        match self.few.len() < MOST {
            true => self.few.push(finding()),
            false => self.more += 1,
        }
    }

    fn append(&mut self, others: Self) {
        self.more += others.more;
        others.few.into_iter().for_each(|finding| self.add(|| finding));
    }

    fn summed_up(mut self, at: usize) -> CheckResult {
        if let Some(last) = self.few.last_mut() {
            last.and_more(self.more);
        }
        CheckResult::checked(at, self.few)
    }
}
