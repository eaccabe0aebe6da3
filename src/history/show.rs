//! A ledger for a terminal: trend, last runs, last proven restores.

use super::{
    LedgerEntry,
    trend::{age_ms, proofs},
};
use crate::{
    base::{clock::human, sanitize::one_line},
    model::{budget::TimeSpan, level, verdict::Verdict},
};
use chrono::{DateTime, SecondsFormat, Utc};
use std::fmt::Write as _;

/// So many runs fit behind a label of twelve columns.
const SHOWN: usize = 68;
/// So many runs are listed.
const LISTED: usize = 10;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The ledger as text.
pub fn overview(lines: &[LedgerEntry], every: Option<TimeSpan>, now: DateTime<Utc>) -> String {
    let mut out = String::new();
    let mut print = |text: String| writeln!(out, "{}", text.trim_end()).expect("a string takes any text");
    let recent = &lines[lines.len().saturating_sub(SHOWN)..];
    print(format!("{} in the ledger, the chain is intact", runs(lines.len())));
    if !lines.is_empty() {
        let verdicts: String = recent.iter().map(|l| sign(l.verdict)).collect();
        print(format!("verdicts    {verdicts}"));
        print(format!("RTO         {}", sparkline(&recent.iter().map(|l| l.rto_ms).collect::<Vec<_>>())));
        print("            . pass  ? unknown  x fail; the last run is on the right".to_owned());
        print(String::new());
        print("ended                 verdict  level       RTO       RPO       unexp.  run".to_owned());
    }
    for line in lines.iter().rev().take(LISTED) {
        let ended = line.ended.to_rfc3339_opts(SecondsFormat::Secs, true);
        let maybe = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), human);
        let (rto, rpo) = (maybe(line.rto_ms), maybe(line.rpo_ms));
        // The end of the id: ids that sort by time differ there.
        let run: String =
            one_line(line.run.as_str()).chars().rev().take(6).collect::<Vec<_>>().into_iter().rev().collect();
        let (unexpected, level) = (line.unexpected, level::describe(line.level));
        print(format!(
            "{ended:<20}  {:<7}  {level:<10}  {rto:<8}  {rpo:<8}  {unexpected:>6}  {run}",
            line.verdict.to_string()
        ));
    }
    print(String::new());
    print("last proven restore".to_owned());
    for proof in proofs(lines, now) {
        let future = proof.future.map_or_else(String::new, |at| {
            format!("; {} is in the future and does not count", at.format("%Y-%m-%d"))
        });
        let when = match proof.last {
            None => "never".to_owned(),
            Some(last) => format!("{}, {} ago", last.format("%Y-%m-%d"), human(age_ms(last, now))),
        };
        let late = proof.last.is_none_or(|last| every.is_some_and(|every| age_ms(last, now) > every.ms));
        print(format!(
            "  {:<38}  {when}{future}{}",
            one_line(&proof.group),
            if late { "  LATE" } else { "" }
        ));
    }
    out
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
