//! The trends: a bar for each run, in the colour of its verdict.

use super::options::{class, day};
use crate::{
    base::clock::human,
    history::{LedgerEntry, trend::age_ms},
};
use maud::{Markup, html};

/// The most runs of a chart.
const MOST: usize = 64;
const WIDTH: u64 = 640;
const HEIGHT: u64 = 70;

/// A measurement of each run, and how it reads.
type Series = (&'static str, fn(&LedgerEntry) -> Option<u64>, fn(u64) -> String);

/// The charts.
pub fn section(lines: &[LedgerEntry]) -> Markup {
    let all: [Series; 6] = [
        ("Recovery time (RTO)", |run| run.rto_ms, human),
        ("Recovery point (RPO)", |run| run.rpo_ms, human),
        ("Duration of the run", |run| Some(age_ms(run.began, run.ended)), human),
        ("Rows restored", |run| Some(run.size?.rows), |n| n.to_string()),
        ("Objects restored", |run| Some(run.size?.objects), |n| n.to_string()),
        ("Size of the objects", |run| Some(run.size?.bytes), bytes),
    ];
    html! {
        section aria-labelledby="trends" {
            h2 id="trends" { "Trends" }
            p { "A bar for each run, the last on the right. Its colour is that of the verdict." }
            div .halves { @for series in all { div { (chart(lines, series)) } } }
        }
    }
}

fn chart(lines: &[LedgerEntry], (name, measured, describe): Series) -> Markup {
    let recent = &lines[lines.len().saturating_sub(MOST)..];
    let values: Vec<u64> = recent.iter().filter_map(measured).collect();
    let (Some(most), Some(last)) = (values.iter().max(), values.last()) else {
        return html! { h3 { (name) } p { "Not measured." } };
    };
    let step = WIDTH / (recent.len() as u64).max(16);
    let part = |value: u64| u128::from(value) * u128::from(HEIGHT - 4) / u128::from((*most).max(1));
    let summary = format!("last {}, highest {}", describe(*last), describe(*most));
    html! {
        h3 { (name) }
        svg .chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label={ (name) ": " (summary) }
            xmlns="http://www.w3.org/2000/svg" {
            @for (at, run) in recent.iter().enumerate() {
                @if let Some(value) = measured(run) {
                    @let height = 2 + u64::try_from(part(value)).unwrap_or(HEIGHT - 4);
                    rect class=(class(run.verdict)) x=(at as u64 * step + 1) y=(HEIGHT - height)
                        width=(step.saturating_sub(2).max(1)) height=(height) {
                        title { (day(run.ended)) ": " (describe(value)) ", " (run.verdict) }
                    }
                }
            }
        }
        p .quiet { (summary) }
    }
}

/// Bytes for people, in binary units.
fn bytes(n: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = UNITS.iter().find(|(_, size)| n >= *size);
    unit.map_or_else(
        || format!("{n} bytes"),
        |(unit, size)| format!("{}.{} {unit}", n / size, n % size * 10 / size),
    )
}
