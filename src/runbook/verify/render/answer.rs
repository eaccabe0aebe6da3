//! One render, and what its answer is: a PDF, a documented refusal, or neither.

use super::depth::meets;
use crate::{
    base::{digest::Digest, error::Error, ids::TemplateKey},
    journal::Logbook,
    model::{
        check::CheckId,
        event::Event,
        finding::{Entity, Finding, FindingKind},
        profile::{MissingBinary, PdfRule},
        record::KNOWN_GOOD,
        state::KnownTemplate,
    },
    system::engine::{Engine, HttpAnswer},
};
use pdf_compare::Comparison;

/// Renders a template with its data and records it in the journal. Also returns whether the answer is
/// the known-good PDF, as far as the profile requires.
pub async fn render(
    api: &Engine,
    key: &TemplateKey,
    template: &KnownTemplate,
    (site, rule): (&str, &PdfRule),
    log: &Logbook,
) -> Result<(HttpAnswer, bool), Error> {
    let answer = api.render(key.as_str(), &template.data).await?;
    let golden = golden(template)?;
    let good = answer.is_success() && golden.is_some_and(|golden| meets(rule, &golden, &answer.body));
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

/// Whether an answer has PDF bytes or a PDF content type.
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

/// The bytes of a template's known-good PDF, where it has one.
pub fn golden(template: &KnownTemplate) -> Result<Option<Vec<u8>>, Error> {
    let Some(golden) = &template.golden else { return Ok(None) };
    std::fs::read(&golden.path).map(Some).map_err(|error| {
        Error::environment(format!("can't read the known-good PDF {}", golden.path.display())).because(&error)
    })
}
