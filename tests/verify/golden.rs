//! The seeds' templates against their known-good PDFs, byte for byte.
//!
//! `PULP_DRILL_BLESS=1 cargo test --test verify golden` writes the PDFs anew; look at them before you
//! commit them.

use serde::Deserialize;
use serde_json::Value;
use standin::engine::render::{referenced_assets, render_html, render_pdf, validate};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

#[derive(Deserialize)]
struct Seed {
    assets: Vec<Asset>,
    #[serde(default)]
    replace: Vec<Replace>,
    templates: Vec<Template>,
    #[serde(default)]
    schedules: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Asset {
    file: PathBuf,
    name: String,
}

#[derive(Deserialize)]
struct Replace {
    asset: String,
    with: PathBuf,
}

#[derive(Deserialize)]
struct Template {
    file: PathBuf,
    data: PathBuf,
    #[serde(default)]
    then: Vec<PathBuf>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl Template {
    fn versions(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.file).chain(&self.then)
    }
}

fn seeds() -> Vec<(PathBuf, Seed)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/seeds");
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let seed = |folder: PathBuf| {
        let text = fs::read_to_string(folder.join("seed.yaml")).unwrap();
        let seed = serde_saphyr::from_str(&text).unwrap();
        (folder, seed)
    };
    let seeds: Vec<_> = folders.into_iter().map(seed).collect();
    assert!(seeds.len() >= 2);
    seeds
}

/// A file with every `@name` turned into the storage key that `key` makes of the name.
fn read(folder: &Path, file: &Path, seed: &Seed, key: fn(&str) -> String) -> Value {
    let mut text = fs::read_to_string(folder.join(file)).unwrap();
    for asset in &seed.assets {
        text =
            text.replace(&format!("/assets/@{}\"", asset.name), &format!("/assets/{}\"", key(&asset.name)));
    }
    assert!(!text.contains("/assets/@"), "{} refers to an asset that the seed lacks", file.display());
    serde_json::from_str(&text).unwrap()
}

/// Bytes by storage key, after the replacements.
fn assets(folder: &Path, seed: &Seed, key: fn(&str) -> String) -> BTreeMap<String, Vec<u8>> {
    let first = seed.assets.iter().map(|asset| (&asset.name, &asset.file));
    let files = first.chain(seed.replace.iter().map(|replace| (&replace.asset, &replace.with)));
    files.map(|(name, file)| (key(name), fs::read(folder.join(file)).unwrap())).collect()
}

fn plain(name: &str) -> String {
    format!("1712-{name}")
}

fn other(name: &str) -> String {
    format!("{}-zz", name.chars().rev().collect::<String>())
}

#[test]
fn seeds_render_to_their_golden_files() {
    let bless = std::env::var_os("PULP_DRILL_BLESS").is_some_and(|value| value == "1");
    for (folder, seed) in seeds() {
        let bytes = assets(&folder, &seed, plain);
        for template in &seed.templates {
            let data = read(&folder, &template.data, &seed, plain);
            for version in template.versions() {
                let pdf = render_pdf(&read(&folder, version, &seed, plain), &data, &bytes).unwrap();
                let golden = folder.join("golden").join(version.file_stem().unwrap()).with_extension("pdf");
                if bless {
                    fs::write(&golden, &pdf).unwrap();
                }
                let known = fs::read(&golden).unwrap();
                assert!(pdf == known, "{} is not {}", version.display(), golden.display());
            }
        }
    }
}

#[test]
fn storage_keys_leave_no_trace_in_the_bytes() {
    for (folder, seed) in seeds() {
        for template in &seed.templates {
            let render = |key: fn(&str) -> String| {
                let data = read(&folder, &template.data, &seed, key);
                let definition = read(&folder, &template.file, &seed, key);
                render_pdf(&definition, &data, &assets(&folder, &seed, key)).unwrap()
            };
            assert!(render(plain) == render(other), "{}", template.file.display());
        }
    }
}

#[test]
fn every_asset_but_the_spare_one_is_referred_to() {
    for (folder, seed) in seeds() {
        let mut used = BTreeSet::new();
        for template in &seed.templates {
            let data = read(&folder, &template.data, &seed, str::to_owned);
            for version in template.versions() {
                used.extend(referenced_assets(&read(&folder, version, &seed, str::to_owned), &data).unwrap());
            }
        }
        let spare = seed.assets.iter().map(|asset| asset.name.clone()).filter(|name| !used.contains(name));
        let expected: &[&str] = if folder.ends_with("invoices") { &["draft-mark.png"] } else { &[] };
        assert_eq!(spare.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn seeds_are_valid_and_give_html_with_their_images() {
    for (folder, seed) in seeds() {
        for template in &seed.templates {
            let data = read(&folder, &template.data, &seed, plain);
            for version in template.versions() {
                let definition = read(&folder, version, &seed, plain);
                assert_eq!(validate(&definition), []);
                let html = render_html(&definition, &data).unwrap();
                for key in referenced_assets(&definition, &data).unwrap() {
                    assert!(
                        html.contains(&format!("src=\"/assets/{key}\"")),
                        "{} lacks {key}",
                        version.display()
                    );
                }
            }
            let versions =
                template.versions().map(|file| read(&folder, file, &seed, plain)["version"].clone());
            let versions: Vec<_> = versions.collect();
            assert!(
                template.labels.values().all(|version| versions.contains(&Value::from(version.as_str())))
            );
        }
        for schedule in &seed.schedules {
            let body = read(&folder, schedule, &seed, plain);
            assert!(body["cronExpression"].is_string() && body["templateKey"].is_string());
        }
    }
}

#[test]
fn the_two_stamps_have_one_size_and_two_contents() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let read = |file: &str| fs::read(folder.join(file)).unwrap();
    let stamps = ["seeds/invoices/assets/paid-stamp.png", "seeds/invoices/assets/overdue-stamp.png"];
    let [paid, overdue] = stamps.map(read);
    assert_eq!(paid.len(), overdue.len());
    assert_ne!(paid, overdue);
    assert_eq!(read("assets/stamp-replacement.png").len(), paid.len());
}
