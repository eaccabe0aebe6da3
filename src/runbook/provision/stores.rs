//! Where the stores of a run come from.

use super::attached::AttachedStores;
use super::processes::{ObjectServer, PostgresServer};
use crate::system::{containers::Container, external_site::SiteLease, objects::S3Access, postgres::Access};
use std::{collections::BTreeMap, sync::Arc};

/// Where the stores come from.
pub(super) enum Stores {
    /// Started by us as processes; every scenario has its own databases and buckets on them.
    Local { postgres: PostgresServer, objects: ObjectServer },
    /// The same, in containers.
    Containers(ContainerStores),
    /// The user's own, prepared as a site; scenarios use them one after another.
    External(Arc<SiteLease>),
    /// Those of an engine that runs elsewhere; scenarios use them one after another.
    Attached(AttachedStores),
}

/// PostgreSQL and MinIO in containers, running.
pub(super) struct ContainerStores {
    /// The server's database `postgres`, for its superuser.
    pub(super) database: Access,
    /// The object store.
    pub(super) s3: S3Access,
    /// Names and versions, for the record.
    pub(super) description: BTreeMap<String, String>,
    /// PostgreSQL's image.
    pub(super) image: String,
    /// Dropping them removes them.
    pub(super) _containers: [Container; 2],
}
