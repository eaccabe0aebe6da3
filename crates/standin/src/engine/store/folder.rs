//! Binaries as files below one folder. The engine makes the keys (a UUID and a sanitised name); a
//! key that would leave the folder is still refused, since rows can be restored from anywhere.

use super::failure::StoreFailure;
use std::io::{Error, ErrorKind};
use std::path::{Component, Path, PathBuf};
use tokio::fs;

/// A folder of binaries.
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn name(&self) -> String {
        self.root.display().to_string()
    }

    /// Makes the folder where it is missing at start only: afterwards its absence is an outage.
    pub(crate) async fn make(&self) -> Result<(), StoreFailure> {
        fs::create_dir_all(&self.root).await.map_err(|error| unreachable(&error))
    }

    pub(crate) async fn probe(&self) -> Result<(), StoreFailure> {
        match fs::read_dir(&self.root).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(denied(&error)),
            Err(error) => Err(unreachable(&error)),
        }
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Vec<u8>, StoreFailure> {
        match fs::read(self.path(key)?).await {
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(self.explain(&error).await),
        }
    }

    /// Writes beside the target and renames, so that no reader sees half a binary.
    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreFailure> {
        let path = self.path(key)?;
        let beside = path.with_added_extension(format!("{}.part", uuid::Uuid::new_v4().simple()));
        // Only folders below the root are created: a write must not recreate a lost root.
        self.probe().await?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).await.map_err(|error| unreachable(&error))?;
        }
        let written = async {
            fs::write(&beside, bytes).await?;
            fs::rename(&beside, &path).await
        };
        if let Err(error) = written.await {
            let _ = fs::remove_file(&beside).await;
            return Err(self.explain(&error).await);
        }
        Ok(())
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), StoreFailure> {
        match fs::remove_file(self.path(key)?).await {
            Ok(()) => Ok(()),
            Err(error) => match self.explain(&error).await {
                StoreFailure::Missing => Ok(()),
                failure @ (StoreFailure::Denied(_) | StoreFailure::Unreachable(_)) => Err(failure),
            },
        }
    }

    fn path(&self, key: &str) -> Result<PathBuf, StoreFailure> {
        let inside = Path::new(key).components().all(|part| matches!(part, Component::Normal(_)));
        if key.is_empty() || !inside {
            return Err(StoreFailure::Denied(format!("the key `{key}` leaves the folder")));
        }
        Ok(self.root.join(key))
    }

    /// A missing file in an existing folder is missing; in a missing folder it is an outage.
    async fn explain(&self, error: &Error) -> StoreFailure {
        match error.kind() {
            ErrorKind::NotFound => match self.probe().await {
                Ok(()) => StoreFailure::Missing,
                Err(failure) => failure,
            },
            ErrorKind::PermissionDenied => denied(error),
            _ => unreachable(error),
        }
    }
}

fn denied(error: &Error) -> StoreFailure {
    StoreFailure::Denied(error.to_string())
}

fn unreachable(error: &Error) -> StoreFailure {
    StoreFailure::Unreachable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Folder, StoreFailure};

    #[tokio::test]
    async fn missing_unreachable_and_denied_are_told_apart() {
        let temp = tempfile::tempdir().expect("tempdir");
        let folder = Folder::new(temp.path().join("assets"));
        assert!(matches!(folder.get("a").await, Err(StoreFailure::Unreachable(_))));
        assert!(matches!(folder.put("a", b"x").await, Err(StoreFailure::Unreachable(_))));
        folder.make().await.expect("made");
        assert!(matches!(folder.get("a").await, Err(StoreFailure::Missing)));
        assert!(matches!(folder.get("../a").await, Err(StoreFailure::Denied(_))));
        folder.put("versions/a/1", b"x").await.expect("put");
        assert_eq!(folder.get("versions/a/1").await.expect("get"), b"x");
        folder.delete("versions/a/1").await.expect("deleted");
        folder.delete("versions/a/1").await.expect("deleting twice is no failure");
        assert!(matches!(folder.get("versions/a/1").await, Err(StoreFailure::Missing)));
    }
}
