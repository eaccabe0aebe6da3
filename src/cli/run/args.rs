//! The arguments of `pulp-drill run`. What they ask for is looked at elsewhere.

use crate::runbook::provision::containers::MINIO_IMAGE;
use clap::{Args, ValueEnum};
use standin::engine::Defect;
use std::path::PathBuf;

/// Arguments of `pulp-drill run`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    pulp-drill run\n  \
    pulp-drill run scenarios/binary-missing.yaml --keep\n  \
    pulp-drill run --filter window --jobs 1\n  \
    pulp-drill run --engine 'command:node dist/server.js' --golden known-good/\n\n\
    Exit codes: 0 all held, 1 integrity failure, 2 usage or scenario error, 3 could not verify.")]
pub struct RunArgs {
    /// Scenario files, or folders of them
    #[arg(default_value = "scenarios")]
    pub(super) paths: Vec<PathBuf>,
    /// What it stands on
    #[command(flatten)]
    pub(super) ground: GroundArgs,
    /// Only scenarios whose id holds this text
    #[arg(long, value_name = "TEXT")]
    pub(super) filter: Option<String>,
    /// Only one part of the scenarios, for machines side by side: `2/3` is the second of three. Join
    /// the runs with `pulp-drill report merge`
    #[arg(long, value_name = "PART/PARTS")]
    pub(super) partition: Option<PartArg>,
    /// A file with budgets (rto, rpo: 15m, 24h): over budget is a failure, unmeasured is unknown
    #[arg(long, value_name = "FILE")]
    pub(super) budgets: Option<PathBuf>,
    /// The seed of every choice; a run prints its own
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// Stop after the first scenario that fails
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// What to print on stdout at the end
    #[arg(long, value_enum, default_value_t = RunFormat::Human)]
    pub(super) format: RunFormat,
    /// Whether the scenario files are kept with the run.
    #[arg(skip)]
    pub(super) keeps_files: bool,
}

/// What a run stands on: stores, engine, fixtures, and where it is kept.
#[derive(Args, Clone, Debug)]
pub struct GroundArgs {
    /// Where PostgreSQL and the object store come from
    #[arg(long, value_enum, default_value_t = SubstrateArg::Auto)]
    pub(super) substrate: SubstrateArg,
    /// The object store of the local substrate; MinIO is taken from MINIO_BIN, from what
    /// `make minio` has built, or from PATH. The default is the embedded one, unless MINIO_BIN is set
    #[arg(long, value_enum, value_name = "STORE")]
    pub(super) objects: Option<ObjectsArg>,
    /// With --substrate containers: PostgreSQL's major version, for the official image; several, with
    /// commas between them, make a run each. The default is that of the client programs
    #[arg(long, value_name = "MAJOR", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(13..=99))]
    pub(super) postgres: Vec<u32>,
    /// With --substrate containers: an image of PostgreSQL that takes the official one's variables
    #[arg(long, value_name = "IMAGE", env = "PULP_DRILL_POSTGRES_IMAGE", conflicts_with = "postgres")]
    pub(super) postgres_image: Option<String>,
    /// With --substrate containers: an image of MinIO; `make minio-image` builds the default
    #[arg(long, value_name = "IMAGE", env = "PULP_DRILL_MINIO_IMAGE", default_value = MINIO_IMAGE)]
    pub(super) minio_image: String,
    /// Put before the names of default images, for a registry of your own: mirror.example/
    #[arg(
        long,
        value_name = "PREFIX",
        env = "PULP_DRILL_REGISTRY",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) registry: String,
    /// The engine: standin, command:PROGRAM ARGS…, url:http://…, image:NAME. The default is what the
    /// profile says with `start`, else the stand-in
    #[arg(long, value_name = "ENGINE")]
    pub(super) engine: Option<EngineArg>,
    /// How long the engine may take until it says that it is ready
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(super) ready_within: u16,
    /// Let the stand-in engine misbehave, to see that the drill notices; may be repeated
    #[arg(long = "defect", value_name = "NAME", value_enum)]
    pub(super) defects: Vec<Defect>,
    /// Where runs are stored
    #[arg(long, default_value = "reports", value_name = "DIR")]
    pub(super) report_dir: PathBuf,
    /// How many scenarios run side by side; the default is the number of cores
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) jobs: Option<u16>,
    /// Leave the sites standing for inspection, and say how to connect; `pulp-drill sweep --kept`
    /// takes them down
    #[arg(long)]
    pub(super) keep: bool,
    /// The target profile of scenarios that name none: a file, or a name of profiles/
    #[arg(long, default_value = "pulp-engine", value_name = "PROFILE")]
    pub(super) profile: String,
    /// The folder with seeds/ and assets/
    #[arg(long, default_value = "fixtures", value_name = "DIR")]
    pub(super) fixtures: PathBuf,
    /// Known-good PDFs as DIR/<seed>/<template>.pdf; the default for the stand-in are the seeds'
    /// own, for other engines what they render before the backup
    #[arg(long, value_name = "DIR")]
    pub(super) golden: Option<PathBuf>,
    /// Sign the run with this ed25519 key (OpenSSH, no passphrase); PULP_DRILL_SIGN_KEY may hold the
    /// key itself instead
    #[arg(long, value_name = "FILE", env = "PULP_DRILL_SIGN_KEY_FILE")]
    pub(super) sign_key: Option<PathBuf>,
    /// With --substrate external: read DATABASE_URL, S3_… from this file (mode 600) instead of the
    /// environment
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Option<PathBuf>,
    /// With --engine url: the name of the database that may be destroyed, with the engine's bucket;
    /// with --substrate external: a bucket of a store that keeps no tags; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(super) i_understand_this_destroys: Vec<String>,
}

impl RunArgs {
    /// A run of scenario files that somebody else tells about.
    pub(in crate::cli) fn of_files(paths: Vec<PathBuf>, ground: GroundArgs) -> Self {
        Self {
            paths,
            ground,
            filter: None,
            partition: None,
            budgets: None,
            seed: None,
            fail_fast: false,
            format: RunFormat::Nothing,
            keeps_files: true,
        }
    }
}

/// Which part of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartArg {
    /// From 1.
    pub(super) index: u32,
    /// How many there are.
    pub(super) of: u32,
}

impl std::str::FromStr for PartArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Self { index, of }),
            Some(_) | None => Err("expected a part and how many there are: 1/3, 2/3 or 3/3".to_owned()),
        }
    }
}

/// Where the stores come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SubstrateArg {
    /// The local one
    Auto,
    /// A private PostgreSQL cluster and an S3 server, as child processes
    Local,
    /// Docker or Podman containers
    Containers,
    /// Your own PostgreSQL and S3, on a site that `pulp-drill site create` has made
    External,
}

impl SubstrateArg {
    /// In the words of the record.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Auto | Self::Local => "local",
            Self::Containers => "containers",
            Self::External => "external",
        }
    }
}

/// The object store of the local substrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ObjectsArg {
    /// The one that is part of this program
    Embedded,
    /// MinIO
    Minio,
}

/// What is printed on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum RunFormat {
    /// A table of scenarios
    Human,
    /// The run's record
    Json,
    /// Nothing: somebody else tells what came of it
    #[value(skip)]
    Nothing,
}

/// Which engine is driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum EngineArg {
    /// The stand-in that is part of this program.
    Standin,
    /// A program with its arguments.
    Command(Vec<String>),
    /// One that runs already.
    Url(url::Url),
    /// A container image.
    Image(String),
}

impl std::str::FromStr for EngineArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "standin" => Ok(Self::Standin),
            Some(("command", line)) => {
                let description =
                    shell_words::split(line).map_err(|e| format!("can't split the command: {e}"))?;
                if description.is_empty() {
                    Err("the command is empty".to_owned())
                } else {
                    Ok(Self::Command(description))
                }
            }
            Some(("url", url)) => {
                let url: url::Url = url.parse().map_err(|e| format!("no URL: {e}"))?;
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
