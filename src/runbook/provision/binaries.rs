//! Where a site's binaries, results and backups are: buckets or folders of its own, or those of a
//! site of the user's, and the gate before them.

use super::external;
use crate::{
    base::{
        error::{Error, ErrorContext},
        ids::BucketName,
    },
    scenario::method::{Method, Procedure, Results},
    system::{
        external_site::SiteLease,
        gate::Gate,
        objects::{Bucket, ObjectStore, S3Access, files::Folders},
    },
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Where the binaries of a new site are.
pub(super) struct Binaries {
    pub(super) s3: Option<S3Access>,
    pub(super) store: ObjectStore,
    pub(super) bucket: BucketName,
    pub(super) results: Option<(Bucket, BucketName)>,
    pub(super) backups: BucketName,
    pub(super) gate: Option<Gate>,
}

/// Makes the places for binaries, results and backups, and tells the engine where they are.
pub(super) async fn binaries(
    number: usize,
    method: &Method,
    objects: &S3Access,
    held: Option<&Arc<SiteLease>>,
    folder: &Path,
    variables: &mut BTreeMap<String, String>,
) -> Result<Binaries, Error> {
    let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
    let in_bucket = method.topology.has_bucket();
    let (store, s3, bucket, results, backups) = if let Some(held) = held {
        external::stores(held)
    } else if in_bucket {
        let s3 = objects.clone();
        let name = |of: &str| BucketName::new(format!("{of}-{number:03}"));
        (ObjectStore::s3(&s3), Some(s3), name("assets"), name("results"), name("backups"))
    } else {
        let name = |of: &str| BucketName::new(of.to_owned());
        (ObjectStore::Files(Folders::new(folder)), None, name("assets"), name("results"), name("backups"))
    };
    if held.is_none() {
        store.create_bucket(&bucket).await?;
        store.create_bucket(&backups).await?;
    }
    if method.procedure == Procedure::PointInTime {
        // Once, before anything is written (runbook 2.2).
        store.bucket(&bucket).set_versioning(true).await?;
    }
    let mut gate = None;
    if let Some(s3) = &s3 {
        set("ASSET_BINARY_STORE", "s3".to_owned());
        set("S3_BUCKET", bucket.to_string());
        set("S3_REGION", s3.region.clone());
        set("S3_ACCESS_KEY_ID", s3.access_key.clone());
        set("S3_SECRET_ACCESS_KEY", s3.secret_key.clone());
        gate = gate_before(s3).await?;
        let through = gate.as_ref().map(|gate| gate.url().as_str().trim_end_matches('/').to_owned());
        set("S3_PATH_STYLE", (through.is_some() || s3.path_style).to_string());
        set("S3_ENDPOINT", through.unwrap_or_else(|| s3.endpoint.clone()));
    } else {
        set("ASSET_BINARY_STORE", "filesystem".to_owned());
    }
    let results = match method.results {
        None => None,
        Some(Results::Directory) => {
            let store = ObjectStore::Files(Folders::new(folder));
            let name = BucketName::new("results");
            store.create_bucket(&name).await?;
            set("JOB_RESULT_BLOB_DIR", folder.join("results").display().to_string());
            Some((store.bucket(&name), name))
        }
        Some(Results::Bucket) => {
            if held.is_none() {
                store.create_bucket(&results).await?;
            }
            if method.procedure == Procedure::PointInTime {
                store.bucket(&results).set_versioning(true).await?;
            }
            set("JOB_RESULT_BLOB_BUCKET", results.to_string());
            Some((store.bucket(&results), results))
        }
    };
    Ok(Binaries { s3, store, bucket, results, backups, gate })
}

/// A gate before an object store. What is asked for over TLS or by host names is signed for the
/// store's own name, and goes there straight.
async fn gate_before(s3: &S3Access) -> Result<Option<Gate>, Error> {
    let upstream = url::Url::parse(&s3.endpoint).or_harness(|| format!("no URL: {}", s3.endpoint))?;
    if upstream.scheme() != "http" || !s3.path_style {
        return Ok(None);
    }
    Ok(Some(Gate::start(&upstream).await?))
}
