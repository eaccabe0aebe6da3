//! Which differences follow from a part of the schema that is known to differ, and the findings about one.

use crate::{
    base::ids::TableName,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
    },
};
use std::collections::BTreeSet;

/// Parts that are known to differ.
#[derive(Debug, Default)]
pub(super) struct Explained {
    /// Each as `kind name`, without the arguments of functions.
    pub(super) parts: BTreeSet<String>,
    /// Their names alone.
    names: BTreeSet<String>,
}

impl Explained {
    /// Adds a part by its name: `column assets.filename` explains what names `filename`.
    pub(super) fn add(&mut self, part: &str) {
        let part = without_arguments(part);
        let name = part.rsplit(['.', ' ']).next().unwrap_or_default().trim_matches('"');
        self.names.insert(name.to_owned());
        self.parts.insert(part.to_owned());
    }

    /// Whether a text names one of them.
    pub(super) fn explains(&self, text: &str) -> bool {
        let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
        words.any(|word| self.names.contains(word))
    }
}

/// A function's name alone.
pub(super) fn without_arguments(name: &str) -> &str {
    name.split('(').next().unwrap_or_default()
}

/// A part or an object that is not as it was.
pub(super) fn differs(name: &str, expected: String, actual: &str) -> Finding {
    finding(FindingKind::CatalogDiffers, Entity::Table(TableName::new(name)), expected, actual)
}

/// A finding of the catalog check.
pub(super) fn finding(kind: FindingKind, entity: Entity, expected: String, actual: &str) -> Finding {
    Finding::new(CheckId::Catalog, kind, entity, expected, actual)
}
