//! Plain dumps as a stream of SQL: what a script needs of its environment (roles, extensions,
//! databases), whether it is complete, and a copy of it that fits an empty database of another name and
//! owner. SQL is not interpreted: statements are separated by quotes, comments and `COPY` data, and
//! recognised by their first words, as `pg_dump` writes them.

use crate::base::error::{Error, ErrorContext as _};
use std::io::{BufRead, BufReader, Read, Write};

mod facts;
mod lexer;
mod statement;

pub use facts::ScriptFacts;
pub use lexer::Lexer;
use statement::{Action, classify};

/// The most of a line that is kept in memory, in bytes: a value may be a gigabyte long.
const PIECE: u64 = 1 << 20;

/// The last comment of a plain dump. `psql` restores a script that was cut between two statements with
/// exit code 0, so that only this line shows that nothing is missing.
const COMPLETE: &str = "-- PostgreSQL database dump complete";

/// The last comment of `pg_dumpall`.
const CLUSTER_COMPLETE: &str = "-- PostgreSQL database cluster dump complete";

/// Reads a script and gives what it needs.
///
/// # Errors
/// Blames the user where the script can't be read to its end: it is cut off or damaged.
pub fn facts_of(from: impl Read) -> Result<ScriptFacts, Error> {
    Copier::new(std::io::sink(), Selection::Everything).run(from)
}

/// Copies a script so that it can be run on an empty database as a role that owns nothing else, and
/// gives what it needs. Left out are `psql`'s commands of `pg_dump` (`\restrict`, `\connect`, `\encoding`), what
/// concerns databases, subscriptions, owners and privileges (as `pg_restore --no-owner --no-privileges` does, runbook
/// 3.3), a byte order mark and carriage returns of a script that was converted as a whole. `DROP` of
/// `--clean` becomes `DROP IF EXISTS`. Of a dump of a cluster only the named database is copied.
///
/// The copy begins with `\restrict` and a key that nobody can know: `psql` then refuses every
/// backslash command that is left (CVE-2025-8714). A `psql` that does not know `\restrict` stops there.
///
/// # Errors
/// As [`facts_of`]; blames the environment where the copy can't be written.
pub fn copy(
    from: impl Read,
    mut to: impl Write,
    key: &str,
    database: Option<&str>,
    rows: Rows,
) -> Result<ScriptFacts, Error> {
    writeln!(to, "\\restrict {key}").or_environment(cannot_write)?;
    let selection = database.map_or(Selection::Everything, |name| Selection::Database(name.to_owned()));
    Copier { rows, ..Copier::new(to, selection) }.run(from)
}

fn cannot_write() -> String {
    "can't write a copy of the dump".to_owned()
}

/// Whether rows are copied, and the positions of sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// They are.
    Copied,
    /// They are not: the schema alone is.
    LeftOut,
}

/// Which part of a script is copied.
enum Selection {
    Everything,
    /// What follows `\connect` to this database.
    Database(String),
}

/// A copy in progress.
struct Copier<W> {
    to: W,
    selection: Selection,
    rows: Rows,
    facts: ScriptFacts,
    lexer: Lexer,
    /// The database that the script is connected to.
    database: String,
    /// Whether the statement that has begun is left out.
    skipping: bool,
    /// Whether a statement that creates something came: `DROP` of `--clean` stands before.
    created: bool,
    /// Whether every line ends with a carriage return, by the first one.
    crlf: bool,
}

impl<W: Write> Copier<W> {
    fn new(to: W, selection: Selection) -> Self {
        Self {
            to,
            selection,
            rows: Rows::Copied,
            facts: ScriptFacts::default(),
            lexer: Lexer::default(),
            database: String::new(),
            skipping: false,
            created: false,
            crlf: false,
        }
    }

    fn run(mut self, from: impl Read) -> Result<ScriptFacts, Error> {
        let mut from = BufReader::with_capacity(1 << 16, from);
        let mut piece = Vec::new();
        let mut at_line_start = true;
        let mut first = true;
        loop {
            piece.clear();
            let read = from.by_ref().take(PIECE).read_until(b'\n', &mut piece);
            if read.or_usage(|| "can't read the dump to its end".to_owned())? == 0 {
                break;
            }
            if std::mem::take(&mut first) {
                if piece.starts_with(b"\xef\xbb\xbf") {
                    piece.drain(..3);
                }
                self.crlf = piece.ends_with(b"\r\n");
            }
            if self.crlf && piece.ends_with(b"\r\n") {
                piece.truncate(piece.len() - 2);
                piece.push(b'\n');
            }
            let ends = piece.ends_with(b"\n");
            self.piece(&piece, at_line_start)?;
            at_line_start = ends;
        }
        self.to.flush().or_environment(cannot_write)?;
        Ok(self.facts)
    }

    /// A line, or a part of one that is too long.
    fn piece(&mut self, piece: &[u8], at_line_start: bool) -> Result<(), Error> {
        let selected = self.selected();
        if self.lexer.in_copy() {
            if at_line_start && piece.trim_ascii_end() == b"\\." {
                self.lexer.end_copy();
            }
            return self.write(piece, selected && self.rows == Rows::Copied);
        }
        if at_line_start && self.lexer.between_statements() {
            let line = String::from_utf8_lossy(piece);
            return self.statement_line(&line, piece);
        }
        let skipped = self.skipping;
        self.lexer.read(piece);
        if self.lexer.between_statements() {
            self.skipping = false;
        }
        self.write(piece, selected && !skipped)
    }

    /// A line that begins between two statements.
    fn statement_line(&mut self, line: &str, raw: &[u8]) -> Result<(), Error> {
        let trimmed = line.trim_end();
        if trimmed == CLUSTER_COMPLETE || (trimmed == COMPLETE && !self.is_cluster()) {
            self.facts.complete = true;
        } else if !trimmed.is_empty() && !trimmed.starts_with("--") && !trimmed.starts_with("\\unrestrict ") {
            // What follows the last comment was not written by the program that wrote it.
            self.facts.complete = false;
        }
        let action = match self.rows == Rows::LeftOut && statement::is_of_rows(line) {
            true => Action::Skip,
            false => classify(line, !self.created, &mut self.facts),
        };
        self.lexer.read(raw);
        if line.starts_with('\\') {
            // A command of psql ends with its line.
            self.lexer.reset();
        }
        let ended = self.lexer.between_statements();
        let selected = self.selected();
        match action {
            Action::Keep { creates, copy } => {
                self.created |= creates;
                if copy {
                    self.lexer.begin_copy();
                }
                self.write(raw, selected && !(copy && self.rows == Rows::LeftOut))
            }
            Action::Table(name) => {
                self.created = true;
                self.facts.databases.entry(self.database.clone()).or_default().insert(name);
                self.write(raw, selected)
            }
            Action::Rewrite(text) => self.write(text.as_bytes(), selected),
            Action::Skip => {
                self.skipping = !ended;
                Ok(())
            }
            Action::Command => Ok(()),
            Action::Connect(database) => {
                self.created = false;
                self.facts.databases.entry(database.clone()).or_default();
                self.database = database;
                Ok(())
            }
        }
    }

    /// Whether `pg_dumpall` wrote it: it connects before anything of a database comes.
    fn is_cluster(&self) -> bool {
        self.facts.databases.len() > 1
    }

    fn selected(&self) -> bool {
        match &self.selection {
            Selection::Everything => true,
            Selection::Database(name) => *name == self.database,
        }
    }

    fn write(&mut self, bytes: &[u8], wanted: bool) -> Result<(), Error> {
        if !wanted {
            return Ok(());
        }
        self.to.write_all(bytes).or_environment(cannot_write)
    }
}

#[cfg(test)]
mod tests;
