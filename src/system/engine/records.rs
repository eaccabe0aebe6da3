//! What goes to the engine and comes back, as far as a drill needs it. Fields that we don't know
//! are let go: a newer engine may send more.

use serde::Deserialize;
use serde_json::Value;

/// An asset to be uploaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upload {
    /// The file name that it is sent under; the engine keeps it as `originalName`.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: String,
    /// The folder, if any.
    pub folder: Option<String>,
    /// Tags; none of them holds a comma, which separates them on the wire.
    pub tags: Vec<String>,
    /// The text for those who can't see it.
    pub alt_text: Option<String>,
}

/// An asset as the engine describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetRecord {
    /// The engine's id.
    pub id: String,
    /// The storage key.
    pub filename: String,
    /// The name that it was uploaded under.
    pub original_name: String,
    /// The media type.
    pub mime_type: String,
    /// Bytes.
    pub size_bytes: u64,
    /// Counts replacements, from 1.
    #[serde(default = "one")]
    pub version: u32,
    /// The hash of the content, in the engine's own notation.
    #[serde(default)]
    pub content_hash: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The folder.
    #[serde(default)]
    pub folder: Option<String>,
    /// The text for those who can't see it.
    #[serde(default)]
    pub alt_text: Option<String>,
}

fn one() -> u32 {
    1
}

/// A template without its definition.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The slug.
    pub key: String,
    /// The name for people.
    #[serde(default)]
    pub name: String,
    /// The version that renders use unless told: `1.0.3`.
    pub current_version: String,
}

/// A template with its definition.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Template {
    /// The rest of what the engine says.
    #[serde(flatten)]
    pub summary: Summary,
    /// The definition as it was stored.
    pub definition: Value,
    /// The entity tag that an update has to show, with its quotes.
    #[serde(skip)]
    pub etag: Option<String>,
}

/// What `GET /health/ready` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// Status 200 and nothing in the body against it.
    pub ok: bool,
    /// The HTTP status.
    pub status: u16,
    /// The body; `null` where it is no JSON.
    pub body: Value,
}
