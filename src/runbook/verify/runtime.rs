//! The engine on the restored stores: ready, its schedules kept, its inventory without drift.

use crate::{
    base::error::Error,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
    },
    procedure::manifest,
    runbook::verify::{CheckResult, CutPoint, Names},
    site::{Restored, Site},
};

/// Whether the engine is ready on the restored stores (runbook 3.5). `not_ready` is what kept it
/// from starting, if anything.
pub async fn ready(site: &Site<Restored>, not_ready: Option<String>) -> CheckResult {
    if !site.engine.exists() {
        return CheckResult::skipped("the profile has no `start`: nothing of the target runs");
    }
    let finding = |actual: String| {
        Finding::new(
            CheckId::Ready,
            FindingKind::EngineNotReady,
            Entity::Engine("engine".to_owned()),
            format!("GET {} answers 200", site.profile.ready_path()),
            actual,
        )
    };
    if let Some(why) = not_ready {
        return CheckResult::at(1, vec![finding(why)]);
    }
    let api = match site.engine.api().await {
        Ok(api) => api,
        Err(error) => return CheckResult::at(1, vec![finding(error.to_string())]),
    };
    match api.ready().await {
        Ok(ready) if ready.ok => CheckResult::at(1, Vec::new()),
        Ok(ready) => CheckResult::at(1, vec![finding(format!("{} {}", ready.status, ready.body))]),
        Err(unreachable) => CheckResult::at(1, vec![finding(unreachable.to_string())]),
    }
}

/// The runbook's drift check (3.6 step 1) with tolerance 0: the recorded manifest against the live
/// API.
pub async fn manifest(site: &Site<Restored>, cut: &CutPoint, names: &Names) -> CheckResult {
    let recorded = cut.manifest.clone().map(|recorded| cut.inventory_without_load(recorded));
    let Some(recorded) = &recorded else { return CheckResult::skipped("no manifest was recorded") };
    let live = match live(site).await {
        Ok(live) => cut.inventory_without_load(live),
        Err(error) => return CheckResult::unknown(error.to_string(), Vec::new()),
    };
    let findings = unlisted(recorded, &live, cut);
    let drifted = manifest::drift(recorded, &live).into_iter().map(|drift| {
        let about = about(&drift, recorded, &live, cut, names);
        Finding::new(
            CheckId::Manifest,
            FindingKind::ManifestDrift,
            Entity::Manifest(about.as_ref().map_or(drift.item.clone(), ToString::to_string)),
            drift.recorded.unwrap_or_else(|| format!("no such item in {}", drift.section)),
            drift.live.unwrap_or_else(|| format!("no such item in {}", drift.section)),
        )
        .touching(about)
    });
    let findings = drifted.chain(findings).collect();
    CheckResult::at(recorded.templates.len() + recorded.assets.len(), findings)
}

/// What both inventories leave out or hold twice does not drift: an engine that pages its lists
/// wrongly would go unnoticed.
fn unlisted(recorded: &manifest::Manifest, live: &manifest::Manifest, cut: &CutPoint) -> Vec<Finding> {
    let times = |m: &manifest::Manifest, entity: &Entity, id: &str| match entity {
        Entity::Template(key) => m.templates.iter().filter(|t| t.key == key.as_str()).count(),
        _ => m.assets.iter().filter(|a| a.id == id).count(),
    };
    let templates = cut.known.templates.keys().map(|key| (Entity::Template(key.clone()), key.as_str()));
    let assets = cut.known.assets.iter().map(|(name, a)| (Entity::Asset(name.clone()), a.id.as_str()));
    let wrong = templates.chain(assets).filter_map(|(entity, id)| {
        let (then, now) = (times(recorded, &entity, id), times(live, &entity, id));
        // Listed once and then not at all is drift.
        (then != 1 && now != 1 || now > 1).then(|| {
            Finding::new(
                CheckId::Manifest,
                FindingKind::ManifestDrift,
                Entity::Manifest(entity.to_string()),
                "listed once, at the source and now",
                format!("listed {then} times at the source, {now} times now"),
            )
            .touching([entity])
        })
    });
    wrong.collect()
}

async fn live(site: &Site<Restored>) -> Result<manifest::Manifest, Error> {
    manifest::record(&site.engine.api().await?, String::new()).await
}

/// The asset or template that a drifted item is.
fn about(
    drift: &manifest::Drift,
    recorded: &manifest::Manifest,
    live: &manifest::Manifest,
    cut: &CutPoint,
    names: &Names,
) -> Option<Entity> {
    if drift.section == "templates" {
        return Some(Entity::Template(drift.item.as_str().into()));
    }
    let by_id = cut.known.assets.iter().find(|(_, a)| a.id == drift.item).map(|(name, _)| name.clone());
    let by_key = || {
        let item = recorded.assets.iter().chain(&live.assets).find(|a| a.id == drift.item)?;
        names.asset(&item.filename.as_str().into()).cloned()
    };
    by_id.or_else(by_key).map(Entity::Asset)
}
