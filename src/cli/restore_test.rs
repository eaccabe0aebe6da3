//! `pulp-drill restore-test`: a test of a backup that is there already. Reads what is asked for,
//! refuses what is wrong before anything is started, restores and verifies, and leaves a stored run.

use crate::{
    base::{
        clock::{self, Clock},
        digest::Digest,
        error::{Error, ErrorContext as _},
        ids::{ObjectKey, RunId, ScenarioId, TemplateKey},
        input_file,
        process::Teardown,
        redact::Redactor,
    },
    cli::{
        run::{EngineArg, exit_of, prepare, session, signals, signing},
        s3_settings::S3Settings,
    },
    evidence::{SIGNED_BY, UNSIGNED, chain},
    journal::{Journal, Logbook},
    model::{
        budget::TimeSpan,
        event::{Event, FORMAT, RunStarted},
        exit_code::ExitCode,
        profile::Profile,
        state::Golden,
    },
    procedure::{
        foreign::{self, Recognised},
        manifest::Manifest,
    },
    report::terminal,
    runbook::{
        existing_backup::{Asked, ID, restore_test},
        provision::{EngineChoice, Substrate, leftovers},
        verify::existing::{ExpectedRender, Recorded},
    },
    scenario::{
        budgets::read_budgets,
        method::DumpFormat,
        profile::{digest_of, read_profile},
    },
    system::objects::origin::Origin,
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

mod args;

pub use args::RestoreTestArgs;

/// The file that a manifest is (runbook 4).
const MANIFEST: &str = "manifest.json";

/// The largest file with data, manifest, or known-good PDF, in bytes.
const LARGEST: u64 = 64 << 20;

/// What a test rests on.
struct Prepared {
    asked: Asked,
    profile: Arc<Profile>,
    engine: EngineChoice,
}

/// Runs the test and gives the exit code. `origin` are the settings to read S3 origins with,
/// `sign_key` the text of the key to sign with, where the environment had them.
pub async fn run(
    args: RestoreTestArgs,
    origin: S3Settings,
    sign_key: Option<String>,
) -> Result<ExitCode, Error> {
    let redactor = Redactor::new();
    let given = signing::given(args.sign_key.as_deref(), sign_key.as_deref())?;
    let key = signing::key(given.as_ref(), &redactor)?;
    let prepared = prepare(&args, &origin, &redactor).await?;
    let cancel = signals::cancelled_by_signal()?;
    let (clock, teardown) = (Clock::system(), Teardown::new());
    let id = RunId::new(uuid::Uuid::now_v7().simple().to_string());
    let mut started = started(&args, &prepared, &id)?;
    started.previous = chain::not_yet_named(&chain::runs_in(&args.report_dir)?);
    let signer = key.as_ref().map_or_else(|| UNSIGNED.to_owned(), |key| key.public().fingerprint());
    started.config.insert(SIGNED_BY.to_owned(), signer);
    let journal = Journal::create(&args.report_dir, &id, clock.clone(), redactor.clone())?;
    journal.observe(Box::new(terminal::Terminal::stderr()));
    let log = Logbook::new(&journal, None);
    log.event(Event::RunStarted(Box::new(started)))?;
    if key.is_none() {
        log.event(Event::Noted { text: signing::NO_KEY.to_owned() })?;
    }
    let work = async {
        let tested = test(prepared, &id, &journal, &clock, &redactor, &teardown);
        tokio::select! {
            biased;
            () = cancel.cancelled() => Ok(ExitCode::Unverified),
            tested = tested => tested,
        }
    };
    let exit = session::to_its_end(&teardown, &cancel, &log, work).await?;
    let unfinished = journal.record().scenarios.iter().any(|s| s.judgement.is_none());
    let cut_short = match (cancel.is_cancelled(), unfinished) {
        (true, _) => Some("a signal asked it to stop".to_owned()),
        (false, true) => Some("the test did not end".to_owned()),
        (false, false) => None,
    };
    session::close(&journal, exit, cut_short, &args.report_dir, key.as_ref(), args.format)
}

async fn test(
    prepared: Prepared,
    id: &RunId,
    journal: &Journal,
    clock: &Clock,
    redactor: &Redactor,
    teardown: &Teardown,
) -> Result<ExitCode, Error> {
    let log = Logbook::new(journal, None);
    if let Some(text) = leftovers::sweep_everywhere(false).await?.message() {
        log.event(Event::Noted { text })?;
    }
    let short = &id.as_str()[id.as_str().len().saturating_sub(8)..];
    let Prepared { asked, profile, engine } = prepared;
    let substrate = Substrate::start(short, false, None, profile, engine, redactor, teardown).await?;
    let versions = substrate.versions().await?;
    let limits = substrate.limits(&versions);
    log.event(Event::SubstrateReady { versions, limits })?;
    let outcome = restore_test(&substrate, &asked, journal, clock).await;
    exit_of(vec![(ID.to_owned(), outcome)])
}

/// All that can be known and refused before anything is started.
async fn prepare(
    args: &RestoreTestArgs,
    settings: &S3Settings,
    redactor: &Redactor,
) -> Result<Prepared, Error> {
    if let EngineArg::Url(_) = args.engine {
        return Err(Error::usage(
            "restore-test restores into a site of its own, never into one that runs elsewhere",
        )
        .hint("use --engine standin or command:…"));
    }
    let look = terminal::stderr_look();
    let profile = read_profile(&args.profile).map_err(|d| d.into_error(look.colour, look.width))?;
    let engine = prepare::engine(Some(&args.engine), &[], args.ready_within, &profile)?;
    let budgets = args.budgets.as_deref().map(read_budgets).transpose();
    let budgets = budgets.map_err(|d| d.into_error(look.colour, look.width))?.unwrap_or_default();
    let dump = settings.origin(&args.dump, args.dump.ends_with('/'), redactor)?;
    let packed = [".tar", ".tar.gz", ".tgz"].iter().any(|end| args.assets.ends_with(end));
    let assets = settings.origin(&args.assets, !packed, redactor)?;
    if !assets.is_folder() && !packed {
        return Err(Error::usage(format!("{} is neither a folder nor a tarball", assets.shown()))
            .hint("a tarball's name ends with .tar, .tar.gz or .tgz"));
    }
    let renders = renders(args)?;
    let manifest = args.manifest.as_deref().map(manifest).transpose()?;
    let recognised = recognise(&dump).await?;
    must_be_there(&assets).await?;
    let recorded = Recorded { manifest, renders, ..Recorded::default() };
    let asked = Asked {
        dump,
        recognised,
        assets,
        recorded,
        max_age: args.max_age.or(budgets.rpo).map(TimeSpan::duration),
        max_rto: args.max_rto.or(budgets.rto).map(TimeSpan::duration),
        as_superuser: args.restore_as_superuser,
    };
    Ok(Prepared { asked, profile: Arc::new(profile), engine })
}

/// What the dump is, by its first bytes.
async fn recognise(dump: &Origin) -> Result<Recognised, Error> {
    if !dump.is_folder() {
        let start = dump.start(&ObjectKey::from(dump.name()), foreign::START).await?;
        let start = start.ok_or_else(|| not_there(dump))?;
        return Ok(foreign::recognise(&start));
    }
    let toc = match dump.is_local() {
        true => dump.items().await?.iter().any(|item| item.key.as_str() == "toc.dat"),
        false => dump.start(&ObjectKey::from("toc.dat"), 1).await?.is_some(),
    };
    Ok(match toc {
        true => Recognised::Dump { format: DumpFormat::Directory, gzip: false },
        false => {
            Recognised::Not("a folder without toc.dat, which pg_dump writes in directory format".to_owned())
        }
    })
}

/// An object must be there; that nothing lies below a prefix is for the test to find.
async fn must_be_there(assets: &Origin) -> Result<(), Error> {
    if assets.is_folder() || assets.start(&ObjectKey::from(assets.name()), 1).await?.is_some() {
        return Ok(());
    }
    Err(not_there(assets))
}

fn not_there(origin: &Origin) -> Error {
    Error::usage(format!("there is no {}", origin.shown())).hint("see whether bucket and key are right")
}

fn renders(args: &RestoreTestArgs) -> Result<BTreeMap<TemplateKey, ExpectedRender>, Error> {
    let mut renders = BTreeMap::new();
    for pair in &args.renders {
        let text = read(&pair.file, "the data")?;
        let data = serde_json::from_str(&text).or_usage(|| format!("{} is no JSON", pair.file.display()))?;
        let key = TemplateKey::from(pair.template.as_str());
        if renders.insert(key, ExpectedRender { data, golden: None }).is_some() {
            return Err(Error::usage(format!("--render names {} twice", pair.template)));
        }
    }
    for pair in &args.goldens {
        let Some(wanted) = renders.get_mut(&TemplateKey::from(pair.template.as_str())) else {
            let hint = format!("add --render {}=DATA.json", pair.template);
            return Err(Error::usage(format!("--golden {}: no such render", pair.template)).hint(hint));
        };
        let context = || format!("can't read the known-good PDF {}", pair.file.display());
        let bytes = input_file::read(&pair.file, LARGEST).or_usage(context)?;
        pdf_compare::well_formed(&bytes).or_usage(|| format!("{} is no whole PDF", pair.file.display()))?;
        wanted.golden = Some(Golden { sha256: Digest::of(&bytes), path: pair.file.clone() });
    }
    Ok(renders)
}

fn manifest(folder: &Path) -> Result<Manifest, Error> {
    let file = if folder.is_dir() { folder.join(MANIFEST) } else { folder.to_owned() };
    let text = read(&file, "the manifest")?;
    let refused = |why| Error::usage(format!("{} is no manifest", file.display())).cause(why);
    Manifest::read(&text).map_err(refused)
}

fn read(file: &Path, what: &str) -> Result<String, Error> {
    input_file::text(file, LARGEST).or_usage(|| format!("can't read {what} {}", file.display()))
}

fn started(args: &RestoreTestArgs, prepared: &Prepared, id: &RunId) -> Result<RunStarted, Error> {
    let profile = digest_of(&args.profile);
    let profile = profile.or_environment(|| format!("can't read the profile {}", args.profile))?;
    let asked = &prepared.asked;
    let span = |limit: Option<std::time::Duration>| limit.map_or_else(|| "none".to_owned(), clock::span);
    let manifest = args.manifest.as_ref().map_or_else(|| "none".to_owned(), |m| m.display().to_string());
    let config = [
        ("engine", prepared.engine.name.clone()),
        ("dump", asked.dump.shown().to_owned()),
        ("assets", asked.assets.shown().to_owned()),
        ("manifest", manifest),
        ("max age", span(asked.max_age)),
        ("max rto", span(asked.max_rto)),
        ("restored by", if asked.as_superuser { "superuser" } else { "a plain role" }.to_owned()),
        ("profile", args.profile.clone()),
        ("profile sha256", profile.to_string()),
        ("ready within", format!("{} s", args.ready_within)),
        ("substrate", "local".to_owned()),
    ];
    Ok(RunStarted {
        partition: None,
        format: FORMAT,
        run: id.clone(),
        harness: format!("pulp-drill {}", env!("CARGO_PKG_VERSION")),
        seed: 0,
        // A command line need not be UTF-8.
        command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        config: config.map(|(name, value)| (name.to_owned(), value)).into(),
        started_by: session::started_by(),
        machine: session::machine(),
        scenarios: vec![ScenarioId::from(ID)],
        previous: Vec::new(),
    })
}
