//! The environment of the run: who started it, where, with which versions and settings, and its notes.

use crate::{
    base::clock::iso,
    journal::read::EVENTS,
    model::record::RunRecord,
    report::{
        facts::RunProblem,
        format::ReportFormat,
        html::text::{line, text},
    },
};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// The section.
pub fn environment(record: &RunRecord) -> Markup {
    let none = BTreeMap::new();
    let started = record.started.as_ref();
    html! {
        section aria-labelledby="environment" {
            h2 id="environment" { "Environment" }
            div .halves {
                (pairs("Run", &run(record)))
                (pairs("Versions", &record.versions))
                (pairs("Configuration", started.map_or(&none, |s| &s.config)))
                (pairs("Machine", started.map_or(&none, |s| &s.machine)))
                (pairs("Started by", started.map_or(&none, |s| &s.started_by)))
            }
            @if !record.notes.is_empty() {
                h3 { "Notes" }
                ul { @for note in &record.notes { li .pre { (text(note)) } } }
            }
            @if !record.errors.is_empty() {
                h3 { "Errors of the run" }
                ul { @for error in &record.errors { li .pre { (text(error)) } } }
            }
            (kept(record))
        }
    }
}

fn pairs(head: &str, pairs: &BTreeMap<String, String>) -> Markup {
    html! {
        div {
            h3 { (head) }
            @if pairs.is_empty() { p { "not recorded" } }
            @else { dl .plain { @for (name, value) in pairs { dt { (line(name)) } dd { (line(value)) } } } }
        }
    }
}

fn run(record: &RunRecord) -> BTreeMap<String, String> {
    let mut run = BTreeMap::new();
    let mut put = |name: &str, value: String| drop(run.insert(name.to_owned(), value));
    put("id", record.id().0);
    if let Some(started) = &record.started {
        put("command", shell_words::join(&started.command));
        put("seed of every choice", started.seed.to_string());
        put("harness", started.harness.clone());
        put("event format", started.format.to_string());
    }
    put("started", record.began.map_or_else(|| "not recorded".to_owned(), iso));
    put("last event", record.ended.map_or_else(|| "not recorded".to_owned(), iso));
    match &record.finished {
        None => put("ended", RunProblem::NotEnded.to_string()),
        Some(finished) => {
            put("exit code", finished.exit.to_string());
            if let Some(why) = &finished.cut_short {
                put("cut short", why.clone());
            }
        }
    }
    run
}

/// Files of the run itself. Files of drills are in their details.
fn kept(record: &RunRecord) -> Markup {
    let own: Vec<_> = record.artefacts.iter().filter(|a| a.scenario.is_none()).collect();
    html! {
        h3 { "Files beside this one" }
        ul {
            li { a href=(EVENTS) { code { (EVENTS) } } ": every event, one per line, chained by SHA-256" }
            @for format in ReportFormat::ALL.into_iter().filter(|format| *format != ReportFormat::Html) {
                li {
                    a href=(format.file_name()) type=(format.media_type()) { code { (format.file_name()) } }
                    ": " (format.description())
                }
            }
            @for artefact in own {
                li { (super::text::artefact(&artefact.path)) ": " (line(&artefact.what)) ", SHA-256 "
                    code .digest { (artefact.sha256) } }
            }
        }
    }
}
