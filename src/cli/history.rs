//! `pulp-drill history`: adds runs to a ledger, and shows what the ledger tells: the trend, and when
//! each topology was last proven to restore.

use crate::{
    base::{
        clock::Clock,
        digest::Digest,
        error::{Error, ErrorContext as _},
        ids::RunId,
        sanitize::one_line,
    },
    cli::{Output, s3_settings::S3Settings, trust::TrustArgs},
    evidence::verify::{self, Problem, Signed},
    history::{
        self, LedgerEntry,
        bucket::Remote,
        export,
        file::{Added, Broken},
        page::{self, PageOptions},
        show, trend,
    },
    journal::{
        folder,
        read::{EVENTS, folder_of},
    },
    model::{budget::TimeSpan, exit_code::ExitCode},
    report::{self, terminal},
    run::ledger,
    scenario::budgets::read_budgets,
};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};

/// The folder of the ledger if none is named.
const DEFAULT_LEDGER: &str = "reports";

/// Arguments of `pulp-drill history`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pulp-drill history add reports/latest\n  \
    pulp-drill history show --every 90d\n  \
    pulp-drill history show --format openmetrics > restore.prom\n  \
    pulp-drill history --html reports/history.html --every 90d\n  \
    pulp-drill history add reports/latest --ledger s3://drills/ledger/\n\n\
    Exit codes: 0 all well, 1 the run or the ledger was changed or --every is not kept, 2 usage,\n\
    3 the ledger can't be reached. Keys for a bucket: LEDGER_AWS_ACCESS_KEY_ID,\n\
    LEDGER_AWS_SECRET_ACCESS_KEY, LEDGER_AWS_ENDPOINT_URL, LEDGER_AWS_REGION, or AWS_….")]
#[command(args_conflicts_with_subcommands = true)]
pub struct HistoryArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// What is shown if nothing else is to be done.
    #[command(flatten)]
    show: ShowArgs,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Verify a run as `evidence verify` does, and add it to the ledger
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
    /// The ledger, or the folder that holds ledger.jsonl: on this machine, or s3://BUCKET/FOLDER/. Without it the
    /// command prints where it writes
    #[arg(long, value_name = "FILE|DIR|URL")]
    pub ledger: Option<PathBuf>,
    /// The time that counts as now (RFC 3339); the default is the machine's
    #[arg(long, value_name = "TIME")]
    pub now: Option<DateTime<Utc>>,
    /// Whose signature is required.
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// Arguments of `pulp-drill history show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The ledger, or the folder that holds ledger.jsonl: on this machine, or s3://BUCKET/FOLDER/
    #[arg(long, default_value = DEFAULT_LEDGER, value_name = "FILE|DIR|URL")]
    pub ledger: PathBuf,
    /// How old the last proven restore may be: 24h, 90d. Exit code 1 where one is older
    #[arg(long, value_name = "SPAN")]
    pub every: Option<TimeSpan>,
    /// A file with budgets, of which max-age-of-last-drill stands in for --every
    #[arg(long, value_name = "FILE", conflicts_with = "every")]
    pub budgets: Option<PathBuf>,
    /// The time that counts as now (RFC 3339); the default is the machine's
    #[arg(long, value_name = "TIME")]
    pub now: Option<DateTime<Utc>>,
    /// What is printed
    #[arg(long, value_enum, default_value_t = HistoryFormat::Human)]
    pub format: HistoryFormat,
    /// Writes the ledger as a web page to this file: calendar, trends, links to the runs
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Where the folders of the runs are, for the links of --html: a folder or a URL. The default is the folder
    /// of the ledger
    #[arg(long, value_name = "DIR|URL", requires = "html")]
    pub runs: Option<String>,
}

/// What is printed of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HistoryFormat {
    /// A trend for a terminal
    Human,
    /// OpenMetrics, for Prometheus
    Openmetrics,
    /// A small chart
    Svg,
}

/// Adds or shows. `clock` is asked where the command line gives no time; the keys are for a ledger in a
/// bucket.
///
/// # Errors
/// Blames the user where there is no run or no ledger, or the run is in it already; the environment
/// where a file or an object can't be read or written.
pub async fn run(args: &HistoryArgs, clock: &Clock, keys: &S3Settings) -> Result<Output, Error> {
    let remote = |ledger: &Path| {
        let text = ledger.to_str().unwrap_or_default();
        keys.ledger(text).map(|object| object.map(Remote::new))
    };
    let show_args = match &args.what {
        None => &args.show,
        Some(What::Show(args)) => args,
        Some(What::Add(args)) => {
            let named = args.ledger.as_deref().map(&remote).transpose()?.flatten();
            let Some(ledger) = named else { return add(args, clock) };
            let (line, is_trusted) = match entry(args, clock)? {
                Ok(entry) => entry,
                Err(changed) => return Ok(changed),
            };
            if !is_trusted && let Some(Ok(lines)) = ledger.lines().await? {
                ledger::same_signer(&lines, &line)?;
            }
            let run = line.run.clone();
            return Ok(after_adding(&run, ledger.shown(), ledger.add(line).await?));
        }
    };
    match remote(&show_args.ledger)? {
        None => show(show_args, clock),
        Some(ledger) => shown(show_args, clock, ledger.shown(), ledger.read().await?),
    }
}

/// Adds a run to a ledger on this machine.
///
/// # Errors
/// As [`run`].
pub fn add(args: &AddArgs, clock: &Clock) -> Result<Output, Error> {
    let (line, is_trusted) = match entry(args, clock)? {
        Ok(entry) => entry,
        Err(changed) => return Ok(changed),
    };
    let file = history::file::file_of(args.ledger.as_deref().unwrap_or(Path::new(DEFAULT_LEDGER)));
    if args.ledger.is_none() {
        terminal::notice(&format!("no --ledger was given: writing to {}\n", file.display()));
    }
    // A ledger that was changed takes no run, whoever signed it.
    if !is_trusted
        && file.is_file()
        && let Ok(lines) = history::file::read(&file)?
    {
        ledger::same_signer(&lines, &line)?;
    }
    let run = line.run.clone();
    Ok(after_adding(&run, &file.display().to_string(), history::file::add(&file, line)?))
}

/// What is kept of the run and whether a key that the user named signed it, or the outcome where it does not
/// verify. A ledger must not count a run whose events nobody vouches for.
fn entry(args: &AddArgs, clock: &Clock) -> Result<Result<(LedgerEntry, bool), Output>, Error> {
    let dir = folder_of(&args.run_dir);
    let found = verify::folder(&dir, &args.trust.read()?)?;
    if !found.problems.is_empty() {
        return Ok(Err(Output::integrity_failure(refusal(&dir, &found.problems))));
    }
    let record = found.record;
    let digest = Digest::of(report::json(&record)?);
    let events = dir.join(EVENTS);
    let journal = Digest::of_file(&events).or_environment(|| format!("can't read {}", events.display()))?;
    let mut line = LedgerEntry::of(&record, digest, journal, args.now.unwrap_or_else(|| clock.now()))?;
    let whole = dir.canonicalize().or_environment(|| format!("can't read {}", dir.display()))?;
    let is_trusted = matches!(found.signed, Signed::ByTrusted(_));
    line.signer = match found.signed {
        Signed::No => None,
        Signed::BySomebody(key) | Signed::ByTrusted(key) => Some(key),
    };
    line.folder = whole.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    Ok(Ok((line, is_trusted)))
}

fn refusal(dir: &Path, problems: &[Problem]) -> String {
    let mut text = format!("{} is NOT as the run wrote it:\n", one_line(&dir.display().to_string()));
    for problem in problems {
        text += &format!("  {}\n", problem.to_string().replace('\n', "\n  "));
    }
    text + "  the run was not added\n  hint: restore the run's folder from a copy\n"
}

fn after_adding(run: &RunId, ledger: &str, added: Added) -> Output {
    match added {
        Added::Line(number) => {
            let stderr = format!("run {} is line {number} of {ledger}\n", one_line(run.as_str()));
            Output { stderr, ..Output::data(String::new()) }
        }
        Added::Broken(broken) => {
            Output::integrity_failure(broken_ledger(ledger, &broken, "nothing was added"))
        }
    }
}

/// Shows a ledger on this machine.
///
/// # Errors
/// As [`run`].
pub fn show(args: &ShowArgs, clock: &Clock) -> Result<Output, Error> {
    let file = history::file::file_of(&args.ledger);
    let lines = history::file::read(&file)?;
    let compared = lines.as_ref().map(|lines| (ledger::mismatches(&file, lines), lines.len()));
    let ((mismatches, without_folder), all) = compared.unwrap_or_default();
    let mut shown = shown(args, clock, &file.display().to_string(), lines)?;
    for mismatch in mismatches {
        let Broken { line, why } = mismatch;
        shown.exit = ExitCode::IntegrityFailure;
        shown.stderr += &format!("line {line} of the ledger: {why}\n");
    }
    if without_folder > 0 {
        shown.stderr += &format!(
            "note: not compared with their runs, whose folders are not beside the ledger: {without_folder} of {all} lines\n"
        );
    }
    Ok(shown)
}

fn shown(
    args: &ShowArgs,
    clock: &Clock,
    ledger: &str,
    lines: Result<Vec<LedgerEntry>, Broken>,
) -> Result<Output, Error> {
    let lines = match lines {
        Ok(lines) => lines,
        Err(broken) => {
            return Ok(Output::integrity_failure(broken_ledger(ledger, &broken, "nothing is shown")));
        }
    };
    let now = args.now.unwrap_or_else(|| clock.now());
    let every = match &args.budgets {
        Some(file) => {
            let look = terminal::stderr_look();
            let budgets = read_budgets(file).map_err(|d| d.into_error(look.colour, look.width))?;
            budgets.max_age_of_last_drill
        }
        None => args.every,
    };
    let stdout = match args.format {
        HistoryFormat::Human => show::overview(&lines, every, now),
        HistoryFormat::Openmetrics => export::openmetrics(&lines, now),
        HistoryFormat::Svg => export::svg(&lines),
    };
    let mut stderr = String::new();
    let stdout = match &args.html {
        None => stdout,
        Some(file) => {
            let runs = runs_prefix(args, file);
            let options = PageOptions { ledger, every, now, runs: runs.as_deref() };
            folder::write_whole(file, page::render(&lines, &options).as_bytes())?;
            stderr += &format!("the page is {}\n", file.display());
            String::new()
        }
    };
    let gaps = every.map(|every| trend::gaps(&lines, every, now)).unwrap_or_default();
    let exit = ExitCode::of_integrity(gaps.is_empty());
    stderr.extend(gaps.iter().map(|gap| format!("{gap}\n")));
    Ok(Output { stdout, stderr, exit })
}

/// The prefix of the links to runs: as given, or the way from the page to the folder of the ledger. A ledger in a
/// bucket has no default.
fn runs_prefix(args: &ShowArgs, page: &Path) -> Option<String> {
    let slash = |text: &str| if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
    if let Some(runs) = &args.runs {
        return Some(slash(runs));
    }
    let parent = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.canonicalize().ok(),
        _ => std::env::current_dir().ok(),
    };
    let (from, to) = (parent(page)?, parent(&history::file::file_of(&args.ledger))?);
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| "..".to_owned());
    let down = to.components().skip(common).map(|part| part.as_os_str().to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    Some(if parts.is_empty() { String::new() } else { slash(&parts.join("/")) })
}

fn broken_ledger(ledger: &str, broken: &Broken, what: &str) -> String {
    format!("{ledger}: {broken}\n  {what}\n  hint: restore the ledger from a copy\n")
}
