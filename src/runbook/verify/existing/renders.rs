//! The renders that were asked for, on a restored backup: held against known-good PDFs where there
//! are some, else only for being whole. What binaries a template needs is read from its restored
//! definition and the data: `/assets/<filename>`.

use super::{ExpectedRender, Recorded};
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
        state::{Golden, KnownAsset, KnownTemplate, State},
    },
    runbook::verify::{
        CheckResult, CutPoint, baseline,
        render::{self, judge, needs},
    },
    site::{Restored, Site},
    system::engine::Engine,
};
use percent_encoding::percent_decode_str;
use std::{collections::BTreeSet, time::Instant};

/// How definitions and data refer to an asset.
const REFERENCE: &str = "/assets/";

/// Renders what was asked for. Also gives when the first good PDF was there. What is known of the
/// templates from then on is put into the cut point: the first whole PDF of a template without a
/// known-good one stands for it in later probes.
pub(super) async fn check(
    site: &Site<Restored>,
    recorded: &Recorded,
    cut: &mut CutPoint,
    observed: &State,
    log: &Logbook,
) -> (CheckResult, Option<Instant>) {
    if recorded.renders.is_empty() {
        return (CheckResult::skipped("no render was asked for (--render)"), None);
    }
    let mut findings = Vec::new();
    let mut first_good = None;
    let done = async {
        let api = site.engine.api().await?;
        let mut bare = Vec::new();
        for (key, wanted) in &recorded.renders {
            match template(&api, key, wanted, cut, observed).await {
                Ok(known) if wanted.golden.is_some() => drop(cut.known.templates.insert(key.clone(), known)),
                Ok(known) => bare.push((key, known)),
                Err(why) => findings.push(refused(key, why.to_string())),
            }
        }
        let (looked, good) = match cut.known.templates.is_empty() {
            true => (CheckResult::skipped(""), None),
            false => render::check(site, cut, observed, log).await,
        };
        first_good = good;
        for (key, mut known) in bare {
            let needed = needs(&known, cut, observed, &site.profile);
            let (answer, _) = render::render(&api, key, &known, "restored", log).await?;
            let judged = judge(key, &known, &needed, &answer, site.profile.missing_binary.as_ref(), log)?;
            // There is no known-good PDF, and nobody said that there is one.
            let judged = judged.into_iter().filter(|f| f.kind != FindingKind::PdfDiffers);
            let judged: Vec<Finding> = judged.collect();
            if judged.is_empty() && answer.is_success() && pdf_compare::well_formed(&answer.body).is_ok() {
                first_good.get_or_insert_with(Instant::now);
                let path = site.folder.join(format!("reference-{}.pdf", cut.known.templates.len()));
                std::fs::write(&path, &answer.body)
                    .or_environment(|| format!("can't write {}", path.display()))?;
                known.golden = Some(Golden { sha256: Digest::of(&answer.body), path });
                cut.known.templates.insert(key.clone(), known);
            }
            findings.extend(judged);
        }
        baseline::shown(site, &mut cut.known).await?;
        Ok::<CheckResult, Error>(looked)
    };
    let looked = match done.await {
        Ok(looked) => CheckResult::at(recorded.renders.len(), findings).and(looked),
        Err(error) => CheckResult::unknown(error.to_string(), findings),
    };
    (looked, first_good)
}

/// What a render of a template needs. Its assets become known.
async fn template(
    api: &Engine,
    key: &TemplateKey,
    wanted: &ExpectedRender,
    cut: &mut CutPoint,
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
            size: object.map_or(0, |o| o.size),
            sha256: object.map_or(Digest::ZERO, |o| o.sha256),
        };
        cut.known.assets.insert(name.clone(), asset);
    }
    let (data, golden) = (wanted.data.clone(), wanted.golden.clone());
    Ok(KnownTemplate { data, assets: named.into_iter().collect(), shown: Vec::new(), golden })
}

fn refused(key: &TemplateKey, why: String) -> Finding {
    let entity = Entity::Template(key.clone());
    let expected = "the engine has this template";
    Finding::new(CheckId::Render, FindingKind::RenderRefused, entity, expected, why)
}

/// The storage keys that a JSON text refers to. One that is put together at render time is not seen.
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
