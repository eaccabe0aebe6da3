//! `pulp-drill selftest`: does the harness detect what it must, and nothing else? Every fault of the catalogue
//! in one scenario each, with the baseline drills, by the machinery of a normal run.

use crate::{
    base::error::Error,
    cli::{
        output,
        run::{SharedArgs, warn_if_unsigned},
        sources::scenario_files,
    },
    model::{detection::Detection, exit_code::ExitCode},
    report::{
        self, detection,
        terminal::{self, notice},
    },
    run::{FinishedRun, options::Options, schedule},
};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of `pulp-drill selftest`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    pulp-drill selftest\n  \
    pulp-drill selftest --objects minio --format json | jq .recall\n\n\
    Exit codes: 0 every fault is detected, nothing else is reported and every check is needed; 1 not so;\n\
    2 usage or scenario error; 3 something could not be run.")]
pub struct SelftestArgs {
    /// Where the scenarios are: files, folders, or ids. The default is scenarios/ of the current folder, or
    /// else the scenarios of this program
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    shared: SharedArgs,
    /// What to print on stdout at the end
    #[arg(long, value_enum, default_value_t = SelftestFormat::Human)]
    format: SelftestFormat,
}

/// What is printed on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SelftestFormat {
    /// Tables
    Human,
    /// The matrix of faults and checks
    Json,
    /// The same, for a document
    Markdown,
}

/// Runs the drills and prints what they show. `sign_key` is the text of the key to sign with.
///
/// # Errors
/// As a run.
pub async fn run(args: SelftestArgs, sign_key: Option<String>) -> Result<ExitCode, Error> {
    let options = Options {
        paths: scenario_files(&args.paths, args.shared.profile())?,
        one_per_fault: Some(|_| true),
        ..args.shared.options(sign_key.as_deref())?
    };
    let mut worst = ExitCode::AllHeld;
    let mut finished = |run: FinishedRun| {
        if let Some(representatives) = &run.representatives {
            let detection = Detection::of(&run.record, representatives);
            worst = worst.max(detection.exit());
            output::print(&shown(&detection, args.format)?)?;
        }
        warn_if_unsigned(&run);
        notice(&format!("report: {}\n", run.dir.join("report.html").display()));
        Ok(())
    };
    let exit = schedule::run(options, &mut finished).await?;
    Ok(exit.max(worst))
}

fn shown(detection: &Detection, format: SelftestFormat) -> Result<String, Error> {
    Ok(match format {
        SelftestFormat::Human => detection::text(detection, terminal::stdout_look().width),
        SelftestFormat::Json => report::json(detection)?,
        SelftestFormat::Markdown => detection::markdown(detection),
    })
}
