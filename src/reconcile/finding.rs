//! What does not match: first a suspicion, and after the second look a finding.

use crate::{
    base::{clock::iso, ids::ObjectKey},
    model::{
        finding::{FindingKind, Severity},
        reference::ObjectReference,
        state::ObjectState,
    },
    system::objects::{ListedObject, ObjectFacts},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::time::Instant;

/// What a suspicion is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a few at a time, in a stream")]
pub enum SuspectSide {
    /// A row, and its object if there is one: it is missing or another.
    Row(ObjectReference, Option<ListedObject>),
    /// An object: no row points at it.
    Object(ListedObject),
}

/// Something that did not match at the first look.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// What seems to be wrong.
    pub kind: FindingKind,
    /// With what.
    pub side: SuspectSide,
    /// When it was seen.
    pub seen: Instant,
    /// How often it was looked at again.
    pub looks: u32,
}

impl Suspect {
    /// Found now.
    pub fn new(kind: FindingKind, side: SuspectSide) -> Self {
        Self { kind, side, seen: Instant::now(), looks: 0 }
    }

    /// The object key.
    pub fn key(&self) -> &ObjectKey {
        match &self.side {
            SuspectSide::Row(row, _) => &row.key,
            SuspectSide::Object(object) => &object.key,
        }
    }
}

/// A confirmed difference, as it is printed: one JSON object a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReconcileFinding {
    /// What is wrong.
    pub kind: FindingKind,
    /// How serious it is.
    pub severity: Severity,
    /// The object key.
    pub key: ObjectKey,
    /// The table of the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The row's name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub actual: String,
    /// When the second look confirmed it.
    pub confirmed: String,
}

impl ReconcileFinding {
    /// Of a row whose object is missing, has another size, or other bytes.
    pub(super) fn of_row(row: &ObjectReference, wrong: Wrong, at: DateTime<Utc>) -> Self {
        Self {
            kind: wrong.kind,
            severity: wrong.kind.severity(),
            key: row.key.clone(),
            table: Some(row.table.to_string()),
            row: Some(row.name.clone()),
            expected: wrong.expected,
            actual: wrong.actual,
            confirmed: iso(at),
        }
    }

    /// Of an object that no row points at.
    pub(super) fn of_object(object: &ListedObject, at: DateTime<Utc>) -> Self {
        let kind = FindingKind::OrphanBinary;
        Self {
            kind,
            severity: kind.severity(),
            key: object.key.clone(),
            table: None,
            row: None,
            expected: "a row that points at it".to_owned(),
            actual: format!("{} bytes, and no row points there", object.size),
            confirmed: iso(at),
        }
    }
}

/// What is wrong with the object of a row.
pub(super) struct Wrong {
    pub(super) kind: FindingKind,
    expected: String,
    actual: String,
}

/// What is wrong with the object of a row, by its existence and size.
pub(super) fn judge(row: &ObjectReference, size: Option<u64>) -> Option<Wrong> {
    let expected = || row.size.map_or("an object".to_owned(), |size| size.to_string());
    match size {
        None if row.may_be_missing() => None,
        None => {
            let actual = "no such object".to_owned();
            Some(Wrong { kind: FindingKind::MissingBinary, expected: expected(), actual })
        }
        Some(is) if !row.is_prefix && row.size.is_some_and(|range| !range.holds(is)) => {
            Some(Wrong { kind: FindingKind::WrongSize, expected: expected(), actual: format!("{is} bytes") })
        }
        Some(_) => None,
    }
}

/// The same, and by its bytes if they were read.
pub(super) fn judge_again(
    row: &ObjectReference,
    facts: &ObjectFacts,
    contents: Option<&ObjectState>,
) -> Option<Wrong> {
    let size = match facts {
        ObjectFacts::Found { size, .. } => Some(*size),
        ObjectFacts::Missing => None,
        ObjectFacts::Denied => return None,
    };
    judge(row, size).or_else(|| {
        let (algorithm, expected, actual) = row.other_checksum(contents?)?;
        Some(Wrong {
            kind: FindingKind::WrongContent,
            expected: format!("{algorithm} {expected}"),
            actual: format!("{algorithm} {actual}"),
        })
    })
}

/// Whether an object was not written since it was listed. A listing may give fractions of a second that
/// the answer to a HEAD request leaves out.
pub(super) fn is_unchanged(listed: Option<&ListedObject>, facts: &ObjectFacts) -> bool {
    match (listed, facts) {
        (None, ObjectFacts::Missing) => true,
        (Some(listed), ObjectFacts::Found { size, modified, .. }) => {
            let times = listed.modified.zip(*modified);
            listed.size == *size && times.is_none_or(|(was, is)| was.timestamp() == is.timestamp())
        }
        (None, ObjectFacts::Found { .. } | ObjectFacts::Denied)
        | (Some(_), ObjectFacts::Missing | ObjectFacts::Denied) => false,
    }
}
