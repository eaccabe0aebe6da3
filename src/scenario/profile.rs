//! Reading target profiles, reporting mistakes like those in scenario files.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext as _},
        ids::TableName,
        shipped,
    },
    model::{
        profile::{
            FileForm, FileMode, FileTable, MissingBinary, PdfRule, PreviousRelease, Profile, TargetApi,
        },
        write::WriteOrder,
    },
    scenario::{
        diagnose::{Diagnostics, Mistake, suggest::instead_of},
        yaml::{
            fields::Fields,
            files::{LARGEST, read_text},
            tree::{self, Data, YamlNode},
            typed::{not_keys, one_line, read},
        },
    },
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

mod assertions;
mod entities;
mod run;
mod start;

/// The name of the profile that is part of this program.
pub const BUILTIN: &str = "pulp-engine";
const BUILTIN_FILE: &str = "profiles/pulp-engine.yaml";
const BUILTIN_TEXT: &str = include_str!("../../profiles/pulp-engine.yaml");

/// Where profiles are looked up by name.
const FOLDER: &str = "profiles";

/// A target as it was named, and its profile.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTarget {
    /// Its name or file, as [`read_profile`] takes it.
    pub name: String,
    /// What is known of it.
    pub profile: Arc<Profile>,
}

impl NamedTarget {
    /// What the target is called in ids: the name of its file.
    pub fn short(&self) -> String {
        Path::new(&self.name).file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Reads the profile of a target.
///
/// # Errors
/// As [`read_profile`].
pub fn read_target(name_or_path: &str) -> Result<NamedTarget, Diagnostics> {
    Ok(NamedTarget { name: name_or_path.to_owned(), profile: Arc::new(read_profile(name_or_path)?) })
}

/// The profile that a scenario file in `folder` names: a bare name is one of `profiles/` or of this
/// program, a path begins at the scenario's folder.
pub fn beside(folder: &Path, name: &str) -> String {
    if is_bare(name) { name.to_owned() } else { folder.join(name).display().to_string() }
}

/// The names that can be given without a path.
pub fn names() -> Vec<String> {
    let entries = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let stem = |path: &Path| Some(path.file_stem()?.to_str()?.to_owned());
    let yaml = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    let mut names: Vec<String> = yaml.filter_map(|path| stem(&path)).collect();
    names.extend(shipped::paths().filter(|path| path.starts_with(FOLDER)).filter_map(stem));
    names.sort();
    names.dedup();
    names
}

/// Whether there is such a profile, readable or not.
pub fn is_there(name: &str) -> bool {
    name == BUILTIN || file_of(name).is_ok_and(|file| file.is_file())
}

fn is_bare(name: &str) -> bool {
    !name.contains('/') && !name.ends_with(".yaml") && !name.ends_with(".yml")
}

/// The file of a profile.
fn file_of(name: &str) -> Result<PathBuf, Error> {
    let file = PathBuf::from(name);
    if is_bare(name) && !file.is_file() {
        shipped::locate(&Path::new(FOLDER).join(name).with_extension("yaml"))
    } else {
        Ok(file)
    }
}

/// Reads a profile: `pulp-engine` is part of this program, another bare name is one of `profiles/` of the
/// current folder or of this program, anything else is a path.
///
/// # Errors
/// All mistakes in it.
pub fn read_profile(name_or_path: &str) -> Result<Profile, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let (file, text) = if name_or_path == BUILTIN {
        diagnostics.keep_source(Path::new(BUILTIN_FILE), BUILTIN_TEXT);
        (PathBuf::from(BUILTIN_FILE), Some(BUILTIN_TEXT.to_owned()))
    } else if is_bare(name_or_path) && !is_there(name_or_path) {
        let names = names();
        let known = names.iter().map(String::as_str).chain([BUILTIN]);
        let mistake = Mistake::somewhere(format!("there is no profile {name_or_path:?}"));
        let mistake = mistake.help(instead_of(name_or_path, known) + "; a path has a slash or ends in .yaml");
        diagnostics.add_all(Path::new(name_or_path), vec![mistake]);
        (PathBuf::from(name_or_path), None)
    } else {
        match file_of(name_or_path) {
            Ok(file) => {
                let text = read_text(&file, LARGEST, &mut diagnostics);
                (file, text)
            }
            Err(error) => {
                let file = PathBuf::from(name_or_path);
                diagnostics.add_all(&file, vec![Mistake::somewhere(error.to_string())]);
                (file, None)
            }
        }
    };
    let profile = text.and_then(|text| {
        let mut mistakes = Vec::new();
        let root = tree::build(&text, &mut mistakes);
        let profile = root.and_then(|root| profile(&root, &mut mistakes));
        diagnostics.add_all(&file, mistakes);
        profile
    });
    // The one that is part of this program has no folder: its commands run where we do.
    let folder =
        if name_or_path == BUILTIN { Path::new(".") } else { file.parent().unwrap_or(Path::new(".")) };
    let folder = if folder == Path::new("") { PathBuf::from(".") } else { folder.to_owned() };
    diagnostics.or_value(profile.map(|profile| Profile { folder, ..profile }))
}

/// The digest of a profile's text, by its name or file.
///
/// # Errors
/// Blames the environment where the file can't be read.
pub fn digest_of(name_or_path: &str) -> Result<Digest, Error> {
    if name_or_path == BUILTIN {
        return Ok(Digest::of(BUILTIN_TEXT));
    }
    let file = file_of(name_or_path)?;
    Digest::of_file(&file).or_environment(|| format!("can't read the profile {}", file.display()))
}

fn profile(root: &YamlNode, mistakes: &mut Vec<Mistake>) -> Option<Profile> {
    let mut fields = Fields::of(root, "a profile", mistakes)?;
    let name = fields.required::<String>("name", mistakes);
    let entities = fields.needed("entities", mistakes).map(|(_, node)| entities::read(node, mistakes));
    let ignore_tables = fields.each::<TableName>("ignore-tables", mistakes);
    let fresh_rows = fields.optional::<BTreeMap<TableName, u64>>("fresh-rows", mistakes);
    let ignore_objects = fields.each::<String>("ignore-objects", mistakes);
    let api = fields.optional::<TargetApi>("api", mistakes);
    let missing_binary = match api.as_ref().map_or_else(TargetApi::default, |at| at.value) {
        TargetApi::PulpEngine => fields.required::<MissingBinary>("missing-binary", mistakes),
        TargetApi::None => fields.optional::<MissingBinary>("missing-binary", mistakes),
    };
    let pdf = fields.optional::<PdfRule>("pdf", mistakes);
    let write_order = fields.required::<WriteOrder>("write-order", mistakes);
    let write_order_env = fields.optional::<String>("write-order-env", mistakes);
    let run = run::read(&mut fields, mistakes);
    let migrate_at = fields.needed("migrate", mistakes).map(|(key, _)| key.place);
    let migrate = fields.each::<String>("migrate", mistakes);
    let migrate_by_half = fields.each::<String>("migrate-by-half", mistakes);
    let previous_release = fields.optional::<PreviousRelease>("previous-release", mistakes);
    let assertions = fields.node("assertions").map(|(_, node)| {
        let starts = api.as_ref().is_none_or(|at| at.value == TargetApi::PulpEngine) || !run.start.is_empty();
        assertions::assertions(node, starts, mistakes)
    });
    let file_mode = fields.node("file-mode").and_then(|(_, node)| file_mode(node, mistakes));
    let place = fields.place;
    fields.finish(mistakes);
    let api = api.map_or_else(TargetApi::default, |at| at.value);
    run.check(api, place, mistakes);
    run::describe(&migrate, mistakes);
    mistakes.extend(name.iter().filter_map(|name| one_line(name).err()));
    mistakes.extend(write_order_env.iter().filter_map(|at| run::variable(&at.value, at.place)));
    if let (Some(place), true) = (migrate_at, migrate.is_empty()) {
        let help = "write the command as a list: `[pulp-drill, standin, migrate]`";
        mistakes.push(Mistake::at(place, "no command that migrates").label("needs a command").help(help));
    }
    Some(Profile {
        folder: PathBuf::new(),
        name: name?.value,
        api,
        entities: entities?,
        ignore_tables: ignore_tables.into_iter().map(|at| at.value).collect(),
        fresh_rows: fresh_rows.map_or_else(BTreeMap::new, |at| at.value),
        ignore_objects: ignore_objects.into_iter().map(|at| at.value).collect(),
        missing_binary: missing_binary.map(|at| at.value),
        pdf: pdf.map_or_else(PdfRule::default, |at| at.value),
        write_order: write_order?.value,
        write_order_env: write_order_env.map(|at| at.value),
        migrate: migrate.into_iter().map(|at| at.value).collect(),
        start: run.start.into_iter().map(|at| at.value).collect(),
        ready: run.ready.map(|at| at.value),
        stop: run.stop,
        seed: run.seed.into_iter().map(|at| at.value).collect(),
        write: run.write.map(|at| at.value),
        needs: run.needs,
        env: run.env,
        migrate_by_half: migrate_by_half.into_iter().map(|at| at.value).collect(),
        previous_release: previous_release.map(|at| at.value),
        assertions: assertions.unwrap_or_default(),
        file_mode,
    })
}

/// Where rows are in file mode. Every entity's table has its files.
fn file_mode(node: &YamlNode, mistakes: &mut Vec<Mistake>) -> Option<FileMode> {
    let mut fields = Fields::of(node, "the file mode", mistakes)?;
    let tables = fields.needed("tables", mistakes).map(|(_, node)| file_tables(node, mistakes));
    let entities_at = fields.needed("entities", mistakes);
    let entities = entities_at.map(|(_, node)| entities::read(node, mistakes));
    fields.finish(mistakes);
    let mode = FileMode { tables: tables?, entities: entities? };
    let without_files = mode.entities.iter().filter(|(_, entity)| !mode.tables.contains_key(&entity.table));
    mistakes.extend(without_files.filter_map(|(name, entity)| {
        let message = format!("the table `{}` of `{name}` has no files", entity.table);
        Some(Mistake::at(entities_at?.0.place, message).label("of these").help("describe it under `tables`"))
    }));
    Some(mode)
}

fn file_tables(node: &YamlNode, mistakes: &mut Vec<Mistake>) -> BTreeMap<TableName, FileTable> {
    let Data::Map(entries) = &node.data else {
        mistakes.push(not_keys(node, "the tables"));
        return BTreeMap::new();
    };
    let mut tables = BTreeMap::new();
    for (key, node) in entries {
        let table = match read::<FileTable>(node) {
            Ok(table) => table.value,
            Err(mistake) => {
                mistakes.push(mistake);
                continue;
            }
        };
        let inside = !table.files.split('/').any(|part| matches!(part, "" | "." | ".."));
        if !inside {
            let message = format!("`{}` is not a path below the folder", table.files);
            mistakes.push(Mistake::at(node.place, message).label("of this table"));
        }
        if table.form == FileForm::Lines && table.within.is_some() {
            let message = "rows within rows are possible in JSON objects only";
            mistakes.push(Mistake::at(node.place, message).label("has lines"));
        }
        tables.insert(TableName::new(&key.text), table);
    }
    tables
}
