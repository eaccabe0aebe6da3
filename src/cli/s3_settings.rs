//! Stores of the user's beside those of a drill, where a backup or a ledger lies, and the keys for them:
//! taken out of the environment before anything is started, so that no program inherits them.

use crate::{
    base::{
        error::Error,
        ids::{BucketName, ObjectKey},
        redact::Redactor,
    },
    history::LEDGER,
    system::objects::{S3Access, origin::Origin, shared::SharedText, view::BucketView},
};
use std::{collections::BTreeMap, path::Path};

/// The settings, each also with a [`Purpose`] in front, which goes before.
const NAMES: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
];

/// What a store is for: what stands before a setting that is meant for it alone.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// A backup, which is only read.
    Origin,
    /// A ledger of runs.
    Ledger,
    /// A bucket in use, which is only read.
    Reconcile,
}

impl Purpose {
    fn prefix(self) -> &'static str {
        match self {
            Self::Origin => "ORIGIN_",
            Self::Ledger => "LEDGER_",
            Self::Reconcile => "",
        }
    }
}

/// The settings that were found.
#[derive(Clone)]
pub struct S3Settings(Purpose, BTreeMap<&'static str, String>);

impl S3Settings {
    /// Takes the settings from the environment; `take` also removes what it gives.
    pub fn take(purpose: Purpose, take: impl Fn(&str) -> Option<String>) -> Self {
        let of = |prefix: &str| -> BTreeMap<&'static str, String> {
            NAMES.into_iter().filter_map(|name| Some((name, take(&format!("{prefix}{name}"))?))).collect()
        };
        let (own, mut all) = (of(purpose.prefix()), of(""));
        if own.contains_key(NAMES[0]) {
            // A session belongs to its keys.
            all.remove(NAMES[2]);
        }
        all.extend(own);
        Self(purpose, all)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.1.get(name).map(String::as_str)
    }

    /// The origin of a path or an `s3://` URL. A `folder` ends with a slash.
    pub(super) fn origin(&self, text: &str, folder: bool, redactor: &Redactor) -> Result<Origin, Error> {
        let Some(rest) = text.strip_prefix("s3://") else {
            if text.contains("://") {
                return Err(Error::usage(format!("can't read {text}")).hint("give a path or s3://bucket/key"));
            }
            return Origin::local(Path::new(text));
        };
        let (bucket, key) = bucket_and_key(rest);
        if bucket.is_empty() || (key.is_empty() && !folder) {
            return Err(Error::usage(format!("{text} names no object")).hint("write s3://bucket/key"));
        }
        let slash = if folder && !key.is_empty() && !key.ends_with('/') { "/" } else { "" };
        let (access, session) = self.access(redactor)?;
        Ok(Origin::s3(&access, session, &BucketName::from(bucket), &format!("{key}{slash}")))
    }

    /// The ledger of an `s3://` URL, which names it (`….jsonl`) or the folder that it lies in; none where
    /// the text is no such URL.
    pub(super) fn ledger(&self, text: &str) -> Result<Option<SharedText>, Error> {
        let Some(rest) = text.strip_prefix("s3://") else { return Ok(None) };
        let (bucket, key) = bucket_and_key(rest);
        if bucket.is_empty() {
            return Err(Error::usage(format!("{text} names no bucket")).hint("write s3://bucket/folder/"));
        }
        let key = match key {
            key if key.ends_with(".jsonl") => key.to_owned(),
            key if key.is_empty() || key.ends_with('/') => format!("{key}{LEDGER}"),
            key => format!("{key}/{LEDGER}"),
        };
        let (access, session) = self.access(&Redactor::new())?;
        Ok(Some(SharedText::new(&access, session, &BucketName::from(bucket), &ObjectKey::new(key))))
    }

    /// The objects of an `s3://` URL, below a prefix if it names one.
    pub(super) fn view(&self, text: &str, redactor: &Redactor) -> Result<BucketView, Error> {
        let (bucket, prefix) = text.strip_prefix("s3://").map(bucket_and_key).unwrap_or_default();
        if bucket.is_empty() {
            return Err(Error::usage(format!("{text} names no bucket"))
                .hint("write s3://bucket or s3://bucket/prefix/"));
        }
        let (access, session) = self.access(redactor)?;
        Ok(BucketView::new(&access, session, &BucketName::from(bucket), prefix))
    }

    fn access(&self, redactor: &Redactor) -> Result<(S3Access, Option<String>), Error> {
        let (Some(id), Some(secret)) = (self.get(NAMES[0]), self.get(NAMES[1])) else {
            let (what, may) = match self.0 {
                Purpose::Origin => ("read the S3 origin with", "only read"),
                Purpose::Ledger => ("reach the ledger's bucket with", "read it and write it"),
                Purpose::Reconcile => ("read the bucket with", "list it and read its objects"),
            };
            let prefix = self.0.prefix();
            let general = if prefix.is_empty() { "" } else { " (or AWS_…)" };
            return Err(Error::usage(format!("there are no keys to {what}")).hint(format!(
                "set {prefix}AWS_ACCESS_KEY_ID and {prefix}AWS_SECRET_ACCESS_KEY{general} to keys that may {may}"
            )));
        };
        let session = self.get(NAMES[2]).map(str::to_owned);
        redactor.add(secret);
        redactor.add(session.as_deref().unwrap_or_default());
        let region = self.get(NAMES[4]).or(self.get(NAMES[5])).unwrap_or("us-east-1").to_owned();
        let amazon = || format!("https://s3.{region}.amazonaws.com");
        let endpoint = self.get(NAMES[3]).map_or_else(amazon, |url| url.trim_end_matches('/').to_owned());
        let keys = (id.to_owned(), secret.to_owned());
        let access = S3Access { endpoint, region, access_key: keys.0, secret_key: keys.1, path_style: true };
        Ok((access, session))
    }
}

/// The parts of what follows `s3://`; either may be empty.
fn bucket_and_key(rest: &str) -> (&str, &str) {
    rest.split_once('/').unwrap_or((rest, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Blame;

    #[test]
    fn own_settings_go_before_general_ones_and_keys_are_asked_for() {
        let env = |name: &str| match name {
            "ORIGIN_AWS_ACCESS_KEY_ID" | "ORIGIN_AWS_SECRET_ACCESS_KEY" => Some("origin".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("general".to_owned()),
            _ => None,
        };
        let redactor = Redactor::new();
        let settings = S3Settings::take(Purpose::Origin, env);
        assert_eq!(settings.access(&redactor).unwrap().0.access_key, "origin");
        assert_eq!(settings.access(&redactor).unwrap().0.endpoint, "https://s3.us-east-1.amazonaws.com");
        assert_eq!(settings.origin("s3://b/p", true, &redactor).unwrap().shown(), "s3://b/p/");
        for (text, folder) in [("s3://", true), ("s3://b", false), ("s3:///k", false), ("https://x/y", true)]
        {
            assert_eq!(settings.origin(text, folder, &redactor).unwrap_err().blame, Blame::Usage, "{text}");
        }
        let none = S3Settings::take(Purpose::Origin, |_| None);
        let none = none.origin("s3://b/k", false, &redactor).unwrap_err();
        assert!(none.to_string().contains("ORIGIN_AWS_ACCESS_KEY_ID"), "{none}");
    }
}
