//! The door to PostgreSQL: the only place that speaks to a server. It knows nothing of what the
//! tables mean; PostgreSQL's own programs (`pg_dump`, `psql`) are run elsewhere.

mod access;

pub use access::{Access, quote_ident};

use crate::base::trouble::Trouble;
use crate::model::profile::Profile;
use crate::model::state::Database;

/// A few connections to one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Postgres {
    access: Access,
}

impl Postgres {
    /// Connects.
    pub async fn connect(access: &Access) -> Result<Self, Trouble> {
        Ok(Self { access: access.clone() })
    }

    /// Reads everything in one snapshot.
    pub async fn capture(&self, _profile: &Profile, _as_of: Option<&Database>) -> Result<Database, Trouble> {
        Err(self.not_yet())
    }

    /// Rows of a query with one JSON column; the arguments are bound as text.
    pub async fn rows(&self, _sql: &str, _args: &[&str]) -> Result<Vec<serde_json::Value>, Trouble> {
        Err(self.not_yet())
    }

    /// Runs a statement; how many rows it touched.
    pub async fn execute(&self, _sql: &str, _args: &[&str]) -> Result<u64, Trouble> {
        Err(self.not_yet())
    }

    /// A setting of the server.
    pub async fn setting(&self, _name: &str) -> Result<String, Trouble> {
        Err(self.not_yet())
    }

    /// The server's version.
    pub async fn version(&self) -> Result<String, Trouble> {
        Err(self.not_yet())
    }

    /// Closes every connection.
    pub async fn close(&self) {}

    fn not_yet(&self) -> Trouble {
        Trouble::harness(format!("not there yet: {}", self.access.database))
    }
}

/// Makes a database.
pub async fn create_database(_maintenance: &Access, _name: &str, _owner: &str) -> Result<(), Trouble> {
    Err(Trouble::harness("not there yet"))
}

/// Drops a database, whoever is connected to it.
pub async fn drop_database(_maintenance: &Access, _name: &str) -> Result<(), Trouble> {
    Err(Trouble::harness("not there yet"))
}
