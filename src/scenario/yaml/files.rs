//! Finding and reading the files; a device, a pipe or a huge file is a mistake like any other.

use crate::{
    base::{
        folder::{ANY_DEPTH, Links, is_visible, walk},
        input_file::{self, Unreadable},
    },
    scenario::{
        diagnose::{Diagnostics, Mistake},
        source::SourcePosition,
    },
};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

/// The most bytes that a file of words may have: a thousand times what a scenario needs.
pub const LARGEST: u64 = 1 << 20;

/// Reads a text file of at most `largest` bytes and keeps its text for the mistakes in it.
pub fn read_text(file: &Path, largest: u64, diagnostics: &mut Diagnostics) -> Option<String> {
    match read_bytes(file, largest).map(String::from_utf8) {
        Ok(Ok(text)) => {
            diagnostics.keep_source(file, &text);
            Some(text)
        }
        Ok(Err(error)) => {
            let start = error.utf8_error().valid_up_to();
            // Before the wrong byte both texts are the same, byte for byte.
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let mistake = Mistake::at(place_of(&text, start), "the file is not UTF-8")
                .label("this byte is no character")
                .help("save it as UTF-8");
            diagnostics.keep_source(file, &text);
            diagnostics.add_all(file, vec![mistake]);
            None
        }
        Err(mistake) => {
            diagnostics.add_all(file, vec![mistake]);
            None
        }
    }
}

/// The place of a byte.
pub fn place_of(text: &str, start: usize) -> SourcePosition {
    let before = &text[..text.floor_char_boundary(start)];
    let line_begins = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    SourcePosition { line, column: before[line_begins..].chars().count() + 1, start, end: start + 1 }
}

fn read_bytes(file: &Path, largest: u64) -> Result<Vec<u8>, Mistake> {
    input_file::read(file, largest).map_err(|why| match why {
        Unreadable::Refused(error) => Mistake::somewhere(format!("can't read the file: {error}")),
        Unreadable::NoFile | Unreadable::Silent(_) => Mistake::somewhere("this is no regular file"),
        Unreadable::TooLarge(largest) => {
            Mistake::somewhere(format!("the file is larger than {} KiB", largest >> 10))
                .help("it was not read; is this the file you meant?")
        }
    })
}

/// The scenario files of files and folders, each once; those of a folder sorted by name.
pub fn collect(paths: &[PathBuf], diagnostics: &mut Diagnostics) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for path in paths {
        let mut found = Vec::new();
        let mistake = match fs::metadata(path) {
            Err(error) => Some(Mistake::somewhere(format!("can't read scenarios here: {error}"))),
            Ok(meta) if meta.is_dir() => match scenario_files(path, &mut found) {
                Err(error) => Some(Mistake::somewhere(format!("can't list the folder: {error}"))),
                Ok(()) if found.is_empty() => Some(
                    Mistake::somewhere("no scenario in this folder")
                        .help("scenario files end in `.yaml` or `.yml`"),
                ),
                Ok(()) => None,
            },
            Ok(_) => {
                found.push(path.clone());
                None
            }
        };
        diagnostics.add_all(path, mistake.into_iter().collect());
        files.extend(
            found.into_iter().filter(|file| seen.insert(fs::canonicalize(file).unwrap_or(file.clone()))),
        );
    }
    if paths.is_empty() {
        let mistake = Mistake::somewhere("no scenario was named").help("name a file or a folder");
        diagnostics.add_all(Path::new("."), vec![mistake]);
    }
    files
}

/// All files below a folder whose name ends like a scenario's. Linked folders are not followed:
/// they may lead in a circle.
fn scenario_files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in walk(folder, Links::Report, ANY_DEPTH, is_visible) {
        let path = entry?.into_path();
        if path.extension().is_some_and(|e| e == "yaml" || e == "yml") && !path.is_dir() {
            found.push(path);
        }
    }
    Ok(())
}
