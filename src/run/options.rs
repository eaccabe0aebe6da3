//! What a run is asked to do, in plain types: the command line is one way to fill them in.

use crate::{
    base::{error::Error, redact::Redactor},
    model::fault::FaultTarget,
    report::terminal::Detail,
    run::signing::KeyText,
    runbook::{
        backup::Examination,
        provision::{containers::Images, processes::ObjectKind},
    },
    scenario::profile,
};
use std::path::PathBuf;

/// How long an engine may take to be ready, in seconds, unless the user gives a limit.
pub const READY_WITHIN: u16 = 60;

/// The options of a run of scenarios.
#[derive(Clone)]
pub struct Options {
    /// Scenario files, or folders of them.
    pub paths: Vec<PathBuf>,
    /// Only scenarios whose id contains this text.
    pub filter: Option<String>,
    /// Only one part of the scenarios.
    pub part: Option<PartOption>,
    /// A file with budgets.
    pub budgets: Option<PathBuf>,
    /// The seed of every choice; random by default.
    pub seed: Option<u64>,
    /// Only one scenario for each of these faults, with the baseline drills: what they show is stored with the
    /// run.
    pub one_per_fault: Option<fn(FaultTarget) -> bool>,
    /// Whether the first scenario that fails ends the run.
    pub fail_fast: bool,
    /// Whether the scenario files are stored with the run.
    pub store_scenario_files: bool,
    /// Where PostgreSQL and the object store come from.
    pub stores: Stores,
    /// The engine; by default what the profile has, else the stand-in.
    pub engine: Option<EngineOption>,
    /// Defects of the stand-in engine, by name.
    pub defects: Vec<String>,
    /// The longest time until the engine is ready, in seconds.
    pub ready_within: u16,
    /// How many scenarios run in parallel; by default the number of cores.
    pub jobs: Option<u16>,
    /// Whether sites are left running for inspection.
    pub keep: bool,
    /// The target profile: a file, or the name of a shipped one.
    pub profile: String,
    /// The folder with seeds and assets.
    pub fixtures: PathBuf,
    /// The folder with known-good PDFs.
    pub golden: Option<PathBuf>,
    /// Where runs are stored.
    pub report_dir: PathBuf,
    /// The key to sign with.
    pub sign_key: Option<KeyText>,
    /// Knows the secrets of notifications.
    pub redactor: Redactor,
    /// The file with the variables of the user's own site; by default the environment.
    pub env_file: Option<PathBuf>,
    /// What the user agreed to have destroyed: a database, or buckets.
    pub may_destroy: Vec<String>,
    /// Which other programs examine each backup.
    pub examination: Examination,
    /// How much is reported while it happens.
    pub detail: Detail,
}

impl Default for Options {
    /// No scenarios, on private stores with the stand-in engine.
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            filter: None,
            part: None,
            budgets: None,
            seed: None,
            one_per_fault: None,
            fail_fast: false,
            store_scenario_files: false,
            stores: Stores::Local { objects: None },
            engine: None,
            defects: Vec::new(),
            ready_within: READY_WITHIN,
            jobs: None,
            keep: false,
            profile: profile::BUILTIN.to_owned(),
            fixtures: PathBuf::from("fixtures"),
            golden: None,
            report_dir: PathBuf::from("reports"),
            sign_key: None,
            redactor: Redactor::new(),
            env_file: None,
            may_destroy: Vec::new(),
            examination: Examination::default(),
            detail: Detail::default(),
        }
    }
}

/// Where PostgreSQL and the object store come from.
#[derive(Clone, Debug)]
pub enum Stores {
    /// A private PostgreSQL cluster and an S3 server, as child processes.
    Local {
        /// The object store; by default the embedded one, unless `MINIO_BIN` is set.
        objects: Option<ObjectKind>,
    },
    /// Containers; one run for each PostgreSQL major version that is listed.
    Containers {
        /// The images.
        images: Images,
        /// Major versions; by default that of the client programs.
        majors: Vec<u32>,
    },
    /// The user's own PostgreSQL and S3.
    External,
}

impl Stores {
    /// As the record has it.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Local { .. } => "local",
            Self::Containers { .. } => "containers",
            Self::External => "external",
        }
    }
}

/// The engine under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineOption {
    /// The stand-in that is part of this program.
    Standin,
    /// A program with its arguments.
    Command(Vec<String>),
    /// One that runs already.
    Url(url::Url),
    /// A container image.
    Image(String),
}

impl std::str::FromStr for EngineOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "standin" => Ok(Self::Standin),
            Some(("command", line)) => {
                let words = shell_words::split(line).map_err(|e| format!("can't split the command: {e}"))?;
                if words.is_empty() {
                    Err("the command is empty".to_owned())
                } else {
                    Ok(Self::Command(words))
                }
            }
            Some(("url", url)) => {
                let url: url::Url = url.parse().map_err(|e| format!("not a URL: {e}"))?;
                if ["http", "https"].contains(&url.scheme()) {
                    Ok(Self::Url(url))
                } else {
                    Err("the URL must be http or https".to_owned())
                }
            }
            Some(("image", name)) if !name.is_empty() => Ok(Self::Image(name.to_owned())),
            _ => Err("expected standin, command:…, url:… or image:…".to_owned()),
        }
    }
}

/// One part of a set of scenarios: `2/3` is the second of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartOption {
    /// From 1.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

impl std::str::FromStr for PartOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Self { index, of }),
            Some(_) | None => Err("expected a part and how many there are: 1/3, 2/3 or 3/3".to_owned()),
        }
    }
}

impl Options {
    /// The address of an engine that runs elsewhere, with stores of its own.
    pub(super) fn engine_url(&self) -> Option<&url::Url> {
        match &self.engine {
            Some(EngineOption::Url(url)) => Some(url),
            None | Some(EngineOption::Standin | EngineOption::Command(_) | EngineOption::Image(_)) => None,
        }
    }

    /// Whether the stores are a site of the user's own.
    pub(super) fn external(&self) -> bool {
        matches!(self.stores, Stores::External)
    }

    /// How many scenarios run in parallel. Stores that are shared by all take one at a time.
    pub(super) fn parallel(&self) -> usize {
        match self.engine_url().is_some() || self.external() {
            true => 1,
            false => self.jobs.map_or_else(cores, usize::from),
        }
    }

    /// Refuses options that contradict each other.
    pub(super) fn must_agree(&self) -> Result<(), Error> {
        let containers = matches!(self.stores, Stores::Containers { .. });
        let refused = |what: String, hint: &str| Err(Error::usage(what).hint(hint));
        match &self.engine {
            _ if self.env_file.is_some() && !self.external() => {
                refused("--env-file is for --substrate external".to_owned(), "leave out --env-file")
            }
            _ if self.external() && self.keep => {
                refused("--keep leaves no site of your own running".to_owned(), "leave out --keep")
            }
            Some(EngineOption::Image(name)) if !containers => refused(
                format!("--engine image:{name} needs --substrate containers"),
                "use --engine command: with a program on this machine",
            ),
            _ if containers && self.keep => {
                refused("--keep leaves no containers running".to_owned(), "use --substrate local")
            }
            Some(EngineOption::Url(_)) if containers => {
                refused("--engine url: brings its own stores".to_owned(), "leave out --substrate")
            }
            None
            | Some(
                EngineOption::Standin
                | EngineOption::Command(_)
                | EngineOption::Url(_)
                | EngineOption::Image(_),
            ) => Ok(()),
        }
    }
}

/// The number of cores that this process may use.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
