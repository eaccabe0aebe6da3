//! Fills a fresh site through the API, as users would: assets, templates and their later versions,
//! labels, tenants, schedules and their runs, a replaced asset. Then writes more of the same kind when a timeline asks.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext},
        ids::{AssetName, ObjectKey, TemplateKey},
    },
    journal::Logbook,
    model::{
        profile::{BinaryStore, Profile},
        reference::references,
        state::{Golden, Known, KnownAsset, KnownJob, KnownTemplate, State},
    },
    procedure::command,
    scenario::seed::{Seed, padded},
    site::Handles,
    system::engine::{Engine, UploadRequest, media_type},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};

mod call;
mod wait;

pub use call::{Call, CallAnswer, FINISHED, batch_item, finished, submit};
use wait::LOOK;
pub use wait::cleaned_up;

/// How files refer to an asset whose storage key only the engine knows: `/assets/@logo.png`.
const REFERENCE: &str = "/assets/@";

/// What was put on a site, and what the harness remembers of it.
#[derive(Clone, Debug, Default)]
pub struct SeededSite {
    /// What is there.
    pub known: Known,
    /// All bytes ever sent for an asset, oldest first.
    pub sent: BTreeMap<AssetName, Vec<Vec<u8>>>,
    /// Keys that assets had before their content came under another one, and what the objects there
    /// are called: `logo.png@1`.
    pub former: BTreeMap<ObjectKey, AssetName>,
}

/// Fills a site. `golden` is the folder with the known-good PDFs, where there is one; schedules are
/// made where the target keeps any.
pub async fn fill(
    api: &Engine,
    seed: &Seed,
    golden: Option<&Path>,
    schedules: bool,
) -> Result<SeededSite, Error> {
    let mut put = SeededSite::default();
    for asset in &seed.assets {
        let upload = UploadRequest {
            name: asset.name.to_string(),
            bytes: padded(read(&asset.file)?, asset.pad_to),
            media_type: media_type(&asset.file).to_owned(),
            folder: asset.folder.clone(),
            tags: asset.tags.clone(),
            alt_text: asset.alt_text.clone(),
        };
        put.send(api, Call::Upload(upload)).await?;
    }
    for replace in &seed.replace {
        let call = put.replacement(&replace.asset, read(&replace.with)?, media_type(&replace.with))?;
        put.send(api, call).await?;
    }
    for template in &seed.templates {
        let (definition, mut assets) = put.resolve(&template.definition)?;
        // An engine numbers versions by its own rule: labels go to what it made of a definition.
        let mut given = BTreeMap::new();
        let created = api.create_template(&definition).await?;
        given.insert(version(&definition), created.current_version);
        for (_, later) in &template.then {
            let (definition, named) = put.resolve(later)?;
            let updated = api.update_template(template.key.as_str(), &definition).await?;
            given.insert(version(&definition), updated.current_version);
            assets = named;
        }
        for (label, version) in &template.labels {
            let version = given.get(version).unwrap_or(version);
            api.put_label(template.key.as_str(), label, version).await?;
        }
        let (data, named) = put.resolve(&template.data)?;
        assets.extend(named);
        let golden = golden.map(|folder| known_good(&folder.join(template.golden_name()))).transpose()?;
        let (assets, shown) = (assets.into_iter().collect(), Vec::new());
        let known = KnownTemplate { data, assets, shown, golden };
        put.known.templates.insert(template.key.clone(), known);
    }
    for tenant in &seed.tenants {
        api.create_tenant(&tenant.id, &tenant.name).await?;
        if tenant.archived {
            api.archive_tenant(&tenant.id).await?;
        }
    }
    let mut ids = BTreeMap::new();
    for schedule in seed.schedules.iter().filter(|_| schedules) {
        let (body, _) = put.resolve(&schedule.body)?;
        let created = api.create_schedule(&body).await?;
        let id = created.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        ids.extend(schedule.name().map(|name| (name, id)));
    }
    for id in seed.trigger.iter().filter_map(|name| ids.get(name.as_str())) {
        run_once(api, id).await?;
    }
    Ok(put)
}

/// Runs a schedule by hand and waits until the run is over, however it ends.
async fn run_once(api: &Engine, schedule: &str) -> Result<(), Error> {
    let run = api.trigger_schedule(schedule).await?;
    let began = Instant::now();
    loop {
        let runs = api.executions(schedule).await?;
        if runs.iter().any(|known| known.id == run.id && known.status != "processing") {
            return Ok(());
        }
        if began.elapsed() > JOB.0 {
            return Err(Error::environment(format!("run {} of a schedule does not come to an end", run.id)));
        }
        tokio::time::sleep(JOB.1).await;
    }
}

/// No command that fills a site of a drill's size takes longer.
const FILL: Duration = Duration::from_secs(600);

/// Fills a site of a target without an API, by its profile's command.
pub async fn fill_by_command(site: &Handles, log: &Logbook) -> Result<(), Error> {
    let ran = command::of_profile(site, "seed", &site.profile.seed, None, FILL, log).await?;
    if ran.exit.is_success() {
        return Ok(());
    }
    Err(Error::environment("the profile's `seed` does not fill the site").cause(ran.describe_failure()))
}

/// Assets of a target without an API that are known by name, at most. Findings about others name their rows.
const KNOWN: usize = 20_000;

impl SeededSite {
    /// What a target without an API has: every object to which a row refers is an asset, by the label of the
    /// row, or by its key if the label is not the name of one object only. Of a large site the first ones are.
    pub fn observed(profile: &Profile, state: &State) -> Self {
        let mut put = Self::default();
        let of_assets =
            || references(profile, &state.database).filter(|row| row.store == BinaryStore::Assets);
        // The only key that each of the first labels names; none if it names several.
        let labelled = || of_assets().filter(|row| row.name != row.row);
        let mut named: BTreeMap<String, Option<ObjectKey>> =
            labelled().take(KNOWN).map(|row| (row.name, Some(row.key))).collect();
        for row in labelled() {
            if let Some(key) = named.get_mut(&row.name) {
                *key = key.take().filter(|key| *key == row.key);
            }
        }
        for row in of_assets() {
            if put.known.assets.len() >= KNOWN {
                break;
            }
            let objects = state.objects.range_from(&row.key).take_while(|(key, _)| row.includes(key));
            for (key, object) in objects {
                let unique = !row.is_prefix && named.get(&row.name).is_some_and(Option::is_some);
                let name = if unique { row.name.clone() } else { key.to_string() };
                let (size, sha256) = (object.size, object.sha256);
                let known = KnownAsset { id: row.row.clone(), key: key.clone(), size, sha256 };
                put.known.assets.insert(AssetName::new(name), known);
            }
        }
        put
    }
}

/// Each of the first templates is rendered by a batch job of its own.
const JOBS: usize = 2;

/// How long a run of one document may take, and how often it is asked for.
const JOB: (Duration, Duration) = (FINISHED, LOOK);

/// Has batch jobs done, so that there are results to come back.
pub async fn run_jobs(api: &Engine, seed: &Seed, put: &mut SeededSite) -> Result<(), Error> {
    for template in seed.templates.iter().take(JOBS) {
        let call = put.batch(&template.key)?;
        put.send(api, call).await?;
    }
    Ok(())
}

impl SeededSite {
    /// Sends a write and takes its answer down.
    async fn send(&mut self, api: &Engine, call: Call) -> Result<(), Error> {
        let answer = call.send(api).await?;
        self.acknowledged(call, answer);
        Ok(())
    }

    /// What is known once a write was answered. Gives the storage key of the asset that it wrote.
    pub fn acknowledged(&mut self, call: Call, answer: CallAnswer) -> Option<ObjectKey> {
        let (name, bytes, record) = match (call, answer) {
            (Call::Upload(upload), CallAnswer::Stored(record)) => {
                (AssetName::new(upload.name), upload.bytes, record)
            }
            (Call::Replace { name, bytes, .. }, CallAnswer::Stored(record)) => (name, bytes, record),
            (Call::Delete { name, .. }, _) => {
                self.known.assets.remove(&name);
                return None;
            }
            (Call::Batch { template, .. }, CallAnswer::Done { job, results }) => {
                self.known.jobs.insert(job, KnownJob { template, results });
                return None;
            }
            (Call::Upload(_) | Call::Replace { .. } | Call::Batch { .. }, _) => return None,
        };
        let key = ObjectKey::new(record.filename);
        let (size, sha256) = (bytes.len() as u64, Digest::of(&bytes));
        let old = self.known.assets.get(&name).map(|asset| asset.key.clone());
        if let Some(old) = old.filter(|old| *old != key) {
            self.replaced(&name, &old);
        }
        let known = KnownAsset { id: record.id, key: key.clone(), size, sha256 };
        self.known.assets.insert(name.clone(), known);
        self.sent.entry(name).or_default().push(bytes);
        Some(key)
    }

    /// Remembers the object that an asset had before it got another one: `logo.png@1`. After a restore it
    /// can be one that it had before.
    pub fn replaced(&mut self, name: &AssetName, old: &ObjectKey) {
        let number = self.sent.get(name).map_or(0, Vec::len);
        self.former.entry(old.clone()).or_insert_with(|| format!("{name}@{number}").into());
    }

    /// The objects that replacements under new keys have left behind, and what they are called.
    pub fn left_behind(&self) -> impl Iterator<Item = (&ObjectKey, &AssetName)> {
        self.former.iter().filter(|(key, _)| self.known.owner(key).is_none())
    }

    /// Another binary for an asset, ready to be sent.
    pub fn replacement(&self, name: &AssetName, bytes: Vec<u8>, media_type: &str) -> Result<Call, Error> {
        let id = self.asset(name)?.id.clone();
        Ok(Call::Replace { name: name.clone(), id, bytes, media_type: media_type.to_owned() })
    }

    /// The end of an asset, ready to be sent.
    pub fn removal(&self, name: &AssetName) -> Result<Call, Error> {
        Ok(Call::Delete { name: name.clone(), id: self.asset(name)?.id.clone() })
    }

    /// The upload of an asset's binary under another name, ready to be sent.
    pub async fn download(&self, api: &Engine, from: &KnownAsset, name: &AssetName) -> Result<Call, Error> {
        let answer = api.binary(from.key.as_str()).await?;
        if !answer.is_success() || !answer.whole {
            let what = format!("the binary {} can't be downloaded: status {}", from.key, answer.status);
            return Err(Error::environment(what));
        }
        let by_name = || media_type(Path::new(name.as_str())).to_owned();
        let media_type = answer.content_type.unwrap_or_else(by_name);
        Ok(Call::Upload(UploadRequest {
            name: name.to_string(),
            bytes: answer.body,
            media_type,
            ..UploadRequest::default()
        }))
    }

    /// A batch job that renders a template with its data, ready to be sent.
    pub fn batch(&self, template: &TemplateKey) -> Result<Call, Error> {
        let known = self.known.templates.get(template);
        let known = known.ok_or_else(|| Error::usage(format!("there is no template {template}")))?;
        Ok(Call::Batch { template: template.clone(), data: known.data.clone() })
    }

    /// Saves a template again with its name changed: a new version, whose PDF carries
    /// the new name as its title.
    pub async fn save_template(&mut self, api: &Engine, key: &TemplateKey) -> Result<(), Error> {
        let mut definition = api.template(key.as_str()).await?.definition;
        let name = definition.get("name").and_then(Value::as_str).unwrap_or_default();
        definition["name"] = Value::from(format!("{name} (saved again)"));
        api.update_template(key.as_str(), &definition).await?;
        Ok(())
    }

    /// What is known of an asset.
    pub fn asset(&self, name: &AssetName) -> Result<&KnownAsset, Error> {
        self.known.assets.get(name).ok_or_else(|| {
            Error::usage(format!("there is no asset {name} at this point of the timeline"))
                .hint("name an asset of the seed, or upload it in an earlier step")
        })
    }

    /// Puts storage keys in the place of references; also gives the assets that were named.
    fn resolve(&self, value: &Value) -> Result<(Value, BTreeSet<AssetName>), Error> {
        let mut named = BTreeSet::new();
        let value = self.resolve_into(value, &mut named)?;
        Ok((value, named))
    }

    fn resolve_into(&self, value: &Value, named: &mut BTreeSet<AssetName>) -> Result<Value, Error> {
        Ok(match value {
            Value::String(text) => Value::String(self.resolve_text(text, named)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|v| self.resolve_into(v, named)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(k, v)| Ok((k.clone(), self.resolve_into(v, named)?)))
                    .collect::<Result<_, Error>>()?,
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn resolve_text(&self, text: &str, named: &mut BTreeSet<AssetName>) -> Result<String, Error> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(REFERENCE) {
            let (before, after) = rest.split_at(at);
            let after = &after[REFERENCE.len()..];
            // The longest name, so that `logo.png` is not taken for `logo.png.bak`'s beginning.
            let name = self
                .known
                .assets
                .keys()
                .filter(|n| after.starts_with(n.as_str()))
                .max_by_key(|n| n.as_str().len());
            let name = name.ok_or_else(|| {
                let shown: String = after.chars().take(40).collect();
                Error::usage(format!("no asset of the seed is called like @{shown}"))
            })?;
            out += before;
            out += "/assets/";
            out += self.known.assets[name].key.as_str();
            rest = &after[name.as_str().len()..];
            named.insert(name.clone());
        }
        Ok(out + rest)
    }
}

/// The upload of a loose fixture.
pub fn loose(file: &Path, name: &AssetName) -> Result<UploadRequest, Error> {
    Ok(UploadRequest {
        name: name.to_string(),
        bytes: read(file)?,
        media_type: media_type(file).to_owned(),
        ..UploadRequest::default()
    })
}

/// The version that a definition gives itself.
fn version(definition: &Value) -> String {
    definition.get("version").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn known_good(path: &Path) -> Result<Golden, Error> {
    let sha256 = Digest::of_file(path).map_err(|error| {
        Error::usage(format!("can't read the known-good PDF {}", path.display()))
            .because(&error)
            .hint("--golden wants DIR/<seed>/<name of the template's current file>.pdf for every template")
    })?;
    Ok(Golden { sha256, path: path.to_owned() })
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).or_usage(|| format!("can't read the fixture {}", file.display()))
}
