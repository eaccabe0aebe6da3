//! How much may still be written where a backup is unpacked. A small file can hold more than a disk,
//! so what it declares and what comes out of it are both bounded.

use crate::base::error::{Error, ErrorContext as _};
use nix::sys::statvfs::statvfs;
use std::{
    io::{Read, Write},
    path::Path,
};

/// How much more than itself a compressed file may hold, once that is more than [`FREE`]. gzip reaches
/// 1,032 with nothing but zeros; real backups stay below 100.
const RATIO: u64 = 1_000;

/// What any file may hold, in bytes, whatever its size.
const FREE: u64 = 1 << 30;

/// Space for one backup, shared by all that is unpacked from it.
#[derive(Debug)]
pub struct Room {
    left: u64,
    /// The most that the file which is being unpacked may hold, and how much it held until now.
    plausible: u64,
    taken: u64,
}

impl Room {
    /// The free space of a folder, less a tenth for the database's own work.
    ///
    /// # Errors
    /// The file system does not report its free space.
    pub fn of(folder: &Path) -> Result<Self, Error> {
        let free = statvfs(folder)
            .or_environment(|| format!("can't determine the free space of {}", folder.display()))?;
        Ok(Self::with(free.blocks_available().saturating_mul(free.fragment_size()) / 10 * 9))
    }

    /// So many bytes.
    pub fn with(left: u64) -> Self {
        Self { left, plausible: u64::MAX, taken: 0 }
    }

    /// From now on a file of this size is unpacked.
    pub fn unpacks(&mut self, packed: u64) {
        self.plausible = packed.saturating_mul(RATIO).max(FREE);
        self.taken = 0;
    }

    /// Takes a part of the space.
    ///
    /// # Errors
    /// Blames the user (the backup is damaged or hostile) where a file holds implausibly more than
    /// itself, the environment where the space does not suffice.
    pub fn take(&mut self, bytes: u64) -> Result<(), Error> {
        self.taken = self.taken.saturating_add(bytes);
        if self.taken > self.plausible {
            return Err(Error::usage(format!(
                "the backup unpacks to more than {RATIO} times its size: it is damaged, or made to fill a disk"
            )));
        }
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            Error::environment(format!("the backup needs more space than is free ({} MiB)", self.left >> 20))
                .hint("set TMPDIR to a folder with more space, such as three times the backup's size")
        })?;
        Ok(())
    }

    /// Whether so much would fit, without taking it; errors as [`Room::take`].
    pub fn fits(&self, bytes: u64) -> Result<(), Error> {
        Self { ..*self }.take(bytes)
    }

    /// Writes all that a reader gives, and gives its length in bytes.
    ///
    /// # Errors
    /// Blames the user where it can't be read to its end: the backup is cut short or damaged.
    pub fn pour(&mut self, mut from: impl Read, mut to: impl Write, what: &str) -> Result<u64, Error> {
        let (mut total, mut buffer) = (0, vec![0; 1 << 16]);
        loop {
            let n = from.read(&mut buffer).or_usage(|| format!("can't read {what} to its end"))?;
            if n == 0 {
                return Ok(total);
            }
            self.take(n as u64)?;
            total += n as u64;
            to.write_all(&buffer[..n]).or_environment(|| format!("can't write {what}"))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Blame;

    #[test]
    fn implausible_contents_are_the_backups_fault_and_lack_of_space_is_not() {
        let mut room = Room::with(u64::MAX);
        room.unpacks(3_000);
        room.take(FREE).unwrap();
        assert_eq!(room.take(1).unwrap_err().blame, Blame::Usage);
        let mut room = Room::with(u64::MAX);
        room.unpacks(FREE);
        room.take(FREE * RATIO).unwrap();
        assert_eq!(Room::with(1_000).take(1_001).unwrap_err().blame, Blame::Environment);
    }

    #[test]
    fn asking_takes_nothing() {
        let mut room = Room::with(10);
        room.fits(10).unwrap();
        room.take(10).unwrap();
        assert!(room.fits(1).is_err());
    }
}
