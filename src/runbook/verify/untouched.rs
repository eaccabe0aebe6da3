//! What the engine did to the stores by itself: an engine that mends what it finds at its start
//! would hide what the backup lost, and one that tidies up would lose it. Compares two looks at a
//! site between which nobody but the engine had anything to do.

use crate::{
    base::ids::ObjectKey,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{Profile, Start},
        state::{State, change},
    },
    runbook::verify::{Looked, Names, at_start::Allowed},
    site::{Restored, Site},
};
use std::collections::BTreeMap;

/// More findings are not told one by one.
const MOST: usize = 20;

/// Between the look before the engine's start and the one after it, nothing may change but what the
/// profile says of it (`at-start`).
pub fn by_start(before: &State, after: &State, profile: &Profile, names: &Names, start: &Start) -> Looked {
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
        let entity = |key: &String| {
            let json = was.get(key).or_else(|| is.get(key)).map(|row| &row.json);
            Entity::Row {
                table: table.clone(),
                row: json.map_or(key.clone(), |j| profile.row_name(table, key, j)),
            }
        };
        findings.extend(changes(was, is, |key, _| !allowed.row(table, key), when, entity));
    }
    at += before.results.len();
    for (was, is) in [(&before.objects, &after.objects), (&before.results, &after.results)] {
        let counts = |key: &ObjectKey, is_new: bool| !(is_new && allowed.object(key));
        findings.extend(changes(was, is, counts, when, |key| names.entity(key)));
    }
    summed_up(at, findings)
}

/// Renders may add rows (usage, audit) and objects (results); they may not take away or change the
/// objects, nor the rows that the profile knows binaries, definitions or next runs of.
pub fn by_renders(before: &State, after: &State, profile: &Profile, names: &Names) -> Looked {
    let when = "before the renders";
    let mut at = 1 + before.objects.len();
    let old = |_: &ObjectKey, is_new: bool| !is_new;
    let mut findings = changes(&before.objects, &after.objects, old, when, |key| names.entity(key));
    let lasting = |e: &&crate::model::profile::Entity| {
        e.binary.is_some() || e.definition.is_some() || e.next_run.is_some()
    };
    for table in profile.entities.values().filter(lasting).map(|e| &e.table) {
        let tables = (before.database.tables.get(table), after.database.tables.get(table));
        let (Some(was), Some(is)) = tables else { continue };
        at += was.rows.len();
        let entity = |key: &String| {
            let name = was.rows.get(key).map(|row| profile.row_name(table, key, &row.json));
            Entity::Row { table: table.clone(), row: name.unwrap_or_else(|| key.clone()) }
        };
        findings.extend(changes(&was.rows, &is.rows, |_, is_new| !is_new, when, entity));
    }
    summed_up(at, findings)
}

/// Whether an engine that was ready still is.
pub async fn still_ready(site: &Site<Restored>) -> Option<Finding> {
    let why = match site.engine.api().await {
        Err(trouble) => trouble.to_string(),
        Ok(api) => match api.ready().await {
            Ok(ready) if ready.ok => return None,
            Ok(ready) => format!("it was ready; after the checks: {} {}", ready.status, ready.body),
            Err(unreachable) => format!("it was ready; after the checks: {unreachable}"),
        },
    };
    let entity = Entity::Engine("engine".to_owned());
    let expected = format!("GET {} still answers 200 after the checks", site.profile.ready_path());
    Some(Finding::new(CheckId::Untouched, FindingKind::EngineNotReady, entity, expected, why))
}

/// What changed, as far as it `counts`: by its key, and whether it is new.
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

fn summed_up(at: usize, mut findings: Vec<Finding>) -> Looked {
    if findings.len() > MOST {
        let more = findings.len() - MOST;
        findings.truncate(MOST);
        if let Some(last) = findings.last_mut() {
            last.actual += &format!(" (and {more} more like it)");
        }
    }
    Looked::at(at, findings)
}
