//! The files themselves: their forms, reading them, writing them whole. `docs/file-mode.md` is the
//! description for other readers and must stay true.

use crate::engine::failure::Failure;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

const EVENTS: &str = ".audit-events.jsonl";
const INDEX: &str = ".assets-index.json";

/// `<key>/template.json`.
#[derive(Serialize, Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TemplateFile {
    pub(crate) key: String,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) current_version: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deleted_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deleted_by: Option<String>,
    pub(crate) labels: BTreeMap<String, LabelFile>,
}

/// One of its labels.
#[derive(Serialize, Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LabelFile {
    pub(crate) version: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_by: Option<String>,
}

/// `<key>/versions/<version>.json`.
#[derive(Serialize, Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionFile {
    pub(crate) version: String,
    pub(crate) definition: Value,
    pub(crate) created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) change_note: Option<String>,
}

/// All of `.assets-index.json`.
pub(crate) type Index = BTreeMap<String, AssetFile>;

/// One asset in it.
#[derive(Serialize, Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssetFile {
    pub(crate) id: String,
    pub(crate) filename: String,
    pub(crate) original_name: String,
    pub(crate) mime_type: String,
    pub(crate) size_bytes: i64,
    pub(crate) content_hash: String,
    pub(crate) version: i32,
    pub(crate) tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alt_text: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_by: Option<String>,
    pub(crate) versions: Vec<AssetVersionFile>,
}

/// An earlier binary of it.
#[derive(Serialize, Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssetVersionFile {
    pub(crate) version: i32,
    pub(crate) object_key: String,
    pub(crate) mime_type: String,
    pub(crate) size_bytes: i64,
    pub(crate) content_hash: String,
    pub(crate) created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_by: Option<String>,
}

/// A line of `.audit-events.jsonl`.
#[derive(Serialize, Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventLine {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) event: String,
    pub(crate) operation: String,
    pub(crate) resource_type: String,
    pub(crate) resource_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential_scope: Option<String>,
    pub(crate) details: Value,
}

/// A file or folder that can't be used.
#[derive(Debug)]
pub(crate) struct LibraryError {
    path: PathBuf,
    why: Why,
}

#[derive(Debug)]
enum Why {
    /// The file system refused.
    Unreachable(String),
    /// Its content is not valid.
    Damaged(String),
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Unreachable(why) => write!(f, "{} cannot be used: {why}", self.path.display()),
            Why::Damaged(why) => write!(f, "{} is damaged: {why}", self.path.display()),
        }
    }
}

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Self {
        match error.why {
            Why::Unreachable(_) => Self::unavailable("service_unavailable", error.to_string()),
            Why::Damaged(_) => Self::internal("internal_error", error.to_string()),
        }
    }
}

type Result<T> = std::result::Result<T, LibraryError>;

fn unreachable(path: &Path) -> impl FnOnce(io::Error) -> LibraryError {
    let path = path.to_owned();
    |error| LibraryError { path, why: Why::Unreachable(error.to_string()) }
}

fn damaged(path: &Path, why: impl fmt::Display) -> LibraryError {
    LibraryError { path: path.to_owned(), why: Why::Damaged(why.to_string()) }
}

/// The two folders. The files are small and local: reading them waits for no one else.
#[derive(Clone)]
pub(crate) struct Library {
    templates: PathBuf,
    assets: PathBuf,
}

impl Library {
    /// Makes missing folders, then reads everything once.
    pub(crate) fn open(templates: PathBuf, assets: PathBuf) -> Result<Self> {
        for folder in [&templates, &assets] {
            fs::create_dir_all(folder).map_err(unreachable(folder))?;
        }
        let library = Self { templates, assets };
        library.check()?;
        Ok(library)
    }

    /// Reads everything and follows all references.
    pub(crate) fn check(&self) -> Result<()> {
        for template in self.templates()? {
            let labelled = template.labels.values().map(|label| &label.version);
            for version in labelled.chain([&template.current_version]) {
                if self.version(&template.key, version)?.is_none() {
                    let path = self.folder(&template.key).join("template.json");
                    return Err(damaged(&path, format!("it names version {version}, which has no file")));
                }
            }
            self.versions(&template.key)?;
        }
        self.index()?;
        self.events().map(drop)
    }

    /// All templates by key, those in the trash too.
    pub(crate) fn templates(&self) -> Result<Vec<TemplateFile>> {
        let mut all = Vec::new();
        for name in names(&self.templates)? {
            let path = self.templates.join(&name);
            if name.starts_with('.') || !path.is_dir() {
                continue;
            }
            let missing = || damaged(&path, "there is no template.json");
            all.push(self.template(&name)?.ok_or_else(missing)?);
        }
        Ok(all)
    }

    pub(crate) fn template(&self, key: &str) -> Result<Option<TemplateFile>> {
        if !is_name(key) {
            return Ok(None);
        }
        let path = self.folder(key).join("template.json");
        match self.read::<TemplateFile>(&self.templates, &path)? {
            Some(template) if template.key != key => {
                Err(damaged(&path, format!("it is of the template `{}`", template.key)))
            }
            found => Ok(found),
        }
    }

    pub(crate) fn version(&self, key: &str, version: &str) -> Result<Option<VersionFile>> {
        if !is_name(key) || !is_name(version) {
            return Ok(None);
        }
        let path = self.folder(key).join("versions").join(format!("{version}.json"));
        match self.read::<VersionFile>(&self.templates, &path)? {
            Some(found) if found.version != version => {
                Err(damaged(&path, format!("it is of version {}", found.version)))
            }
            found => Ok(found),
        }
    }

    /// All versions of a template, oldest first.
    pub(crate) fn versions(&self, key: &str) -> Result<Vec<VersionFile>> {
        let folder = self.folder(key).join("versions");
        let mut all = Vec::new();
        for name in names(&folder)? {
            if let Some(version) = name.strip_suffix(".json").filter(|name| is_name(name)) {
                all.extend(self.version(key, version)?);
            }
        }
        let number = |version: &str| version.split('.').map(str::parse::<u64>).collect::<Vec<_>>();
        all.sort_by_cached_key(|file| {
            number(&file.version).into_iter().map(|part| part.unwrap_or(0)).collect::<Vec<_>>()
        });
        Ok(all)
    }

    /// Asset metadata; none where there is no index.
    pub(crate) fn index(&self) -> Result<Index> {
        let path = self.assets.join(INDEX);
        let index: Index = self.read(&self.assets, &path)?.unwrap_or_default();
        let mut filenames = HashSet::new();
        for (id, asset) in &index {
            if *id != asset.id || id.parse::<uuid::Uuid>().is_err() {
                return Err(damaged(&path, format!("under `{id}` lies the asset `{}`", asset.id)));
            }
            if !filenames.insert(&asset.filename) {
                return Err(damaged(&path, format!("two assets have the file name `{}`", asset.filename)));
            }
        }
        Ok(index)
    }

    /// The audit trail, oldest first; none where there is no file.
    pub(crate) fn events(&self) -> Result<Vec<EventLine>> {
        let path = self.templates.join(EVENTS);
        let Some(bytes) = bytes(&self.templates, &path)? else { return Ok(Vec::new()) };
        let text = String::from_utf8(bytes).map_err(|error| damaged(&path, error))?;
        let read = |(number, line)| {
            serde_json::from_str(line)
                .map_err(|error| damaged(&path, format!("line {}: {error}", number + 1)))
        };
        text.lines().enumerate().map(read).collect()
    }

    /// A new template appears complete, by one rename.
    pub(crate) fn create_template(&self, template: &TemplateFile, first: &VersionFile) -> Result<()> {
        let beside = self.templates.join(part_name());
        let made = fs::create_dir_all(beside.join("versions")).map_err(unreachable(&beside));
        let whole = made
            .and_then(|()| write(&beside.join("versions").join(format!("{}.json", first.version)), first))
            .and_then(|()| write(&beside.join("template.json"), template))
            .and_then(|()| fs::rename(&beside, self.folder(&template.key)).map_err(unreachable(&beside)));
        if whole.is_err() {
            let _ = fs::remove_dir_all(&beside);
        }
        whole
    }

    pub(crate) fn put_template(&self, template: &TemplateFile) -> Result<()> {
        write(&self.folder(&template.key).join("template.json"), template)
    }

    pub(crate) fn put_version(&self, key: &str, version: &VersionFile) -> Result<()> {
        write(&self.folder(key).join("versions").join(format!("{}.json", version.version)), version)
    }

    /// Removes it from use by one rename, then deletes what is left.
    pub(crate) fn remove_template(&self, key: &str) -> Result<()> {
        let beside = self.templates.join(part_name());
        fs::rename(self.folder(key), &beside).map_err(unreachable(&beside))?;
        fs::remove_dir_all(&beside).map_err(unreachable(&beside))
    }

    pub(crate) fn put_index(&self, index: &Index) -> Result<()> {
        write(&self.assets.join(INDEX), index)
    }

    /// Adds lines at the end, by one write.
    pub(crate) fn append_events(&self, events: &[EventLine]) -> Result<()> {
        let path = self.templates.join(EVENTS);
        let mut text = String::new();
        for event in events {
            text += &serde_json::to_string(event).map_err(|error| damaged(&path, error))?;
            text.push('\n');
        }
        let append = || {
            let mut file = fs::OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        append().map_err(unreachable(&path))
    }

    fn folder(&self, key: &str) -> PathBuf {
        self.templates.join(key)
    }

    /// A JSON file; `None` where it is missing in an existing folder.
    fn read<T: DeserializeOwned>(&self, root: &Path, path: &Path) -> Result<Option<T>> {
        let Some(bytes) = bytes(root, path)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(path, error))
    }
}

/// Whether a key or version is a file's name and no path.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\\', '\0'])
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreachable(folder))? {
        let name = entry.map_err(unreachable(folder))?.file_name();
        names.push(name.into_string().map_err(|name| damaged(folder, format!("{name:?} is no text")))?);
    }
    names.sort();
    Ok(names)
}

/// A missing file in an existing folder is missing; in a missing folder it is an outage.
fn bytes(root: &Path, path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::read_dir(root).map(|_| None).map_err(unreachable(root))
        }
        Err(error) => Err(unreachable(path)(error)),
    }
}

fn part_name() -> String {
    format!(".{}.part", uuid::Uuid::new_v4().simple())
}

/// Writes beside the place and renames over it, so that no reader sees half a file.
fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| damaged(path, error))?;
    text.push(b'\n');
    let beside = path.with_file_name(part_name());
    let written = || {
        let mut file = fs::File::create(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    written().map_err(|error| {
        let _ = fs::remove_file(&beside);
        unreachable(path)(error)
    })
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_name_leads_nowhere_else() {
        assert!(is_name("invoice") && is_name("1.0.0") && is_name("a..b"));
        for path in ["", ".", "..", "../a", "a/b", ".audit-events.jsonl", "a\\b"] {
            assert!(!is_name(path), "{path}");
        }
    }
}
