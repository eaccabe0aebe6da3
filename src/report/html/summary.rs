//! The first screen: verdict, what was shown and what was not, recovery times, time and environment.

use crate::{
    base::clock::{human, iso},
    model::{
        event::BudgetId,
        record::{RunRecord, ScenarioRecord},
        verdict::{CheckOutcome, Verdict},
    },
    report::{
        facts::{limits, what_a_drill_does},
        headline::{ScenarioTally, headline, tally},
        html::{
            text::{badge, count, is_expected, is_unexpected, line, linked, verdict_class, with_role},
            verdict::reasons,
        },
        workload::raced,
    },
};
use chrono::{DateTime, SecondsFormat, Utc};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// The most reasons on the first screen.
const MOST_REASONS: usize = 6;

/// The verdict and its reasons.
pub fn first(record: &RunRecord) -> Markup {
    let verdict = record.verdict();
    let reasons = reasons(record);
    html! {
        section id="verdict" class={ "verdict " (verdict_class(verdict)) } data-verdict=(verdict) aria-labelledby="headline" {
            p { (badge(verdict)) }
            h1 id="headline" { (line(&headline(record))) }
            @if !reasons.is_empty() {
                ul .reasons { @for reason in reasons.iter().take(MOST_REASONS) { li { (linked(reason)) } } }
            }
            @if verdict != Verdict::Pass && super::reasons::is_needed(record) {
                p { a href="#why" { "Why, what to do, and the command that repeats it" } }
            }
            p .quiet { (what_a_drill_does(record)) }
        }
        (facts(record))
        div .halves {
            section aria-labelledby="proven" {
                h2 id="proven" { "What was shown" }
                (list(&proven(record), "Nothing: no drill passed and no check had anything to check."))
            }
            section aria-labelledby="unproven" {
                h2 id="unproven" { "What was not shown" }
                (list(&limits(record).iter().map(|limit| line(&limit.to_string())).collect::<Vec<_>>(), "No limit is recorded."))
            }
        }
    }
}

fn list(items: &[String], none: &str) -> Markup {
    html! {
        ul { @for item in items { li { (linked(item)) } } @if items.is_empty() { li { (none) } } }
    }
}

fn facts(record: &RunRecord) -> Markup {
    let ScenarioTally { all: _, passed, failed, unknown } = tally(record);
    html! {
        section aria-label="Figures of the run" {
            dl .facts {
                div { dt { "Drills" } dd id="counts" data-passed=(passed) data-failed=(failed) data-unknown=(unknown) {
                    strong { (passed) " passed, " (failed) " failed, " (unknown) " unknown" }
                    @if !record.skipped.is_empty() { "; " (record.skipped.len()) " skipped" }
                } }
                div { dt { abbr title="recovery time objective" { "RTO" } " measured" } dd { (rto(record)) } }
                div { dt { abbr title="recovery point objective" { "RPO" } " measured" } dd { (rpo(record)) } }
                div { dt { "Budgets" } dd { (budgets(record)) } }
                div { dt { "When (UTC)" } dd { (when(record)) } }
                div { dt { "On" } dd { (on(record)) } }
            }
        }
    }
}

/// Measurements against budgets, with verdicts.
fn budgets(record: &RunRecord) -> Markup {
    html! {
        @if record.budgets.is_empty() { strong { "none set" } }
        @for checked in &record.budgets {
            p data-budget=(match checked.budget { BudgetId::Rto => "rto", BudgetId::Rpo => "rpo" }) {
                (badge(checked.verdict)) " " (line(&checked.to_string()))
            }
        }
    }
}

fn rpo(record: &RunRecord) -> Markup {
    html! {
        @match record.longest_rpo() {
            None => { strong { "not measured" } }
            Some((ms, from, scenario)) => {
                strong { (human(ms)) " at most" } ", in " (line(scenario.id.as_str())) ": " (from.describe())
            }
        }
    }
}

fn rto(record: &RunRecord) -> Markup {
    let measured = record.scenarios.iter().filter(|s| s.rto_ms.is_some()).count();
    html! {
        @match record.longest(|s| s.rto_ms) {
            None => { strong { "not measured" } }
            Some((ms, scenario)) => {
                strong { (human(ms)) " at most" } " in " (line(scenario.id.as_str()))
                "; measured in " (measured) " of " (count(record.scenarios.len(), "drill"))
            }
        }
    }
}

fn when(record: &RunRecord) -> Markup {
    let (began, ended) = (record.began, record.ended);
    html! {
        @match began {
            None => { strong { "not recorded" } }
            Some(began) => { strong { time .whole datetime=(iso(began)) { (seconds(began)) } } }
        }
        @if let (Some(began), Some(ended)) = (began, ended) {
            " for " (human(u64::try_from((ended - began).num_milliseconds()).unwrap_or(0)))
        }
    }
}

/// To the second; the environment section has the milliseconds.
fn seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn on(record: &RunRecord) -> Markup {
    let version = |part: &str| record.versions.get(part).map(|v| line(v));
    html! {
        @if record.versions.is_empty() { strong { "not recorded" } }
        @if let Some(engine) = version("engine") { strong { "engine: " (engine) } }
        @for (profile, drills) in own_targets(record) {
            ", in " (count(drills, "drill")) " the target of the profile " (line(profile)) " instead"
        }
        @if let Some(postgres) = version("postgres") { ", PostgreSQL " (postgres) }
        @if let Some(objects) = version("objects") { ", objects: " (objects) }
        @if let Some(started) = &record.started { ", " (line(&started.harness)) }
    }
}

/// Targets that scenarios name instead of the run's, with the number of drills.
fn own_targets(record: &RunRecord) -> BTreeMap<&str, usize> {
    let mut targets = BTreeMap::new();
    for (profile, _) in record.scenarios.iter().filter_map(|s| s.started.as_ref()?.profile.as_ref()) {
        *targets.entry(profile.as_str()).or_default() += 1;
    }
    targets
}

/// What the run shows, in sentences with their numbers.
fn proven(record: &RunRecord) -> Vec<String> {
    let (baselines, drills): (Vec<&ScenarioRecord>, Vec<_>) =
        record.scenarios.iter().partition(|s| s.is_baseline());
    let passed = |list: &[&ScenarioRecord]| list.iter().filter(|s| s.verdict() == Verdict::Pass).count();
    let mut shown = Vec::new();
    if passed(&drills) > 0 {
        shown.push(format!("{} of {} passed as expected.", passed(&drills), count(drills.len(), "scenario")));
    }
    if passed(&baselines) > 0 {
        let of = count(baselines.len(), "baseline drill");
        shown.push(format!(
            "{} of {of} passed: without damage no check reported an unexpected finding.",
            passed(&baselines)
        ));
    }
    let met: usize = record.scenarios.iter().map(|s| with_role(s, is_expected).len()).sum();
    if met > 0 {
        shown.push(format!("{} reported for injected faults.", count(met, "expected finding")));
    }
    let sound: usize = record.scenarios.iter().map(|s| s.renders.known_good).sum();
    if sound > 0 {
        shown.push(format!("{} after a restore matched the known-good PDF.", count(sound, "render")));
    }
    if let Some(raced) = raced(record) {
        let drills = count(raced.drills, "drill");
        shown.push(format!(
            "{drills} backed up under load: of {} writes at risk, {} were torn.",
            raced.at_risk, raced.torn
        ));
    }
    let silent = quiet_checks(record);
    if !silent.is_empty() {
        shown.push(format!(
            "These checks reported nothing unexpected wherever they ran: {}.",
            silent.join(", ")
        ));
    }
    shown
}

/// Checks that had a result wherever they ran and reported nothing unexpected.
fn quiet_checks(record: &RunRecord) -> Vec<String> {
    let silent = |check: &&crate::model::check::CheckId| {
        let outcomes =
            || record.scenarios.iter().flat_map(|s| s.checks.iter().filter(|(c, _, _)| c == *check));
        let checked = outcomes()
            .any(|(_, outcome, _)| matches!(outcome, CheckOutcome::Checked { items } if *items > 0));
        let unsure = outcomes().any(|(_, outcome, _)| match outcome {
            CheckOutcome::Checked { items } => *items == 0,
            CheckOutcome::Unknown { .. } => true,
            CheckOutcome::Skipped { .. } => false,
        });
        let found =
            record.scenarios.iter().flat_map(|s| with_role(s, is_unexpected)).any(|f| f.check == **check);
        checked && !unsure && !found
    };
    crate::model::check::CheckId::ALL.iter().filter(silent).map(|check| check.id().to_owned()).collect()
}
