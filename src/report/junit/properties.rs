//! The properties of a suite: what a reader of the XML alone must know about the run.

use crate::{
    model::{
        level,
        record::{RunRecord, ScenarioRecord},
    },
    report::headline::headline,
};

/// The properties of a scenario's suite: the run's and its own.
pub fn of(record: &RunRecord, scenario: &ScenarioRecord) -> Vec<(String, String)> {
    let mut properties = vec![("verdict".to_owned(), scenario.verdict().to_string())];
    if let Some(proof) = scenario.level.as_ref().filter(|_| record.is_whole()) {
        properties.push(("level".to_owned(), level::describe(proof.reached).to_owned()));
        let gap = |gap: &level::LevelGap| {
            (format!("level.{}", gap.level), format!("{}; {}", gap.lacks, gap.lacks.remedy()))
        };
        properties.extend(proof.gaps.iter().map(gap));
    }
    if let Some(ms) = scenario.rto_ms {
        properties.push(("rto_ms".to_owned(), ms.to_string()));
    }
    if let Some(ms) = scenario.rpo_ms {
        properties.push(("rpo_ms".to_owned(), ms.to_string()));
    }
    if let Some(started) = &scenario.started {
        let mut own = |name: &str, value: String| properties.push((name.to_owned(), value));
        own("title", started.title.clone());
        own("baseline", started.baseline.to_string());
        own("controls", started.controls.join("; "));
        own("runbook", started.runbook.join("; "));
        own("topology", started.topology.clone());
        own("scenario.seed", started.seed.clone());
        if let Some((file, digest)) = &started.file {
            own("scenario.file", file.clone());
            own("scenario.sha256", digest.to_string());
        }
    }
    properties.extend(about_run(record));
    properties
}

/// The properties of the suite that stands for the run itself.
pub fn of_run(record: &RunRecord) -> Vec<(String, String)> {
    let mut properties = vec![("verdict".to_owned(), record.verdict().to_string())];
    properties.extend(about_run(record));
    properties
}

fn about_run(record: &RunRecord) -> Vec<(String, String)> {
    let warning = record.integrity.warning().map(|warning| ("integrity".to_owned(), warning));
    let mut properties: Vec<_> = warning.into_iter().collect();
    properties.push(("headline".to_owned(), headline(record)));
    properties.push(("run".to_owned(), record.id().0));
    if let Some(started) = &record.started {
        properties.push(("harness".to_owned(), started.harness.clone()));
        properties.push(("seed".to_owned(), started.seed.to_string()));
    }
    let versions = record.versions.iter();
    properties.extend(versions.map(|(part, version)| (format!("version.{part}"), version.clone())));
    properties
}
