//! What exists at the location of a site.

use super::marker::{Marker, SiteState};
use crate::base::ids::BucketName;
use std::fmt;

/// A database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseFound {
    /// There is none of this name.
    Absent,
    /// It carries no marker.
    Unmarked,
    /// It carries a marker that was not made for it, and why.
    Foreign(String),
    /// It carries its marker.
    Marked(Box<Marker>),
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketFound {
    /// There is none of this name.
    Absent,
    /// The store keeps no tags.
    Untaggable,
    /// It carries no marker.
    Unmarked,
    /// It belongs to the site with this id.
    Of(String),
}

/// All that belongs to a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteInventory {
    /// The database.
    pub database: DatabaseFound,
    /// What a restore into a fresh database has made.
    pub restored: DatabaseFound,
    /// The buckets.
    pub buckets: Vec<(BucketName, BucketFound)>,
}

impl SiteInventory {
    /// The one id that all marked buckets carry.
    pub(super) fn id_of_buckets(&self) -> Option<&str> {
        let mut ids = self.buckets.iter().filter_map(|(_, found)| match found {
            BucketFound::Of(id) => Some(id.as_str()),
            BucketFound::Absent | BucketFound::Untaggable | BucketFound::Unmarked => None,
        });
        let first = ids.next()?;
        ids.all(|id| id == first).then_some(first)
    }
}

impl fmt::Display for DatabaseFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("not there"),
            Self::Unmarked => f.write_str("not marked"),
            Self::Foreign(why) => f.write_str(why),
            Self::Marked(marker) => match &marker.state {
                SiteState::Empty => write!(f, "site {}, marked empty", marker.id),
                SiteState::InUse { run, since } => {
                    write!(f, "site {}, in use by run {run} since {since}", marker.id)
                }
            },
        }
    }
}

impl fmt::Display for BucketFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("not there"),
            Self::Untaggable => f.write_str("there; the store keeps no tags"),
            Self::Unmarked => f.write_str("not marked"),
            Self::Of(id) => write!(f, "site {id}"),
        }
    }
}
