//! The workload during backups: outcomes of the writes, and advice.

use crate::{
    model::{
        record::{RunRecord, ScenarioRecord},
        workload::Measured,
    },
    report::{
        html::text::{badge, line, link},
        workload::{HEADS, facts, rows},
    },
};
use maud::{Markup, html};

/// All drills with a workload, side by side; empty if there is none.
pub fn side_by_side(record: &RunRecord) -> Markup {
    let loaded: Vec<(&ScenarioRecord, Vec<(&str, String)>)> =
        record.scenarios.iter().filter_map(|s| Some((s, facts(s.load.as_ref()?)))).collect();
    let Some((_, heads)) = loaded.first() else { return html! {} };
    html! {
        section aria-labelledby="load" {
            h2 id="load" { "Backups under load" }
            p {
                "Writers wrote while these backups were taken. A torn write is one whose row and object do not "
                "match after the restore; a write is at risk if it was in flight within the window of a backup."
            }
            div .scroll role="group" tabindex="0" aria-labelledby="load" { table {
                thead { tr { th scope="col" { "Drill" } @for (head, _) in heads { th scope="col" { (head) } } } }
                tbody { @for (scenario, facts) in &loaded { tr {
                    th scope="row" { (link(record, scenario)) " " (badge(scenario.verdict())) }
                    @for (_, fact) in facts { td { (line(fact)) } }
                } } }
            } }
        }
    }
}

/// The section of a drill with a workload.
pub fn under_load(measured: &Measured) -> Markup {
    html! {
        h3 { "Under load" }
        dl .plain { @for (name, fact) in facts(measured) { dt { (name) } dd { (line(&fact)) } } }
        div .scroll role="group" tabindex="0" aria-label="Writes by operation" { table {
            thead { tr {
                th scope="col" { "Operation" }
                @for head in HEADS { th .number scope="col" { (head) } }
                th .number scope="col" { "torn of those at risk, at 95 %" }
            } }
            tbody { @for (name, numbers, rate) in rows(measured) { tr {
                th scope="row" { (name) }
                @for number in numbers { td .number { (number) } }
                td .number { @match rate { Some(rate) => { (line(&rate.short())) } None => { "none was at risk" } } }
            } } }
        } }
        h3 { "What to do about the window" }
        ul { @for advice in &measured.advice {
            li { (line(&advice.text)) " " span .quiet { "(" (line(&advice.from)) ")" } }
        } }
    }
}
