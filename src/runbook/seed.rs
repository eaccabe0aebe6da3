//! Fills a fresh site through the API, as users would: assets, templates and their later versions,
//! labels, tenants, schedules and their runs, a replaced asset. Then writes more of the same kind when a timeline asks.

use crate::{
    base::{
        digest::Digest,
        ids::{AssetName, ObjectKey, TemplateKey},
        trouble::{OrTrouble, Trouble},
    },
    journal::Logbook,
    model::{
        profile::{Order, Profile, ReplaceKeys},
        state::{Golden, Known, KnownAsset, KnownJob, KnownTemplate, State},
    },
    procedure::command,
    scenario::seed::Seed,
    site::Handles,
    system::{
        engine::{CallError, Engine, Job, Upload},
        objects::Got,
    },
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};

/// How files refer to an asset whose storage key only the engine knows: `/assets/@logo.png`.
const REFERENCE: &str = "/assets/@";

/// What was put on a site, and what the harness remembers of it.
#[derive(Clone, Debug, Default)]
pub struct Put {
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
pub async fn fill(api: &Engine, seed: &Seed, golden: Option<&Path>, schedules: bool) -> Result<Put, Trouble> {
    let mut put = Put::default();
    for asset in &seed.assets {
        let upload = Upload {
            name: asset.name.to_string(),
            bytes: read(&asset.file)?,
            media_type: media_type(&asset.file).to_owned(),
            folder: asset.folder.clone(),
            tags: asset.tags.clone(),
            alt_text: asset.alt_text.clone(),
        };
        put.upload(api, upload).await?;
    }
    for replace in &seed.replace {
        put.replace(api, &replace.asset, read(&replace.with)?, media_type(&replace.with)).await?;
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
async fn run_once(api: &Engine, schedule: &str) -> Result<(), Trouble> {
    let run = api.trigger_schedule(schedule).await?;
    let began = Instant::now();
    loop {
        let runs = api.executions(schedule).await?;
        if runs.iter().any(|known| known.id == run.id && known.status != "processing") {
            return Ok(());
        }
        if began.elapsed() > JOB.0 {
            return Err(Trouble::environment(format!(
                "run {} of a schedule does not come to an end",
                run.id
            )));
        }
        tokio::time::sleep(JOB.1).await;
    }
}

/// No command that fills a site of a drill's size takes longer.
const FILL: Duration = Duration::from_secs(600);

/// Fills a site of a target without an API, by its profile's command.
pub async fn fill_by_command(site: &Handles, log: &Logbook) -> Result<(), Trouble> {
    let ran = command::of_profile(site, "seed", &site.profile.seed, None, FILL, log).await?;
    if ran.exit.is_success() {
        return Ok(());
    }
    let said = format!("{}: {}\n{}", ran.program, ran.exit, ran.stderr.tail(12));
    Err(Trouble::environment("the profile's `seed` does not fill the site").cause(said.trim_end()))
}

impl Put {
    /// What a target without an API has, as its rows tell: every row that points at a binary and has
    /// a label is an asset of that name.
    ///
    /// # Errors
    /// Two rows have the same name: nobody could say which of them is meant.
    pub fn observed(profile: &Profile, state: &State) -> Result<Self, Trouble> {
        let mut put = Self::default();
        for (entity, binary) in profile.with_binaries().filter(|(entity, _)| !entity.label.is_empty()) {
            let Some(table) = state.database.tables.get(&entity.table) else { continue };
            for (id, row) in &table.rows {
                let key = row.json.get(&binary.key).and_then(Value::as_str).map(ObjectKey::from);
                let Some((key, object)) = key.and_then(|key| Some((key.clone(), state.objects.get(&key)?)))
                else {
                    continue;
                };
                let name = AssetName::new(profile.row_name(&entity.table, id, &row.json));
                let (size, sha256) = (object.size, object.sha256);
                let known = KnownAsset { id: id.clone(), key, size, sha256 };
                if put.known.assets.insert(name.clone(), known).is_some() {
                    return Err(Trouble::usage(format!("two rows with binaries are called {name}"))
                        .hint("give the entity a `label` in the profile that tells its rows apart"));
                }
            }
        }
        Ok(put)
    }
}

/// Each of the first templates is rendered by a batch job of its own.
const JOBS: usize = 2;

/// How long a job or run of one document may take, and how often it is asked for.
const JOB: (Duration, Duration) = (Duration::from_secs(60), Duration::from_millis(20));

/// Has batch jobs done, so that there are results to come back. `order` is that of their ends.
pub async fn run_jobs(api: &Engine, seed: &Seed, put: &mut Put, order: Order) -> Result<(), Trouble> {
    for template in seed.templates.iter().take(JOBS) {
        let (data, _) = put.resolve(&template.data)?;
        let item = serde_json::json!({ "template": template.key, "data": data });
        let job = api.submit_batch(&[item]).await?.job_id;
        let done = ended(api, &job, order).await?;
        let Some(results) = done.results.filter(|_| done.status == "completed") else {
            let why = done.failure_code.unwrap_or(done.status);
            return Err(Trouble::environment(format!("batch job {job} of {} failed: {why}", template.key)));
        };
        let known = KnownJob { template: template.key.clone(), results: Digest::of(results.to_string()) };
        put.known.jobs.insert(job, known);
    }
    Ok(())
}

/// Waits until a batch job is over. Where its row is written first, its results come a little later.
pub async fn ended(api: &Engine, job: &str, order: Order) -> Result<Job, Trouble> {
    let began = Instant::now();
    loop {
        match api.batch_job(job).await {
            Err(CallError::Refused { status: 410, .. }) if order == Order::RowFirst => {}
            polled => {
                let polled = polled?;
                if polled.is_over() {
                    return Ok(polled);
                }
            }
        }
        if began.elapsed() > JOB.0 {
            return Err(Trouble::environment(format!("batch job {job} does not come to an end")));
        }
        tokio::time::sleep(JOB.1).await;
    }
}

/// How long a target may take to remove an object that a replacement has left behind.
const CLEANED_UP: Duration = Duration::from_secs(30);

/// Waits until the objects are gone that replacements under new keys have left behind: until then
/// nobody can say what a backup will find.
pub async fn cleaned_up(site: &Handles, put: &Put) -> Result<(), Trouble> {
    if site.write_order().replace_keys == ReplaceKeys::InPlace {
        return Ok(());
    }
    let present: BTreeSet<&ObjectKey> = put.known.assets.values().map(|asset| &asset.key).collect();
    let began = Instant::now();
    for (key, name) in put.former.iter().filter(|(key, _)| !present.contains(key)) {
        while site.objects.get(key).await? != Got::Missing {
            if began.elapsed() > CLEANED_UP {
                let left = format!(
                    "{name} is still at {key} {} seconds after other content came under another key",
                    CLEANED_UP.as_secs()
                );
                let hint = "`replace-keys: new-key` in `write-order` says that the target removes it";
                return Err(Trouble::environment(left).hint(hint));
            }
            tokio::time::sleep(JOB.1).await;
        }
    }
    Ok(())
}

impl Put {
    /// Uploads an asset.
    pub async fn upload(&mut self, api: &Engine, upload: Upload) -> Result<ObjectKey, Trouble> {
        let name = AssetName::new(&upload.name);
        let record = api.upload(&upload).await?;
        let known = KnownAsset {
            id: record.id,
            key: ObjectKey::new(record.filename),
            size: upload.bytes.len() as u64,
            sha256: Digest::of(&upload.bytes),
        };
        let key = known.key.clone();
        self.known.assets.insert(name.clone(), known);
        self.sent.entry(name).or_default().push(upload.bytes);
        Ok(key)
    }

    /// Replaces an asset's binary, in place or under a new key.
    pub async fn replace(
        &mut self,
        api: &Engine,
        name: &AssetName,
        bytes: Vec<u8>,
        media_type: &str,
    ) -> Result<(), Trouble> {
        let known = self.asset(name)?.clone();
        let record = api.replace(&known.id, name.as_str(), &bytes, media_type).await?;
        let (size, sha256, key) = (bytes.len() as u64, Digest::of(&bytes), ObjectKey::new(record.filename));
        let sent = self.sent.entry(name.clone()).or_default();
        if key != known.key {
            // After a restore it can be one that the asset had before.
            let number = sent.len();
            self.former.entry(known.key.clone()).or_insert_with(|| format!("{name}@{number}").into());
        }
        sent.push(bytes);
        self.known.assets.insert(name.clone(), KnownAsset { key, size, sha256, ..known });
        Ok(())
    }

    /// Deletes an asset, also where templates refer to it.
    pub async fn delete(&mut self, api: &Engine, name: &AssetName) -> Result<(), Trouble> {
        let id = self.asset(name)?.id.clone();
        api.delete_asset(&id, true).await?;
        self.known.assets.remove(name);
        Ok(())
    }

    /// Saves a template again with its name changed: a new version, whose PDF carries
    /// the new name as its title.
    pub async fn save_template(&mut self, api: &Engine, key: &TemplateKey) -> Result<(), Trouble> {
        let mut definition = api.template(key.as_str()).await?.definition;
        let name = definition.get("name").and_then(Value::as_str).unwrap_or_default();
        definition["name"] = Value::from(format!("{name} (saved again)"));
        api.update_template(key.as_str(), &definition).await?;
        Ok(())
    }

    /// What is known of an asset.
    pub fn asset(&self, name: &AssetName) -> Result<&KnownAsset, Trouble> {
        self.known.assets.get(name).ok_or_else(|| {
            Trouble::usage(format!("there is no asset {name} at this point of the timeline"))
                .hint("name an asset of the seed, or upload it in an earlier step")
        })
    }

    /// Puts storage keys in the place of references; also gives the assets that were named.
    fn resolve(&self, value: &Value) -> Result<(Value, BTreeSet<AssetName>), Trouble> {
        let mut named = BTreeSet::new();
        let value = self.resolve_into(value, &mut named)?;
        Ok((value, named))
    }

    fn resolve_into(&self, value: &Value, named: &mut BTreeSet<AssetName>) -> Result<Value, Trouble> {
        Ok(match value {
            Value::String(text) => Value::String(self.resolve_text(text, named)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|v| self.resolve_into(v, named)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => Value::Object(
                fields.iter().map(|(k, v)| Ok((k.clone(), self.resolve_into(v, named)?))).collect::<Result<
                    _,
                    Trouble,
                >>(
                )?,
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn resolve_text(&self, text: &str, named: &mut BTreeSet<AssetName>) -> Result<String, Trouble> {
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
                Trouble::usage(format!("no asset of the seed is called like @{shown}"))
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
pub fn loose(file: &Path, name: &AssetName) -> Result<Upload, Trouble> {
    Ok(Upload {
        name: name.to_string(),
        bytes: read(file)?,
        media_type: media_type(file).to_owned(),
        ..Upload::default()
    })
}

/// The media type by the file name's ending.
pub fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        _ => "application/octet-stream",
    }
}

/// The version that a definition gives itself.
fn version(definition: &Value) -> String {
    definition.get("version").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn known_good(path: &Path) -> Result<Golden, Trouble> {
    let sha256 = Digest::of_file(path).map_err(|error| {
        Trouble::usage(format!("can't read the known-good PDF {}", path.display()))
            .because(&error)
            .hint("--golden wants DIR/<seed>/<name of the template's current file>.pdf for every template")
    })?;
    Ok(Golden { sha256, path: path.to_owned() })
}

fn read(file: &Path) -> Result<Vec<u8>, Trouble> {
    std::fs::read(file).or_usage(|| format!("can't read the fixture {}", file.display()))
}
