//! How values become text: escaped text, verdicts, durations, links.

use crate::{
    base::{clock::human, sanitize::legible},
    model::{
        finding::Finding,
        record::{RunRecord, ScenarioRecord},
        verdict::{Judgement, Role, Verdict},
    },
    report::{
        headline,
        runbook::{PAGE, Piece, pieces},
    },
};
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::path::{Component, Path};

/// The most characters of one text; `record.json` has all of it.
const LONGEST: usize = 4_000;

/// Characters that need no escaping in the URL of an artefact.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-').remove(b'/');

/// The text, shortened if it is too long, with invisible and direction-changing characters escaped.
pub fn text(text: &str) -> String {
    let cut = text.char_indices().nth(LONGEST).map(|(at, _)| at);
    let mut shown = legible(&text[..cut.unwrap_or(text.len())]);
    if let Some(at) = cut {
        shown.push_str(&format!(" … ({} characters more in record.json)", text[at..].chars().count()));
    }
    shown
}

/// The same in one line.
pub fn line(name: &str) -> String {
    text(name).replace('\n', " ")
}

/// A fragment as a sentence in one line: with a capital and a full stop.
pub fn sentence(fragment: &str) -> String {
    headline::sentence(&line(fragment))
}

/// The expected findings of a scenario that were not reported, in number.
pub fn missing(scenario: &ScenarioRecord) -> usize {
    scenario.judgement.iter().flat_map(Judgement::missing).count()
}

/// The verdict as a word: colour alone never carries a meaning.
pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Passed",
        Verdict::Unknown => "Could not verify",
        Verdict::Fail => "Failed",
    }
}

/// The verdict's name in classes and filters.
pub fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Unknown => "unknown",
        Verdict::Fail => "fail",
    }
}

/// A symbol for the verdict.
pub fn verdict_sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Unknown => "?",
        Verdict::Fail => "✗",
    }
}

/// The badge of a drill that was not run: neither passed nor failed.
pub fn not_run() -> Markup {
    html! { span .badge { "Skipped" } }
}

/// A drill's name, leading to its row.
pub fn link(record: &RunRecord, scenario: &ScenarioRecord) -> Markup {
    html! { a href={ "#" (anchor(record, scenario)) } { bdi { (line(scenario.id.as_str())) } } }
}

/// The verdict as a badge.
pub fn badge(verdict: Verdict) -> Markup {
    html! {
        span class={ "badge " (verdict_class(verdict)) } {
            span aria-hidden="true" { (verdict_sign(verdict)) " " } (verdict_word(verdict))
        }
    }
}

/// A text of the catalogue, with links to the sections of the runbook that it names, and what stands between
/// backticks as code.
pub fn linked(text: &str) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece {
                Piece::Text(text) => { (with_code(text)) }
                Piece::Section { label, number } => { a href={ (PAGE) "#s" (number) } { (label) } }
            }
        }
    }
}

/// What stands between two backticks as code; a single backtick stays.
fn with_code(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    let paired = parts.len() % 2 == 1;
    html! {
        @if paired {
            @for (number, part) in parts.iter().enumerate() {
                @if number % 2 == 1 { code { (part) } } @else { (part) }
            }
        } @else { (text) }
    }
}

/// A duration, or a dash with its meaning.
pub fn maybe_time(ms: Option<u64>) -> Markup {
    html! {
        @match ms {
            Some(ms) => { (human(ms)) }
            None => { span aria-hidden="true" { "–" } span .hear { "not measured" } }
        }
    }
}

/// What a role means to a reader.
pub fn role(role: Option<&Role>) -> String {
    match role {
        Some(Role::Expected) => "expected".to_owned(),
        Some(Role::Possible) => "possible: depends on timing".to_owned(),
        Some(Role::Consequence { of }) => format!("follows from {}", line(of)),
        Some(Role::Warning) => "harmless".to_owned(),
        Some(Role::Unexpected) => "unexpected".to_owned(),
        None => "not judged".to_owned(),
    }
}

/// A link to a file of the run, where its path stays in the run's folder; else its path.
pub fn artefact(path: &str) -> Markup {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    html! {
        @if inside && path.starts_with("artefacts/") {
            a href=(utf8_percent_encode(path, PLAIN)) { code { (line(path)) } }
        } @else {
            code { (line(path)) }
        }
    }
}

/// The place of a scenario's detail in the page: its id may hold anything.
pub fn anchor(record: &RunRecord, scenario: &ScenarioRecord) -> String {
    let at = record.scenarios.iter().position(|s| std::ptr::eq(s, scenario)).unwrap_or_default();
    format!("scenario-{}", at + 1)
}

/// The findings of a scenario with a role.
pub fn with_role(scenario: &ScenarioRecord, wanted: fn(&Role) -> bool) -> Vec<&Finding> {
    scenario.judged().filter(|(_, role)| role.is_some_and(wanted)).map(|(finding, _)| finding).collect()
}

/// Whether it is unexpected and not harmless.
pub fn is_unexpected(role: &Role) -> bool {
    matches!(role, Role::Unexpected)
}

/// Whether the scenario expects it.
pub fn is_expected(role: &Role) -> bool {
    matches!(role, Role::Expected)
}

/// Whether it is harmless.
pub fn is_warning(role: &Role) -> bool {
    matches!(role, Role::Warning)
}

/// `1 drill`, `2 drills`; a long row by its columns.
pub use crate::report::terminal::style::{brief, count};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_would_turn_or_hide_is_made_visible_and_cut() {
        assert_eq!(text("a\u{202e}b\u{feff}c\0\u{1b}[2J"), "a\\u{202e}b\\u{feff}c\\u{0}\\u{1b}[2J");
        assert_eq!(text("\u{ffff}\u{e0041}"), "\\u{ffff}\\u{e0041}");
        let long = text(&"x".repeat(5_000));
        assert!(long.ends_with("(1000 characters more in record.json)") && long.len() < 4_100);
    }

    #[test]
    fn a_path_that_leads_out_is_no_link() {
        assert!(artefact("artefacts/a b.pdf").into_string().contains("href=\"artefacts/a%20b.pdf\""));
        for path in ["artefacts/../../etc/passwd", "/etc/passwd", "javascript:alert(1)", "events.jsonl"] {
            assert!(!artefact(path).into_string().contains("href"), "{path}");
        }
    }
}
