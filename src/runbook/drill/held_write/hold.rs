//! What a write is stopped by: the gate in front of the object store, or the table of its row.

use crate::{
    base::{
        error::Error,
        ids::{ObjectKey, WriteName},
        pattern::matches,
    },
    model::{
        profile::BinaryStore,
        write::{WriteKind, WritePath},
    },
    scenario::hold::Stopper,
    site::Handles,
    system::{
        gate::{GatePoint, HeldRequests, Rule, S3Operation, S3Request},
        postgres::{HeldTable, Statements},
    },
};

/// A hold that is set.
pub enum Hold {
    /// A request, what it looks like, and its answer: a request that came is held there only if that was
    /// said before it came.
    Request(HeldRequests, String, Option<HeldRequests>),
    /// A statement, and the table that it waits for.
    Table(Box<HeldTable>, String),
    /// It was let go.
    Nothing,
}

/// What a write is about, as far as it is known before.
pub struct HoldTarget<'a> {
    pub name: &'a WriteName,
    pub kind: WriteKind,
    pub way: WritePath,
    /// The object that is written or removed, where its key is known.
    pub object: Option<&'a ObjectKey>,
    /// The object that is there before.
    pub old: Option<&'a ObjectKey>,
}

impl Hold {
    /// Sets a hold.
    pub async fn set(site: &Handles, target: &HoldTarget<'_>, by: Stopper) -> Result<Self, Error> {
        let point = match by {
            Stopper::Table => return Self::table(site, target.kind).await,
            Stopper::Request | Stopper::Cleanup => GatePoint::BeforeForward,
            Stopper::Answer => GatePoint::BeforeAnswer,
        };
        let Some(gate) = &site.gate else {
            return Err(Error::usage("nothing of ours stands between the engine and its object store").hint(
                "the store must be reached over http:// with path-style addresses, and the engine be \
                       started by the harness: leave this scenario out by --filter",
            ));
        };
        let (rule, description) = rule(site, target, by);
        let later = (point == GatePoint::BeforeForward && by != Stopper::Cleanup)
            .then(|| gate.hold(rule.clone(), GatePoint::BeforeAnswer));
        Ok(Self::Request(gate.hold(rule, point), description, later))
    }

    /// The hold on the answer of a request that is held.
    pub fn answer(&mut self) -> Option<Self> {
        let Self::Request(_, description, later) = self else { return None };
        Some(Self::Request(later.take()?, description.clone(), None))
    }

    async fn table(site: &Handles, kind: WriteKind) -> Result<Self, Error> {
        let profile = &site.profile;
        let of_results = || profile.with_binaries().find(|(_, binary)| binary.store == BinaryStore::Results);
        let entity = match kind {
            WriteKind::Batch => of_results().map(|(entity, _)| entity),
            WriteKind::Upload
            | WriteKind::Replace
            | WriteKind::Delete
            | WriteKind::Copy
            | WriteKind::Label => profile.assets().first().map(|(entity, _)| *entity),
        };
        let Some(entity) = entity else {
            return Err(Error::usage("the profile names no table that could be held")
                .hint("give it the entity whose rows point at these binaries"));
        };
        let table = HeldTable::hold(&site.database()?, &entity.table, Statements::Writes).await?;
        Ok(Self::Table(Box::new(table), entity.table.to_string()))
    }

    /// Waits until somebody is held; gives the request, if it is one. It waits for ever where nobody
    /// comes.
    pub async fn reached(&mut self) -> Result<Option<S3Request>, Error> {
        match self {
            Self::Request(held, ..) => match held.reached().await {
                Some(request) => Ok(Some(request)),
                None => Err(Error::harness("the gate was closed while a write was to be held")),
            },
            Self::Table(table, _) => table.reached().await.map(|()| None),
            Self::Nothing => std::future::pending().await,
        }
    }

    /// What it waits for, in words.
    pub fn waited_for(&self) -> String {
        match self {
            Self::Request(_, description, _) => format!("waited for {description}"),
            Self::Table(_, table) => format!("waited for a statement that writes the table {table}"),
            Self::Nothing => "waited for nothing".to_owned(),
        }
    }

    /// Lets go what is held.
    pub async fn release(self) -> Result<(), Error> {
        match self {
            // Both at once: it is not to be held at its answer.
            Self::Request(held, _, later) => {
                drop(later);
                held.release();
            }
            Self::Table(table, _) => table.release().await?,
            Self::Nothing => {}
        }
        Ok(())
    }

    /// Breaks off what is held, as if its client had died.
    pub async fn break_off(self) -> Result<(), Error> {
        match self {
            Self::Request(held, ..) => held.break_off(),
            Self::Table(table, _) => table.break_off().await?,
            Self::Nothing => {}
        }
        Ok(())
    }
}

/// The request that is meant: the one for the write's main object, and no copy beside it.
fn rule(site: &Handles, target: &HoldTarget<'_>, by: Stopper) -> (Rule, String) {
    let removes = by == Stopper::Cleanup || target.kind == WriteKind::Delete;
    let operation = if removes { S3Operation::DeleteObject } else { S3Operation::PutObject };
    let bucket = match (target.kind, &site.results) {
        (WriteKind::Batch, Some((_, results))) => results,
        (_, _) => &site.bucket,
    };
    let rule = Rule::on(operation).bucket(bucket.as_str());
    let key = if by == Stopper::Cleanup { target.old } else { target.object };
    let (rule, key) = match (key, target.kind) {
        (Some(key), _) => (rule.key(key.as_str()), key.to_string()),
        // Nothing else writes there.
        (None, WriteKind::Batch) => (rule.nth(1), "…".to_owned()),
        (None, _) => {
            let versioned = target.kind == WriteKind::Replace && target.way.cleans_up();
            let like = pattern(target.name.as_str(), versioned);
            (rule.key_like(&like), like)
        }
    };
    (rule, format!("{operation:?} {bucket}/{key}"))
}

/// What the storage key of an asset looks like: `*-late-logo.png`, or `*-v*-late-logo.png`. What a
/// target may put in the place of other characters can be anything.
fn pattern(name: &str, versioned: bool) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '*' };
    let name: String = name.chars().map(kept).collect();
    format!("*-{}{name}", if versioned { "v*-" } else { "" })
}

/// Whether a key looks like that of a new object of an asset.
pub fn is_like(name: &str, key: &ObjectKey) -> bool {
    matches(&pattern(name, false), key.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storage_key_is_told_by_its_name() {
        assert_eq!(pattern("Logo 2.png", false), "*-Logo*2.png");
        assert_eq!(pattern("logo.png", true), "*-v*-logo.png");
        assert!(is_like("Logo 2.png", &"7-Logo-2.png".into()));
        assert!(!is_like("logo.png", &"7-logo.png.bak".into()));
        assert!(!is_like("logo.png", &"versions/7/1".into()));
    }
}
