//! `report.html`: the run for people, in one file. The first screen has the verdict and what it does and
//! does not show, followed by the failures and the rest of the record.
//!
//! A pure function of the record and of the page images made from its artefacts. The file loads nothing
//! (its own policy forbids it), is complete without its script and readable without its style. Verdicts
//! are those of the record: nothing is judged here.

use crate::{
    journal::read::EVENTS,
    model::record::RunRecord,
    report::{html::text::verdict_word, pages::ImageSources},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

mod blast_radius;
mod detail;
pub mod documents;
mod summary;
mod overview;
mod replay;
mod environment;
mod table;
mod timeline;
mod workload;
mod verdict;
mod reasons;
mod text;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// Renders a run.
pub fn render(record: &RunRecord, images: &ImageSources) -> String {
    let title = format!("{} · pulp-drill run {}", verdict_word(record.verdict()), record.id());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (text::line(&title)) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a .skip href="#main" { "Skip to the verdict" }
                (body(record, images))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string() + "\n"
}

fn body(record: &RunRecord, images: &ImageSources) -> Markup {
    html! {
        @if let Some(warning) = record.integrity.warning() { p .verdict.fail role="alert" { (text::line(&warning)) } }
        header {
            p { strong { "pulp-drill" } " · backup and restore drill · run " code { (text::line(record.id().as_str())) } }
            nav aria-label="Parts of this report" { (contents(record)) }
        }
        main id="main" tabindex="-1" {
            (summary::first(record))
            (reasons::why(record, images))
            (table::table(record))
            (timeline::of_run(record))
            (workload::side_by_side(record))
            (overview::overview(record))
            (environment::environment(record))
        }
        footer {
            p {
                "Made only from " code { (EVENTS) } " of this run. "
                code { "pulp-drill report RUN_DIR" } " makes the same file again. Times are in UTC."
            }
        }
    }
}

fn contents(record: &RunRecord) -> Markup {
    html! {
        ul {
            li { a href="#verdict" { "Verdict" } }
            @if reasons::is_needed(record) { li { a href="#why" { "Why" } } }
            li { a href="#scenarios" { "Scenarios" } }
            li { a href="#timeline" { "Timeline" } }
            @if record.scenarios.iter().any(|s| s.load.is_some()) { li { a href="#load" { "Under load" } } }
            @if !record.is_of_existing_backups() { li { a href="#faults" { "Faults and checks" } } }
            li { a href="#controls" { "Controls" } }
            li { a href="#environment" { "Environment" } }
        }
    }
}

/// The content security policy: only the page's own images, style and script.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; img-src data:; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}
