//! Selections from a small site: three files in two tables, one of them referred to.

use super::*;
use crate::{
    base::ids::ObjectKey,
    model::state::{Metadata, ObjectState, Row, Sequence, Table},
};
use serde_json::json;

const PROFILE: &str = "
name: Notes
api: none
entities:
  folder: { table: folders, label: [title] }
  note: { table: notes, label: [title], binary: { key: key } }
write-order: { upload: binary-first, replace: binary-first, delete: row-first }
migrate: [migrate]
seed: [seed]
";

fn table(columns: &[&str], rows: &[Value]) -> Table {
    let row = |json: &Value| {
        let row = Row { digest: Digest::of(json.to_string()), json: json.clone().into() };
        (format!("[{}]", json["id"]), row)
    };
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    Table { columns, rows: rows.iter().map(row).collect(), ..Table::default() }
}

/// Folder 1 has notes, folder 2 has none. The notes' files have 3, 9 and 3 bytes.
fn site() -> (Profile, State, Known) {
    let profile = serde_saphyr::from_str(PROFILE).unwrap();
    let (mut state, mut known) = (State::default(), Known::default());
    let folders = [json!({ "id": 1, "title": "in use" }), json!({ "id": 2, "title": "empty" })];
    let mut notes = Vec::new();
    for (id, (title, text)) in [("a", "one"), ("b", "twotwotwo"), ("c", "six")].into_iter().enumerate() {
        let key = ObjectKey::new(format!("notes/{title}"));
        let (size, sha256) = (text.len() as u64, Digest::of(text));
        let metadata = if title == "c" { Metadata::of_type("text/plain") } else { Metadata::default() };
        state
            .objects
            .insert(key.clone(), ObjectState { size, sha256, checksums: Default::default(), metadata });
        let asset = KnownAsset { id: format!("[{id}]"), key: key.clone(), size, sha256 };
        known.assets.insert(AssetName::new(title), asset);
        notes.push(json!({ "id": id, "title": title, "key": key, "folder": 1 }));
    }
    let tables = &mut state.database.tables;
    tables.insert(TableName::new("folders"), table(&["id", "title"], &folders));
    tables.insert(TableName::new("notes"), table(&["id", "title", "key", "folder"], &notes));
    tables.insert(TableName::new("options"), table(&["id"], &[json!({ "id": 1 })]));
    let sequence = Sequence {
        next: 3,
        increment: 1,
        feeds: Some((TableName::new("folders"), "id".to_owned())),
        reached: Some(2),
        called: true,
        cycles: false,
    };
    state.database.sequences.insert("folders_id_seq".to_owned(), sequence);
    for (name, of, definition) in [
        ("constraint folders.folders_pkey", "folders", "PRIMARY KEY (id)"),
        ("constraint notes.notes_pkey", "notes", "PRIMARY KEY (id)"),
        ("constraint notes.in_folder", "notes", "FOREIGN KEY (folder) REFERENCES public.folders(id)"),
    ] {
        state
            .database
            .catalog
            .parts
            .insert(name.to_owned(), (Some(TableName::new(of)), definition.to_owned()));
    }
    (profile, state, known)
}

fn selection<T>(of: impl FnOnce(&mut Selection<'_>) -> T) -> T {
    let (profile, state, known) = site();
    of(&mut Selection { profile: &profile, state: &state, known: &known, chosen: BTreeMap::new() })
}

#[test]
fn every_selector_finds_something_that_fits_it() {
    let names = |word: &str| selection(|s| s.names(word)).unwrap().join(" ");
    for (word, found) in [
        ("any binary", "b"),
        ("another binary", "a"),
        ("largest binary", "b"),
        ("any binary with metadata", "c"),
        ("binary of an unreferenced row", "a"),
        ("every binary but the first", "b c"),
        ("object beside any binary", "notes/b.stray"),
        ("any entity", "folder"),
        ("newest row", "empty"),
        ("any table", "folders"),
        ("table with references", "folders"),
        ("independent table", "options"),
        ("any sequence", "folders_id_seq"),
        ("every sequence", "folders_id_seq"),
    ] {
        assert_eq!(names(word), found, "{word}");
    }
    assert!(SELECTORS.iter().all(|(word, _)| selection(|s| s.names(word)).is_ok()));
}

#[test]
fn expectations_name_rows_and_indexes_as_findings_do() {
    let expected = |kind, entity: &str| {
        let expected = [Expectation { kind, entity: entity.to_owned() }];
        selection(|s| s.expectations(&expected)).unwrap()[0].to_string()
    };
    assert_eq!(expected(FindingKind::RowLost, "newest row"), "row lost: folders/empty");
    assert_eq!(expected(FindingKind::RowChanged, "any binary"), "row changed: notes/b");
    assert_eq!(expected(FindingKind::DamagedIndex, "any table"), "damaged index: folders_pkey");
    assert_eq!(expected(FindingKind::MissingBinary, "mine"), "missing binary: mine");
}

#[test]
fn faults_get_names_and_exchanged_contents_are_expected_by_size() {
    let mut fault = json!({ "fault": { "swap binaries": ["any binary", "another binary"] } });
    let expected = [Expectation { kind: FindingKind::WrongContent, entity: "any binary".to_owned() }];
    let expected = selection(|s| {
        assert!(s.replace(&mut fault).unwrap());
        s.expectations(&expected).unwrap()
    });
    assert_eq!(fault, json!({ "fault": { "swap binaries": ["b", "a"] } }));
    assert_eq!(expected[0].to_string(), "wrong size: b");
}

#[test]
fn what_does_not_exist_is_a_reason() {
    let (profile, ..) = site();
    let (state, known) = (State::default(), Known::default());
    let nothing = Selection { profile: &profile, state: &state, known: &known, chosen: BTreeMap::new() };
    for (word, _) in SELECTORS.iter().filter(|(word, _)| *word != "every sequence") {
        assert!(nothing.names(word).is_err(), "{word}");
    }
}

/// Objects below a prefix belong to the row that refers to the prefix, and what is stray lies outside of it.
#[test]
fn objects_below_a_prefix_can_be_selected() {
    let (_, mut state, mut known) = site();
    let prefix = PROFILE.replace("{ key: key }", "{ key: '${key}/*' }");
    let profile = serde_saphyr::from_str(&prefix).unwrap();
    state.objects.clear();
    known.assets.clear();
    for (name, text) in [("notes/a/1", "one"), ("notes/a/2", "two"), ("notes/b/1", "three")] {
        let (key, size, sha256) = (ObjectKey::from(name), text.len() as u64, Digest::of(text));
        let metadata = Metadata::default();
        let object = ObjectState { size, sha256, checksums: Default::default(), metadata };
        state.objects.insert(key.clone(), object);
        known.assets.insert(AssetName::new(name), KnownAsset { id: String::new(), key, size, sha256 });
    }
    let selection = Selection { profile: &profile, state: &state, known: &known, chosen: BTreeMap::new() };
    for (word, found) in [
        ("any binary", "notes/a/2"),
        ("another binary", "notes/b/1"),
        ("every binary but the first", "notes/a/2 notes/b/1"),
        ("object beside any binary", "notes.stray"),
    ] {
        assert_eq!(selection.names(word).unwrap().join(" "), found, "{word}");
    }
}
