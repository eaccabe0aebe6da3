//! Names for things: identifiers as types of their own, so that a template key can't be passed
//! where an object key is meant. No rules of any system under test live here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! name {
    ($(#[$meta:meta])* $type:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $type(pub String);

        impl $type {
            /// Takes any text: what it means is the caller's to know.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as it is.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $type {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
    };
}

name! {
    /// One run of the harness; also the name of its folder below `reports/`.
    RunId
}
name! {
    /// A scenario, as its file names itself: `upload-between-dump-and-copy`.
    ScenarioId
}
name! {
    /// A template's stable slug: `invoice`.
    TemplateKey
}
name! {
    /// An asset as the seed and scenario files name it: `logo.png`. The engine keeps it as
    /// `originalName`; the key it is stored under is an [`ObjectKey`].
    AssetName
}
name! {
    /// A write in flight, as scenario files name it: by its asset, a batch job by its template.
    WriteName
}
name! {
    /// The key of an object in a bucket, byte for byte.
    ObjectKey
}
name! {
    /// A bucket.
    BucketName
}
name! {
    /// A table, without its schema: `template_versions`.
    TableName
}
