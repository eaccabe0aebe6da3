//! A run in one file: the same bytes each time, and nothing in it is believed.

use super::made::{blamed, key, one, trusting};
use pulp_drill::evidence::{
    bundle,
    verify::{EvidenceCheck, Trust},
};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

fn bundled() -> (TempDir, PathBuf, PathBuf) {
    let (reports, run) = one(Some(&key()));
    let out = reports.path().join("run.tar");
    bundle::write(&run, &out).unwrap();
    (reports, run, out)
}

fn verify(path: &Path) -> EvidenceCheck {
    bundle::verify(path, &Trust::default()).unwrap()
}

#[test]
fn a_bundle_is_the_same_each_time_and_verifies_as_the_folder_does() {
    let (reports, run, out) = bundled();
    // Neither the folder's name nor times and modes are in it.
    let moved = reports.path().join("moved");
    fs::rename(&run, &moved).unwrap();
    fs::set_permissions(moved.join("junit.xml"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let again = reports.path().join("again.tar");
    bundle::write(&moved, &again).unwrap();
    assert_eq!(fs::read(&out).unwrap(), fs::read(&again).unwrap());
    assert!(bundle::is_one(&out) && !bundle::is_one(&moved.join("events.jsonl")));
    let found = bundle::verify(&out, &trusting()).unwrap();
    assert_eq!(found.problems, []);
    assert_eq!(found.files, super::made::files(&moved).len());
}

#[test]
fn a_flipped_byte_of_a_bundle_is_noticed_wherever_it_is() {
    let (_reports, _run, out) = bundled();
    let before = fs::read(&out).unwrap();
    let mut missed = Vec::new();
    // All of the first header and of the end; elsewhere one in a few.
    let last = before.len() - 600;
    for at in (0..512).chain((512..last).step_by(97)).chain((last..before.len()).step_by(11)) {
        let mut bytes = before.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&out, &bytes).unwrap();
        if verify(&out).problems.is_empty() {
            missed.push(at);
        }
    }
    assert_eq!(missed, Vec::<usize>::new());
}

#[test]
fn a_bundle_that_is_cut_off_or_longer_is_refused() {
    let (_reports, _run, out) = bundled();
    let before = fs::read(&out).unwrap();
    for length in [512, 1000, before.len() / 2, before.len() - 1024, before.len() - 1] {
        fs::write(&out, &before[..length]).unwrap();
        let said = bundle::verify(&out, &Trust::default());
        assert!(said.is_err() || !said.unwrap().problems.is_empty(), "{length}");
    }
    fs::write(&out, [&before[..], b"more"].concat()).unwrap();
    assert!(!verify(&out).problems.is_empty());
}

/// A tar with one planted entry before those of a good bundle.
fn planted(kind: EntryType, name: &[u8], body: &[u8], size: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.tar");
    let mut tar = Builder::new(fs::File::create(&path).unwrap());
    let mut add = |kind, name: &[u8], body: &[u8], size| {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_size(size);
        if kind == EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, body).unwrap();
    };
    add(EntryType::Regular, b"pulp-drill-x/a", b"hello", 5);
    add(kind, name, body, size);
    tar.finish().unwrap();
    let found = verify(&path);
    assert_eq!(blamed(&found).len(), 1, "{found:?}");
    assert!(!folder.path().join("evil").exists() && !Path::new("/tmp/pulp-drill-evil").exists());
    found.problems[0].what.clone()
}

#[test]
fn entries_that_lead_elsewhere_are_refused() {
    let file = EntryType::Regular;
    for (name, wanted) in [
        (&b"pulp-drill-x/../../evil"[..], "leads elsewhere"),
        (b"pulp-drill-x/./a", "leads elsewhere"),
        (b"pulp-drill-x//tmp/pulp-drill-evil", "leads elsewhere"),
        (b"/tmp/pulp-drill-evil", "not in the folder"),
        (b"../evil", "not in the folder"),
        (b"pulp-drill-y/b", "not in the folder"),
        (b"alone", "in no folder"),
        (b"pulp-drill-x/a", "twice"),
        (b"pulp-drill-x/a/b", "a file and a folder"),
    ] {
        let said = planted(file, name, b"hello", 5);
        assert!(said.contains(wanted), "{}: {said}", String::from_utf8_lossy(name));
    }
}

#[test]
fn entries_that_are_no_plain_files_or_too_long_are_refused() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Char,
        EntryType::Fifo,
        EntryType::GNULongName,
        EntryType::GNUSparse,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        let said = planted(kind, b"pulp-drill-x/b", b"", 0);
        assert!(said.contains("no plain file"), "{kind:?}: {said}");
    }
    let said = planted(EntryType::Regular, b"pulp-drill-x/b", b"hello", 1 << 40);
    assert!(said.contains("longer"), "{said}");
}
