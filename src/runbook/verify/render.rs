//! Renders every template on the restored site: its known-good PDF, or, where a binary that it
//! needs is gone, the documented refusal and nothing else.

use crate::{
    base::{error::Error, ids::TemplateKey},
    journal::Logbook,
    model::{
        check::CheckId,
        finding::{FindingKind, Severity},
        state::State,
    },
    runbook::verify::{CheckResult, Reference, pictures},
    site::{Restored, Site},
};
use judge::{judge, needs};
use other_version::Another;
use std::{collections::BTreeSet, time::Instant};

mod answer;
pub mod depth;
mod judge;
mod other_version;
pub mod releases;
mod requested;
mod stale;

pub use answer::{
    carries_pdf, describe, differ, golden, is_documented_refusal, keep_known_good, not_deterministic, render,
    says_missing,
};

/// What rendered well.
#[derive(Debug, Default)]
pub struct GoodRenders {
    /// When the first good PDF was received.
    pub first: Option<Instant>,
    /// The templates with a good PDF.
    pub templates: BTreeSet<TemplateKey>,
}

impl GoodRenders {
    fn add(&mut self, key: &TemplateKey, at: Instant) {
        self.first.get_or_insert(at);
        self.templates.insert(key.clone());
    }
}

/// Renders all known templates, and those that were asked for. Also returns what rendered well.
pub async fn check(
    site: &Site<Restored>,
    reference: &mut Reference,
    observed: &State,
    log: &Logbook,
) -> (CheckResult, GoodRenders) {
    if reference.state.is_none() && reference.renders.is_empty() {
        return (CheckResult::skipped("no render was asked for (--render)"), GoodRenders::default());
    }
    let mut findings = Vec::new();
    let mut all_good = GoodRenders::default();
    let rendered = async {
        let api = site.engine.api().await?;
        findings.extend(requested::learn(&api, reference, observed).await);
        let at = reference.known.templates.len() + findings.len();
        let without_golden = requested::without_golden(reference);
        for (key, template) in &reference.known.templates {
            if without_golden.contains(key) {
                continue;
            }
            let needs = needs(template, reference, observed, &site.profile);
            let (answer, good) = render(&api, key, template, ("restored", &site.profile.pdf), log).await?;
            if good {
                all_good.add(key, Instant::now());
            }
            let mut judged = judge(key, template, &needs, &answer, &site.profile, log)?;
            if judged.iter().all(|f| f.severity == Severity::Warning) && answer.is_success() {
                let shown = pdf_compare::words(&answer.body).unwrap_or_default();
                judged.extend(stale::definition(key, template, reference, observed, &site.profile, &shown));
            }
            let suspect = needs.damaged.iter().find(|name| template.shown.contains(name));
            if let (Some(name), true, true) = (suspect, judged.is_empty(), answer.is_success()) {
                let probe = Another { site, reference, observed, api: &api, log };
                judged.extend(probe.still_shows(key, template, name).await?);
            }
            let again = judged.iter().any(|f| f.kind == FindingKind::PdfDiffers) && needs.damaged.is_empty();
            let second = if again {
                Some(render(&api, key, template, ("restored", &site.profile.pdf), log).await?.0)
            } else {
                None
            };
            match second {
                Some(second) if differ(&answer.body, &second.body) => {
                    findings.push(not_deterministic(CheckId::Render, key, &answer, &second));
                }
                _ => findings.extend(judged),
            }
        }
        for key in without_golden {
            let (found, whole) = requested::render_whole(site, &api, reference, &key, observed, log).await?;
            findings.extend(found);
            whole.into_iter().for_each(|at| all_good.add(&key, at));
        }
        if !reference.releases.is_empty() {
            findings.extend(releases::compare(&api, &reference.known, &reference.releases).await?);
        }
        if !reference.renders.is_empty() {
            pictures::find_shown(site, &mut reference.known).await?;
        }
        Ok::<usize, Error>(at)
    };
    let result = match rendered.await {
        Ok(at) => CheckResult::checked(at, findings),
        Err(error) => CheckResult::unknown(error.to_string(), findings),
    };
    (result, all_good)
}
