//! `pulp-drill restore-test`: its arguments as options of a test of an existing backup.

use crate::{
    base::{
        clock,
        error::{Error, ErrorContext as _},
        redact::Redactor,
    },
    cli::{
        notify::NotifyArgs,
        run::{RunFormat, print},
        s3_settings::S3Settings,
    },
    model::{budget::TimeSpan, exit_code::ExitCode},
    plan::TestScope,
    procedure::{foreign::tarball::ENDINGS, physical::PhysicalOrigin},
    run::{
        FinishedRun,
        existing_backup::{self, BackupTestOptions, NewestOf, RowsOption},
        notify::RunSummary,
        options::EngineOption,
        signing,
    },
    system::{objects::origin::Origin, postgres::Access},
};
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use std::{path::PathBuf, str::FromStr};

/// Arguments of `pulp-drill restore-test`.
#[derive(Args, Debug)]
#[command(
    after_help = "The origin is only read: an S3 store receives GET and LIST requests only. Its keys come from \
    ORIGIN_AWS_ACCESS_KEY_ID, ORIGIN_AWS_SECRET_ACCESS_KEY, ORIGIN_AWS_SESSION_TOKEN, \
    ORIGIN_AWS_ENDPOINT_URL and ORIGIN_AWS_REGION, or the same names without ORIGIN_.\n\n\
    Examples:\n  \
    pulp-drill restore-test --dump pulp-engine.dump --assets assets.tar.gz --manifest backup/ \
    --render invoice=invoice.json --golden invoice=invoice.pdf --max-age 26h\n  \
    pulp-drill restore-test --dump s3://backups/pulp-engine.dump --assets s3://backups/assets-20260413/\n\n\
    Exit codes: 0 all held, 1 the backup does not restore as promised, 2 usage error, 3 could not verify."
)]
pub struct RestoreTestArgs {
    #[command(flatten)]
    rows: RowsArgs,
    /// The binaries: a folder, a tarball (.tar, .tar.gz), or s3://bucket/prefix/; with --newest also
    /// a pattern of them, such as s3://bucket/assets-*/
    #[arg(long, value_name = "DIR|FILE|S3URL", required_unless_present = "tier")]
    assets: Option<String>,
    /// Restore the schema only, without rows and binaries, and compare it with --schema-of-migrate, --manifest,
    /// --ledger or --source-env: takes seconds
    #[arg(long, value_enum, value_name = "TIER", conflicts_with_all = ["assets", "physical", "pgbackrest", "wal_g", "renders", "sample", "max_age", "max_rto", "budgets"])]
    tier: Option<Tier>,
    /// Read the bytes of so many objects only, chosen by --seed; of the others presence and size are compared
    #[arg(long, value_name = "N", conflicts_with = "renders", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,
    /// What chooses the objects of --sample; the default is another one each time
    #[arg(long, value_name = "SEED", requires = "sample")]
    seed: Option<u64>,
    /// End the whole test after this time: 2h. Without it, there is no limit while it makes progress
    #[arg(long, value_name = "SPAN")]
    timeout: Option<TimeSpan>,
    /// The folder with the manifest.json that was recorded with the backup
    #[arg(long, value_name = "DIR")]
    manifest: Option<PathBuf>,
    /// Render a template with data from a JSON file; may be repeated
    #[arg(long = "render", value_name = "TEMPLATE=DATA.json")]
    renders: Vec<Pair>,
    /// The PDF that a render must give; may be repeated
    #[arg(long = "golden", value_name = "TEMPLATE=FILE.pdf")]
    goldens: Vec<Pair>,
    /// How old the newest row may be: 90m, 26h, 2d
    #[arg(long, value_name = "SPAN")]
    max_age: Option<TimeSpan>,
    /// How long the recovery may take: 15m
    #[arg(long, value_name = "SPAN")]
    max_rto: Option<TimeSpan>,
    /// A file with budgets, for those that are not given here: rpo bounds the age, rto the recovery
    #[arg(long, value_name = "FILE")]
    budgets: Option<PathBuf>,
    /// Compare with the last proven restore of the same profile in this ledger: rows of each table,
    /// objects and bytes
    #[arg(long, value_name = "FILE|DIR")]
    ledger: Option<PathBuf>,
    /// Compare with the live source, which is only read: the variable with its URL
    #[arg(long, value_name = "NAME")]
    source_env: Option<String>,
    /// How much fewer rows, objects or bytes than in the ledger or the source are tolerated, in percent
    #[arg(long, default_value_t = 5, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    max_drop: u8,
    /// Compare the schema with the one that the profile's `migrate` makes in an empty database
    #[arg(long)]
    schema_of_migrate: bool,
    /// Restore as a superuser, who may start programs: for dumps with extensions that need it, and
    /// only for those that you would give a shell
    #[arg(long)]
    restore_as_superuser: bool,
    /// The engine: standin, command:PROGRAM ARGS…; without it the stand-in, or what the profile starts
    #[arg(long, value_name = "ENGINE")]
    engine: Option<EngineOption>,
    /// How long the engine may take until GET /health/ready succeeds
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=3600))]
    ready_within: u16,
    /// The target profile: a file, or the name of a shipped one
    #[arg(long, default_value = "pulp-engine", value_name = "PROFILE")]
    profile: String,
    /// Where runs are stored
    #[arg(long, default_value = "reports", value_name = "DIR")]
    report_dir: PathBuf,
    /// What to print on stdout at the end
    #[arg(long, value_enum, default_value_t = RunFormat::Human)]
    format: RunFormat,
    /// Sign the run with this ed25519 key (OpenSSH, no passphrase); PULP_DRILL_SIGN_KEY may hold the
    /// key itself instead
    #[arg(long, value_name = "FILE", env = "PULP_DRILL_SIGN_KEY_FILE")]
    sign_key: Option<PathBuf>,
    #[command(flatten)]
    notify: NotifyArgs,
}

/// Tests a backup, prints the run and returns the exit code. `origin` has the settings to read S3 origins
/// with, `sign_key` the text of the key to sign with, `webhook_secret` that of the secret of the webhook,
/// where the environment has them.
pub async fn run(
    args: RestoreTestArgs,
    origin: S3Settings,
    sign_key: Option<String>,
    webhook_secret: Option<String>,
) -> Result<ExitCode, Error> {
    let redactor = Redactor::new();
    let (notifier, format) = (args.notify.notifier(webhook_secret, &redactor)?, args.format);
    notifier.started().await;
    let tested = test(args, origin, sign_key, redactor).await;
    let (result, ended) = match tested {
        Ok(run) => (print(&run, format).map(|()| run.exit), vec![RunSummary::of(&run)]),
        Err(error) => (Err(error), Vec::new()),
    };
    notifier.ended(&result, ended).await;
    result
}

async fn test(
    args: RestoreTestArgs,
    origin: S3Settings,
    sign_key: Option<String>,
    redactor: Redactor,
) -> Result<FinishedRun, Error> {
    let sign_key = signing::read(args.sign_key.as_deref(), sign_key.as_deref())?;
    if let Some(EngineOption::Url(_)) = args.engine {
        return Err(Error::usage(
            "restore-test restores into a site of its own, never into one that runs elsewhere",
        )
        .hint("use --engine standin or command:…"));
    }
    let scope = scope(&args);
    let (assets, newest_assets) = match &args.assets {
        Some(text) => named_assets(text, args.rows.newest, &origin, &redactor)?,
        None => (None, None),
    };
    if let (Some(assets), TestScope::Sample { .. }) = (&assets, scope)
        && !assets.is_folder()
    {
        return Err(Error::usage("--sample: a tarball is read as a whole")
            .hint("leave out --sample, or name a folder or a prefix"));
    }
    existing_backup::run(BackupTestOptions {
        assets,
        newest_assets,
        scope,
        timeout: args.timeout,
        database: args.rows.database.clone(),
        rows: args.rows.option(&origin, &redactor)?,
        manifest: args.manifest,
        renders: args.renders.into_iter().map(|pair| (pair.template, pair.file)).collect(),
        goldens: args.goldens.into_iter().map(|pair| (pair.template, pair.file)).collect(),
        max_age: args.max_age,
        max_rto: args.max_rto,
        budgets: args.budgets,
        ledger: args.ledger,
        source: args.source_env.as_deref().map(|name| source(name, &redactor)).transpose()?,
        max_drop: args.max_drop,
        schema_of_migrate: args.schema_of_migrate,
        restore_as_superuser: args.restore_as_superuser,
        engine: args.engine,
        ready_within: args.ready_within,
        profile: args.profile,
        report_dir: args.report_dir,
        sign_key,
        redactor,
    })
    .await
}

/// How much of the backup is tested.
fn scope(args: &RestoreTestArgs) -> TestScope {
    match (args.tier, args.sample) {
        (Some(Tier::Schema), _) => TestScope::Schema,
        (None, None) => TestScope::Whole,
        (None, Some(objects)) => TestScope::Sample {
            objects: usize::try_from(objects).unwrap_or(usize::MAX),
            seed: args.seed.unwrap_or_else(clock::seed),
        },
    }
}

/// Where the binaries are, and the pattern of their name where the newest are meant.
fn named_assets(
    text: &str,
    newest: bool,
    settings: &S3Settings,
    redactor: &Redactor,
) -> Result<(Option<Origin>, Option<String>), Error> {
    let (place, pattern) = if newest { below(text) } else { (text, None) };
    let assets = match &pattern {
        Some(_) => settings.origin(place, true, redactor)?,
        None => assets(text, settings, redactor)?,
    };
    Ok((Some(assets), pattern))
}

/// A part of the backup that is tested alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tier {
    /// Tables, indexes, constraints and other parts of the schema, without rows
    Schema,
}

/// The live source, by the variable with its URL: arguments are seen by every user of the machine.
fn source(name: &str, redactor: &Redactor) -> Result<Access, Error> {
    let url = std::env::var(name).or_usage(|| format!("--source-env {name}: the variable is not set"))?;
    redactor.add(&url);
    let access = Access::parse(&url).map_err(|error| error.while_doing(format!("--source-env {name}")))?;
    redactor.add(&access.password);
    Ok(access)
}

/// What holds the rows.
#[derive(Args, Debug)]
struct RowsArgs {
    /// The dump: a file of pg_dump in any format, also compressed, a folder in directory format, or
    /// s3://bucket/key
    #[arg(long, value_name = "FILE|DIR|S3URL", required_unless_present_any = ["physical", "pgbackrest", "wal_g"])]
    dump: Option<String>,
    /// Test the newest backup below --dump (a folder or prefix, also with a pattern: s3://bucket/daily/*.dump)
    /// or in the folders of --physical
    #[arg(long, conflicts_with_all = ["pgbackrest", "wal_g"])]
    newest: bool,
    /// A base backup: a folder of pg_basebackup in plain or tar format
    #[arg(long, value_name = "DIR", conflicts_with = "dump")]
    physical: Option<PathBuf>,
    /// A repository of pgBackRest: its folder, or a pgbackrest.conf that names it
    #[arg(long, value_name = "DIR|FILE", requires = "stanza", conflicts_with_all = ["dump", "physical"])]
    pgbackrest: Option<PathBuf>,
    /// The stanza of the repository
    #[arg(long, value_name = "NAME", requires = "pgbackrest")]
    stanza: Option<String>,
    /// The folder that WAL-G stores in (WALG_FILE_PREFIX)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["dump", "physical", "pgbackrest"])]
    wal_g: Option<PathBuf>,
    /// Archived WAL for a base backup: a folder of segments, also compressed
    #[arg(long, value_name = "DIR", requires = "physical")]
    wal: Option<PathBuf>,
    /// The database to test, if several of a physical backup or of a pg_dumpall dump have the profile's tables
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Recover a physical backup to this time instead of to the end of its WAL: 2026-04-13T02:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "dump", value_parser = time)]
    target_time: Option<DateTime<Utc>>,
}

impl RowsArgs {
    fn option(self, settings: &S3Settings, redactor: &Redactor) -> Result<RowsOption, Error> {
        let origin = match (self.dump, self.physical, self.pgbackrest.zip(self.stanza), self.wal_g) {
            (Some(dump), ..) if self.newest => {
                let (place, pattern) = below(&dump);
                return Ok(RowsOption::Dump(
                    settings.origin(place, true, redactor)?,
                    Some(NewestOf(pattern)),
                ));
            }
            (Some(dump), ..) => {
                let origin = settings.origin(&dump, dump.ends_with('/'), redactor)?;
                return Ok(RowsOption::Dump(origin, None));
            }
            (None, Some(folder), ..) => PhysicalOrigin::Folder(folder),
            (None, None, Some((repository, stanza)), _) => PhysicalOrigin::PgBackRest(repository, stanza),
            (None, None, None, Some(folder)) => PhysicalOrigin::WalG(folder),
            (None, None, None, None) => {
                return Err(Error::usage("no backup is named").hint("use --dump FILE"));
            }
        };
        Ok(RowsOption::Physical { origin, wal: self.wal, target: self.target_time, newest: self.newest })
    }
}

/// The folder or prefix above the first `*`, and the pattern of what lies below it.
fn below(text: &str) -> (&str, Option<String>) {
    let Some(star) = text.find('*') else { return (text, None) };
    let at = text[..star].rfind('/').map_or(0, |slash| slash + 1);
    let place = if at == 0 { "." } else { &text[..at] };
    (place, Some(text[at..].to_owned()))
}

/// A time with its zone: RFC 3339, or as PostgreSQL prints it (`2026-04-13 02:00:00.5+00`).
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let formats = ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"];
    let parsed = DateTime::parse_from_rfc3339(text).ok();
    let parsed = parsed.or_else(|| formats.iter().find_map(|f| DateTime::parse_from_str(text, f).ok()));
    parsed
        .map(|at| at.to_utc())
        .ok_or_else(|| "expected a time with its zone, such as 2026-04-13T02:00:00Z".to_owned())
}

/// Where the binaries are: a folder, a prefix, or a tarball.
fn assets(text: &str, settings: &S3Settings, redactor: &Redactor) -> Result<Origin, Error> {
    let tarball = ENDINGS.iter().any(|end| text.ends_with(end));
    let assets = settings.origin(text, !tarball, redactor)?;
    if !assets.is_folder() && !tarball {
        return Err(Error::usage(format!("{} is neither a folder nor a tarball", assets.shown()))
            .hint(format!("the name of a tarball ends with {}", ENDINGS.join(", "))));
    }
    Ok(assets)
}

/// `TEMPLATE=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    template: String,
    file: PathBuf,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((template, file)) if !template.is_empty() && !file.is_empty() => {
                Ok(Self { template: template.to_owned(), file: file.into() })
            }
            _ => Err("expected TEMPLATE=FILE".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_zone() {
        let at = time("2026-04-13T02:00:00Z").unwrap();
        for same in ["2026-04-13 02:00:00+00", "2026-04-13 04:00:00.0+02:00", "2026-04-13T04:00:00+0200"] {
            assert_eq!(time(same), Ok(at), "{same}");
        }
        assert!(time("2026-04-13 02:00:00").is_err() && time("yesterday").is_err());
    }

    #[test]
    fn a_pattern_begins_after_the_last_slash_before_a_star() {
        assert_eq!(below("s3://b/daily/"), ("s3://b/daily/", None));
        assert_eq!(below("s3://b/daily/x-*/y.dump"), ("s3://b/daily/", Some("x-*/y.dump".to_owned())));
        assert_eq!(below("*.dump"), (".", Some("*.dump".to_owned())));
    }

    #[test]
    fn pairs_are_read() {
        let pair: Pair = "invoice=a=b.json".parse().unwrap();
        assert_eq!((pair.template.as_str(), pair.file), ("invoice", "a=b.json".into()));
        assert!("invoice".parse::<Pair>().is_err() && "=x".parse::<Pair>().is_err());
    }
}
