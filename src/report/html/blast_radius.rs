//! What depends on the damaged objects of a drill: a table and a drawing of the first of them.

use crate::{
    model::{
        blast_radius::{BlastRadius, Confirmation, Dependent, Impact},
        record::ScenarioRecord,
    },
    report::html::text::{line, text},
};
use maud::{Markup, html};

/// Objects and dependents that are drawn, at most: more lines than that can't be followed.
const DRAWN: usize = 12;

/// Dependents of an object that a row of the table names, at most; `record.json` has more.
const NAMED: usize = 20;

/// Letters of a name that are drawn, at most.
const LETTERS: usize = 44;

/// Height of a line and the places of the two columns, in units of the drawing.
const ROW: usize = 22;
const LEFT: usize = 330;
const RIGHT: usize = 470;
const WIDTH: usize = 900;

/// Table and drawing; nothing where no object is damaged. `at` makes its ids unique.
pub fn section(scenario: &ScenarioRecord, at: &str) -> Markup {
    let Some(radius) = &scenario.blast_radius else { return html! {} };
    html! {
        h3 { "What depends on the damaged objects" }
        p {
            "Predicted from the restored rows: references, definitions that name the object, foreign keys to them, and "
            "schedules of their templates. "
            @match &radius.not_rendered {
                Some(why) => { "Nothing was confirmed by a render: " (text(why)) "." }
                None => { "Templates were rendered; versions, labels, schedules and rows are predictions." }
            }
        }
        (drawing(radius, at))
        table {
            thead { tr { th scope="col" { "Object" } th scope="col" { "Damage" } th scope="col" { "What needs it" } } }
            tbody { @for impact in &radius.impacts { tr {
                th scope="row" { bdi { (line(&impact.object.to_string())) } }
                td { (impact.damage.describe()) }
                td { (dependents(impact)) }
            } } }
        }
        @if radius.more > 0 { p { (radius.more) " more damaged objects are not listed here." } }
    }
}

fn dependents(impact: &Impact) -> Markup {
    let more = impact.more + impact.dependents.len().saturating_sub(NAMED);
    html! {
        @if impact.dependents.is_empty() { "nothing known" }
        @else { ul .bare {
            @for dependent in impact.dependents.iter().take(NAMED) { li {
                (line(&dependent.kind)) " " bdi { (line(&dependent.name)) } ": "
                @match dependent.confirmation {
                    Confirmation::Broken => { strong { (dependent.confirmation.describe()) } }
                    Confirmation::Predicted | Confirmation::Unharmed => { (dependent.confirmation.describe()) }
                }
            } }
            @if more > 0 { li { (more) " more" } }
        } }
    }
}

/// The first objects on the left, what needs them on the right.
fn drawing(radius: &BlastRadius, at: &str) -> Markup {
    let objects: Vec<&Impact> = radius.impacts.iter().take(DRAWN).collect();
    let mut needing: Vec<&Dependent> = Vec::new();
    for dependent in objects.iter().flat_map(|impact| &impact.dependents) {
        if needing.len() < DRAWN && !needing.contains(&dependent) {
            needing.push(dependent);
        }
    }
    let height = ROW * objects.len().max(needing.len()) + 8;
    let y = |row: usize| ROW * row + ROW / 2 + 4;
    let lines = objects.iter().enumerate().flat_map(|(from, impact)| {
        let to = needing.iter().enumerate();
        to.filter(|(_, dependent)| impact.dependents.contains(dependent)).map(move |(to, d)| (from, to, d))
    });
    let lines: Vec<_> = lines.collect();
    html! {
        svg .radius viewBox={ "0 0 " (WIDTH) " " (height) } role="img" xmlns="http://www.w3.org/2000/svg"
            aria-labelledby={ "radius-" (at) } {
            title id={ "radius-" (at) } { (described(objects.len(), needing.len())) }
            @for (from, to, dependent) in &lines {
                line class=(class(dependent.confirmation)) x1=(LEFT) y1=(y(*from)) x2=(RIGHT) y2=(y(*to)) {}
            }
            @for (row, impact) in objects.iter().enumerate() {
                text x=(LEFT - 8) y=(y(row) + 4) text-anchor="end" font-size="12" { (short(&impact.object.to_string())) }
            }
            @for (row, dependent) in needing.iter().enumerate() {
                text x=(RIGHT + 8) y=(y(row) + 4) font-size="12" class=(class(dependent.confirmation)) {
                    (short(&format!("{} {}", dependent.kind, dependent.name)))
                }
            }
        }
        p .quiet {
            "The drawing has at most " (DRAWN) " objects and dependents. Solid lines: "
            (Confirmation::Broken.describe()) "; dashed: " (Confirmation::Predicted.describe()) "; dotted: "
            (Confirmation::Unharmed.describe()) "."
        }
    }
}

fn described(objects: usize, needing: usize) -> String {
    format!(
        "Damaged objects ({objects}) on the left, joined by lines to what needs them ({needing}) on the right; the table below names all"
    )
}

fn class(confirmation: Confirmation) -> &'static str {
    match confirmation {
        Confirmation::Broken => "broken",
        Confirmation::Predicted => "predicted",
        Confirmation::Unharmed => "unharmed",
    }
}

fn short(name: &str) -> String {
    let name = line(name);
    match name.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_string(),
    }
}
