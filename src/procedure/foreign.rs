//! Backups that were made elsewhere: what a dump is, by its contents, and what must be done to it
//! before PostgreSQL's programs may have it. Nothing in such a file is trusted: it is read by
//! recognised formats only, what it unpacks to is bounded, and a plain dump is kept from giving orders
//! to `psql`.

use crate::base::error::{Error, ErrorContext as _};
use std::{
    fs::File,
    io::{BufReader, BufWriter, Write as _},
    path::Path,
};

pub mod compression;
pub mod head;
pub mod room;
pub mod script;
pub mod tarball;

pub use compression::Compression;
pub use head::{COMPRESSED_START, DumpHead, Recognised, START, TOC, recognise};
pub use room::Room;

/// Unpacks a compressed file into another one.
///
/// # Errors
/// Blames the user (the backup is damaged) where the stream is cut off or implausibly long.
pub fn unpack(from: &Path, to: &Path, compression: Compression, room: &mut Room) -> Result<(), Error> {
    let context = || format!("can't read {}", from.display());
    let source = File::open(from).or_environment(context)?;
    room.unpacks(source.metadata().or_environment(context)?.len());
    let context = || format!("can't write {}", to.display());
    let mut target = BufWriter::new(File::create_new(to).or_environment(context)?);
    let stream = compression.reader(BufReader::new(source))?;
    room.pour(stream, &mut target, &format!("the {} stream", compression.name()))?;
    target.flush().or_environment(context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Blame;

    #[test]
    fn a_cut_stream_is_the_backups_fault_and_too_little_space_is_not() {
        let temp = tempfile::tempdir().unwrap();
        let from = temp.path().join("a.gz");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&[7; 100_000]).unwrap();
        let packed = packed.finish().unwrap();
        std::fs::write(&from, &packed[..packed.len() - 9]).unwrap();
        let blame = |left, to| {
            let done = unpack(&from, &temp.path().join(to), Compression::Gzip, &mut Room::with(left));
            done.unwrap_err().blame
        };
        assert_eq!(blame(1 << 20, "b"), Blame::Usage);
        assert_eq!(blame(1000, "c"), Blame::Environment);
    }
}
