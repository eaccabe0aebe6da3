//! Whether the engine accepts writes on what was restored, and whether they take effect and last: uploads,
//! a new template, deletes, a new version and a label. What is acknowledged and not done, or undone later,
//! shows only here.

use crate::{
    base::{
        digest::Digest,
        error::Error,
        ids::{AssetName, TemplateKey},
    },
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        state::KnownAsset,
        workload::PREFIX,
    },
    runbook::verify::{CheckResult, Reference, api_snapshot, render::releases::shown},
    scenario::seed::padded,
    site::{Restored, Site},
    system::{
        engine::{AssetRecord, CallError, Engine, UploadRequest, media_type},
        objects::Got,
    },
};
use listed::Listed;
use serde_json::Value;
use std::path::Path;

mod listed;

/// What an upload of the probe has more than the asset, in bytes: engines and stores treat large bodies otherwise.
const LARGE: u64 = 1 << 20;

/// What an honest engine does.
const EXPECTED: &str = "what is uploaded, changed or deleted is so at once, and still after lists, renders and two reads of \
     the audit trail";

/// Writes to the engine, looks at the result, uses the engine and looks again. Templates get a new version and a
/// label where their versions were rendered at the source.
///
/// # Errors
/// The engine or the store can't be asked.
pub async fn check(site: &Site<Restored>, reference: &Reference) -> Result<CheckResult, Error> {
    let api = site.engine.api().await?;
    let mut probe = Probe {
        site,
        api: &api,
        reference,
        expected: Listed::of(&api).await?,
        lasting: Vec::new(),
        checked: 0,
        wrong: Vec::new(),
    };
    let refused = probe.write().await?;
    if refused.is_none() {
        probe.look_again().await?;
    }
    if probe.checked == 0 && refused.is_none() {
        return Ok(CheckResult::skipped("no asset and no template is known that could be written again"));
    }
    let found = |kind, actual| {
        Finding::new(CheckId::Untouched, kind, Entity::Engine("engine".to_owned()), EXPECTED, actual)
    };
    let wrong = probe.wrong.into_iter().map(|actual| found(FindingKind::UnstoredWrite, actual));
    let refused = refused.map(|why| found(FindingKind::EngineNotReady, why));
    Ok(CheckResult::checked(probe.checked.max(1), wrong.chain(refused).collect()))
}

/// What an acknowledged write brought about, for good.
enum Effect {
    /// An asset with these bytes.
    Uploaded(Box<AssetRecord>, Digest),
    /// An asset that is gone, as it was.
    AssetDeleted(Box<AssetRecord>),
    /// A template that is gone.
    TemplateDeleted(String),
    /// The current version of a template.
    Current(String, String),
}

/// The writes of one check.
struct Probe<'a> {
    site: &'a Site<Restored>,
    api: &'a Engine,
    reference: &'a Reference,
    /// What the lists must show.
    expected: Listed,
    /// Whatever was written and was right when it was looked at.
    lasting: Vec<Effect>,
    /// Writes that were looked at.
    checked: usize,
    wrong: Vec<String>,
}

/// Why the engine refused a write, if it did.
type Refused = Option<String>;

impl Probe<'_> {
    async fn write(&mut self) -> Result<Refused, Error> {
        let reference = self.reference;
        if let Some((name, asset)) = reference.known.assets.iter().next()
            && let Some(refused) = self.uploads(name, asset).await?
        {
            return Ok(Some(refused));
        }
        let mut templates = reference.known.templates.keys();
        if let Some(key) = templates.clone().next()
            && let Some(refused) = self.template(key).await?
        {
            return Ok(Some(refused));
        }
        match templates.find(|key| reference.releases.versions(key).next().is_some()) {
            Some(key) => self.version_and_label(key).await,
            None => Ok(None),
        }
    }

    /// Two uploads, of which one is deleted.
    async fn uploads(&mut self, name: &AssetName, asset: &KnownAsset) -> Result<Refused, Error> {
        let Got::Found { bytes, .. } = self.site.objects.get(&asset.key).await? else { return Ok(None) };
        let size = bytes.len() as u64 + LARGE;
        let bytes = padded(bytes, size);
        let media_type = media_type(Path::new(name.as_str())).to_owned();
        let mut upload =
            UploadRequest { name: format!("written-{name}"), bytes, media_type, ..UploadRequest::default() };
        let deleted = match self.upload(&upload).await? {
            Ok(record) => record,
            Err(refused) => return Ok(Some(refused)),
        };
        // An engine that may not delete has accepted the upload all the same.
        if self.api.delete_asset(&deleted.id, true).await.is_ok() {
            self.expected.assets.remove(&deleted.id);
            // It is the first write of all.
            self.lasting.clear();
            self.now(Effect::AssetDeleted(Box::new(deleted)), "after its delete was acknowledged").await?;
        }
        upload.name = format!("kept-{name}");
        Ok(self.upload(&upload).await?.err())
    }

    async fn upload(&mut self, upload: &UploadRequest) -> Result<Result<AssetRecord, String>, Error> {
        let record = match self.api.upload(upload).await {
            Ok(record) => record,
            Err(refused) => return Ok(Err(refused.to_string())),
        };
        self.expected.assets.add(&record.id);
        let effect = Effect::Uploaded(Box::new(record.clone()), Digest::of(&upload.bytes));
        self.now(effect, "after its upload was acknowledged").await?;
        Ok(Ok(record))
    }

    /// A copy of a template, which is deleted. An engine may have reasons of its own against a copy.
    async fn template(&mut self, of: &TemplateKey) -> Result<Refused, Error> {
        let mut copy = self.api.template(of.as_str()).await?.definition;
        let key = format!("written-{of}");
        let Some(member) = copy.get_mut("key") else { return Ok(None) };
        *member = Value::String(key.clone());
        match self.api.create_template(&copy).await {
            Ok(_) => self.expected.templates.add(&key),
            Err(CallError::Refused { status: 400..500, .. }) => return Ok(None),
            Err(refused) => return Ok(Some(refused.to_string())),
        }
        let current = self.api.template(&key).await?.summary.current_version;
        self.now(Effect::Current(key.clone(), current), "after its creation was acknowledged").await?;
        if self.api.delete_template(&key).await.is_ok() {
            self.expected.templates.remove(&key);
            self.lasting.retain(|effect| !matches!(effect, Effect::Current(created, _) if *created == key));
            self.now(Effect::TemplateDeleted(key), "after its delete was acknowledged").await?;
        }
        Ok(None)
    }

    /// A new version of a template is the current one from then on, beside the old ones; and a label renders the
    /// version that it was given. The template has its first definition at the end.
    async fn version_and_label(&mut self, key: &TemplateKey) -> Result<Refused, Error> {
        let was = self.api.template(key.as_str()).await?;
        let mut sent = was.definition.clone();
        let Some(Value::String(name)) = sent.get_mut("name") else { return Ok(None) };
        name.push_str(" (written)");
        let name = Value::String(name.clone());
        if let Err(refused) = self.api.update_template(key.as_str(), &sent).await {
            return Ok(Some(format!("{key}: {refused}")));
        }
        self.checked += 2;
        let is = self.api.template(key.as_str()).await?;
        let version = &is.summary.current_version;
        if is.definition.get("name") != Some(&name) || *version == was.summary.current_version {
            self.wrong.push(format!(
                "{key}: after a new version was acknowledged, version {version} is shown as before"
            ));
        } else if !self.has_version(key.as_str(), version).await? {
            self.wrong.push(format!("{key}: the new version {version} is not listed"));
        }
        let label = format!("{PREFIX}written");
        for (version, then) in self.reference.releases.versions(key) {
            if let Err(refused) = self.api.put_label(key.as_str(), &label, version).await {
                return Ok(Some(format!("{key}: {refused}")));
            }
            let data = &self.reference.known.templates[key].data;
            let now = shown(&self.api.render_release(key.as_str(), data, ("label", &label)).await?);
            if now != then {
                self.wrong
                    .push(format!("{key}: a label that was set to version {version} ({then}) renders {now}"));
                break;
            }
        }
        match self.api.update_template(key.as_str(), &was.definition).await {
            Ok(summary) => {
                self.lasting.push(Effect::Current(key.to_string(), summary.current_version));
                Ok(None)
            }
            Err(refused) => Ok(Some(format!("{key}: {refused}"))),
        }
    }

    async fn has_version(&self, key: &str, version: &str) -> Result<bool, Error> {
        Ok(self.api.template_versions(key).await?.iter().any(|listed| listed.version == version))
    }

    /// Looks at a write that was just acknowledged. What is right must stay so.
    async fn now(&mut self, effect: Effect, when: &str) -> Result<(), Error> {
        self.checked += 1;
        let mut wrong = self.listed(when).await?;
        wrong.extend(self.broken(&effect).await?.map(|what| format!("{when}: {what}")));
        if wrong.is_empty() {
            self.lasting.push(effect);
        }
        self.wrong.extend(wrong);
        Ok(())
    }

    /// Uses the engine as a day of work would, and asks again for everything that was written.
    async fn look_again(&mut self) -> Result<(), Error> {
        api_snapshot::read(self.api, false).await?;
        for (key, template) in &self.reference.known.templates {
            self.api.render(key.as_str(), &template.data).await?;
        }
        self.all_last("at the end of the checks").await?;
        api_snapshot::read_audit(self.api).await?;
        self.all_last("at the end of the checks, after the audit trail was read again").await
    }

    async fn all_last(&mut self, when: &str) -> Result<(), Error> {
        let wrong = self.listed(when).await?;
        self.wrong.extend(wrong);
        let mut lasting = Vec::new();
        for effect in std::mem::take(&mut self.lasting) {
            match self.broken(&effect).await? {
                Some(what) => self.wrong.push(format!("{when}: {what}")),
                None => lasting.push(effect),
            }
        }
        self.lasting = lasting;
        Ok(())
    }

    /// What the lists show otherwise than they must; from then on it is what they must show.
    async fn listed(&mut self, when: &str) -> Result<Vec<String>, Error> {
        let now = Listed::of(self.api).await?;
        let wrong = self.expected.differences(&now);
        self.expected = now;
        Ok(wrong.into_iter().map(|what| format!("{when}: {what}")).collect())
    }

    /// What a write should have brought about and is not so.
    async fn broken(&self, effect: &Effect) -> Result<Option<String>, Error> {
        Ok(match effect {
            Effect::Uploaded(record, sent) => self.stored(record, *sent).await?,
            Effect::AssetDeleted(record) => {
                let name = &record.original_name;
                if self.api.asset(&record.id).await.is_ok() {
                    Some(format!("the details of the deleted asset {name} are shown"))
                } else if self.api.binary(&record.filename).await?.is_success() {
                    Some(format!("the binary of the deleted asset {name} is handed out"))
                } else {
                    None
                }
            }
            Effect::TemplateDeleted(key) => {
                let shown = self.api.template(key).await.is_ok();
                shown.then(|| format!("the deleted template {key} is shown"))
            }
            Effect::Current(key, version) => match self.api.template(key).await {
                Ok(now) if now.summary.current_version != *version => {
                    let now = now.summary.current_version;
                    Some(format!("{key}: version {now} is current instead of the written {version}"))
                }
                Ok(_) if self.has_version(key, version).await? => None,
                Ok(_) => Some(format!("{key}: the written version {version} is not listed")),
                Err(refused) => Some(format!("{key}: {refused}")),
            },
        })
    }

    /// What the store has instead of an upload.
    async fn stored(&self, record: &AssetRecord, sent: Digest) -> Result<Option<String>, Error> {
        let key = record.filename.as_str();
        Ok(match self.site.objects.get(&key.into()).await? {
            Got::Found { bytes, .. } if Digest::of(&bytes) == sent => None,
            Got::Found { bytes, .. } => Some(format!("{} bytes at {key}, other ones", bytes.len())),
            Got::Missing => Some(format!("no object at {key}")),
            Got::Denied => return Err(Error::environment(format!("can't read {key}"))),
        })
    }
}
