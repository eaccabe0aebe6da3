//! What a run does not show: the part that reports like to leave out.

use crate::{
    model::{
        check::CheckId,
        event::RpoFrom,
        record::RunRecord,
        verdict::{CheckOutcome, Verdict},
    },
    report::html::text::{count, line},
};

/// What was not shown, in sentences.
pub fn unproven(record: &RunRecord) -> Vec<String> {
    let mut missing = Vec::new();
    if let Some(part) = record.part() {
        missing.push(format!("This is {part}: what the others show is not known here."));
    }
    missing.extend(unsure(record));
    missing.extend(
        record
            .skipped
            .iter()
            .map(|s| format!("{} was skipped, which is no pass: {}.", line(s.id.as_str()), line(&s.why))),
    );
    missing.extend(stood_in(record));
    missing.extend(clean_controls(record));
    missing.extend(skipped(record));
    missing.push(objectives(record));
    missing.push(signature(record));
    missing.push(controls(record));
    missing
}

/// Drills, faults and checks of which nothing is known.
fn unsure(record: &RunRecord) -> Vec<String> {
    let mut missing = Vec::new();
    let unknown = record.scenarios.iter().filter(|s| s.verdict() == Verdict::Unknown).count();
    if unknown > 0 {
        missing.push(format!(
            "{} could not be verified or never began: they show nothing.",
            count(unknown, "drill")
        ));
    }
    let idle: Vec<String> = record
        .scenarios
        .iter()
        .flat_map(|s| &s.faults)
        .filter(|f| !f.changed)
        .map(|f| line(&f.description))
        .collect();
    if !idle.is_empty() {
        missing.push(format!("Faults that changed nothing: {}.", idle.join("; ")));
    }
    let blind = by_check(record, |went| match went {
        CheckOutcome::Looked { at } => *at == 0,
        CheckOutcome::Unknown { .. } => true,
        CheckOutcome::Skipped { .. } => false,
    });
    if !blind.is_empty() {
        missing.push(format!("Checks that could not look: {}.", blind.join(", ")));
    }
    missing
}

/// What is not known of the recovery objectives.
fn objectives(record: &RunRecord) -> String {
    let mut text = String::new();
    text += match record.longest_rpo() {
        None => "RPO was not measured. ",
        Some((_, RpoFrom::Writes, _)) => "RPO is that of one backup: yours also has the time between two. ",
        Some((_, RpoFrom::Newest, _)) => "",
    };
    if record.budgets.is_empty() {
        text += "No budget was set, so nothing says whether a recovery is quick enough. ";
    }
    text + "RTO is that of a drill's small seed on this machine, not your site's."
}

fn skipped(record: &RunRecord) -> Option<String> {
    let skipped = by_check(record, |went| matches!(went, CheckOutcome::Skipped { .. }));
    (!skipped.is_empty()).then(|| {
        format!("Checks that were skipped, each for the reason in its drill: {}.", skipped.join(", "))
    })
}

/// `render (in 3 drills)` for each check that went so.
fn by_check(record: &RunRecord, so: fn(&CheckOutcome) -> bool) -> Vec<String> {
    let times = |check: &CheckId| {
        let went = |(c, went, _): &&(CheckId, CheckOutcome, u64)| c == check && so(went);
        record.scenarios.iter().filter(|s| s.checks.iter().any(|c| went(&c))).count()
    };
    let told = |check: &CheckId| match times(check) {
        0 => None,
        n => Some(format!("{check} (in {})", count(n, "drill"))),
    };
    CheckId::ALL.iter().filter_map(told).collect()
}

/// What stood in for the real thing.
fn stood_in(record: &RunRecord) -> Vec<String> {
    let version = |part: &str| record.versions.get(part).map_or("", String::as_str);
    let mut missing = Vec::new();
    let engine = version("engine");
    if engine.starts_with("stand-in") {
        let about = "not Pulp Engine: the run shows that harness and runbook hold, not your engine";
        missing.push(match engine.contains(" with defect") {
            true => format!(
                "The engine is the {}: it misbehaves on request. A red run shows that the drill notices. It is {about}.",
                line(engine)
            ),
            false => format!("The engine is the {}, {about}.", line(engine)),
        });
    }
    if version("objects").starts_with("embedded") {
        missing.push("The object store is the embedded one, no MinIO and no AWS S3.".to_owned());
    }
    if version("postgres fsync") == "off" {
        missing
            .push("PostgreSQL ran with fsync off: nothing is shown about crashes of its machine.".to_owned());
    }
    missing
}

/// What a signature does not show, or that there is none (`docs/evidence.md`).
fn signature(record: &RunRecord) -> String {
    let key = record.started.as_ref().and_then(|s| s.config.get("signing key")).filter(|key| *key != "none");
    match key {
        Some(key) => format!(
            "That the run was signed by the right key ({}) is not for this page to show: pulp-drill evidence verify does.",
            line(key)
        ),
        None => "The record is chained by SHA-256, not signed: who can write the folder can make it anew."
            .to_owned(),
    }
}

fn clean_controls(record: &RunRecord) -> Option<String> {
    let passed = record.scenarios.iter().filter(|s| s.is_control() && s.verdict() == Verdict::Pass).count();
    (passed == 0).then(|| {
        "No clean control passed: what was found can't be told from what the engine does without damage."
            .to_owned()
    })
}

fn controls(record: &RunRecord) -> String {
    let named = record.scenarios.iter().filter_map(|s| s.started.as_ref()).any(|s| !s.controls.is_empty());
    match named {
        true => "A scenario supports a control for the part that it exercises; that the control is met, it does not show."
            .to_owned(),
        false => "No scenario that began names a control: the run is evidence for none.".to_owned(),
    }
}
