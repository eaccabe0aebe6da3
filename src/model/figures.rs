//! What a restore brought back, in figures: what a later run is compared with.

use crate::base::ids::TableName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What came back, before the checks changed anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredFigures {
    /// Rows by table.
    pub tables: BTreeMap<TableName, u64>,
    /// Objects.
    pub objects: u64,
    /// Bytes of all objects.
    pub bytes: u64,
    /// Rows whose object is there with the recorded size and digest.
    pub matched: u64,
    /// Tables whose rows were not compared with any reference although other tables were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<TableName>,
}
