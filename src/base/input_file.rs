//! Files named by a user: read whole, up to a size limit, and within a time limit. Opening a pipe
//! that nobody writes to would keep the program waiting, and reading a device would never end.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How long a pipe may take to deliver: time enough to unlock a store of secrets.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a file was not read.
#[derive(Debug)]
pub enum Unreadable {
    /// The system refused.
    Refused(io::Error),
    /// It is a folder, a device, or a pipe where none may be.
    NoFile,
    /// It has more than this many bytes.
    TooLarge(u64),
    /// It is a pipe, and did not end in this time.
    Silent(Duration),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::NoFile => f.write_str("it is no ordinary file"),
            Self::TooLarge(largest) => write!(f, "it is larger than {} KiB", largest >> 10),
            Self::Silent(patience) => {
                write!(f, "it is a pipe, and its writer did not end in {} s", patience.as_secs())
            }
        }
    }
}

impl std::error::Error for Unreadable {}

impl From<Unreadable> for io::Error {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::Refused(error) => error,
            why => Self::new(io::ErrorKind::InvalidInput, why),
        }
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Refused(error)
    }
}

/// Opens an ordinary file; anything else is refused without waiting for it.
///
/// # Errors
/// Where it is no ordinary file, or can't be opened.
pub fn open(path: &Path) -> Result<File, Unreadable> {
    // The open of a pipe would wait for its writer; to an ordinary file the flag means nothing.
    let file = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    // Check the open file, not its path again.
    if file.metadata()?.is_file() { Ok(file) } else { Err(Unreadable::NoFile) }
}

/// All bytes of an ordinary file that has at most `largest`.
///
/// # Errors
/// See [`Unreadable`].
pub fn read(path: &Path, largest: u64) -> Result<Vec<u8>, Unreadable> {
    whole(open(path)?, largest)
}

/// The text of an ordinary file of at most `largest` bytes.
///
/// # Errors
/// See [`Unreadable`]; also where it is not UTF-8.
pub fn text(path: &Path, largest: u64) -> Result<String, Unreadable> {
    text_of(open(path)?, largest)
}

/// The text of a file that is open.
///
/// # Errors
/// See [`Unreadable`]; also where it is not UTF-8.
pub fn text_of(file: File, largest: u64) -> Result<String, Unreadable> {
    in_utf8(whole(file, largest)?)
}

/// As [`read`], and of a pipe (`<(…)`, `/dev/stdin`), which has a minute to deliver.
///
/// # Errors
/// See [`Unreadable`].
pub fn read_or_pipe(path: &Path, largest: u64) -> Result<Vec<u8>, Unreadable> {
    // Asked without an open: to open and close it would take its writer's reader away.
    match std::fs::metadata(path)?.file_type().is_fifo() {
        true => in_time(path.to_owned(), largest, PATIENCE),
        false => read(path, largest),
    }
}

/// The text of what [`read_or_pipe`] reads.
///
/// # Errors
/// See [`Unreadable`]; also where it is not UTF-8.
pub fn text_or_pipe(path: &Path, largest: u64) -> Result<String, Unreadable> {
    in_utf8(read_or_pipe(path, largest)?)
}

/// Reads a pipe on another thread: no call takes a limit for the time until its writer comes.
fn in_time(path: PathBuf, largest: u64, patience: Duration) -> Result<Vec<u8>, Unreadable> {
    let (send, delivered) = mpsc::channel();
    thread::spawn(move || {
        let read = File::open(path).map_err(Unreadable::from).and_then(|pipe| whole(pipe, largest));
        let _nobody_waits_anymore = send.send(read);
    });
    delivered.recv_timeout(patience).unwrap_or(Err(Unreadable::Silent(patience)))
}

fn whole(file: File, largest: u64) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    // Its size may lie, as in /proc, and it may grow meanwhile.
    file.take(largest.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > largest { Err(Unreadable::TooLarge(largest)) } else { Ok(bytes) }
}

fn in_utf8(bytes: Vec<u8>) -> Result<String, Unreadable> {
    // The library's own error would quote nothing, and holds all bytes.
    String::from_utf8(bytes)
        .map_err(|_| Unreadable::Refused(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::{sys::stat::Mode, unistd::mkfifo};
    use std::fs;

    fn pipe() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("pipe");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        (temp, path)
    }

    #[test]
    fn a_pipe_without_a_writer_is_refused_or_waited_for_in_bounds() {
        let (_temp, path) = pipe();
        assert!(matches!(read(&path, 10), Err(Unreadable::NoFile)));
        let waited = in_time(path, 10, Duration::from_millis(1));
        assert!(matches!(waited, Err(Unreadable::Silent(_))));
    }

    #[test]
    fn a_pipe_that_delivers_is_read_where_one_may_be() {
        let (_temp, path) = pipe();
        let writer = thread::spawn({
            let path = path.clone();
            move || fs::write(path, "key").unwrap()
        });
        assert_eq!(text_or_pipe(&path, 3).unwrap(), "key");
        writer.join().unwrap();
    }

    #[test]
    fn devices_folders_and_files_that_are_too_large_are_refused() {
        assert!(matches!(read(Path::new("/dev/zero"), 10), Err(Unreadable::NoFile)));
        assert!(matches!(text_or_pipe(Path::new("/dev/zero"), 10), Err(Unreadable::NoFile)));
        assert!(matches!(read(Path::new("/"), 10), Err(Unreadable::NoFile)));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "1234").unwrap();
        assert_eq!(text(file.path(), 4).unwrap(), "1234");
        assert!(matches!(text(file.path(), 3), Err(Unreadable::TooLarge(3))));
    }
}
