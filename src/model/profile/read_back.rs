//! How the application hands out a binary over HTTP: the path of a request, made of the columns of its row
//! and of the key of its object.

use super::{column::ColumnPath, key::KeyTemplate};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The first part of a path that stands for the object: `${object.key}`.
pub const OBJECT: &str = "object";

/// What stays as it is in a path: unreserved characters (RFC 3986, 2.3) and the slash.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The request for a binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ReadBack {
    /// The path: a template like a key, in which values are percent-encoded. `${object.key}` is the key of the
    /// object.
    pub path: KeyTemplate,
    /// Headers whose values are secrets: the name of the header and that of the environment variable.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header_env: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for ReadBack {
    /// A path alone needs no headers.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        struct WithHeaders {
            path: KeyTemplate,
            #[serde(default)]
            header_env: BTreeMap<String, String>,
        }
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a path such as `/media/${file}`, or `{path: …, header-env: {…}}`"
        )]
        enum Form {
            Path(KeyTemplate),
            WithHeaders(WithHeaders),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Path(path) => Self { path, header_env: BTreeMap::new() },
            Form::WithHeaders(WithHeaders { path, header_env }) => Self { path, header_env },
        })
    }
}

impl ReadBack {
    /// The columns that the path takes values from.
    pub fn paths(&self) -> impl Iterator<Item = &ColumnPath> {
        self.path.paths().filter(|path| path.column() != OBJECT)
    }

    /// The path for an object of a row; `None` if a column without a value is missing in it.
    pub fn path(&self, row: &Value, element: Option<&Value>, key: &str) -> Option<String> {
        let mut row = row.clone();
        if let Value::Object(columns) = &mut row {
            columns.insert(OBJECT.to_owned(), serde_json::json!({ "key": key }));
        }
        self.path.filled(&row, element, |value| utf8_percent_encode(&value, KEPT).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_has_encoded_values_and_may_have_the_key() {
        let read = |yaml: &str| serde_saphyr::from_str::<ReadBack>(yaml).unwrap();
        let row = json!({ "id": 7, "file": "a b/ü?.png", "object": "own" });
        let path = |yaml: &str| read(yaml).path(&row, None, "media/a+b").unwrap_or_default();
        assert_eq!(path("/files/${id}/?name=${file|name}"), "/files/7/?name=%C3%BC%3F.png");
        assert_eq!(path("/${object.key|strip:media/}"), "/a%2Bb");
        assert_eq!(path("/${none}"), "");
        let with = read("{ path: '/${id}', header-env: { Authorization: TOKEN } }");
        assert_eq!((with.paths().count(), with.header_env["Authorization"].as_str()), (1, "TOKEN"));
        assert_eq!(read("/${object.key}").paths().count(), 0);
    }
}
