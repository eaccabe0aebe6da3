//! Faults in binaries: in the live bucket, or in the backup's copy of it.

use crate::{
    base::{
        digest::Digest,
        error::Error,
        ids::{AssetName, ObjectKey},
    },
    model::state::Metadata,
    runbook::fault::site::{FaultSite, Injected},
    system::objects::{Bucket, Got},
};

/// Bytes of the part of an abandoned upload: the least that S3 accepts for a part that is not the last.
const PART: usize = 5 << 20;

/// Deletes the object of an asset.
pub async fn delete(site: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let (bucket, key) = place(site, name)?;
    let Some((bytes, _)) = read(bucket, &key).await? else {
        return Ok(Injected::nothing(format!("{key} does not exist")));
    };
    bucket.delete(&key).await?;
    Ok(Injected::changed(format!("{key}: {} bytes deleted", bytes.len())))
}

/// Adds an object that no row refers to.
pub async fn add_orphan(site: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let bytes = site.fixture.clone().unwrap_or_else(|| b"orphan".to_vec());
    let key = ObjectKey::new(name.as_str());
    let (bucket, key) = locate(site, key)?;
    let size = bytes.len();
    bucket.put(&key, bytes, &Metadata::of_type("application/octet-stream")).await?;
    Ok(Injected::changed(format!("{key}: {size} bytes that no row refers to")))
}

/// Starts a multipart upload and abandons it.
pub async fn abandon_upload(site: &FaultSite<'_>) -> Result<Injected, Error> {
    let (bucket, key) = locate(site, ObjectKey::new("abandoned-upload.bin"))?;
    if matches!(bucket, Bucket::Files(_)) {
        return Ok(Injected::nothing("a folder has no multipart uploads"));
    }
    let part = vec![7; PART];
    bucket.begin_upload(&key, part).await?;
    Ok(match bucket.uploads(&key).await? {
        0 => Injected::nothing(format!("the store does not list the upload of {key} that was started")),
        _ => Injected::changed(format!("{key}: one part of {PART} bytes stored, upload not completed")),
    })
}

/// Rewrites the object of an asset and keeps its metadata.
pub async fn rewrite(
    site: &FaultSite<'_>,
    name: &AssetName,
    change: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Result<Injected, Error> {
    let (bucket, key) = place(site, name)?;
    let Some((bytes, metadata)) = read(bucket, &key).await? else {
        return Ok(Injected::nothing(format!("{key} does not exist")));
    };
    let changed = change(&bytes);
    put(bucket, &key, &bytes, changed, &metadata).await
}

/// The first half of a binary.
pub fn first_half(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() / 2].to_vec()
}

/// The first MiB of a binary.
pub fn first_mebibyte(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(1 << 20)].to_vec()
}

/// Flips the lowest bit of the byte in the middle.
pub fn flip_bit(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    bytes
}

/// Line feeds as carriage returns and line feeds, as a transfer in text mode makes them.
pub fn convert_lines(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) })
        .copied()
        .collect()
}

/// Moves the object of an asset to a key that differs in case only.
pub async fn change_key_case(site: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let (bucket, key) = place(site, name)?;
    let Some((bytes, metadata)) = read(bucket, &key).await? else {
        return Ok(Injected::nothing(format!("{key} does not exist")));
    };
    let file = key.as_str().rfind('/').map_or(0, |slash| slash + 1);
    let (folder, file) = key.as_str().split_at(file);
    let other = ObjectKey::new(format!("{folder}{}", file.to_uppercase()));
    if other == key {
        return Ok(Injected::nothing(format!("{key} has no lower-case letter")));
    }
    bucket.put(&other, bytes, &metadata).await?;
    bucket.delete(&key).await?;
    Ok(Injected::changed(format!("{key} became {other}")))
}

/// Writes the object of an asset again as it is.
pub async fn write_again(site: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let (bucket, key) = place(site, name)?;
    let Some((bytes, metadata)) = read(bucket, &key).await? else {
        return Ok(Injected::nothing(format!("{key} does not exist")));
    };
    let size = bytes.len();
    bucket.put(&key, bytes, &metadata).await?;
    Ok(Injected::changed(format!("{key}: {size} bytes written again")))
}

/// Adds an empty object whose key ends with a slash.
pub async fn add_folder_marker(site: &FaultSite<'_>) -> Result<Injected, Error> {
    let (bucket, key) = locate(site, ObjectKey::new("new-folder/"))?;
    if matches!(bucket, Bucket::Files(_)) {
        return Ok(Injected::nothing("a folder has no markers"));
    }
    bucket.put(&key, Vec::new(), &Metadata::of_type("application/x-directory")).await?;
    Ok(Injected::changed(format!("{key}: an empty object")))
}

/// Writes the object of an asset again with its bytes only.
pub async fn strip_metadata(site: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let (bucket, key) = place(site, name)?;
    let Some((bytes, before)) = read(bucket, &key).await? else {
        return Ok(Injected::nothing(format!("{key} does not exist")));
    };
    bucket.put(&key, bytes, &Metadata::default()).await?;
    let after = read(bucket, &key).await?.map(|(_, after)| after).unwrap_or_default();
    Ok(match before.changed(&after) {
        None => Injected::nothing(format!("{key} had no metadata to lose")),
        Some((was, is)) => Injected::changed(format!("{key}: {was} became {is}")),
    })
}

/// Exchanges the objects of two assets.
pub async fn swap(site: &FaultSite<'_>, one: &AssetName, other: &AssetName) -> Result<Injected, Error> {
    let (bucket, first) = place(site, one)?;
    let (_, second) = place(site, other)?;
    let (Some(a), Some(b)) = (read(bucket, &first).await?, read(bucket, &second).await?) else {
        return Ok(Injected::nothing(format!("{one} or {other} does not exist")));
    };
    let there = put(bucket, &first, &a.0, b.0.clone(), &a.1).await?;
    let back = put(bucket, &second, &b.0, a.0, &b.1).await?;
    let detail = format!("{}; {}", there.detail, back.detail);
    Ok(Injected { changed: there.changed && back.changed, detail })
}

/// Reverts an asset to its content before the last replacement.
pub async fn revert(site: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let sent = site.sent.get(name).map_or(&[][..], |sent| &sent[..]);
    let [.., previous, _] = sent else {
        return Ok(Injected::nothing(format!("{name} was never replaced")));
    };
    rewrite(site, name, |_| previous.clone()).await
}

async fn put(
    bucket: &Bucket,
    key: &ObjectKey,
    before: &[u8],
    after: Vec<u8>,
    metadata: &Metadata,
) -> Result<Injected, Error> {
    if before == after {
        return Ok(Injected::nothing(format!("{key} is unchanged")));
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
        Got::Denied => Err(Error::environment(format!("access to {key} was denied"))),
    }
}

/// The bucket and key of an asset: live, or in the backup's copy.
fn place<'a>(site: &'a FaultSite<'_>, name: &AssetName) -> Result<(&'a Bucket, ObjectKey), Error> {
    let key = site.keys.get(name).ok_or_else(|| {
        Error::usage(format!("asset {name} does not exist at this point of the timeline"))
            .hint("use an asset of the seed, or upload it in an earlier step")
    })?;
    locate(site, key.clone())
}

fn locate<'a>(site: &'a FaultSite<'_>, key: ObjectKey) -> Result<(&'a Bucket, ObjectKey), Error> {
    if !site.in_backup {
        return Ok((&site.site.objects, key));
    }
    if let Some(unpacked) = &site.unpacked {
        return Ok((unpacked, key));
    }
    let prefix = site.backup.copy.as_ref().ok_or_else(|| {
        Error::usage("a fault in the backup's objects before they are copied")
            .hint("move the step after `copy objects`")
    })?;
    Ok((&site.site.backups, ObjectKey::new(format!("{prefix}{key}"))))
}
