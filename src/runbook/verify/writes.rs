//! Whether the engine accepts writes on what was restored, and whether they take effect: an upload, a delete,
//! a new version of a template and a label. What is acknowledged and not done shows only here.

use crate::{
    base::{error::Error, ids::TemplateKey},
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        workload::PREFIX,
    },
    runbook::verify::{CheckResult, Reference, render::releases::shown},
    site::{Restored, Site},
    system::{
        engine::{Engine, UploadRequest, media_type},
        objects::Got,
    },
};
use serde_json::Value;
use std::path::Path;

/// What the probe's upload has at least, in bytes: engines and stores treat large bodies otherwise.
const LARGE: u32 = 1 << 20;

/// Writes to the engine and looks at the result. Templates are written where their versions were rendered at
/// the source.
///
/// # Errors
/// The engine or the store can't be asked.
pub async fn check(site: &Site<Restored>, reference: &Reference) -> Result<CheckResult, Error> {
    let api = site.engine.api().await?;
    let asset = upload_and_delete(site, &api, reference).await?;
    let templates = reference.known.templates.keys();
    Ok(match templates.into_iter().find(|key| reference.releases.versions(key).next().is_some()) {
        Some(key) => asset.and(version_and_label(&api, key, reference).await?),
        None => asset,
    })
}

fn found(kind: FindingKind, expected: &str, actual: String) -> Finding {
    Finding::new(CheckId::Untouched, kind, Entity::Engine("engine".to_owned()), expected, actual)
}

/// An upload is stored as it was sent and listed once, and a delete takes it away.
async fn upload_and_delete(
    site: &Site<Restored>,
    api: &Engine,
    reference: &Reference,
) -> Result<CheckResult, Error> {
    let skipped = || Ok(CheckResult::skipped("no asset is known that could be uploaded again"));
    let Some((name, asset)) = reference.known.assets.iter().next() else { return skipped() };
    let Got::Found { mut bytes, .. } = site.objects.get(&asset.key).await? else { return skipped() };
    // What follows the end of a picture is no part of it.
    bytes.extend((0..LARGE / 4).flat_map(u32::to_be_bytes));
    let media_type = media_type(Path::new(name.as_str())).to_owned();
    let upload =
        UploadRequest { name: format!("written-{name}"), bytes, media_type, ..UploadRequest::default() };
    let expected = "an upload is stored as it was sent and listed once, and a delete takes it away";
    let before = api.assets().await?.len();
    let record = match api.upload(&upload).await {
        Ok(record) => record,
        Err(refused) => {
            let refused = found(FindingKind::EngineNotReady, expected, refused.to_string());
            return Ok(CheckResult::checked(1, vec![refused]));
        }
    };
    let stored = match site.objects.get(&record.filename.as_str().into()).await? {
        Got::Found { bytes, .. } if bytes == upload.bytes => None,
        Got::Found { bytes, .. } => Some(format!("{} bytes at {}, other ones", bytes.len(), record.filename)),
        Got::Missing => Some(format!("no object at {}", record.filename)),
        Got::Denied => return Err(Error::environment(format!("can't read {}", record.filename))),
    };
    let listed = api.assets().await?;
    let unlisted = match listed.iter().any(|asset| asset.id == record.id) {
        false => Some("the upload is not listed".to_owned()),
        true if listed.len() != before + 1 => {
            Some(format!("{before} assets were listed before the upload, and {} after it", listed.len()))
        }
        true => None,
    };
    // An engine that may not delete has accepted the write all the same.
    let kept = match api.delete_asset(&record.id, true).await {
        Ok(()) => after_delete(api, &record.id, listed.len()).await?,
        Err(_) => None,
    };
    let wrong = [stored, unlisted, kept].into_iter().flatten();
    Ok(CheckResult::checked(
        2,
        wrong.map(|actual| found(FindingKind::UnstoredWrite, expected, actual)).collect(),
    ))
}

/// What is wrong after a delete that was acknowledged.
async fn after_delete(api: &Engine, id: &str, listed_before: usize) -> Result<Option<String>, Error> {
    let listed = api.assets().await?;
    Ok(match listed.iter().any(|asset| asset.id == id) {
        true => Some("after its delete was acknowledged it is still listed".to_owned()),
        false if api.asset(id).await.is_ok() => {
            Some("after its delete was acknowledged its details are still shown".to_owned())
        }
        false if listed.len() + 1 != listed_before => Some(format!(
            "{listed_before} assets were listed before the delete of one, and {} after it",
            listed.len()
        )),
        false => None,
    })
}

/// A new version of a template is the current one from then on, beside the old ones; and a label renders the
/// version that it was given. The template has its first definition at the end.
async fn version_and_label(
    api: &Engine,
    key: &TemplateKey,
    reference: &Reference,
) -> Result<CheckResult, Error> {
    let expected = "a new version is current and shown as it was sent, and a label renders its version";
    let was = api.template(key.as_str()).await?;
    let mut sent = was.definition.clone();
    let Some(Value::String(name)) = sent.get_mut("name") else {
        return Ok(CheckResult::skipped("the definition of the template has no name that could be changed"));
    };
    name.push_str(" (written)");
    let name = Value::String(name.clone());
    let refused = |why: &dyn std::fmt::Display| {
        let actual = format!("{key}: {why}");
        CheckResult::checked(1, vec![found(FindingKind::EngineNotReady, expected, actual)])
    };
    if let Err(error) = api.update_template(key.as_str(), &sent).await {
        return Ok(refused(&error));
    }
    let mut wrong = Vec::new();
    let is = api.template(key.as_str()).await?;
    let version = &is.summary.current_version;
    if is.definition.get("name") != Some(&name) || *version == was.summary.current_version {
        wrong.push(format!(
            "{key}: after a new version was acknowledged, version {version} is shown as before"
        ));
    } else if !api.template_versions(key.as_str()).await?.iter().any(|listed| listed.version == *version) {
        wrong.push(format!("{key}: the new version {version} is not listed"));
    }
    let label = format!("{PREFIX}written");
    for (version, then) in reference.releases.versions(key) {
        if let Err(error) = api.put_label(key.as_str(), &label, version).await {
            return Ok(refused(&error));
        }
        let data = &reference.known.templates[key].data;
        let now = shown(&api.render_release(key.as_str(), data, ("label", &label)).await?);
        if now != then {
            wrong.push(format!("{key}: a label that was set to version {version} ({then}) renders {now}"));
            break;
        }
    }
    if let Err(error) = api.update_template(key.as_str(), &was.definition).await {
        return Ok(refused(&error));
    }
    let wrong = wrong.into_iter().map(|actual| found(FindingKind::UnstoredWrite, expected, actual));
    Ok(CheckResult::checked(2, wrong.collect()))
}
