//! What goes to the engine and comes back, as far as a drill needs it. Fields that we don't know
//! are let go: a newer engine may send more.

use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// An asset to be uploaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadRequest {
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

/// The media type by the file name's ending.
pub fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        _ => "application/octet-stream",
    }
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
    /// The version that renders use by default: `1.0.3`.
    pub current_version: String,
}

/// A template with its definition.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TemplateRecord {
    /// The rest of what the engine says.
    #[serde(flatten)]
    pub summary: Summary,
    /// The definition as it was stored.
    pub definition: Value,
    /// The entity tag that an update has to show, with its quotes.
    #[serde(skip)]
    pub etag: Option<String>,
}

impl TemplateRecord {
    /// What a change of it must show as `If-Match`.
    pub(super) fn if_match(self) -> String {
        self.etag.unwrap_or_else(|| format!("\"{}\"", self.summary.current_version))
    }
}

/// The answer to `GET /health/ready`.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadyAnswer {
    /// Whether it is ready.
    pub ok: bool,
    /// The answer, for people.
    pub answer: String,
}

/// A batch that was taken on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedJob {
    /// What it is polled by.
    pub job_id: String,
    /// `pending`.
    pub status: String,
}

/// A batch job as it is polled.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchJobRecord {
    /// The engine's id.
    pub job_id: String,
    /// `pending`, `processing`, `completed`, `failed` or `cancelled`.
    pub status: String,
    /// Why it failed: `job_abandoned_at_startup`.
    #[serde(default)]
    pub failure_code: Option<String>,
    /// `{total, succeeded, failed, results}` of a completed one; each of `results` holds its PDF in
    /// base64 as `pdf`.
    #[serde(default)]
    pub results: Option<Value>,
}

impl BatchJobRecord {
    /// Whether it has come to an end.
    pub fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "pending" | "processing")
    }
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Tenant {
    /// The slug.
    pub id: String,
    /// The name for people.
    #[serde(default)]
    pub name: String,
    /// `active` or `archived`.
    pub status: String,
}

/// A version of a template, without its definition.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateVersion {
    /// `1.0.3`.
    pub version: String,
    /// What its author said of it.
    #[serde(default)]
    pub change_note: Option<String>,
}

/// A release label of a template.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Label {
    /// Its name.
    pub label: String,
    /// The version that it points at.
    pub version: String,
}

/// One run of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// The engine's id.
    pub id: String,
    /// Whose run it is.
    pub schedule_id: String,
    /// `cron` or `manual`.
    #[serde(default)]
    pub trigger: Option<String>,
    /// `processing`, `completed` or `failed`.
    pub status: String,
    /// The planned moment, ISO 8601; none when run by hand.
    #[serde(default)]
    pub nominal_at: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub last_error: Option<String>,
}

/// A run that failed for good.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The engine's id.
    pub id: String,
    /// Whose run it was.
    #[serde(default)]
    pub schedule_id: Option<String>,
    /// `pending`, `replayed` or `abandoned`.
    pub status: String,
    /// Why it failed, for programs.
    #[serde(default)]
    pub error_code: Option<String>,
    /// Why it failed, for people.
    #[serde(default)]
    pub last_error: Option<String>,
}

/// Something that was done, as the audit trail keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// The engine's id.
    pub id: String,
    /// `template.create`.
    pub event: String,
    /// To what kind of thing.
    #[serde(default)]
    pub resource_type: Option<String>,
    /// To which one.
    #[serde(default)]
    pub resource_id: Option<String>,
    /// When, ISO 8601.
    pub timestamp: String,
}

/// Renders, counted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageLine {
    /// Of which template; none for definitions that were sent along.
    #[serde(default)]
    pub template_key: Option<String>,
    /// `pdf` or `html`.
    #[serde(default)]
    pub format: Option<String>,
    /// `single`, `batch` or `scheduled`.
    #[serde(default)]
    pub source: Option<String>,
    /// How many.
    pub renders: u64,
    /// Their size together.
    #[serde(default)]
    pub bytes: u64,
}
