//! The findings that follow from the answer to a render, given what the stores hold of the binaries that
//! its template needs.

use super::{
    answer::{carries_pdf, describe, golden, is_documented_refusal, keep_known_good, says_missing},
    depth::meets,
};
use crate::{
    base::{
        error::Error,
        ids::{AssetName, ObjectKey, TemplateKey},
    },
    journal::Logbook,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{MissingBinary, Profile},
        reference::references,
        state::{KnownTemplate, State},
    },
    runbook::verify::Reference,
    system::engine::HttpAnswer,
};
use pdf_compare::{Comparison, Difference, DifferenceKind};
use std::collections::BTreeSet;

/// What the stores hold of the binaries that a template needs.
#[derive(Debug, Default)]
pub struct Needs<'a> {
    /// A row points at it, and it is not there.
    pub missing: Vec<&'a AssetName>,
    /// Neither row nor binary are there.
    pub gone: Vec<&'a AssetName>,
    /// It was deleted before the cut point, while the template referred to it: the source refused
    /// such a render too, for whatever reason the engine gives.
    pub deleted: Vec<&'a AssetName>,
    /// It is there with other bytes than were known to be good.
    pub damaged: Vec<&'a AssetName>,
}

/// What the stores hold of a template's binaries.
pub fn needs<'a>(
    template: &'a KnownTemplate,
    reference: &Reference,
    observed: &State,
    profile: &Profile,
) -> Needs<'a> {
    let pointed_at: BTreeSet<ObjectKey> =
        references(profile, &observed.database).map(|reference| reference.key).collect();
    let mut needs = Needs::default();
    for name in &template.assets {
        let Some(asset) = reference.known.assets.get(name) else {
            needs.deleted.push(name);
            continue;
        };
        match observed.objects.get(&asset.key) {
            Some(object) if object.sha256 != asset.sha256 => needs.damaged.push(name),
            Some(_) => {}
            None if pointed_at.contains(&asset.key) => needs.missing.push(name),
            None => needs.gone.push(name),
        }
    }
    needs
}

/// The findings about a template that follow from an answer.
pub fn judge(
    key: &TemplateKey,
    template: &KnownTemplate,
    needs: &Needs<'_>,
    answer: &HttpAnswer,
    profile: &Profile,
    log: &Logbook,
) -> Result<Vec<Finding>, Error> {
    let documented = profile.missing_binary.as_ref();
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
    let same = golden.as_deref().is_some_and(|golden| meets(&profile.pdf, golden, &answer.body));
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
            let kind = if same { FindingKind::PdfMetadataDiffers } else { FindingKind::PdfDiffers };
            let actual = format!("differs in {}", ignored.join(", "));
            Ok(vec![found(kind, "the known-good PDF's bytes".into(), actual)])
        }
        Some(Ok(Comparison::Different { origin, .. })) if same => {
            let actual = format!("alike at the depth that the profile requires; {}", origin.describe());
            Ok(vec![found(FindingKind::PdfMetadataDiffers, "the known-good PDF".into(), actual)])
        }
        Some(Ok(Comparison::Different { differences, more, origin })) => {
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
            actual.push(origin.describe().to_owned());
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
