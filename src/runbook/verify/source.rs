//! Before the backup: what the engine acknowledged is stored as it was sent, and every template
//! renders its known-good PDF. Without this, a restore could be proven against a site that was
//! never right.

use crate::{
    base::{
        digest::Digest,
        error::Error,
        ids::{AssetName, TemplateKey},
        sorted::SortedMapBuilder,
    },
    journal::Logbook,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind, Severity},
        profile::Profile,
        reference::{ReferredKeys, references},
        state::{Database, Golden, Known, KnownAsset, State},
    },
    runbook::verify::{
        CheckResult, Names, Reference, pictures, read_back, reconcile,
        render::{carries_pdf, describe, differ, keep_known_good, not_deterministic, render},
    },
    site::{Site, Source},
};
use pdf_compare::Comparison;
use std::collections::{BTreeMap, BTreeSet};

/// Checks a fresh source. Where no known-good PDF is given, what it renders now becomes the
/// known-good one, once two renders have agreed.
pub async fn check(site: &Site<Source>, known: &mut Known, state: &State, log: &Logbook) -> CheckResult {
    let mut findings = stored(site, known, state);
    let (reconciled, names) = reconciled(site, known, state);
    findings.extend(recorded(&reconciled));
    if !site.has_api() {
        return by_rows(site, state, CheckResult { findings, ..reconciled }, &names).await;
    }
    let keys: Vec<TemplateKey> = known.templates.keys().cloned().collect();
    let at = known.assets.len() + keys.len();
    for key in keys {
        match renders(site, known, &key, log).await {
            Ok(found) => findings.extend(found),
            Err(error) => return CheckResult::unknown(error.to_string(), findings),
        }
    }
    if let Err(error) = pictures::find_shown(site, known).await {
        return CheckResult::unknown(error.to_string(), findings);
    }
    CheckResult::checked(at, findings)
}

/// Without an API there is nothing to render: rows and objects are compared with each other, and with what the
/// application hands out.
async fn by_rows(site: &Site<Source>, state: &State, reconciled: CheckResult, names: &Names) -> CheckResult {
    if !site.engine.exists() {
        return reconciled;
    }
    match read_back::check(site, CheckId::Source, state, names).await {
        Ok((handed_out, _)) => reconciled.and(handed_out),
        Err(error) => reconciled.and(CheckResult::unknown(error.to_string(), Vec::new())),
    }
}

/// Every acknowledged asset against both stores: its object with the bytes that were sent, and a
/// row that points there.
pub fn stored(site: &Site<Source>, known: &Known, state: &State) -> Vec<Finding> {
    let referred = referred(&site.profile, &state.database, &known.assets);
    let mut findings = Vec::new();
    for (name, asset) in &known.assets {
        let expected = format!("{} bytes at {}, SHA-256 {}", asset.size, asset.key, asset.sha256);
        let actual = match state.objects.get(&asset.key) {
            None => "no such object".to_owned(),
            Some(o) if o.sha256 != asset.sha256 => format!("{} bytes, SHA-256 {}", o.size, o.sha256),
            Some(_) if !referred.contains(name) => "no row points at it".to_owned(),
            Some(_) => continue,
        };
        let entity = Entity::Asset(name.clone());
        findings.push(Finding::new(CheckId::Source, FindingKind::UnstoredWrite, entity, expected, actual));
    }
    findings
}

/// The assets to whose objects rows refer.
fn referred<'a>(
    profile: &Profile,
    database: &Database,
    assets: &'a BTreeMap<AssetName, KnownAsset>,
) -> BTreeSet<&'a AssetName> {
    let mut sorted = SortedMapBuilder::new();
    references(profile, database).for_each(|reference| sorted.add(&reference.key, &reference));
    let mut keys = ReferredKeys::of(sorted.entries());
    let mut assets: Vec<_> = assets.iter().map(|(name, asset)| (asset.key.as_str(), name)).collect();
    assets.sort_unstable();
    assets.into_iter().filter(|(key, _)| keys.include(key)).map(|(_, name)| name).collect()
}

/// Every row against its object before anything was backed up: a size or digest that was recorded
/// wrong would be taken for damage later, or hide it.
fn recorded(reconciled: &CheckResult) -> Vec<Finding> {
    let damage = reconciled.findings.iter().filter(|f| f.severity == Severity::Failure).cloned();
    damage
        .map(|f| Finding::new(CheckId::Source, FindingKind::UnstoredWrite, f.entity, f.expected, f.actual))
        .collect()
}

fn reconciled(site: &Site<Source>, known: &Known, state: &State) -> (CheckResult, Names) {
    let mut names = Names::default();
    for (name, asset) in &known.assets {
        names.learn(asset.key.clone(), name.clone());
    }
    let here = Reference { state: Some(state.clone()), ..Reference::default() };
    (reconcile::check(&here, state, &site.profile, &names).0, names)
}

/// Renders a template whose binary was replaced: what it renders now is known-good, unless it is
/// what it rendered before.
pub async fn renders_anew(
    site: &Site<Source>,
    known: &mut Known,
    key: &TemplateKey,
    replaced: &AssetName,
    log: &Logbook,
) -> Result<Vec<Finding>, Error> {
    let was_shown = known.templates.get(key).is_some_and(|template| template.shown.contains(replaced));
    let before = known.templates.get_mut(key).and_then(|template| template.golden.take());
    let before = before.map(|golden| pictures::golden_bytes(&golden)).transpose()?;
    let mut findings = renders(site, known, key, log).await?;
    let now = known
        .templates
        .get(key)
        .and_then(|template| template.golden.as_ref())
        .map(pictures::golden_bytes)
        .transpose()?;
    pictures::find_shown(site, known).await?;
    if let (true, Some(before), Some(now)) = (was_shown, before, now)
        && !differ(&before, &now)
    {
        let entity = Entity::Template(key.clone());
        let (expected, actual) = ("a render with the new binary", "what was rendered before the write");
        findings.push(Finding::new(CheckId::Source, FindingKind::StaleRender, entity, expected, actual));
    }
    Ok(findings)
}

/// Renders one template at the source and compares it with its known-good PDF, or makes it one.
pub async fn renders(
    site: &Site<Source>,
    known: &mut Known,
    key: &TemplateKey,
    log: &Logbook,
) -> Result<Vec<Finding>, Error> {
    let api = site.engine.api().await?;
    let Some(template) = known.templates.get_mut(key) else { return Ok(Vec::new()) };
    // One of its assets was deleted: it is refused from now on, and rightly.
    if template.assets.iter().any(|name| !known.assets.contains_key(name)) {
        return Ok(Vec::new());
    }
    let entity = || Entity::Template(key.clone());
    let found = |kind, expected: &str, actual: String| {
        Ok(vec![Finding::new(CheckId::Source, kind, entity(), expected, actual)])
    };
    let (answer, good) = render(&api, key, template, ("source", &site.profile.pdf), log).await?;
    if !answer.is_success() {
        let kind = if carries_pdf(&answer) { FindingKind::PartialPdf } else { FindingKind::RenderRefused };
        return found(kind, "a PDF: nothing was damaged yet", describe(&answer));
    }
    let whole = if answer.whole {
        pdf_compare::well_formed(&answer.body).err().map(|e| e.to_string())
    } else {
        Some("it broke off".into())
    };
    if let Some(why) = whole {
        return found(FindingKind::PartialPdf, "a whole PDF", format!("{}; {why}", describe(&answer)));
    }
    if good {
        return Ok(Vec::new());
    }
    let (second, _) = render(&api, key, template, ("source", &site.profile.pdf), log).await?;
    if differ(&answer.body, &second.body) {
        return Ok(vec![not_deterministic(CheckId::Source, key, &answer, &second)]);
    }
    let Some(golden) = &template.golden else {
        // Named by its bytes: an earlier cut point may still need an earlier one of this template.
        let sha256 = Digest::of(&answer.body);
        let path = site.folder.join(format!("known-good-{sha256}.pdf"));
        std::fs::write(&path, &answer.body)
            .map_err(|e| Error::environment(format!("can't write {}", path.display())).because(&e))?;
        template.golden = Some(Golden { sha256, path });
        return Ok(Vec::new());
    };
    let bytes = pictures::golden_bytes(golden)?;
    let actual = match pdf_compare::compare(&bytes, &answer.body) {
        Ok(Comparison::Different { differences, .. }) => differences
            .iter()
            .take(4)
            .map(|d| format!("{}: {} instead of {}", d.what, d.actual, d.expected))
            .collect::<Vec<_>>()
            .join("; "),
        // Only where the profile requires the same bytes.
        Ok(Comparison::SameApartFromMetadata { ignored }) => format!("differs in {}", ignored.join(", ")),
        Ok(Comparison::Identical) => return Ok(Vec::new()),
        Err(error) => error.to_string(),
    };
    let path = log.artefact(
        &format!("{}-{key}-source.pdf", log.name()),
        &answer.body,
        "a render at the source that is not the known-good PDF",
    )?;
    let finding =
        Finding::new(CheckId::Source, FindingKind::PdfDiffers, entity(), "the known-good PDF", actual);
    Ok(vec![finding.shown_by(path).shown_by(keep_known_good(key, &bytes, log)?)])
}
