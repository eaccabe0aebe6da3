//! Where scenarios and fixtures come from: what the arguments name, the current folder, or the files that
//! the program carries with it.

use crate::{
    base::{error::Error, shipped},
    model::profile::TargetApi,
    report::terminal::notice,
    scenario::{library::FixtureLibrary, profile::read_profile},
};
use clap::Args;
use std::path::{Path, PathBuf};

/// The folder of scenarios for commands that name none.
const SCENARIOS: &str = "scenarios";

/// That of scenarios for any application.
const GENERIC: &str = "generic";

/// Arguments of every command that reads scenario files.
#[derive(Args, Clone, Debug)]
pub struct ScenarioArgs {
    /// Scenario files, folders of them, or ids. The default is scenarios/ of the current folder, or else
    /// the scenarios of this program
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// What they refer to.
    #[command(flatten)]
    pub library: LibraryArgs,
}

/// What scenario files refer to.
#[derive(Args, Clone, Debug)]
pub struct LibraryArgs {
    /// The target profile of scenarios that name none: a file, or a name of profiles/
    #[arg(long, default_value = "pulp-engine", value_name = "PROFILE")]
    pub profile: String,
    /// The folder with seeds/ and assets/. The default is fixtures/ of the current folder, or else that of
    /// this program
    #[arg(long, default_value = "fixtures", value_name = "DIR", hide_default_value = true)]
    pub fixtures: PathBuf,
}

impl LibraryArgs {
    /// The folder with seeds and assets.
    ///
    /// # Errors
    /// Blames the environment if shipped files are needed and can't be written to disk.
    pub fn fixtures(&self) -> Result<PathBuf, Error> {
        shipped::locate(&self.fixtures)
    }
}

impl ScenarioArgs {
    /// The files and folders with scenarios, and what they refer to.
    ///
    /// # Errors
    /// Blames the environment if shipped files are needed and can't be written to disk.
    pub fn sources(&self) -> Result<(Vec<PathBuf>, FixtureLibrary), Error> {
        let library = FixtureLibrary::new(self.library.fixtures()?).with_profile(&self.library.profile);
        Ok((scenario_files(&self.paths, &self.library.profile)?, library))
    }
}

/// The files and folders with scenarios; by default those of any application for a profile without an API.
/// Where nothing was named, or shipped files are used, it prints which ones.
///
/// # Errors
/// Blames the environment if shipped files are needed and can't be written to disk.
pub fn scenario_files(named: &[PathBuf], profile: &str) -> Result<Vec<PathBuf>, Error> {
    // A profile with mistakes is reported with the scenarios.
    let is_any = read_profile(profile).is_ok_and(|profile| profile.api == TargetApi::None);
    let default = [PathBuf::from(if is_any { GENERIC } else { SCENARIOS })];
    let paths = if named.is_empty() { &default[..] } else { named };
    let files = paths.iter().map(|path| find(path)).collect::<Result<Vec<_>, Error>>()?;
    let shipped: Vec<String> =
        files.iter().filter(|file| shipped::is_shipped(file)).map(|file| name(file)).collect();
    if !shipped.is_empty() {
        let version = env!("CARGO_PKG_VERSION");
        notice(&format!("using {} of pulp-drill {version}\n", shipped.join(", ")));
    } else if named.is_empty() {
        notice(&format!("using {}/ of this folder\n", default[0].display()));
    }
    Ok(files)
}

#[cfg(test)]
impl ScenarioArgs {
    /// One path, and a folder of fixtures.
    pub fn of(path: &str, fixtures: &str) -> Self {
        let library = LibraryArgs { profile: "pulp-engine".to_owned(), fixtures: fixtures.into() };
        Self { paths: vec![path.into()], library }
    }
}

fn name(file: &Path) -> String {
    shipped::shown(file).display().to_string()
}

/// A path that exists here, or the id of a scenario that exists here, or a shipped one.
fn find(named: &Path) -> Result<PathBuf, Error> {
    let is_id = named.components().count() == 1 && named.extension().is_none() && !named.exists();
    let of_id = Path::new(SCENARIOS).join(named).with_extension("yaml");
    let file = shipped::locate(if is_id { &of_id } else { named })?;
    Ok(if file.exists() { file } else { shipped::locate(named)? })
}
