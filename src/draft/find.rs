//! The search: which columns hold keys, and which record sizes, media types and checksums. Every candidate
//! is a template of the profile language and is judged by what it gives on the sampled rows.

use super::keys::KeyIndex;
use crate::{
    base::checksum::{ChecksumAlgorithm, Checksums},
    model::profile::{
        Binary, BinaryStore, ColumnPath,
        binary::{SizeColumn, SizeUnit},
        column::scalar,
        key::{KeyFilter, KeyPiece, KeyTemplate, text_at},
    },
    system::postgres::sample::SampledTable,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// Values of a column from which templates are made; all are used to judge them.
const TRIED: usize = 100;

/// Values that are searched for as folders anywhere in the keys.
const FOLDERS: usize = 3;

/// The share of references that must have their object, in percent.
const SHARE: usize = 50;

/// The share of rows in which a column must hold the size, in percent.
const SURE: usize = 95;

/// How deep JSON is searched.
const DEPTH: usize = 3;

/// Columns that name a row for people, the best first.
const LABELS: [&str; 10] = [
    "title",
    "name",
    "original_name",
    "filename",
    "file_name",
    "original_filename",
    "filename_download",
    "label",
    "slug",
    "key",
];

/// A place of strings: the element of which column, if any, and the path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    each: Option<String>,
    path: String,
}

/// The binaries of a table, those that match most objects first.
pub fn binaries(table: &SampledTable, keys: &KeyIndex) -> Vec<Binary> {
    let mut candidates: Vec<(BTreeSet<String>, Binary)> = Vec::new();
    for (place, values) in places(table) {
        for template in templates(&place, &values, table, keys) {
            let Ok(key) = template.parse() else { continue };
            let each = place.each.as_ref().and_then(|each| each.parse().ok());
            let binary = bare(key, each);
            let all: Vec<String> = keys_of(std::slice::from_ref(&binary), table).collect();
            let is_there = |key: &&String| match binary.key.is_prefix() {
                true => keys.has_below(key),
                false => keys.has(key),
            };
            let found: Vec<&String> = all.iter().filter(is_there).collect();
            let enough = !found.is_empty() && found.len() * 100 >= all.len() * SHARE;
            let found: BTreeSet<String> = found.into_iter().cloned().collect();
            // What follows the column is the name of one object: that shows nothing.
            let by_chance = found.len() == 1 && ends_with_name(&binary.key) && keys.has_others(&found);
            if enough && !by_chance {
                candidates.push((found, binary));
            }
        }
    }
    candidates.sort_by_key(|(found, binary)| {
        let columns = binary.key.paths().count();
        // What a column says is better than what happens to be the same in the sample.
        let literal = |piece: &KeyPiece| match piece {
            KeyPiece::Text(text) => text.len(),
            KeyPiece::Column { .. } => 0,
        };
        let literals: usize = binary.key.pieces().iter().map(literal).sum();
        let spelled = binary.key.to_string();
        // A URL names the present host and bucket: on another site its path may begin in another way.
        let by_url = !binary.key.is_prefix() && (spelled.contains("|url") || spelled.contains("://"));
        (binary.key.is_prefix(), std::cmp::Reverse(found.len()), by_url, literals, columns, spelled.len())
    });
    let mut covered: BTreeSet<String> = BTreeSet::new();
    let mut chosen = Vec::new();
    for (found, binary) in candidates {
        let prefix_of_known = |key: &String| {
            binary.key.is_prefix()
                && covered.range(key.clone()..).next().is_some_and(|k| k.starts_with(key.as_str()))
        };
        if found.iter().all(|key| covered.contains(key) || prefix_of_known(key)) {
            continue;
        }
        covered.extend(found);
        chosen.push(binary);
    }
    chosen
}

/// Whether a key ends with a text that contains more than an ending such as `.png`.
fn ends_with_name(key: &KeyTemplate) -> bool {
    let last = key.pieces().last();
    let is_name = matches!(last, Some(KeyPiece::Text(text)) if !text.starts_with('.') || text.contains('/'));
    is_name && !key.is_prefix()
}

fn bare(key: KeyTemplate, each: Option<ColumnPath>) -> Binary {
    Binary {
        key,
        each,
        store: BinaryStore::Assets,
        size: None,
        media_type: None,
        md5: None,
        sha1: None,
        sha256: None,
        sha512: None,
        crc32c: None,
        etag: None,
        derived: false,
        read_back: None,
    }
}

/// The keys that binaries give on the sampled rows.
pub fn keys_of<'a>(binaries: &'a [Binary], table: &'a SampledTable) -> impl Iterator<Item = String> + 'a {
    let all = binaries.iter().flat_map(|binary| table.rows.iter().flat_map(|row| binary.referred(row)));
    all.map(|referred| referred.key)
}

/// A part of a path, quoted if it must be.
fn part(name: &str) -> String {
    let plain = !name.is_empty() && !name.contains(['.', '"', '|', '}', '?', '{', '$', '*', '/']);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// JSON that is stored as such or as text.
fn as_json(value: &Value) -> Option<Value> {
    match value {
        Value::Array(_) | Value::Object(_) => Some(value.clone()),
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => serde_json::from_str(text).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// A string at a place.
struct Found {
    /// The number of its row.
    row: usize,
    /// The element of `each` that contains it.
    element: Option<Rc<Value>>,
    text: String,
}

/// All places with strings.
fn places(table: &SampledTable) -> BTreeMap<Place, Vec<Found>> {
    let mut found: BTreeMap<Place, Vec<Found>> = BTreeMap::new();
    for (number, row) in table.rows.iter().enumerate() {
        for (column, _) in &table.columns {
            let Some(value) = row.get(column) else { continue };
            let mut add = |each: Option<(&String, &Rc<Value>)>, path: String, text: &str| {
                let place = Place { each: each.map(|(each, _)| each.clone()), path };
                let element = each.map(|(_, element)| Rc::clone(element));
                found.entry(place).or_default().push(Found { row: number, element, text: text.to_owned() });
            };
            match as_json(value) {
                Some(json) => {
                    leaves(&json, &part(column), DEPTH, &mut |path, text| add(None, path, text));
                    let items: Vec<&Value> = match &json {
                        Value::Array(items) => items.iter().collect(),
                        Value::Object(members) => members.values().filter(|v| v.is_object()).collect(),
                        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
                    };
                    let each = part(column);
                    for item in items {
                        let element = Rc::new(item.clone());
                        let within = Some((&each, &element));
                        match item {
                            Value::String(text) => add(within, "each".to_owned(), text),
                            item => leaves(item, "each", DEPTH, &mut |path, text| add(within, path, text)),
                        }
                    }
                }
                None => {
                    if let Some(text) = value.as_str().filter(|text| !text.is_empty()) {
                        add(None, part(column), text);
                    }
                }
            }
        }
    }
    found
}

/// The strings inside objects of JSON.
fn leaves(value: &Value, path: &str, depth: usize, found: &mut impl FnMut(String, &str)) {
    let Value::Object(members) = value else { return };
    for (member, value) in members {
        let path = format!("{path}.{}", part(member));
        match value {
            Value::String(text) if !text.is_empty() => found(path, text),
            value if depth > 1 => leaves(value, &path, depth - 1, found),
            _ => {}
        }
    }
}

/// The templates that are worth a try for the values of a place.
fn templates(place: &Place, values: &[Found], table: &SampledTable, keys: &KeyIndex) -> BTreeSet<String> {
    let path = &place.path;
    let mut tried: BTreeSet<String> = [format!("${{{path}}}")].into();
    let step = (values.len() / TRIED).max(1);
    for found in values.iter().step_by(step).take(FOLDERS) {
        let path_of_url = KeyFilter::Url.apply(found.text.clone());
        let root = keys.root_of(&path_of_url).filter(|root| !root.contains(['{', '}', '*', '$']));
        tried.extend(root.map(|root| format!("{root}${{{path}|url}}/*")));
    }
    for Found { row, element, text: value } in values.iter().step_by(step) {
        if value.contains("://") || value.starts_with('/') || value.contains(":/") {
            tried.extend(["url", "url|drop:1", "url|drop:2"].map(|filters| format!("${{{path}|{filters}}}")));
            tried.extend(["url", "url|drop:1"].map(|filters| format!("${{{path}|{filters}}}/*")));
        }
        if value.ends_with('/') && keys.has_below(value) {
            tried.insert(format!("${{{path}}}*"));
        } else if keys.has_below(&format!("{value}/")) {
            tried.insert(format!("${{{path}}}/*"));
        }
        let others = others(&table.rows[*row], element.as_deref(), place);
        for prefix in keys.prefixes_of(value) {
            tried.extend(spelled(prefix, &others).map(|before| format!("{before}${{{path}}}")));
        }
        for rest in keys.rests_of(value).filter(|rest| rest.len() <= 200) {
            tried.extend(spelled(rest, &others).map(|after| format!("${{{path}}}{after}")));
        }
        for (prefix, rest) in keys.around(value) {
            for before in spelled(prefix, &others) {
                // A fixed ending is no part of the row: a foreign key to a table of files would be a reference.
                let endings = spelled(rest, &others).filter(|after| after.contains("${"));
                tried.extend(endings.map(|after| format!("{before}${{{path}}}{after}")));
            }
        }
        for surplus in keys.surplus_of(value).filter(|surplus| !surplus.contains(['|', '}', '"'])) {
            tried.insert(format!("${{{path}|strip:{surplus}}}"));
        }
    }
    tried
}

/// The other values of a row and of the present element that may be part of its keys: their paths.
fn others(row: &Value, element: Option<&Value>, place: &Place) -> Vec<(String, String)> {
    let members = |value: Option<&Value>, before: &'static str| {
        let members = value.and_then(Value::as_object).into_iter().flatten();
        let text =
            |(name, value): (&String, &Value)| Some((format!("{before}{}", part(name)), scalar(value)?));
        members.filter_map(text).collect::<Vec<_>>()
    };
    let mut others = members(element, "each.");
    others.extend(members(Some(row), ""));
    others.retain(|(path, value)| *path != place.path && value.len() >= 2 && value.len() <= 200);
    // The longest first, so that the name of a folder is not taken apart; the element's own before those of its row.
    others.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    others
}

/// A piece of a key as it is, and with values of the row in it replaced by their columns.
fn spelled(piece: &str, others: &[(String, String)]) -> impl Iterator<Item = String> {
    let literal = (!piece.contains(['{', '}', '*', '$'])).then(|| piece.to_owned());
    let mut parts: Vec<Result<String, String>> = vec![Err(piece.to_owned())];
    for (path, value) in others {
        let split = |part: Result<String, String>| match part {
            Err(text) if text.contains(value.as_str()) => {
                let (before, after) = text.split_once(value.as_str()).unwrap_or((&text, ""));
                let (before, after) = (before.to_owned(), after.to_owned());
                vec![Err(before), Ok(format!("${{{path}}}")), Err(after)]
            }
            part => vec![part],
        };
        parts = parts.into_iter().flat_map(split).collect();
    }
    let columns = parts.iter().any(Result::is_ok).then(|| {
        let spelled = parts.into_iter().map(|part| part.unwrap_or_else(|text| text));
        spelled.collect::<String>()
    });
    literal.into_iter().chain(columns)
}

/// The references of the sample whose object is there: key, row, element.
fn matched<'a>(
    binary: &Binary,
    table: &'a SampledTable,
    keys: &KeyIndex,
) -> Vec<(String, &'a Value, Option<Value>)> {
    let each = |row: &'a Value| match &binary.each {
        None => vec![(row, None)],
        Some(each) => each.elements(row).into_iter().map(|element| (row, Some(element))).collect(),
    };
    let all = table.rows.iter().flat_map(each);
    let with_key =
        all.filter_map(|(row, element)| Some((binary.key.key(row, element.as_ref())?, row, element)));
    with_key.filter(|(key, ..)| keys.has(key)).collect()
}

/// The places beside a key: columns and members of JSON, or the members of the element.
fn beside(binary: &Binary, rows: &[(String, &Value, Option<Value>)]) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for (_, row, element) in rows.iter().take(TRIED) {
        let (value, start) = match (&binary.each, element) {
            (Some(_), Some(element)) => (element.clone(), "each.".to_owned()),
            _ => ((*row).clone(), String::new()),
        };
        let Value::Object(members) = value else { continue };
        for (name, value) in members {
            let path = format!("{start}{}", part(&name));
            if let Some(Value::Object(inner)) = as_json(&value) {
                paths.extend(inner.keys().map(|member| format!("{path}.{}", part(member))));
            }
            paths.insert(path);
        }
    }
    paths
}

/// Adds the columns with sizes and media types.
pub fn columns(binary: &mut Binary, table: &SampledTable, keys: &KeyIndex) {
    if binary.key.is_prefix() {
        return;
    }
    let rows = matched(binary, table, keys);
    let mut sizes = Vec::new();
    let mut types = Vec::new();
    for path in beside(binary, &rows).iter().filter_map(|path| path.parse::<ColumnPath>().ok()) {
        let values: Vec<(&str, String)> = rows
            .iter()
            .filter_map(|(key, row, element)| Some((key.as_str(), text_at(&path, row, element.as_ref())?)))
            .collect();
        sizes.extend(size(&path, &values, keys));
        let is_type = |(_, text): &&(&str, String)| {
            let mut parts = text.split('/');
            let ok = |part: Option<&str>| {
                part.is_some_and(|p| {
                    !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
                })
            };
            ok(parts.next()) && ok(parts.next()) && parts.next().is_none()
        };
        let typed = values.iter().filter(is_type).count();
        let named = ["mime", "type"].iter().any(|word| path.to_string().to_lowercase().contains(word));
        if typed > 0 && typed == values.len() && named {
            types.push(path);
        }
    }
    let rank = |column: &SizeColumn| (column.unit != SizeUnit::B, !is_named_size(&column.column));
    binary.size = sizes.into_iter().min_by_key(rank);
    binary.media_type = types.into_iter().next();
}

/// Whether a column is called as columns with sizes are.
fn is_named_size(path: &ColumnPath) -> bool {
    let name = path.to_string().to_lowercase();
    ["size", "byte", "length"].iter().any(|word| name.contains(word))
}

/// The column as one with sizes, if it is one.
fn size(path: &ColumnPath, values: &[(&str, String)], keys: &KeyIndex) -> Option<SizeColumn> {
    let distinct: BTreeSet<&String> = values.iter().map(|(_, text)| text).collect();
    let named = is_named_size(path);
    let units = [
        (SizeUnit::B, 0),
        (SizeUnit::Kilobyte, 2),
        (SizeUnit::KiB, 2),
        (SizeUnit::Kilobyte, 0),
        (SizeUnit::KiB, 0),
    ];
    units.into_iter().map(|(unit, decimals)| SizeColumn { column: path.clone(), unit, decimals }).find(
        |column| {
            let fits = |(key, text): &&(&str, String)| {
                let range = column.range(text);
                range.zip(keys.size(key)).is_some_and(|(range, size)| range.holds(size))
            };
            let right = values.iter().filter(fits).count();
            // One number in all rows shows nothing, and a rounded one little: a number such as an id may happen
            // to be the size of a single file.
            let enough = match (column.unit == SizeUnit::B, named) {
                (true, true) => 1,
                (true, false) => 2,
                (false, true) => 3.min(values.len()),
                (false, false) => 3,
            };
            right > 0 && distinct.len().min(right) >= enough && right * 100 >= values.len() * SURE
        },
    )
}

/// Adds the columns with checksums, by those that were computed of a few objects.
pub fn checksums(binary: &mut Binary, table: &SampledTable, computed: &BTreeMap<String, Checksums>) {
    if computed.is_empty() {
        return;
    }
    let all: Vec<(String, &Value, Option<Value>)> = match &binary.each {
        None => table.rows.iter().filter_map(|row| Some((binary.key.key(row, None)?, row, None))).collect(),
        Some(each) => table
            .rows
            .iter()
            .flat_map(|row| each.elements(row).into_iter().map(move |element| (row, element)))
            .filter_map(|(row, element)| Some((binary.key.key(row, Some(&element))?, row, Some(element))))
            .collect(),
    };
    let rows: Vec<(String, &Value, Option<Value>)> =
        all.into_iter().filter(|(key, ..)| computed.contains_key(key)).collect();
    for path in beside(binary, &rows).iter().filter_map(|path| path.parse::<ColumnPath>().ok()) {
        let name = path.to_string().to_lowercase();
        let mut algorithms = ChecksumAlgorithm::ALL.to_vec();
        algorithms.sort_by_key(|a| (*a == ChecksumAlgorithm::Etag) != name.contains("etag"));
        let is_it = |algorithm: &ChecksumAlgorithm| {
            let values = rows.iter().filter_map(|(key, row, element)| {
                Some((key, text_at(&path, row, element.as_ref()).filter(|text| !text.is_empty())?))
            });
            let mut some = false;
            let right = values.into_iter().all(|(key, text)| {
                some = true;
                let known = computed.get(key).and_then(|checksums| checksums.0.get(algorithm));
                algorithm.canonical(&text).zip(known).is_some_and(|(text, known)| known.contains(&text))
            });
            right && some
        };
        if let Some(algorithm) = algorithms.into_iter().find(is_it) {
            let column = match algorithm {
                ChecksumAlgorithm::Md5 => &mut binary.md5,
                ChecksumAlgorithm::Sha1 => &mut binary.sha1,
                ChecksumAlgorithm::Sha256 => &mut binary.sha256,
                ChecksumAlgorithm::Sha512 => &mut binary.sha512,
                ChecksumAlgorithm::Crc32c => &mut binary.crc32c,
                ChecksumAlgorithm::Etag => &mut binary.etag,
            };
            column.get_or_insert(path);
        }
    }
}

/// The column that names rows for people: its values are different.
pub fn label(table: &SampledTable, binaries: &[Binary]) -> Vec<ColumnPath> {
    let of_key: BTreeSet<&str> = binaries.iter().flat_map(Binary::key_columns).collect();
    let unique = |column: &&str| {
        let values: Vec<&str> = table.rows.iter().filter_map(|row| row.get(*column)?.as_str()).collect();
        let distinct: BTreeSet<&&str> = values.iter().collect();
        distinct.len() == table.rows.len() && values.iter().all(|text| !text.is_empty())
    };
    let there = |name: &&str| table.columns.iter().any(|(column, _)| column == name);
    let known = LABELS.into_iter().filter(there);
    let label = known.chain(of_key).find(unique);
    label.and_then(|column| part(column).parse().ok()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::ids::ObjectKey, system::objects::ListedObject};
    use serde_json::json;

    fn keys_found(rows: Vec<Value>, keys: &[&str]) -> Vec<String> {
        let items: Vec<ListedObject> = keys
            .iter()
            .map(|key| ListedObject { key: ObjectKey::from(*key), size: 1, modified: None })
            .collect();
        let names = rows[0].as_object().unwrap().keys();
        let columns = names.map(|name| (name.clone(), "text".to_owned())).collect();
        let table = SampledTable { columns, key: Vec::new(), rows };
        binaries(&table, &KeyIndex::new(&items)).iter().map(|binary| binary.key.to_string()).collect()
    }

    #[test]
    fn a_name_and_its_ending_are_found_below_a_folder_before_a_url() {
        let row = |name: &str| {
            let url = format!("http://store/bucket/uploads/{name}.png");
            json!({ "hash": name, "ext": ".png", "url": url })
        };
        let keys = ["uploads/a_1.png", "uploads/b_2.png", "uploads/c.txt"];
        assert_eq!(keys_found(vec![row("a_1"), row("b_2")], &keys), ["uploads/${hash}${ext}"]);
        let without_ending = vec![json!({ "hash": "a_1" }), json!({ "hash": "b_2" })];
        assert_eq!(keys_found(without_ending, &keys), [""; 0], "it may be a foreign key");
    }

    #[test]
    fn a_setting_that_begins_as_keys_do_is_no_reference() {
        let keys = ["uploads/a.png", "uploads/b.png"];
        let found = |value: &str| keys_found(vec![json!({ "value": value })], &keys);
        assert_eq!(found("upload"), [""; 0]);
        assert_eq!(found("a.png"), ["uploads/${value}"]);
        assert_eq!(found("uploads/a"), ["${value}.png"]);
        assert_eq!(found("ploads/a.png"), [""; 0]);
    }
}
