//! Terminal output: progress during a run and a summary at its end. Only this observer prints during a
//! run, to standard error.

use crate::{
    base::{
        error::Error,
        ids::ScenarioId,
        sanitize::{one_line, painted},
    },
    journal::Observer,
    model::{
        event::{Entry, Event, RunStarted},
        record::RunRecord,
    },
    scenario::diagnose::Diagnostics,
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::{collections::BTreeMap, io::Write, path::Path, time::Duration};

pub mod style;
pub mod narrative;
mod summary;
mod workload;

pub use style::Style;

/// The table of a run's scenarios, what has no result, the verdict in a sentence and the path of the
/// report (`dir`, as the reader sees it).
pub fn summary(record: &RunRecord, dir: &Path, colour: bool, width: usize) -> String {
    painted(&summary::summary(record, dir, Style { colour, width }))
}

/// The style of standard output.
pub fn stdout_look() -> Style {
    Style::of(&console::Term::stdout(), console::colors_enabled())
}

/// The style of standard error.
pub fn stderr_look() -> Style {
    Style::of(&console::Term::stderr(), console::colors_enabled_stderr())
}

/// Mistakes in files as one error, in the style of standard error.
pub fn to_error(diagnostics: Diagnostics) -> Error {
    let style = stderr_look();
    diagnostics.into_error(style.colour, style.width)
}

/// Prints a notice on standard error. A closed standard error is no error, and no panic.
pub fn notice(text: &str) {
    let _closed = std::io::stderr().lock().write_all(painted(text).as_bytes());
}

/// Reports a run while it happens.
pub struct Terminal {
    record: RunRecord,
    look: Style,
    out: Out,
}

enum Out {
    /// A line of progress for each scenario in flight, with ended ones above.
    Bars(MultiProgress, BTreeMap<ScenarioId, ProgressBar>),
    /// Lines only, as in a CI log.
    Lines(Box<dyn Write + Send>),
}

impl Terminal {
    /// To standard error: with progress where it is a terminal, in plain lines elsewhere.
    pub fn stderr() -> Self {
        let out = if console::Term::stderr().features().is_attended() {
            Out::Bars(MultiProgress::new(), BTreeMap::new())
        } else {
            Out::Lines(Box::new(std::io::stderr()))
        };
        Self { record: RunRecord::default(), look: stderr_look(), out }
    }

    /// Plain lines to anything.
    pub fn lines(out: Box<dyn Write + Send>, look: Style) -> Self {
        Self { record: RunRecord::default(), look, out: Out::Lines(out) }
    }

    /// Prints finished text. A closed terminal must not end a run.
    fn print(&mut self, text: &str) {
        let text = painted(text);
        let write = |out: &mut dyn Write| drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
        match &mut self.out {
            // The bars' own `println` fills each line up with spaces.
            Out::Bars(bars, _) => bars.suspend(|| write(&mut std::io::stderr())),
            Out::Lines(out) => write(out),
        }
    }

    /// Shows what a scenario is doing, if the line can be replaced later.
    fn progress(&mut self, scenario: Option<&ScenarioId>, what: &str) {
        let (Out::Bars(bars, running), Some(id)) = (&mut self.out, scenario) else { return };
        let bar = running.entry(id.clone()).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            // `wide_msg` is cut to the terminal's width.
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(one_line(&format!("{id}: {what}")));
    }

    fn ended(&mut self, scenario: Option<&ScenarioId>) {
        if let (Out::Bars(_, running), Some(id)) = (&mut self.out, scenario)
            && let Some(bar) = running.remove(id)
        {
            bar.finish_and_clear();
        }
        let found = self.record.scenarios.iter().find(|s| Some(&s.id) == scenario);
        if let Some(text) = found.map(|s| narrative::story(s, self.look)) {
            self.print(&text);
        }
    }

    fn began(&mut self, started: &RunStarted) {
        let scenarios = style::count(started.scenarios.len(), "scenario");
        let text =
            format!("run {}, seed {}: {scenarios} including baseline drills", started.run, started.seed);
        self.print(&self.look.wrap("", &text));
    }
}

impl Observer for Terminal {
    fn see(&mut self, entry: &Entry) {
        self.record.take(entry);
        let scenario = entry.scenario.as_ref();
        match &entry.event {
            Event::RunStarted(started) => self.began(started),
            Event::SubstrateReady { versions, limits: _ } => {
                let parts: Vec<String> = versions.iter().map(|(part, v)| format!("{part}: {v}")).collect();
                self.print(&self.look.wrap("on ", &parts.join("\n")));
            }
            Event::Noted { text } => self.print(&self.look.wrap("note: ", text)),
            Event::ScenarioSkipped { id, why, controls: _ } => {
                self.print(&self.look.wrap("skipped: ", &format!("{id}, because {why}")));
            }
            Event::ScenarioStarted(_) => self.progress(scenario, "starts"),
            Event::StepStarted { step: _, stage: _, name } => self.progress(scenario, name),
            Event::CheckFinished { check, outcome: _, ms: _ } => {
                self.progress(scenario, &format!("verify ({check} done)"));
            }
            // Errors of a scenario are among the reasons of its verdict.
            Event::ErrorOccurred { error, ours: _ } if scenario.is_none() => {
                self.print(&self.look.wrap("error: ", error));
            }
            Event::ScenarioFinished { .. } => self.ended(scenario),
            Event::BudgetChecked(checked) => self.print(&self.look.wrap("budget: ", &checked.to_string())),
            Event::RunFinished { .. } => {
                if let Out::Bars(bars, running) = &mut self.out {
                    running.values().for_each(ProgressBar::finish_and_clear);
                    running.clear();
                    drop(bars.clear());
                }
            }
            Event::ErrorOccurred { .. }
            | Event::StepFinished { .. }
            | Event::CommandRan(_)
            | Event::CutPoint { .. }
            | Event::FaultInjected { .. }
            | Event::LoadMeasured(_)
            | Event::RestoreMeasured(_)
            | Event::Rendered { .. }
            | Event::Found(_)
            | Event::NotProven { .. }
            | Event::ArtefactStored { .. }
            | Event::PagesCompared { .. } => {}
        }
    }
}
