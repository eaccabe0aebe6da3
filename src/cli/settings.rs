//! `pulp-drill.yaml` of the current folder: defaults for options. A flag has priority, then a variable of the
//! environment, then this file. It gives arguments to the command line; it interprets none.

use crate::{
    base::error::Error,
    report::terminal::to_error,
    scenario::{
        diagnose::{Diagnostics, Mistake},
        yaml::{
            fields::Fields,
            files::{LARGEST, read_text},
            tree::{self, Data, YamlNode},
        },
    },
};
use clap::{ArgMatches, Command, parser::ValueSource};
use std::{ffi::OsString, path::Path};

/// The file.
pub const FILE: &str = "pulp-drill.yaml";

/// The commands that take defaults from the file.
const COMMANDS: [&str; 4] = ["run", "restore-test", "list", "check"];

/// The key with the scenarios: the only one that is no option.
const SCENARIOS: &str = "scenarios";

/// The keys, which are long options. What destroys, and what is different every time, has no default.
const OPTIONS: [&str; 17] = [
    "budgets",
    "env-file",
    "fixtures",
    "golden",
    "jobs",
    "max-age",
    "max-rto",
    "minio-image",
    "objects",
    "postgres",
    "postgres-image",
    "profile",
    "ready-within",
    "registry",
    "report-dir",
    "sign-key",
    "substrate",
];

/// A default of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSetting {
    /// The option, without hyphens, or `scenarios`.
    pub key: &'static str,
    /// Its values, as the command line takes them.
    pub values: Vec<String>,
    /// The line in the file.
    pub line: usize,
}

/// Where the value of an option comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The option, or `scenarios`.
    pub key: &'static str,
    /// Its values, separated by spaces.
    pub value: String,
    /// `pulp-drill.yaml:3`, `PULP_DRILL_REGISTRY` or `default`.
    pub origin: String,
}

/// The settings of a file; none where it does not exist.
///
/// # Errors
/// All mistakes in it, with their positions.
pub fn read(file: &Path) -> Result<Vec<FileSetting>, Error> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let mut diagnostics = Diagnostics::default();
    let settings = read_text(file, LARGEST, &mut diagnostics).and_then(|text| {
        let mut mistakes = Vec::new();
        let root = tree::build(&text, &mut mistakes);
        let settings = root.and_then(|root| settings(&root, &mut mistakes));
        diagnostics.add_all(file, mistakes);
        settings
    });
    diagnostics.or_value(settings).map_err(to_error)
}

fn settings(root: &YamlNode, mistakes: &mut Vec<Mistake>) -> Option<Vec<FileSetting>> {
    let mut fields = Fields::of(root, "the settings", mistakes)?;
    let mut settings = Vec::new();
    for key in OPTIONS.into_iter().chain([SCENARIOS]) {
        let Some((place, node)) = fields.node(key) else { continue };
        let values = match &node.data {
            Data::Scalar { text, .. } => vec![text.clone()],
            Data::List(items) => items.iter().filter_map(|item| scalar(item, mistakes)).collect(),
            Data::Map(_) => {
                mistakes.push(Mistake::at(node.place, format!("`{key}` has keys")).label("expected a value"));
                continue;
            }
        };
        settings.push(FileSetting { key, values, line: place.place.line });
    }
    fields.finish(mistakes);
    Some(settings)
}

fn scalar(node: &YamlNode, mistakes: &mut Vec<Mistake>) -> Option<String> {
    match &node.data {
        Data::Scalar { text, .. } => Some(text.clone()),
        Data::List(_) | Data::Map(_) => {
            mistakes.push(Mistake::at(node.place, "expected a value").label("expected a value"));
            None
        }
    }
}

/// A command line with the settings that it and the environment do not have.
pub fn apply(
    args: &[OsString],
    matches: &ArgMatches,
    command: &Command,
    settings: &[FileSetting],
) -> Vec<OsString> {
    let mut all = args.to_vec();
    let Some((name, given)) = matches.subcommand().filter(|(name, _)| COMMANDS.contains(name)) else {
        return all;
    };
    let Some(known) = command.find_subcommand(name) else { return all };
    let Some(at) = args.iter().position(|arg| arg == name) else { return all };
    let missing = settings.iter().filter(|setting| !is_given(known, given, setting.key));
    let words = missing.flat_map(|setting| {
        setting.values.iter().map(|value| match setting.key {
            SCENARIOS => value.clone(),
            option => format!("--{option}={value}"),
        })
    });
    let words: Vec<OsString> = words.map(OsString::from).collect();
    all.splice(at + 1..=at, words);
    all
}

/// Whether a command has the option and its value is given, or the command does not have it.
fn is_given(command: &Command, given: &ArgMatches, key: &str) -> bool {
    let id = command.get_arguments().find(|arg| match key {
        SCENARIOS => arg.is_positional(),
        option => arg.get_long() == Some(option),
    });
    id.is_none_or(|arg| {
        !matches!(given.value_source(arg.get_id().as_str()), None | Some(ValueSource::DefaultValue))
    })
}

/// What `run` would use here without an argument, and where it comes from.
///
/// # Errors
/// As [`read`].
pub fn effective(command: &Command) -> Result<Vec<Effective>, Error> {
    let settings = read(Path::new(FILE))?;
    let args = ["pulp-drill", "run"].map(OsString::from);
    let broken = |error: clap::Error| Error::usage(format!("{FILE}: {}", error.render()));
    let given = command.clone().try_get_matches_from(&args).map_err(broken)?;
    let all = apply(&args, &given, command, &settings);
    let matches = command.clone().try_get_matches_from(&all).map_err(broken)?;
    let (Some((_, given)), Some((_, run)), Some(known)) =
        (given.subcommand(), matches.subcommand(), command.find_subcommand("run"))
    else {
        return Ok(Vec::new());
    };
    let keys = OPTIONS.into_iter().chain([SCENARIOS]);
    let effective = keys.filter_map(|key| {
        let arg = known.get_arguments().find(|arg| match key {
            SCENARIOS => arg.is_positional(),
            option => arg.get_long() == Some(option),
        })?;
        let id = arg.get_id().as_str();
        let values = run.get_raw(id)?.map(|value| value.to_string_lossy().into_owned()).collect::<Vec<_>>();
        let of_file = settings.iter().find(|setting| setting.key == key);
        let origin = match (given.value_source(id), of_file) {
            (Some(ValueSource::EnvVariable), _) => arg.get_env()?.to_string_lossy().into_owned(),
            (_, Some(setting)) => format!("{FILE}:{}", setting.line),
            (_, None) => "default".to_owned(),
        };
        Some(Effective { key, value: values.join(" "), origin })
    });
    Ok(effective.filter(|one| !one.value.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Arg;

    fn program() -> Command {
        let option = |name: &'static str| Arg::new(name).long(name).default_value("none");
        let of_scenarios = |name: &'static str| {
            let paths = Arg::new("paths").num_args(0..);
            Command::new(name).args([option("profile"), paths])
        };
        let jobs = option("jobs").env("PULP_DRILL_TEST_JOBS");
        Command::new("pulp-drill").subcommands([
            of_scenarios("run").arg(jobs),
            of_scenarios("check"),
            Command::new("sweep"),
        ])
    }

    fn settings_of(text: &str) -> Result<Vec<FileSetting>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        std::fs::write(&file, text).unwrap();
        read(&file).map_err(|error| error.to_string())
    }

    fn applied(args: &[&str]) -> String {
        let settings = settings_of("profile: mine.yaml\njobs: 2\nscenarios: [generic, mine]\n").unwrap();
        let (command, args) = (program(), args.iter().map(OsString::from).collect::<Vec<_>>());
        let matches = command.clone().try_get_matches_from(&args).unwrap();
        let all = apply(&args, &matches, &command, &settings);
        all.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn flags_come_before_the_file_and_commands_get_their_options_only() {
        assert_eq!(
            applied(&["pulp-drill", "run"]),
            "pulp-drill run --jobs=2 --profile=mine.yaml generic mine"
        );
        assert_eq!(
            applied(&["pulp-drill", "run", "one.yaml", "--jobs", "4"]),
            "pulp-drill run --profile=mine.yaml one.yaml --jobs 4"
        );
        assert_eq!(applied(&["pulp-drill", "check"]), "pulp-drill check --profile=mine.yaml generic mine");
        assert_eq!(applied(&["pulp-drill", "sweep"]), "pulp-drill sweep");
    }

    #[test]
    fn unknown_keys_and_forms_are_mistakes_with_their_place() {
        let mistake = |text: &str| settings_of(text).unwrap_err();
        let unknown = mistake("job: 2\nprofile: a\n");
        assert!(unknown.contains("did you mean `jobs`?") && unknown.contains(":1:1"), "{unknown}");
        assert!(mistake("profile: {a: b}\n").contains("`profile` has keys"));
        assert!(mistake("i-understand-this-destroys: all\n").contains("unknown key"));
    }

    #[test]
    fn no_file_is_no_setting() {
        assert!(read(Path::new("no-such-file.yaml")).is_ok_and(|settings| settings.is_empty()));
    }
}
