//! The S3 driver.

use crate::base::ids::{BucketName, ObjectKey};
use crate::base::trouble::Trouble;
use crate::model::state::Object;
use crate::system::objects::kinds::{Got, Listed};
use std::collections::BTreeMap;

/// Where an S3 store is and who may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Access {
    /// The base URL: `http://127.0.0.1:9000`.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The access key's id.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
    /// Whether the bucket stands in the path rather than in the host name.
    pub path_style: bool,
}

impl std::fmt::Debug for S3Access {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3Access({})", self.endpoint)
    }
}

/// A store that speaks S3.
#[derive(Clone, Debug)]
pub struct S3;

/// A bucket of one.
#[derive(Clone, Debug)]
pub struct S3Bucket;

fn not_yet<T>() -> Result<T, Trouble> {
    Err(Trouble::harness("not there yet"))
}

#[rustfmt::skip]
impl S3 {
    pub(super) fn new(_access: &S3Access) -> Self { Self }
    pub(super) fn bucket(&self, _name: &BucketName) -> S3Bucket { S3Bucket }
    pub(super) async fn ping(&self) -> Result<(), Trouble> { not_yet() }
}

#[rustfmt::skip]
impl S3Bucket {
    pub(super) async fn create(&self) -> Result<(), Trouble> { not_yet() }
    pub(super) async fn delete_whole(&self) -> Result<(), Trouble> { not_yet() }
    pub(super) async fn list(&self, _prefix: &str) -> Result<Vec<Listed>, Trouble> { not_yet() }
    pub(super) async fn first_page(&self, _prefix: &str, _max: u16) -> Result<(Vec<Listed>, bool), Trouble> { not_yet() }
    pub(super) async fn get(&self, _key: &ObjectKey) -> Result<Got, Trouble> { not_yet() }
    pub(super) async fn put(&self, _key: &ObjectKey, _bytes: Vec<u8>, _type: Option<&str>) -> Result<(), Trouble> { not_yet() }
    pub(super) async fn delete(&self, _key: &ObjectKey) -> Result<(), Trouble> { not_yet() }
    pub(super) async fn copy_to(&self, _from: &ObjectKey, _to: &Self, _key: &ObjectKey) -> Result<(), Trouble> { not_yet() }
    pub(super) async fn inventory(&self, _prefix: &str) -> Result<BTreeMap<ObjectKey, Object>, Trouble> { not_yet() }
    pub(super) async fn set_versioning(&self, _on: bool) -> Result<(), Trouble> { not_yet() }
}
