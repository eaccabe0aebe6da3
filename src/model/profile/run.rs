//! How a target is run: what it can be asked for, when it is ready, how it is stopped, and which variables
//! its `env` may name. It starts nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{collections::BTreeMap, str::FromStr, time::Duration};

/// What the harness may ask the target for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TargetApi {
    /// Pulp Engine's documented HTTP API: sites are filled through it, and it renders.
    #[default]
    PulpEngine,
    /// Nothing: what is in the two stores is all that is known.
    None,
}

/// How it is found out whether the target is ready: by a request, or by a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadyCheck {
    /// The path that answers then, with a query if needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The status of that answer; 200 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The port that is asked.
    #[serde(default, skip_serializing_if = "PortVariable::is_first")]
    pub port: PortVariable,
    /// A command that ends with exit code 0 then, instead of a request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// How long that may take; a longer `--ready-within` has priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
}

/// The documented check of a Pulp Engine: `/health/ready`.
pub static DOCUMENTED_READINESS: ReadyCheck =
    ReadyCheck { path: None, status: None, port: PortVariable::Port, command: Vec::new(), within: None };

impl ReadyCheck {
    /// What must happen, for people: `GET /ready answers 200`.
    pub fn describe(&self) -> String {
        if let Some(program) = self.command.first() {
            return format!("the command {program} ends with exit code 0");
        }
        let path = self.path.as_deref().unwrap_or("/health/ready");
        let port = match self.port {
            PortVariable::Port => "",
            PortVariable::Port2 => " on the second port",
        };
        format!("GET {path}{port} answers {}", self.status.unwrap_or(200))
    }
}

/// A port of the target, by the variable that holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum PortVariable {
    /// The port at which the target answers.
    #[default]
    Port,
    /// A second one, for a target that needs two.
    Port2,
}

impl PortVariable {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde requires")]
    fn is_first(&self) -> bool {
        *self == Self::Port
    }
}

/// How the target is asked to end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopCommand {
    /// By which signal.
    #[serde(default)]
    pub signal: Signal,
    /// How long it may take, `15s` or `2m`; then it is killed.
    #[serde(default)]
    pub within: Within,
}

/// A signal that asks a process to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// What service managers send.
    #[default]
    Term,
    /// Ctrl-C.
    Int,
    /// Ctrl-\.
    Quit,
    /// A terminal that went away.
    Hup,
}

/// Whole seconds or minutes, up to an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Within(pub Duration);

impl Default for Within {
    fn default() -> Self {
        Self(Duration::from_secs(15))
    }
}

impl FromStr for Within {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str, factor: u64| digits.parse::<u64>().ok()?.checked_mul(factor);
        let seconds = match (text.strip_suffix('s'), text.strip_suffix('m')) {
            (Some(digits), _) => number(digits, 1),
            (_, Some(digits)) => number(digits, 60),
            (None, None) => None,
        };
        let seconds = seconds.filter(|seconds| (1..=3600).contains(seconds));
        seconds
            .map(|s| Self(Duration::from_secs(s)))
            .ok_or_else(|| "expected 1s to 3600s, or 1m to 60m".to_owned())
    }
}

impl<'de> Deserialize<'de> for Within {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Within {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}s", self.0.as_secs()))
    }
}

/// The port that a target must listen on, and a second one that it may use. Only these may be named in a
/// command, whose words every user of the machine can read.
pub const PORT: &str = "PORT";
/// See [`PORT`].
pub const PORT2: &str = "PORT2";

/// The variables that a value of `env` may name, `docs/profile.md` describes them.
pub const VARIABLES: [&str; 20] = [
    "DATABASE_URL",
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGPASSWORD",
    "PGDATABASE",
    "S3_BUCKET",
    "S3_ENDPOINT",
    "S3_REGION",
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
    "S3_PATH_STYLE",
    "ASSETS_DIR",
    "TEMPLATES_DIR",
    "JOB_RESULT_BLOB_BUCKET",
    "JOB_RESULT_BLOB_DIR",
    "TMPDIR",
    "HOST",
    PORT,
    PORT2,
];

/// The names in a text's `${NAME}`s.
pub fn named(text: &str) -> Vec<&str> {
    text.split("${").skip(1).map(|rest| rest.split_once('}').map_or(rest, |(name, _)| name)).collect()
}

/// Puts variables in the place of `${NAME}`. One that is not set here becomes nothing.
pub fn filled(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut parts = text.split("${");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, after) = part.split_once('}').unwrap_or((part, ""));
        out += variables.get(name).map_or("", String::as_str);
        out += after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_and_nothing_is_filled_in_twice() {
        let variables = [("A", "${B}"), ("B", "b")].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        assert_eq!(filled("x ${A} $B ${B}!", &variables), "x ${B} $B b!");
        assert_eq!(filled("${C}", &variables), "");
        assert_eq!(named("${A}/${B}"), ["A", "B"]);
    }

    #[test]
    fn a_limit_is_seconds_or_minutes() {
        let read = |text: &str| text.parse::<Within>().map(|within| within.0.as_secs());
        assert_eq!(read("15s"), Ok(15));
        assert_eq!(read("2m"), Ok(120));
        for wrong in ["", "15", "0s", "61m", "1h", "s", "-1s", "99999999999999999999m"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
