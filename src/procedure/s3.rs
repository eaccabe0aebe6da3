//! Binaries by copying the bucket into a dated prefix and back: runbook 2.2 and 3.2, by the S3 API
//! (server-side copies). Copying does not verify: that is what the drill is for.

use crate::{
    base::{error::Error, ids::ObjectKey},
    model::finding::Finding,
    procedure::{PendingFaults, backup_failed, restore_failed},
    system::objects::{Bucket, ListedObject},
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
    let copied = copy(from, backups, wanted, abreast, |key| ObjectKey::new(format!("{prefix}{key}"))).await;
    let gone = copied.as_ref().copied().unwrap_or_default();
    Ok((gone, copied.err().map(|error| backup_failed("copy objects", error.to_string()))))
}

/// What a copy of the bucket would copy now.
pub async fn list(from: &Bucket, armed: &PendingFaults) -> Result<Vec<ListedObject>, Error> {
    let listed = match armed.first_page {
        None => from.list("").await?,
        Some(size) => from.first_page("", size).await?.0,
    };
    Ok(listed.into_iter().filter(|o| !armed.without_objects.contains(&o.key)).collect())
}

/// Copies what was listed below the prefix in the backup bucket. Gives the keys of what was gone by
/// then.
pub async fn back_up_listed(
    from: &Bucket,
    backups: &Bucket,
    prefix: &str,
    listed: Vec<ListedObject>,
    abreast: usize,
) -> Result<Vec<ObjectKey>, Error> {
    let copied: Vec<Option<ObjectKey>> = stream::iter(listed)
        .map(|object| async move {
            let to = ObjectKey::new(format!("{prefix}{}", object.key));
            let there = from.copy_if_there(&object.key, backups, &to).await?;
            Ok::<_, Error>((!there).then_some(object.key))
        })
        .buffer_unordered(abreast)
        .try_collect()
        .await?;
    Ok(copied.into_iter().flatten().collect())
}

/// Copies every object below the prefix back into the bucket (runbook 3.2); like `aws s3 sync`
/// without `--delete`, it removes nothing.
pub async fn restore(backups: &Bucket, prefix: &str, to: &Bucket) -> Result<(usize, Option<Finding>), Error> {
    let listed = backups.list(prefix).await?;
    let count = listed.len();
    let back = |key: &ObjectKey| ObjectKey::new(key.as_str().strip_prefix(prefix).unwrap_or(key.as_str()));
    let copied = match copy(backups, to, listed, ABREAST, back).await {
        Ok(0) => Ok(()),
        Ok(gone) => Err(Error::environment(format!("{gone} objects of the backup went away"))),
        Err(error) => Err(error),
    };
    Ok((count, copied.err().map(|error| restore_failed("restore objects", error.to_string()))))
}

/// Copies objects; gives how many were not there any more.
async fn copy(
    from: &Bucket,
    to: &Bucket,
    objects: Vec<ListedObject>,
    abreast: usize,
    name: impl Fn(&ObjectKey) -> ObjectKey,
) -> Result<usize, Error> {
    let jobs =
        objects.into_iter().map(|o| (name(&o.key), o.key, from.clone(), to.clone())).collect::<Vec<_>>();
    stream::iter(jobs)
        .map(|(target, key, from, to)| async move { from.copy_if_there(&key, &to, &target).await })
        .buffer_unordered(abreast)
        .try_fold(0, |gone, there| async move { Ok(gone + usize::from(!there)) })
        .await
}
