//! `pulp-drill new`: a project with a profile, scenarios, settings and a CI file, which `check` and `run`
//! accept as it is. It overwrites nothing.

use crate::{
    base::{
        error::{Error, ErrorContext as _},
        shipped,
    },
    cli::settings,
};
use clap::Args;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// The example that a project begins with.
const EXAMPLE: &str = "deploy/examples/photo-archive";

const SETTINGS: &str = "\
# Defaults for the options of pulp-drill in this folder. A flag has priority, then the environment.
# `pulp-drill doctor` shows which values are used and where they come from.
profile: profile.yaml
# The scenarios for any application, and your own.
scenarios: [generic, scenarios]
";

const PROFILE_HEAD: &str = "\
# Your application: its tables, and how to fill, migrate and start it. This is a working example. Replace the
# tables, then the commands in app/. `pulp-drill schema profile` prints every key.
";

const WORKFLOW: &str = "\
# Drills every week, and for every change. The report is kept with the run.
name: restore-drill
on:
  push:
  schedule:
    - cron: '17 3 * * 1'
permissions:
  contents: read
jobs:
  drill:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v5
      - run: sudo apt-get update && sudo apt-get install --yes postgresql curl
      - run: pipx install pulp-drill==VERSION
      - run: pulp-drill check
      - run: pulp-drill run
      - uses: actions/upload-artifact@v5
        if: always()
        with:
          name: drill
          path: reports/
";

/// Makes a project: profile, scenarios, settings and a CI file
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: pulp-drill new drills && cd drills && pulp-drill run")]
pub struct ProjectArgs {
    /// The folder; it is made if it does not exist
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// A file of a project.
struct ProjectFile {
    path: &'static str,
    text: String,
    mode: u32,
}

/// Writes the project and returns what to do next.
///
/// # Errors
/// A file of the project exists already: then nothing is written.
pub fn run(args: &ProjectArgs) -> Result<String, Error> {
    let files = files()?;
    let taken: Vec<&str> = files
        .iter()
        .map(|file| file.path)
        .filter(|path| args.dir.join(path).symlink_metadata().is_ok())
        .collect();
    if !taken.is_empty() {
        return Err(Error::usage(format!("{} has {} already", args.dir.display(), taken.join(", ")))
            .hint("choose another folder: nothing was written"));
    }
    for file in &files {
        write(&args.dir, file)?;
    }
    let names: Vec<String> = files.iter().map(|file| format!("  {}\n", file.path)).collect();
    Ok(format!(
        "{} has\n{}next: cd {} && pulp-drill run, then describe your application in profile.yaml\n",
        args.dir.display(),
        names.concat(),
        shell_words::quote(&args.dir.display().to_string()),
    ))
}

fn files() -> Result<Vec<ProjectFile>, Error> {
    let shipped = |path: &str| {
        let path = shipped::folder()?.join(path);
        fs::read_to_string(&path).or_environment(|| format!("can't read {}", path.display()))
    };
    let plain = |path, text: &str| ProjectFile { path, text: text.to_owned(), mode: 0o644 };
    let script = |path, text| ProjectFile { path, text, mode: 0o755 };
    let profile = shipped("profiles/photo-archive.yaml")?.replace(&format!("../{EXAMPLE}/"), "app/");
    // The first lines describe the file in its place in the repository.
    let profile: String =
        profile.lines().skip_while(|line| line.starts_with('#')).map(|line| line.to_owned() + "\n").collect();
    let scenario = shipped("scenarios/photo-archive-photo-missing.yaml")?;
    let own = |line: &&str| !line.starts_with('#') && !line.starts_with("profile:");
    let scenario: String = scenario.lines().filter(own).map(|line| line.to_owned() + "\n").collect();
    Ok(vec![
        plain(settings::FILE, SETTINGS),
        plain("profile.yaml", &format!("{PROFILE_HEAD}{profile}")),
        plain("scenarios/photo-archive-photo-missing.yaml", &scenario),
        plain("app/schema.sql", &shipped(&format!("{EXAMPLE}/schema.sql"))?),
        script("app/migrate.sh", shipped(&format!("{EXAMPLE}/migrate.sh"))?),
        script("app/seed.sh", shipped(&format!("{EXAMPLE}/seed.sh"))?),
        plain(".github/workflows/restore-drill.yml", &WORKFLOW.replace("VERSION", env!("CARGO_PKG_VERSION"))),
        plain(".gitignore", "reports/\n"),
    ])
}

fn write(dir: &Path, file: &ProjectFile) -> Result<(), Error> {
    let path = dir.join(file.path);
    let context = || format!("can't write {}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(dir)).or_environment(context)?;
    let mut out = fs::File::create_new(&path).or_environment(context)?;
    std::io::Write::write_all(&mut out, file.text.as_bytes()).or_environment(context)?;
    fs::set_permissions(&path, Permissions::from_mode(file.mode)).or_environment(context)
}
