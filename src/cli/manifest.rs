//! `pulp-drill manifest`: the inventory of a live engine, and whether it still holds (runbook 2.4, 3.6
//! and 4). It stands in for `pulp-engine backup create` and `backup verify`, and adds digests.

use crate::{
    base::{
        clock::{self, Clock},
        digest::Digest,
        error::{Error, ErrorContext},
        ids::TableName,
        input_file,
        redact::Redactor,
    },
    cli::Output,
    model::{
        event::TableFacts,
        profile::{Profile, TargetApi},
        state::{Database, Table},
    },
    procedure::{
        manifest::{self, Drift, Manifest},
        schema,
    },
    report::terminal::style::count,
    scenario::profile::read_profile,
    system::{
        engine::{ApiKeys, Engine},
        postgres::{Access, Postgres},
    },
};
use clap::{Args, Subcommand};
use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process,
};

/// The file that a manifest is (runbook 4).
const FILE: &str = "manifest.json";

/// The most bytes of a manifest, or of a file with a key.
const LARGEST: u64 = 64 << 20;

/// The exit codes of `manifest verify`, as runbook 4 has them: they differ from those of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestExit {
    /// No drift, or not beyond the tolerance.
    Matches,
    /// The manifest is missing or can't be read.
    Unreadable,
    /// Drift beyond the tolerance.
    Drifted,
}

impl From<ManifestExit> for process::ExitCode {
    fn from(exit: ManifestExit) -> Self {
        match exit {
            ManifestExit::Matches => 0.into(),
            ManifestExit::Unreadable => 1.into(),
            ManifestExit::Drifted => 2.into(),
        }
    }
}

/// Take or verify an inventory of a live engine.
#[derive(Args, Debug)]
pub struct ManifestArgs {
    #[command(subcommand)]
    command: ManifestCommand,
}

#[derive(Subcommand, Debug)]
enum ManifestCommand {
    /// Write manifest.json: templates and assets of a live engine, with the SHA-256 of every
    /// definition and binary, and of every table where DATABASE_URL is set
    #[command(after_help = "The admin key comes from API_KEY_ADMIN or a file, never from an argument.\n\n\
                            Example:\n  pulp-drill manifest create --out backup-20260413 \
                            --api-url http://localhost:3000 --db-dump pulp-engine-20260413.dump")]
    Create(CreateArgs),
    /// Compare a manifest with a live engine
    #[command(
        after_help = "Exit codes: 0 no drift, or not beyond the tolerance; 2 drift; 1 no manifest, or an \
                            unreadable one; 3 the engine could not be asked. A wrong command line is 2 too."
    )]
    Verify(VerifyArgs),
}

#[derive(Args, Debug)]
struct Live {
    /// The engine; not for a profile with `api: none`, of which the database is recorded
    #[arg(long, value_name = "URL")]
    api_url: Option<url::Url>,
    /// A file with the admin key; the default is the environment variable API_KEY_ADMIN
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// The target profile: which tables there are, where DATABASE_URL is set
    #[arg(long, default_value = "pulp-engine", value_name = "FILE")]
    profile: String,
    /// Metadata only, as the runbook's own tool: no binary is read and no digest computed
    #[arg(long)]
    metadata_only: bool,
}

#[derive(Args, Debug)]
struct CreateArgs {
    /// The folder of the backup; made if it is not there. A manifest in it is not overwritten
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    live: Live,
    /// Where the dump of the database lies; recorded with its SHA-256
    #[arg(long, value_name = "PATH")]
    db_dump: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct VerifyArgs {
    /// The folder of the backup
    #[arg(long = "in", value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    live: Live,
    /// How many items may have drifted
    #[arg(long, default_value_t = 0, value_name = "N")]
    tolerance: usize,
}

/// Takes or verifies an inventory.
pub async fn run(args: ManifestArgs) -> Result<Output<ManifestExit>, Error> {
    match args.command {
        ManifestCommand::Create(args) => create(args).await,
        ManifestCommand::Verify(args) => verify(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<Output<ManifestExit>, Error> {
    let file = args.out.join(FILE);
    if file.exists() {
        return Err(Error::usage(format!("{} is there already", file.display()))
            .hint("name a new folder: a manifest is never overwritten"));
    }
    let mut manifest = take(&args.live, !args.live.metadata_only).await?;
    if let Some(dump) = &args.db_dump {
        if !dump.exists() {
            return Err(Error::usage(format!("--db-dump: there is no {}", dump.display())));
        }
        manifest.db_dump = Some(dump.display().to_string());
        if dump.is_file() && !args.live.metadata_only {
            let context = || format!("can't read {}", dump.display());
            manifest.db_dump_sha256 = Some(Digest::of_file(dump).or_environment(context)?);
        }
    }
    std::fs::create_dir_all(&args.out).or_environment(|| format!("can't make {}", args.out.display()))?;
    let json = serde_json::to_string_pretty(&manifest).or_harness(|| "can't write a manifest".to_owned())?;
    write_new(&file, &(json + "\n"))?;
    let all = format!(
        "{}, {}, {}",
        count(manifest.templates.len(), "template"),
        count(manifest.assets.len(), "asset"),
        count(manifest.tables.len(), "table")
    );
    let unread: Vec<&str> = match args.live.metadata_only {
        true => Vec::new(),
        false => manifest.assets.iter().filter(|a| a.sha256.is_none()).map(|a| a.filename.as_str()).collect(),
    };
    let mut stderr = format!("wrote {}: {all}\n", file.display());
    if !unread.is_empty() {
        let _never = writeln!(stderr, "warning: the engine has no binary for {}", unread.join(", "));
    }
    Ok(Output { stdout: String::new(), stderr, exit: ManifestExit::Matches })
}

/// Writes a file that must not be there, whole or not at all.
fn write_new(file: &Path, text: &str) -> Result<(), Error> {
    let context = || format!("can't write {}", file.display());
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).or_environment(context)?;
    temporary.write_all(text.as_bytes()).or_environment(context)?;
    temporary.as_file().sync_all().or_environment(context)?;
    temporary.persist_noclobber(file).map(drop).or_environment(context)
}

async fn verify(args: VerifyArgs) -> Result<Output<ManifestExit>, Error> {
    let file = args.dir.join(FILE);
    let recorded = match read(&file) {
        Ok(recorded) => recorded,
        Err(why) => {
            let stderr = format!("error: can't read {}: {why}\n", file.display());
            return Ok(Output { stdout: String::new(), stderr, exit: ManifestExit::Unreadable });
        }
    };
    let mut live = take(&args.live, !args.live.metadata_only && recorded.has_digests()).await?;
    let mut recorded = recorded;
    if args.live.metadata_only {
        manifest::as_far_as(&live, &mut recorded);
    } else if live.tables.is_empty() && !recorded.tables.is_empty() {
        return Err(Error::usage("the manifest knows the tables, and DATABASE_URL is not set")
            .hint("set DATABASE_URL, or compare with --metadata-only"));
    }
    manifest::as_far_as(&recorded, &mut live);
    let drifted = manifest::drift(&recorded, &live);
    let stdout: String = drifted.iter().map(describe_drift).collect();
    let held = drifted.len() <= args.tolerance;
    let n = count(drifted.len(), "drifted item");
    let what = if recorded.has_digests() { "metadata and digests" } else { "metadata only, no digests" };
    let verdict = match (drifted.is_empty(), held) {
        (true, _) => format!("no drift ({what})"),
        (false, true) => format!("{n}, within the tolerance of {} ({what})", args.tolerance),
        (false, false) => format!("{n}, beyond the tolerance of {} ({what})", args.tolerance),
    };
    let exit = if held { ManifestExit::Matches } else { ManifestExit::Drifted };
    Ok(Output { stdout, stderr: verdict + "\n", exit })
}

fn read(file: &Path) -> Result<Manifest, String> {
    let text = input_file::text(file, LARGEST).map_err(|error| error.to_string())?;
    Manifest::read(&text)
}

fn describe_drift(drift: &Drift) -> String {
    let (section, item) = (drift.section, &drift.item);
    match (&drift.recorded, &drift.live) {
        (Some(recorded), Some(live)) => {
            format!("changed  {section}/{item}\n  recorded: {recorded}\n  live:     {live}\n")
        }
        (Some(recorded), None) => format!("removed  {section}/{item}\n  recorded: {recorded}\n"),
        (None, live) => format!("added    {section}/{item}\n  live:     {}\n", live.as_deref().unwrap_or("")),
    }
}

/// The inventory of the live engine, with digests where they are wanted.
async fn take(live: &Live, digests: bool) -> Result<Manifest, Error> {
    let redactor = Redactor::new();
    let profile = read_profile(&live.profile).map_err(|d| d.into_error(false, 80))?;
    let url = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
    let now = clock::iso(Clock::system().now());
    let api = match (&live.api_url, profile.api) {
        (Some(url), TargetApi::PulpEngine) => Some(Engine::new(url, &keys(live, &redactor)?)),
        (None, TargetApi::None) if url.is_some() && digests => None,
        (Some(_), TargetApi::None) => {
            return Err(Error::usage(format!("the profile {} has no API", live.profile))
                .hint("leave out --api-url and set DATABASE_URL"));
        }
        (None, TargetApi::None) => {
            return Err(Error::usage(
                "there is nothing to record: the profile has no API and DATABASE_URL is not set",
            )
            .hint("set DATABASE_URL, and leave out --metadata-only"));
        }
        (None, TargetApi::PulpEngine) => {
            return Err(
                Error::usage("--api-url is missing").hint("name the engine: --api-url http://localhost:3000")
            );
        }
    };
    let mut manifest = match &api {
        Some(api) => manifest::record(api, now).await?,
        None => Manifest::of_rows(now),
    };
    if digests {
        if let Some(api) = &api {
            manifest::complete(&mut manifest, api).await?;
        }
        if let Some(url) = url {
            let (database, major) = database(&url, &profile, &redactor).await?;
            manifest.schema = Some(schema::figures(&database, major));
            manifest.tables = database.tables.iter().map(facts).collect();
        }
    }
    Ok(manifest)
}

/// The name of a table, its rows and their digest.
fn facts((name, table): (&TableName, &Table)) -> (String, TableFacts) {
    (name.to_string(), TableFacts { rows: table.rows.len(), digest: table.digest() })
}

async fn database(
    url: &str,
    profile: &Profile,
    redactor: &Redactor,
) -> Result<(Database, Option<u32>), Error> {
    let access = Access::parse(url).map_err(|error| error.while_doing("DATABASE_URL"))?;
    redactor.add(&access.password);
    let postgres = Postgres::connect_read_only(&access).await?;
    let read = async { Ok((postgres.capture(profile, None).await?, postgres.major().await?)) };
    let read = read.await;
    postgres.close().await;
    read
}

fn keys(live: &Live, redactor: &Redactor) -> Result<ApiKeys, Error> {
    let admin = match &live.api_key_file {
        Some(file) => {
            let text = input_file::text_or_pipe(file, LARGEST);
            let text = text.or_usage(|| format!("can't read {}", file.display()))?;
            Some(text.trim().to_owned())
        }
        None => std::env::var("API_KEY_ADMIN").ok().filter(|key| !key.is_empty()),
    };
    if let Some(key) = &admin {
        redactor.add(key);
    }
    Ok(ApiKeys { admin, ..ApiKeys::default() })
}
