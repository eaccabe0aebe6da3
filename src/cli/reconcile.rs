//! `pulp-drill reconcile`: rows against objects in stores that are in use, without a restore. Findings go to
//! standard output as JSON Lines, everything else to standard error.

use crate::{
    base::{
        clock::{Clock, human, seconds_of},
        error::{Error, ErrorContext},
        input_file,
        openmetrics::{OpenMetrics, unix},
        redact::Redactor,
    },
    cli::{output::print, s3_settings::S3Settings},
    model::{
        exit_code::ExitCode,
        finding::{FindingKind, Severity},
        key_range::KeyRange,
        profile::BinaryStore,
    },
    reconcile::{
        Depth, Pace, Position, ReconcileFinding, ReconcileObserver, ReconcileOptions, Reconciliation, Tally,
    },
    report::terminal::{notice, to_error},
    scenario::profile::read_profile,
    system::postgres::{Access, Pointers},
};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::{
    io::Write as _,
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// The most bytes of a cursor file.
const LARGEST: u64 = 1 << 20;

/// How often progress is reported.
const REPORTED: Duration = Duration::from_secs(10);

/// Arguments of `pulp-drill reconcile`.
#[derive(Args, Debug)]
#[command(
    after_help = "Reads DATABASE_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where they are set, \
    AWS_SESSION_TOKEN, AWS_ENDPOINT_URL and AWS_REGION. A database user that may only select, and keys that may \
    only list and read, suffice.\n\n\
    Exit codes: 0 all rows have their objects (orphans are warnings); 1 findings; 3 a store could not be read, \
    or no row matched an object; 2 usage.\n\n\
    Example:\n  \
    pulp-drill reconcile s3://assets --verify sample --sample 1000 > findings.jsonl\n\n\
    On four machines:\n  \
    pulp-drill reconcile s3://assets --split 4 > ranges.jsonl\n  \
    pulp-drill reconcile s3://assets --ranges ranges.jsonl --partition 1 > findings-1.jsonl"
)]
pub struct ReconcileArgs {
    /// The bucket, with the prefix below which the rows' keys are
    #[arg(value_name = "S3_URL")]
    bucket: String,
    /// The target profile: which rows point at objects
    #[arg(long, default_value = "pulp-engine", value_name = "FILE")]
    profile: String,
    /// Which of the profile's stores the bucket is
    #[arg(long, value_enum, default_value_t = Store::Assets)]
    store: Store,
    /// What is compared beside existence and size
    #[arg(long, value_enum, default_value_t = Verify::Listing)]
    verify: Verify,
    /// With --verify sample: about how many objects are read
    #[arg(long, default_value = "1000", value_name = "N")]
    sample: NonZeroU64,
    /// How long a difference waits for its second look, in seconds: longer than any write takes
    #[arg(long, default_value_t = 15, value_name = "SECONDS")]
    settle: u64,
    /// Objects that were written less long ago are not yet reported as orphans, in seconds
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS")]
    grace: u64,
    /// The most requests to the object store in a second
    #[arg(long, value_name = "N")]
    requests_per_second: Option<NonZeroU32>,
    /// Save the position here every minute, and continue from it if the file is there
    #[arg(long, value_name = "FILE")]
    cursor: Option<PathBuf>,
    /// Print so many ranges of keys with about as many rows each, and do nothing else
    #[arg(long, value_name = "N", conflicts_with_all = ["cursor", "metrics", "ranges"])]
    split: Option<NonZeroU32>,
    /// What --split has printed: the ranges of keys that several runs share
    #[arg(long, value_name = "FILE", requires = "partition")]
    ranges: Option<PathBuf>,
    /// With --ranges: the number of this run's range, from 1
    #[arg(long, value_name = "I", requires = "ranges")]
    partition: Option<NonZeroUsize>,
    /// Write the counts as OpenMetrics to this file at the end
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Store {
    /// The assets' binaries
    Assets,
    /// The results of batch jobs
    Results,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Verify {
    /// Nothing: keys and sizes, by the listing
    Listing,
    /// The SHA-256 that the store has recorded with each object; no bytes are read
    Recorded,
    /// The bytes of a sample of objects
    Sample,
    /// The bytes of all objects
    Full,
}

/// A cursor file: the position, and of what.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Cursor {
    bucket: String,
    profile: String,
    verify: String,
    range: KeyRange,
    position: Position,
}

/// Reconciles. Gives the exit code.
pub async fn run(args: ReconcileArgs, keys: S3Settings, database: Option<String>) -> Result<ExitCode, Error> {
    let (redactor, clock, began) = (Redactor::new(), Clock::system(), Instant::now());
    let cleaned = |error: Error| Error {
        what: redactor.clean(&error.what),
        causes: error.causes.iter().map(|cause| redactor.clean(cause)).collect(),
        ..error
    };
    if let Some(ranges) = args.split {
        return split(&args, database, &redactor, ranges).await.map_err(cleaned);
    }
    let done = reconcile(&args, &keys, database, &redactor, &clock, began).await;
    let (tally, requests) = done.map_err(cleaned)?;
    let exit = exit_code(&tally);
    notice(&summary(&args, &tally, requests, began.elapsed()));
    if let Some(file) = &args.metrics {
        replace(file, &metrics(&tally, requests, began.elapsed(), &clock))?;
    }
    if let Some(file) = &args.cursor {
        remove(file)?;
    }
    Ok(exit)
}

async fn reconcile(
    args: &ReconcileArgs,
    keys: &S3Settings,
    database: Option<String>,
    redactor: &Redactor,
    clock: &Clock,
    began: Instant,
) -> Result<(Tally, u64), Error> {
    let objects = keys.view(&args.bucket, redactor)?;
    let range = range(args)?;
    let mut observer = Printer { args, range: &range, last: Instant::now(), began };
    let from = args.cursor.as_deref().map(|file| observer.position(file)).transpose()?.flatten();
    let rows = rows(args, database, redactor).await?;
    let options = ReconcileOptions {
        depth: match args.verify {
            Verify::Listing => Depth::Listing,
            Verify::Recorded => Depth::Recorded,
            Verify::Sample => Depth::Sample(args.sample),
            Verify::Full => Depth::Full,
        },
        settle: Duration::from_secs(args.settle),
        grace: Duration::from_secs(args.grace),
    };
    let pace = Arc::new(Pace::new(args.requests_per_second));
    let work = Reconciliation::new(&rows, &objects, &options, &pace, clock);
    let tally = work.run(&range, from, &mut observer).await?;
    Ok((tally, pace.requests()))
}

/// The rows, for reading only.
async fn rows(
    args: &ReconcileArgs,
    database: Option<String>,
    redactor: &Redactor,
) -> Result<Pointers, Error> {
    let profile = read_profile(&args.profile).map_err(to_error)?;
    let url = database.ok_or_else(|| {
        Error::usage("DATABASE_URL is not set")
            .hint("set it to the database; a role that may only select suffices")
    })?;
    let access = Access::parse(&url).map_err(|error| error.while_doing("DATABASE_URL"))?;
    redactor.add(&access.password);
    let store = match args.store {
        Store::Assets => BinaryStore::Assets,
        Store::Results => BinaryStore::Results,
    };
    Pointers::connect(&access, &profile, store).await
}

/// Prints the ranges of keys, one a line.
async fn split(
    args: &ReconcileArgs,
    database: Option<String>,
    redactor: &Redactor,
    wanted: NonZeroU32,
) -> Result<ExitCode, Error> {
    let bounds = rows(args, database, redactor).await?.quantiles(wanted).await?;
    let ranges = KeyRange::between(bounds);
    for range in &ranges {
        let line = serde_json::to_string(range).or_harness(|| "can't write a range".to_owned())?;
        print(&(line + "\n"))?;
    }
    if ranges.len() < wanted.get() as usize {
        notice(&format!("the keys of the rows make only {} ranges\n", ranges.len()));
    }
    Ok(ExitCode::AllHeld)
}

/// The range of this run: all keys, unless there are partitions.
fn range(args: &ReconcileArgs) -> Result<KeyRange, Error> {
    let (Some(file), Some(number)) = (&args.ranges, args.partition) else { return Ok(KeyRange::default()) };
    let shown = file.display();
    let text = input_file::text_or_pipe(file, LARGEST).or_usage(|| format!("can't read {shown}"))?;
    let mut ranges = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let range: KeyRange = serde_json::from_str(text)
            .or_usage(|| format!("{shown}, line {line}, is no range of keys"))
            .map_err(|error| error.hint("--split prints this file"))?;
        ranges.push(range);
    }
    let bounds = ranges.iter().filter_map(|range| range.until.clone()).collect();
    if ranges != KeyRange::between(bounds) {
        let hint = "use the file as --split has printed it, with all its lines";
        return Err(Error::usage(format!("the ranges of {shown} do not cover all keys once")).hint(hint));
    }
    let count = ranges.len();
    ranges.into_iter().nth(number.get() - 1).ok_or_else(|| {
        Error::usage(format!("--partition {number}: {shown} has {count} ranges"))
            .hint(format!("give a number from 1 to {count}"))
    })
}

/// Prints findings and progress, and saves positions.
struct Printer<'a> {
    args: &'a ReconcileArgs,
    range: &'a KeyRange,
    last: Instant,
    began: Instant,
}

impl Printer<'_> {
    /// The position of an earlier run, if it left one.
    fn position(&self, file: &Path) -> Result<Option<Position>, Error> {
        if !file.exists() {
            return Ok(None);
        }
        let context = || format!("can't read the cursor {}", file.display());
        let text = input_file::text_or_pipe(file, LARGEST).or_usage(context)?;
        let hint = "remove the file to begin from the start";
        let cursor: Cursor =
            serde_json::from_str(&text).or_usage(context).map_err(|error| error.hint(hint))?;
        let own = self.cursor(cursor.position.clone());
        if own != cursor {
            let part = if own.range == cursor.range { "" } else { ", of another range of keys" };
            let of = format!("{} with {}, --verify {}{part}", cursor.bucket, cursor.profile, cursor.verify);
            return Err(Error::usage(format!("{} is the cursor of {of}", file.display())).hint(hint));
        }
        notice(&format!("continues after {:?}\n", cursor.position.after.as_str()));
        Ok(Some(cursor.position))
    }

    fn cursor(&self, position: Position) -> Cursor {
        let verify = self.args.verify.to_possible_value();
        Cursor {
            bucket: self.args.bucket.clone(),
            profile: self.args.profile.clone(),
            verify: verify.map(|value| value.get_name().to_owned()).unwrap_or_default(),
            range: self.range.clone(),
            position,
        }
    }
}

impl ReconcileObserver for Printer<'_> {
    fn found(&mut self, finding: &ReconcileFinding) -> Result<(), Error> {
        let line = serde_json::to_string(finding).or_harness(|| "can't write a finding".to_owned())?;
        print(&(line + "\n"))
    }

    fn reached(&mut self, position: &Position) -> Result<(), Error> {
        let Some(file) = &self.args.cursor else { return Ok(()) };
        let text = serde_json::to_string(&self.cursor(position.clone()));
        replace(file, &text.or_harness(|| "can't write a cursor".to_owned())?)
    }

    fn progressed(&mut self, tally: &Tally, expected_rows: u64) {
        if self.last.elapsed() < REPORTED {
            return;
        }
        self.last = Instant::now();
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = (tally.rows + tally.objects) * 1_000 / ms;
        let left = match expected_rows.saturating_sub(tally.rows) * ms / tally.rows.max(1) {
            0 => String::new(),
            left => format!(", about {} left", human(left)),
        };
        notice(&format!("{} rows, {} objects, {rate} a second{left}\n", tally.rows, tally.objects));
    }
}

/// Findings go before what could not be determined.
fn exit_code(tally: &Tally) -> ExitCode {
    let failures = tally.findings.keys().any(|kind| kind.severity() == Severity::Failure);
    match failures {
        true => ExitCode::IntegrityFailure,
        false if tally.matched == 0 || tally.denied > 0 || tally.unreadable > 0 => ExitCode::Unverified,
        false => ExitCode::AllHeld,
    }
}

fn summary(args: &ReconcileArgs, tally: &Tally, requests: u64, took: Duration) -> String {
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let mut text = format!(
        "{} rows and {} objects in {}, {requests} requests: {} rows match their object\n",
        tally.rows,
        tally.objects,
        human(ms),
        tally.matched
    );
    text += &match args.verify {
        Verify::Listing => "contents: not compared, keys and sizes only (--verify)\n".to_owned(),
        Verify::Recorded => {
            format!(
                "contents: {} objects have the recorded SHA-256, by the store's own record\n",
                tally.verified
            )
        }
        Verify::Sample if tally.verified > 0 => format!(
            "contents: {} objects of a sample were read; where none is wrong, fewer than {:.2} % of all are, \
             with 95 % confidence\n",
            tally.verified,
            // The rule of three: (1 - p)^n = 0.05 gives p of about 3 / n.
            300.0 / tally.verified as f64
        ),
        Verify::Sample | Verify::Full => {
            format!("contents: {} objects were read and have the recorded checksums\n", tally.verified)
        }
    };
    for (count, what) in [
        (tally.without_digest, "rows without a checksum to compare: the row or the store has none"),
        (tally.unreadable, "rows with sizes or checksums that are not what the profile says"),
        (tally.denied, "objects that the store denies reading"),
        (tally.cleared, "differences that the second look cleared"),
    ] {
        if count > 0 {
            text += &format!("{count} {what}\n");
        }
    }
    for (kind, count) in &tally.findings {
        text += &format!("{count} × {}\n", kind.describe());
    }
    if tally.matched == 0 {
        text += "unverified: no row matched an object\n";
    }
    text
}

fn metrics(tally: &Tally, requests: u64, took: Duration, clock: &Clock) -> String {
    let mut out = OpenMetrics::default();
    let name = |what: &str| format!("pulp_drill_reconcile_{what}");
    for (what, help, value) in [
        ("rows", "Rows that point at an object.", tally.rows),
        ("objects", "Objects in the listing.", tally.objects),
        ("matched_rows", "Rows whose object is there with the recorded size.", tally.matched),
        ("verified_objects", "Objects with the recorded SHA-256.", tally.verified),
        ("cleared", "Differences that the second look cleared.", tally.cleared),
        ("requests", "Requests to the object store.", requests),
    ] {
        out.gauge(&name(what), "", help, &value.to_string());
    }
    let findings = name("findings");
    out.family(&findings, "gauge", "", "Confirmed findings by kind.");
    let kinds = [
        FindingKind::MissingBinary,
        FindingKind::WrongSize,
        FindingKind::WrongContent,
        FindingKind::OrphanBinary,
    ];
    for kind in kinds {
        let count = tally.findings.get(&kind).copied().unwrap_or_default();
        out.sample(&findings, &[("kind", kind.describe())], &count.to_string());
    }
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    out.gauge(&name("duration_seconds"), "seconds", "How long it took.", &seconds_of(ms));
    out.gauge(&name("end_seconds"), "seconds", "When it ended, in Unix time.", &unix(clock.now()));
    out.finish()
}

/// Writes a file whole or not at all: others may read it at any time.
fn replace(file: &Path, text: &str) -> Result<(), Error> {
    let context = || format!("can't write {}", file.display());
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).or_environment(context)?;
    temporary.write_all(text.as_bytes()).or_environment(context)?;
    temporary.persist(file).map(drop).or_environment(context)
}

fn remove(file: &Path) -> Result<(), Error> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::environment(format!("can't remove {}", file.display())).because(&error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_go_before_what_is_unknown_and_orphans_are_warnings() {
        let tally = |matched, findings: &[FindingKind]| Tally {
            matched,
            findings: findings.iter().map(|kind| (*kind, 1)).collect(),
            ..Tally::default()
        };
        let code = |matched, findings: &[FindingKind]| exit_code(&tally(matched, findings));
        assert_eq!(code(1, &[]), ExitCode::AllHeld);
        assert_eq!(code(0, &[]), ExitCode::Unverified);
        assert_eq!(code(1, &[FindingKind::OrphanBinary]), ExitCode::AllHeld);
        assert_eq!(code(0, &[FindingKind::MissingBinary]), ExitCode::IntegrityFailure);
        let denied = Tally { denied: 1, ..tally(1, &[]) };
        assert_eq!(exit_code(&denied), ExitCode::Unverified);
    }

    #[test]
    fn the_metrics_end_as_the_format_wants_it() {
        let text = metrics(&Tally::default(), 0, Duration::ZERO, &Clock::system());
        assert!(text.contains("pulp_drill_reconcile_findings{kind=\"missing binary\"} 0\n"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
