//! Seeds: the contents of a site before a scenario begins. `fixtures/seeds/<name>/seed.yaml` names
//! assets, templates and schedules by files of its folder, and tenants. `runbook::seed` creates them.

use crate::{
    base::ids::{AssetName, TemplateKey},
    scenario::{
        At, SourcePosition,
        diagnose::{Diagnostics, Mistake, suggest},
        library::{FixtureLibrary, NoFile, file_inside, stays_inside},
        yaml::{
            fields::Fields,
            files::{LARGEST, place_of, read_text},
            tree::{self, YamlNode},
            typed::one_line,
        },
    },
};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

/// The most bytes of a template, its data or a schedule.
const LARGEST_JSON: u64 = 8 << 20;

/// The most bytes that an asset is padded to.
const LARGEST_PADDED: u64 = 64 << 20;

/// A seed, its files found and read.
#[derive(Clone, Debug, PartialEq)]
pub struct Seed {
    /// Its name, which is its folder's.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What it is, in a line.
    pub title: String,
    /// What it is about, in a few sentences.
    pub about: String,
    /// The assets to upload, in order.
    pub assets: Vec<SeedAsset>,
    /// The templates to create, in order.
    pub templates: Vec<SeedTemplate>,
    /// The tenants to create beside the one that is always there, in order.
    pub tenants: Vec<SeedTenant>,
    /// The schedules to create, in order.
    pub schedules: Vec<SeedSchedule>,
    /// The schedules to run once by hand, in order, by the names that their requests give them.
    pub trigger: Vec<String>,
    /// The assets to replace afterwards, so that they have an earlier version.
    pub replace: Vec<SeedReplace>,
}

/// An asset of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedAsset {
    /// The file with its bytes.
    pub file: PathBuf,
    /// The name it is uploaded under.
    pub name: AssetName,
    /// The folder that it is filed under.
    pub folder: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its text for those who can't see it.
    pub alt_text: Option<String>,
    /// Bytes that it has at least; what its file lacks is appended ([`padded`]).
    pub pad_to: u64,
}

/// Bytes with numbers appended until there are `size` of them. What follows the end of a picture is no part of it,
/// so that a small picture can be a large object: stores and engines may treat those otherwise.
pub fn padded(mut bytes: Vec<u8>, size: u64) -> Vec<u8> {
    let size = usize::try_from(size).unwrap_or(usize::MAX).max(bytes.len());
    for number in 0_u64.. {
        if bytes.len() >= size {
            break;
        }
        bytes.extend(number.to_be_bytes().repeat(128));
    }
    bytes.truncate(size);
    bytes
}

/// A template of a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedTemplate {
    /// Its key, from the definition.
    pub key: TemplateKey,
    /// The file with the first definition.
    pub file: PathBuf,
    /// The first definition.
    pub definition: Value,
    /// The data to render it with.
    pub data: Value,
    /// The definitions that are saved over it, in order, with their files.
    pub then: Vec<(PathBuf, Value)>,
    /// Release labels and the versions that they name.
    pub labels: BTreeMap<String, String>,
}

/// A schedule of a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedSchedule {
    /// Its file.
    pub file: PathBuf,
    /// The request that creates it.
    pub body: Value,
}

/// A tenant of a seed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedTenant {
    /// Its slug.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Whether it is archived once it is there.
    #[serde(default)]
    pub archived: bool,
}

/// A replacement in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedReplace {
    /// The asset.
    pub asset: AssetName,
    /// The file with its new bytes.
    pub with: PathBuf,
}

impl SeedTemplate {
    /// The versions that its definitions give themselves, in order.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        let later = self.then.iter().map(|(_, definition)| definition);
        std::iter::once(&self.definition).chain(later).filter_map(|d| d.get("version")?.as_str())
    }

    /// The name of its known-good PDF: that of the file with the current definition.
    pub fn golden_name(&self) -> PathBuf {
        let current = self.then.last().map_or(&self.file, |(file, _)| file);
        Path::new(current.file_stem().unwrap_or_default()).with_extension("pdf")
    }
}

impl SeedSchedule {
    /// Its name, as its request gives it.
    pub fn name(&self) -> Option<&str> {
        self.body.get("name")?.as_str()
    }
}

impl Seed {
    /// The file with an asset's bytes: of the library's `assets/`, else this seed's asset of the
    /// name, else a file of its folder.
    ///
    /// # Errors
    /// There is none, or the name leads out of the folder.
    pub fn asset_file(&self, library: &FixtureLibrary, name: &AssetName) -> Result<PathBuf, NoFile> {
        match file_inside(&library.assets_folder(), name.as_str()) {
            Err(NoFile::Missing) => match self.assets.iter().find(|asset| asset.name == *name) {
                Some(asset) => Ok(asset.file.clone()),
                None => file_inside(&self.folder, name.as_str()),
            },
            found => found,
        }
    }

    /// The keys of its templates.
    pub fn template_keys(&self) -> impl Iterator<Item = &TemplateKey> {
        self.templates.iter().map(|template| &template.key)
    }

    /// The names of its schedules, as their requests give them.
    pub fn schedule_names(&self) -> impl Iterator<Item = &str> {
        self.schedules.iter().filter_map(SeedSchedule::name)
    }
}

/// A name of a seed's file, as it is written.
#[derive(Deserialize)]
#[serde(transparent)]
struct FileName(String);

/// An entry of `assets`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AssetForm {
    file: FileName,
    name: Option<AssetName>,
    folder: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    alt_text: Option<String>,
    #[serde(default)]
    pad_to: u64,
}

/// An entry of `templates`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateForm {
    file: FileName,
    data: FileName,
    #[serde(default)]
    then: Vec<FileName>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// An entry of `replace`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplaceForm {
    asset: AssetName,
    with: FileName,
}

/// Reads a seed of the library with all its files.
///
/// # Errors
/// All mistakes in `seed.yaml` and the files that it names.
pub fn read_seed(library: &FixtureLibrary, name: &str) -> Result<Seed, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let folder = library.seeds_folder().join(name);
    let file = folder.join("seed.yaml");
    if !stays_inside(name) || !file.is_file() {
        diagnostics.add_all(&library.seeds_folder(), vec![unknown_seed(library, None, name)]);
        return Err(diagnostics);
    }
    let seed = read_text(&file, LARGEST, &mut diagnostics).and_then(|text| {
        let mut reader = Reader { folder: &folder, mistakes: Vec::new(), diagnostics: &mut diagnostics };
        let root = tree::build(&text, &mut reader.mistakes);
        let seed = root.and_then(|root| reader.seed(name, &root));
        let mistakes = reader.mistakes;
        diagnostics.add_all(&file, mistakes);
        seed
    });
    diagnostics.or_value(seed)
}

/// A seed that the library does not have.
pub fn unknown_seed(library: &FixtureLibrary, place: Option<SourcePosition>, name: &str) -> Mistake {
    let (seeds, folder) = (library.seeds(), library.seeds_folder());
    let mistake = Mistake::unknown(place, "seed", name, seeds.iter().map(String::as_str))
        .label(format!("no folder with a seed.yaml in {}", folder.display()));
    if !seeds.is_empty() {
        return mistake;
    }
    mistake.help(format!("there is no seed in {}; give the folder with --fixtures", folder.display()))
}

struct Reader<'a> {
    folder: &'a Path,
    /// In `seed.yaml`.
    mistakes: Vec<Mistake>,
    /// In the files that it names.
    diagnostics: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn seed(&mut self, name: &str, root: &YamlNode) -> Option<Seed> {
        let mut fields = Fields::of(root, "a seed", &mut self.mistakes)?;
        let title = fields.required::<String>("title", &mut self.mistakes);
        let about = fields.required::<String>("about", &mut self.mistakes);
        let assets = fields.each::<AssetForm>("assets", &mut self.mistakes);
        let templates = fields.each::<TemplateForm>("templates", &mut self.mistakes);
        let tenants = fields.each::<SeedTenant>("tenants", &mut self.mistakes);
        let schedules = fields.each::<FileName>("schedules", &mut self.mistakes);
        let trigger = fields.each::<String>("trigger", &mut self.mistakes);
        let replace = fields.each::<ReplaceForm>("replace", &mut self.mistakes);
        fields.finish(&mut self.mistakes);
        if let Some(Err(mistake)) = title.as_ref().map(one_line) {
            self.mistakes.push(mistake);
        }
        let assets = self.assets(assets);
        let replace = replace.into_iter().filter_map(|form| self.replacement(form, &assets)).collect();
        let templates = self.templates(templates);
        let schedules: Vec<_> = schedules.into_iter().filter_map(|form| self.schedule(&form)).collect();
        let trigger = self.triggered(trigger, &schedules);
        Some(Seed {
            name: name.to_owned(),
            folder: self.folder.to_owned(),
            title: title?.value,
            about: about?.value,
            assets,
            templates,
            tenants: tenants.into_iter().map(|at| at.value).collect(),
            schedules,
            trigger,
            replace,
        })
    }

    fn assets(&mut self, forms: Vec<At<AssetForm>>) -> Vec<SeedAsset> {
        let mut seen = HashSet::new();
        let mut assets = Vec::new();
        for At { value: form, place } in forms {
            let Some(file) = self.file(&form.file, place) else { continue };
            let own = || AssetName::new(file.file_name().unwrap_or_default().to_string_lossy());
            let name = form.name.unwrap_or_else(own);
            if !seen.insert(name.clone()) {
                let message = format!("a second asset of the name `{name}`");
                self.mistakes.push(Mistake::at(place, message).label("names must differ"));
            }
            if form.pad_to > LARGEST_PADDED {
                let message = format!("`padTo` is {}, the most is {LARGEST_PADDED}", form.pad_to);
                self.mistakes.push(Mistake::at(place, message).label("every drill would copy it"));
            }
            let (folder, tags, alt_text, pad_to) = (form.folder, form.tags, form.alt_text, form.pad_to);
            assets.push(SeedAsset { file, name, folder, tags, alt_text, pad_to });
        }
        assets
    }

    fn templates(&mut self, forms: Vec<At<TemplateForm>>) -> Vec<SeedTemplate> {
        let mut seen = HashSet::new();
        let mut templates = Vec::new();
        for At { value: form, place } in forms {
            let definition = self.json(&form.file, place);
            let data = self.json(&form.data, place);
            let then = form.then.iter().filter_map(|file| self.json(file, place)).collect();
            let (Some((file, definition)), Some((_, data))) = (definition, data) else { continue };
            let Some(key) = definition.get("key").and_then(Value::as_str).map(TemplateKey::from) else {
                let message = format!("the definition in `{}` has no `key`", form.file.0);
                self.mistakes.push(Mistake::at(place, message).label("of this template"));
                continue;
            };
            if !seen.insert(key.clone()) {
                let message = format!("a second template with the key `{key}`");
                self.mistakes.push(Mistake::at(place, message).label("keys must differ"));
            }
            templates.push(SeedTemplate { key, file, definition, data, then, labels: form.labels });
        }
        templates
    }

    fn schedule(&mut self, form: &At<FileName>) -> Option<SeedSchedule> {
        let (file, body) = self.json(&form.value, form.place)?;
        Some(SeedSchedule { file, body })
    }

    /// The schedules to run, each of which is there.
    fn triggered(&mut self, names: Vec<At<String>>, schedules: &[SeedSchedule]) -> Vec<String> {
        let known = || schedules.iter().filter_map(SeedSchedule::name);
        for At { value, place } in &names {
            if !known().any(|name| name == value) {
                self.mistakes.push(Mistake::unknown(Some(*place), "schedule", value, known()));
            }
        }
        names.into_iter().map(|at| at.value).collect()
    }

    fn replacement(&mut self, form: At<ReplaceForm>, assets: &[SeedAsset]) -> Option<SeedReplace> {
        let At { value: ReplaceForm { asset, with }, place } = form;
        if !assets.iter().any(|known| known.name == asset) {
            let names = assets.iter().map(|known| known.name.as_str());
            self.mistakes.push(Mistake::unknown(Some(place), "asset", asset.as_str(), names));
        }
        Some(SeedReplace { with: self.file(&with, place)?, asset })
    }

    /// A file of the seed's folder.
    fn file(&mut self, name: &FileName, place: SourcePosition) -> Option<PathBuf> {
        let mistake = match file_inside(self.folder, &name.0) {
            Ok(file) => return Some(file),
            Err(NoFile::Outside) => {
                Mistake::at(place, format!("`{}` leads out of the seed's folder", suggest::short(&name.0)))
                    .help("put the file into the seed's folder and name it from there")
            }
            Err(NoFile::Missing) => {
                let beside = beside(self.folder, &name.0);
                Mistake::unknown(Some(place), "file", &name.0, beside.iter().map(String::as_str))
            }
        };
        self.mistakes.push(mistake.label("not a file of this seed"));
        None
    }

    /// A JSON file of the seed's folder.
    fn json(&mut self, name: &FileName, place: SourcePosition) -> Option<(PathBuf, Value)> {
        let file = self.file(name, place)?;
        let text = read_text(&file, LARGEST_JSON, self.diagnostics)?;
        match serde_json::from_str(&text) {
            Ok(value) => Some((file, value)),
            Err(error) => {
                let line: usize =
                    text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
                let at = place_of(&text, (line + error.column().saturating_sub(1)).min(text.len()));
                let mistake = Mistake::at(at, format!("not valid JSON: {error}"));
                self.diagnostics.add_all(&file, vec![mistake.label("the JSON parser stopped here")]);
                None
            }
        }
    }
}

/// The files where a name points, for suggestions.
fn beside(folder: &Path, name: &str) -> Vec<String> {
    let parent = Path::new(name).parent().unwrap_or(Path::new(""));
    let entries = std::fs::read_dir(folder.join(parent)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_file() && entry.file_name() != "seed.yaml")
        .map(|entry| parent.join(entry.file_name()).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
