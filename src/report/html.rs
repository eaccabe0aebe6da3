//! `report.html`: the run for people, in one file. The first screen says the verdict and what it
//! does and does not show; below stand the failures, then everything else of the record.
//!
//! A pure function of the record and of the pictures made from its artefacts. The file asks for
//! nothing from anywhere (its own policy forbids it), is whole without its script and readable
//! without its style. Words and judgement are those of the record: nothing is judged here.

use crate::{
    model::record::RunRecord,
    report::{html::text::verdict_word, pages::Pictures},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

mod detail;
mod summary;
mod overview;
mod replay;
mod environment;
mod table;
mod timeline;
mod workload;
mod limits;
mod verdict;
mod reasons;
mod text;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// Renders a run.
pub fn render(record: &RunRecord, pictures: &Pictures) -> String {
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
                (body(record, pictures))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string() + "\n"
}

fn body(record: &RunRecord, pictures: &Pictures) -> Markup {
    html! {
        header {
            p { strong { "pulp-drill" } " · backup and restore drill · run " code { (text::line(record.id().as_str())) } }
            nav aria-label="Parts of this report" { (contents(record)) }
        }
        main id="main" tabindex="-1" {
            (summary::first(record))
            (reasons::why(record, pictures))
            (table::table(record))
            (timeline::of_run(record))
            (workload::side_by_side(record))
            (overview::overview(record))
            (environment::surroundings(record))
        }
        footer {
            p {
                "Made from " code { "events.jsonl" } " of this run alone; "
                code { "pulp-drill report RUN_DIR" } " makes the same file again. Times are UTC."
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
            li { a href="#faults" { "Faults and checks" } }
            li { a href="#controls" { "Controls" } }
            li { a href="#environment" { "Environment" } }
        }
    }
}

/// What the page may do: show its own pictures, its one style and its one script, nothing else.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; img-src data:; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}
