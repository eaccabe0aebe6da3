//! A ledger for other programs: OpenMetrics 1.0 for Prometheus, and a small chart as SVG.

use super::{
    LedgerEntry,
    trend::{age_ms, proofs},
};
use crate::{
    base::{
        clock::seconds_of,
        openmetrics::{OpenMetrics, unix},
    },
    model::{check::ProofLevel, level, verdict::Verdict},
};
use chrono::{DateTime, Utc};
use std::fmt::Write as _;

const VERDICTS: [Verdict; 3] = [Verdict::Pass, Verdict::Unknown, Verdict::Fail];

/// The ledger as OpenMetrics text.
pub fn openmetrics(lines: &[LedgerEntry], now: DateTime<Utc>) -> String {
    let mut out = OpenMetrics::default();
    out.family("pulp_drill_runs", "counter", "", "Runs in the ledger by verdict.");
    for verdict in VERDICTS {
        let n = lines.iter().filter(|l| l.verdict == verdict).count();
        out.sample("pulp_drill_runs_total", &[("verdict", &verdict.to_string())], &n.to_string());
    }
    if let Some(last) = lines.last() {
        let name = "pulp_drill_last_run_verdict";
        out.family(name, "stateset", "", "The verdict of the run that was added last.");
        for verdict in VERDICTS {
            let is = if last.verdict == verdict { "1" } else { "0" };
            out.sample(name, &[(name, &verdict.to_string())], is);
        }
        let name = "pulp_drill_last_run_level";
        let help = "The level of proof that its restores without deliberate damage reached.";
        out.family(name, "stateset", "", help);
        for of in ProofLevel::ALL.iter().copied().map(Some).chain([None]) {
            let is = if last.level == of { "1" } else { "0" };
            out.sample(name, &[(name, level::describe(of))], is);
        }
        out.gauge(
            "pulp_drill_last_run_end_seconds",
            "seconds",
            "When it ended, in Unix time.",
            &unix(last.ended),
        );
        let took = age_ms(last.began, last.ended);
        out.gauge("pulp_drill_last_run_duration_seconds", "seconds", "How long it took.", &seconds_of(took));
        if let Some(rto) = last.rto_ms {
            let help = "Its longest measured recovery time.";
            out.gauge("pulp_drill_last_run_rto_seconds", "seconds", help, &seconds_of(rto));
        }
        if let Some(rpo) = last.rpo_ms {
            let help = "Its longest measured recovery point.";
            out.gauge("pulp_drill_last_run_rpo_seconds", "seconds", help, &seconds_of(rpo));
        }
        let help = "Its scenarios that were skipped.";
        out.gauge("pulp_drill_last_run_skipped_scenarios", "", help, &last.skipped.to_string());
        let help = "Its unexpected findings.";
        out.gauge("pulp_drill_last_run_unexpected_findings", "", help, &last.unexpected.to_string());
    }
    let proofs: Vec<_> = proofs(lines, now).into_iter().filter_map(|p| Some((p.group, p.last?))).collect();
    for (name, help) in [
        (
            "pulp_drill_last_proven_restore_seconds",
            "When the group was last proven to restore, in Unix time.",
        ),
        ("pulp_drill_proven_restore_age_seconds", "How long ago that was."),
    ] {
        if proofs.is_empty() {
            continue;
        }
        out.family(name, "gauge", "seconds", help);
        for (group, last) in &proofs {
            let value = if name.contains("age") { seconds_of(age_ms(*last, now)) } else { unix(*last) };
            out.sample(name, &[("group", group)], &value);
        }
    }
    out.finish()
}

/// The last runs as a chart: a bar a run, as high as its recovery time, in the colour of its verdict.
pub fn svg(lines: &[LedgerEntry]) -> String {
    const WIDTH: u64 = 640;
    const HEIGHT: u64 = 120;
    let recent = &lines[lines.len().saturating_sub(64)..];
    let most = recent.iter().filter_map(|l| l.rto_ms).max().unwrap_or(0).max(1);
    let part = |ms: u64| u128::from(ms) * u128::from(HEIGHT - 4) / u128::from(most);
    let title = format!(
        "Restore drills: the last {} runs, longest recovery time {} s",
        recent.len(),
        seconds_of(most)
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        HEIGHT + 40
    );
    let step = WIDTH / (recent.len() as u64).max(16);
    for (i, line) in recent.iter().enumerate() {
        // A run without a measurement gets a stub.
        let height = line.rto_ms.map_or(4, |ms| 4 + u64::try_from(part(ms)).unwrap_or(HEIGHT - 4));
        let (colour, mark) = match line.verdict {
            Verdict::Pass => ("#166534", ""),
            Verdict::Unknown => ("#92540a", "?"),
            Verdict::Fail => ("#991b1b", "×"),
        };
        let (x, y) = (i as u64 * step + 1, HEIGHT + 16 - height);
        let (wide, ended) = (step - 2, line.ended.format("%Y-%m-%d %H:%M"));
        let rto = line
            .rto_ms
            .map_or_else(|| "RTO not measured".to_owned(), |ms| format!("RTO {} s", seconds_of(ms)));
        writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{height}\" fill=\"{colour}\">\
             <title>{ended}: {}, {rto}</title></rect>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"{colour}\">{mark}</text>",
            line.verdict,
            x + wide / 2,
            y.max(16) - 4,
        )
        .expect("a string takes any text");
    }
    out + &format!("<text x=\"2\" y=\"{}\" fill=\"#334155\">{title}</text>\n</svg>\n", HEIGHT + 34)
}
