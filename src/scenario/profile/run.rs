//! The part of a profile that says how a target is run: commands, readiness, variables. It looks
//! whether they fit each other; nothing is started.

use crate::{
    model::profile::{
        PortVariable, ReadyCheck, StopCommand, TargetApi, WriteCommands,
        run::{PORT, PORT2, VARIABLES, named},
    },
    model::write::WriteKind,
    scenario::{
        diagnose::Mistake,
        source::{At, SourcePosition},
        yaml::fields::Fields,
    },
};
use std::collections::BTreeMap;

/// The keys as they are written.
pub struct Run {
    pub start: Vec<At<String>>,
    pub ready: Option<At<ReadyCheck>>,
    pub stop: StopCommand,
    pub seed: Vec<At<String>>,
    pub write: Option<At<WriteCommands>>,
    pub needs: Vec<String>,
    pub env: BTreeMap<String, String>,
}

/// Reads them.
pub fn read(fields: &mut Fields<'_>, mistakes: &mut Vec<Mistake>) -> Run {
    let start = fields.each::<String>("start", mistakes);
    let ready = fields.optional::<ReadyCheck>("ready", mistakes);
    let stop = fields.optional::<StopCommand>("stop", mistakes);
    let seed = fields.each::<String>("seed", mistakes);
    let write = fields.optional::<WriteCommands>("write", mistakes);
    let needs = fields.each::<String>("needs", mistakes);
    let env = fields.optional::<BTreeMap<String, String>>("env", mistakes);
    describe(&start, mistakes);
    describe(&seed, mistakes);
    if let Some(At { value, place }) = &write {
        if value.upload.is_empty() {
            let help = "write the command as a list: `upload: [./upload.sh]`";
            mistakes.push(Mistake::at(*place, "no command that uploads").label("in this").help(help));
        }
        for command in WriteKind::ALL.map(|kind| value.command(kind)) {
            words(command, *place, mistakes);
        }
    }
    if let Some(at) = &ready {
        readiness(&at.value, at.place, mistakes);
    }
    if let Some(At { value, place }) = &env {
        variables(value, *place, mistakes);
    }
    Run {
        start,
        ready,
        stop: stop.map(|at| at.value).unwrap_or_default(),
        seed,
        write,
        needs: needs.into_iter().map(|at| at.value).collect(),
        env: env.map(|at| at.value).unwrap_or_default(),
    }
}

/// Either a request or a command tells whether the target is ready.
fn readiness(ready: &ReadyCheck, place: SourcePosition, mistakes: &mut Vec<Mistake>) {
    let mut wrong = |message: String, help: &str| {
        mistakes.push(Mistake::at(place, message).label("in this").help(help));
    };
    match &ready.path {
        Some(path) if !path.starts_with('/') => {
            wrong(format!("`{path}` is no path of a URL"), "begin it with a `/`");
        }
        None if ready.command.is_empty() => wrong(
            "neither a path nor a command".to_owned(),
            "write `ready: {path: /healthz}`, or `ready: {command: [./ready.sh]}`",
        ),
        Some(_) | None => {}
    }
    let of_request = ready.path.is_some() || ready.status.is_some() || ready.port != PortVariable::default();
    if of_request && !ready.command.is_empty() {
        let help = "remove `command`, or `path`, `status` and `port`";
        wrong("a request and a command".to_owned(), help);
    }
    if let Some(status) = ready.status.filter(|status| !(100..=599).contains(status)) {
        wrong(format!("{status} is no status of HTTP"), "write 100 to 599");
    }
    words(&ready.command, place, mistakes);
}

/// As [`describe`], for a command within a value at `place`.
pub fn words(command: &[String], place: SourcePosition, mistakes: &mut Vec<Mistake>) {
    let word = |text: &String| At { value: text.clone(), place };
    describe(&command.iter().map(word).collect::<Vec<_>>(), mistakes);
}

/// A text that is no name of a variable.
pub fn variable(name: &str, place: SourcePosition) -> Option<Mistake> {
    let wrong = name.is_empty() || name.contains(['=', '\0']);
    wrong.then(|| Mistake::at(place, format!("`{name}` is no name of a variable")).label("in this"))
}

/// The values of `env` name variables that there are.
fn variables(env: &BTreeMap<String, String>, place: SourcePosition, mistakes: &mut Vec<Mistake>) {
    for (name, value) in env {
        mistakes.extend(variable(name, place));
        for unknown in named(value).into_iter().filter(|name| !VARIABLES.contains(name)) {
            mistakes.push(Mistake::unknown(Some(place), "variable", unknown, VARIABLES).label("in this"));
        }
    }
}

/// The words of a command name no variable but the ports: every user of the machine can read them.
pub fn describe(command: &[At<String>], mistakes: &mut Vec<Mistake>) {
    for word in command {
        for other in named(&word.value).into_iter().filter(|name| ![PORT, PORT2].contains(name)) {
            let message = format!("`${{{other}}}` in the words of a command");
            let help = "commands find it in their environment, where no other user can read it";
            mistakes.push(
                Mistake::at(word.place, message)
                    .label("only `${PORT}` and `${PORT2}` are filled in")
                    .help(help),
            );
        }
    }
}

impl Run {
    /// Whether they fit the target's API. `place` is where the profile begins.
    pub fn check(&self, api: TargetApi, place: SourcePosition, mistakes: &mut Vec<Mistake>) {
        let mut missing = |key: &str, help: &str| {
            let mistake = Mistake::at(place, format!("missing key `{key}`")).label("a profile begins here");
            mistakes.push(mistake.help(help));
        };
        match api {
            TargetApi::None => {
                if self.seed.is_empty() {
                    missing("seed", "add `seed: [./fill.sh]`: without an API a command fills the site");
                }
                if !self.start.is_empty() && self.ready.is_none() {
                    missing("ready", "add `ready: {path: /…}`: how else is it seen that it is up?");
                }
            }
            TargetApi::PulpEngine => {
                if let Some(first) = self.seed.first() {
                    let message = "a command that fills sites of a target with an API";
                    let help = "remove it: the scenario's `seed` is put there through the API";
                    mistakes.push(Mistake::at(first.place, message).label("nobody runs this").help(help));
                }
                if let Some(write) = &self.write {
                    let message = "commands that write to a target with an API";
                    let help = "remove `write`: writers use the API";
                    mistakes.push(Mistake::at(write.place, message).label("not used").help(help));
                }
            }
        }
    }
}
