//! Reading objects into files, and their beginnings. Nothing is kept in memory, nothing is written
//! at the store.

use super::S3Bucket;
use super::read::kept;
use crate::base::digest::Hasher;
use crate::base::error::{Error, ErrorContext};
use crate::base::ids::ObjectKey;
use crate::system::objects::kinds::Fetched;
use std::io::Write as _;
use std::path::Path;

/// What the key of a backup's store may do.
const ONLY_READ: &str = "let this access key read the backup; it need not be able to write";

impl S3Bucket {
    /// Reads an object into a file that must not be there; nothing where there is no such object.
    pub(in crate::system::objects) async fn fetch(
        &self,
        key: &ObjectKey,
        to: &Path,
    ) -> Result<Option<Fetched>, Error> {
        let Some(mut object) = self.must_open(key, ONLY_READ).await? else { return Ok(None) };
        let write = || format!("can't write {}", to.display());
        let mut file = std::fs::File::create_new(to).or_environment(write)?;
        let (mut hasher, mut bytes, metadata) = (Hasher::new(), 0, kept(&object));
        while let Some(chunk) =
            object.body.try_next().await.or_environment(|| self.describe("read", key.as_str()))?
        {
            bytes += chunk.len() as u64;
            hasher.update(&chunk);
            file.write_all(&chunk).or_environment(write)?;
        }
        Ok(Some(Fetched { bytes, sha256: hasher.finish(), metadata }))
    }

    /// The first bytes of an object; nothing where there is no such object. What comes after them is
    /// not waited for.
    pub(in crate::system::objects) async fn start(
        &self,
        key: &ObjectKey,
        most: usize,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(mut object) = self.must_open(key, ONLY_READ).await? else { return Ok(None) };
        let mut start = Vec::new();
        while start.len() < most
            && let Some(chunk) =
                object.body.try_next().await.or_environment(|| self.describe("read", key.as_str()))?
        {
            start.extend_from_slice(&chunk);
        }
        start.truncate(most);
        Ok(Some(start))
    }
}
