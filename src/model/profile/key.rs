//! How the key of an object follows from a row: `object_key`, `media/${file}`, `${hash}${ext?}`,
//! `${url|url|drop:1}`. Evaluates them on a row that is given as JSON; `system::postgres::references`
//! makes SQL of the same templates.

use super::column::{ColumnPath, scalar};
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;
use std::{borrow::Cow, fmt, str::FromStr};

/// A template of object keys: a column, or text with columns in `${…}`. With `*` at its end it stands for
/// all objects whose keys begin so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTemplate {
    text: String,
    pieces: Vec<KeyPiece>,
    prefix: bool,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPiece {
    /// Text as it is.
    Text(String),
    /// A value of the row.
    Column {
        /// Where it is.
        path: ColumnPath,
        /// Whether NULL and the empty string are an empty text here. Otherwise a row without a value has no
        /// object.
        optional: bool,
        /// What is made of it, in this order.
        filters: Vec<KeyFilter>,
    },
}

/// A change of a value on its way into a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFilter {
    /// `url`: the path of a URL, decoded, without the slash at its beginning.
    Url,
    /// `name`: what follows the last slash.
    Name,
    /// `stem`: without the ending of the name.
    Stem,
    /// `lower`: in lower case (ASCII).
    Lower,
    /// `drop:2`: without so many folders at the beginning.
    Drop(u32),
    /// `strip:media/`: without this text at the beginning, if it is there.
    Strip(String),
    /// `remove:-`: without this text, wherever it is.
    Remove(String),
    /// `slice:0:2`: the characters from the first to before the second position; `slice:2` to the end.
    Slice(u32, Option<u32>),
}

/// The names of the filters, for messages.
pub const FILTERS: [&str; 8] =
    ["url", "name", "stem", "lower", "drop:N", "strip:TEXT", "remove:TEXT", "slice:FROM:TO"];

impl KeyTemplate {
    /// Its parts.
    pub fn pieces(&self) -> &[KeyPiece] {
        &self.pieces
    }

    /// Whether it stands for all objects whose keys begin so.
    pub fn is_prefix(&self) -> bool {
        self.prefix
    }

    /// The columns that it takes values from.
    pub fn paths(&self) -> impl Iterator<Item = &ColumnPath> {
        self.pieces.iter().filter_map(|piece| match piece {
            KeyPiece::Text(_) => None,
            KeyPiece::Column { path, .. } => Some(path),
        })
    }

    /// The key that a row has; `None` if the row has no object. `element` is the present element of `each`.
    pub fn key(&self, row: &Value, element: Option<&Value>) -> Option<String> {
        self.filled(row, element, |value| value)
    }

    /// The same with each value as `encode` makes it.
    pub fn filled(
        &self,
        row: &Value,
        element: Option<&Value>,
        encode: impl Fn(String) -> String,
    ) -> Option<String> {
        let mut key = String::new();
        let mut found = false;
        for piece in &self.pieces {
            match piece {
                KeyPiece::Text(text) => key += text,
                KeyPiece::Column { path, optional, filters } => {
                    let text = text_at(path, row, element).unwrap_or_default();
                    let text = filters.iter().fold(text, |text, filter| filter.apply(text));
                    if text.is_empty() && !optional {
                        return None;
                    }
                    found |= !text.is_empty();
                    key += &encode(text);
                }
            }
        }
        found.then_some(key)
    }
}

/// The text at a path of a row, or of the present element of `each`.
pub fn text_at(path: &ColumnPath, row: &Value, element: Option<&Value>) -> Option<String> {
    let value = match element.filter(|_| path.is_of_element()) {
        Some(element) => path.value_in_element(element).map(Cow::Borrowed),
        None => path.value(row),
    };
    value.and_then(|value| scalar(&value))
}

impl KeyFilter {
    /// Applies it.
    pub fn apply(&self, text: String) -> String {
        match self {
            Self::Url => path_of_url(&text),
            Self::Name => text.rsplit('/').next().unwrap_or_default().to_owned(),
            Self::Stem => without_ending(&text).to_owned(),
            Self::Lower => text.to_ascii_lowercase(),
            Self::Drop(folders) => {
                let parts: Vec<&str> = text.splitn(*folders as usize + 1, '/').collect();
                let rest = parts.get(*folders as usize).map(|rest| (*rest).to_owned());
                rest.unwrap_or(text)
            }
            Self::Strip(start) => text.strip_prefix(start.as_str()).map(str::to_owned).unwrap_or(text),
            Self::Remove(part) => text.replace(part.as_str(), ""),
            Self::Slice(from, to) => {
                let to = to.map_or(usize::MAX, |to| to as usize);
                text.chars().take(to).skip(*from as usize).collect()
            }
        }
    }
}

/// The path of a URL or of its part after the host. The scheme may be `s3`, `gs` or any other.
fn path_of_url(text: &str) -> String {
    let scheme = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
    };
    let rest = text.split_once(':').filter(|(before, _)| scheme(before)).map_or(text, |(_, rest)| rest);
    let end = |text: &str, marks: &[char]| text.find(marks).unwrap_or(text.len());
    let path = match rest.strip_prefix("//") {
        Some(after) => &after[end(after, &['/', '?', '#'])..],
        None => rest,
    };
    let path = &path[..end(path, &['?', '#'])];
    percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy().into_owned()
}

/// Without the last dot of the name and what follows it.
fn without_ending(text: &str) -> &str {
    let name = text.rfind('/').map_or(0, |at| at + 1);
    text[name..].rfind('.').map_or(text, |dot| &text[..name + dot])
}

impl FromStr for KeyTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains("${") {
            if text.contains(['/', '{', '}', '|', '*', '$']) && !text.starts_with('"') {
                return Err(format!(
                    "`{text}` is neither a column nor a template: write the column in `${{…}}`, as in `media/${{file}}`"
                ));
            }
            let path = text.parse()?;
            let pieces = vec![KeyPiece::Column { path, optional: false, filters: Vec::new() }];
            return Ok(Self { text: text.to_owned(), pieces, prefix: false });
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            pieces.extend(literal(before)?);
            let end = end_of_placeholder(after).ok_or_else(|| format!("`${{` without `}}` in `{text}`"))?;
            pieces.push(placeholder(&after[..end])?);
            rest = &after[end + 1..];
        }
        let (rest, prefix) = rest.strip_suffix('*').map_or((rest, false), |rest| (rest, true));
        pieces.extend(literal(rest)?);
        Ok(Self { text: text.to_owned(), pieces, prefix })
    }
}

/// The closing brace that is not in quotes.
fn end_of_placeholder(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == '}' && !quoted).then_some(at)
    })
}

fn literal(text: &str) -> Result<Option<KeyPiece>, String> {
    if text.contains(['{', '}', '*']) {
        return Err(format!("`{text}` has a brace or star that belongs to no `${{column}}`"));
    }
    Ok((!text.is_empty()).then(|| KeyPiece::Text(text.to_owned())))
}

/// `file`, `ext?`, `url|url|drop:1`.
fn placeholder(text: &str) -> Result<KeyPiece, String> {
    let mut quoted = false;
    let parts: Vec<&str> = text
        .split(|c: char| {
            quoted ^= c == '"';
            c == '|' && !quoted
        })
        .collect();
    let (path, filters) = parts.split_first().ok_or("`${}` names no column")?;
    if text.contains("${") {
        return Err(format!("`${{` in the name of a column: `}}` is missing in `${{{text}`"));
    }
    let (path, optional) = path.strip_suffix('?').map_or((*path, false), |path| (path, true));
    if path.is_empty() {
        return Err("`${}` names no column".to_owned());
    }
    let filters = filters.iter().map(|filter| filter.parse()).collect::<Result<_, _>>()?;
    Ok(KeyPiece::Column { path: path.parse()?, optional, filters })
}

impl FromStr for KeyFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let number = |text: &str| {
            text.parse::<u32>()
                .map_err(|_| format!("`{text}` is not a number, in the filter `{name}:{value}`"))
        };
        match (name, value) {
            ("url", "") => Ok(Self::Url),
            ("name", "") => Ok(Self::Name),
            ("stem", "") => Ok(Self::Stem),
            ("lower", "") => Ok(Self::Lower),
            ("drop", folders) if !folders.is_empty() => number(folders).map(Self::Drop),
            ("strip", start) if !start.is_empty() => Ok(Self::Strip(start.to_owned())),
            ("remove", part) if !part.is_empty() => Ok(Self::Remove(part.to_owned())),
            ("slice", range) if !range.is_empty() => {
                let (from, to) = range.split_once(':').map_or((range, None), |(from, to)| (from, Some(to)));
                Ok(Self::Slice(number(from)?, to.map(number).transpose()?))
            }
            _ => Err(format!("unknown filter `{text}`: there are {}", FILTERS.join(", "))),
        }
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for KeyTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for KeyTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for KeyTemplate {
    fn schema_name() -> Cow<'static, str> {
        "KeyTemplate".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A column, or a text with columns in `${…}`: `media/${file}`, `${hash}${ext?}`, \
                            `${url|url|drop:1}`. With `*` at the end: all objects whose keys begin so.",
            "type": "string",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(template: &str, row: &Value) -> Option<String> {
        template.parse::<KeyTemplate>().unwrap().key(row, None)
    }

    #[test]
    fn keys_follow_from_columns() {
        let row = json!({ "file": "a b/ü%.png", "ext": null, "hash": "AbCdEf", "n": 7, "empty": "",
            "meta": { "key": "k" } });
        assert_eq!(key("file", &row).as_deref(), Some("a b/ü%.png"));
        assert_eq!(key("media/${file}", &row).as_deref(), Some("media/a b/ü%.png"));
        assert_eq!(key("${hash}${ext}", &row), None);
        assert_eq!(key("${hash}${ext?}", &row).as_deref(), Some("AbCdEf"));
        assert_eq!(key("x${ext?}${empty?}", &row), None);
        assert_eq!(key("empty", &row), None);
        assert_eq!(key("none", &row), None);
        assert_eq!(key("meta", &row), None);
        assert_eq!(key("${meta.key}/${n}", &row).as_deref(), Some("k/7"));
        assert_eq!(key("${hash|slice:0:2|lower}/${hash|slice:2}", &row).as_deref(), Some("ab/CdEf"));
        assert_eq!(key("$5/${n}", &row).as_deref(), Some("$5/7"));
        let prefix: KeyTemplate = "runs/${n}/*".parse().unwrap();
        assert_eq!((prefix.key(&row, None).as_deref(), prefix.is_prefix()), (Some("runs/7/"), true));
        let of_each: KeyTemplate = "${each.h}${each.e}-${n}".parse().unwrap();
        assert_eq!(of_each.key(&row, Some(&json!({ "h": "a", "e": ".b" }))).as_deref(), Some("a.b-7"));
    }

    #[test]
    fn filters_change_a_value() {
        let filtered = |filters: &str, text: &str| {
            key(&format!("${{c|{filters}}}"), &json!({ "c": text })).unwrap_or_default()
        };
        for (url, path) in [
            ("https://cdn.example/uploads/a%20b.png?v=1#x", "uploads/a b.png"),
            ("s3://bucket/uploads/a.png", "uploads/a.png"),
            ("mlflow-artifacts:/1/run/artifacts", "1/run/artifacts"),
            ("/media/a.png", "media/a.png"),
            ("media/a:b.png", "media/a:b.png"),
            ("//host/a.png", "a.png"),
            ("https://host", ""),
            ("https://host?x/y", ""),
            ("100%", "100%"),
        ] {
            assert_eq!(filtered("url", url), path, "{url}");
        }
        assert_eq!(filtered("name", "a/b/c.tar.gz"), "c.tar.gz");
        assert_eq!(filtered("stem", "a.b/c.tar.gz"), "a.b/c.tar");
        assert_eq!(filtered("stem", "a.b/c"), "a.b/c");
        assert_eq!(filtered("drop:1", "bucket/a/b"), "a/b");
        assert_eq!(filtered("drop:3", "a/b"), "a/b");
        assert_eq!(filtered("strip:media/", "media/media/a"), "media/a");
        assert_eq!(filtered("remove:-", "a-b-c"), "abc");
        assert_eq!(filtered("slice:1:3", "äöüß"), "öü");
        assert_eq!(filtered("slice:9", "abc"), "");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let error = |text: &str| text.parse::<KeyTemplate>().unwrap_err();
        for text in [
            "media/${file",
            "media/{file}",
            "media/file",
            "${}",
            "${a|}",
            "${a|frob}",
            "${a|drop:x}",
            "${a}*b",
            "${a${b}}",
            "${a.}",
            "",
            "${?}",
            "${a}}",
            "${a|slice:1:}",
            "*",
        ] {
            assert!(!error(text).is_empty(), "{text}");
        }
        assert_eq!(error("media/${file"), "`${` without `}` in `media/${file`");
        assert!("${\"a}b|c\"}".parse::<KeyTemplate>().is_ok());
    }
}
