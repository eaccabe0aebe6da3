//! What a subcommand leaves behind: text to print, and the exit code.

use crate::{base::error::Error, model::exit_code::ExitCode, report::terminal::notice};
use std::io::{self, Write as _};

/// The output of a subcommand. Data goes to standard output, everything else to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output<E = ExitCode> {
    /// Data, for standard output.
    pub stdout: String,
    /// Notes for the reader, for standard error; empty, or lines.
    pub stderr: String,
    /// The exit code.
    pub exit: E,
}

impl Output {
    /// Data alone, with exit code 0.
    pub fn data(stdout: String) -> Self {
        Self { stdout, stderr: String::new(), exit: ExitCode::AllHeld }
    }

    /// No data: stored data is not as it was written, for the reason given. Exit code 1.
    pub fn integrity_failure(stderr: String) -> Self {
        Self { stdout: String::new(), stderr, exit: ExitCode::IntegrityFailure }
    }
}

impl<E> Output<E> {
    /// Prints it and returns the exit code.
    ///
    /// # Errors
    /// Blames the environment where standard output can't be written.
    pub fn print(self) -> Result<E, Error> {
        print(&self.stdout)?;
        notice(&self.stderr);
        Ok(self.exit)
    }
}

/// Writes data to standard output. A reader that closed the pipe (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::environment("can't write to stdout").because(&error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
