//! The table of all drills with the detail of each, and filters if scripts may run.

use crate::{
    base::clock::human,
    model::{
        record::{RunRecord, ScenarioRecord, Skipped},
        verdict::Verdict,
    },
    report::html::{
        detail::detail,
        text::{
            anchor, badge, is_expected, is_unexpected, is_warning, line, maybe_time, missing, not_run,
            verdict_class, verdict_word, with_role,
        },
    },
};
use maud::{Markup, html};

/// All drills. Without the script it is a plain table and the filters stay hidden.
pub fn table(record: &RunRecord) -> Markup {
    html! {
        section aria-labelledby="scenarios" {
            h2 id="scenarios" { "Scenarios and baseline drills" }
            form id="filters" hidden[true] {
                label { "Verdict " select id="filter-verdict" {
                    option value="" { "all" }
                    @for verdict in [Verdict::Fail, Verdict::Unknown, Verdict::Pass] {
                        option value=(verdict_class(verdict)) { (verdict_word(verdict)) }
                    }
                    @if !record.skipped.is_empty() { option value="skipped" { "Skipped" } }
                } }
                label { "Text " input id="filter-text" type="search" autocomplete="off"; }
                output id="filter-count" for="filter-verdict filter-text" aria-live="polite" {}
            }
            div .scroll role="group" tabindex="0" aria-labelledby="scenarios" {
                table id="drills" {
                    caption {
                        "Exp. = found as expected, miss. = expected but not found, unexp. = found but not expected, warn. = "
                        "harmless. RTO: from the loss to the first known-good render."
                    }
                    thead { tr {
                        th scope="col" { "Verdict" } th scope="col" { "Drill" } th .number scope="col" { "Exp." }
                        th .number scope="col" { "Miss." }
                        th .number scope="col" { "Unexp." } th .number scope="col" { "Warn." }
                        th .number scope="col" { "RTO" } th .number scope="col" { "Time" }
                    } }
                    @for scenario in &record.scenarios { (drill(record, scenario)) }
                    @for skipped in &record.skipped { (skipped_row(skipped)) }
                }
            }
        }
    }
}

/// A scenario that was not run: neither passed nor failed.
fn skipped_row(skipped: &Skipped) -> Markup {
    let Skipped { id, why, controls: _ } = skipped;
    html! {
        tbody .drill data-verdict="skipped" data-id=(line(id.as_str())) { tr {
            td { (not_run()) }
            th scope="row" { bdi { (line(id.as_str())) } span .title { "not run: " (line(why)) } }
            td colspan="6" {}
        } }
    }
}

/// One `tbody` for each drill, so that a filter hides row and detail together.
fn drill(record: &RunRecord, scenario: &ScenarioRecord) -> Markup {
    let at = anchor(record, scenario);
    let title = scenario.started.as_ref().map_or("did not start", |s| s.title.as_str());
    let number = |wanted| with_role(scenario, wanted).len();
    html! {
        tbody .drill id=(at) data-verdict=(verdict_class(scenario.verdict())) data-id=(line(scenario.id.as_str())) {
            tr {
                td { (badge(scenario.verdict())) }
                th scope="row" { bdi { (line(scenario.id.as_str())) } span .title { (line(title)) } }
                td .number data-count="expected" { (number(is_expected)) }
                td .number data-count="missing" { (missing(scenario)) }
                td .number data-count="unexpected" { (number(is_unexpected)) }
                td .number data-count="warnings" { (number(is_warning)) }
                td .number { (maybe_time(scenario.rto_ms)) }
                td .number { (human(scenario.ms)) }
            }
            tr .more { td colspan="8" {
                details {
                    summary { "Steps, faults, checks, findings, commands of " bdi { (line(scenario.id.as_str())) } }
                    (detail(record, scenario, &at))
                }
            } }
        }
    }
}
