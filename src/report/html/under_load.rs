//! Writers under load: what became of their writes, and what follows.

use crate::{
    model::load::Measured,
    report::{
        html::words::line,
        load::{HEADS, facts, rows},
    },
};
use maud::{Markup, html};

/// The section of a drill with a load.
pub fn under_load(measured: &Measured) -> Markup {
    html! {
        h3 { "Under load" }
        dl .plain { @for (name, fact) in facts(measured) { dt { (name) } dd { (line(&fact)) } } }
        table {
            thead { tr {
                th scope="col" { "Operation" }
                @for head in HEADS { th .number scope="col" { (head) } }
                th .number scope="col" { "half-kept of those at risk, at 95 %" }
            } }
            tbody { @for (name, numbers, rate) in rows(measured) { tr {
                th scope="row" { (name) }
                @for number in numbers { td .number { (number) } }
                td .number { @match rate { Some(rate) => { (line(&rate.words())) } None => { "none was at risk" } } }
            } } }
        }
        h3 { "What to do about the window" }
        ul { @for advice in &measured.advice {
            li { (line(&advice.text)) " " span .quiet { "(" (line(&advice.from)) ")" } }
        } }
    }
}
