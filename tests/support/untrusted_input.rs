//! One entry point for each kind of input that others may have written. Each takes any bytes, must not
//! panic, and writes below a temporary folder only. The fuzz targets in `fuzz/` and the property tests
//! in `tests/static/untrusted_input.rs` call them.

use pulp_drill::{
    evidence::{
        ATTESTATION,
        verify::{self, Trust},
    },
    journal,
    procedure::foreign::{self, Room, tarball},
    scenario::{library::FixtureLibrary, parse::read_all, profile::read_profile},
};
use std::{fs, path::Path};

/// How much an archive may unpack to, in bytes.
const ROOM: u64 = 1 << 20;

/// Passes a temporary folder, and a file in it that holds the bytes.
fn with_file<T>(name: &str, bytes: &[u8], read: impl FnOnce(&Path, &Path) -> T) -> T {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join(name);
    fs::write(&file, bytes).expect("a temporary file");
    read(folder.path(), &file)
}

/// A scenario file, and the description of its mistakes.
pub fn scenario(bytes: &[u8]) {
    let library = FixtureLibrary::new("tests/fixtures/library");
    let read = with_file("drill.yaml", bytes, |_, file| read_all(&[file.to_owned()], &library));
    if let Err(diagnostics) = read {
        assert!(!diagnostics.render(true, 80).is_empty());
    }
}

/// The profile of a target.
pub fn profile(bytes: &[u8]) {
    let read = with_file("target.yaml", bytes, |_, file| read_profile(file.to_str().expect("UTF-8")));
    if let Err(diagnostics) = read {
        assert!(!diagnostics.render(true, 80).is_empty());
    }
}

/// The journal of a run.
pub fn journal(bytes: &[u8]) {
    with_file("events.jsonl", bytes, |folder, _| drop(journal::read(folder)));
}

/// A PDF, alone and in comparison with itself.
pub fn pdf(bytes: &[u8]) {
    let _words = pdf_compare::words(bytes);
    let _sizes = pdf_compare::picture_sizes(bytes);
    if pdf_compare::well_formed(bytes).is_ok() {
        drop(pdf_compare::compare(bytes, bytes));
    }
}

/// A tarball of binaries. What it holds must stay in the folder.
pub fn tarball(bytes: &[u8]) {
    with_file("assets.tar", bytes, |folder, file| {
        let into = folder.join("into");
        fs::create_dir(&into).expect("a folder");
        drop(tarball::unpack(file, &into, &mut Room::with(ROOM)));
        let beside: Vec<_> =
            fs::read_dir(folder).expect("the folder").flatten().map(|e| e.file_name()).collect();
        assert!(beside.iter().all(|name| name == "assets.tar" || name == "into"), "{beside:?}");
    });
}

/// The signed statement over a run.
pub fn envelope(bytes: &[u8]) {
    with_file(ATTESTATION, bytes, |folder, _| {
        fs::write(folder.join("events.jsonl"), "{}\n").expect("a journal");
        drop(verify::folder(folder, &Trust { keys: Vec::new(), signed: true }));
    });
}

/// The first bytes of a dump, and a plain dump that is prepared for `psql`.
pub fn dump_header(bytes: &[u8]) {
    foreign::recognise(bytes);
    with_file("dump", bytes, |folder, file| {
        let compression = foreign::Compression::of(bytes);
        drop(foreign::unpack(file, &folder.join("plain"), compression, &mut Room::with(ROOM)));
        drop(foreign::script::copy(bytes, std::io::sink(), "key", None, foreign::script::Rows::Copied));
    });
}
