//! `pdf diff` at each depth, and what it writes for people.

use crate::support::harness::{ROOT, Sandbox, call};
use serde_json::Value;
use std::path::Path;

#[test]
fn two_pdfs_are_compared_at_the_depth_that_is_asked_for() {
    let sandbox = Sandbox::new();
    let file = |name: &str| Path::new(ROOT).join(format!("tests/verify/chromium/{name}.pdf"));
    let out = sandbox.path("diff");
    let diff = |other: &str, options: &[&str]| {
        let mut command = sandbox.command();
        command.args(["pdf", "diff"]).args(options).arg(file("chr-a1")).arg(file(other));
        call(&mut command)
    };
    // The tags of its subset fonts differ.
    diff("m-subset", &["--depth", "bytes"]).is(1, &[]);
    diff("m-subset", &[]).is(0, &[]);
    diff("chr-a1", &["--depth", "bytes"]).is(0, &[]);
    // One digit differs.
    diff("chr-b", &["--depth", "layout"]).is(1, &[]);
    diff("chr-b", &["--depth", "picture", "--tolerance", "5000"]).is(0, &[]);
    diff("chr-b", &["--depth", "picture", "--mask", "0,0,100,100"]).is(0, &[]);
    diff("chr-b", &["--depth", "picture", "--mask", "1:0,0"]).is(2, &[]);
    let pictures = out.to_str().unwrap();
    let done = diff("chr-b", &["--depth", "picture", "--format", "json", "--out", pictures]);
    done.is(1, &[]);
    let printed: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&printed["verdict"], &printed["origin"]), (&"different".into(), &"data".into()));
    let page = &printed["drawn"]["pages"][0];
    let misplaced = page["misplaced"].as_str().unwrap();
    assert!(misplaced.starts_with("only the expected page has \"6\" at "), "{misplaced}");
    assert!((1..500).contains(&page["pixels"].as_u64().unwrap()), "{page}");
    let html = std::fs::read_to_string(out.join("index.html")).unwrap();
    for what in ["expected", "actual", "difference"] {
        let name = format!("page-1-{what}.png");
        assert!(html.contains(&name), "{html}");
        assert!(std::fs::read(out.join(&name)).unwrap().starts_with(b"\x89PNG"), "{name}");
    }
}
