//! Faults in binaries: in the live bucket, or in the backup's copy of it.

use crate::{
    base::{
        digest::Digest,
        error::Error,
        ids::{AssetName, ObjectKey},
    },
    model::{fault::Fault, state::Metadata},
    runbook::fault::{FaultSite, Injected},
    system::objects::{Bucket, Got},
};

/// The bytes of a part that nobody completes: the least that a store takes beside others.
const PART: usize = 5 << 20;

/// Injects a fault in an object; none where it is not one of these.
pub async fn inject(fault: &Fault, target: &FaultSite<'_>) -> Result<Option<Injected>, Error> {
    let injected = match fault {
        Fault::OrphanBinary(name) => plant(target, name).await,
        Fault::AbandonUpload => abandon(target).await,
        Fault::LoseBinary(name) => lose(target, name).await,
        Fault::EmptyBinary(name) => rewrite(target, name, |_| Vec::new()).await,
        Fault::TruncateBinary(name) => rewrite(target, name, |bytes| bytes[..bytes.len() / 2].to_vec()).await,
        Fault::FlipBit(name) => rewrite(target, name, flip_bit).await,
        Fault::LoseMetadata(name) => strip(target, name).await,
        Fault::SwapBinaries([one, other]) => swap(target, one, other).await,
        Fault::PreviousVersion(name) => previous(target, name).await,
        _ => return Ok(None),
    };
    injected.map(Some)
}

/// Deletes the object behind an asset.
async fn lose(target: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let (bucket, key) = place(target, name)?;
    let Some((bytes, _)) = read(bucket, &key).await? else {
        return Ok(Injected::nothing(format!("{key} was not there")));
    };
    bucket.delete(&key).await?;
    Ok(Injected::changed(format!("{key}: {} bytes deleted", bytes.len())))
}

/// Puts an object there that no row points at.
async fn plant(target: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let bytes = target.fixture.clone().unwrap_or_else(|| b"nobody's".to_vec());
    let key = ObjectKey::new(name.as_str());
    let (bucket, key) = locate(target, key)?;
    let size = bytes.len();
    bucket.put(&key, bytes, &Metadata::of_type("application/octet-stream")).await?;
    Ok(Injected::changed(format!("{key}: {size} bytes that no row points at")))
}

/// Begins an upload by parts and leaves it.
async fn abandon(target: &FaultSite<'_>) -> Result<Injected, Error> {
    let (bucket, key) = locate(target, ObjectKey::new("abandoned-upload.bin"))?;
    if matches!(bucket, Bucket::Files(_)) {
        return Ok(Injected::nothing("a folder knows no uploads by parts"));
    }
    let part = vec![7; PART];
    bucket.begin_upload(&key, part).await?;
    Ok(match bucket.uploads(&key).await? {
        0 => Injected::nothing(format!("the store does not show the upload of {key} that was begun")),
        _ => Injected::changed(format!("{key}: one part of {PART} bytes stored, and never completed")),
    })
}

/// Rewrites the object behind an asset; its metadata stays.
async fn rewrite(
    target: &FaultSite<'_>,
    name: &AssetName,
    change: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Result<Injected, Error> {
    let (bucket, key) = place(target, name)?;
    let Some((bytes, metadata)) = read(bucket, &key).await? else {
        return Ok(Injected::nothing(format!("{key} was not there")));
    };
    let changed = change(&bytes);
    put(bucket, &key, &bytes, changed, &metadata).await
}

/// Flips the lowest bit of the byte in the middle.
fn flip_bit(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    bytes
}

/// Writes the object behind an asset as one who knows its bytes only.
async fn strip(target: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let (bucket, key) = place(target, name)?;
    let Some((bytes, before)) = read(bucket, &key).await? else {
        return Ok(Injected::nothing(format!("{key} was not there")));
    };
    bucket.put(&key, bytes, &Metadata::default()).await?;
    let after = read(bucket, &key).await?.map(|(_, after)| after).unwrap_or_default();
    Ok(match before.changed(&after) {
        None => Injected::nothing(format!("{key} had no metadata to lose")),
        Some((was, is)) => Injected::changed(format!("{key}: {was} became {is}")),
    })
}

/// Exchanges the objects behind two assets.
async fn swap(target: &FaultSite<'_>, one: &AssetName, other: &AssetName) -> Result<Injected, Error> {
    let (bucket, first) = place(target, one)?;
    let (_, second) = place(target, other)?;
    let (Some(a), Some(b)) = (read(bucket, &first).await?, read(bucket, &second).await?) else {
        return Ok(Injected::nothing(format!("{one} or {other} was not there")));
    };
    let there = put(bucket, &first, &a.0, b.0.clone(), &a.1).await?;
    let back = put(bucket, &second, &b.0, a.0, &b.1).await?;
    let detail = format!("{}; {}", there.detail, back.detail);
    Ok(Injected { changed: there.changed && back.changed, detail })
}

/// Puts back what an asset was before it was last replaced.
async fn previous(target: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let sent = target.sent.get(name).map_or(&[][..], |sent| &sent[..]);
    let [.., previous, _] = sent else {
        return Ok(Injected::nothing(format!("{name} was never replaced")));
    };
    rewrite(target, name, |_| previous.clone()).await
}

async fn put(
    bucket: &Bucket,
    key: &ObjectKey,
    before: &[u8],
    after: Vec<u8>,
    metadata: &Metadata,
) -> Result<Injected, Error> {
    if before == after {
        return Ok(Injected::nothing(format!("{key} stayed the same")));
    }
    let describe = |bytes: &[u8]| format!("{} bytes, SHA-256 {}", bytes.len(), Digest::of(bytes).short());
    let detail = format!("{key}: {} became {}", describe(before), describe(&after));
    bucket.put(key, after, metadata).await?;
    Ok(Injected::changed(detail))
}

async fn read(bucket: &Bucket, key: &ObjectKey) -> Result<Option<(Vec<u8>, Metadata)>, Error> {
    match bucket.get(key).await? {
        Got::Found { bytes, metadata } => Ok(Some((bytes, metadata))),
        Got::Missing => Ok(None),
        Got::Denied => Err(Error::environment(format!("may not read {key}"))),
    }
}

/// The bucket and key of an asset: live, or in the backup's copy.
fn place<'a>(target: &'a FaultSite<'_>, name: &AssetName) -> Result<(&'a Bucket, ObjectKey), Error> {
    let key = target.keys.get(name).ok_or_else(|| {
        Error::usage(format!("there is no asset {name} at this point of the timeline"))
            .hint("name an asset of the seed, or upload it in an earlier step")
    })?;
    locate(target, key.clone())
}

fn locate<'a>(target: &'a FaultSite<'_>, key: ObjectKey) -> Result<(&'a Bucket, ObjectKey), Error> {
    if !target.in_backup {
        return Ok((&target.site.objects, key));
    }
    if let Some(unpacked) = &target.unpacked {
        return Ok((unpacked, key));
    }
    let prefix = target.backup.copy.as_ref().ok_or_else(|| {
        Error::usage("a fault in the backup's objects before there is a copy of them")
            .hint("put the step after `copy objects`")
    })?;
    Ok((&target.site.backups, ObjectKey::new(format!("{prefix}{key}"))))
}
