//! The fail-closed promise, tested on every restored site (runbook 2.3): a binary is removed, the store
//! is cut off, access is denied, and each time the engine must refuse, for that reason and no other;
//! then everything is restored and the render must be good again. It is one of the last checks, because
//! it changes the site.

use crate::{
    base::{
        error::Error,
        ids::{AssetName, TemplateKey},
    },
    journal::Logbook,
    model::{
        check::CheckId,
        event::Event,
        finding::{Entity, Finding, FindingKind},
        state::{Known, KnownAsset, KnownTemplate, State},
    },
    runbook::verify::{
        CheckResult, Reference,
        render::{carries_pdf, describe, is_documented_refusal, render, says_missing},
    },
    site::{Restored, Site},
    system::{
        engine::{Engine, HttpAnswer},
        objects::Got,
    },
};
use outage::{Kind, Outage};
use std::collections::BTreeSet;

mod outage;

/// How far the probe goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeScope {
    /// Each template and each binary at least once: in the baseline drill of a seed.
    Everything,
    /// The smallest template: in every other scenario. The engine's behaviour with other templates does
    /// not depend on the fault, and the baseline drill of the seed covers it.
    OneTemplate,
}

/// Probes the engine with templates that render well and need a binary, the smallest first; the
/// store as a whole with the first.
pub async fn check(
    site: &Site<Restored>,
    reference: &Reference,
    observed: &State,
    reach: ProbeScope,
    log: &Logbook,
) -> CheckResult {
    let sound = |(_, template): &(&TemplateKey, &KnownTemplate)| {
        !template.assets.is_empty()
            && template.assets.iter().all(|name| {
                reference.known.assets.get(name).is_some_and(|asset| {
                    observed.objects.get(&asset.key).is_some_and(|o| o.sha256 == asset.sha256)
                })
            })
    };
    let mut findings = Vec::new();
    let mut at = 0;
    let mut store_probed = false;
    let mut probed = BTreeSet::new();
    let mut templates: Vec<_> = reference.known.templates.iter().filter(sound).collect();
    templates.sort_by_key(|(_, template)| {
        let golden = template.golden.as_ref().and_then(|golden| std::fs::metadata(&golden.path).ok());
        (template.shown.is_empty(), golden.map_or(u64::MAX, |file| file.len()))
    });
    for (key, template) in templates {
        if reach == ProbeScope::OneTemplate && at > 0 {
            break;
        }
        let store_too = !store_probed && !template.shown.is_empty();
        let probe = async {
            let api = site.engine.api().await?;
            // A template whose render is off for another reason proves nothing here.
            if !render(&api, key, template, ("probe", &site.profile.pdf), log).await?.1 {
                return Ok((0, Vec::new()));
            }
            let probe = Probe { site, api, key, template, log, findings: Vec::new(), at: 0 };
            probe.run(reference, &mut probed, store_too).await
        };
        match probe.await {
            Ok((looked, found)) => {
                store_probed |= store_too && looked > 0;
                at += looked;
                findings.extend(found);
            }
            Err(error) => {
                let error: Error = error;
                return CheckResult::unknown(error.to_string(), findings);
            }
        }
    }
    match at {
        0 => CheckResult::skipped("no known template that needs a binary renders well"),
        at => CheckResult::checked(at, findings),
    }
}

/// Another asset that a refusal names in place of the missing one.
fn blamed<'a>(
    answer: &HttpAnswer,
    missing: &AssetName,
    asset: &KnownAsset,
    known: &'a Known,
) -> Option<&'a AssetName> {
    let text = String::from_utf8_lossy(&answer.body);
    if [missing.as_str(), asset.key.as_str(), &asset.id].iter().any(|name| text.contains(name)) {
        return None;
    }
    let named = |(name, other): &(&AssetName, &KnownAsset)| {
        text.contains(other.key.as_str()) || text.contains(name.as_str())
    };
    known.assets.iter().find(named).map(|(name, _)| name)
}

struct Probe<'a> {
    site: &'a Site<Restored>,
    api: Engine,
    key: &'a TemplateKey,
    template: &'a KnownTemplate,
    log: &'a Logbook,
    findings: Vec<Finding>,
    at: usize,
}

impl Probe<'_> {
    async fn run(
        mut self,
        reference: &Reference,
        probed: &mut BTreeSet<AssetName>,
        store_too: bool,
    ) -> Result<(usize, Vec<Finding>), Error> {
        let new: Vec<&AssetName> =
            self.template.assets.iter().filter(|name| !probed.contains(*name)).collect();
        let names = if new.is_empty() { self.template.assets.iter().take(1).collect() } else { new };
        for name in names {
            probed.insert(name.clone());
            if let Some(asset) = reference.known.assets.get(name) {
                self.without_binary(name, asset, &reference.known).await?;
            }
        }
        self.good_again("after its binaries were put back").await?;
        if store_too {
            for kind in Kind::ALL {
                match Outage::begin(self.site, kind)? {
                    Ok(outage) => {
                        let outcome = self.without_store(kind).await;
                        outage.end()?;
                        outcome?;
                    }
                    Err(why) => {
                        let text = format!("not put to the test: {} ({why})", kind.situation());
                        self.log.event(Event::Noted { text })?;
                    }
                }
            }
            self.good_again("after the object store came back").await?;
        }
        Ok((self.at, self.findings))
    }

    /// Takes the binary away: the render must be refused as documented.
    async fn without_binary(
        &mut self,
        name: &AssetName,
        asset: &KnownAsset,
        known: &Known,
    ) -> Result<(), Error> {
        let key = &asset.key;
        let Got::Found { bytes, metadata } = self.site.objects.get(key).await? else {
            return Err(Error::environment(format!("can't read {key} to put it back later")));
        };
        self.site.objects.delete(key).await?;
        let answers = async {
            Ok::<_, Error>((
                self.ask().await?,
                self.api.render_html(self.key.as_str(), &self.template.data).await?,
            ))
        };
        let answers = answers.await;
        self.site.objects.put(key, bytes, &metadata).await?;
        let ((answer, good), page) = answers?;
        let situation = format!("{name} was taken away");
        if good && !self.template.shown.contains(name) {
            // The known-good PDF does not show it: it was not needed.
        } else if answer.is_success() {
            let kind = if good { FindingKind::StaleRender } else { FindingKind::FailOpen };
            self.found(kind, "the documented refusal", &situation, &answer);
        } else if carries_pdf(&answer) {
            self.found(FindingKind::PartialPdf, "an error without PDF bytes", &situation, &answer);
        } else if !is_documented_refusal(&answer, self.site.profile.missing_binary.as_ref()) {
            self.found(FindingKind::WrongRefusal, "the documented refusal", &situation, &answer);
        } else if let Some(other) = blamed(&answer, name, asset, known) {
            let situation = format!("{situation}, and the answer names {other}");
            self.found(FindingKind::WrongRefusal, "a refusal that names no other asset", &situation, &answer);
        }
        // A page that refers to the binary shows nothing in its place.
        let refers = String::from_utf8_lossy(&page.body).contains(key.as_str());
        if page.is_success() && self.template.shown.contains(name) && !refers {
            let expected = "POST /render/html refuses, or its page refers to the binary";
            self.found(FindingKind::FailOpen, expected, &situation, &page);
        }
        Ok(())
    }

    /// Cuts the store off: the render must fail, and must not blame a missing binary.
    async fn without_store(&mut self, kind: Kind) -> Result<(), Error> {
        let situation = kind.situation();
        let (answer, good) = self.ask().await?;
        if answer.is_success() {
            let found = if good { FindingKind::StaleRender } else { FindingKind::FailOpen };
            self.found(found, "an error", situation, &answer);
        } else if says_missing(&answer, self.site.profile.missing_binary.as_ref()) {
            self.found(
                FindingKind::WrongReason,
                "an error that does not blame a missing binary",
                situation,
                &answer,
            );
        } else if carries_pdf(&answer) {
            self.found(FindingKind::PartialPdf, "an error without PDF bytes", situation, &answer);
        }
        if kind == Kind::Unreachable {
            self.at += 1;
            if let Ok(ready) = self.api.ready().await
                && ready.ok
            {
                self.findings.push(Finding::new(
                    CheckId::FailClosed,
                    FindingKind::FalseReady,
                    Entity::Engine("engine".to_owned()),
                    "GET /health/ready answers 503 while the object store can't be reached",
                    ready.answer,
                ));
            }
        }
        Ok(())
    }

    /// With everything back, the render must be good again: a refusal must not stick.
    async fn good_again(&mut self, when: &str) -> Result<(), Error> {
        let (answer, good) = self.ask().await?;
        if !good {
            self.found(FindingKind::RenderRefused, "the known-good PDF", when, &answer);
        }
        Ok(())
    }

    async fn ask(&mut self) -> Result<(HttpAnswer, bool), Error> {
        self.at += 1;
        render(&self.api, self.key, self.template, ("probe", &self.site.profile.pdf), self.log).await
    }

    fn found(&mut self, kind: FindingKind, expected: &str, situation: &str, answer: &HttpAnswer) {
        let actual = format!("{situation}: {}", describe(answer));
        let entity = Entity::Template(self.key.clone());
        self.findings.push(Finding::new(CheckId::FailClosed, kind, entity, expected, actual));
    }
}
