//! A mistake whose file is not known yet: also the error of deserialising from a located
//! tree, so that serde's derives find the mistakes and the tree says where.

use crate::scenario::{diagnose::suggest, source::SourcePosition};
use serde::de::{self, Expected, Unexpected};
use std::fmt;

/// Something wrong at a place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The position; `None` if the mistake concerns the file as a whole.
    pub place: Option<SourcePosition>,
    /// What is wrong, a fragment.
    pub message: String,
    /// A label for the marked text.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Mistake {
    /// Something wrong, here.
    pub fn at(place: SourcePosition, message: impl Into<String>) -> Self {
        Self { place: Some(place), ..Self::somewhere(message) }
    }

    /// Something wrong with the file as a whole.
    pub fn somewhere(message: impl Into<String>) -> Self {
        Self { place: None, message: message.into(), label: String::new(), help: None }
    }

    /// Sets the label of the marked text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A word that is none of those that can stand here.
    pub fn unknown<'a>(
        place: Option<SourcePosition>,
        what: &str,
        word: &str,
        allowed: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self { place, ..Self::somewhere(format!("unknown {what} `{}`", suggest::short(word))) }
            .help(suggest::instead_of(word, allowed))
    }

    /// Gives it a place, unless it has one that is closer.
    #[must_use]
    pub fn or_at(mut self, place: SourcePosition) -> Self {
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

/// What the derives call things, in words for people.
fn describe(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "a string" => "text".to_owned(),
        "u16" => format!("a whole number up to {}", u16::MAX),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "keys with values".to_owned(),
        other if other.starts_with("struct ") => "keys with values".to_owned(),
        other if other.starts_with("tuple struct ") => "text".to_owned(),
        other => other.to_owned(),
    }
}

fn found_in_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("the switch `{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(text) => format!("the text `{}`", suggest::short(text)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "keys with values".to_owned(),
        other => other.to_string(),
    }
}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::somewhere(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = describe(expected);
        let scalar = matches!(
            found,
            Unexpected::Bool(_) | Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_)
        );
        let mistake = Self::somewhere(format!("expected {expected}, found {}", found_in_words(found)))
            .label(format!("expected {expected}"));
        if expected == "text" && scalar { mistake.help("put it in quotes to make it text") } else { mistake }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = describe(expected);
        Self::somewhere(format!("expected {expected}, found {}", found_in_words(found)))
            .label(format!("expected {expected}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown(None, "key", field, expected.iter().copied())
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown(None, "word", variant, expected.iter().copied())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::somewhere(format!("missing key `{field}`")).label(format!("`{field}` must be given here"))
    }
}
