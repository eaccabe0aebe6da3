//! Why a run is no pass: its failing drills first, then those that could not be verified, each with
//! what was found, what it means, what to do about it, and the command that shows it again.

use crate::{
    model::{
        finding::{Finding, FindingKind},
        record::{RunRecord, ScenarioRecord},
        verdict::Verdict,
    },
    report::{
        html::{
            replay,
            text::{anchor, artefact, badge, brief, count, is_unexpected, line, text, with_role},
            timeline,
            verdict::of_run,
        },
        pages::{PagePicture, PagePictures, Picture, Pictures},
    },
};
use maud::{Markup, html};

/// Drills that are told at length; the others have their detail in the table.
const MOST_DRILLS: usize = 12;

/// Findings of a kind that are told at length.
const MOST_ROWS: usize = 20;

/// Whether there is anything to explain.
pub fn is_needed(record: &RunRecord) -> bool {
    record.verdict() != Verdict::Pass
}

/// The section; nothing for a green run.
pub fn why(record: &RunRecord, pictures: &Pictures) -> Markup {
    let with = |verdict| record.scenarios.iter().filter(move |s| s.verdict() == verdict);
    let begun = with(Verdict::Unknown).filter(|s| s.started.is_some() || s.judgement.is_some());
    // What failed without any damage explains the most.
    let mut told: Vec<&ScenarioRecord> = with(Verdict::Fail).collect();
    told.sort_by_key(|s| !s.is_control());
    told.extend(begun);
    let waiting: Vec<&ScenarioRecord> =
        with(Verdict::Unknown).filter(|s| s.started.is_none() && s.judgement.is_none()).collect();
    html! {
        @if is_needed(record) {
            section aria-labelledby="why" {
                h2 id="why" { "Why" }
                @let of_run = of_run(record);
                @if !of_run.is_empty() { ul .reasons { @for why in &of_run { li { (why) } } } }
                @for scenario in told.iter().take(MOST_DRILLS) { (story(record, scenario, pictures)) }
                @if told.len() > MOST_DRILLS {
                    p { "Also no pass:" }
                    (links(record, &told[MOST_DRILLS..]))
                }
                @if !waiting.is_empty() {
                    p { "Never began, so nothing is known of them:" }
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

fn story(record: &RunRecord, scenario: &ScenarioRecord, pictures: &Pictures) -> Markup {
    let at = anchor(record, scenario);
    let title = scenario.started.as_ref().map_or("", |s| s.title.as_str());
    html! {
        article .story aria-labelledby={ "why-" (at) } {
            h3 id={ "why-" (at) } { (badge(scenario.verdict())) " " bdi { (line(scenario.id.as_str())) } }
            p { @if scenario.is_control() { "It had to show: nothing is found where nothing was damaged." }
                @else { "It had to show: " bdi { (line(title)) } "." } }
            dl .plain {
                dt { "Where it ended" } dd { (ended_at(scenario)) }
                dt { "Show it again" }
                dd {
                    @match replay::command(record, scenario) {
                        Some(command) => { code .command { (line(&command)) } }
                        None => { "by its part's own report: this run was joined from parts, or has no command line" }
                    }
                }
                dt { "More" } dd { a href={ "#" (at) } { "steps, checks, commands and files of this drill" } }
            }
            (findings(scenario, pictures))
            (other_reasons(scenario))
            (timeline::of_scenario(scenario, &format!("why-{at}")))
        }
    }
}

/// The unexpected findings by kind, so that what they mean is said once.
fn findings(scenario: &ScenarioRecord, pictures: &Pictures) -> Markup {
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
                p { strong { "What to do: " } (kind.what_to_do()) }
                div .scroll role="region" tabindex="0" aria-label={ "Findings: " (kind.describe()) } {
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
                    @if let Some(shown) = pictures.of(finding) { (pages(finding, shown)) }
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

fn pages(finding: &Finding, shown: &PagePictures) -> Markup {
    let name = line(&finding.entity.to_string());
    html! {
        @match shown {
            PagePictures::Above(path) => {
                p { "What " bdi { (name) } " shows is shown with the same PDFs of " (artefact(path)) "." }
            }
            PagePictures::NotDrawn(why) => { p { "No page pictures of " bdi { (name) } ": " (line(why)) "." } }
            PagePictures::Pages { pages, more, same, unseen } => {
                @for page in pages { (one_page(&name, page)) }
                p .quiet {
                    @if pages.is_empty() {
                        "Pages of " bdi { (name) } " look the same in small pictures: what differs is in the "
                        "documents, not in what they show at this size. "
                    }
                    @if *more > 0 { (count(*more, "more page")) " differ. " }
                    @if *same > 0 && !pages.is_empty() { (count(*same, "page")) " of the document look the same. " }
                    @if *unseen > 0 { (count(*unseen, "more page")) " were not looked at." }
                }
            }
        }
    }
}

fn one_page(name: &str, page: &PagePicture) -> Markup {
    let PagePicture { number, expected, actual, difference, permille } = page;
    let sides = [("Expected", expected), ("Found", actual), ("Difference (marked)", difference)];
    html! {
        figure .pages {
            figcaption {
                bdi { (name) } ", page " (number) ": "
                @match (expected, actual) {
                    (Some(_), Some(_)) => { (permille / 10) "." (permille % 10) " % of its picture differ" }
                    (None, _) => { "the known-good PDF has no such page" }
                    (_, None) => { "the PDF that was rendered has no such page" }
                }
            }
            div .pictures {
                @for (what, picture) in sides {
                    @if let Some(Picture { src, width, height }) = picture {
                        div {
                            p { (what) }
                            img src=(src) width=(width) height=(height)
                                alt={ (what) ": page " (number) " of " (name) };
                        }
                    }
                }
            }
        }
    }
}

/// The judgement's reasons that are no finding: those are told above.
fn other_reasons(scenario: &ScenarioRecord) -> Markup {
    let unexpected = with_role(scenario, is_unexpected);
    let told = |reason: &str| unexpected.iter().any(|f| reason.starts_with(&format!("{f} (expected ")));
    let others: Vec<&str> = match &scenario.judgement {
        Some(judgement) => judgement.reasons.iter().map(String::as_str).filter(|r| !told(r)).collect(),
        None => std::iter::once("the scenario did not end")
            .chain(scenario.errors.iter().map(String::as_str))
            .collect(),
    };
    html! {
        @if !others.is_empty() {
            @let head = if unexpected.is_empty() { "Reasons" } else { "Other reasons" };
            h4 { (head) }
            ul .reasons { @for reason in others.iter().take(MOST_ROWS) { li .pre { (text(reason)) } } }
        }
    }
}

/// How far it came.
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
