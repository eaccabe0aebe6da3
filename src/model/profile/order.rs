//! In which order a target's writes touch the two stores: as its profile says, and as a scenario asks
//! for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The order of a target's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WriteOrder {
    /// Upload of a new binary (runbook 2.3 documents binary first).
    pub upload: StoreOrder,
    /// Replacing a binary.
    pub replace: StoreOrder,
    /// Where the content that replaces a binary goes.
    #[serde(default)]
    pub replace_keys: ReplaceKeys,
    /// Deleting.
    pub delete: StoreOrder,
    /// The end of a batch job: its results where they have a place of their own, and its row.
    #[serde(default = "binary_first")]
    pub batch: StoreOrder,
}

/// Which store a write touches first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StoreOrder {
    /// The object store, then the row.
    BinaryFirst,
    /// The row, then the object store.
    RowFirst,
}

/// Where the content that replaces a binary goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplaceKeys {
    /// Under the key that the row has.
    #[default]
    InPlace,
    /// Under a new key (copy-on-write): the row then points there, and the old object is removed after
    /// the answer.
    NewKey,
}

/// The order of writes that a scenario asks for; what it leaves out is as the profile says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WriteOrderOverride {
    /// Upload of a new binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<StoreOrder>,
    /// Replacing a binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace: Option<StoreOrder>,
    /// Where the content that replaces a binary goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_keys: Option<ReplaceKeys>,
    /// Deleting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<StoreOrder>,
    /// The end of a batch job, where its results have a place of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<StoreOrder>,
}

fn binary_first() -> StoreOrder {
    StoreOrder::BinaryFirst
}

impl StoreOrder {
    /// In the words of profiles and scenarios.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::BinaryFirst => "binary-first",
            Self::RowFirst => "row-first",
        }
    }
}

impl WriteOrder {
    /// The order with what a scenario asks for.
    #[must_use]
    pub fn with(self, writes: &WriteOrderOverride) -> Self {
        Self {
            upload: writes.upload.unwrap_or(self.upload),
            replace: writes.replace.unwrap_or(self.replace),
            replace_keys: writes.replace_keys.unwrap_or(self.replace_keys),
            delete: writes.delete.unwrap_or(self.delete),
            batch: writes.batch.unwrap_or(self.batch),
        }
    }

    /// How a target is told of it, in the variable that the profile's `write-order-env` names:
    /// `upload=row-first,replace=new-key,delete=row-first,batch=binary-first`.
    pub fn env_value(self) -> String {
        let replace = match (self.replace_keys, self.replace) {
            (ReplaceKeys::InPlace, order) => order.describe(),
            (ReplaceKeys::NewKey, StoreOrder::BinaryFirst) => "new-key",
            (ReplaceKeys::NewKey, StoreOrder::RowFirst) => "new-key-row-first",
        };
        let (upload, delete, batch) = (self.upload.describe(), self.delete.describe(), self.batch.describe());
        format!("upload={upload},replace={replace},delete={delete},batch={batch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTED: WriteOrder = WriteOrder {
        upload: StoreOrder::BinaryFirst,
        replace: StoreOrder::BinaryFirst,
        replace_keys: ReplaceKeys::InPlace,
        delete: StoreOrder::RowFirst,
        batch: StoreOrder::BinaryFirst,
    };

    #[test]
    fn a_scenario_changes_what_it_names() {
        assert_eq!(DOCUMENTED.with(&WriteOrderOverride::default()), DOCUMENTED);
        let writes =
            WriteOrderOverride { batch: Some(StoreOrder::RowFirst), ..WriteOrderOverride::default() };
        assert_eq!(DOCUMENTED.with(&writes), WriteOrder { batch: StoreOrder::RowFirst, ..DOCUMENTED });
    }

    #[test]
    fn a_target_is_told_all_of_it() {
        assert_eq!(
            DOCUMENTED.env_value(),
            "upload=binary-first,replace=binary-first,delete=row-first,batch=binary-first"
        );
        let new_key = WriteOrder { replace_keys: ReplaceKeys::NewKey, ..DOCUMENTED };
        assert!(new_key.env_value().contains("replace=new-key,"));
        let row_first = WriteOrder { replace: StoreOrder::RowFirst, ..new_key };
        assert!(row_first.env_value().contains("replace=new-key-row-first,"));
    }
}
