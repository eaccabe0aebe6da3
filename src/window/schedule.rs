//! A schedule: a sequence of steps. It prints as one short line without characters that a shell
//! interprets, and parses back:
//!
//! ```text
//! v1/dump-first/upload.b+delete.r/b1,dump,r1,list,copy-o2,r2,copy-n1
//! ```
//!
//! The version; the backup method, with `+grace2` and `+no-results` where they apply; the writes with
//! the store that they touch first (`b` binary, `r` row), or `none`; the steps. `b1`, `r1`, `c1` are
//! binary, row and cleanup of the first write; `copy-o2` copies the second write's old object, `copy-n1`
//! the first one's new object. A write that is not complete at the end is in flight.

use crate::base::error::Error;
use crate::model::{
    workload::BackupMethod,
    write::{StoreOrder, WritePath},
};
use crate::window::judge::{Outcomes, outcome};
use crate::window::vocabulary::{MOST_WRITES, ModelObject, ModelStep, Part, PartsOf, Setting, WriteNo};
use crate::window::world::{Course, World};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// The version of the notation. It changes when the meaning of a step does.
const VERSION: &str = "v1";

/// A schedule: at most [`MOST_WRITES`] writes and a backup, step by step, up to the last step of the
/// backup. What happens later is in no backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Schedule {
    /// How the backup is taken.
    pub setting: Setting,
    /// The writes; steps name them by their position.
    pub writes: Vec<WritePath>,
    /// The steps.
    pub steps: Vec<ModelStep>,
}

impl Schedule {
    /// Performs it in the model. Gives the outcomes for each write's asset.
    ///
    /// # Errors
    /// A usage error if a step is not the next one of its write or of the backup, is not possible at
    /// that point, or if the backup is not complete.
    pub fn replay(&self) -> Result<Vec<Outcomes>, Error> {
        self.replay_with(WritePath::parts)
    }

    /// The same with other rules for the parts of a write.
    ///
    /// # Errors
    /// As [`Schedule::replay`].
    pub fn replay_with(&self, parts: PartsOf) -> Result<Vec<Outcomes>, Error> {
        let (course, world) = self.perform(parts)?;
        Ok((0..self.writes.len()).map(|n| outcome(&world, &course, WriteNo(n as u8))).collect())
    }

    /// The state at the end of the backup.
    pub(super) fn perform(&self, parts: PartsOf) -> Result<(Course, World), Error> {
        let course = Course::with(parts, &self.writes, self.setting);
        let mut world = World::before(&course);
        for (at, step) in self.steps.iter().enumerate() {
            let next = (0..course.processes()).any(|process| world.next(&course, process) == Some(*step));
            let why = if world.backed_up(&course) {
                "comes after the end of the backup"
            } else if !next {
                "is not the next step"
            } else if !world.ready(&course, *step) {
                "is not possible at that point"
            } else {
                world.make(&course, *step);
                continue;
            };
            return Err(self.refused(format!("step {} ({step}) {why}", at + 1)));
        }
        if !world.backed_up(&course) {
            return Err(self.refused("the backup is not complete".to_owned()));
        }
        Ok((course, world))
    }

    pub(super) fn refused(&self, why: impl Into<String>) -> Error {
        Error::usage(format!("can't replay {}", cut(&self.to_string()))).cause(why.into())
    }
}

impl fmt::Display for ModelStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(no, part) => {
                let letter = match part {
                    Part::Binary => 'b',
                    Part::Row => 'r',
                    Part::Cleanup => 'c',
                };
                write!(f, "{letter}{}", no.0 + 1)
            }
            Self::Dump => f.write_str("dump"),
            Self::List => f.write_str("list"),
            Self::ListResults => f.write_str("list-results"),
            Self::Copy(ModelObject { write, new }) => {
                write!(f, "copy-{}{}", if *new { 'n' } else { 'o' }, write.0 + 1)
            }
            Self::Instant => f.write_str("instant"),
            Self::Stop => f.write_str("stop"),
            Self::Start => f.write_str("start"),
        }
    }
}

impl FromStr for ModelStep {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::usage(format!("unknown step {:?}", cut(text)));
        let number = |digits: &str| match digits.parse::<u8>() {
            Ok(n) if n.to_string() == digits && (1..=MOST_WRITES).contains(&usize::from(n)) => {
                Ok(WriteNo(n - 1))
            }
            _ => Err(unknown()),
        };
        let copied = |digits: &str, new| number(digits).map(|write| Self::Copy(ModelObject { write, new }));
        Ok(match text {
            "dump" => Self::Dump,
            "list" => Self::List,
            "list-results" => Self::ListResults,
            "instant" => Self::Instant,
            "stop" => Self::Stop,
            "start" => Self::Start,
            _ => match (text.strip_prefix("copy-n"), text.strip_prefix("copy-o"), text.split_at_checked(1)) {
                (Some(digits), _, _) => copied(digits, true)?,
                (_, Some(digits), _) => copied(digits, false)?,
                (_, _, Some(("b", digits))) => Self::Write(number(digits)?, Part::Binary),
                (_, _, Some(("r", digits))) => Self::Write(number(digits)?, Part::Row),
                (_, _, Some(("c", digits))) => Self::Write(number(digits)?, Part::Cleanup),
                _ => return Err(unknown()),
            },
        })
    }
}

impl fmt::Display for WritePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match self.order {
            StoreOrder::BinaryFirst => 'b',
            StoreOrder::RowFirst => 'r',
        };
        write!(f, "{}.{order}", self.name())
    }
}

impl FromStr for WritePath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::all().into_iter().find(|write| write.to_string() == text);
        found.ok_or_else(|| Error::usage(format!("unknown write {:?}", cut(text))))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method.name())?;
        if self.grace > 0 {
            write!(f, "+grace{}", self.grace)?;
        }
        f.write_str(if self.results { "" } else { "+no-results" })
    }
}

impl FromStr for Setting {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = text.split('+');
        let name = parts.next().unwrap_or_default();
        let method = BackupMethod::ALL.into_iter().find(|method| method.name() == name);
        let mut setting = Self::plain(
            method.ok_or_else(|| Error::usage(format!("unknown backup method {:?}", cut(name))))?,
        );
        for part in parts {
            match (part, part.strip_prefix("grace").map(str::parse::<u8>)) {
                ("no-results", _) => setting.results = false,
                (_, Some(Ok(grace))) => setting.grace = grace,
                _ => return Err(Error::usage(format!("unknown setting {:?} of a backup", cut(part)))),
            }
        }
        // One text for one setting: `grace02` and repeated parts are errors.
        if setting.to_string() != text {
            return Err(Error::usage(format!(
                "{:?} must be written as {:?}",
                cut(text),
                setting.to_string()
            )));
        }
        Ok(setting)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: Vec<String>, by: &str| {
            if items.is_empty() { "none".to_owned() } else { items.join(by) }
        };
        let writes = list(self.writes.iter().map(ToString::to_string).collect(), "+");
        let steps = list(self.steps.iter().map(ToString::to_string).collect(), ",");
        write!(f, "{VERSION}/{}/{writes}/{steps}", self.setting)
    }
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let parts: Vec<&str> = text.trim().split('/').collect();
            let [version, setting, writes, steps] = parts[..] else {
                return Err(Error::usage("it must have four parts, separated by slashes"));
            };
            if version != VERSION {
                return Err(Error::usage(format!("its version is {:?}, not {VERSION:?}", cut(version))));
            }
            let writes = if writes == "none" { vec![] } else { each(writes, '+')? };
            if writes.len() > MOST_WRITES {
                return Err(Error::usage(format!("it has more than {MOST_WRITES} writes")));
            }
            let steps = if steps == "none" { vec![] } else { each(steps, ',')? };
            Ok(Self { setting: setting.parse()?, writes, steps })
        };
        parse().map_err(|error| {
            error
                .while_doing(format!("{:?} is not a schedule", cut(text)))
                .hint("a schedule looks like v1/dump-first/upload.b/b1,dump,r1,list,copy-n1")
        })
    }
}

/// The beginning of a text, for messages.
fn cut(text: &str) -> String {
    const SHOWN: usize = 300;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

fn each<T: FromStr<Err = Error>>(text: &str, by: char) -> Result<Vec<T>, Error> {
    text.split(by).map(str::parse).collect()
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}
