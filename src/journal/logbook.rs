//! The journal as one scenario sees it.

use crate::{
    base::{error::Error, ids::ScenarioId, process::Ran},
    journal::Journal,
    model::event::{CommandRan, Event},
};
use std::path::Path;

/// Writes the events of one scenario, or of the run itself.
#[derive(Clone)]
pub struct Logbook {
    journal: Journal,
    scenario: Option<ScenarioId>,
}

impl Logbook {
    /// The logbook of a scenario, or of the run where none is given.
    pub fn new(journal: &Journal, scenario: Option<ScenarioId>) -> Self {
        Self { journal: journal.clone(), scenario }
    }

    /// The scenario's id, or `run`.
    pub fn name(&self) -> &str {
        self.scenario.as_ref().map_or("run", ScenarioId::as_str)
    }

    /// The run's folder.
    pub fn dir(&self) -> &Path {
        self.journal.dir()
    }

    /// Writes an event.
    pub fn event(&self, event: Event) -> Result<(), Error> {
        self.journal.write(self.scenario.as_ref(), event)
    }

    /// Writes a command that ended.
    pub fn ran(&self, ran: &Ran) -> Result<(), Error> {
        self.event(Event::CommandRan(CommandRan {
            program: ran.program.clone(),
            args: ran.args.clone(),
            exit: ran.exit.to_string(),
            ms: u64::try_from(ran.duration.as_millis()).unwrap_or(u64::MAX),
            stdout: ran.stdout.text.clone(),
            stderr: ran.stderr.text.clone(),
        }))
    }

    /// Keeps a file with the run. Gives its path below the run's folder.
    pub fn artefact(&self, name: &str, bytes: &[u8], what: &str) -> Result<String, Error> {
        self.journal.store(self.scenario.as_ref(), name, bytes, what)
    }
}
