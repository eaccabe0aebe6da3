//! Writes to an engine: their kinds, and the order in which each kind touches the two stores, as a
//! profile declares it and a scenario overrides it. How a write is sent or held is not known here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteKind {
    /// A new asset: its object and its row.
    Upload,
    /// Other content for an asset, see [`ReplaceKeys`].
    Replace,
    /// An asset is deleted: its row and its object.
    Delete,
    /// An asset is downloaded and uploaded under another name: a new row and a new object.
    Copy,
    /// A release label is moved to another version of its template: a row and no object.
    Label,
    /// A batch job completes: its results, and its row (runbook, section 1).
    Batch,
}

impl WriteKind {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Upload, Self::Replace, Self::Delete, Self::Copy, Self::Label, Self::Batch];

    /// The noun, for messages.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Replace => "replacement",
            Self::Delete => "delete",
            Self::Copy => "copy",
            Self::Label => "label move",
            Self::Batch => "batch job",
        }
    }

    /// Several of them; `expect` in a scenario uses these names.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Upload => "uploads",
            Self::Replace => "replaces",
            Self::Delete => "deletes",
            Self::Copy => "copies",
            Self::Label => "label moves",
            Self::Batch => "batch jobs",
        }
    }

    /// Whether it writes an asset: a row that points at an object of the bucket.
    pub const fn writes_asset(self) -> bool {
        match self {
            Self::Upload | Self::Replace | Self::Delete | Self::Copy => true,
            Self::Label | Self::Batch => false,
        }
    }

    /// Whether it removes an existing object: that of the asset, or that of its earlier content where
    /// the new content has another key.
    pub const fn removes(self) -> bool {
        match self {
            Self::Replace | Self::Delete => true,
            Self::Upload | Self::Copy | Self::Label | Self::Batch => false,
        }
    }
}

/// Which store a write touches first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StoreOrder {
    /// The object store, then the row.
    BinaryFirst,
    /// The row, then the object store.
    RowFirst,
}

impl StoreOrder {
    /// Both.
    pub const ALL: [Self; 2] = [Self::BinaryFirst, Self::RowFirst];

    /// Its keyword in profiles and scenarios.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::BinaryFirst => "binary-first",
            Self::RowFirst => "row-first",
        }
    }
}

/// Where the content that replaces a binary is stored.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ReplaceKeys {
    /// Under the key that the row has.
    #[default]
    InPlace,
    /// Under a new key (copy-on-write): the row then points there, and the old object is removed after
    /// the answer.
    NewKey,
}

/// The order of a target's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WriteOrder {
    /// Upload of a new binary (runbook 2.3 documents binary first). A copy is one, too.
    pub upload: StoreOrder,
    /// Replacing a binary.
    pub replace: StoreOrder,
    /// Where the content that replaces a binary is stored.
    #[serde(default)]
    pub replace_keys: ReplaceKeys,
    /// Deleting.
    pub delete: StoreOrder,
    /// Completion of a batch job: its results where they have a store of their own, and its row.
    #[serde(default = "binary_first")]
    pub batch: StoreOrder,
}

/// The order of writes that a scenario asks for; what it omits is as the profile declares it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WriteOrderOverride {
    /// Upload of a new binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<StoreOrder>,
    /// Replacing a binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace: Option<StoreOrder>,
    /// Where the content that replaces a binary is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_keys: Option<ReplaceKeys>,
    /// Deleting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<StoreOrder>,
    /// Completion of a batch job, where its results have a store of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<StoreOrder>,
}

fn binary_first() -> StoreOrder {
    StoreOrder::BinaryFirst
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

    /// How the target performs writes of a kind.
    pub const fn path(&self, kind: WriteKind) -> WritePath {
        let (order, keys) = match kind {
            WriteKind::Upload | WriteKind::Copy => (self.upload, ReplaceKeys::InPlace),
            WriteKind::Replace => (self.replace, self.replace_keys),
            WriteKind::Delete => (self.delete, ReplaceKeys::InPlace),
            WriteKind::Label => (StoreOrder::RowFirst, ReplaceKeys::InPlace),
            WriteKind::Batch => (self.batch, ReplaceKeys::InPlace),
        };
        WritePath { kind, keys, order }
    }

    /// The value of the environment variable that the profile's `write-order-env` names:
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

/// How a kind of write goes through both stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct WritePath {
    /// The kind.
    pub kind: WriteKind,
    /// Of a replacement, where its content is stored; [`ReplaceKeys::InPlace`] for other kinds.
    pub keys: ReplaceKeys,
    /// Which store comes first. [`WriteKind::Label`] touches the row only.
    pub order: StoreOrder,
}

impl WritePath {
    /// The kinds, a replacement once for each place of its content; in the order of the tables.
    pub const VARIANTS: [(WriteKind, ReplaceKeys); 7] = [
        (WriteKind::Upload, ReplaceKeys::InPlace),
        (WriteKind::Replace, ReplaceKeys::InPlace),
        (WriteKind::Replace, ReplaceKeys::NewKey),
        (WriteKind::Delete, ReplaceKeys::InPlace),
        (WriteKind::Copy, ReplaceKeys::InPlace),
        (WriteKind::Label, ReplaceKeys::InPlace),
        (WriteKind::Batch, ReplaceKeys::InPlace),
    ];

    /// A write that keeps its key.
    pub const fn new(kind: WriteKind, order: StoreOrder) -> Self {
        Self { kind, keys: ReplaceKeys::InPlace, order }
    }

    /// All that differ, in the order of the tables.
    pub fn all() -> Vec<Self> {
        let orders = |kind| match kind {
            WriteKind::Label => &[StoreOrder::RowFirst][..],
            WriteKind::Upload
            | WriteKind::Replace
            | WriteKind::Delete
            | WriteKind::Copy
            | WriteKind::Batch => &StoreOrder::ALL,
        };
        let paths = |(kind, keys)| orders(kind).iter().map(move |&order| Self { kind, keys, order });
        Self::VARIANTS.into_iter().flat_map(paths).collect()
    }

    /// Whether an old object is removed at the end, after the answer.
    pub fn cleans_up(self) -> bool {
        self.keys == ReplaceKeys::NewKey
    }

    /// Its name in schedules, in file names and on the command line, without the order.
    pub const fn name(self) -> &'static str {
        match (self.kind, self.keys) {
            (WriteKind::Upload, _) => "upload",
            (WriteKind::Replace, ReplaceKeys::InPlace) => "replace",
            (WriteKind::Replace, ReplaceKeys::NewKey) => "replace-new-key",
            (WriteKind::Delete, _) => "delete",
            (WriteKind::Copy, _) => "copy",
            (WriteKind::Label, _) => "label",
            (WriteKind::Batch, _) => "batch",
        }
    }

    /// The same for people.
    pub const fn title(self) -> &'static str {
        match (self.kind, self.keys) {
            (WriteKind::Upload, _) => "upload",
            (WriteKind::Replace, ReplaceKeys::InPlace) => "replace in place",
            (WriteKind::Replace, ReplaceKeys::NewKey) => "replace under a new key",
            (WriteKind::Delete, _) => "delete",
            (WriteKind::Copy, _) => "copy",
            (WriteKind::Label, _) => "label move",
            (WriteKind::Batch, _) => "batch job completes",
        }
    }

    /// With the order: `replace in place, binary first`.
    pub fn describe(self) -> String {
        match (self.kind, self.order) {
            (WriteKind::Label, _) => format!("{} (row only)", self.title()),
            (_, StoreOrder::BinaryFirst) => format!("{}, binary first", self.title()),
            (_, StoreOrder::RowFirst) => format!("{}, row first", self.title()),
        }
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
    fn the_environment_variable_holds_the_whole_order() {
        assert_eq!(
            DOCUMENTED.env_value(),
            "upload=binary-first,replace=binary-first,delete=row-first,batch=binary-first"
        );
        let new_key = WriteOrder { replace_keys: ReplaceKeys::NewKey, ..DOCUMENTED };
        assert!(new_key.env_value().contains("replace=new-key,"));
        let row_first = WriteOrder { replace: StoreOrder::RowFirst, ..new_key };
        assert!(row_first.env_value().contains("replace=new-key-row-first,"));
    }

    #[test]
    fn every_path_of_an_engine_is_one_that_the_model_explores() {
        let all = WritePath::all();
        for replace_keys in [ReplaceKeys::InPlace, ReplaceKeys::NewKey] {
            for order in StoreOrder::ALL {
                let engine =
                    WriteOrder { upload: order, replace: order, replace_keys, delete: order, batch: order };
                assert!(WriteKind::ALL.into_iter().all(|kind| all.contains(&engine.path(kind))));
            }
        }
    }
}
