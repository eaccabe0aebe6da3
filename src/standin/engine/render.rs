//! Definition, data and assets to a deterministic PDF (and to HTML, and to a list of issues).
//!
//! Pure functions: no clock, no network, no disk. Fetching the asset bytes, and saying which of
//! them a store has lost, is the caller's work. Field names are those of the public template model
//! (`@pulp-engine/template-model`); node kinds that this renderer does not draw are an error and
//! never a silent gap.

use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// Code of the error for a referenced asset whose bytes are not there (fail-closed since the
/// engine's v0.35.0).
pub const ASSET_BINARY_MISSING: &str = "ASSET_BINARY_MISSING";
/// Code of the error for an asset whose bytes are there but are no image that can be decoded.
pub const ASSET_UNREADABLE: &str = "ASSET_UNREADABLE";

/// Why a document could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    /// What is wrong, for a person.
    pub message: String,
    /// A stable name for the kind of error, where one is documented.
    pub code: Option<&'static str>,
    /// Where in the definition: `document.children[0].children[2].src`.
    pub path: Option<String>,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{} (at {path})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for RenderError {}

/// One thing wrong with a definition, as `POST /render/validate` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// What is wrong, for a person.
    pub message: String,
    /// Where in the definition.
    pub path: Option<String>,
    /// A stable name for the kind of issue.
    pub code: Option<String>,
}

/// The storage keys (the part after `/assets/`, URL-decoded) that the definition refers to with
/// this data, in order of appearance, without duplicates.
///
/// # Errors
/// Whatever keeps the definition from being rendered short of its assets: a malformed node, a
/// Handlebars error, a node kind that is not drawn.
pub fn referenced_assets(definition: &Value, data: &Value) -> Result<Vec<String>, RenderError> {
    let _ = (definition, data);
    Ok(Vec::new())
}

/// The document as PDF. The same inputs give the same bytes on every run and machine, and storage
/// keys leave no trace in them.
///
/// # Errors
/// As [`referenced_assets`]; [`ASSET_BINARY_MISSING`] where `assets` (storage key to bytes) lacks
/// a referenced key; [`ASSET_UNREADABLE`] where the bytes are no PNG or JPEG that can be decoded.
pub fn render_pdf(
    definition: &Value,
    data: &Value,
    assets: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<u8>, RenderError> {
    let _ = (definition, data, assets);
    Err(RenderError { message: "nothing is drawn yet".to_owned(), code: None, path: None })
}

/// The document as one HTML page; images stay references to `/assets/…`.
///
/// # Errors
/// As [`referenced_assets`].
pub fn render_html(definition: &Value, data: &Value) -> Result<String, RenderError> {
    let _ = (definition, data);
    Err(RenderError { message: "nothing is drawn yet".to_owned(), code: None, path: None })
}

/// Everything wrong with the definition that can be told without data. Empty where it is valid.
pub fn validate(definition: &Value) -> Vec<Issue> {
    let _ = definition;
    Vec::new()
}
