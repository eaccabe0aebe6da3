//! Binaries by copying the bucket into a dated prefix and back: runbook 2.2 and 3.2, by the S3 API
//! (server-side copies). Copying does not verify: that is what the drill is for.

use crate::{
    base::{error::Error, ids::ObjectKey},
    model::finding::Finding,
    procedure::{PendingFaults, backup_failed, restore_failed},
    system::objects::{Bucket, Listing},
};
use futures::{StreamExt, TryStreamExt, stream};

/// Copies in flight.
pub const ABREAST: usize = 8;

/// From a store that throttles, one after the other: more would be refused again and again.
pub const ONE: usize = 1;

/// Copies every object of the bucket below the prefix in the backup bucket (runbook 2.2).
/// An object that is gone when its turn comes was deleted meanwhile: the others are copied all the
/// same. Gives how many those were.
pub async fn back_up(
    from: &Bucket,
    backups: &Bucket,
    prefix: &str,
    armed: &PendingFaults,
) -> Result<(usize, Option<Finding>), Error> {
    let wanted = list(from, armed).await?;
    let abreast = if armed.throttle.is_some() { ONE } else { ABREAST };
    let copied = copy(from, backups, wanted, abreast, ("", prefix)).await;
    let gone = copied.as_ref().copied().unwrap_or_default();
    Ok((gone, copied.err().map(|error| backup_failed("copy objects", error.to_string()))))
}

/// What a copy of the bucket would copy now.
pub async fn list(from: &Bucket, armed: &PendingFaults) -> Result<Listing, Error> {
    let listed = match armed.first_page {
        None => from.list("").await?,
        Some(size) => from.first_page("", size).await?.0.into_iter().collect(),
    };
    if armed.without_objects.is_empty() {
        return Ok(listed);
    }
    Ok(listed.into_iter().filter(|o| !armed.without_objects.contains(&o.key)).collect())
}

/// Copies what was listed below the prefix in the backup bucket. Gives the keys of what was gone by
/// then.
pub async fn back_up_listed(
    from: &Bucket,
    backups: &Bucket,
    prefix: &str,
    listed: Listing,
    abreast: usize,
) -> Result<Vec<ObjectKey>, Error> {
    stream::iter(listed)
        .map(|object| async move {
            let to = ObjectKey::new(format!("{prefix}{}", object.key));
            let there = from.copy_if_there(&object.key, backups, &to).await?;
            Ok::<_, Error>((!there).then_some(object.key))
        })
        .buffer_unordered(abreast)
        .try_filter_map(|gone| std::future::ready(Ok(gone)))
        .try_collect()
        .await
}

/// Copies every object below the prefix back into the bucket (runbook 3.2); like `aws s3 sync`
/// without `--delete`, it removes nothing.
pub async fn restore(backups: &Bucket, prefix: &str, to: &Bucket) -> Result<(usize, Option<Finding>), Error> {
    let listed = backups.list(prefix).await?;
    let count = listed.len();
    let copied = match copy(backups, to, listed, ABREAST, (prefix, "")).await {
        Ok(0) => Ok(()),
        Ok(gone) => Err(Error::environment(format!("{gone} objects of the backup went away"))),
        Err(error) => Err(error),
    };
    Ok((count, copied.err().map(|error| restore_failed("restore objects", error.to_string()))))
}

/// Copies objects, with the second prefix in place of the first one; gives how many were not there any more.
async fn copy(
    from: &Bucket,
    to: &Bucket,
    objects: Listing,
    abreast: usize,
    (old, new): (&str, &str),
) -> Result<usize, Error> {
    stream::iter(objects)
        .map(|object| async move {
            let short = object.key.as_str().strip_prefix(old).unwrap_or(object.key.as_str());
            from.copy_if_there(&object.key, to, &ObjectKey::new(format!("{new}{short}"))).await
        })
        .buffer_unordered(abreast)
        .try_fold(0, |gone, there| async move { Ok(gone + usize::from(!there)) })
        .await
}
