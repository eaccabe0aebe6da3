//! The steps of a schedule as the steps of a scenario. Neighbouring parts of a write become one step; a
//! write without interruption becomes an ordinary, complete one.

use crate::base::error::Error;
use crate::model::{workload::BackupMethod, write::WriteKind};
use crate::window::scenario::staged::Staged;
use crate::window::vocabulary::{ModelStep, Part, WriteNo};

/// The progress of a write.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// The number of its parts that are done.
    done: usize,
    /// Whether it ended with its engine.
    dead: bool,
}

/// `steps:` with all that is below it.
pub(super) fn steps(staged: &Staged<'_>) -> Result<String, Error> {
    let mut steps = StepWriter {
        staged,
        progress: vec![Progress::default(); staged.schedule.writes.len()],
        lines: vec![],
    };
    steps.write_all()?;
    let after = steps.after();
    let mut text = "steps:\n".to_owned();
    if skips_results(staged) {
        text += "  - fault: skip batch results\n";
    }
    text += "  - back up:\n";
    joined(steps.lines).iter().for_each(|line| text += &format!("      - {line}\n"));
    after.iter().for_each(|line| text += &format!("  - {line}\n"));
    Ok(text + "  - destroy: everything\n  - restore: runbook\n")
}

/// Whether there are results, and they are not copied.
fn skips_results(staged: &Staged<'_>) -> bool {
    staged.has_batch() && !staged.schedule.setting.results
}

struct StepWriter<'a> {
    staged: &'a Staged<'a>,
    progress: Vec<Progress>,
    lines: Vec<String>,
}

const LIST: &str = "list objects";
const COPY_REST: &str = "copy listed objects";
const COPY_OLD: &str = "copy object: ";
const COPY_NEW: &str = "copy new object: ";

impl StepWriter<'_> {
    fn write_all(&mut self) -> Result<(), Error> {
        let setting = self.staged.schedule.setting;
        if setting.method == BackupMethod::PointInTime {
            if skips_results(self.staged) {
                let why = "a recovery to an instant leaves no store out";
                return Err(self.staged.schedule.refused(why).hint("leave out +no-results"));
            }
            self.line("take base backup");
        }
        let steps = &self.staged.schedule.steps;
        let mut at = 0;
        while let Some(step) = steps.get(at) {
            match *step {
                ModelStep::Write(no, _) => {
                    let same = |step: &&ModelStep| matches!(step, ModelStep::Write(other, _) if *other == no);
                    let parts = steps[at..].iter().take_while(same).count();
                    self.write(no, parts);
                    at += parts;
                    continue;
                }
                ModelStep::Copy(object) => {
                    self.copy(object.write, object.new);
                    self.copy_rest(at);
                }
                ModelStep::List => {
                    self.line(LIST);
                    self.copy_rest(at);
                }
                // Objects of the third store are made and never changed: they may be copied at once.
                ModelStep::ListResults => self.line("copy results"),
                ModelStep::Dump => self.line("dump database"),
                ModelStep::Instant => self.line("choose recovery target"),
                ModelStep::Stop => self.stop(),
                ModelStep::Start => self.line("start engine"),
            }
            at += 1;
        }
        if skips_results(self.staged) {
            self.line("copy results");
        }
        Ok(())
    }

    fn line(&mut self, description: impl Into<String>) {
        self.lines.push(description.into());
    }

    /// The next parts of a write, in one step.
    fn write(&mut self, no: WriteNo, parts: usize) {
        let n = usize::from(no.0);
        let (all, subject) = (self.staged.course.parts[n], &self.staged.subjects[n]);
        let begun = self.progress[n].done > 0;
        self.progress[n].done += parts;
        let done = self.progress[n].done;
        let description = match (all.get(done), all.get(done - 1)) {
            (Some(next), Some(last)) => {
                let deletes = self.staged.schedule.writes[n].kind == WriteKind::Delete;
                let hold = match (next, last) {
                    // A delete with a grace removes its object by the request that follows the row, too. The
                    // answer then comes later than in the model, and nothing depends on it.
                    (Part::Cleanup, _) if !deletes => "before cleanup",
                    (_, Part::Binary) => "after binary",
                    (_, Part::Row | Part::Cleanup) => "after row",
                };
                if begun {
                    format!("go on: {{write: {}, hold: {hold}}}", subject.name)
                } else {
                    format!("begin: {{{}, hold: {hold}}}", subject.act)
                }
            }
            _ if begun => format!("release: {}", subject.name),
            _ => subject.act.clone(),
        };
        self.line(description);
    }

    /// The copy of an object that the write changes. The third store is copied as soon as it is listed; an
    /// asset that is only read is copied with all others.
    fn copy(&mut self, no: WriteNo, new: bool) {
        let n = usize::from(no.0);
        let name = self.staged.subjects[n].name;
        match self.staged.schedule.writes[n].kind {
            WriteKind::Batch | WriteKind::Label => {}
            WriteKind::Copy if !new => {}
            _ if new => self.line(format!("{COPY_NEW}{name}")),
            _ => self.line(format!("{COPY_OLD}{name}")),
        }
    }

    /// All that is listed and not copied yet, where no other copy from this list follows.
    fn copy_rest(&mut self, at: usize) {
        let later = &self.staged.schedule.steps[at + 1..];
        let own = later.iter().take_while(|step| !matches!(step, ModelStep::ListResults | ModelStep::Dump));
        if !own.into_iter().any(|step| matches!(step, ModelStep::Copy(_))) && !self.lines.iter().any(is_rest)
        {
            self.line(COPY_REST);
        }
    }

    /// The engine ends, and with it every write in flight. A stop waits for answers only: cleanups that
    /// follow an answer are not done, as after a kill.
    fn stop(&mut self) {
        let staged = self.staged;
        let in_flight =
            |(n, way): (usize, &Progress)| way.done > 0 && way.done < staged.course.parts[n].len();
        let killed = staged.schedule.setting.method == BackupMethod::MaintenanceKilled;
        let killed = killed || self.progress.iter().enumerate().any(in_flight);
        self.line(if killed { "kill engine" } else { "stop engine" });
        self.progress.iter_mut().for_each(|way| way.dead |= way.done > 0);
    }

    /// Writes in flight at the end of the backup are released: what they do then is in no backup.
    fn after(&self) -> Vec<String> {
        let in_flight = |(n, way): &(usize, &Progress)| {
            !way.dead && way.done > 0 && way.done < self.staged.course.parts[*n].len()
        };
        let names = self.progress.iter().enumerate().filter(in_flight);
        names.map(|(n, _)| format!("release: {}", self.staged.subjects[n].name)).collect()
    }
}

fn is_rest(line: &String) -> bool {
    line == COPY_REST
}

/// Joins consecutive copies, and a list with the copy of everything on it.
fn joined(lines: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for line in lines {
        if is_rest(&line) {
            while out.last().is_some_and(|l| l.starts_with(COPY_OLD) || l.starts_with(COPY_NEW)) {
                out.pop();
            }
            if out.last().is_some_and(|last| last == LIST) {
                out.pop();
                out.push("copy objects".to_owned());
                continue;
            }
        }
        out.push(line);
    }
    out
}
