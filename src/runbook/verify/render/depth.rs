//! Whether two PDFs are as alike as a profile or a user requires.

use crate::{
    model::profile::{PdfDepth, PdfRule},
    report::pages::likeness::{self, Likeness},
};
use pdf_compare::Comparison;

/// Whether a render is as like its known-good PDF as the profile requires. Documents that can't be drawn are not.
pub fn meets(rule: &PdfRule, expected: &[u8], actual: &[u8]) -> bool {
    let Ok(comparison) = pdf_compare::compare(expected, actual) else { return false };
    let draw = rule.depth > PdfDepth::Canonical && matches!(comparison, Comparison::Different { .. });
    let drawn = draw.then(|| likeness::of(expected.to_vec(), actual.to_vec(), &rule.masks).ok()).flatten();
    is_alike(rule, &comparison, drawn.as_ref())
}

/// The same, of two PDFs that were compared, and drawn where that is needed.
pub fn is_alike(rule: &PdfRule, comparison: &Comparison, drawn: Option<&Likeness>) -> bool {
    match (comparison, rule.depth) {
        (Comparison::Identical, _) => true,
        (Comparison::SameApartFromMetadata { .. }, depth) => depth > PdfDepth::Bytes,
        (Comparison::Different { .. }, PdfDepth::Bytes | PdfDepth::Canonical) => false,
        (Comparison::Different { .. }, PdfDepth::Layout) => drawn.is_some_and(Likeness::same_layout),
        (Comparison::Different { .. }, PdfDepth::Picture) => {
            drawn.is_some_and(|drawn| drawn.same_picture(rule.tolerance))
        }
    }
}
