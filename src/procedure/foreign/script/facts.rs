//! What a script needs of its environment, and what it holds.

use std::collections::{BTreeMap, BTreeSet};

/// What a script needs and holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptFacts {
    /// Whether `pg_dump`'s last line is there, for a dump of a cluster that of `pg_dumpall`.
    pub complete: bool,
    /// Roles that policies and user mappings name.
    pub roles: BTreeSet<String>,
    /// Extensions that it creates.
    pub extensions: BTreeSet<String>,
    /// Subscriptions, which are left out of a copy: it must not replicate from a system that still runs.
    pub subscriptions: BTreeSet<String>,
    /// What only a superuser may create, as kinds: `event trigger`.
    pub needs_superuser: BTreeSet<&'static str>,
    /// The tables of each database that it connects to, with their schemas; those before the first
    /// `\connect` are under the empty name.
    pub databases: BTreeMap<String, BTreeSet<String>>,
}
