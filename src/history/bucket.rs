//! A ledger in a bucket: both its files as objects, for machines that share no folder. It is brought
//! here, looked at and added to as a file is, and written back on condition that nobody else did
//! meanwhile.

use super::{
    LedgerEntry,
    file::{self, Added, Broken, seal, seal_of},
};
use crate::{
    base::error::{Error, ErrorContext as _},
    system::objects::shared::{ReadText, SharedText},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The most bytes of a ledger: a hundred thousand runs.
const LARGEST: u64 = 64 << 20;

/// How often it is tried again where others add at the same time; each time one of them comes through.
const ATTEMPTS: usize = 100;

/// A ledger in a bucket.
#[derive(Clone, Debug)]
pub struct Remote {
    lines: SharedText,
    seal: SharedText,
}

/// Both files, here for a moment.
struct Here {
    _folder: tempfile::TempDir,
    file: PathBuf,
    lines: ReadText,
    seal: ReadText,
}

impl Remote {
    /// The ledger that this object is; its digest lies beside it.
    pub fn new(lines: SharedText) -> Self {
        let seal = lines.beside(".sha256");
        Self { lines, seal }
    }

    /// For people: its URL.
    pub fn shown(&self) -> &str {
        self.lines.shown()
    }

    /// Reads and verifies it.
    ///
    /// # Errors
    /// Blames the user where there is none, the environment where it can't be read. A changed ledger
    /// is no error but [`Broken`].
    pub async fn read(&self) -> Result<Result<Vec<LedgerEntry>, Broken>, Error> {
        self.lines().await?.ok_or_else(|| {
            Error::usage(format!("there is no ledger at {}", self.shown()))
                .hint("`pulp-drill history add RUN_DIR --ledger s3://BUCKET/FOLDER/` begins one")
        })
    }

    /// The same; none where there is no ledger yet.
    ///
    /// # Errors
    /// Blames the environment where it can't be read.
    pub async fn lines(&self) -> Result<Option<Result<Vec<LedgerEntry>, Broken>>, Error> {
        let (here, lines) = self.settled().await?;
        Ok((!(here.lines.is_nothing() && here.seal.is_nothing())).then_some(lines))
    }

    /// Adds a run, behind those that others add at the same time.
    ///
    /// # Errors
    /// Blames the user where the run is there already, the environment where it can't be written.
    pub async fn add(&self, line: LedgerEntry) -> Result<Added, Error> {
        for attempt in 0..ATTEMPTS {
            let (here, lines) = self.settled().await?;
            let lines = match lines {
                Ok(lines) => lines,
                Err(broken) => return Ok(Added::Broken(broken)),
            };
            // A write whose answer was lost is sent again, and refused: the line was ours.
            let ours = |l: &LedgerEntry| *l == LedgerEntry { seq: l.seq, prev: l.prev, ..line.clone() };
            if let Some(at) = lines.iter().position(ours).filter(|_| attempt > 0) {
                return Ok(Added::Line(at + 1));
            }
            let before = seal(&text(&here.file)?, &here.file);
            let others = text(&seal_of(&here.file))?;
            let added = file::add(&here.file, line.clone())?;
            let after = text(&seal_of(&here.file))?;
            // The digests that others announced over the same lines stay: one of them may be written next.
            let base = if others.starts_with(&before) { others } else { before };
            let announced = base + &after;
            if !self.seal.write(&announced, &here.seal).await?
                || !self.lines.write(&text(&here.file)?, &here.lines).await?
            {
                continue;
            }
            // Where another has announced a line since, its seal vouches for ours.
            let (sealed, seen) = self.seal.read(LARGEST).await?;
            if sealed.as_deref() == Some(&announced) {
                self.seal.write(&after, &seen).await?;
            }
            return Ok(added);
        }
        Err(Error::environment(format!("can't write {}", self.shown()))
            .cause(format!("others wrote it {ATTEMPTS} times while this run was being added"))
            .hint("add it again"))
    }

    /// The ledger, and its lines or what is wrong with them. Its two objects are read one after the other
    /// while others may write: something is wrong when it still is.
    async fn settled(&self) -> Result<(Here, Result<Vec<LedgerEntry>, Broken>), Error> {
        let mut here = self.bring().await?;
        for _ in 0..ATTEMPTS {
            let lines = file::read(&here.file)?;
            let again = match &lines {
                Ok(_) => return Ok((here, lines)),
                Err(_) => self.bring().await?,
            };
            if (&again.lines, &again.seal) == (&here.lines, &here.seal) {
                return Ok((here, lines));
            }
            here = again;
        }
        Err(Error::environment(format!("can't read {}", self.shown())).cause("it does not come to rest"))
    }

    /// Where there is none, both files are empty.
    async fn bring(&self) -> Result<Here, Error> {
        let failed = || "can't make a temporary folder".to_owned();
        let folder = tempfile::tempdir().or_environment(failed)?;
        let file = folder.path().join(self.lines.name());
        // An older digest may be behind the lines; older lines would be behind their digest.
        let (sealed, seal) = self.seal.read(LARGEST).await?;
        let (text, lines) = self.lines.read(LARGEST).await?;
        for (path, text) in [(seal_of(&file), sealed), (file.clone(), Some(text.unwrap_or_default()))] {
            if let Some(text) = text {
                fs::write(&path, text).or_environment(failed)?;
            }
        }
        Ok(Here { _folder: folder, file, lines, seal })
    }
}

/// The text of a file, empty where there is none.
fn text(file: &Path) -> Result<String, Error> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.or_environment(|| format!("can't read {}", file.display())),
    }
}
