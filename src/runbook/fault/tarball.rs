//! Faults in what lies in folders: in the backup's tarballs, which are unpacked, damaged and packed
//! again, and in the live files that hold rows.

use crate::{
    base::{
        error::{Error, ErrorContext},
        ids::{BucketName, TableName},
    },
    model::{fault::Fault, finding::Finding, profile::RowFolder},
    procedure::archive,
    runbook::fault::{FaultSite, Injected, dump, objects},
    site::RowStore,
    system::{
        objects::{ObjectStore, files::Folders},
        row_files::RowFiles,
    },
};
use std::path::{Path, PathBuf};

/// Injects a fault in a binary of the backup's archive; none where it is not one of these.
pub async fn inject_in_binaries(
    fault: &Fault,
    target: &mut FaultSite<'_>,
) -> Result<Option<Injected>, Error> {
    let folder = target.site.assets_dir();
    let unpacked = Unpacked::of(target, target.backup.assets.as_deref(), &folder).await?;
    let above = Folders::new(unpacked.above());
    target.unpacked = Some(ObjectStore::Files(above).bucket(&BucketName::new(unpacked.name())));
    let injected = objects::inject(fault, target).await;
    target.unpacked = None;
    unpacked.pack(target).await?;
    injected
}

/// Injects a fault in a file that holds rows; none where it is not one of these.
pub async fn inject_in_rows(fault: &Fault, target: &FaultSite<'_>) -> Result<Option<Injected>, Error> {
    let Fault::TruncateRowFile(table) = fault else { return Ok(None) };
    let profile = &target.site.profile;
    let (RowStore::Files(live), Some(files)) = (&target.site.rows, profile.file_mode.as_ref()) else {
        return Ok(Some(Injected::nothing("the rows of this site are in no files")));
    };
    let Some(files) = files.tables.get(table) else {
        let message = format!("the profile's file mode knows no table {table}");
        return Err(Error::usage(message).hint("name one of `file-mode: tables`"));
    };
    if !target.in_backup {
        return truncate(live, table, target).map(Some);
    }
    let (tarball, folder) = match files.folder {
        RowFolder::Templates => (&target.backup.templates, &live.templates),
        RowFolder::Assets => (&target.backup.assets, &live.assets),
    };
    let unpacked = Unpacked::of(target, tarball.as_deref(), folder).await?;
    let copy = match files.folder {
        RowFolder::Templates => RowFiles { templates: unpacked.folder.clone(), ..live.clone() },
        RowFolder::Assets => RowFiles { assets: unpacked.folder.clone(), ..live.clone() },
    };
    let injected = truncate(&copy, table, target);
    unpacked.pack(target).await?;
    injected.map(Some)
}

/// Cuts the first of a table's files in half.
fn truncate(files: &RowFiles, table: &TableName, target: &FaultSite<'_>) -> Result<Injected, Error> {
    match files.files_of(table, &target.site.profile)?.first() {
        Some(file) => dump::truncate(Some(file), "file"),
        None => Ok(Injected::nothing(format!("there is no file with rows of {table}"))),
    }
}

/// A tarball's folder, unpacked beside the live one.
struct Unpacked<'a> {
    tarball: &'a Path,
    folder: PathBuf,
}

impl<'a> Unpacked<'a> {
    async fn of(target: &FaultSite<'_>, tarball: Option<&'a Path>, live: &Path) -> Result<Self, Error> {
        let tarball = tarball.ok_or_else(|| {
            Error::usage("a fault in the backup's archive before there is one")
                .hint("put the step after `archive assets` or `archive templates`")
        })?;
        let name = live.file_name().unwrap_or_default();
        let folder = target.site.folder.join("unpacked").join(name);
        done(archive::restore(target.site, "unpack", tarball, &folder, target.log).await?)?;
        Ok(Self { tarball, folder })
    }

    fn above(&self) -> &Path {
        self.folder.parent().unwrap_or(Path::new("."))
    }

    fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Packs it again, and leaves nothing behind.
    async fn pack(self, target: &FaultSite<'_>) -> Result<(), Error> {
        let packed = archive::back_up(target.site, "pack", &self.folder, self.tarball, target.log).await;
        let above = self.above();
        std::fs::remove_dir_all(above).or_environment(|| format!("can't remove {}", above.display()))?;
        done(packed?)
    }
}

/// Our own packing must not fail.
fn done(failed: Option<Finding>) -> Result<(), Error> {
    failed.map_or(Ok(()), |finding| Err(Error::environment("tar failed").cause(finding.actual)))
}
