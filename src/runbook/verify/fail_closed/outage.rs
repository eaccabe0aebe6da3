//! Ways to keep an engine from its binaries for a while: the gate in front of a bucket, or the folder
//! itself. Each is undone at its end, and also when the probe is given up half way.

use crate::{
    base::error::{Error, ErrorContext},
    site::Handles,
    system::{
        gate::{Gate, Mode},
        objects::Bucket,
    },
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It can't be reached.
    Unreachable,
    /// It denies access.
    Denied,
}

/// An outage that goes on until it is ended or dropped.
pub(super) struct Outage<'a>(Option<Undo<'a>>);

enum Undo<'a> {
    Open(&'a Gate),
    BringBack { folder: PathBuf, aside: PathBuf },
    Unlock { folder: PathBuf, permissions: Permissions },
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Unreachable, Self::Denied];

    /// For findings.
    pub(super) fn situation(self) -> &'static str {
        match self {
            Self::Unreachable => "the object store can't be reached",
            Self::Denied => "the object store denies access",
        }
    }
}

impl<'a> Outage<'a> {
    /// Begins one, or says why it can't be made here.
    pub(super) fn begin(site: &'a Handles, kind: Kind) -> Result<Result<Self, &'static str>, Error> {
        let undo = match (&site.gate, &site.objects) {
            (Some(gate), _) => {
                gate.set(match kind {
                    Kind::Unreachable => Mode::Refuse,
                    Kind::Denied => Mode::Deny,
                });
                Undo::Open(gate)
            }
            (None, Bucket::S3(_)) => return Ok(Err("nothing of ours stands in front of the bucket")),
            (None, Bucket::Files(folder)) => match kind {
                Kind::Unreachable => take_away(folder.path())?,
                Kind::Denied if nix::unistd::geteuid().is_root() => {
                    return Ok(Err("root is denied no folder"));
                }
                Kind::Denied => lock(folder.path())?,
            },
        };
        Ok(Ok(Self(Some(undo))))
    }

    /// Ends it.
    pub(super) fn end(mut self) -> Result<(), Error> {
        self.0.take().map_or(Ok(()), |undo| undo.run())
    }
}

impl Drop for Outage<'_> {
    fn drop(&mut self) {
        // The probe that gave up reports its own error.
        let _ = self.0.take().map(Undo::run);
    }
}

fn take_away<'a>(folder: &Path) -> Result<Undo<'a>, Error> {
    let aside = folder.with_added_extension("away");
    fs::rename(folder, &aside).or_environment(|| format!("can't rename {}", folder.display()))?;
    Ok(Undo::BringBack { folder: folder.to_owned(), aside })
}

fn lock<'a>(folder: &Path) -> Result<Undo<'a>, Error> {
    let context = || format!("can't lock {}", folder.display());
    let permissions = fs::metadata(folder).or_environment(context)?.permissions();
    fs::set_permissions(folder, Permissions::from_mode(0o000)).or_environment(context)?;
    Ok(Undo::Unlock { folder: folder.to_owned(), permissions })
}

impl Undo<'_> {
    fn run(self) -> Result<(), Error> {
        match self {
            Self::Open(gate) => {
                gate.set(Mode::Open);
                Ok(())
            }
            Self::BringBack { folder, aside } => {
                // An engine may have made an empty one; one with files in it is not thrown away.
                let _ = fs::remove_dir(&folder);
                fs::rename(&aside, &folder).or_environment(|| {
                    format!("can't bring {} back to {}", aside.display(), folder.display())
                })
            }
            Self::Unlock { folder, permissions } => fs::set_permissions(&folder, permissions)
                .or_environment(|| format!("can't unlock {}", folder.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_taken_away_comes_back_whole() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("assets");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("logo.png"), "logo").unwrap();
        let left = || fs::read_dir(temp.path()).unwrap().count();
        let outage = Outage(Some(take_away(&folder).unwrap()));
        assert!(!folder.exists());
        // What an engine may do meanwhile.
        fs::create_dir(&folder).unwrap();
        outage.end().unwrap();
        assert_eq!(fs::read(folder.join("logo.png")).unwrap(), b"logo");
        assert_eq!(left(), 1);
        drop(Outage(Some(take_away(&folder).unwrap())));
        assert_eq!((fs::read(folder.join("logo.png")).unwrap(), left()), (b"logo".to_vec(), 1));
    }

    #[test]
    fn a_folder_that_was_locked_has_its_mode_again() {
        let temp = tempfile::tempdir().unwrap();
        let mode = || fs::metadata(temp.path()).unwrap().permissions().mode() & 0o777;
        let before = mode();
        let outage = Outage(Some(lock(temp.path()).unwrap()));
        assert_eq!(mode(), 0);
        outage.end().unwrap();
        assert_eq!(mode(), before);
    }
}
