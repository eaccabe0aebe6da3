//! The engine on the restored stores: ready, its schedules kept, its inventory without drift.

use crate::{
    base::{digest::Digest, error::Error, ids::ObjectKey},
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
    },
    procedure::manifest::{self, AssetItem, Drift, Manifest},
    runbook::verify::{CheckResult, Names, Reference},
    site::{Restored, Site},
};

/// Whether the engine is ready on the restored stores (runbook 3.5). `not_ready` is what kept it
/// from starting, if anything.
pub async fn ready(site: &Site<Restored>, not_ready: Option<&str>) -> CheckResult {
    if !site.engine.exists() {
        return CheckResult::skipped("the profile has no `start`: nothing of the target runs");
    }
    let finding = |actual: String| {
        Finding::new(
            CheckId::Ready,
            FindingKind::EngineNotReady,
            Entity::Engine("engine".to_owned()),
            site.profile.ready_shown(),
            actual,
        )
    };
    if let Some(why) = not_ready {
        return CheckResult::checked(1, vec![finding(why.to_owned())]);
    }
    let api = match site.engine.api().await {
        Ok(api) => api,
        Err(error) => return CheckResult::checked(1, vec![finding(error.to_string())]),
    };
    match api.ready().await {
        Ok(ready) if ready.ok => CheckResult::checked(1, Vec::new()),
        Ok(ready) => CheckResult::checked(1, vec![finding(ready.answer)]),
        Err(unreachable) => CheckResult::checked(1, vec![finding(unreachable.to_string())]),
    }
}

/// The runbook's drift check (3.6 step 1) with tolerance 0: the recorded manifest against the live
/// API, digests of definitions and binaries included where it has them, and the dump against the
/// digest that it names. Tables are the contents check's.
pub async fn manifest(
    site: &Site<Restored>,
    reference: &Reference,
    names: &Names,
    dump: Option<Digest>,
) -> CheckResult {
    let Some(recorded) = &reference.manifest else {
        return CheckResult::skipped("no manifest was recorded with the backup");
    };
    let mut recorded = reference.inventory_without_workload(recorded.clone());
    recorded.tables.clear();
    recorded.schema = None;
    let is_read =
        |asset: &AssetItem| !reference.listed.contains_key(&ObjectKey::from(asset.filename.as_str()));
    for asset in recorded.assets.iter_mut().filter(|asset| !is_read(asset)) {
        asset.sha256 = None;
    }
    let mut live = match live(site, recorded.has_digests()).await {
        Ok(live) => reference.inventory_without_workload(live),
        Err(error) => return CheckResult::unknown(error.to_string(), Vec::new()),
    };
    manifest::as_far_as(&recorded, &mut live);
    let drifted = manifest::drift(&recorded, &live).into_iter().map(|drift| {
        let about = about(&drift, &recorded, &live, reference, names);
        let none = || format!("no such item in {}", drift.section);
        let item = about.as_ref().map_or(drift.item.clone(), ToString::to_string);
        let (was, is) =
            (drift.recorded.clone().unwrap_or_else(none), drift.live.clone().unwrap_or_else(none));
        drift_of(item, was, is).touching(about)
    });
    let findings = drifted.chain(unlisted(&recorded, &live, reference)).chain(other_dump(&recorded, dump));
    let findings = findings.collect();
    CheckResult::checked(1 + recorded.templates.len() + recorded.assets.len(), findings)
}

/// The same where there is no API to ask: the dump alone.
pub fn dump_of_manifest(reference: &Reference, dump: Option<Digest>, no_api: &str) -> CheckResult {
    match reference.manifest.as_ref().filter(|manifest| manifest.db_dump_sha256.is_some()) {
        Some(manifest) if dump.is_some() => {
            CheckResult::checked(1, other_dump(manifest, dump).into_iter().collect())
        }
        Some(_) | None => CheckResult::skipped(no_api),
    }
}

/// That the dump is not the one that the manifest names.
fn other_dump(recorded: &Manifest, dump: Option<Digest>) -> Option<Finding> {
    let (then, now) = recorded.db_dump_sha256.zip(dump).filter(|(then, now)| then != now)?;
    Some(drift_of("dump".to_owned(), format!("SHA-256 {then}"), format!("SHA-256 {now}")))
}

fn drift_of(item: String, recorded: String, live: String) -> Finding {
    Finding::new(CheckId::Manifest, FindingKind::ManifestDrift, Entity::Manifest(item), recorded, live)
}

/// What both inventories leave out or list twice does not drift: an engine that pages its lists
/// wrongly would not be noticed.
fn unlisted(recorded: &Manifest, live: &Manifest, reference: &Reference) -> Vec<Finding> {
    let templates = reference.known.templates.keys().map(|key| {
        let times = |m: &Manifest| m.templates.iter().filter(|t| t.key == key.as_str()).count();
        (Entity::Template(key.clone()), times(recorded), times(live))
    });
    // An asset that is known by a reference to it alone has no id.
    let with_id = reference.known.assets.iter().filter(|(_, asset)| !asset.id.is_empty());
    let assets = with_id.map(|(name, asset)| {
        let times = |m: &Manifest| m.assets.iter().filter(|a| a.id == asset.id).count();
        (Entity::Asset(name.clone()), times(recorded), times(live))
    });
    let wrong = templates.chain(assets).filter_map(|(entity, then, now)| {
        // Listed once and then not at all is drift.
        (then != 1 && now != 1 || now > 1).then(|| {
            let expected = "listed once, at the source and now".to_owned();
            let actual = format!("listed {then} times at the source, {now} times now");
            drift_of(entity.to_string(), expected, actual).touching([entity])
        })
    });
    wrong.collect()
}

async fn live(site: &Site<Restored>, digests: bool) -> Result<Manifest, Error> {
    let api = site.engine.api().await?;
    let mut live = manifest::record(&api, String::new()).await?;
    if digests {
        manifest::complete(&mut live, &api).await?;
    }
    Ok(live)
}

/// The asset or template that a drifted item is.
fn about(
    drift: &Drift,
    recorded: &Manifest,
    live: &Manifest,
    reference: &Reference,
    names: &Names,
) -> Option<Entity> {
    if drift.section == "templates" {
        return Some(Entity::Template(drift.item.as_str().into()));
    }
    let assets = &reference.known.assets;
    let by_id = assets.iter().find(|(_, a)| a.id == drift.item).map(|(name, _)| name.clone());
    let by_key = || {
        let item = recorded.assets.iter().chain(&live.assets).find(|a| a.id == drift.item)?;
        names.asset(&item.filename.as_str().into()).cloned()
    };
    by_id.or_else(by_key).map(Entity::Asset)
}
