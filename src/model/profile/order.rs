//! In which order a target's writes touch the two stores: as its profile says, and as a scenario asks
//! for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The order of a target's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WriteOrder {
    /// Upload of a new binary (runbook 2.3 documents binary first).
    pub upload: Order,
    /// Replacing a binary.
    pub replace: Order,
    /// Where the content that replaces a binary goes.
    #[serde(default)]
    pub replace_keys: ReplaceKeys,
    /// Deleting.
    pub delete: Order,
    /// The end of a batch job: its results where they have a place of their own, and its row.
    #[serde(default = "binary_first")]
    pub batch: Order,
}

/// Which store a write touches first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
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
pub struct Writes {
    /// Upload of a new binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Order>,
    /// Replacing a binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace: Option<Order>,
    /// Where the content that replaces a binary goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_keys: Option<ReplaceKeys>,
    /// Deleting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<Order>,
    /// The end of a batch job, where its results have a place of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Order>,
}

fn binary_first() -> Order {
    Order::BinaryFirst
}

impl Order {
    /// In the words of profiles and scenarios.
    pub const fn words(self) -> &'static str {
        match self {
            Self::BinaryFirst => "binary-first",
            Self::RowFirst => "row-first",
        }
    }
}

impl WriteOrder {
    /// The order with what a scenario asks for.
    #[must_use]
    pub fn with(self, writes: &Writes) -> Self {
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
    pub fn told(self) -> String {
        let replace = match (self.replace_keys, self.replace) {
            (ReplaceKeys::InPlace, order) => order.words(),
            (ReplaceKeys::NewKey, Order::BinaryFirst) => "new-key",
            (ReplaceKeys::NewKey, Order::RowFirst) => "new-key-row-first",
        };
        let (upload, delete, batch) = (self.upload.words(), self.delete.words(), self.batch.words());
        format!("upload={upload},replace={replace},delete={delete},batch={batch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTED: WriteOrder = WriteOrder {
        upload: Order::BinaryFirst,
        replace: Order::BinaryFirst,
        replace_keys: ReplaceKeys::InPlace,
        delete: Order::RowFirst,
        batch: Order::BinaryFirst,
    };

    #[test]
    fn a_scenario_changes_what_it_names() {
        assert_eq!(DOCUMENTED.with(&Writes::default()), DOCUMENTED);
        let writes = Writes { batch: Some(Order::RowFirst), ..Writes::default() };
        assert_eq!(DOCUMENTED.with(&writes), WriteOrder { batch: Order::RowFirst, ..DOCUMENTED });
    }

    #[test]
    fn a_target_is_told_all_of_it() {
        assert_eq!(
            DOCUMENTED.told(),
            "upload=binary-first,replace=binary-first,delete=row-first,batch=binary-first"
        );
        let new_key = WriteOrder { replace_keys: ReplaceKeys::NewKey, ..DOCUMENTED };
        assert!(new_key.told().contains("replace=new-key,"));
        let row_first = WriteOrder { replace: Order::RowFirst, ..new_key };
        assert!(row_first.told().contains("replace=new-key-row-first,"));
    }
}
