//! pulp-drill list: the scenarios of files and folders, as a table or as JSON.

use crate::{
    base::{error::Error, shipped},
    cli::sources::ScenarioArgs,
    scenario::{Scenario, parse::read_all},
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The table's width.
const WIDTH: usize = 80;

/// Who reads the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// People
    Human,
    /// Programs
    Json,
}

/// List scenarios: id, title, seed and how many findings each expects
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pulp-drill list
  pulp-drill list --format json | jq -r '.[].id'")]
pub struct ListArgs {
    /// The scenarios, and what they refer to.
    #[command(flatten)]
    pub scenarios: ScenarioArgs,
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = ListFormat::Human)]
    pub format: ListFormat,
}

/// The list, for stdout.
///
/// # Errors
/// The files hold mistakes.
pub fn run(args: &ListArgs, colour: bool, width: usize) -> Result<String, Error> {
    let (files, library) = args.scenarios.sources()?;
    let scenarios =
        read_all(&files, &library).map_err(|diagnostics| diagnostics.into_error(colour, width))?;
    Ok(match args.format {
        ListFormat::Human => table(&scenarios),
        ListFormat::Json => format!("{:#}\n", Value::from_iter(scenarios.iter().map(entry))),
    })
}

fn entry(scenario: &Scenario) -> Value {
    json!({
        "id": scenario.id,
        "title": scenario.title,
        "shows": scenario.shows,
        "file": shipped::shown(&scenario.file),
        "runbook": scenario.runbook,
        "controls": scenario.controls,
        "topology": scenario.method.topology,
        "procedure": scenario.method.procedure,
        "seed": scenario.seed.value,
        "steps": scenario.steps.iter().map(|step| step.value.describe(&scenario.method)).collect::<Vec<_>>(),
        "expect": scenario.expect.iter().map(|at| at.value.to_string()).collect::<Vec<_>>(),
    })
}

/// Two lines a scenario, since ids and titles together do not fit one.
fn table(scenarios: &[Scenario]) -> String {
    let seed = scenarios.iter().map(|s| s.seed.value.chars().count()).max().unwrap_or(0).max("seed".len());
    // Between the columns stand two spaces each; the last is "findings".
    let id = WIDTH.saturating_sub(seed + "findings".len() + 4).max("scenario".len());
    let mut table = String::new();
    let mut line = |a: &str, b: &str, c: &str| {
        let text = format!("{a:id$}  {b:seed$}  {c:>8}");
        writeln!(table, "{}", text.trim_end()).expect("a String takes any text");
    };
    line("scenario", "seed", "findings");
    for scenario in scenarios {
        let count = scenario.expect.len().to_string();
        line(&scenario.id.0, &scenario.seed.value, &count);
        for part in wrapped(&scenario.title, WIDTH - 2) {
            line(&format!("  {part}"), "", "");
        }
    }
    table
}

/// Text in lines of at most `width` characters, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_eighty_columns_and_json_has_everything() {
        let mut args = ListArgs {
            scenarios: ScenarioArgs::of("tests/fixtures/listed", "tests/fixtures/library"),
            format: ListFormat::Human,
        };
        let table = run(&args, false, 80).map_err(|t| t.to_string()).unwrap();
        assert_eq!(
            table,
            "\
scenario                                                         seed   findings
first                                                            small         2
  A title that is long enough to be broken between its words when it is shown in
  a list
second-with-a-longer-name                                        small         0
  Short
"
        );
        assert!(table.lines().all(|line| line.chars().count() <= WIDTH));
        args.format = ListFormat::Json;
        let list: Value = serde_json::from_str(&run(&args, false, 80).unwrap()).unwrap();
        assert_eq!(list[0]["expect"][0], "missing binary: logo.png");
        assert_eq!(list[1]["steps"][1], "restore: runbook");
    }
}
