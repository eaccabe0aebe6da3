//! A write in flight that is held before it is complete.

use crate::{
    base::{
        error::Error,
        ids::{AssetName, ObjectKey, TemplateKey, WriteName},
    },
    model::{
        state::{KnownTemplate, State},
        write::{WriteKind, WritePath},
    },
    runbook::seed::{Call, CallAnswer},
};
use hold::Hold;
use std::collections::BTreeMap;
use tokio::task::JoinHandle;

pub mod hold;

/// A request that was sent, whose answer is not awaited at present. It ends with its handle.
pub(super) struct Sent(pub(super) JoinHandle<Result<CallAnswer, Error>>);

impl Drop for Sent {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Resolves to the answer.
pub(super) async fn answered(sent: &mut Sent) -> Result<CallAnswer, Error> {
    let joined = (&mut sent.0).await;
    joined.unwrap_or_else(|error| Err(Error::harness("a write that was sent panicked").because(&error)))
}

/// A write that is held before it is complete.
pub(super) struct HeldWrite {
    pub(super) name: WriteName,
    pub(super) kind: WriteKind,
    pub(super) way: WritePath,
    /// What was sent.
    pub(super) call: Call,
    pub(super) sent: Sent,
    /// Whether it was answered: what follows is cleanup.
    pub(super) acknowledged: bool,
    /// The engine's id of a batch job.
    pub(super) job: Option<String>,
    pub(super) hold: Hold,
    /// Both stores as they were before it.
    pub(super) origin: State,
    /// The object that it writes or removes, once that is known.
    pub(super) object: Option<ObjectKey>,
    /// The object that it leaves behind.
    pub(super) old: Option<ObjectKey>,
    /// The templates that it touches, as they were known before it.
    pub(super) templates: BTreeMap<TemplateKey, KnownTemplate>,
    /// How many requests the gate had seen before it.
    pub(super) before: usize,
}

impl HeldWrite {
    /// The asset that it writes; none for a batch job.
    pub(super) fn asset(&self) -> Option<AssetName> {
        (self.kind != WriteKind::Batch).then(|| self.name.as_str().into())
    }

    /// Whether a template's renders depend on it.
    pub(super) fn touches(&self, key: &TemplateKey) -> bool {
        self.templates.contains_key(key)
    }

    /// For people: "the upload of late-logo.png".
    pub(super) fn describe(&self) -> String {
        format!("the {} of {}", self.kind.describe(), self.name)
    }
}

/// The state of both stores at a stage, for people.
pub(super) fn describe(kind: WriteKind, binary: bool, row: bool) -> String {
    let object = if kind == WriteKind::Delete { "deleted" } else { "written" };
    let [object_not, row_not] = [binary, row].map(|done| if done { "" } else { "not " });
    format!("object {object_not}{object}, row {row_not}committed")
}
