//! `pulp-drill report`: renders a stored run again, from its events alone. It touches no live
//! system and says so where the events were changed after they were written.

use crate::{
    base::error::Error,
    cli::Output,
    evidence::ATTESTATION,
    journal::{
        self,
        read::{Flaw, folder_of},
    },
    model::record::RunRecord,
    report::{self, junit, terminal},
};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

pub mod merge;

/// Arguments of `pulp-drill report`, or of what it can do besides.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ReportCommand {
    /// What is rendered.
    #[command(flatten)]
    pub args: ReportArgs,
    /// Something else than rendering.
    #[command(subcommand)]
    pub merge: Option<Merge>,
}

/// What `report` can do besides rendering a run.
#[derive(Subcommand, Debug)]
pub enum Merge {
    /// Join the runs of all parts of `run --partition` into one with one verdict
    Merge(merge::MergeArgs),
}

/// Renders a stored run again.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// The run's folder
    #[arg(value_name = "RUN_DIR", default_value = "reports/latest")]
    pub run_dir: PathBuf,
    /// What is printed to standard output
    #[arg(long, value_enum, default_value_t = PrintFormat::Human)]
    pub format: PrintFormat,
}

/// What is printed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrintFormat {
    /// A table and a verdict
    Human,
    /// The record, as in record.json
    Json,
    /// JUnit XML, as in junit.xml
    Junit,
}

/// Reads the run's events and writes all reports into its folder again. Changed events are not
/// rendered (exit code 1), and reports that another version attested are not overwritten.
///
/// # Errors
/// Blames the user where the folder is no run's, the surroundings where it can't be read or written.
pub fn run(args: &ReportArgs) -> Result<Output, Error> {
    let stored = journal::read(&args.run_dir)?;
    let dir = folder_of(&args.run_dir);
    let mut stderr = match stored.flaw {
        Some(flaw @ Flaw::Broken { .. }) => {
            let whole = stored.entries.len();
            let stderr = format!(
                "{flaw}\n  the {whole} events before it hold; nothing was rendered\n  hint: restore {} from a copy\n",
                dir.join(journal::read::EVENTS).display()
            );
            return Ok(Output::integrity_failure(stderr));
        }
        Some(flaw @ Flaw::Torn(_)) => format!("{flaw}: the run was killed; what is before it is rendered\n"),
        None => String::new(),
    };
    let record = RunRecord::fold(&stored.entries);
    if record.started.is_none() {
        return Err(Error::usage(format!("{} holds no run: its journal is empty", dir.display()))
            .hint("the run was killed before it began: start another"));
    }
    if dir.join(ATTESTATION).exists() && !report::is_ours(&record) {
        stderr += "another version wrote the run, and attested its reports: they are left as they are\n";
    } else {
        report::write_all(&dir, &record)?;
    }
    let stdout = match args.format {
        PrintFormat::Human => {
            let look = terminal::stdout_look();
            terminal::summary(&record, &dir, look.colour, look.width)
        }
        PrintFormat::Json => report::json(&record)?,
        PrintFormat::Junit => junit::render(&record)?,
    };
    Ok(Output { stderr, ..Output::data(stdout) })
}
