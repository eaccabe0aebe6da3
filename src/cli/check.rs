//! pulp-drill check: reads scenario files and says what is wrong with them. Nothing is started.

use crate::{
    base::error::Error,
    cli::{list::ListFormat, sources::ScenarioArgs},
    scenario::{diagnose::Diagnostics, parse::read_all},
};
use clap::Args;

/// Look for mistakes in scenario files; nothing is started
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pulp-drill check
  pulp-drill check scenarios/binary-missing.yaml
  pulp-drill check --format json drills/ | jq .mistakes

Exit codes: 0 no mistake · 2 mistakes, all of them on stderr (with --format json on stdout)")]
pub struct CheckArgs {
    /// The scenarios, and what they refer to.
    #[command(flatten)]
    pub scenarios: ScenarioArgs,
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = ListFormat::Human)]
    pub format: ListFormat,
}

/// What a check found.
pub struct Checked {
    /// For stdout.
    pub output: String,
    /// For stderr, and exit code 2.
    pub error: Option<Error>,
}

/// Checks. `colour` and `width` are those of stderr's terminal.
pub fn run(args: &CheckArgs, colour: bool, width: usize) -> Checked {
    let (files, library) = match args.scenarios.sources() {
        Ok(sources) => sources,
        Err(error) => return Checked { output: String::new(), error: Some(error) },
    };
    let read = read_all(&files, &library);
    match (args.format, read) {
        (ListFormat::Human, Ok(scenarios)) => {
            let word = if scenarios.len() == 1 { "scenario" } else { "scenarios" };
            Checked { output: format!("{} {word}, no mistake\n", scenarios.len()), error: None }
        }
        (ListFormat::Human, Err(diagnostics)) => {
            Checked { output: String::new(), error: Some(diagnostics.into_error(colour, width)) }
        }
        (ListFormat::Json, Ok(scenarios)) => {
            let output = json(scenarios.len(), &Diagnostics::default());
            Checked { output, error: None }
        }
        (ListFormat::Json, Err(diagnostics)) => {
            let error = Error::usage(format!("{} in scenario files", diagnostics.count_in_words()));
            Checked { output: json(0, &diagnostics), error: Some(error) }
        }
    }
}

/// `scenarios`: how many are sound, 0 where there is any mistake; `mistakes`: all, with their places.
fn json(scenarios: usize, diagnostics: &Diagnostics) -> String {
    let mistakes: Vec<_> = diagnostics.iter().collect();
    format!("{:#}\n", serde_json::json!({ "scenarios": scenarios, "mistakes": mistakes }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Blame;

    fn args(path: &str, format: ListFormat) -> CheckArgs {
        CheckArgs { scenarios: ScenarioArgs::of(path, "tests/fixtures/library"), format }
    }

    #[test]
    fn sound_files_are_counted() {
        let checked = run(&args("tests/fixtures/listed", ListFormat::Human), false, 80);
        assert_eq!(checked.output, "2 scenarios, no mistake\n");
        assert!(checked.error.is_none());
    }

    #[test]
    fn json_goes_to_stdout_with_places() {
        let checked = run(&args("tests/bad-scenarios/unknown-seed.yaml", ListFormat::Json), false, 80);
        let value: serde_json::Value = serde_json::from_str(&checked.output).unwrap();
        assert_eq!(value["mistakes"][0]["place"]["line"], 5);
        assert_eq!(value["mistakes"][0]["help"], "did you mean `small`?");
        assert_eq!(checked.error.unwrap().blame, Blame::Usage);
    }
}
