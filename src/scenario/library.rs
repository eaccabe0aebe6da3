//! What scenario files may refer to: the seeds and asset files below `fixtures/`, and the default profile.
//! No name leads out of its folder.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// The folder with `seeds/` and `assets/`, and the usual target.
#[derive(Clone, Debug)]
pub struct FixtureLibrary {
    /// The folder itself, usually `fixtures`.
    pub fixtures: PathBuf,
    /// The profile of scenarios that name none: a name or a path.
    pub profile: String,
}

/// Why a name is no file of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFile {
    /// It leads out of the folder: an absolute path, `..`, or a link to elsewhere.
    Outside,
    /// There is no such file.
    Missing,
}

impl FixtureLibrary {
    /// The library of a folder, for scenarios of Pulp Engine.
    pub fn new(fixtures: impl Into<PathBuf>) -> Self {
        Self { fixtures: fixtures.into(), profile: "pulp-engine".to_owned() }
    }

    /// The same for scenarios of another target.
    #[must_use]
    pub fn with_profile(self, name_or_path: &str) -> Self {
        Self { profile: name_or_path.to_owned(), ..self }
    }

    /// The folder of all seeds.
    pub fn seeds_folder(&self) -> PathBuf {
        self.fixtures.join("seeds")
    }

    /// The folder of the asset files that belong to no seed.
    pub fn assets_folder(&self) -> PathBuf {
        self.fixtures.join("assets")
    }

    /// The names of the seeds, sorted.
    pub fn seeds(&self) -> Vec<String> {
        let entries = fs::read_dir(self.seeds_folder()).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().join("seed.yaml").is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// The names of the asset files that belong to no seed, sorted.
    pub fn assets(&self) -> Vec<String> {
        let entries = fs::read_dir(self.assets_folder()).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }
}

/// Whether a name is a path of plain components: no root, no `..`.
pub fn stays_inside(name: &str) -> bool {
    !name.is_empty()
        && !name.contains('\\')
        && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// The file of that name below a folder.
///
/// # Errors
/// There is none, or the name leads out of the folder, also by a link.
pub fn file_inside(folder: &Path, name: &str) -> Result<PathBuf, NoFile> {
    if !stays_inside(name) {
        return Err(NoFile::Outside);
    }
    let file = folder.join(name);
    let (Ok(real), Ok(home)) = (fs::canonicalize(&file), fs::canonicalize(folder)) else {
        return Err(NoFile::Missing);
    };
    match (real.starts_with(home), real.is_file()) {
        (false, _) => Err(NoFile::Outside),
        (true, false) => Err(NoFile::Missing),
        (true, true) => Ok(file),
    }
}
