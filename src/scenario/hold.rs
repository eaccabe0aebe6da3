//! Writes that a scenario holds in flight: which writes, at which points, and what both stores contain
//! then. That follows from the order in which a target's writes touch the two stores; how a write is held
//! is not known here.

use crate::{
    base::ids::{AssetName, TemplateKey, WriteName},
    model::write::{StoreOrder, WriteKind, WritePath},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is replaced by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// The asset whose binary is replaced.
    pub asset: AssetName,
    /// The fixture with the new bytes.
    pub with: AssetName,
}

/// Where a write is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HoldPoint {
    /// Its request for the object has not reached the store.
    #[serde(rename = "before binary")]
    BeforeBinary,
    /// The store has executed it, and the target has not received the answer.
    #[serde(rename = "after binary")]
    AfterBinary,
    /// Its statement waits for the table.
    #[serde(rename = "before row")]
    BeforeRow,
    /// Its row is committed, and its next request for an object has not reached the store.
    #[serde(rename = "after row")]
    AfterRow,
    /// Everything is done but the removal of the old object, where a replacement has a new key.
    #[serde(rename = "before cleanup")]
    BeforeCleanup,
}

/// A write that begins and is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "BeginForm", into = "BeginForm")]
pub struct Begin {
    /// What is written.
    pub write: Write,
    /// Where it is held.
    pub hold: HoldPoint,
}

/// A write that can be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A fixture becomes an asset.
    Upload(AssetName),
    /// An asset's binary is replaced.
    Replace(Replace),
    /// An asset is deleted.
    Delete(AssetName),
    /// An asset becomes another one.
    Copy(CopyAsset),
    /// A template is rendered by a batch job.
    RunBatch(TemplateKey),
}

/// Its form in a scenario file: one of the writes, and where it is held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "Begin", deny_unknown_fields)]
struct BeginForm {
    /// Upload an asset, as `upload` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload: Option<AssetName>,
    /// Replace an asset's binary, as `replace` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replace: Option<Replace>,
    /// Delete an asset, as `delete` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete: Option<AssetName>,
    /// Copy an asset, as `copy` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    copy: Option<CopyAsset>,
    /// Run a batch job, as `run batch` does.
    #[serde(default, rename = "run batch", skip_serializing_if = "Option::is_none")]
    run_batch: Option<TemplateKey>,
    /// Where it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<HoldPoint>,
}

/// A held write that continues to its next hold point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoOn {
    /// Which write, by the name of its asset; a batch job by its template.
    pub write: WriteName,
    /// Where it is held next.
    pub hold: HoldPoint,
}

/// An asset and its copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyAsset {
    /// The asset that is downloaded.
    pub asset: AssetName,
    /// The name that it is uploaded under.
    #[serde(rename = "as")]
    pub name: AssetName,
}

/// A label and its new version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveLabel {
    /// The template.
    pub template: TemplateKey,
    /// The label: `production`.
    pub label: String,
    /// The new version.
    pub to: VersionRef,
}

/// A version of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a version such as 1.0.0, or its number, counted from 1")]
pub enum VersionRef {
    /// Its number in the order in which versions were saved, from 1.
    Nth(u32),
    /// The target's name for it.
    Named(String),
}

impl fmt::Display for VersionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nth(number) => number.fmt(f),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl TryFrom<BeginForm> for Begin {
    type Error = String;

    fn try_from(form: BeginForm) -> Result<Self, String> {
        const WRITES: &str = "`upload`, `replace`, `delete`, `copy` or `run batch`";
        let BeginForm { upload, replace, delete, copy, run_batch, hold } = form;
        let mut writes = [
            upload.map(Write::Upload),
            replace.map(Write::Replace),
            delete.map(Write::Delete),
            copy.map(Write::Copy),
            run_batch.map(Write::RunBatch),
        ]
        .into_iter()
        .flatten();
        let write = writes.next().ok_or_else(|| format!("no write is given: name one of {WRITES}"))?;
        if writes.next().is_some() {
            return Err(format!("two writes are given: name one of {WRITES}"));
        }
        let hold = hold.ok_or("`begin` needs a hold point: add `hold: after binary`")?;
        Ok(Self { write, hold })
    }
}

impl From<Begin> for BeginForm {
    fn from(Begin { write, hold }: Begin) -> Self {
        let mut form = Self { hold: Some(hold), ..Self::default() };
        match write {
            Write::Upload(name) => form.upload = Some(name),
            Write::Replace(replace) => form.replace = Some(replace),
            Write::Delete(name) => form.delete = Some(name),
            Write::Copy(copy) => form.copy = Some(copy),
            Write::RunBatch(template) => form.run_batch = Some(template),
        }
        form
    }
}

impl HoldPoint {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::BeforeBinary, Self::AfterBinary, Self::BeforeRow, Self::AfterRow, Self::BeforeCleanup];

    /// Its keyword in scenario files.
    pub fn describe(self) -> &'static str {
        match self {
            Self::BeforeBinary => "before binary",
            Self::AfterBinary => "after binary",
            Self::BeforeRow => "before row",
            Self::AfterRow => "after row",
            Self::BeforeCleanup => "before cleanup",
        }
    }
}

impl fmt::Display for HoldPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

impl Write {
    /// Its name while it is in flight.
    pub fn name(&self) -> WriteName {
        match self {
            Self::Upload(name) | Self::Delete(name) => name.as_str().into(),
            Self::Replace(replace) => replace.asset.as_str().into(),
            Self::Copy(copy) => copy.name.as_str().into(),
            Self::RunBatch(template) => template.as_str().into(),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> WriteKind {
        match self {
            Self::Upload(_) => WriteKind::Upload,
            Self::Copy(_) => WriteKind::Copy,
            Self::Replace(_) => WriteKind::Replace,
            Self::Delete(_) => WriteKind::Delete,
            Self::RunBatch(_) => WriteKind::Batch,
        }
    }
}

/// What holds a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopper {
    /// Its request for the object, before it reaches the store.
    Request,
    /// The store's answer to that.
    Answer,
    /// The table of its row.
    Table,
    /// The request that removes the old object.
    Cleanup,
}

/// A stage of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Increases along the write. Two points can be at one stage.
    pub number: u8,
    /// What holds it there.
    pub by: Stopper,
    /// Whether the object has been changed by then.
    pub binary: bool,
    /// Whether the row has been.
    pub row: bool,
}

impl WritePath {
    /// The stage of a hold point; `None` if this write has no such point.
    pub fn stage(self, point: HoldPoint) -> Option<Stage> {
        use HoldPoint as P;
        if self.kind == WriteKind::Label {
            let row = Stage { number: 0, by: Stopper::Table, binary: false, row: false };
            return (point == P::BeforeRow).then_some(row);
        }
        let stage = |number, by, binary, row| Some(Stage { number, by, binary, row });
        let cleanup = || self.cleans_up().then_some(()).and_then(|()| stage(3, Stopper::Cleanup, true, true));
        match (self.order, point) {
            (_, P::BeforeCleanup) => cleanup(),
            (StoreOrder::BinaryFirst, P::BeforeBinary) => stage(0, Stopper::Request, false, false),
            (StoreOrder::BinaryFirst, P::AfterBinary) => stage(1, Stopper::Answer, true, false),
            (StoreOrder::BinaryFirst, P::BeforeRow) => stage(2, Stopper::Table, true, false),
            (StoreOrder::BinaryFirst, P::AfterRow) => cleanup(),
            (StoreOrder::RowFirst, P::BeforeRow) => stage(0, Stopper::Table, false, false),
            (StoreOrder::RowFirst, P::AfterRow | P::BeforeBinary) => stage(1, Stopper::Request, false, true),
            (StoreOrder::RowFirst, P::AfterBinary) => stage(2, Stopper::Answer, true, true),
        }
    }

    /// The hold points of the write, in their order.
    pub fn points(self) -> Vec<HoldPoint> {
        let mut points: Vec<(u8, HoldPoint)> =
            HoldPoint::ALL.into_iter().filter_map(|point| Some((self.stage(point)?.number, point))).collect();
        points.sort_by_key(|(number, _)| *number);
        points.into_iter().map(|(_, point)| point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::write::ReplaceKeys;

    #[test]
    fn on_no_path_a_later_stage_undoes_an_earlier_one() {
        for path in WritePath::all() {
            let stages: Vec<Stage> = path.points().into_iter().filter_map(|p| path.stage(p)).collect();
            assert!(stages.iter().all(|stage| stage.number > 0 || (!stage.binary && !stage.row)));
            for pair in stages.windows(2) {
                assert!(pair[0].number <= pair[1].number);
                assert!(pair[0].binary <= pair[1].binary && pair[0].row <= pair[1].row, "{pair:?}");
            }
        }
    }

    #[test]
    fn after_the_last_row_nothing_can_be_held() {
        let points = |order, keys| WritePath { kind: WriteKind::Replace, keys, order }.points();
        use HoldPoint as P;
        assert_eq!(
            points(StoreOrder::BinaryFirst, ReplaceKeys::InPlace),
            [P::BeforeBinary, P::AfterBinary, P::BeforeRow]
        );
        assert_eq!(
            points(StoreOrder::BinaryFirst, ReplaceKeys::NewKey),
            [P::BeforeBinary, P::AfterBinary, P::BeforeRow, P::AfterRow, P::BeforeCleanup]
        );
        assert_eq!(
            points(StoreOrder::RowFirst, ReplaceKeys::InPlace),
            [P::BeforeRow, P::BeforeBinary, P::AfterRow, P::AfterBinary]
        );
    }
}
