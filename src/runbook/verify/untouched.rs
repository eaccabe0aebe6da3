//! What the engine did to the stores by itself: an engine that repairs what it finds at its start
//! would hide what the backup lost, and one that cleans up would lose it. Compares two states of a
//! site between which only the engine was active.

use crate::{
    base::{
        error::Error,
        ids::{ObjectKey, TableName},
        sorted::EntryChange,
    },
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{EngineStart, Profile, ProfileEntity},
        state::{ObjectState, Row, Sequence, State, TableRows, change},
    },
    runbook::verify::{CheckResult, Names, Reference, at_start::Allowed},
    site::{Restored, Site},
    system::{
        engine::{UploadRequest, media_type},
        objects::Got,
    },
};
use std::{collections::BTreeSet, path::Path};

/// ChangeFindings that are listed one by one, at most.
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

/// What the probe's upload has at least, in bytes: engines and stores treat large bodies otherwise.
const LARGE: u32 = 1 << 20;

/// Whether the engine accepts writes on what was restored: an upload that is stored as it was sent and
/// listed, and a delete that takes it away.
pub async fn accepts_write(site: &Site<Restored>, reference: &Reference) -> Result<CheckResult, Error> {
    let skipped = || Ok(CheckResult::skipped("no asset is known that could be uploaded again"));
    let Some((name, asset)) = reference.known.assets.iter().next() else { return skipped() };
    let Got::Found { mut bytes, .. } = site.objects.get(&asset.key).await? else { return skipped() };
    // What follows the end of a picture is no part of it.
    bytes.extend((0..LARGE / 4).flat_map(u32::to_be_bytes));
    let api = site.engine.api().await?;
    let media_type = media_type(Path::new(name.as_str())).to_owned();
    let upload =
        UploadRequest { name: format!("written-{name}"), bytes, media_type, ..UploadRequest::default() };
    let found = |kind, actual: String| {
        let entity = Entity::Engine("engine".to_owned());
        let expected = "an upload is stored as it was sent and listed, and a delete takes it away";
        Finding::new(CheckId::Untouched, kind, entity, expected, actual)
    };
    let record = match api.upload(&upload).await {
        Ok(record) => record,
        Err(refused) => {
            let refused = found(FindingKind::EngineNotReady, refused.to_string());
            return Ok(CheckResult::checked(1, vec![refused]));
        }
    };
    let stored = match site.objects.get(&record.filename.as_str().into()).await? {
        Got::Found { bytes, .. } if bytes == upload.bytes => None,
        Got::Found { bytes, .. } => Some(format!("{} bytes at {}, other ones", bytes.len(), record.filename)),
        Got::Missing => Some(format!("no object at {}", record.filename)),
        Got::Denied => return Err(Error::environment(format!("can't read {}", record.filename))),
    };
    let listed = async || Ok::<_, Error>(api.assets().await?.iter().any(|asset| asset.id == record.id));
    let unlisted = (!listed().await?).then(|| "the upload is not listed".to_owned());
    // An engine that may not delete has accepted the write all the same.
    let kept = match api.delete_asset(&record.id, true).await {
        Ok(()) if listed().await? => Some("after its delete was acknowledged it is still listed".to_owned()),
        Ok(()) if api.asset(&record.id).await.is_ok() => {
            Some("after its delete was acknowledged its details are still shown".to_owned())
        }
        Ok(()) | Err(_) => None,
    };
    let wrong = [stored, unlisted, kept].into_iter().flatten();
    let wrong = wrong.map(|actual| found(FindingKind::UnstoredWrite, actual));
    Ok(CheckResult::checked(1, wrong.collect()))
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
        if let Some(last) = self.few.last_mut().filter(|_| self.more > 0) {
            last.actual += &format!(" (and {} more like it)", self.more);
        }
        CheckResult::checked(at, self.few)
    }
}
