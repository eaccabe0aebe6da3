//! Where a value of a row is: a column, or a place inside a JSON column. Reads values from a row that is
//! given as JSON; `system::postgres::references` makes SQL of the same paths.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

/// The first part of a path that stands for the present element of `each`.
pub const EACH: &str = "each";

/// The part of a path that stands for every element of an array or object.
pub const EVERY: &str = "*";

/// A column and, after dots, the members that lead to a value in its JSON: `file_name`,
/// `metadata.size`, `items.0.template`. A part in double quotes is taken as it is: `"Größe.in.px"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnPath {
    parts: Vec<String>,
}

impl ColumnPath {
    /// Its parts.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(String::as_str)
    }

    /// The column.
    pub fn column(&self) -> &str {
        self.parts.first().map_or("", String::as_str)
    }

    /// The members after it.
    pub fn members(&self) -> &[String] {
        self.parts.get(1..).unwrap_or_default()
    }

    /// Whether it begins at the present element of `each`.
    pub fn is_of_element(&self) -> bool {
        self.column() == EACH
    }

    /// The value in a row; `None` if there is no such member.
    pub fn value<'a>(&self, row: &'a Value) -> Option<Cow<'a, Value>> {
        let value = row.get(self.column())?;
        match self.members().is_empty() {
            true => Some(Cow::Borrowed(value)),
            false => within(&as_json(value), self.members()).cloned().map(Cow::Owned),
        }
    }

    /// The value at its members, if it begins at an element of `each`.
    pub fn value_in_element<'a>(&self, element: &'a Value) -> Option<&'a Value> {
        within(element, self.members())
    }

    /// The members up to each [`EVERY`], and up to the end.
    pub fn steps(&self) -> Vec<&[String]> {
        let mut steps: Vec<&[String]> = self.members().split(|member| member == EVERY).collect();
        // What the last star leads to is what `elements` gives anyway.
        if steps.len() > 1 {
            steps.pop_if(|last| last.is_empty());
        }
        steps
    }

    /// The elements of the array or object to which it leads in a row, and of all of them if there are
    /// several.
    pub fn elements(&self, row: &Value) -> Vec<Value> {
        let mut found: Vec<Value> =
            row.get(self.column()).map(|v| as_json(v).into_owned()).into_iter().collect();
        for members in self.steps() {
            found = found.iter().filter_map(|value| within(value, members)).flat_map(elements).collect();
        }
        found
    }
}

/// The elements of an array, the members' values of an object.
fn elements(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Object(members) => members.values().cloned().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// A text column that holds an array or object of JSON as that.
fn as_json(value: &Value) -> Cow<'_, Value> {
    match value {
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            serde_json::from_str(text).map_or(Cow::Borrowed(value), Cow::Owned)
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => Cow::Borrowed(value),
    }
}

/// The value at some members.
fn within<'a>(value: &'a Value, members: &[String]) -> Option<&'a Value> {
    members.iter().try_fold(value, |value, member| match (value, member.parse::<usize>()) {
        (Value::Array(items), Ok(index)) => items.get(index),
        (value, _) => value.get(member),
    })
}

/// A scalar as text; `None` for null, arrays and objects.
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl FromStr for ColumnPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let (part, after) = match rest.strip_prefix('"') {
                Some(quoted) => end_of_quotes(quoted).ok_or("a double quote is not closed")?,
                None => {
                    let (part, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                    (part.to_owned(), after)
                }
            };
            if part.is_empty() {
                return Err(format!("`{text}` is not the path of a column: a part is empty"));
            }
            parts.push(part);
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None if after.is_empty() => return Ok(Self { parts }),
                None => return Err(format!("`{text}`: expected a dot before `{after}`")),
            }
        }
    }
}

/// The text up to the closing quote, and the rest; `""` stands for a quote.
fn end_of_quotes(text: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        part += before;
        match after.strip_prefix('"') {
            Some(more) => {
                part.push('"');
                rest = more;
            }
            None => return Some((part, after)),
        }
    }
}

impl fmt::Display for ColumnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, part) in self.parts.iter().enumerate() {
            if number > 0 {
                f.write_str(".")?;
            }
            if part.contains(['.', '"', '|', '}', '?']) {
                write!(f, "\"{}\"", part.replace('"', "\"\""))?;
            } else {
                f.write_str(part)?;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for ColumnPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for ColumnPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ColumnPath {
    fn schema_name() -> Cow<'static, str> {
        "ColumnPath".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A column, or the path to a value in its JSON: `metadata.size`, `items.0.key`.",
            "type": "string",
        })
    }
}

/// Rows by the values of their columns: each column has one of its values. `null` is a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Condition(pub BTreeMap<ColumnPath, Vec<Option<String>>>);

impl Condition {
    /// Whether it names no column.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every column of a row has one of its values.
    pub fn holds(&self, row: &Value) -> bool {
        self.0.iter().all(|(path, values)| has_one(row, path, values))
    }

    /// Whether any column of a row has one of its values.
    pub fn holds_in_part(&self, row: &Value) -> bool {
        self.0.iter().any(|(path, values)| has_one(row, path, values))
    }
}

fn has_one(row: &Value, path: &ColumnPath, values: &[Option<String>]) -> bool {
    values.contains(&path.value(row).and_then(|value| scalar(&value)))
}

/// A value, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrSeveral {
    Several(Vec<Value>),
    One(Value),
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let columns = BTreeMap::<String, OneOrSeveral>::deserialize(deserializer)?;
        let one = |value: &Value| match value {
            Value::Null => Ok(None),
            value => scalar(value).map(Some).ok_or_else(|| D::Error::custom("expected a value or a list")),
        };
        let each = |(column, values): (String, OneOrSeveral)| {
            let values = match values {
                OneOrSeveral::Several(values) => values,
                OneOrSeveral::One(value) => vec![value],
            };
            if values.is_empty() {
                return Err(D::Error::custom(format!("`{column}` has no value: no row has that")));
            }
            let path = column.parse().map_err(D::Error::custom)?;
            Ok((path, values.iter().map(one).collect::<Result<_, _>>()?))
        };
        columns.into_iter().map(each).collect::<Result<_, _>>().map(Self)
    }
}

impl JsonSchema for Condition {
    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let value = serde_json::json!({ "type": ["string", "number", "boolean", "null"] });
        schemars::json_schema!({
            "description": "Columns, each with its value or a list of values.",
            "type": "object",
            "additionalProperties": { "anyOf": [value, { "type": "array", "items": value }] },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(text: &str) -> ColumnPath {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_is_a_column_and_members() {
        let row = json!({
            "a": { "b": [{ "c": 1 }, { "c": null }] }, "t": "{\"x\": \"y\"}", "a.b": 2, "q\"": 3, "n": null,
        });
        let text = |p: &str| path(p).value(&row).and_then(|value| scalar(&value));
        assert_eq!(text("a.b.0.c").as_deref(), Some("1"));
        assert_eq!(text("a.b.1.c"), None);
        assert_eq!(text("a.b.2.c"), None);
        assert_eq!(text("a.b"), None);
        assert_eq!(text("t.x").as_deref(), Some("y"));
        assert_eq!(text("t").as_deref(), Some("{\"x\": \"y\"}"));
        assert_eq!(text("\"a.b\"").as_deref(), Some("2"));
        assert_eq!(text("\"q\"\"\"").as_deref(), Some("3"));
        assert_eq!((text("n"), text("none")), (None, None));
        for wrong in ["", ".", "a.", ".a", "a..b", "\"a", "\"a\"b", "\"\""] {
            assert!(wrong.parse::<ColumnPath>().is_err(), "{wrong}");
        }
        for right in ["a", "a.b.0", "\"a.b\".c", "\"q\"\"\"", "Größe"] {
            assert_eq!(path(right).to_string(), right);
        }
    }

    #[test]
    fn elements_of_arrays_and_members_of_objects() {
        let row = json!({ "f": { "small": { "u": "1" }, "large": { "u": "2" } }, "l": ["x", "y"],
            "d": [{ "p": [1, 2] }, { "p": [3] }], "t": "[\"z\"]" });
        assert_eq!(path("l").elements(&row), [json!("x"), json!("y")]);
        assert_eq!(path("l.*").elements(&row), [json!("x"), json!("y")]);
        assert_eq!(path("t").elements(&row), [json!("z")]);
        assert_eq!(path("f").elements(&row).len(), 2);
        assert_eq!(path("d.*.p").elements(&row), [json!(1), json!(2), json!(3)]);
        assert!(path("none").elements(&row).is_empty());
        assert!(path("l.0").elements(&row).is_empty());
    }

    #[test]
    fn a_condition_is_a_value_or_a_list_for_each_column() {
        let read = |text: &str| serde_saphyr::from_str::<Condition>(text).unwrap();
        let condition = read("{ kind: [image, 7], deleted: null }");
        assert!(condition.holds(&json!({ "kind": "image" })));
        assert!(condition.holds(&json!({ "kind": 7, "deleted": null })));
        assert!(!condition.holds(&json!({ "kind": 7, "deleted": true })));
        assert!(!condition.holds(&json!({ "kind": null })));
        assert!(condition.holds_in_part(&json!({ "kind": "other" })));
        assert!(serde_saphyr::from_str::<Condition>("{ kind: [] }").is_err());
        assert!(serde_saphyr::from_str::<Condition>("{ kind: [[1]] }").is_err());
    }
}
