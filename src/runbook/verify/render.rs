//! Renders every template on the restored site: its known-good PDF, or, where a binary that it
//! needs is gone, the documented refusal and nothing else.

use crate::{
    base::{
        digest::Digest,
        error::Error,
        ids::{AssetName, TemplateKey},
    },
    journal::Logbook,
    model::{
        check::CheckId,
        event::Event,
        finding::{Entity, Finding, FindingKind, Severity},
        profile::{MissingBinary, Profile},
        record::KNOWN_GOOD,
        state::{KnownTemplate, State},
    },
    runbook::verify::{CheckResult, CutPoint},
    site::{Restored, Site},
    system::engine::{Engine, HttpAnswer},
};
use pdf_compare::{Comparison, Difference, DifferenceKind};
use serde_json::Value;
use std::{collections::BTreeSet, time::Instant};

mod other_version;
mod stale;

use other_version::Another;

/// What the stores hold of the binaries that a template needs.
#[derive(Debug, Default)]
pub(super) struct Needs<'a> {
    /// A row points at it, and it is not there.
    missing: Vec<&'a AssetName>,
    /// Neither row nor binary are there.
    gone: Vec<&'a AssetName>,
    /// It was deleted before the cut point, while the template referred to it: the source refused
    /// such a render too, for whatever reason the engine gives.
    deleted: Vec<&'a AssetName>,
    /// It is there with other bytes than were known to be good.
    damaged: Vec<&'a AssetName>,
}

/// Renders all known templates. Also gives when the first known-good PDF was there.
pub async fn check(
    site: &Site<Restored>,
    cut: &CutPoint,
    observed: &State,
    log: &Logbook,
) -> (CheckResult, Option<Instant>) {
    let mut findings = Vec::new();
    let mut first_good = None;
    let rendered = async {
        let api = site.engine.api().await?;
        for (key, template) in &cut.known.templates {
            let needs = needs(template, cut, observed, &site.profile);
            let (answer, good) = render(&api, key, template, "restored", log).await?;
            if good {
                first_good.get_or_insert_with(Instant::now);
            }
            let mut judged =
                judge(key, template, &needs, &answer, site.profile.missing_binary.as_ref(), log)?;
            if judged.iter().all(|f| f.severity == Severity::Warning) && answer.is_success() {
                let shown = pdf_compare::words(&answer.body).unwrap_or_default();
                judged.extend(stale::definition(key, template, cut, observed, &site.profile, &shown));
            }
            let suspect = needs.damaged.iter().find(|name| template.shown.contains(name));
            if let (Some(name), true, true) = (suspect, judged.is_empty(), answer.is_success()) {
                let probe = Another { site, cut, observed, api: &api, log };
                judged.extend(probe.still_shows(key, template, name).await?);
            }
            let again = judged.iter().any(|f| f.kind == FindingKind::PdfDiffers) && needs.damaged.is_empty();
            let second =
                if again { Some(render(&api, key, template, "restored", log).await?.0) } else { None };
            match second {
                Some(second) if differ(&answer.body, &second.body) => {
                    findings.push(not_deterministic(CheckId::Render, key, &answer, &second));
                }
                _ => findings.extend(judged),
            }
        }
        Ok::<(), Error>(())
    };
    let looked = match rendered.await {
        Ok(()) => CheckResult::at(cut.known.templates.len(), findings),
        Err(error) => CheckResult::unknown(error.to_string(), findings),
    };
    (looked, first_good)
}

/// Renders a template with its data and keeps the fact in the journal. Also says whether the answer
/// is the known-good PDF, metadata apart.
pub async fn render(
    api: &Engine,
    key: &TemplateKey,
    template: &KnownTemplate,
    site: &str,
    log: &Logbook,
) -> Result<(HttpAnswer, bool), Error> {
    let answer = api.render(key.as_str(), &template.data).await?;
    let golden = golden(template)?;
    let good = answer.is_success()
        && golden.is_some_and(|g| {
            matches!(
                pdf_compare::compare(&g, &answer.body),
                Ok(Comparison::Identical | Comparison::SameApartFromMetadata { .. })
            )
        });
    log.event(Event::Rendered {
        template: key.clone(),
        site: site.to_owned(),
        status: answer.status,
        code: answer.codes.first().cloned(),
        sha256: Digest::of(&answer.body),
        bytes: answer.body.len() as u64,
        ms: answer.ms,
        known_good: good,
    })?;
    Ok((answer, good))
}

/// Whether two answers differ in more than metadata.
pub fn differ(one: &[u8], other: &[u8]) -> bool {
    !matches!(
        pdf_compare::compare(one, other),
        Ok(Comparison::Identical | Comparison::SameApartFromMetadata { .. })
    )
}

/// The finding that two renders of the same differ.
pub fn not_deterministic(check: CheckId, key: &TemplateKey, one: &HttpAnswer, other: &HttpAnswer) -> Finding {
    let digest = |answer: &HttpAnswer| format!("SHA-256 {}", Digest::of(&answer.body));
    let entity = Entity::Template(key.clone());
    Finding::new(check, FindingKind::NotDeterministic, entity, digest(one), digest(other))
}

/// Whether an answer is a refusal as the profile documents it.
pub fn is_documented_refusal(answer: &HttpAnswer, documented: Option<&MissingBinary>) -> bool {
    let status =
        documented.and_then(|d| d.status).map_or(!answer.is_success(), |status| status == answer.status);
    status && says_missing(answer, documented) && !answer.is_success()
}

/// Whether an answer names the code of a missing binary.
pub fn says_missing(answer: &HttpAnswer, documented: Option<&MissingBinary>) -> bool {
    documented.is_some_and(|documented| answer.codes.contains(&documented.code))
}

/// Whether an answer carries PDF bytes or says that it does.
pub fn carries_pdf(answer: &HttpAnswer) -> bool {
    let typed = answer.content_type.as_deref().is_some_and(|t| t.to_ascii_lowercase().contains("pdf"));
    typed || answer.body.windows(5).take(1024).any(|w| w == b"%PDF-")
}

/// An answer in a line.
pub fn describe(answer: &HttpAnswer) -> String {
    let mut description = format!("status {}", answer.status);
    match &answer.codes[..] {
        [] => {}
        codes => description += &format!(", code {}", codes.join(", ")),
    }
    if let Some(message) = &answer.message {
        description += &format!(": {}", message.chars().take(300).collect::<String>());
    }
    if carries_pdf(answer) || answer.is_success() {
        let kind = answer.content_type.as_deref().unwrap_or("no content type");
        description += &format!(
            " ({kind}, {} bytes{})",
            answer.body.len(),
            if answer.whole { "" } else { ", broken off" }
        );
    }
    description
}

/// Keeps a known-good PDF beside the render that differs from it. Gives its path.
pub fn keep_known_good(key: &TemplateKey, golden: &[u8], log: &Logbook) -> Result<String, Error> {
    log.artefact(&format!("{key}-known-good.pdf"), golden, KNOWN_GOOD)
}

pub(super) fn golden(template: &KnownTemplate) -> Result<Option<Vec<u8>>, Error> {
    let Some(golden) = &template.golden else { return Ok(None) };
    std::fs::read(&golden.path).map(Some).map_err(|error| {
        Error::environment(format!("can't read the known-good PDF {}", golden.path.display())).because(&error)
    })
}

/// What the stores hold of a template's binaries.
pub(super) fn needs<'a>(
    template: &'a KnownTemplate,
    cut: &CutPoint,
    observed: &State,
    profile: &Profile,
) -> Needs<'a> {
    let pointed_at: BTreeSet<&str> = profile
        .with_binaries()
        .filter_map(|(entity, binary)| Some((observed.database.tables.get(&entity.table)?, binary)))
        .flat_map(|(table, binary)| {
            table.rows.values().filter_map(|row| row.json.get(&binary.key).and_then(Value::as_str))
        })
        .collect();
    let mut needs = Needs::default();
    for name in &template.assets {
        let Some(asset) = cut.known.assets.get(name) else {
            needs.deleted.push(name);
            continue;
        };
        match observed.objects.get(&asset.key) {
            Some(object) if object.sha256 != asset.sha256 => needs.damaged.push(name),
            Some(_) => {}
            None if pointed_at.contains(asset.key.as_str()) => needs.missing.push(name),
            None => needs.gone.push(name),
        }
    }
    needs
}

/// What an answer says about a template.
pub(super) fn judge(
    key: &TemplateKey,
    template: &KnownTemplate,
    needs: &Needs<'_>,
    answer: &HttpAnswer,
    documented: Option<&MissingBinary>,
    log: &Logbook,
) -> Result<Vec<Finding>, Error> {
    let entity = || Entity::Template(key.clone());
    let touches = || template.assets.iter().cloned().map(Entity::Asset);
    let found = |kind, expected: String, actual: String| {
        Finding::new(CheckId::Render, kind, entity(), expected, actual).touching(touches())
    };
    let keep = |finding: Finding| -> Result<Vec<Finding>, Error> {
        let path = log.artefact(
            &format!("{}-{key}.pdf", log.name()),
            &answer.body,
            "a render that is not as it should be",
        )?;
        let finding = finding.shown_by(path);
        Ok(vec![match golden(template)? {
            Some(golden) => finding.shown_by(keep_known_good(key, &golden, log)?),
            None => finding,
        }])
    };
    let refusal = || match documented {
        Some(MissingBinary { status: Some(status), code }) => format!("status {status}, code {code}"),
        Some(MissingBinary { status: None, code }) => format!("an error status, code {code}"),
        None => "an error status".to_owned(),
    };
    let lacking = needs.missing.iter().chain(&needs.gone).chain(&needs.deleted);
    let lacking: Vec<&str> = lacking.map(|a| a.as_str()).collect();
    if !answer.is_success() {
        if carries_pdf(answer) {
            return keep(found(
                FindingKind::PartialPdf,
                "an error without PDF bytes".into(),
                describe(answer),
            ));
        }
        if needs.missing.is_empty() && needs.gone.is_empty() && !needs.deleted.is_empty() {
            // Neither row nor binary were promised: any refusal is right.
            return Ok(Vec::new());
        }
        if needs.missing.is_empty() {
            let blamed = says_missing(answer, documented) && needs.gone.is_empty();
            let kind = if blamed && !needs.damaged.is_empty() {
                FindingKind::WrongRefusal
            } else {
                FindingKind::RenderRefused
            };
            return Ok(vec![found(
                kind,
                "the known-good PDF: every binary is there".into(),
                describe(answer),
            )]);
        }
        if is_documented_refusal(answer, documented) {
            return Ok(Vec::new());
        }
        let expected = format!("{} (missing: {})", refusal(), lacking.join(", "));
        return Ok(vec![found(FindingKind::WrongRefusal, expected, describe(answer))]);
    }
    if let Some(finding) = partial(answer, &found) {
        // A refusal with a success status is no PDF at all.
        let refused = !needs.missing.is_empty() && !carries_pdf(answer);
        let kind = if refused { FindingKind::WrongRefusal } else { FindingKind::PartialPdf };
        return keep(Finding { kind, ..finding });
    }
    let golden = golden(template)?;
    let comparison = golden.as_deref().map(|golden| pdf_compare::compare(golden, &answer.body));
    let same =
        matches!(comparison, Some(Ok(Comparison::Identical | Comparison::SameApartFromMetadata { .. })));
    if !lacking.is_empty() {
        let shows = |name: &&str| template.shown.iter().any(|shown| shown.as_str() == *name);
        if same && !lacking.iter().any(shows) {
            // It does not show what is gone: nothing was needed that was not there.
            return Ok(Vec::new());
        }
        let kind = if same { FindingKind::StaleRender } else { FindingKind::FailOpen };
        let expected = format!("{} (missing: {})", refusal(), lacking.join(", "));
        return keep(found(kind, expected, describe(answer)));
    }
    match comparison {
        None => Ok(vec![found(
            FindingKind::PdfDiffers,
            "a known-good PDF to compare with".into(),
            "none was recorded at the source".into(),
        )]),
        Some(Ok(Comparison::Identical)) => Ok(Vec::new()),
        Some(Ok(Comparison::SameApartFromMetadata { ignored })) => {
            let actual = format!("differs in {}", ignored.join(", "));
            Ok(vec![found(FindingKind::PdfMetadataDiffers, "the known-good PDF's bytes".into(), actual)])
        }
        Some(Ok(Comparison::Different { differences, more })) => {
            let mut expected: Vec<String> =
                differences.iter().map(|d| format!("{}: {}", d.what, d.expected)).collect();
            let mut actual: Vec<String> =
                differences.iter().map(|d| format!("{}: {}", d.what, d.actual)).collect();
            for side in [&mut expected, &mut actual] {
                side.truncate(4);
            }
            if more > 0 || differences.len() > 4 {
                actual.push(format!("and {} more", more + differences.len().saturating_sub(4)));
            }
            let mut finding = found(FindingKind::PdfDiffers, expected.join("; "), actual.join("; "));
            let pages = |d: &Difference| d.kind == DifferenceKind::PageCount;
            let words = |bytes: &[u8]| pdf_compare::words(bytes).unwrap_or_default();
            if !differences.iter().any(pages)
                && golden.is_some_and(|golden| words(&golden) != words(&answer.body))
            {
                // A binary can move words, not change them: no damaged asset explains this.
                finding.touches.clear();
            }
            keep(finding)
        }
        Some(Err(not_a_pdf)) => {
            keep(found(FindingKind::PartialPdf, "a whole PDF".into(), not_a_pdf.to_string()))
        }
    }
}

/// The finding about an answer that claims success without a whole PDF.
fn partial(answer: &HttpAnswer, found: &impl Fn(FindingKind, String, String) -> Finding) -> Option<Finding> {
    let actual = if !answer.whole {
        format!("the body broke off after {} bytes", answer.body.len())
    } else {
        format!("{}; {}", describe(answer), pdf_compare::well_formed(&answer.body).err()?)
    };
    Some(found(FindingKind::PartialPdf, "a whole PDF".into(), actual))
}
