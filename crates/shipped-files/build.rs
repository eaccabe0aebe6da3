//! Lists the files of the repository that the program carries with it. Cargo runs it again when a file is
//! added, changed or removed.

use std::{
    collections::hash_map::DefaultHasher,
    env,
    error::Error,
    fmt::Write as _,
    fs,
    hash::{Hash as _, Hasher as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// The folders with what drills read: below the root of the repository, and below that of the copy.
const FOLDERS: [&str; 7] =
    ["demo", "generic", "scenarios", "fixtures", "profiles", "deploy/backup", "deploy/examples"];

/// What only the repository needs.
const LEFT_OUT: [&str; 1] = ["fixtures/make-assets.py"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let mut files = Vec::new();
    for folder in FOLDERS {
        println!("cargo:rerun-if-changed={}", root.join(folder).display());
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();
    let (mut list, mut hasher) = (String::new(), DefaultHasher::new());
    for file in files {
        let name = file.strip_prefix(&root)?.to_str().ok_or("a file's name is not UTF-8")?;
        if LEFT_OUT.contains(&name) {
            continue;
        }
        let executable = fs::metadata(&file)?.permissions().mode() & 0o111 != 0;
        (name, executable, fs::read(&file)?).hash(&mut hasher);
        writeln!(
            list,
            "    ShippedFile {{ path: {name:?}, executable: {executable}, bytes: include_bytes!({file:?}) }},"
        )?;
    }
    let generated = format!(
        "/// All of them, sorted by path.\npub static FILES: &[ShippedFile] = &[\n{list}];\n\n\
         /// Distinguishes this content from that of other builds.\n\
         pub const CONTENT_ID: &str = \"{:016x}\";\n",
        hasher.finish()
    );
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("files.rs"), generated)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        match (hidden, path.is_dir()) {
            (true, _) => {}
            (false, true) => collect(&path, files)?,
            (false, false) => files.push(path),
        }
    }
    Ok(())
}
