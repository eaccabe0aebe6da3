//! A ledger for a terminal of 80 columns: trend, last runs, last proven restores.

use super::{
    LedgerEntry,
    trend::{age_ms, describe, proofs},
};
use crate::{
    base::sanitize::one_line,
    model::{budget::TimeSpan, verdict::Verdict},
};
use chrono::{DateTime, SecondsFormat, Utc};
use std::fmt::Write as _;

/// So many runs fit behind a label of twelve columns.
const SHOWN: usize = 68;
/// So many runs are listed.
const LISTED: usize = 10;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The ledger as text.
pub fn human(lines: &[LedgerEntry], every: Option<TimeSpan>, now: DateTime<Utc>) -> String {
    let mut out = String::new();
    let mut say = |text: String| writeln!(out, "{}", text.trim_end()).expect("a string takes any text");
    let recent = &lines[lines.len().saturating_sub(SHOWN)..];
    say(format!("{} in the ledger, the chain holds", runs(lines.len())));
    if !lines.is_empty() {
        let verdicts: String = recent.iter().map(|l| sign(l.verdict)).collect();
        say(format!("verdicts    {verdicts}"));
        say(format!("RTO         {}", sparkline(&recent.iter().map(|l| l.rto_ms).collect::<Vec<_>>())));
        say("            . pass  ? unknown  x fail; the last run is on the right".to_owned());
        say(String::new());
        say("ended                 verdict  RTO      RPO      unexp.  drills  skip.  run".to_owned());
    }
    for line in lines.iter().rev().take(LISTED) {
        let ended = line.ended.to_rfc3339_opts(SecondsFormat::Secs, true);
        let maybe = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), short);
        let (rto, rpo) = (maybe(line.rto_ms), maybe(line.rpo_ms));
        // The end of the id: ids that sort by time differ there.
        let run: String =
            one_line(line.run.as_str()).chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
        let LedgerEntry { unexpected, scenarios, skipped, .. } = line;
        say(format!(
            "{ended:<20}  {:<7}  {rto:<7}  {rpo:<7}  {unexpected:>6}  {scenarios:>6}  {skipped:>5}  {run}",
            line.verdict.to_string()
        ));
    }
    say(String::new());
    say("last proven restore".to_owned());
    for proof in proofs(lines, now) {
        let to_come = proof.to_come.map_or_else(String::new, |at| {
            format!("; {} is still to come and does not count", at.format("%Y-%m-%d"))
        });
        let when = match proof.last {
            None => "never".to_owned(),
            Some(last) => format!("{}, {} ago", last.format("%Y-%m-%d"), describe(age_ms(last, now))),
        };
        let late = proof.last.is_none_or(|last| every.is_some_and(|every| age_ms(last, now) > every.ms));
        say(format!("  {:<38}  {when}{to_come}{}", one_line(&proof.group), if late { "  LATE" } else { "" }));
    }
    out
}

/// `3.500 s`, `15m 05s`, `26h 10m`, `12 days`: seven columns for all that is likely.
fn short(ms: u64) -> String {
    match ms / 1_000 {
        0..60 => format!("{}.{:03} s", ms / 1_000, ms % 1_000),
        s @ 60..3_600 => format!("{}m {:02}s", s / 60, s % 60),
        s @ 3_600..172_800 => format!("{}h {:02}m", s / 3_600, s % 3_600 / 60),
        s => format!("{} days", s / 86_400),
    }
}

fn runs(n: usize) -> String {
    if n == 1 { "1 run".to_owned() } else { format!("{n} runs") }
}

fn sign(verdict: Verdict) -> char {
    match verdict {
        Verdict::Pass => '.',
        Verdict::Unknown => '?',
        Verdict::Fail => 'x',
    }
}

/// Bars from nothing to the longest; a space where nothing was measured.
pub fn sparkline(values: &[Option<u64>]) -> String {
    let most = values.iter().flatten().copied().max().unwrap_or(0).max(1);
    let bar = |value: &Option<u64>| {
        value.map_or(' ', |v| BARS[usize::try_from(u128::from(v) * 7 / u128::from(most)).unwrap_or(7).min(7)])
    };
    values.iter().map(bar).collect()
}
