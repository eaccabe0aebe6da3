//! Where a backup lies: a bucket or a place on this machine, opened for reading and nothing else.
//!
//! [`Origin`] has no method that writes, and its fields are private: who holds one can't change what
//! it leads to. At an S3 store it sends `ListObjectsV2` and `GetObject`; local files are opened for
//! reading. Links inside a local folder are refused: they could lead anywhere.

use super::kinds::{Fetched, ListedObject, Listing, ListingBuilder};
use super::s3::{S3, S3Access, S3Bucket};
use crate::base::digest::Hasher;
use crate::base::error::{Error, ErrorContext};
use crate::base::folder::{Links, walk};
use crate::base::ids::{BucketName, ObjectKey};
use crate::model::state::Metadata;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Deeper folders are no backup of binaries.
const DEEPEST: usize = 64;

/// A file, a folder, an object or a prefix that is only read.
#[derive(Clone, Debug)]
pub struct Origin {
    place: Place,
    shown: String,
}

#[derive(Clone, Debug)]
enum Place {
    /// An object, or all below a prefix that is empty or ends with a slash.
    S3 {
        bucket: S3Bucket,
        key: String,
    },
    Local(PathBuf),
}

impl Origin {
    /// An object of a bucket, or all below a prefix that is empty or ends with a slash. Nothing is
    /// sent yet.
    pub fn s3(access: &S3Access, session: Option<String>, bucket: &BucketName, key: &str) -> Self {
        let shown = format!("s3://{bucket}/{key}");
        let bucket = S3::with_session(access, session).bucket(bucket);
        Self { place: Place::S3 { bucket, key: key.to_owned() }, shown }
    }

    /// A file or folder on this machine; a link to one is followed.
    ///
    /// # Errors
    /// Blames the user where there is neither: nothing, a loop of links, a device.
    pub fn local(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let meta = std::fs::metadata(path).or_usage(|| format!("can't read the backup {shown}"))?;
        if !meta.is_file() && !meta.is_dir() {
            return Err(Error::usage(format!("can't read the backup {shown}"))
                .cause("it is neither a file nor a folder"));
        }
        let real = path.canonicalize().or_usage(|| format!("can't read the backup {shown}"))?;
        Ok(Self { place: Place::Local(real), shown })
    }

    /// For people: its URL or path.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What lies below a folder or prefix at a path; a folder's ends with a slash.
    pub fn child(&self, path: &str) -> Self {
        let shown = format!("{}/{path}", self.shown.trim_end_matches('/'));
        let place = match &self.place {
            Place::S3 { bucket, key } => Place::S3 { bucket: bucket.clone(), key: format!("{key}{path}") },
            Place::Local(folder) => Place::Local(folder.join(path.trim_end_matches('/'))),
        };
        Self { place, shown }
    }

    /// The URL or path's last part.
    pub fn name(&self) -> &str {
        self.shown.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is a folder or a prefix.
    pub fn is_folder(&self) -> bool {
        match &self.place {
            Place::S3 { key, .. } => key.is_empty() || key.ends_with('/'),
            Place::Local(path) => path.is_dir(),
        }
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        matches!(self.place, Place::Local(_))
    }

    /// All that lies below a folder or prefix, by its path there, or the one file or object by its name.
    ///
    /// # Errors
    /// Blames the user (the backup is what it should not be) for links, devices and names that are
    /// no text.
    pub async fn items(&self) -> Result<Listing, Error> {
        match &self.place {
            Place::S3 { bucket, key } => {
                let all =
                    bucket.list(key).await?.into_iter().filter(|o| self.is_folder() || o.key.as_str() == key);
                let below = all.filter_map(|object| {
                    let short = match self.is_folder() {
                        true => object.key.as_str().strip_prefix(key.as_str())?,
                        false => self.name(),
                    };
                    // Consoles make an empty object for a "folder".
                    let is_marker = short.is_empty() || (short.ends_with('/') && object.size == 0);
                    let item =
                        ListedObject { key: short.into(), size: object.size, modified: object.modified };
                    (!is_marker).then_some(item)
                });
                Ok(below.collect())
            }
            Place::Local(path) if path.is_dir() => files_below(path),
            Place::Local(path) => {
                let meta = path.metadata().or_environment(|| format!("can't look at {}", path.display()))?;
                let modified = meta.modified().ok().map(Into::into);
                let only = ListedObject { key: self.name().into(), size: meta.len(), modified };
                Ok(std::iter::once(only).collect())
            }
        }
    }

    /// The first bytes of an item; nothing where it is not there.
    pub async fn start(&self, key: &ObjectKey, most: usize) -> Result<Option<Vec<u8>>, Error> {
        match &self.place {
            Place::S3 { bucket, .. } => bucket.start(&self.whole(key), most).await,
            Place::Local(_) => {
                let path = self.path(key)?;
                let context = || format!("can't read {}", path.display());
                let mut start = Vec::new();
                let file = match File::open(&path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    file => file.or_environment(context)?,
                };
                file.take(most as u64).read_to_end(&mut start).or_environment(context)?;
                Ok(Some(start))
            }
        }
    }

    /// Reads an item into a file that must not be there yet, whose folder is made.
    ///
    /// # Errors
    /// Blames the environment, also where the item went away since it was listed.
    pub async fn fetch(&self, key: &ObjectKey, to: &Path) -> Result<Fetched, Error> {
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).or_environment(|| format!("can't make {}", folder.display()))?;
        }
        match &self.place {
            Place::S3 { bucket, .. } => {
                bucket.fetch(&self.whole(key), to).await?.ok_or_else(|| self.gone(key))
            }
            Place::Local(_) => copy(&self.path(key)?, to),
        }
    }

    fn gone(&self, key: &ObjectKey) -> Error {
        Error::environment(format!("can't read {key:?} of {}", self.shown))
            .cause("it was listed, and then it was gone")
    }

    /// The key as the store knows it.
    fn whole(&self, key: &ObjectKey) -> ObjectKey {
        match &self.place {
            Place::S3 { key: prefix, .. } if self.is_folder() => ObjectKey::new(format!("{prefix}{key}")),
            Place::S3 { key: own, .. } => ObjectKey::new(own),
            Place::Local(_) => key.clone(),
        }
    }

    fn path(&self, key: &ObjectKey) -> Result<PathBuf, Error> {
        match &self.place {
            Place::Local(path) if path.is_dir() => Ok(path.join(key.as_str())),
            Place::Local(path) => Ok(path.clone()),
            Place::S3 { .. } => Err(Error::harness("an object has no path")),
        }
    }
}

/// The files below a folder, by key.
fn files_below(folder: &Path) -> Result<Listing, Error> {
    let context = || format!("can't list {}", folder.display());
    let mut all = ListingBuilder::default();
    for entry in walk(folder, Links::Report, DEEPEST + 1, |_| true) {
        let entry = entry.or_environment(context)?;
        let refuse =
            |why: &str| Err(Error::usage(format!("won't read {}", entry.path().display())).cause(why));
        let Some(key) = entry.path().strip_prefix(folder).ok().and_then(Path::to_str) else {
            return refuse("its name is not UTF-8");
        };
        let kind = entry.file_type();
        if kind.is_dir() && entry.depth() > DEEPEST {
            return refuse(&format!("it lies more than {DEEPEST} folders deep"));
        } else if kind.is_file() {
            let meta = entry.metadata().or_environment(context)?;
            let modified = meta.modified().ok().map(Into::into);
            all.add(ListedObject { key: key.into(), size: meta.len(), modified });
        } else if kind.is_symlink() {
            return refuse("it is a link, which could lead out of the backup");
        } else if !kind.is_dir() {
            return refuse("it is neither a file nor a folder");
        }
    }
    Ok(all.finish())
}

fn copy(from: &Path, to: &Path) -> Result<Fetched, Error> {
    let (read, write) =
        (|| format!("can't read {}", from.display()), || format!("can't write {}", to.display()));
    let mut source = File::open(from).or_environment(read)?;
    let mut target = File::create_new(to).or_environment(write)?;
    let (mut hasher, mut bytes, mut buffer) = (Hasher::new(), 0, vec![0; 1 << 16]);
    loop {
        let n = source.read(&mut buffer).or_environment(read)?;
        if n == 0 {
            return Ok(Fetched { bytes, sha256: hasher.finish(), metadata: Metadata::default() });
        }
        bytes += n as u64;
        hasher.update(&buffer[..n]);
        target.write_all(&buffer[..n]).or_environment(write)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[tokio::test]
    async fn a_folder_is_listed_by_path_and_links_are_refused() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::create_dir(temp.path().join("a")).unwrap();
        std::fs::write(temp.path().join("a/b.png"), "xyz").unwrap();
        let origin = Origin::local(temp.path()).unwrap();
        let items: Vec<_> = origin.items().await.unwrap().into_iter().collect();
        assert_eq!((items[0].key.as_str(), items[0].size, items.len()), ("a/b.png", 3, 1));
        symlink("/etc/passwd", temp.path().join("c")).unwrap();
        let refused = origin.items().await.unwrap_err();
        assert_eq!(refused.blame, crate::base::error::Blame::Usage);
        assert!(refused.to_string().contains("it is a link"), "{refused}");
    }

    #[test]
    fn loops_devices_and_nothing_are_usage_errors() {
        let temp = tempfile::tempdir().unwrap();
        symlink("loop", temp.path().join("loop")).unwrap();
        for path in [temp.path().join("loop"), temp.path().join("none"), PathBuf::from("/dev/zero")] {
            let refused = Origin::local(&path).unwrap_err();
            assert_eq!(refused.blame, crate::base::error::Blame::Usage, "{refused}");
        }
    }
}
