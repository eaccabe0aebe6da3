//! The error of the harness: something could not be found out or done. Misbehaviour of the system
//! under test is never an `Error`; it is a finding, a value.
//!
//! Rendered as a lowercase fragment, its causes, then a `hint:` line.

use std::fmt;

/// Whose fault an error is; it decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The command line, a scenario file or a profile: exit 2.
    Usage,
    /// The machine, a missing program, an unreachable service: exit 3.
    Environment,
    /// A bug of ours: exit 70.
    Harness,
}

/// Something could not be found out.
#[derive(Clone, Debug)]
pub struct Error {
    /// Whose fault it is.
    pub blame: Blame,
    /// A lowercase fragment without a full stop.
    pub what: String,
    /// The causes, outermost first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Error {
    /// The user's input is wrong.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Blame::Usage, what)
    }

    /// The environment does not provide what is needed.
    pub fn environment(what: impl Into<String>) -> Self {
        Self::new(Blame::Environment, what)
    }

    /// Something that can't happen did.
    pub fn harness(what: impl Into<String>) -> Self {
        Self::new(Blame::Harness, what)
    }

    fn new(blame: Blame, what: impl Into<String>) -> Self {
        Self { blame, what: what.into(), causes: Vec::new(), hint: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds an error with all its sources as causes.
    #[must_use]
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Many libraries repeat the source's text in their own.
            if !self.causes.iter().any(|known| known.contains(&text)) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Adds a cause as text.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Prepends where it happened, in the same sentence.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.what = format!("{place}: {}", self.what);
        self
    }

    /// Prepends what was being done: the old text becomes the first cause.
    #[must_use]
    pub fn while_doing(mut self, what: impl Into<String>) -> Self {
        let old = std::mem::replace(&mut self.what, what.into());
        self.causes.insert(0, old);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for cause in &self.causes {
            write!(f, "\n  cause: {}", cause.trim_end().replace('\n', "\n         "))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {}", hint.replace('\n', "\n        "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Turns any error into an [`Error`] that names what was being done.
pub trait ErrorContext<T> {
    /// Blames the environment.
    fn or_environment(self, what: impl FnOnce() -> String) -> Result<T, Error>;
    /// Blames the user's input.
    fn or_usage(self, what: impl FnOnce() -> String) -> Result<T, Error>;
    /// Blames ourselves.
    fn or_harness(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: std::error::Error + 'static> ErrorContext<T> for Result<T, E> {
    fn or_environment(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|e| Error::environment(what()).because(&e))
    }

    fn or_usage(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|e| Error::usage(what()).because(&e))
    }

    fn or_harness(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|e| Error::harness(what()).because(&e))
    }
}

/// For removals: what does not exist need not be removed.
pub trait IfMissing {
    /// Success where there was nothing.
    fn or_gone(self) -> Self;
}

impl IfMissing for std::io::Result<()> {
    fn or_gone(self) -> Self {
        self.or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_gone_need_not_be_removed() {
        let removed = |kind: std::io::ErrorKind| Err(std::io::Error::from(kind)).or_gone();
        assert!(removed(std::io::ErrorKind::NotFound).is_ok());
        assert!(removed(std::io::ErrorKind::PermissionDenied).is_err());
        assert!(Ok(()).or_gone().is_ok());
    }

    #[test]
    fn reads_as_fragment_cause_hint() {
        let io = std::io::Error::other("no space left on device");
        let error = Error::environment("can't write reports/x").because(&io).hint("free some room");
        assert_eq!(
            error.to_string(),
            "can't write reports/x\n  cause: no space left on device\n  hint: free some room"
        );
    }
}
