//! The rows of one file, parsed by its form, and what does not match the form.

use crate::base::digest::{Digest, Hasher};
use crate::model::profile::{FileForm, FileTable};
use serde_json::{Map, Value, json};

/// A row before other tables' members are removed from it.
pub(super) struct Part {
    /// As JSON text, like a database's.
    pub key: String,
    /// The row.
    pub json: Value,
}

/// A row with its place in the file.
struct Placed {
    place: Vec<Value>,
    json: Value,
}

/// The rows of a file. Also what is wrong with it, if anything; rows that are well are given all the
/// same.
pub(super) fn of(path: &str, bytes: &[u8], table: &FileTable) -> (Vec<Part>, Option<String>) {
    let mut wrong = None;
    let mut rows = match table.form {
        FileForm::Object => whole(path, bytes, &mut wrong),
        FileForm::ObjectOfRows => members(bytes, &mut wrong),
        FileForm::Lines => lines(bytes, &mut wrong),
    };
    if let Some(member) = &table.within {
        rows = rows.into_iter().flat_map(|row| within(row, member, &table.inherit, &mut wrong)).collect();
    }
    let parts = rows.into_iter().filter_map(|Placed { place, json }| {
        if !json.is_object() {
            wrong.get_or_insert_with(|| format!("{} is no object", Value::from(place.clone())));
            return None;
        }
        if let Some(lacking) = table.key.iter().find(|member| json.get(member).is_none()) {
            wrong.get_or_insert_with(|| format!("{} has no `{lacking}`", Value::from(place.clone())));
            return None;
        }
        let key: Vec<Value> = match &table.key[..] {
            [] => place,
            members => members.iter().filter_map(|member| json.get(member).cloned()).collect(),
        };
        Some(Part { key: Value::from(key).to_string(), json })
    });
    let parts = parts.collect();
    (parts, wrong)
}

fn parsed(bytes: &[u8], wrong: &mut Option<String>) -> Option<Value> {
    serde_json::from_slice(bytes)
        .map_err(|error| wrong.get_or_insert_with(|| format!("not valid JSON: {error}")))
        .ok()
}

fn whole(path: &str, bytes: &[u8], wrong: &mut Option<String>) -> Vec<Placed> {
    parsed(bytes, wrong).into_iter().map(|json| Placed { place: vec![json!(path)], json }).collect()
}

fn members(bytes: &[u8], wrong: &mut Option<String>) -> Vec<Placed> {
    match parsed(bytes, wrong) {
        Some(Value::Object(members)) => named(Vec::new(), members),
        Some(_) => {
            *wrong = Some("no object of rows".to_owned());
            Vec::new()
        }
        None => Vec::new(),
    }
}

fn lines(bytes: &[u8], wrong: &mut Option<String>) -> Vec<Placed> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let row = |(index, line): (usize, &[u8])| match serde_json::from_slice(line) {
        Ok(json) => Some(Placed { place: vec![json!(index + 1)], json }),
        Err(error) => {
            wrong.get_or_insert_with(|| format!("line {}: not valid JSON: {error}", index + 1));
            None
        }
    };
    lines.filter_map(row).collect()
}

/// The rows that a row holds in one of its members. Without the member it holds none.
fn within(row: Placed, member: &str, inherit: &[String], wrong: &mut Option<String>) -> Vec<Placed> {
    let Placed { place, mut json } = row;
    let mut rows = match json.get_mut(member).map(Value::take) {
        Some(Value::Object(members)) => named(place, members),
        Some(Value::Array(items)) => {
            let numbered = items.into_iter().enumerate();
            numbered.map(|(index, json)| Placed { place: below(&place, json!(index)), json }).collect()
        }
        None | Some(Value::Null) => Vec::new(),
        Some(_) => {
            wrong.get_or_insert_with(|| format!("`{member}` of {} holds no rows", Value::from(place)));
            Vec::new()
        }
    };
    for members in rows.iter_mut().filter_map(|row| row.json.as_object_mut()) {
        for name in inherit {
            if let Some(value) = json.get(name) {
                members.entry(name).or_insert_with(|| value.clone());
            }
        }
    }
    rows
}

fn named(place: Vec<Value>, members: Map<String, Value>) -> Vec<Placed> {
    members.into_iter().map(|(name, json)| Placed { place: below(&place, json!(name)), json }).collect()
}

fn below(place: &[Value], last: Value) -> Vec<Value> {
    place.iter().cloned().chain([last]).collect()
}

/// The digest of a row's content: the order of its members does not matter.
pub(super) fn digest(json: &Value) -> Digest {
    let mut hasher = Hasher::new();
    feed(json, &mut hasher);
    hasher.finish()
}

fn feed(json: &Value, hasher: &mut Hasher) {
    match json {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            hasher.field(format!("object {}", sorted.len()));
            for (name, value) in sorted {
                hasher.field(name);
                feed(value, hasher);
            }
        }
        Value::Array(items) => {
            hasher.field(format!("list {}", items.len()));
            items.iter().for_each(|item| feed(item, hasher));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            hasher.field(format!("value {json}"));
        }
    }
}
