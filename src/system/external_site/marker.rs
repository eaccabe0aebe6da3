//! The marker on a database of a site: a comment that only `site create` and the runs on it write.
//! It names the database that it was made for, so that a copy of it on another database is not valid.

use crate::system::postgres::DatabaseFacts;
use serde::{Deserialize, Serialize};

/// What a comment that is a marker begins with.
const PREFIX: &str = "pulp-drill site ";

/// The version of the form.
const VERSION: u32 = 1;

/// What is written on a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    version: u32,
    /// The site's id: its buckets carry it too.
    pub id: String,
    /// The name of the database that it is on.
    pub database: String,
    /// The database's identity on its server.
    pub oid: i64,
    /// The server's identity; empty where the role may not know it.
    pub server: String,
    /// The site's buckets.
    pub buckets: Vec<String>,
    /// Where the buckets are.
    pub endpoint: String,
    /// When the site was made.
    pub created: String,
    /// What it holds.
    pub state: SiteState,
}

/// What a site holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SiteState {
    /// Nothing.
    Empty,
    /// What a run has put there, or left there.
    InUse {
        /// The run.
        run: String,
        /// Since when.
        since: String,
    },
}

/// What a comment on a database says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// It is no marker.
    None,
    /// A marker that was made for something else, and why.
    Foreign(String),
    /// This database's.
    Ours(Box<Marker>),
}

impl Marker {
    /// A new site's.
    pub fn new(id: &str, buckets: Vec<String>, endpoint: &str, created: String) -> Self {
        Self {
            version: VERSION,
            id: id.to_owned(),
            database: String::new(),
            oid: 0,
            server: String::new(),
            buckets,
            endpoint: endpoint.to_owned(),
            created,
            state: SiteState::Empty,
        }
    }

    /// The same site in another state.
    #[must_use]
    pub fn with(self, state: SiteState) -> Self {
        Self { state, ..self }
    }

    /// The comment.
    pub fn comment(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{PREFIX}{}", serde_json::to_string(self)?))
    }

    /// Reads what stands on a database: a marker holds only where it was made.
    pub fn read(name: &str, facts: &DatabaseFacts, server: &str) -> Read {
        let Some(json) = facts.comment.as_deref().and_then(|comment| comment.strip_prefix(PREFIX)) else {
            return Read::None;
        };
        let marker: Self = match serde_json::from_str(json) {
            Ok(marker) => marker,
            Err(error) => return Read::Foreign(format!("its marker can't be read: {error}")),
        };
        let wrong = if marker.version != VERSION {
            Some(format!("its marker has the unknown version {}", marker.version))
        } else if marker.database != name {
            Some(format!("its marker was made for database {:?}", marker.database))
        } else if marker.oid != facts.oid || marker.server != server {
            Some("its marker was made for another database of this name: this one is a copy".to_owned())
        } else {
            None
        };
        wrong.map_or_else(|| Read::Ours(Box::new(marker)), Read::Foreign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        let mut marker = Marker::new("7", vec!["a".to_owned()], "http://s", "now".to_owned());
        (marker.database, marker.oid, marker.server) = ("it's \"x\"".to_owned(), 20_000, "s".to_owned());
        marker
    }

    fn read(name: &str, oid: i64, server: &str, comment: Option<String>) -> Read {
        Marker::read(name, &DatabaseFacts { oid, comment, sessions: 0 }, server)
    }

    #[test]
    fn a_marker_holds_where_it_was_made_and_nowhere_else() {
        let comment = || Some(marker().comment().unwrap());
        let name = "it's \"x\"";
        assert_eq!(read(name, 20_000, "s", comment()), Read::Ours(Box::new(marker())));
        for (name, oid, server) in [("y", 20_000, "s"), (name, 20_001, "s"), (name, 20_000, "t")] {
            assert!(matches!(read(name, oid, server, comment()), Read::Foreign(_)), "{name} {oid} {server}");
        }
        assert_eq!(read(name, 20_000, "s", Some("production".to_owned())), Read::None);
        assert_eq!(read(name, 20_000, "s", None), Read::None);
        let spoilt = comment().map(|text| text.replace("\"oid\"", "\"older\""));
        assert!(matches!(read(name, 20_000, "s", spoilt), Read::Foreign(_)));
    }
}
