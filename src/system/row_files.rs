//! Rows that an engine in file mode keeps in files (runbook 6): read as tables, as the profile says,
//! so that every check that compares rows works on them too. It writes nothing, and nobody may write
//! meanwhile: files have no snapshot. A file that is not what the profile describes is no error: it
//! is noted in [`Table::damaged`], and its rows are lost.

mod pattern;
mod parts;

use crate::base::error::{Error, ErrorContext};
use crate::base::ids::TableName;
use crate::model::profile::{FileMode, FileTable, Profile, RowFolder};
use crate::model::state::{Database, Row, Table};
use parts::{Part, digest};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The two folders of file mode.
#[derive(Clone, Debug)]
pub struct RowFiles {
    /// `TEMPLATES_DIR`.
    pub templates: PathBuf,
    /// `ASSETS_DIR`.
    pub assets: PathBuf,
}

impl RowFiles {
    /// The profile as it holds in file mode.
    ///
    /// # Errors
    /// The profile knows no file mode.
    pub fn profile(profile: &Profile) -> Result<Arc<Profile>, Error> {
        profile.in_file_mode().map(Arc::new).ok_or_else(no_file_mode)
    }

    /// Reads everything that the profile's file mode describes. A folder that does not exist holds no rows.
    ///
    /// # Errors
    /// The profile knows no file mode, or a folder or file can't be read.
    pub fn capture(&self, profile: &Profile) -> Result<Database, Error> {
        let mode = profile.file_mode.as_ref().ok_or_else(no_file_mode)?;
        let mut database = Database::default();
        for (name, table) in &mode.tables {
            if !profile.ignore_tables.contains(name) {
                let rows = self.table(name, table, mode, profile)?;
                database.tables.insert(name.clone(), rows);
            }
        }
        Ok(database)
    }

    /// The tables whose rows lie in a folder.
    pub fn tables_in(folder: RowFolder, profile: &Profile) -> BTreeSet<TableName> {
        let tables = profile.file_mode.iter().flat_map(|mode| &mode.tables);
        tables.filter(|(_, table)| table.folder == folder).map(|(name, _)| name.clone()).collect()
    }

    /// The files that hold a table's rows, in order; none for one that the profile does not know.
    pub fn files_of(&self, table: &TableName, profile: &Profile) -> Result<Vec<PathBuf>, Error> {
        let known = profile.file_mode.as_ref().and_then(|mode| mode.tables.get(table));
        let Some(known) = known else { return Ok(Vec::new()) };
        let folder = self.folder(known.folder);
        let paths = pattern::files(folder, &known.files)?;
        Ok(paths.into_iter().map(|path| folder.join(path)).collect())
    }

    fn folder(&self, folder: RowFolder) -> &Path {
        match folder {
            RowFolder::Templates => &self.templates,
            RowFolder::Assets => &self.assets,
        }
    }

    fn table(
        &self,
        name: &TableName,
        table: &FileTable,
        mode: &FileMode,
        profile: &Profile,
    ) -> Result<Table, Error> {
        let folder = self.folder(table.folder);
        let elsewhere = members_of_other_tables(table, mode);
        let volatile: Vec<&String> =
            profile.entities.values().filter(|e| e.table == *name).flat_map(|e| &e.volatile).collect();
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        let mut columns = BTreeSet::new();
        let mut damaged = BTreeMap::new();
        for path in pattern::files(folder, &table.files)? {
            let file = folder.join(&path);
            let bytes = std::fs::read(&file).or_environment(|| format!("can't read {}", file.display()))?;
            let (parts, wrong) = parts::of(&path, &bytes, table);
            damaged.extend(wrong.map(|why| (path.clone(), why)));
            for Part { key, mut json } in parts {
                if let Value::Object(members) = &mut json {
                    members.retain(|member, _| {
                        !elsewhere.contains(&member.as_str()) && !volatile.contains(&member)
                    });
                    columns.extend(members.keys().cloned());
                }
                if rows.contains_key(&key) {
                    damaged.insert(path.clone(), format!("two rows have the key {key}"));
                }
                rows.insert(key, Row { digest: digest(&json), json: json.into() });
            }
        }
        let rows = rows.into_iter().collect();
        Ok(Table { columns: columns.into_iter().collect(), rows, damaged, ..Table::default() })
    }
}

/// The members of these files' rows that are tables of their own.
fn members_of_other_tables<'a>(table: &FileTable, mode: &'a FileMode) -> Vec<&'a str> {
    let same = |other: &&FileTable| other.folder == table.folder && other.files == table.files;
    let whole = table.within.is_none();
    mode.tables.values().filter(same).filter(|_| whole).filter_map(|other| other.within.as_deref()).collect()
}

fn no_file_mode() -> Error {
    Error::usage("the profile does not say where rows are in file mode")
        .hint("describe it under `file-mode`, as profiles/pulp-engine.yaml does")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::profile::{BUILTIN, read_profile};

    fn profile() -> Profile {
        let profile = read_profile(BUILTIN).unwrap_or_else(|d| panic!("{}", d.render(false, 100)));
        profile.in_file_mode().unwrap()
    }

    /// A library of one template in two versions and one replaced asset.
    fn library() -> (tempfile::TempDir, RowFiles) {
        let temp = tempfile::tempdir().unwrap();
        let files = RowFiles { templates: temp.path().join("templates"), assets: temp.path().join("assets") };
        for (path, text) in [
            (
                "templates/.audit-events.jsonl",
                "{\"id\":\"1\",\"event\":\"a\"}\n{\"id\":\"2\",\"event\":\"b\"}\n",
            ),
            (
                "templates/invoice/template.json",
                r#"{"key":"invoice","labels":{"production":{"version":"1.0.0"}}}"#,
            ),
            (
                "templates/invoice/versions/1.0.0.json",
                r#"{"version":"1.0.0","definition":{"key":"invoice"}}"#,
            ),
            (
                "templates/invoice/versions/1.1.0.json",
                r#"{"version":"1.1.0","definition":{"key":"invoice"}}"#,
            ),
            ("templates/invoice/versions/.1.2.0.json.part", "{"),
            (
                "assets/.assets-index.json",
                r#"{"7":{"id":"7","originalName":"logo.png","filename":"7-logo.png",
                    "versions":[{"version":1,"objectKey":"versions/7/1"}]}}"#,
            ),
        ] {
            let file = temp.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        (temp, files)
    }

    fn names(database: &Database, profile: &Profile, table: &str) -> Vec<String> {
        let name = TableName::from(table);
        let rows = &database.tables[&name].rows;
        rows.iter().map(|(key, row)| profile.row_name(&name, &key, &row.json.value())).collect()
    }

    fn damaged(database: &Database) -> Vec<String> {
        let tables = database.tables.iter();
        tables.flat_map(|(name, t)| t.damaged.keys().map(move |path| format!("{name}/{path}"))).collect()
    }

    #[test]
    fn files_are_read_as_tables() {
        let (_temp, files) = library();
        let profile = profile();
        let database = files.capture(&profile).unwrap();
        let names = |table| names(&database, &profile, table);
        assert_eq!(names("templates"), ["invoice"]);
        assert_eq!(names("template_versions"), ["invoice@1.0.0", "invoice@1.1.0"]);
        assert_eq!(names("template_labels"), [r#"["invoice/template.json","production"]"#]);
        assert_eq!(names("audit_events"), [r#"["1"]"#, r#"["2"]"#]);
        assert_eq!(names("assets"), ["logo.png"]);
        assert_eq!(names("asset_versions"), ["logo.png@1"]);
        assert!(damaged(&database).is_empty());
        // A row within a row is reported once.
        let asset = &database.tables[&"assets".into()];
        assert!(!asset.columns.contains(&"versions".to_owned()), "{:?}", asset.columns);
    }

    #[test]
    fn the_order_of_members_does_not_matter_and_a_value_does() {
        let (_temp, files) = library();
        let profile = profile();
        let template = files.templates.join("invoice/template.json");
        let table = |files: &RowFiles| files.capture(&profile).unwrap().tables[&"templates".into()].digest();
        let before = table(&files);
        std::fs::write(&template, r#"{ "labels": {}, "key": "invoice" }"#).unwrap();
        assert_eq!(table(&files), before);
        std::fs::write(&template, r#"{"key":"invoice","name":"Invoice"}"#).unwrap();
        assert_ne!(table(&files), before);
    }

    #[test]
    fn a_damaged_file_is_told_and_loses_its_rows_only() {
        let (_temp, files) = library();
        let profile = profile();
        std::fs::write(files.assets.join(".assets-index.json"), "{\"7\":{\"id\":").unwrap();
        std::fs::write(files.templates.join("invoice/versions/1.1.0.json"), "[]").unwrap();
        std::fs::write(files.templates.join(".audit-events.jsonl"), "{\"id\":\"1\"}\n{\"id\"").unwrap();
        let database = files.capture(&profile).unwrap();
        assert_eq!(
            damaged(&database),
            [
                "asset_versions/.assets-index.json",
                "assets/.assets-index.json",
                "audit_events/.audit-events.jsonl",
                "template_versions/invoice/versions/1.1.0.json"
            ]
        );
        assert!(database.tables[&"assets".into()].rows.is_empty());
        assert_eq!(names(&database, &profile, "audit_events"), [r#"["1"]"#]);
        assert_eq!(names(&database, &profile, "template_versions"), ["invoice@1.0.0"]);
    }

    #[test]
    fn a_folder_that_is_gone_holds_no_rows_and_one_that_is_none_can_not_be_read() {
        let (_temp, files) = library();
        let profile = profile();
        std::fs::remove_dir_all(&files.assets).unwrap();
        let database = files.capture(&profile).unwrap();
        assert!(database.tables[&"assets".into()].rows.is_empty());
        assert!(damaged(&database).is_empty());
        std::fs::remove_dir_all(&files.templates).unwrap();
        std::fs::write(&files.templates, "no folder").unwrap();
        assert!(files.capture(&profile).is_err());
    }

    #[test]
    fn what_is_no_row_of_its_own_is_told_with_the_reason() {
        let (_temp, files) = library();
        let profile = profile();
        let audit = files.templates.join(".audit-events.jsonl");
        let index = files.assets.join(".assets-index.json");
        for (file, text, table, why, rows) in [
            (&audit, "{\"id\":\"1\"}\n{\"id\":\"1\"}\n", "audit_events", r#"two rows have the key ["1"]"#, 1),
            (&audit, "{\"id\":\"1\"}\n\n{\"event\":\"b\"}\n", "audit_events", "[3] has no `id`", 1),
            (&audit, "7\n{\"id\":\"2\"}\n", "audit_events", "[1] is no object", 1),
            (&index, "[]", "assets", "no object of rows", 0),
            (&index, r#"{"7":7}"#, "assets", r#"["7"] is no object"#, 0),
            (
                &index,
                r#"{"7":{"id":"7","versions":"1"}}"#,
                "asset_versions",
                r#"`versions` of ["7"] holds no rows"#,
                0,
            ),
        ] {
            std::fs::write(file, text).unwrap();
            let database = files.capture(&profile).unwrap();
            let table = &database.tables[&table.into()];
            assert_eq!(table.damaged.values().collect::<Vec<_>>(), [why], "{text}");
            assert_eq!(table.rows.len(), rows, "{text}");
        }
    }
}
