//! Faults in folders: in the backup's tarballs, which are unpacked, damaged and packed again, and in
//! the live files with rows.

use crate::{
    base::{
        error::{Error, ErrorContext},
        ids::{BucketName, TableName},
    },
    model::{finding::Finding, profile::RowFolder},
    procedure::archive,
    runbook::fault::{FaultSite, Injected, dump},
    site::RowStore,
    system::{
        objects::{Bucket, ObjectStore, files::Folders},
        row_files::RowFiles,
    },
};
use std::path::{Path, PathBuf};

/// Unpacks the backup's archive of the assets folder.
///
/// # Errors
/// There is no such archive yet, or it cannot be unpacked.
pub async fn unpack_assets<'a>(site: &FaultSite<'a>) -> Result<UnpackedTarball<'a>, Error> {
    UnpackedTarball::of(site, site.backup.assets.as_deref(), &site.site.assets_dir()).await
}

/// Truncates a file with rows, live or in the backup's archive.
///
/// # Errors
/// The profile has no such table, or the file cannot be changed.
pub async fn truncate_row_file(site: &FaultSite<'_>, table: &TableName) -> Result<Injected, Error> {
    let profile = &site.site.profile;
    let (RowStore::Files(live), Some(files)) = (&site.site.rows, profile.file_mode.as_ref()) else {
        return Ok(Injected::nothing("the rows of this site are not in files"));
    };
    let Some(files) = files.tables.get(table) else {
        let message = format!("the profile's file mode has no table {table}");
        return Err(Error::usage(message).hint("use a table of `file-mode: tables`"));
    };
    if !site.in_backup {
        return truncate(live, table, site);
    }
    let (tarball, folder) = match files.folder {
        RowFolder::Templates => (&site.backup.templates, &live.templates),
        RowFolder::Assets => (&site.backup.assets, &live.assets),
    };
    let unpacked = UnpackedTarball::of(site, tarball.as_deref(), folder).await?;
    let copy = match files.folder {
        RowFolder::Templates => RowFiles { templates: unpacked.folder.clone(), ..live.clone() },
        RowFolder::Assets => RowFiles { assets: unpacked.folder.clone(), ..live.clone() },
    };
    let injected = truncate(&copy, table, site);
    unpacked.pack(site).await?;
    injected
}

/// Truncates the first of a table's files.
fn truncate(files: &RowFiles, table: &TableName, site: &FaultSite<'_>) -> Result<Injected, Error> {
    match files.files_of(table, &site.site.profile)?.first() {
        Some(file) => dump::truncate(Some(file), "file"),
        None => Ok(Injected::nothing(format!("{table} has no file"))),
    }
}

/// The folder of a tarball while it is unpacked.
pub struct UnpackedTarball<'a> {
    tarball: &'a Path,
    folder: PathBuf,
}

impl<'a> UnpackedTarball<'a> {
    async fn of(site: &FaultSite<'_>, tarball: Option<&'a Path>, live: &Path) -> Result<Self, Error> {
        let tarball = tarball.ok_or_else(|| {
            Error::usage("a fault in the backup's archive before it exists")
                .hint("move the step after `archive assets` or `archive templates`")
        })?;
        let name = live.file_name().unwrap_or_default();
        let folder = site.site.folder.join("unpacked").join(name);
        done(archive::restore(site.site, "unpack", tarball, &folder, site.log).await?)?;
        Ok(Self { tarball, folder })
    }

    fn parent(&self) -> &Path {
        self.folder.parent().unwrap_or(Path::new("."))
    }

    /// The folder as a bucket.
    pub fn bucket(&self) -> Bucket {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        ObjectStore::Files(Folders::new(self.parent())).bucket(&BucketName::new(name))
    }

    /// Packs it again and removes the folder.
    ///
    /// # Errors
    /// `tar` fails, or the folder cannot be removed.
    pub async fn pack(self, site: &FaultSite<'_>) -> Result<(), Error> {
        let packed = archive::back_up(site.site, "pack", &self.folder, self.tarball, site.log).await;
        let parent = self.parent();
        std::fs::remove_dir_all(parent).or_environment(|| format!("can't remove {}", parent.display()))?;
        done(packed?)
    }
}

/// A failure of our own packing is not a finding.
fn done(failed: Option<Finding>) -> Result<(), Error> {
    failed.map_or(Ok(()), |finding| Err(Error::environment("tar failed").cause(finding.actual)))
}
