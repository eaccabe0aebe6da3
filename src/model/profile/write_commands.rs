//! The commands of a profile that write to a target without an API while a backup runs.

use crate::{base::ids::TableName, model::write::WriteKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The variable with the name of the new binary.
pub const WRITE_NAME: &str = "WRITE_NAME";
/// The variable with the file that has its content.
pub const WRITE_FILE: &str = "WRITE_FILE";
/// The variable with the key of the object that is replaced or deleted.
pub const WRITE_KEY: &str = "WRITE_KEY";

/// Commands that write a binary with its row, as the application does. Exit code 0 acknowledges the write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WriteCommands {
    /// Stores the file `WRITE_FILE` as a new binary named `WRITE_NAME`, and prints the key of its object.
    pub upload: Vec<String>,
    /// Replaces the content of the binary `WRITE_KEY` by that of `WRITE_FILE`, and prints the key of its object
    /// if that is another one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<String>,
    /// Deletes the binary `WRITE_KEY` with its row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<String>,
    /// Other tables to which these writes add rows: search indexes, audit trails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<TableName>,
}

impl WriteCommands {
    /// The command for a kind of write; empty if there is none.
    pub fn command(&self, kind: WriteKind) -> &[String] {
        match kind {
            WriteKind::Upload => &self.upload,
            WriteKind::Replace => &self.replace,
            WriteKind::Delete => &self.delete,
            WriteKind::Copy | WriteKind::Label | WriteKind::Batch => &[],
        }
    }
}
