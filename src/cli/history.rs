//! `pulp-drill history`: adds runs to a ledger, and shows what the ledger tells: the trend, and when
//! each topology was last proven to restore.

use crate::{
    base::{
        clock::Clock,
        digest::Digest,
        legible::one_line,
        trouble::{OrTrouble as _, Trouble},
    },
    cli::{HELD, INTEGRITY},
    history::{self, Added, Line, export, show, trend},
    journal::{
        self,
        read::{EVENTS, Flaw, folder_of},
    },
    model::{budget::Span, record::RunRecord},
    report::{self, terminal},
    scenario::budgets::read_budgets,
};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};

/// Arguments of `pulp-drill history`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pulp-drill history add reports/latest\n  \
    pulp-drill history show --every 90d\n  \
    pulp-drill history show --format openmetrics > restore.prom\n\n\
    Exit codes: 0 all well, 1 the ledger was changed or --every is not kept, 2 usage.")]
pub struct HistoryArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Add a run to the ledger
    Add(AddArgs),
    /// Show the trend and the last proven restores
    Show(ShowArgs),
}

/// Arguments of `pulp-drill history add`.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// The run's folder
    #[arg(value_name = "RUN_DIR", default_value = "reports/latest")]
    pub run_dir: PathBuf,
    /// The ledger, or the folder that holds ledger.jsonl
    #[arg(long, default_value = "reports", value_name = "FILE|DIR")]
    pub ledger: PathBuf,
    /// The time that counts as now (RFC 3339); the default is the machine's
    #[arg(long, value_name = "TIME")]
    pub now: Option<DateTime<Utc>>,
}

/// Arguments of `pulp-drill history show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The ledger, or the folder that holds ledger.jsonl
    #[arg(long, default_value = "reports", value_name = "FILE|DIR")]
    pub ledger: PathBuf,
    /// How old the last proven restore may be: 24h, 90d. Exit code 1 where one is older
    #[arg(long, value_name = "SPAN")]
    pub every: Option<Span>,
    /// A file with budgets, of which max-age-of-last-drill stands in for --every
    #[arg(long, value_name = "FILE", conflicts_with = "every")]
    pub budgets: Option<PathBuf>,
    /// The time that counts as now (RFC 3339); the default is the machine's
    #[arg(long, value_name = "TIME")]
    pub now: Option<DateTime<Utc>>,
    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// What is printed of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A trend for a terminal
    Human,
    /// OpenMetrics, for Prometheus
    Openmetrics,
    /// A small chart
    Svg,
}

/// What came of it, for the caller to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Data, for standard output.
    pub stdout: String,
    /// What a reader should know, for standard error.
    pub stderr: String,
    /// The exit code.
    pub exit: u8,
}

/// Adds or shows. `clock` is asked where the command line gives no time.
///
/// # Errors
/// Blames the user where there is no run or no ledger, or the run is in it already; the surroundings
/// where a file can't be read or written.
pub fn run(args: &HistoryArgs, clock: &Clock) -> Result<Outcome, Trouble> {
    match &args.what {
        What::Add(args) => add(args, clock),
        What::Show(args) => show(args, clock),
    }
}

/// Adds a run.
///
/// # Errors
/// As [`run`].
pub fn add(args: &AddArgs, clock: &Clock) -> Result<Outcome, Trouble> {
    let bad = |stderr: String| Ok(Outcome { stdout: String::new(), stderr, exit: INTEGRITY });
    let stored = journal::read(&args.run_dir)?;
    if let Some(flaw @ Flaw::Broken { .. }) = stored.flaw {
        return bad(format!("{flaw}\n  the run was not added\n"));
    }
    let record = RunRecord::fold(&stored.entries);
    let digest = Digest::of(report::json(&record)?);
    let events = folder_of(&args.run_dir).join(EVENTS);
    let journal = Digest::of_file(&events).or_environment(|| format!("can't read {}", events.display()))?;
    let line = Line::of(&record, digest, journal, args.now.unwrap_or_else(|| clock.now()))?;
    let file = history::file_of(&args.ledger);
    match history::add(&file, line)? {
        Added::Line(number) => {
            let text =
                format!("run {} is line {number} of {}\n", one_line(record.id().as_str()), file.display());
            Ok(Outcome { stdout: String::new(), stderr: text, exit: HELD })
        }
        Added::Broken(broken) => bad(told(&file, &broken, "nothing was added")),
    }
}

/// Shows a ledger.
///
/// # Errors
/// As [`run`].
pub fn show(args: &ShowArgs, clock: &Clock) -> Result<Outcome, Trouble> {
    let file = history::file_of(&args.ledger);
    let lines = match history::read(&file)? {
        Ok(lines) => lines,
        Err(broken) => {
            let stderr = told(&file, &broken, "nothing is shown");
            return Ok(Outcome { stdout: String::new(), stderr, exit: INTEGRITY });
        }
    };
    let now = args.now.unwrap_or_else(|| clock.now());
    let every = match &args.budgets {
        Some(file) => {
            let look = terminal::stderr_look();
            let budgets = read_budgets(file).map_err(|d| d.into_trouble(look.colour, look.width))?;
            budgets.max_age_of_last_drill
        }
        None => args.every,
    };
    let stdout = match args.format {
        Format::Human => show::human(&lines, every, now),
        Format::Openmetrics => export::openmetrics(&lines, now),
        Format::Svg => export::svg(&lines),
    };
    let gaps = every.map(|every| trend::gaps(&lines, every, now)).unwrap_or_default();
    let exit = if gaps.is_empty() { HELD } else { INTEGRITY };
    Ok(Outcome { stdout, stderr: gaps.iter().map(|gap| format!("{gap}\n")).collect(), exit })
}

fn told(file: &Path, broken: &history::Broken, what: &str) -> String {
    format!("{}: {broken}\n  {what}\n  hint: restore the ledger from a copy\n", file.display())
}
