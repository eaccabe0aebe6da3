//! What a run shows about commands that are to verify a backup: which damage each lets pass, and which sound
//! backups it rejects. A pure function of the run's record.

use crate::{
    base::ids::ScenarioId,
    model::{
        detection::Representatives,
        event::ToolReport,
        exit_code::ExitCode,
        fault::Fault,
        record::{RunRecord, ScenarioRecord},
        verdict::Verdict,
    },
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a run shows about commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ToolProof {
    /// The commands by name.
    pub tools: BTreeMap<String, ToolResults>,
}

/// What it shows about one command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ToolResults {
    /// What the command reported of each damage, by the fault's id.
    pub damaged: BTreeMap<&'static str, ToolAnswer>,
    /// What it reported of each sound backup, by the drill's id.
    pub sound: BTreeMap<ScenarioId, ToolAnswer>,
}

/// What a command reported of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum ToolAnswer {
    /// It ended with exit code 0.
    Accepted,
    /// It ended in another way.
    Rejected {
        /// The end of its output.
        said: String,
    },
    /// It was not run.
    NotRun {
        /// Why.
        why: String,
    },
}

impl ToolProof {
    /// What a run shows, for the faults that its scenarios represent.
    pub fn of(record: &RunRecord, representatives: &Representatives) -> Self {
        let mut proof = Self::default();
        let harmless = Fault::ALL.iter().filter(|fault| fault.caught_by.is_none()).map(|fault| fault.id);
        let harmless: BTreeSet<&str> = harmless.collect();
        // A drill that did not go as planned shows nothing about the backup.
        for scenario in record.scenarios.iter().filter(|s| s.verdict() == Verdict::Pass) {
            let damage =
                representatives.iter().filter(|(_, id)| **id == scenario.id).map(|(fault, _)| *fault);
            let damage: Vec<&'static str> = damage.filter(|fault| !harmless.contains(fault)).collect();
            proof.add(scenario, &damage);
        }
        proof
    }

    fn add(&mut self, scenario: &ScenarioRecord, damage: &[&'static str]) {
        for report in &scenario.tools {
            let results = self.tools.entry(report.tool.clone()).or_default();
            let answer = ToolAnswer::of(report);
            match damage {
                [] => drop(results.sound.insert(scenario.id.clone(), answer)),
                faults => results.damaged.extend(faults.iter().map(|fault| (*fault, answer.clone()))),
            }
        }
    }

    /// Whether every command rejects what is damaged and accepts what is sound. A command that was never run
    /// proves nothing.
    pub fn exit(&self) -> ExitCode {
        let of = |results: &ToolResults| match (results.lets_pass().next(), results.rejects().next()) {
            (None, None) if results.judged() == 0 => ExitCode::Unverified,
            (None, None) => ExitCode::AllHeld,
            (Some(_), _) | (_, Some(_)) => ExitCode::IntegrityFailure,
        };
        self.tools.values().map(of).max().unwrap_or(ExitCode::Unverified)
    }
}

impl ToolResults {
    /// The damage that it lets pass.
    pub fn lets_pass(&self) -> impl Iterator<Item = &'static str> {
        self.damaged.iter().filter(|(_, answer)| **answer == ToolAnswer::Accepted).map(|(fault, _)| *fault)
    }

    /// The sound backups that it rejects.
    pub fn rejects(&self) -> impl Iterator<Item = &ScenarioId> {
        let rejected = |answer: &ToolAnswer| matches!(answer, ToolAnswer::Rejected { .. });
        self.sound.iter().filter(move |(_, answer)| rejected(answer)).map(|(id, _)| id)
    }

    /// How many kinds of damage it was run on.
    pub fn judged(&self) -> usize {
        self.damaged.values().filter(|answer| !matches!(answer, ToolAnswer::NotRun { .. })).count()
    }
}

impl ToolAnswer {
    fn of(report: &ToolReport) -> Self {
        match report.accepted {
            Some(true) => Self::Accepted,
            Some(false) => Self::Rejected { said: report.said.clone() },
            None => Self::NotRun { why: report.said.clone() },
        }
    }
}
