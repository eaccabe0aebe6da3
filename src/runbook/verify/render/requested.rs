//! Renders that the user asked for: compared with known-good PDFs where there are some, otherwise
//! checked for being whole. What binaries a template needs is read from its restored definition and the
//! data: `/assets/<filename>`.

use super::{
    answer::render,
    judge::{judge, needs},
};
use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext as _},
        ids::{AssetName, ObjectKey, TemplateKey},
    },
    journal::Logbook,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        state::{Golden, Known, KnownAsset, KnownTemplate, State},
    },
    plan::ExpectedRender,
    runbook::verify::Reference,
    site::{Restored, Site},
    system::engine::Engine,
};
use percent_encoding::percent_decode_str;
use std::{collections::BTreeSet, time::Instant};

/// How definitions and data refer to an asset.
const REFERENCE: &str = "/assets/";

/// Learns what the requested renders need. A template that the engine does not have is a finding.
pub(super) async fn learn(api: &Engine, reference: &mut Reference, observed: &State) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, wanted) in reference.renders.clone() {
        match template(api, &key, &wanted, &mut reference.known, observed).await {
            Ok(known) => drop(reference.known.templates.insert(key, known)),
            Err(why) => findings.push(refused(&key, why.to_string())),
        }
    }
    findings
}

/// The requested templates that have no known-good PDF.
pub(super) fn without_golden(reference: &Reference) -> Vec<TemplateKey> {
    let known = reference.known.templates.iter();
    let bare = known.filter(|(key, known)| known.golden.is_none() && reference.renders.contains_key(*key));
    bare.map(|(key, _)| key.clone()).collect()
}

/// Renders a template whose known-good PDF nobody gave: it must be a whole PDF, and then stands for the
/// known-good one in later probes. Also returns when it was received.
pub(super) async fn render_whole(
    site: &Site<Restored>,
    api: &Engine,
    reference: &mut Reference,
    key: &TemplateKey,
    observed: &State,
    log: &Logbook,
) -> Result<(Vec<Finding>, Option<Instant>), Error> {
    let Some(mut known) = reference.known.templates.remove(key) else { return Ok((Vec::new(), None)) };
    let needed = needs(&known, reference, observed, &site.profile);
    let (answer, _) = render(api, key, &known, ("restored", &site.profile.pdf), log).await?;
    let mut findings = judge(key, &known, &needed, &answer, &site.profile, log)?;
    // No known-good PDF was promised.
    findings.retain(|finding| finding.kind != FindingKind::PdfDiffers);
    if !findings.is_empty() || !answer.is_success() || pdf_compare::well_formed(&answer.body).is_err() {
        return Ok((findings, None));
    }
    let received = Instant::now();
    let path = site.folder.join(format!("reference-{}.pdf", reference.known.templates.len()));
    std::fs::write(&path, &answer.body).or_environment(|| format!("can't write {}", path.display()))?;
    known.golden = Some(Golden { sha256: Digest::of(&answer.body), path });
    reference.known.templates.insert(key.clone(), known);
    Ok((findings, Some(received)))
}

/// What a render of a template needs. Its assets become known.
async fn template(
    api: &Engine,
    key: &TemplateKey,
    wanted: &ExpectedRender,
    known: &mut Known,
    observed: &State,
) -> Result<KnownTemplate, Error> {
    let definition = api.template(key.as_str()).await?.definition;
    let mut named = references(&definition.to_string());
    named.extend(references(&wanted.data.to_string()));
    for name in &named {
        let object = observed.objects.get(&ObjectKey::from(name.as_str()));
        let asset = KnownAsset {
            id: String::new(),
            key: name.as_str().into(),
            size: object.as_ref().map_or(0, |o| o.size),
            sha256: object.map_or(Digest::ZERO, |o| o.sha256),
        };
        known.assets.insert(name.clone(), asset);
    }
    let (data, golden) = (wanted.data.clone(), wanted.golden.clone());
    Ok(KnownTemplate { data, assets: named.into_iter().collect(), shown: Vec::new(), golden })
}

fn refused(key: &TemplateKey, why: String) -> Finding {
    let entity = Entity::Template(key.clone());
    let expected = "the engine has this template";
    Finding::new(CheckId::Render, FindingKind::RenderRefused, entity, expected, why)
}

/// The storage keys that a JSON text refers to. One that is composed at render time is not found.
fn references(json: &str) -> BTreeSet<AssetName> {
    let part_of_key = |c: char| c.is_alphanumeric() || "._-/%+@~".contains(c);
    json.split(REFERENCE)
        .skip(1)
        .map(|rest| rest.split(|c| !part_of_key(c)).next().unwrap_or_default())
        .map(|key| percent_decode_str(key).decode_utf8_lossy().into_owned())
        .filter(|key| !key.is_empty())
        .map(AssetName::new)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_from_definitions_and_data() {
        let text = r#"{"src":"/assets/a-1.png","html":"<img src='https://x/assets/v/b%20c.jpg?x=1'> /assets/{{logo}}"}"#;
        let found: Vec<String> = references(text).into_iter().map(|n| n.to_string()).collect();
        assert_eq!(found, ["a-1.png", "v/b c.jpg"]);
    }
}
