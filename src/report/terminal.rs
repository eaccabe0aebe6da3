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
        verdict::Verdict,
    },
    scenario::diagnose::Diagnostics,
};
use indicatif::{ProgressBar, ProgressStyle};
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

/// How much is reported of a run while it happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// The progress only, for a caller that prints the results itself.
    Progress,
    /// Verdicts, and what there is to say about drills that did not pass.
    #[default]
    Verdicts,
    /// Also the notes and the advice of drills that passed.
    Everything,
}

/// Reports a run while it happens.
pub struct Terminal {
    record: RunRecord,
    look: Style,
    detail: Detail,
    /// The drills that the run began with.
    planned: Vec<ScenarioId>,
    /// Notes of drills in flight.
    notes: BTreeMap<ScenarioId, Vec<String>>,
    out: Out,
}

enum Out {
    /// One line of progress for the run, with verdicts above it.
    Bar(ProgressBar),
    /// Lines only, as in a CI log.
    Lines(Box<dyn Write + Send>),
}

/// The progress of a run in one line: drills that have ended, the remaining time, and what is done now.
const BAR: &str = "{bar:16} {pos}/{len} done{prefix}, about {eta} left  {wide_msg}";

impl Terminal {
    /// To standard error: with progress where it is a terminal, in plain lines elsewhere.
    pub fn stderr(detail: Detail) -> Self {
        if !console::Term::stderr().features().is_attended() {
            return Self::new(Out::Lines(Box::new(std::io::stderr())), stderr_look(), detail);
        }
        let bar = ProgressBar::new(0);
        // `wide_msg` is cut to the terminal's width.
        let style = ProgressStyle::with_template(BAR).map(|style| style.progress_chars("=> "));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self::new(Out::Bar(bar), stderr_look(), detail)
    }

    /// Plain lines to anything.
    pub fn lines(out: Box<dyn Write + Send>, look: Style, detail: Detail) -> Self {
        Self::new(Out::Lines(out), look, detail)
    }

    fn new(out: Out, look: Style, detail: Detail) -> Self {
        Self { record: RunRecord::default(), look, detail, planned: Vec::new(), notes: BTreeMap::new(), out }
    }

    /// Prints finished text. A closed terminal must not end a run.
    fn print(&mut self, text: &str) {
        if self.detail == Detail::Progress {
            return;
        }
        let text = painted(text);
        let write = |out: &mut dyn Write| drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
        match &mut self.out {
            // The bar's own `println` fills each line up with spaces.
            Out::Bar(bar) => bar.suspend(|| write(&mut std::io::stderr())),
            Out::Lines(out) => write(out),
        }
    }

    /// Shows what a scenario is doing, if the line can be replaced later.
    fn progress(&mut self, scenario: Option<&ScenarioId>, what: &str) {
        if let (Out::Bar(bar), Some(id)) = (&self.out, scenario) {
            bar.set_message(one_line(&format!("{id}: {what}")));
        }
    }

    fn noted(&mut self, scenario: Option<&ScenarioId>, text: &str) {
        match scenario {
            Some(id) => self.notes.entry(id.clone()).or_default().push(text.to_owned()),
            None => self.print(&self.look.wrap("note: ", text)),
        }
    }

    fn ended(&mut self, scenario: Option<&ScenarioId>) {
        let Some(found) = self.record.scenarios.iter().find(|s| Some(&s.id) == scenario) else { return };
        let notes = self.notes.remove(&found.id).unwrap_or_default();
        let in_full = found.verdict() != Verdict::Pass || self.detail == Detail::Everything;
        let text = narrative::story(found, if in_full { &notes } else { &[] }, in_full, self.look);
        self.print(&text);
        if let Out::Bar(bar) = &self.out {
            let with = |verdict| {
                self.record
                    .scenarios
                    .iter()
                    .filter(move |s| s.judgement.as_ref().is_some_and(|judged| judged.verdict == verdict))
            };
            let failed = with(Verdict::Fail).count() + with(Verdict::Unknown).count();
            bar.set_prefix(if failed == 0 { String::new() } else { format!(", {failed} not passed") });
            bar.inc(1);
        }
    }

    fn began(&mut self, started: &RunStarted) {
        let scenarios = match started.scenarios.len() {
            1 => "1 scenario".to_owned(),
            n => format!("{n} scenarios including baseline drills"),
        };
        let text = format!("run {}, seed {}: {scenarios}", started.run, started.seed);
        self.print(&self.look.wrap("", &text));
        self.planned.clone_from(&started.scenarios);
        if let Out::Bar(bar) = &self.out {
            bar.set_length(started.scenarios.len() as u64);
            bar.enable_steady_tick(Duration::from_millis(500));
        }
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
            Event::Noted { text } => self.noted(scenario, text),
            Event::ScenarioSkipped { id, why, controls: _ } => {
                if let Out::Bar(bar) = &self.out
                    && self.planned.contains(id)
                {
                    bar.inc(1);
                }
                self.notes.remove(id);
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
                if let Out::Bar(bar) = &self.out {
                    bar.finish_and_clear();
                }
            }
            Event::ErrorOccurred { .. }
            | Event::StepFinished { .. }
            | Event::CommandRan(_)
            | Event::BackupExamined(_)
            | Event::CutPoint { .. }
            | Event::FaultInjected { .. }
            | Event::LoadMeasured(_)
            | Event::RestoreMeasured(_)
            | Event::BlastRadiusFound(_)
            | Event::Rendered { .. }
            | Event::Found(_)
            | Event::AssertionFinished { .. }
            | Event::NotProven { .. }
            | Event::ArtefactStored { .. }
            | Event::PagesCompared { .. } => {}
        }
    }
}
