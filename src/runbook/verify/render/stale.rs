//! A render that shows what was in a template's definition at the cut point and is nowhere in what
//! came back: it was not made from the restored rows. No finding where its text cannot be extracted.

use crate::{
    base::ids::TemplateKey,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::Profile,
        state::{KnownTemplate, State},
    },
    runbook::verify::Reference,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Searches for such words among those that a render shows.
pub fn definition(
    key: &TemplateKey,
    template: &KnownTemplate,
    reference: &Reference,
    observed: &State,
    profile: &Profile,
    shown: &[String],
) -> Option<Finding> {
    let before = words_of(key, reference.state.as_ref()?, profile);
    let mut now = words_of(key, observed, profile);
    collect(&template.data, &mut now);
    let stale: Vec<&str> =
        before.difference(&now).filter(|w| shown.binary_search(w).is_ok()).map(String::as_str).collect();
    if stale.is_empty() {
        return None;
    }
    Some(Finding::new(
        CheckId::Render,
        FindingKind::StaleRender,
        Entity::Template(key.clone()),
        "a render of the restored definition",
        format!("it shows {}, which no restored definition holds", stale.join(", ")),
    ))
}

/// The words in all versions of a template's definition.
fn words_of(key: &TemplateKey, state: &State, profile: &Profile) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for entity in profile.entities.values() {
        let Some(column) = &entity.definition else { continue };
        let Some(table) = state.database.tables.get(&entity.table) else { continue };
        for definition in table.rows.values().filter_map(|row| row.json.value().get(column).cloned()) {
            if definition.get("key").and_then(Value::as_str) == Some(key.as_str()) {
                // Its name and description need not be shown, and may hold the same words.
                collect(definition.get("document").unwrap_or(&definition), &mut words);
            }
        }
    }
    words
}

/// The words in all texts of a value.
fn collect(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            words.extend(parts.map(str::to_owned));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
