//! The command that runs one scenario again with the same choices: the command of the run, limited to the
//! scenario. The test of a backup is repeated as a whole. Environment variables and the working directory are not part of it.

use crate::{
    model::record::{RunRecord, ScenarioRecord},
    report::inputs::PARTS_COMMAND,
};

/// Options with a value that a replay replaces or drops.
const WITH_VALUE: &[&str] =
    &["--seed", "--filter", "--jobs", "-j", "--report-dir", "--format", "--partition"];

/// Options without a value that a replay drops.
const FLAGS: &[&str] = &["--keep", "--fail-fast"];

/// The command, as a shell takes it; none where the record has none. A baseline drill without a started
/// scenario of its seed is repeated by the whole run.
pub fn command(record: &RunRecord, scenario: &ScenarioRecord) -> Option<String> {
    let started = record.started.as_ref()?;
    // A merged run has no command of its own: the command of a part repeats the drill.
    let of_parts =
        started.config.get(PARTS_COMMAND).and_then(|description| shell_words::split(description).ok());
    let command = of_parts.as_ref().unwrap_or(&started.command);
    let (program, rest) = command.split_first()?;
    if rest.iter().any(|word| word == "restore-test") {
        return Some(shell_words::join(command));
    }
    let at = rest.iter().position(|word| word == "run")?;
    // A baseline drill runs with every scenario of its seed and has no file.
    let seed = |s: &ScenarioRecord| s.started.as_ref().map(|s| s.seed.clone());
    let beside = |s: &&ScenarioRecord| s.started.is_some() && !s.is_baseline() && seed(s) == seed(scenario);
    let named = if scenario.is_baseline() { record.scenarios.iter().find(beside) } else { Some(scenario) };
    let mut description = vec![program.clone()];
    description.extend(rest[..=at].iter().cloned());
    if let Some(named) = named {
        description.extend(["--filter", named.id.as_str(), "--jobs", "1"].map(str::to_owned));
    }
    description.extend(["--seed".to_owned(), started.seed.to_string()]);
    let anew = if named.is_some() { WITH_VALUE } else { &["--seed"] };
    // If the scenario's file was named, other files are not needed.
    let file = named.and_then(|s| s.started.as_ref()?.file.as_ref()).map(|(file, _)| file.as_str());
    let own = file.is_some() && rest.iter().any(|word| Some(word.as_str()) == file);
    let foreign =
        |word: &str| own && Some(word) != file && (word.ends_with(".yaml") || word.ends_with(".yml"));
    let mut others = rest[at + 1..].iter();
    let mut before = "";
    while let Some(word) = others.next() {
        let value = before.starts_with("--") && !before.contains('=');
        before = word;
        if anew.contains(&word.as_str()) {
            others.next();
        } else if !FLAGS.contains(&word.as_str()) && !is_given(word, anew) && (value || !foreign(word)) {
            description.push(word.clone());
        }
    }
    Some(shell_words::join(description))
}

/// `--seed=42`, `-j4`.
fn is_given(word: &str, options: &[&str]) -> bool {
    let short = word
        .strip_prefix("-j")
        .is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit() || c == '='));
    (short && options.contains(&"-j"))
        || word.split_once('=').is_some_and(|(name, _)| options.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{digest::Digest, ids::RunId},
        model::event::{FORMAT, RunStarted, ScenarioStarted},
    };
    use std::collections::BTreeMap;

    fn scenario(id: &str, baseline: bool) -> ScenarioRecord {
        let started = ScenarioStarted {
            profile: None,
            title: String::new(),
            shows: String::new(),
            file: (!baseline).then(|| (format!("scenarios/{id}.yaml"), Digest::ZERO)),
            runbook: Vec::new(),
            controls: Vec::new(),
            procedure: String::new(),
            topology: String::new(),
            seed: "invoices".to_owned(),
            baseline,
            expect: Vec::new(),
            possible: Vec::new(),
            steps: Vec::new(),
        };
        ScenarioRecord { id: id.into(), started: Some(started), ..ScenarioRecord::default() }
    }

    fn replayed(command: &str, at: usize) -> Option<String> {
        replayed_with(command, BTreeMap::new(), at)
    }

    fn replayed_with(command: &str, config: BTreeMap<String, String>, at: usize) -> Option<String> {
        replay_with(command, config, |_| at)
    }

    fn replay_with(
        command: &str,
        config: BTreeMap<String, String>,
        change: impl Fn(&mut [ScenarioRecord]) -> usize,
    ) -> Option<String> {
        let started = RunStarted {
            previous: Vec::new(),
            partition: None,
            format: FORMAT,
            run: RunId::from("r"),
            harness: String::new(),
            seed: 42,
            command: shell_words::split(command).expect("words"),
            config,
            started_by: BTreeMap::new(),
            machine: BTreeMap::new(),
            scenarios: Vec::new(),
        };
        let mut scenarios = vec![scenario("baseline-invoices", true), scenario("row-lost", false)];
        let at = change(&mut scenarios);
        let record = RunRecord { started: Some(started), scenarios, ..RunRecord::default() };
        super::command(&record, &record.scenarios[at])
    }

    #[test]
    fn the_command_is_narrowed_to_one_scenario_and_its_choices() {
        let replay = replayed("pulp-drill run", 1);
        assert_eq!(replay.as_deref(), Some("pulp-drill run --filter row-lost --jobs 1 --seed 42"));
        let replay = replayed(
            "./pulp-drill run mine/ --seed=7 -j4 --jobs 2 --filter row --engine 'command:node a.js' --keep \
             --report-dir out --partition 1/2 --fail-fast --defect fail-open --format json",
            0,
        );
        assert_eq!(
            replay.as_deref(),
            Some(
                "./pulp-drill run --filter row-lost --jobs 1 --seed 42 mine/ --engine 'command:node a.js' \
                 --defect fail-open"
            )
        );
    }

    #[test]
    fn a_baseline_drill_without_a_started_scenario_is_repeated_by_the_whole_run() {
        let replay =
            replay_with("pulp-drill run --seed=7 --filter row -j4 --keep", BTreeMap::new(), |scenarios| {
                scenarios[1].started = None;
                0
            });
        assert_eq!(replay.as_deref(), Some("pulp-drill run --seed 42 --filter row -j4"));
    }

    #[test]
    fn a_merged_run_is_repeated_by_one_of_its_parts() {
        let mut config = BTreeMap::new();
        config.insert(PARTS_COMMAND.to_owned(), "pulp-drill run --partition 1/3 --objects minio".to_owned());
        let replay = replayed_with("pulp-drill report merge", config, 1);
        assert_eq!(
            replay.as_deref(),
            Some("pulp-drill run --filter row-lost --jobs 1 --seed 42 --objects minio")
        );
        assert_eq!(replayed("pulp-drill report merge", 1), None);
    }

    #[test]
    fn files_of_other_scenarios_are_left_out_and_values_stay() {
        let replay =
            replayed("pulp-drill run scenarios/a.yaml scenarios/row-lost.yaml --profile mine.yaml", 1);
        assert_eq!(
            replay.as_deref(),
            Some(
                "pulp-drill run --filter row-lost --jobs 1 --seed 42 scenarios/row-lost.yaml --profile mine.yaml"
            )
        );
    }

    #[test]
    fn the_test_of_a_backup_is_repeated_as_it_was() {
        let command = "pulp-drill restore-test --dump 'last night.dump' --assets files --max-age 26h";
        assert_eq!(replayed(command, 1).as_deref(), Some(command));
    }

    #[test]
    fn other_command_lines_have_no_replay() {
        assert_eq!(replayed("pulp-drill", 1), None);
        assert_eq!(replayed("", 1), None);
    }
}
