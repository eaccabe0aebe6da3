//! `pulp-drill run`: its arguments as options of a run, and what is printed of a run at its end.

use crate::{
    base::{error::Error, redact::Redactor},
    cli::{
        Output,
        notify::NotifyArgs,
        sources::{LibraryArgs, scenario_files},
    },
    model::exit_code::ExitCode,
    report::{
        self,
        terminal::{self, Detail, notice},
    },
    run::{
        FinishedRun,
        notify::RunSummary,
        options::{EngineOption, Options, PartOption, Stores},
        schedule, signing,
    },
    runbook::provision::{
        containers::{Images, MINIO_IMAGE},
        processes::ObjectKind,
    },
};
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
    /// Scenario files, folders of them, or ids. The default is scenarios/ of the current folder, or else
    /// the scenarios of this program
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    shared: SharedArgs,
    /// Only scenarios whose id contains TEXT
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Only one part of the scenarios, to divide them among machines: `2/3` is the second of three.
    /// Join the runs with `pulp-drill report merge`
    #[arg(long, value_name = "PART/PARTS")]
    partition: Option<PartOption>,
    /// A file with budgets (rto, rpo: 15m, 24h): over budget is a failure, unmeasured is unknown
    #[arg(long, value_name = "FILE")]
    budgets: Option<PathBuf>,
    /// The seed of every choice; a run prints its own
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Stop after the first scenario that fails
    #[arg(long)]
    fail_fast: bool,
    /// What to print on stdout at the end
    #[arg(long, value_enum, default_value_t = RunFormat::Human)]
    format: RunFormat,
    #[command(flatten)]
    notify: NotifyArgs,
}

/// Arguments that `run` shares with the replay of `explore`: stores, engine, fixtures, report folder.
#[derive(Args, Clone, Debug)]
pub struct SharedArgs {
    /// Where PostgreSQL and the object store come from
    #[arg(long, value_enum, default_value_t = SubstrateArg::Auto)]
    substrate: SubstrateArg,
    /// The object store of the local substrate; MinIO is taken from MINIO_BIN, from what
    /// `make minio` has built, or from PATH. The default is the embedded one, unless MINIO_BIN is set
    #[arg(long, value_enum, value_name = "STORE")]
    objects: Option<ObjectsArg>,
    /// With --substrate containers: PostgreSQL's major version, for the official image. Several,
    /// separated by commas, give one run each. The default is the version of the client programs
    #[arg(long, value_name = "MAJOR", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(13..=99))]
    postgres: Vec<u32>,
    /// With --substrate containers: an image of PostgreSQL that takes the official one's variables
    #[arg(long, value_name = "IMAGE", env = "PULP_DRILL_POSTGRES_IMAGE", conflicts_with = "postgres")]
    postgres_image: Option<String>,
    /// With --substrate containers: an image of MinIO; `make minio-image` builds the default
    #[arg(long, value_name = "IMAGE", env = "PULP_DRILL_MINIO_IMAGE", default_value = MINIO_IMAGE)]
    minio_image: String,
    /// Prefix for the names of default images, for a registry of your own: mirror.example/
    #[arg(
        long,
        value_name = "PREFIX",
        env = "PULP_DRILL_REGISTRY",
        default_value = "",
        hide_default_value = true
    )]
    registry: String,
    /// The engine: standin, command:PROGRAM ARGS…, url:http://…, image:NAME. The default is the
    /// command that the profile has under `start`, else the stand-in
    #[arg(long, value_name = "ENGINE")]
    engine: Option<EngineOption>,
    /// How long the engine may take to report that it is ready
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=3600))]
    ready_within: u16,
    /// Give the stand-in engine a defect, to see that the drill detects it; may be repeated
    #[arg(long = "defect", value_name = "NAME", value_enum)]
    defects: Vec<Defect>,
    /// Where runs are stored
    #[arg(long, default_value = "reports", value_name = "DIR")]
    report_dir: PathBuf,
    /// How many scenarios run in parallel; the default is the number of cores
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// Leave the sites running for inspection, and print how to connect; `pulp-drill sweep --kept`
    /// removes them
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    library: LibraryArgs,
    /// Known-good PDFs as DIR/<seed>/<template>.pdf. The default is those of the seeds for the
    /// stand-in, and for other engines what they render before the backup
    #[arg(long, value_name = "DIR")]
    golden: Option<PathBuf>,
    /// Sign the run with this ed25519 key (OpenSSH, no passphrase); PULP_DRILL_SIGN_KEY may hold the
    /// key itself instead
    #[arg(long, value_name = "FILE", env = "PULP_DRILL_SIGN_KEY_FILE")]
    sign_key: Option<PathBuf>,
    /// With --substrate external: read DATABASE_URL, S3_… from this file (mode 600) instead of the
    /// environment
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Also print notes and advice of drills that passed
    #[arg(long, short)]
    verbose: bool,
    /// With --engine url: the name of the database that may be destroyed, with the engine's bucket;
    /// with --substrate external: a bucket of a store without tags; may be repeated
    #[arg(long, value_name = "NAME")]
    i_understand_this_destroys: Vec<String>,
}

/// Runs the drills, prints each run at its end, and returns the gravest exit code. `sign_key` is the text
/// of the key to sign with, `webhook_secret` that of the secret of the webhook, where the environment has them.
pub async fn run(
    args: RunArgs,
    sign_key: Option<String>,
    webhook_secret: Option<String>,
) -> Result<ExitCode, Error> {
    let redactor = Redactor::new();
    let notifier = args.notify.notifier(webhook_secret, &redactor)?;
    notifier.started().await;
    let mut ended = Vec::new();
    let result = async {
        let options = Options {
            paths: scenario_files(&args.paths, &args.shared.library.profile)?,
            filter: args.filter,
            part: args.partition,
            budgets: args.budgets,
            seed: args.seed,
            fail_fast: args.fail_fast,
            redactor,
            ..args.shared.options(sign_key.as_deref())?
        };
        let mut finished = |run: FinishedRun| {
            ended.push(RunSummary::of(&run));
            print(&run, args.format)
        };
        schedule::run(options, &mut finished).await
    }
    .await;
    notifier.ended(&result, ended).await;
    result
}

/// Prints a run. Findings outweigh the failure to print them.
pub(super) fn print(run: &FinishedRun, format: RunFormat) -> Result<(), Error> {
    match output(run, format)?.print() {
        Err(error) if run.exit == ExitCode::AllHeld => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What is printed of a run.
pub(super) fn output(run: &FinishedRun, format: RunFormat) -> Result<Output, Error> {
    let stdout = match format {
        RunFormat::Human => {
            let style = terminal::stdout_look();
            terminal::summary(&run.record, &run.dir, style.colour, style.width)
        }
        RunFormat::Json => report::json(&run.record)?,
    };
    let stderr = if run.signed { String::new() } else { terminal::stderr_look().wrap("", signing::NO_KEY) };
    Ok(Output { stdout, stderr, exit: run.exit })
}

/// The note of a run without a signature.
pub(super) fn warn_if_unsigned(run: &FinishedRun) {
    if !run.signed {
        notice(&terminal::stderr_look().wrap("", signing::NO_KEY));
    }
}

impl SharedArgs {
    /// The target profile of scenarios that name none.
    pub(super) fn profile(&self) -> &str {
        &self.library.profile
    }

    /// The options of a run of all scenarios in no folder: the caller adds what it knows.
    ///
    /// # Errors
    /// Blames the user where an option does not go with the substrate, or a key can't be read.
    pub(super) fn options(&self, sign_key: Option<&str>) -> Result<Options, Error> {
        let args = self.clone();
        Ok(Options {
            sign_key: signing::read(args.sign_key.as_deref(), sign_key)?,
            stores: self.stores()?,
            engine: args.engine,
            defects: args.defects.iter().filter_map(name).collect(),
            ready_within: args.ready_within,
            jobs: args.jobs,
            keep: args.keep,
            fixtures: args.library.fixtures()?,
            profile: args.library.profile,
            golden: args.golden,
            report_dir: args.report_dir,
            env_file: args.env_file,
            may_destroy: args.i_understand_this_destroys,
            detail: if args.verbose { Detail::Everything } else { Detail::Verdicts },
            ..Options::default()
        })
    }

    fn stores(&self) -> Result<Stores, Error> {
        let objects = self.objects.map(|objects| match objects {
            ObjectsArg::Embedded => ObjectKind::Embedded,
            ObjectsArg::Minio => ObjectKind::Minio,
        });
        if self.substrate != SubstrateArg::Containers && !self.postgres.is_empty() {
            return Err(Error::usage("--postgres is for --substrate containers")
                .hint("PULP_DRILL_PG_BIN chooses the local installation"));
        }
        match self.substrate {
            SubstrateArg::Auto | SubstrateArg::Local => Ok(Stores::Local { objects }),
            SubstrateArg::External if objects.is_some() => {
                Err(Error::usage("--objects is for --substrate local").hint("leave out --objects"))
            }
            SubstrateArg::External => Ok(Stores::External),
            SubstrateArg::Containers if objects == Some(ObjectKind::Embedded) => {
                Err(Error::usage("--substrate containers comes with MinIO").hint("leave out --objects"))
            }
            SubstrateArg::Containers => {
                let images = Images {
                    postgres: self.postgres_image.clone(),
                    major: None,
                    minio: self.minio_image.clone(),
                    registry: self.registry.clone(),
                };
                Ok(Stores::Containers { images, majors: self.postgres.clone() })
            }
        }
    }
}

/// The name of a defect on the command line.
fn name(defect: &Defect) -> Option<String> {
    Some(defect.to_possible_value()?.get_name().to_owned())
}

/// Where the stores come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SubstrateArg {
    /// The local one
    Auto,
    /// A private PostgreSQL cluster and an S3 server, as child processes
    Local,
    /// Docker or Podman containers
    Containers,
    /// Your own PostgreSQL and S3, on a site that `pulp-drill site create` has made
    External,
}

/// The object store of the local substrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ObjectsArg {
    /// The one that is part of this program
    Embedded,
    /// MinIO
    Minio,
}

/// What is printed on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RunFormat {
    /// A table of scenarios
    Human,
    /// The run's record
    Json,
}
