//! What the headline leaves out, for a reader who does not know the project.

use crate::{
    model::{
        record::{RunRecord, ScenarioRecord},
        verdict::{Verdict, limit::Limit},
    },
    report::{
        facts::{level_gaps, run_problems},
        headline::tally,
        html::text::{count, line, missing, sentence},
        kinds::{MOST_KINDS, kinds, times},
        workload::raced,
    },
};

/// What the headline leaves out, most important first.
pub fn reasons(record: &RunRecord) -> Vec<String> {
    let mut whys = Vec::new();
    let tally = tally(record);
    let defects = |limit: &&Limit| matches!(limit, Limit::StandInEngine { defects: true, .. });
    whys.extend(record.limits.iter().find(defects).map(|limit| line(&limit.to_string())));
    let failed = |s: &&ScenarioRecord| s.verdict() == Verdict::Fail;
    if record.scenarios.iter().filter(failed).any(ScenarioRecord::is_baseline) {
        whys.push(
            "A baseline drill failed although nothing was damaged: check the engine, the stores and the \
             procedure before any fault."
                .to_owned(),
        );
    }
    let kinds = kinds(record);
    whys.extend(kinds.first().map(|(kind, _)| format!("What to do first: {}", kind.what_to_do())));
    for (kind, n) in kinds.iter().skip(1).take(MOST_KINDS) {
        whys.push(format!("Also {} ({}): {}", kind.describe(), times(*n), kind.meaning()));
    }
    if record.scenarios.iter().filter(failed).any(|s| missing(s) > 0) {
        whys.push(
            "An expected finding that is not reported means that the checks did not detect that damage."
                .to_owned(),
        );
    }
    if tally.failed > 0 && tally.unknown > 0 {
        whys.push(format!("{} could not be verified.", count(tally.unknown, "more drill")));
    }
    let unmeasured = record.budgets.iter().filter(|b| b.verdict == Verdict::Unknown);
    whys.extend(unmeasured.map(|b| format!("The {b}.")));
    if record.part().is_some() {
        whys.push(
            "Merge the parts to get a verdict: pulp-drill report merge RUN_DIR... --out DIR.".to_owned(),
        );
    }
    whys.extend(run_problems(record).iter().map(|problem| sentence(&problem.to_string())));
    whys.extend(level_gaps(record).iter().map(|gap| sentence(&line(&gap.to_string()))));
    whys.extend(raced(record).and_then(|raced| raced.warning()));
    whys
}
