//! Writes in flight during the backup against what came back: every write that was acknowledged before
//! the dump must be whole, and none may be torn. What existed before those writes is for the other
//! checks: the rows and objects of the writes are removed from what they compare here, and nowhere else.

use crate::{
    base::{
        checksum::ChecksumAlgorithm,
        digest::Digest,
        ids::{ObjectKey, TableName},
    },
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{BinaryStore, Profile},
        state::State,
        workload::{
            Marks, Written,
            write_outcome::{Judged, Sight, StoreContent, WriteOutcome, judge},
        },
        write::WriteKind,
    },
    procedure::manifest::Manifest,
    runbook::verify::{CheckResult, Reference, UnderLoad},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Assets that a finding names.
const NAMED: usize = 5;

impl Reference {
    /// A restored state without what is new since the writes began and names one of their assets. Nothing
    /// that was recorded at the cut point is removed.
    pub fn without_workload(&self, observed: &State, profile: &Profile) -> State {
        let mut ordinary = observed.clone();
        let (Some(load), Some(recorded)) = (&self.workload, &self.state) else { return ordinary };
        for (name, table) in &mut ordinary.database.tables {
            let before = recorded.database.tables.get(name);
            let old = |key: &String| before.is_some_and(|table| table.rows.contains_key(key));
            let refers = |row: &Value| {
                let binaries = profile.entity_of(name, row).into_iter().flat_map(|entity| &entity.binaries);
                binaries.flat_map(|binary| binary.referred(row)).any(|to| load.marks.are_in(&to.key))
            };
            let also = profile.write.as_ref().is_some_and(|write| write.also.contains(name));
            table.rows.retain(|key, row| {
                if old(key) {
                    return true;
                }
                let row = row.json.value();
                !also && !names(&load.marks, &row) && !refers(&row)
            });
        }
        let of_load = |key: &ObjectKey| load.marks.are_in(key.as_str()) || load.marks.are_in(stem(key));
        ordinary.objects.retain(|key, _| recorded.objects.contains_key(key) || !of_load(key));
        ordinary.results.retain(|key, _| recorded.results.contains_key(key) || !of_load(key));
        for (table, count) in added_by_jobs(load, profile) {
            let Some(is) = ordinary.database.tables.get_mut(&table) else { continue };
            let before = recorded.database.tables.get(&table);
            let new = |key: &String| !before.is_some_and(|table| table.rows.contains_key(key));
            let keys: Vec<String> = is.rows.keys().filter(new).take(count).collect();
            is.rows.retain(|key, _| !keys.contains(key));
        }
        ordinary
    }

    /// An inventory without the assets of those writes.
    pub fn inventory_without_workload(&self, mut manifest: Manifest) -> Manifest {
        if let Some(load) = &self.workload {
            let of_load = |text: &str| load.marks.are_in(text);
            manifest.assets.retain(|asset| !of_load(&asset.id) && !of_load(&asset.filename));
            manifest.counts.insert("assets".to_owned(), manifest.assets.len());
        }
        manifest
    }
}

/// The object's name without its ending: results are kept under the id of their job.
fn stem(key: &ObjectKey) -> &str {
    let name = key.as_str().rsplit('/').next().unwrap_or_default();
    name.split('.').next().unwrap_or_default()
}

/// The rows of other tables that the load's batch jobs have added, at most: they name no job.
fn added_by_jobs(load: &UnderLoad, profile: &Profile) -> Vec<(TableName, usize)> {
    let jobs = load.writes.iter().filter(|write| write.operation == WriteKind::Batch).count();
    let of_jobs = profile.with_binaries().filter(|(_, binary)| binary.store == BinaryStore::Results);
    let mut most = BTreeMap::new();
    for (name, count) in of_jobs.flat_map(|(entity, _)| &entity.at_start).flat_map(|rule| &rule.adds) {
        if let Some(other) = profile.entities.get(name) {
            let adds = most.entry(other.table.clone()).or_insert(0);
            *adds = jobs.saturating_mul(*count).max(*adds);
        }
    }
    most.into_iter().collect()
}

/// Whether a row names something of the load.
fn names(marks: &Marks, row: &Value) -> bool {
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
    for write in writes.iter().filter(|write| write.operation.writes_asset()) {
        keys.entry(&write.name).or_default().extend(&write.key);
        ids.extend(write.id.as_deref().map(|id| (id, write.name.as_str())));
    }
    let owners: BTreeMap<&str, &str> =
        keys.iter().flat_map(|(name, keys)| keys.iter().map(|key| (key.as_str(), *name))).collect();
    let object = |key: &ObjectKey| state.objects.get(key).map(|object| StoreContent::Content(object.sha256));
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
            let row = row.json.value();
            let label = profile.row_name(&entity.table, &row_key, &row);
            let by_id = row.get("id").and_then(Value::as_str).and_then(|id| ids.get(id));
            let by_label = keys.get_key_value(label.as_str()).map(|(name, _)| name);
            let all = binary.referred(&row);
            let by_key = all.iter().find_map(|to| Some((owners.get(to.key.as_str())?, to)));
            let Some(name) = by_id.or(by_label).or(by_key.map(|(name, _)| name)) else { continue };
            let referred = by_key.map(|(_, to)| to).or(all.first());
            let said = referred.and_then(|referred| referred.checksums.get(&ChecksumAlgorithm::Sha256));
            let said = said.and_then(|hash| hash.parse::<Digest>().ok());
            let row = said.map_or(StoreContent::Present, StoreContent::Content);
            let key = referred.map(|referred| ObjectKey::new(&referred.key));
            let object = key.as_ref().and_then(object).unwrap_or_default();
            sights.insert((*name).to_owned(), Sight { row, object, key });
        }
    }
    for write in writes {
        match write.operation {
            WriteKind::Label => {
                sights.entry(write.name.clone()).or_insert_with(|| label(&write.name, writes, state));
            }
            WriteKind::Batch => {
                sights.insert(write.name.clone(), job(write, state, profile));
            }
            WriteKind::Upload | WriteKind::Replace | WriteKind::Delete | WriteKind::Copy => {}
        }
    }
    sights
}

/// A label: the row whose key names it, and which version that holds. It has no object, so none can
/// be other than the row.
fn label(name: &str, writes: &[Written], state: &State) -> Sight {
    let moves: Vec<Digest> = writes.iter().filter(|w| w.name == name).filter_map(|w| w.sha256).collect();
    let is_it = |key: &String| {
        let columns: Vec<Value> = serde_json::from_str(key).unwrap_or_default();
        columns.iter().any(|column| column.as_str() == Some(name))
    };
    let mut rows = state.database.tables.values().flat_map(|table| &table.rows);
    let Some((_, row)) = rows.find(|(key, _)| is_it(key)) else { return Sight::default() };
    let row = row.json.value();
    let texts = row.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
    let version = texts.map(Digest::of).find(|digest| moves.contains(digest));
    let row = version.map_or(StoreContent::Present, StoreContent::Content);
    Sight { row, object: row, key: None }
}

/// A batch job: its row once that points at results, and the results. What is in them the job's row
/// does not tell.
fn job(write: &Written, state: &State, profile: &Profile) -> Sight {
    let Some(id) = write.id.as_deref() else { return Sight::default() };
    let seen = |there: bool| if there { StoreContent::Present } else { StoreContent::Absent };
    for (entity, binary) in profile.with_binaries().filter(|(_, binary)| binary.store == BinaryStore::Results)
    {
        let Some(table) = state.database.tables.get(&entity.table) else { continue };
        let row =
            table.rows.values().find(|row| row.json.value().get("id").and_then(Value::as_str) == Some(id));
        let referred = row.and_then(|row| binary.referred(&row.json.value()).into_iter().next());
        if let Some(key) = referred.map(|referred| ObjectKey::new(referred.key)) {
            let object = seen(state.results.contains_key(&key));
            return Sight { row: StoreContent::Present, object, key: Some(key) };
        }
    }
    let object = seen(state.results.keys().any(|key| stem(&key) == id));
    Sight { row: StoreContent::Absent, object, key: None }
}

/// Judges the writes by a restored state.
pub fn judged(load: &UnderLoad, observed: &State, profile: &Profile) -> Vec<Judged> {
    let Some(times) = load.times else { return Vec::new() };
    judge(&load.writes, &sights(&load.writes, observed, profile), times)
}

/// Checks the writes in flight.
pub fn check(load: &UnderLoad, judged: &[Judged], profile: &Profile) -> CheckResult {
    if load.times.is_none() {
        return CheckResult::unknown("no backup read both stores while writes were in flight", Vec::new());
    }
    let mut findings = Vec::new();
    for operation in WriteKind::ALL {
        let of_it: Vec<&Judged> = judged.iter().filter(|j| j.write.operation == operation).collect();
        for kind in [
            FindingKind::LostAcknowledgedWrite,
            FindingKind::TornWrite,
            FindingKind::MismatchedWrite,
            FindingKind::OrphanBinary,
        ] {
            let found: Vec<&Judged> = of_it.iter().copied().filter(|j| kind_of(j) == Some(kind)).collect();
            if !found.is_empty() {
                findings.push(to_finding(kind, operation, &found, &of_it));
            }
        }
    }
    findings.extend(too_late(judged, profile));
    CheckResult::checked(judged.len(), findings)
}

/// What is wrong with a write, if anything is.
fn kind_of(judged: &Judged) -> Option<FindingKind> {
    match (judged.fate, judged.due) {
        (WriteOutcome::Kept, _) | (WriteOutcome::Gone, false) => None,
        (_, true) => Some(FindingKind::LostAcknowledgedWrite),
        (WriteOutcome::Half, false) => Some(FindingKind::TornWrite),
        (WriteOutcome::Orphan, false) => Some(FindingKind::OrphanBinary),
        (WriteOutcome::Wrong, false) => Some(FindingKind::MismatchedWrite),
    }
}

fn to_finding(kind: FindingKind, operation: WriteKind, found: &[&Judged], all: &[&Judged]) -> Finding {
    let (expected, among) = if kind == FindingKind::LostAcknowledgedWrite {
        let due = all.iter().filter(|j| j.due).count();
        (format!("each of the {due} that were acknowledged before the dump is whole"), due)
    } else {
        ("what the dump did not see whole is in neither store".to_owned(), all.len())
    };
    let one = |j: &&Judged| format!("{} ({})", j.write.name, j.fate.describe());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        state::{Metadata, ObjectState, Row, Table},
        workload::{BackupMethod, Load, Mix, WriteAnswer},
    };
    use serde_json::json;

    fn profile() -> Profile {
        serde_saphyr::from_str(include_str!("../../../profiles/pulp-engine.yaml")).unwrap()
    }

    fn write(operation: WriteKind, name: &str, id: Option<&str>, sent: Option<&str>) -> Written {
        Written {
            writer: 0,
            number: 0,
            operation,
            name: name.to_owned(),
            id: id.map(str::to_owned),
            key: None,
            sha256: sent.map(Digest::of),
            begun: 0,
            answered: 1,
            answer: WriteAnswer::Acknowledged,
        }
    }

    fn state(rows: &[(&str, &str, Value)], results: &[&str]) -> State {
        let mut state = State::default();
        for (table, key, json) in rows {
            let row = Row { digest: Digest::of(json.to_string()), json: json.clone().into() };
            let table: &mut Table = state.database.tables.entry((*table).into()).or_default();
            table.rows.insert((*key).to_owned(), row);
        }

        let object = |key: &&str| {
            (
                (*key).into(),
                ObjectState {
                    size: 1,
                    sha256: Digest::of(key),
                    checksums: Default::default(),
                    metadata: Metadata::default(),
                },
            )
        };
        state.results = results.iter().map(object).collect();
        state
    }

    #[test]
    fn a_label_is_seen_by_its_row_alone_and_a_job_by_the_results_that_its_row_points_at() {
        let (first, second) = ("under-load-7-0", "under-load-7-0-1");
        let writes = [
            write(WriteKind::Label, first, None, Some("1.0.0")),
            write(WriteKind::Label, first, None, Some("1.1.0")),
            write(WriteKind::Batch, second, Some("17"), None),
        ];
        let seen = |rows: &[(&str, &str, Value)], results: &[&str]| {
            let sights = sights(&writes, &state(rows, results), &profile());
            let both = |name: &str| (sights[name].row, sights[name].object);
            (both(first), both(second))
        };
        let (absent, present) = (StoreContent::Absent, StoreContent::Present);
        let of = |version: &str| StoreContent::Content(Digest::of(version));
        let label = |version: &str| {
            let row = json!({ "template_id": "t", "label": first, "version": version });
            ("template_labels", r#"["t","under-load-7-0"]"#, row)
        };
        let job = |key: Value| ("batch_jobs", r#"["17"]"#, json!({ "id": "17", "result_key": key }));
        assert_eq!(seen(&[], &[]), ((absent, absent), (absent, absent)));
        assert_eq!(seen(&[label("1.1.0")], &[]).0, (of("1.1.0"), of("1.1.0")));
        // A version that no write has sent.
        assert_eq!(seen(&[label("9")], &[]).0, (present, present));
        assert_eq!(seen(&[job(json!("17.json"))], &["17.json"]).1, (present, present));
        assert_eq!(seen(&[job(json!("17.json"))], &[]).1, (present, absent));
        assert_eq!(seen(&[job(Value::Null)], &["17.json"]).1, (absent, present));
        assert_eq!(seen(&[job(Value::Null)], &["18.json"]).1, (absent, absent));
    }

    /// Without an API a write is known by the key that its command printed.
    #[test]
    fn a_row_is_found_by_the_key_of_its_object_and_set_aside_by_it() {
        let yaml = "{name: x, api: none, entities: {file: {table: files, binary: {key: 'media/${hash}'}}}, \
            write-order: {upload: binary-first, replace: binary-first, delete: row-first}, migrate: [m], seed: [s], \
            write: {upload: [u], also: [log]}}";
        let profile: Profile = serde_saphyr::from_str(yaml).unwrap();
        let key = "media/0a1b";
        let written = Written {
            key: Some(key.into()),
            ..write(WriteKind::Upload, "under-load-7-0-0.png", Some(key), Some("bytes"))
        };
        let file = |hash: &str| ("files", "[1]", json!({ "id": 1, "hash": hash }));
        let now = state(&[file("0a1b"), ("log", "[1]", json!({ "id": 1 }))], &[]);
        let sight = &sights(std::slice::from_ref(&written), &now, &profile)["under-load-7-0-0.png"];
        assert_eq!((sight.row, sight.object), (StoreContent::Present, StoreContent::Absent));
        assert_eq!(sight.key.as_ref().map(ObjectKey::as_str), Some(key));
        let mix = Mix { upload: 1, ..Mix::default() };
        let writes = vec![written];
        let load = under_load(mix, writes);
        let before = state(&[("other", "[1]", json!({ "id": 1 }))], &[]);
        let reference = Reference { state: Some(before), workload: Some(load), ..Reference::default() };
        let ordinary = reference.without_workload(&now, &profile);
        assert!(ordinary.database.tables.values().all(|table| table.rows.is_empty()));
        let other = state(&[file("ffff")], &[]);
        let ordinary = reference.without_workload(&other, &profile);
        assert_eq!(ordinary.database.tables[&TableName::from("files")].rows.len(), 1);
    }

    /// A load of one writer whose writes are known.
    fn under_load(mix: Mix, writes: Vec<Written>) -> UnderLoad {
        UnderLoad {
            load: Load { writers: 1, rate: 1, mix, seed: 7, backups: 1 },
            marks: Marks::of(&writes),
            writes,
            way: BackupMethod::DumpFirst,
            times: None,
            earlier: Vec::new(),
        }
    }

    #[test]
    fn what_was_due_is_lost_whatever_is_left_of_it_and_what_raced_is_told_by_its_half() {
        use FindingKind as K;
        for (fate, due, raced) in [
            (WriteOutcome::Kept, None, None),
            (WriteOutcome::Gone, Some(K::LostAcknowledgedWrite), None),
            (WriteOutcome::Half, Some(K::LostAcknowledgedWrite), Some(K::TornWrite)),
            (WriteOutcome::Orphan, Some(K::LostAcknowledgedWrite), Some(K::OrphanBinary)),
            (WriteOutcome::Wrong, Some(K::LostAcknowledgedWrite), Some(K::MismatchedWrite)),
        ] {
            let of = |due| {
                let write = write(WriteKind::Upload, "a.png", None, Some("a"));
                kind_of(&Judged { write, fate, due, too_late: false })
            };
            assert_eq!((of(true), of(false)), (due, raced), "{fate:?}");
        }
    }

    #[test]
    fn what_batch_jobs_of_the_load_leave_is_theirs_and_no_more_than_that() {
        let writes = vec![write(WriteKind::Batch, "under-load-7-0-1", Some("17"), None)];
        let mix = Mix { batch: 1, ..Mix::default() };
        let load = under_load(mix, writes);
        let usage = |n: u32| json!({ "id": n, "template_key": "invoice" });
        let before = state(&[("render_usage", "[1]", usage(1))], &["3.json"]);
        let reference = Reference { state: Some(before), workload: Some(load), ..Reference::default() };
        let jobs = ("batch_jobs", r#"["17"]"#, json!({ "id": "17", "result_key": "17.json" }));
        let all = [("render_usage", "[1]", usage(1)), ("render_usage", "[2]", usage(2)), jobs];
        let now = state(&all, &["3.json", "17.json", "18.json"]);
        let ordinary = reference.without_workload(&now, &profile());
        let rows = |table: &str| {
            let rows = &ordinary.database.tables[&TableName::from(table)].rows;
            rows.keys().collect::<Vec<_>>()
        };
        assert_eq!((rows("batch_jobs"), rows("render_usage")), (vec![], vec!["[1]".to_owned()]));
        let results: Vec<String> = ordinary.results.keys().map(|key| key.to_string()).collect();
        assert_eq!(results, ["18.json", "3.json"]);
        let more = state(&[all.to_vec(), vec![("render_usage", "[3]", usage(3))]].concat(), &[]);
        let left = reference.without_workload(&more, &profile());
        assert_eq!(left.database.tables[&TableName::from("render_usage")].rows.len(), 2);
    }
}
