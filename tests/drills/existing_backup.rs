//! `pulp-drill restore-test` on the real program: backups of a real stand-in site, made by the
//! runbook's commands, restore; damaged and hostile ones are found out; and nothing is ever written
//! where they lie.

mod assertions;
mod bucket;
mod files;
mod site;

use site::{program, texts};
use std::fs;

#[test]
fn what_can_not_be_tested_is_refused_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::os::unix::fs::symlink("loop", folder.path().join("loop")).unwrap();
    for (name, text) in [("a.dump", "PGDMP"), ("a.json", "{}"), ("bad.json", "{"), ("a.pdf", "no")] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::create_dir(folder.path().join("assets")).unwrap();
    fs::create_dir(folder.path().join("m")).unwrap();
    fs::write(folder.path().join("m/manifest.json"), "[]").unwrap();
    let (dump, assets, data) = (path("a.dump"), path("assets"), path("a.json"));
    let pair = |file: &str| format!("invoice={}", path(file));
    for (dump, assets, more, says) in [
        (path("none"), &assets, vec![], "can't read the backup"),
        (path("loop"), &assets, vec![], "can't read the backup"),
        ("/dev/zero".to_owned(), &assets, vec![], "neither a file nor a folder"),
        (dump.clone(), &path("none"), vec![], "can't read the backup"),
        (dump.clone(), &data, vec![], "neither a folder nor a tarball"),
        (dump.clone(), &assets, vec!["--manifest".to_owned(), path("m")], "is not a manifest"),
        (dump.clone(), &assets, vec!["--manifest".to_owned(), path("none")], "can't read the manifest"),
        (dump.clone(), &assets, vec!["--render".to_owned(), pair("bad.json")], "is not valid JSON"),
        (dump.clone(), &assets, vec!["--golden".to_owned(), pair("a.pdf")], "no such render"),
        (
            dump.clone(),
            &assets,
            vec!["--render".to_owned(), pair("a.json"), "--golden".to_owned(), pair("a.pdf")],
            "is not a whole PDF",
        ),
        (dump.clone(), &assets, texts(&["--engine", "url:http://127.0.0.1:1"]), "a site of its own"),
        ("s3://bucket/key".to_owned(), &assets, vec![], "no keys to read the S3 origin with"),
    ] {
        let mut options = texts(&["--report-dir", &path("reports"), "--dump", &dump, "--assets", assets]);
        options.extend(more);
        let refused = program(&options, &[]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{options:?}: {said}");
        assert!(said.contains(says), "{says:?} is not in {said}");
    }
    assert!(!folder.path().join("reports").exists(), "a refused test left a run");
}
