//! The calendar of each group: the days on which a restore was proven, tried in vain, or overdue.

use super::options::{PageOptions, day};
use crate::{
    base::{clock::human, sanitize::one_line},
    history::{
        LedgerEntry,
        trend::{Proof, age_ms},
    },
    model::budget::TimeSpan,
};
use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Utc};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// The most weeks that are shown: a year.
const WEEKS: i64 = 53;

/// The side of a day, in units of the image.
const SIDE: i64 = 14;

/// The calendars, and below each the gaps in words.
pub fn section(lines: &[LedgerEntry], proofs: &[Proof], options: &PageOptions<'_>) -> Markup {
    html! {
        section aria-labelledby="calendar" {
            h2 id="calendar" { "Calendar" }
            p {
                "A day is filled if a restore was proven (green) or a run did not prove it (red). A day with a red border "
                "has no proof within the required time before it."
            }
            @if options.every.is_none() { p { "No frequency is required: give " code { "--every" } "." } }
            @for proof in proofs { (of_group(lines, &proof.group, options)) }
            @if proofs.is_empty() { p { "The ledger has no run." } }
        }
    }
}

/// What is known of a day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Day {
    Proven,
    Tried,
    Late,
    Kept,
    None,
}

impl Day {
    fn class(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Tried => "tried",
            Self::Late => "late",
            Self::Kept => "kept",
            Self::None => "none",
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Proven => "a restore was proven",
            Self::Tried => "a run did not prove a restore",
            Self::Late => "overdue",
            Self::Kept => "within the required time",
            Self::None => "before the first run",
        }
    }
}

fn of_group(lines: &[LedgerEntry], group: &str, options: &PageOptions<'_>) -> Markup {
    let past = lines.iter().filter(|line| line.ended <= options.now);
    let mut days: BTreeMap<NaiveDate, bool> = BTreeMap::new();
    let mut times = Vec::new();
    for (line, result) in past.filter_map(|line| Some((line, line.groups.get(group)?))) {
        *days.entry(line.ended.date_naive()).or_default() |= result.is_proven();
        times.extend(result.is_proven().then_some(line.ended));
    }
    times.sort_unstable();
    let Some((&first, _)) = days.first_key_value() else { return html! {} };
    let today = options.now.date_naive();
    let monday = |day: NaiveDate| day - TimeDelta::days(i64::from(day.weekday().num_days_from_monday()));
    let from = monday(first).max(monday(today) - TimeDelta::weeks(WEEKS - 1));
    let weeks = (monday(today) - from).num_weeks() + 1;
    let name = one_line(group);
    let gaps = gaps(&times, options);
    html! {
        h3 { bdi { (name) } }
        svg .timeline .calendar viewBox={ "0 0 " (WEEKS * SIDE) " " (7 * SIDE + 18) } role="img" aria-label={
            "Calendar of " (name) ": " (days.values().filter(|proven| **proven).count()) " days with a proven restore, "
            (gaps.len()) " gaps"
        } xmlns="http://www.w3.org/2000/svg" {
            @for week in 0..weeks {
                @let start = from + TimeDelta::weeks(week);
                // The first week of a month has its name.
                @if start.day() <= 7 {
                    text x=(week * SIDE) y="11" { (start.format("%b")) }
                }
                @for weekday in 0..7 {
                    @let date = start + TimeDelta::days(weekday);
                    @if date <= today {
                        @let kind = kind(date, first, &days, &times, options.every);
                        rect class=(kind.class()) x=(week * SIDE + 1) y=(weekday * SIDE + 17)
                            width=(SIDE - 3) height=(SIDE - 3) rx="2" { title { (date) ": " (kind.describe()) } }
                    }
                }
            }
        }
        @if gaps.is_empty() { p { "No gap." } }
        @else { ul { @for gap in gaps { li { (gap) } } } }
    }
}

fn kind(
    date: NaiveDate,
    first: NaiveDate,
    days: &BTreeMap<NaiveDate, bool>,
    times: &[DateTime<Utc>],
    every: Option<TimeSpan>,
) -> Day {
    let end = (date + TimeDelta::days(1)).and_time(chrono::NaiveTime::MIN).and_utc();
    let last = times.iter().rfind(|time| **time < end);
    match (days.get(&date), every, last) {
        (Some(true), _, _) => Day::Proven,
        (Some(false), _, _) => Day::Tried,
        (None, _, _) if date < first => Day::None,
        (None, None, _) => Day::None,
        (None, Some(every), Some(last)) if age_ms(*last, end) <= every.ms => Day::Kept,
        (None, Some(_), _) => Day::Late,
    }
}

/// The times without a proof that were longer than allowed, in words.
fn gaps(times: &[DateTime<Utc>], options: &PageOptions<'_>) -> Vec<String> {
    let Some(every) = options.every else { return Vec::new() };
    let ends = times.iter().skip(1).chain([&options.now]);
    let long = times.iter().zip(ends).filter(|(from, to)| age_ms(**from, **to) > every.ms);
    let mut gaps: Vec<String> = long
        .map(|(from, to)| {
            let (long, allowed) = (human(age_ms(*from, *to)), human(every.ms));
            format!("{} to {}: {long} without a proven restore, {allowed} allowed", day(*from), day(*to))
        })
        .collect();
    if times.is_empty() {
        gaps.push("No restore was ever proven.".to_owned());
    }
    gaps
}
