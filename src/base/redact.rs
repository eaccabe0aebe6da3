//! Keeps the secrets of a run out of everything that is printed or stored: passwords, access keys
//! and API keys are registered once, and every text passes through [`Redactor::clean`].

use crate::base::sync::RwLockExt;
use std::sync::{Arc, RwLock};

/// What replaces a secret.
pub const MASK: &str = "[redacted]";

/// Knows the run's secrets. Cheap to clone; all clones share what is registered.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Vec<String>>>);

impl Redactor {
    /// Knows no secret yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a secret, with the forms it takes in URLs and JSON. Texts under four characters
    /// are not taken: masking them would shred every output and hide nothing.
    pub fn add(&self, secret: impl AsRef<str>) {
        let secret = secret.as_ref();
        if secret.chars().count() < 4 {
            return;
        }
        let url: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let json = serde_json::Value::from(secret).to_string();
        let forms = [secret.to_owned(), url.replace('+', "%20"), url, json[1..json.len() - 1].to_owned()];
        let mut known = self.0.write_unpoisoned();
        for form in forms {
            if !known.contains(&form) {
                known.push(form);
            }
        }
        // The longest first, so that no secret's tail survives a shorter one inside it.
        known.sort_by_key(|s| std::cmp::Reverse(s.len()));
    }

    /// The text with every registered secret masked.
    pub fn clean(&self, text: &str) -> String {
        let known = self.0.read_unpoisoned();
        let mut text = text.to_owned();
        for secret in known.iter() {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        text
    }

    /// Whether the bytes hold a registered secret: for scanning artefacts.
    pub fn found_in(&self, bytes: &[u8]) -> bool {
        let known = self.0.read_unpoisoned();
        known.iter().any(|secret| bytes.windows(secret.len()).any(|w| w == secret.as_bytes()))
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_plain_and_encoded_forms_and_longer_secrets_first() {
        let redactor = Redactor::new();
        redactor.add("p@ss/w rd");
        redactor.add("p@ss/w rd-longer");
        assert_eq!(redactor.clean("x p@ss/w rd-longer y p%40ss%2Fw%20rd z"), "x [redacted] y [redacted] z");
        assert!(redactor.found_in(b"..p@ss/w rd.."));
        assert!(!redactor.found_in(b"nothing"));
    }
}
