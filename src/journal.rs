//! The single writer of a run's events: `events.jsonl` in the run's folder, a line an event, each
//! line with the SHA-256 of the line before, and the files kept with the run.
//!
//! What goes in is redacted here, so that nothing behind (observers, record, reports) ever holds a
//! secret. The chain shows what was changed afterwards by accident or without care; it is no
//! signature. Reading back is in `journal::read`, folders and whole files in `journal::folder`.

use crate::{
    base::{
        clock::{Clock, stamp},
        digest::Digest,
        error::{Error, ErrorContext as _},
        ids::{RunId, ScenarioId},
        redact::Redactor,
        sync::MutexExt as _,
    },
    model::{
        event::{Entry, Event},
        record::RunRecord,
    },
};
use std::{
    fs::File,
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

pub mod folder;
mod logbook;
pub mod mask;
pub mod read;

pub use folder::update_latest;
pub use logbook::Logbook;
pub use read::read;

/// Sees every entry after it was written, in order.
///
/// It is called while the journal is locked: it must not write to the journal itself.
pub trait Observer: Send {
    /// The next entry, redacted.
    fn see(&mut self, entry: &Entry);
}

/// The journal of one run. Cheap to clone; all clones write the same file, one line at a time.
#[derive(Clone)]
pub struct Journal(Arc<Shared>);

struct Shared {
    dir: PathBuf,
    clock: Clock,
    redactor: Redactor,
    chain: Mutex<Chain>,
}

struct Chain {
    file: File,
    /// Bytes of whole lines in the file.
    len: u64,
    seq: u64,
    prev: Digest,
    record: RunRecord,
    /// Why nothing more can be written.
    closed: Option<Error>,
    observers: Vec<Box<dyn Observer>>,
}

impl Journal {
    /// Makes the run's folder `<reports>/<time>-<end of the id>` and an empty journal in it.
    ///
    /// # Errors
    /// Blames the environment where the folder can't be made or written, or is there already.
    /// Nothing is left behind then.
    pub fn create(reports: &Path, run: &RunId, clock: Clock, redactor: Redactor) -> Result<Self, Error> {
        let name = format!("{}-{}", stamp(clock.now()), tail(run));
        let (dir, file) = folder::make(reports, &name, read::EVENTS)?;
        let chain = Mutex::new(Chain {
            file,
            len: 0,
            seq: 0,
            prev: Digest::ZERO,
            record: RunRecord::default(),
            closed: None,
            observers: Vec::new(),
        });
        Ok(Self(Arc::new(Shared { dir, clock, redactor, chain })))
    }

    /// Writes an event, redacted, as the next line, and shows it to the observers. The end of the
    /// run closes the journal and writes the digest of the whole file next to it, in the form that
    /// `sha256sum -c` reads.
    ///
    /// # Errors
    /// A line that could not be written whole is taken back, and every later write fails as well:
    /// the file always ends with a whole line.
    pub fn write(&self, scenario: Option<&ScenarioId>, event: Event) -> Result<(), Error> {
        let mut chain = self.chain();
        if let Some(why) = &chain.closed {
            return Err(why.clone());
        }
        let entry = Entry {
            seq: chain.seq,
            prev: chain.prev,
            at: self.0.clock.now(),
            scenario: scenario.cloned(),
            event,
        };
        let entry = mask::entry(&entry, &self.0.redactor)?;
        let line = serde_json::to_string(&entry).or_harness(|| "can't write an event as JSON".to_owned())?;
        if line.len() > read::MAX_LINE {
            let what = format!("an event of {} bytes is over the journal's {}", line.len(), read::MAX_LINE);
            return Err(Error::harness(what));
        }
        if let Err(error) = chain.append(&line, &self.0.dir) {
            chain.closed = Some(error.clone());
            return Err(error);
        }
        if let Event::RunFinished { .. } = entry.event {
            chain.closed = Some(Error::harness("the run is over: its journal takes no more events"));
            chain.seal(&self.0.dir)?;
        }
        chain.record.take(&entry);
        chain.observers.iter_mut().for_each(|o| o.see(&entry));
        Ok(())
    }

    /// Keeps a file with the run, as `artefacts/<start of its digest>-<name>`, and says so in the
    /// journal. The same bytes are kept once. A file that holds a secret is not kept: a note that
    /// says so stands in for it. Gives the path below the run's folder.
    ///
    /// # Errors
    /// Where the file or the event can't be written.
    pub fn store(
        &self,
        scenario: Option<&ScenarioId>,
        name: &str,
        bytes: &[u8],
        what: &str,
    ) -> Result<String, Error> {
        let mut name = folder::safe_name(&self.0.redactor.clean(name));
        let mut what = what.to_owned();
        let note;
        let bytes = if self.0.redactor.found_in(bytes) {
            note = format!("{name} ({} bytes) is not kept: it holds a secret of the run.\n", bytes.len());
            name.push_str(".withheld.txt");
            what.push_str(" (withheld: it holds a secret of the run)");
            note.as_bytes()
        } else {
            bytes
        };
        let sha256 = Digest::of(bytes);
        let path = format!("artefacts/{}-{name}", sha256.short());
        folder::write_whole(&self.0.dir.join(&path), bytes)?;
        let stored = Event::ArtefactStored { path: path.clone(), sha256, bytes: bytes.len() as u64, what };
        self.write(scenario, stored)?;
        Ok(path)
    }

    /// The run's folder.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Lets an observer see every entry from now on.
    pub fn observe(&self, observer: Box<dyn Observer>) {
        self.chain().observers.push(observer);
    }

    /// What the events so far tell: the fold of all that was written.
    pub fn record(&self) -> RunRecord {
        self.chain().record.clone()
    }

    /// A panic elsewhere leaves the chain whole: a line is appended or taken back, never half done.
    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.0.chain.lock_unpoisoned()
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Journal").field(&self.0.dir).finish()
    }
}

impl Chain {
    fn append(&mut self, line: &str, dir: &Path) -> Result<(), Error> {
        let bytes = format!("{line}\n");
        if let Err(error) = self.file.write_all(bytes.as_bytes()) {
            let path = dir.join(read::EVENTS);
            let mut error = folder::io_error(format!("can't write {}", path.display()), &error);
            // Shortening needs no room; if it fails as well, the reader reports a torn last line.
            if let Err(cause) = self.file.set_len(self.len) {
                error = error.cause(format!("its torn last line can't be taken back: {cause}"));
            }
            return Err(error);
        }
        self.len += bytes.len() as u64;
        self.seq += 1;
        self.prev = Digest::of(line);
        Ok(())
    }

    /// The chain vouches for every line but the last: the digest of the whole file does for that.
    fn seal(&mut self, dir: &Path) -> Result<(), Error> {
        let path = dir.join(read::EVENTS);
        let mut text = Vec::new();
        self.file
            .rewind()
            .and_then(|()| self.file.read_to_end(&mut text))
            .and_then(|_| self.file.sync_data())
            .map_err(|e| folder::io_error(format!("can't read back {}", path.display()), &e))?;
        folder::write_whole(&dir.join(read::SEAL), read::seal(&Digest::of(&text)).as_bytes())
    }
}

/// The last eight letters and digits of the id: ids that sort by time differ at their end.
fn tail(run: &RunId) -> String {
    let plain: Vec<char> = run.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
    plain[plain.len().saturating_sub(8)..].iter().collect()
}
