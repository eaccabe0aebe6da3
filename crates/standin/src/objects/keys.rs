//! The credentials that the server accepts. They come from the environment and have no flags, because
//! arguments show in process lists.

use clap::error::ErrorKind;
use std::fmt;

const ACCESS_KEY_ID: &str = "S3_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "S3_SECRET_ACCESS_KEY";

/// One access key and its secret.
#[derive(Clone)]
pub struct Keys {
    /// `S3_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `S3_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Keys {
    /// Reads them by name, as from the environment.
    ///
    /// # Errors
    /// What is missing and what to do, as one line.
    fn look_up(get: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let value = |name: &str| {
            get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
                format!(
                    "the environment variable {name} is missing; hint: set {ACCESS_KEY_ID} and \
                     {SECRET_ACCESS_KEY} to the credentials that clients will sign with"
                )
            })
        };
        Ok(Self { access_key_id: value(ACCESS_KEY_ID)?, secret_access_key: value(SECRET_ACCESS_KEY)? })
    }
}

impl clap::FromArgMatches for Keys {
    fn from_arg_matches(_: &clap::ArgMatches) -> Result<Self, clap::Error> {
        Self::look_up(|name| std::env::var(name).ok())
            .map_err(|text| clap::Error::raw(ErrorKind::MissingRequiredArgument, text))
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Keys {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.after_help(format!(
            "Environment:\n  {ACCESS_KEY_ID}      access key that requests must be signed with (required)\n  \
             {SECRET_ACCESS_KEY}  its secret (required)"
        ))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_secret_is_named() {
        let missing = Keys::look_up(|name| (name == ACCESS_KEY_ID).then(|| "key".to_owned())).unwrap_err();
        assert!(missing.contains(SECRET_ACCESS_KEY) && missing.contains("hint:"), "{missing}");
        let empty = Keys::look_up(|_| Some(String::new())).unwrap_err();
        assert!(empty.starts_with("the environment variable S3_ACCESS_KEY_ID is missing"), "{empty}");
    }

    #[test]
    fn the_secret_is_not_in_debug_output() {
        let keys = Keys::look_up(|name| Some(format!("value of {name}"))).unwrap();
        assert!(!format!("{keys:?}").contains("value of S3_SECRET"), "{keys:?}");
    }
}
