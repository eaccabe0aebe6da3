//! Writes under load against what came back: every write that was acknowledged before the dump must be
//! whole, and of none may half be there. What was there before the load is for the other checks: from
//! what they see, the load's rows and objects are taken away here, and nowhere else.

use crate::{
    base::{digest::Digest, ids::ObjectKey},
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        load::{
            Load, Marks, Operation, Times, Way, Written,
            fate::{Fate, Judged, Seen, Sight, judge},
        },
        profile::Profile,
        state::State,
    },
    procedure::manifest::Manifest,
    runbook::verify::{CutPoint, Looked},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Assets that a finding names.
const NAMED: usize = 5;

/// The writes under load, and the backup that they raced.
#[derive(Clone, Debug)]
pub struct UnderLoad {
    /// What the writers were told.
    pub load: Load,
    /// All that they wrote.
    pub writes: Vec<Written>,
    /// How the backups were taken.
    pub way: Way,
    /// When the backup read the stores; none where it did not read both.
    pub times: Option<Times>,
    /// What its earlier backups showed.
    pub earlier: Vec<(Times, Vec<Judged>)>,
    /// By what its rows and objects are told.
    pub marks: Marks,
}

impl CutPoint {
    /// A restored state without what is new since the load began and names one of its assets. Nothing
    /// that the cut point has is taken away.
    pub fn without_load(&self, observed: &State) -> State {
        let mut ordinary = observed.clone();
        let Some(load) = &self.load else { return ordinary };
        let mut marks = load.marks.clone();
        for (name, table) in &mut ordinary.database.tables {
            let before = self.state.database.tables.get(name);
            let old = |key: &String| before.is_some_and(|table| table.rows.contains_key(key));
            table.rows.retain(|key, row| old(key) || !names(&mut marks, &row.json));
        }
        ordinary.objects.retain(|key, _| self.state.objects.contains_key(key) || !marks.are_in(key.as_str()));
        ordinary
    }

    /// An inventory without the load's assets.
    pub fn inventory_without_load(&self, mut manifest: Manifest) -> Manifest {
        if let Some(load) = &self.load {
            let of_load = |text: &str| load.marks.are_in(text);
            manifest.assets.retain(|asset| !of_load(&asset.id) && !of_load(&asset.filename));
            manifest.counts.insert("assets".to_owned(), manifest.assets.len());
        }
        manifest
    }
}

/// Whether a row names an asset of the load. Whatever else it names is then the load's too: the key of
/// an upload that was never answered.
fn names(marks: &mut Marks, row: &Value) -> bool {
    match row {
        Value::String(text) => marks.are_in(text),
        Value::Array(items) => items.iter().any(|item| names(marks, item)),
        Value::Object(fields) => fields.values().any(|value| names(marks, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What a restored state holds of each asset of the load.
pub fn sights(writes: &[Written], state: &State, profile: &Profile) -> BTreeMap<String, Sight> {
    let mut keys: BTreeMap<&str, Vec<&ObjectKey>> = BTreeMap::new();
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    for write in writes {
        keys.entry(&write.name).or_default().extend(&write.key);
        ids.extend(write.id.as_deref().map(|id| (id, write.name.as_str())));
    }
    let object = |key: &ObjectKey| state.objects.get(key).map(|object| Seen::Content(object.sha256));
    let mut sights: BTreeMap<String, Sight> = keys
        .iter()
        .map(|(name, keys)| {
            let any = keys.iter().rev().find_map(|key| object(key));
            ((*name).to_owned(), Sight { object: any.unwrap_or_default(), ..Sight::default() })
        })
        .collect();
    // Rows of assets, not of their earlier versions.
    for (entity, binary) in profile.assets() {
        let Some(table) = state.database.tables.get(&entity.table) else { continue };
        for (row_key, row) in &table.rows {
            let text = |column: &String| row.json.get(column).and_then(Value::as_str);
            let label = profile.row_name(&entity.table, row_key, &row.json);
            let by_id = row.json.get("id").and_then(Value::as_str).and_then(|id| ids.get(id));
            let by_label = keys.get_key_value(label.as_str()).map(|(name, _)| name);
            let Some(name) = by_id.or(by_label) else { continue };
            let said = binary.sha256.as_ref().and_then(text).and_then(|hash| hash.parse::<Digest>().ok());
            let row = said.map_or(Seen::Present, Seen::Content);
            let key = text(&binary.key).map(ObjectKey::from);
            let object = key.as_ref().and_then(object).unwrap_or_default();
            sights.insert((*name).to_owned(), Sight { row, object, key });
        }
    }
    sights
}

/// Judges the writes by a restored state.
pub fn judged(load: &UnderLoad, observed: &State, profile: &Profile) -> Vec<Judged> {
    let Some(times) = load.times else { return Vec::new() };
    judge(&load.writes, &sights(&load.writes, observed, profile), times)
}

/// Looks at the writes under load.
pub fn check(load: &UnderLoad, judged: &[Judged], profile: &Profile) -> Looked {
    if load.times.is_none() {
        return Looked::unknown("no backup read both stores while writers wrote", Vec::new());
    }
    let mut findings = Vec::new();
    for operation in Operation::ALL {
        let of_it: Vec<&Judged> = judged.iter().filter(|j| j.write.operation == operation).collect();
        for kind in [
            FindingKind::LostAcknowledgedWrite,
            FindingKind::HalfKeptWrite,
            FindingKind::WronglyKeptWrite,
            FindingKind::OrphanBinary,
        ] {
            let found: Vec<&Judged> = of_it.iter().copied().filter(|j| kind_of(j) == Some(kind)).collect();
            if !found.is_empty() {
                findings.push(told(kind, operation, &found, &of_it));
            }
        }
    }
    findings.extend(too_late(judged, profile));
    Looked::at(judged.len(), findings)
}

/// What is wrong with a write, if anything is.
fn kind_of(judged: &Judged) -> Option<FindingKind> {
    match (judged.fate, judged.due) {
        (Fate::Kept, _) | (Fate::Gone, false) => None,
        (_, true) => Some(FindingKind::LostAcknowledgedWrite),
        (Fate::Half, false) => Some(FindingKind::HalfKeptWrite),
        (Fate::Orphan, false) => Some(FindingKind::OrphanBinary),
        (Fate::Wrong, false) => Some(FindingKind::WronglyKeptWrite),
    }
}

fn told(kind: FindingKind, operation: Operation, found: &[&Judged], all: &[&Judged]) -> Finding {
    let (expected, among) = if kind == FindingKind::LostAcknowledgedWrite {
        let due = all.iter().filter(|j| j.due).count();
        (format!("each of the {due} that were acknowledged before the dump is whole"), due)
    } else {
        ("what the dump did not see whole is in neither store".to_owned(), all.len())
    };
    let one = |j: &&Judged| format!("{} ({})", j.write.name, j.fate.words());
    let mut names: Vec<String> = found.iter().take(NAMED).map(one).collect();
    if found.len() > NAMED {
        names.push(format!("{} more", found.len() - NAMED));
    }
    let actual = format!("{} of {among}: {}", found.len(), names.join(", "));
    let entity = Entity::Writes(operation.plural().to_owned());
    Finding::new(CheckId::Acknowledged, kind, entity, expected, actual)
}

/// Rows of writes that began after the dump: what came back is of another moment.
fn too_late(judged: &[Judged], profile: &Profile) -> Option<Finding> {
    let mut late: Vec<&Judged> = judged.iter().filter(|j| j.too_late).collect();
    late.dedup_by_key(|j| &j.write.name);
    let table = profile.assets().first().map(|(entity, _)| entity.table.clone()).unwrap_or_default();
    let entity = Entity::Row { table, row: late.first()?.write.name.clone() };
    let expected = "no row of a write that began after the dump";
    let actual = format!("rows of {} such writes", late.len());
    Some(Finding::new(CheckId::Acknowledged, FindingKind::RowAdded, entity, expected, actual))
}
