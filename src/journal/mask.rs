//! Takes the run's secrets out of an event before it is written: every text in it is cleaned, and
//! the words of the format itself are left alone, so that a secret that happens to be such a word
//! (`pass`, `found`) can't make a journal unreadable.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext as _},
        redact::{MASK, Redactor},
    },
    model::event::Entry,
};
use serde_json::Value;

/// Fields that hold a word of a closed list.
const WORDS: &[&str] = &["type", "budget", "verdict", "check", "kind", "severity", "went", "role", "at"];

/// Fields that hold a map with free keys; all other keys are the format's own.
const MAPS: &[&str] = &["versions", "config", "started_by", "machine", "tables"];

/// The entry without secrets.
///
/// # Errors
/// Blames the harness where the cleaned entry is none any more.
pub fn entry(entry: &Entry, redactor: &Redactor) -> Result<Entry, Error> {
    let whole = |what: &str| format!("can't {what} an event without its secrets");
    let mut value = serde_json::to_value(entry).or_harness(|| whole("write"))?;
    clean(&mut value, "", redactor);
    serde_json::from_value(value).or_harness(|| whole("read"))
}

fn clean(value: &mut Value, field: &str, redactor: &Redactor) {
    match value {
        Value::String(text) => {
            let cleaned = redactor.clean(text);
            // A digest may hold a short secret's digits by chance; it is no secret itself.
            let digest = text.parse::<Digest>().is_ok() && cleaned != MASK;
            if !digest && !WORDS.contains(&field) {
                *text = cleaned;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, field, redactor)),
        Value::Object(fields) => {
            if MAPS.contains(&field) {
                *fields = std::mem::take(fields).into_iter().map(|(k, v)| (redactor.clean(&k), v)).collect();
            }
            for (name, value) in fields.iter_mut() {
                let name = if MAPS.contains(&field) { "" } else { name.as_str() };
                clean(value, name, redactor);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
