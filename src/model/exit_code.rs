//! The exit codes of the process: their numbers, their order, and what a verdict or an error becomes. `run::schedule`
//! takes the gravest of a run.

use crate::{
    base::error::{Blame, Error},
    model::verdict::Verdict,
};
use serde::{Deserialize, Serialize};
use std::{fmt, process};

/// The exit code of a run or a subcommand, ordered by gravity: of several, the greatest counts.
/// A broken promise that was found outweighs everything that could not be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum ExitCode {
    /// Everything that was checked held.
    AllHeld,
    /// The environment does not provide what is needed, so that it could not be verified.
    Unverified,
    /// The command line, a scenario file or a profile is wrong.
    UsageError,
    /// A bug of pulp-drill.
    InternalError,
    /// A promise does not hold.
    IntegrityFailure,
}

impl ExitCode {
    /// Every exit code, the least grave first.
    pub const ALL: [Self; 5] =
        [Self::AllHeld, Self::Unverified, Self::UsageError, Self::InternalError, Self::IntegrityFailure];

    /// The number that the process returns.
    pub const fn number(self) -> u8 {
        match self {
            Self::AllHeld => 0,
            Self::IntegrityFailure => 1,
            Self::UsageError => 2,
            Self::Unverified => 3,
            Self::InternalError => 70,
        }
    }

    /// The verdict that goes with it.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::AllHeld => Verdict::Pass,
            Self::Unverified | Self::UsageError | Self::InternalError => Verdict::Unknown,
            Self::IntegrityFailure => Verdict::Fail,
        }
    }

    /// [`Self::AllHeld`], or [`Self::IntegrityFailure`] where stored data is not as it was written.
    pub const fn of_integrity(intact: bool) -> Self {
        if intact { Self::AllHeld } else { Self::IntegrityFailure }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::AllHeld,
            Verdict::Unknown => Self::Unverified,
            Verdict::Fail => Self::IntegrityFailure,
        }
    }
}

impl From<Blame> for ExitCode {
    fn from(blame: Blame) -> Self {
        match blame {
            Blame::Usage => Self::UsageError,
            Blame::Environment => Self::Unverified,
            Blame::Harness => Self::InternalError,
        }
    }
}

impl From<&Error> for ExitCode {
    fn from(error: &Error) -> Self {
        error.blame.into()
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        code.number().into()
    }
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> Self {
        code.number()
    }
}

impl TryFrom<u8> for ExitCode {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|code| code.number() == number);
        known.ok_or_else(|| format!("{number} is not an exit code of a run"))
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_documented_and_are_stored_as_numbers() {
        assert_eq!(ExitCode::ALL.map(ExitCode::number), [0, 3, 2, 70, 1]);
        for code in ExitCode::ALL {
            let stored = serde_json::to_value(code).unwrap();
            assert_eq!(
                (stored.as_u64(), serde_json::from_value(stored.clone()).ok()),
                (Some(code.number().into()), Some(code))
            );
        }
        assert!(serde_json::from_str::<ExitCode>("4").is_err());
    }

    #[test]
    fn the_gravest_counts() {
        assert!(ExitCode::ALL.is_sorted());
        for verdict in [Verdict::Pass, Verdict::Unknown, Verdict::Fail] {
            assert_eq!(ExitCode::from(verdict).verdict(), verdict);
        }
        let worst =
            [ExitCode::from(Blame::Harness), Verdict::Fail.into(), Blame::Usage.into()].into_iter().max();
        assert_eq!(worst, Some(ExitCode::IntegrityFailure));
    }
}
