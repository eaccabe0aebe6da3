//! The unprivileged user that servers run as when the harness is root: PostgreSQL refuses root.

use crate::base::error::{Error, ErrorContext};
use crate::base::folder::{ANY_DEPTH, Links, walk};
use nix::unistd::{Uid, geteuid};
use std::os::unix::fs::lchown;
use std::path::Path;

/// A user of the machine, with the primary group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The id of the primary group; supplementary groups are dropped.
    pub gid: u32,
}

/// As root: `postgres` if there is such a user, else `nobody`. Otherwise `None`: servers run as
/// whoever runs the harness.
pub fn unprivileged() -> Option<User> {
    if !geteuid().is_root() {
        return None;
    }
    ["postgres", "nobody"].into_iter().find_map(|name| {
        let user = nix::unistd::User::from_name(name).ok().flatten()?;
        (user.uid != Uid::from_raw(0)).then(|| User {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        })
    })
}

/// Gives a file or a folder with all that is in it to a user; symbolic links are given, not followed.
pub fn give_tree(path: &Path, user: &User) -> Result<(), Error> {
    let give = |path: &Path| {
        let given = lchown(path, Some(user.uid), Some(user.gid));
        given.or_environment(|| format!("can't give {} to user {}", path.display(), user.name))
    };
    give(path)?;
    if path.is_symlink() || !path.is_dir() {
        return Ok(());
    }
    for entry in walk(path, Links::Report, ANY_DEPTH, |_| true) {
        give(entry.or_environment(|| format!("can't list {}", path.display()))?.path())?;
    }
    Ok(())
}
