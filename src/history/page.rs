//! A ledger as one HTML page for people: the last proven restore and its level by group, gaps against the required
//! frequency on a calendar, trends, and the runs with links to their reports. It loads nothing and has no script.

use super::{
    LedgerEntry,
    trend::{Proof, age_ms, proofs},
};
use crate::{
    base::{clock::human, sanitize::one_line},
    model::{level, verdict::Verdict},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::SecondsFormat;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

mod calendar;
mod chart;
mod options;

pub use options::PageOptions;
use options::{class, day};

/// The style of the report, so that both pages look alike, and what only this page has.
const STYLE: &str = concat!(include_str!("../report/html/style.css"), include_str!("page/page.css"));

/// The most runs that are listed.
const MOST: usize = 200;

/// Renders the page.
pub fn render(lines: &[LedgerEntry], options: &PageOptions<'_>) -> String {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        BASE64_STANDARD.encode(Sha256::digest(STYLE))
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { "Restore drills: history" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body { (body(lines, options)) }
        }
    };
    page.into_string() + "\n"
}

fn body(lines: &[LedgerEntry], options: &PageOptions<'_>) -> Markup {
    let proofs = proofs(lines, options.now);
    html! {
        header {
            p { strong { "pulp-drill" } " · history of restore drills · " code { (one_line(options.ledger)) } }
            p { "As of " (day(options.now)) " (UTC)" }
        }
        main {
            (headline(&proofs, options))
            (proven(lines, &proofs, options))
            (calendar::section(lines, &proofs, options))
            (chart::section(lines))
            (runs(lines, options))
        }
        footer { p { "Made only from the ledger. The chain of its lines was verified. Times are in UTC." } }
    }
}

/// Whether the required frequency is kept, in a sentence.
fn headline(proofs: &[Proof], options: &PageOptions<'_>) -> Markup {
    let late = proofs.iter().filter(|proof| is_late(proof, options)).count();
    let have = |n: usize| match proofs.len() {
        1 => "The only group has".to_owned(),
        all => format!("{n} of {all} groups {}", if n == 1 { "has" } else { "have" }),
    };
    let (class, text) = match (options.every, late) {
        (_, _) if proofs.is_empty() => ("unknown", "No restore is proven: the ledger has no run.".to_owned()),
        (None, 0) => ("pass", "A restore of every group is proven. No frequency is required.".to_owned()),
        (None, n) => ("fail", format!("{} no proven restore.", have(n))),
        (Some(every), 0) => {
            ("pass", format!("Every group was proven to restore within {}.", human(every.ms)))
        }
        (Some(every), n) => ("fail", format!("{} no proven restore within {}.", have(n), human(every.ms))),
    };
    html! { section class={ "verdict " (class) } aria-labelledby="headline" { h1 id="headline" { (text) } } }
}

/// Whether the last proof of a group is older than required, or missing.
fn is_late(proof: &Proof, options: &PageOptions<'_>) -> bool {
    let old = |last| options.every.is_some_and(|every| age_ms(last, options.now) > every.ms);
    proof.last.is_none_or(old)
}

fn proven(lines: &[LedgerEntry], proofs: &[Proof], options: &PageOptions<'_>) -> Markup {
    let required = options.every.map_or_else(|| "none".to_owned(), |every| human(every.ms));
    html! {
        section aria-labelledby="proven" {
            h2 id="proven" { "Last proven restore" }
            @if proofs.is_empty() { p { "None." } }
            @else { div .scroll role="group" tabindex="0" aria-labelledby="proven" { table {
                caption { "A run proves a restore if it passed at the level consistent or higher." }
                thead { tr {
                    th scope="col" { "Topology or backup" } th scope="col" { "Last proven" } th scope="col" { "Level" }
                    th .number scope="col" { "Age" } th .number scope="col" { "Required" } th scope="col" { "State" }
                } }
                tbody { @for proof in proofs {
                    @let run = proof.last.and_then(|last| lines.iter().rfind(|line| line.ended == last));
                    @let reached = run.and_then(|run| run.groups.get(&proof.group)).and_then(|group| group.level);
                    tr {
                        th scope="row" { bdi { (one_line(&proof.group)) } }
                        td { @match run { Some(run) => { (link(run, &day(run.ended), options)) } None => { "never" } } }
                        td { (level::describe(reached)) }
                        td .number { (proof.last.map_or_else(|| "–".to_owned(), |last| human(age_ms(last, options.now)))) }
                        td .number { (required) }
                        td { (state(proof, options)) }
                    }
                } }
            } } }
        }
    }
}

fn state(proof: &Proof, options: &PageOptions<'_>) -> Markup {
    let (class, text) = match (proof.last, is_late(proof, options)) {
        (None, _) => ("fail", "never proven"),
        (Some(_), true) => ("fail", "late"),
        (Some(_), false) => ("pass", "proven"),
    };
    html! {
        span class={ "badge " (class) } { (text) }
        @if let Some(future) = proof.future {
            " a run of " (day(future)) " is in the future and does not count"
        }
    }
}

/// A text that leads to the report of a run, if its place is known.
fn link(run: &LedgerEntry, text: &str, options: &PageOptions<'_>) -> Markup {
    html! {
        @match options.runs.zip(run.folder.as_deref()) {
            Some((runs, folder)) => { a href={ (runs) (super::encoded(folder)) "/report.html" } { (text) } }
            None => { (text) }
        }
    }
}

fn runs(lines: &[LedgerEntry], options: &PageOptions<'_>) -> Markup {
    let maybe = |ms: Option<u64>| ms.map_or_else(|| "–".to_owned(), human);
    html! {
        section aria-labelledby="runs" {
            h2 id="runs" { "Runs" }
            @if lines.is_empty() { p { "None." } }
            @else { div .scroll role="group" tabindex="0" aria-labelledby="runs" { table {
                thead { tr {
                    th scope="col" { "Ended" } th scope="col" { "Verdict" } th scope="col" { "Level" }
                    th .number scope="col" { "RTO" } th .number scope="col" { "RPO" }
                    th .number scope="col" { "Duration" } th .number scope="col" { "Drills" }
                    th .number scope="col" { "Not run" } th .number scope="col" { "Unexpected" }
                    th scope="col" { "Run" }
                } }
                tbody { @for run in lines.iter().rev().take(MOST) { tr {
                    th scope="row" { (run.ended.to_rfc3339_opts(SecondsFormat::Secs, true)) }
                    td { (badge(run.verdict)) } td { (level::describe(run.level)) }
                    td .number { (maybe(run.rto_ms)) } td .number { (maybe(run.rpo_ms)) }
                    td .number { (human(age_ms(run.began, run.ended))) } td .number { (run.scenarios) }
                    td .number { (run.skipped) } td .number { (run.unexpected) }
                    td { (link(run, &one_line(run.run.as_str()), options)) }
                } } }
            } } }
            @if lines.len() > MOST { p { (lines.len() - MOST) " older runs are in the ledger." } }
        }
    }
}

fn badge(verdict: Verdict) -> Markup {
    let class = class(verdict);
    html! { span class={ "badge " (class) } { (verdict) } }
}
