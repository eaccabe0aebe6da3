//! The objects to which the rows of an entity refer, and what the rows record of them.

use super::{
    column::{ColumnPath, EACH, scalar},
    key::{KeyTemplate, text_at},
    read_back::ReadBack,
};
use crate::base::checksum::ChecksumAlgorithm;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The columns that describe a binary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Binary {
    /// The object's key. A row whose columns have no value (NULL or the empty string) has no object.
    pub key: KeyTemplate,
    /// A JSON array or object, or an array of PostgreSQL: one object for each element, which the other keys
    /// call `each`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<ColumnPath>,
    /// Its store.
    #[serde(default, skip_serializing_if = "BinaryStore::is_default")]
    pub store: BinaryStore,
    /// The size, if recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<SizeColumn>,
    /// The media type, if recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<ColumnPath>,
    /// The MD5, if recorded; hexadecimal or base64, as for all checksums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<ColumnPath>,
    /// The SHA-1, if recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<ColumnPath>,
    /// The SHA-256, if recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<ColumnPath>,
    /// The SHA-512, if recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha512: Option<ColumnPath>,
    /// The CRC-32C, if recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32c: Option<ColumnPath>,
    /// The ETag of S3, if recorded; also of an upload in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<ColumnPath>,
    /// Whether the application makes the object again if it is missing (thumbnails, renditions): it may then
    /// be missing after a restore.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
    /// How the started application hands it out: the path of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_back: Option<ReadBack>,
}

/// Where a row's binary is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BinaryStore {
    /// With the assets.
    #[default]
    Assets,
    /// With the results of batch jobs, if they have a place of their own.
    Results,
}

impl BinaryStore {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A column with a size, and its unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SizeColumn {
    /// The column.
    pub column: ColumnPath,
    /// The unit; bytes by default.
    #[serde(default)]
    pub unit: SizeUnit,
    /// How many decimals are recorded: a size in another unit than bytes is right within one unit of the last
    /// one, because applications round in different ways.
    #[serde(default)]
    pub decimals: u32,
}

/// A unit of sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SizeUnit {
    /// Bytes.
    #[default]
    B,
    /// 1000 bytes.
    #[serde(rename = "kB")]
    Kilobyte,
    /// 1024 bytes.
    KiB,
    /// 1000 kB.
    MB,
    /// 1024 KiB.
    MiB,
}

impl SizeUnit {
    /// How many bytes it is.
    pub fn bytes(self) -> u32 {
        match self {
            Self::B => 1,
            Self::Kilobyte => 1000,
            Self::KiB => 1024,
            Self::MB => 1_000_000,
            Self::MiB => 1_048_576,
        }
    }
}

impl<'de> Deserialize<'de> for SizeColumn {
    /// A column alone is in bytes.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        struct WithUnit {
            column: ColumnPath,
            #[serde(default)]
            unit: SizeUnit,
            #[serde(default)]
            decimals: u32,
        }
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a column, or `{column: …, unit: kB, decimals: 2}`")]
        enum Form {
            Column(ColumnPath),
            WithUnit(WithUnit),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Column(column) => Self { column, unit: SizeUnit::B, decimals: 0 },
            Form::WithUnit(WithUnit { column, unit, decimals }) => Self { column, unit, decimals },
        })
    }
}

/// The least and greatest size in bytes that a recorded size stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeRange {
    /// The least.
    pub least: u64,
    /// The greatest.
    pub greatest: u64,
}

impl SizeRange {
    /// Whether a size is one of them.
    pub fn holds(&self, size: u64) -> bool {
        (self.least..=self.greatest).contains(&size)
    }

    /// Whether it is one size only.
    pub fn is_exact(&self) -> bool {
        self.least == self.greatest
    }
}

impl std::fmt::Display for SizeRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.is_exact() {
            true => write!(f, "{} bytes", self.least),
            false => write!(f, "{} to {} bytes", self.least, self.greatest),
        }
    }
}

impl SizeColumn {
    /// The sizes for which a recorded text stands; `None` if it is not a size.
    pub fn range(&self, text: &str) -> Option<SizeRange> {
        let unit = f64::from(self.unit.bytes());
        if self.unit == SizeUnit::B {
            // A column of type numeric may print decimals.
            let (whole, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
            let exact: u64 = whole.parse().ok().filter(|_| decimals.bytes().all(|digit| digit == b'0'))?;
            return Some(SizeRange { least: exact, greatest: exact });
        }
        let value: f64 = text.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)?;
        let step = 10f64.powi(-i32::try_from(self.decimals).unwrap_or(i32::MAX));
        let bytes = |value: f64| (value.max(0.0) * unit).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and rounded"
        )]
        Some(SizeRange { least: bytes(value - step) as u64, greatest: bytes(value + step) as u64 })
    }
}

/// An object, or all objects whose keys begin so, to which a row refers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referred {
    /// The key.
    pub key: String,
    /// The text that the row records as its size.
    pub size: Option<String>,
    /// The media type that it records.
    pub media_type: Option<String>,
    /// The checksums that it records, as it writes them.
    pub checksums: BTreeMap<ChecksumAlgorithm, String>,
}

impl Binary {
    /// The columns with checksums.
    pub fn checksums(&self) -> impl Iterator<Item = (ChecksumAlgorithm, &ColumnPath)> {
        let column = |algorithm| match algorithm {
            ChecksumAlgorithm::Md5 => self.md5.as_ref(),
            ChecksumAlgorithm::Sha1 => self.sha1.as_ref(),
            ChecksumAlgorithm::Sha256 => self.sha256.as_ref(),
            ChecksumAlgorithm::Sha512 => self.sha512.as_ref(),
            ChecksumAlgorithm::Crc32c => self.crc32c.as_ref(),
            ChecksumAlgorithm::Etag => self.etag.as_ref(),
        };
        ChecksumAlgorithm::ALL.into_iter().filter_map(move |algorithm| Some((algorithm, column(algorithm)?)))
    }

    /// All places in a row that it reads.
    pub fn paths(&self) -> impl Iterator<Item = &ColumnPath> {
        let others = self.each.iter().chain(self.size.as_ref().map(|size| &size.column));
        let read_back = self.read_back.iter().flat_map(ReadBack::paths);
        let checksums = self.checksums().map(|(_, path)| path);
        self.key.paths().chain(others).chain(&self.media_type).chain(checksums).chain(read_back)
    }

    /// The columns of its table that it reads.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let of_element = |path: &&ColumnPath| self.each.is_some() && path.column() == EACH;
        self.paths().filter(move |path| !of_element(path)).map(ColumnPath::column)
    }

    /// The columns from which the key follows.
    pub fn key_columns(&self) -> impl Iterator<Item = &str> {
        let paths = self.key.paths().chain(&self.each);
        paths.filter(|path| self.each.is_none() || path.column() != EACH).map(ColumnPath::column)
    }

    /// What a row refers to. Empty values do not count as recorded.
    pub fn referred(&self, row: &Value) -> Vec<Referred> {
        let elements = self.elements(row);
        elements.iter().filter_map(|element| self.one(row, element.as_ref())).collect()
    }

    /// The elements of `each` in a row, or the one reference without an element.
    pub fn elements(&self, row: &Value) -> Vec<Option<Value>> {
        match &self.each {
            None => vec![None],
            Some(each) => each.elements(row).into_iter().map(Some).collect(),
        }
    }

    /// What a row refers to by one of the elements.
    pub fn one(&self, row: &Value, element: Option<&Value>) -> Option<Referred> {
        let key = self.key.key(row, element)?;
        let text = |path: &ColumnPath| text_at(path, row, element).filter(|text| !text.is_empty());
        Some(Referred {
            key,
            size: self.size.as_ref().and_then(|size| text(&size.column)),
            media_type: self.media_type.as_ref().and_then(text),
            checksums: self.checksums().filter_map(|(a, path)| Some((a, text(path)?))).collect(),
        })
    }
}

/// Whether a value marks its row as soft-deleted: neither NULL, false, 0 nor empty.
pub fn marks_deleted(value: Option<&Value>) -> bool {
    !matches!(value.and_then(scalar).as_deref(), None | Some("" | "false" | "0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn binary(yaml: &str) -> Binary {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn a_row_may_refer_to_several_objects() {
        let formats =
            binary("{ each: formats, key: '${each.hash}${each.ext?}', size: each.bytes, md5: each.etag }");
        let row = json!({ "formats": { "a": { "hash": "h1", "ext": ".png", "bytes": 5, "etag": "" },
            "b": { "hash": "h2", "ext": null, "etag": "x" }, "c": { "ext": ".gif" } } });
        let found = formats.referred(&row);
        let keys: Vec<&str> = found.iter().map(|r| r.key.as_str()).collect();
        assert_eq!(keys, ["h1.png", "h2"]);
        assert_eq!((found[0].size.as_deref(), found[0].checksums.len()), (Some("5"), 0));
        assert_eq!(found[1].checksums[&ChecksumAlgorithm::Md5], "x");
        assert_eq!(formats.columns().collect::<Vec<_>>(), ["formats"]);
        assert!(formats.referred(&json!({ "formats": null })).is_empty());
    }

    #[test]
    fn a_size_in_another_unit_is_a_range() {
        let size = |yaml: &str, text: &str| {
            let column: SizeColumn = serde_saphyr::from_str(yaml).unwrap();
            column.range(text).map(|range| (range.least, range.greatest))
        };
        assert_eq!(size("bytes", " 12 "), Some((12, 12)));
        assert_eq!(size("bytes", "12.00"), Some((12, 12)));
        assert_eq!(size("bytes", "12.5"), None);
        assert_eq!(size("{column: s, unit: kB, decimals: 2}", "12.34"), Some((12330, 12350)));
        assert_eq!(size("{column: s, unit: KiB}", "2"), Some((1024, 3072)));
        assert_eq!(size("{column: s, unit: MB}", "0"), Some((0, 1_000_000)));
        assert_eq!(size("{column: s, unit: MB}", "-1"), None);
        assert!(serde_saphyr::from_str::<SizeColumn>("{column: s, unit: TB}").is_err());
    }
}
