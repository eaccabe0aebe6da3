//! An object store that throttles while the bucket is copied: the copier goes through a gate of its own,
//! which answers some of its requests with 503 `SlowDown` (S3 User Guide, "Best practices design
//! patterns"). What the store's clients make of that is theirs.

use crate::{
    base::error::{Error, ErrorContext},
    site::Handles,
    system::{
        gate::{End, Failing, Gate, GateFailure, Rule, S3Operation},
        objects::{Bucket, ObjectStore, S3Access},
    },
};
use url::Url;

/// A store that throttles as long as this lives.
pub struct Throttled {
    gate: Gate,
    _failing: Failing,
    /// The engine's bucket behind it.
    pub from: Bucket,
    /// The backups' bucket behind it.
    pub backups: Bucket,
}

impl Throttled {
    /// Begins: of so many copies of an object one is refused.
    ///
    /// # Errors
    /// There is no object store, or none that a gate can stand before.
    pub async fn begin(site: &Handles, every: u64) -> Result<Self, Error> {
        let Some(s3) = &site.s3 else {
            return Err(Error::usage("there is no object store that could throttle"));
        };
        let upstream = Url::parse(&s3.endpoint).or_harness(|| format!("no URL: {}", s3.endpoint))?;
        let gate = Gate::start(&upstream).await?;
        let failing = gate.fail(Rule::on(S3Operation::CopyObject).every(every), GateFailure::Status(503));
        let endpoint = gate.url().as_str().trim_end_matches('/').to_owned();
        let store = ObjectStore::s3(&S3Access { endpoint, path_style: true, ..s3.clone() });
        let (from, backups) = (store.bucket(&site.bucket), store.bucket(&site.backup_bucket));
        Ok(Self { gate, _failing: failing, from, backups })
    }

    /// How many requests were refused so far.
    pub fn refused(&self) -> usize {
        self.gate.seen().iter().filter(|seen| seen.end == End::Answered(503)).count()
    }
}
