//! Why a run is not a pass: failed drills first, then those without a result, each with findings, their
//! meaning, what to do, and the command that repeats it.

use crate::{
    model::{
        finding::{Finding, FindingKind},
        page_images::{ImageFile, PageComparison, PageImages},
        record::{RunRecord, ScenarioRecord},
        verdict::Verdict,
    },
    report::{
        facts::{has_begun, other_reasons, run_problems},
        html::{
            replay,
            text::{
                anchor, artefact, badge, brief, count, is_unexpected, line, linked, sentence, text, with_role,
            },
            timeline,
        },
        pages::{self, ImageSources},
    },
};
use maud::{Markup, html};

/// The most drills that are described here; the table has the detail of all.
const MOST_DRILLS: usize = 12;

/// The most findings of a kind that are listed here.
const MOST_ROWS: usize = 20;

/// Whether there is anything to explain.
pub fn is_needed(record: &RunRecord) -> bool {
    record.verdict() != Verdict::Pass
}

/// The section; nothing for a passed run.
pub fn why(record: &RunRecord, images: &ImageSources) -> Markup {
    let with = |verdict| record.scenarios.iter().filter(move |s| s.verdict() == verdict);
    // A failed baseline drill explains the most.
    let mut shown: Vec<&ScenarioRecord> = with(Verdict::Fail).collect();
    shown.sort_by_key(|s| !s.is_baseline());
    shown.extend(with(Verdict::Unknown).filter(|s| has_begun(s)));
    let waiting: Vec<&ScenarioRecord> = with(Verdict::Unknown).filter(|s| !has_begun(s)).collect();
    html! {
        @if is_needed(record) {
            section aria-labelledby="why" {
                h2 id="why" { "Why" }
                @let problems = run_problems(record);
                @if !problems.is_empty() {
                    ul .reasons { @for problem in &problems { li { (sentence(&problem.to_string())) } } }
                }
                @for scenario in shown.iter().take(MOST_DRILLS) { (story(record, scenario, images)) }
                @if shown.len() > MOST_DRILLS {
                    p { "Also failed or unknown:" }
                    (links(record, &shown[MOST_DRILLS..]))
                }
                @if !waiting.is_empty() {
                    p { "Did not start, so nothing is known about them:" }
                    (links(record, &waiting))
                }
            }
        }
    }
}

fn links(record: &RunRecord, scenarios: &[&ScenarioRecord]) -> Markup {
    html! {
        ul .inline {
            @for scenario in scenarios {
                li { a href={ "#" (anchor(record, scenario)) } { (line(scenario.id.as_str())) } }
            }
        }
    }
}

fn story(record: &RunRecord, scenario: &ScenarioRecord, images: &ImageSources) -> Markup {
    let at = anchor(record, scenario);
    let title = scenario.started.as_ref().map_or("", |s| s.title.as_str());
    html! {
        article .story aria-labelledby={ "why-" (at) } {
            h3 id={ "why-" (at) } { (badge(scenario.verdict())) " " bdi { (line(scenario.id.as_str())) } }
            p { @if scenario.is_baseline() { "Required: no finding, because nothing was damaged." }
                @else { "Required: " bdi { (line(title)) } "." } }
            dl .plain {
                dt { "Where it ended" } dd { (ended_at(scenario)) }
                dt { "Repeat it" }
                dd {
                    @match replay::command(record, scenario) {
                        Some(command) => { code .command { (line(&command)) } }
                        None => { "see the report of its part: this run was merged from parts, or its command line was not recorded" }
                    }
                }
                dt { "More" } dd { a href={ "#" (at) } { "steps, checks, commands and files of this drill" } }
            }
            (findings(record, scenario, images))
            (others(scenario))
            (timeline::of_scenario(scenario, &format!("why-{at}")))
        }
    }
}

/// The unexpected findings by kind, so that each meaning is printed once.
fn findings(record: &RunRecord, scenario: &ScenarioRecord, images: &ImageSources) -> Markup {
    let unexpected = with_role(scenario, is_unexpected);
    let mut kinds: Vec<FindingKind> = Vec::new();
    for finding in &unexpected {
        if !kinds.contains(&finding.kind) {
            kinds.push(finding.kind);
        }
    }
    html! {
        @for kind in kinds {
            @let same: Vec<&&Finding> = unexpected.iter().filter(|f| f.kind == kind).collect();
            div .finding {
                h4 { (kind.describe()) " · " (count(same.len(), "finding")) }
                p { (kind.meaning()) }
                p { strong { "What to do: " } (linked(kind.what_to_do())) }
                div .scroll role="group" tabindex="0" aria-label={ "Findings: " (kind.describe()) } {
                    table .sides {
                        thead { tr {
                            th scope="col" { "On" } th scope="col" { "Expected" } th scope="col" { "Found" }
                            th scope="col" { "Check" }
                        } }
                        tbody { @for finding in same.iter().take(MOST_ROWS) { (row(finding)) } }
                    }
                }
                @if same.len() > MOST_ROWS { p { (same.len() - MOST_ROWS) " more in record.json." } }
                @for finding in same.iter().take(MOST_ROWS) {
                    @if let Some(compared) = pages::of(record, finding) { (page_images(finding, compared, images)) }
                }
            }
        }
    }
}

fn row(finding: &Finding) -> Markup {
    html! {
        tr {
            th scope="row" { bdi { (line(&finding.entity.to_string())) } }
            td .pre { (text(&brief(&finding.expected))) }
            td .pre { (text(&brief(&finding.actual)))
                @for path in &finding.artefacts { br; "see " (artefact(path)) } }
            td { (finding.check.id()) }
        }
    }
}

fn page_images(finding: &Finding, compared: &PageComparison, images: &ImageSources) -> Markup {
    let name = line(&finding.entity.to_string());
    html! {
        @match compared {
            PageComparison::ShownWith(path) => {
                p { "The page images of " bdi { (name) } " are shown at " (artefact(path)) ", which has the same PDFs." }
            }
            PageComparison::NotDrawn(why) => { p { "No page images of " bdi { (name) } ": " (line(why)) "." } }
            PageComparison::Pages { pages, more, same, not_compared } => {
                @for page in pages { (one_page(&name, page, images)) }
                p .quiet {
                    @if pages.is_empty() {
                        "Pages of " bdi { (name) } " look the same at this size: the documents differ in "
                        "what the page images do not show. "
                    }
                    @if *more > 0 { (count(*more, "more page")) " differ. " }
                    @if *same > 0 && !pages.is_empty() { (count(*same, "page")) " of the document look the same. " }
                    @if *not_compared > 0 { (count(*not_compared, "more page")) " were not compared." }
                }
            }
        }
    }
}

fn one_page(name: &str, page: &PageImages, images: &ImageSources) -> Markup {
    let PageImages { number, expected, actual, difference, permille } = page;
    let sides = [("Expected", expected), ("Found", actual), ("Difference (marked)", difference)];
    html! {
        figure .pages {
            figcaption {
                bdi { (name) } ", page " (number) ": "
                @match (expected, actual) {
                    (Some(_), Some(_)) => { (permille / 10) "." (permille % 10) " % of its pixels differ" }
                    (None, _) => { "the known-good PDF has no such page" }
                    (_, None) => { "the rendered PDF has no such page" }
                }
            }
            div .pictures {
                @for (what, file) in sides {
                    @if let Some(ImageFile { path, width, height }) = file {
                        div {
                            p { (what) }
                            @match images.get(path) {
                                Some(src) => {
                                    img src=(src) width=(width) height=(height)
                                        alt={ (what) ": page " (number) " of " (name) };
                                }
                                None => { p { "The image " code { (line(path)) } " is missing or was changed." } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The reasons of the verdict apart from findings, which are printed above.
fn others(scenario: &ScenarioRecord) -> Markup {
    let others = other_reasons(scenario);
    html! {
        @if !others.is_empty() {
            @let head = if with_role(scenario, is_unexpected).is_empty() { "Reasons" } else { "Other reasons" };
            h4 { (head) }
            ul .reasons {
                @for reason in others.iter().take(MOST_ROWS) { li .pre { (text(&reason.to_string())) } }
            }
        }
    }
}

/// The last step that it reached.
fn ended_at(scenario: &ScenarioRecord) -> Markup {
    let planned = scenario.started.as_ref().map_or(0, |s| s.steps.len()).max(scenario.steps.len());
    html! {
        @match scenario.steps.last() {
            None => { "before its first step" }
            Some(step) => {
                @match (&step.failed, step.ms) {
                    (Some(why), _) => { "in step " (step.step) ", " (line(&step.name)) ": " (line(why)) }
                    (None, None) => { "in step " (step.step) ", " (line(&step.name)) ", which did not end" }
                    (None, Some(_)) if step.step < planned => {
                        "after step " (step.step) " of " (planned) ", " (line(&step.name))
                    }
                    (None, Some(_)) => { "after its last step (" (step.step) ", " (line(&step.name)) "), in the checks" }
                }
            }
        }
    }
}
