//! The test of an existing backup: reads what it needs, refuses what is wrong before anything is
//! started, then restores and verifies as one run.

use crate::{
    base::{
        clock,
        digest::Digest,
        error::{Error, ErrorContext as _},
        ids::{ObjectKey, ScenarioId, TemplateKey},
        input_file,
    },
    model::{budget::TimeSpan, event::Event, exit_code::ExitCode, state::Golden},
    plan::{
        self, ExistingBackup, ExpectedRender, RecoveryLimits, RowsBackup, TestScope, existing_backup::ID,
    },
    procedure::{
        foreign::Recognised,
        manifest::Manifest,
        physical::{PhysicalBackup, PhysicalOrigin},
    },
    report::terminal::{Detail, to_error},
    run::{
        backup_place, plans,
        schedule::conclude,
        session::{self, FinishedRun, Header, Session},
        signals, signing,
    },
    runbook::{
        RunContext,
        backup::Examination,
        drill,
        provision::{EngineChoice, ServerChoice, Substrate, leftovers, processes::WantedMajor},
    },
    scenario::{
        budgets::read_budgets,
        library::FixtureLibrary,
        profile::{NamedTarget, read_target},
    },
    system::{objects::origin::Origin, postgres::Access},
};
mod options;
mod references;

pub use options::{BackupTestOptions, NewestOf, RowsOption};

use references::References;
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// The file that a manifest is (runbook 4).
const MANIFEST: &str = "manifest.json";

/// The largest file with data, manifest, or known-good PDF, in bytes.
const LARGEST: u64 = 64 << 20;

/// What a test needs, before anything is started.
struct Prepared {
    backup: ExistingBackup,
    target: Arc<NamedTarget>,
    engine: EngineChoice,
}

/// Tests an existing backup.
///
/// # Errors
/// Blames the user or the environment for what is refused before anything is started. What fails
/// later is in the record.
pub async fn run(options: BackupTestOptions) -> Result<FinishedRun, Error> {
    let key = signing::key(options.sign_key.as_ref(), &options.redactor)?;
    let prepared = prepare(&options).await?;
    let cancel = signals::cancelled_by_signal()?;
    let header = header(&options, &prepared)?;
    let signing = (key, options.redactor);
    let session = Session::begin(header, &options.report_dir, signing, Detail::Everything, cancel)?;
    let timeout = options.timeout;
    let work = async {
        tokio::select! {
            biased;
            () = session.cancel.cancelled() => Ok(ExitCode::Unverified),
            error = timed_out(timeout) => Err(error),
            tested = test(prepared, &session) => tested,
        }
    };
    let exit = session.perform(work).await?;
    session.close(exit, false)
}

/// Ends when the time that the user gave is over; never without one.
async fn timed_out(timeout: Option<TimeSpan>) -> Error {
    let Some(timeout) = timeout.map(TimeSpan::duration) else { return std::future::pending().await };
    tokio::time::sleep(timeout).await;
    Error::environment(format!("the test was ended by --timeout {}", clock::span(timeout))).hint(
        "give it more time, or leave --timeout out: there is no other limit on a test that makes progress",
    )
}

async fn test(prepared: Prepared, session: &Session) -> Result<ExitCode, Error> {
    if let Some(text) = leftovers::sweep_everywhere(&leftovers::KeptSites::Stay).await?.message() {
        session.log().event(Event::Noted { text })?;
    }
    let Session { journal, clock, redactor, teardown, .. } = session;
    let (name, Prepared { backup, target, engine }) = (session.short_id(), prepared);
    let profile = Arc::clone(&target.profile);
    let (major, size) = match &backup.rows {
        RowsBackup::Dump { origin, recognised } => {
            let size = origin.items().await.map_or(0, |items| items.iter().map(|item| item.size).sum());
            (recognised.major().map(WantedMajor::AtLeast), size)
        }
        RowsBackup::Physical(backup) => (backup.major.map(WantedMajor::Exactly), backup.size),
    };
    let servers = ServerChoice { objects: None, major, size };
    let substrate = Substrate::start(name, false, servers, profile, engine, redactor, teardown).await?;
    let text =
        format!("a backup of {} MiB is restored in {}", size.div_ceil(1 << 20), substrate.folder().display());
    session.log().event(Event::Noted { text })?;
    let versions = substrate.versions().await?;
    let limits = substrate.limits(&versions);
    session.log().event(Event::SubstrateReady { versions, limits })?;
    let (journal, clock, library) = (journal.clone(), clock.clone(), FixtureLibrary::new("fixtures"));
    let (seeds, golden) = (BTreeMap::new(), BTreeMap::new());
    let (keep, examination) = (false, Examination::default());
    let context = RunContext { substrate, seeds, library, golden, journal, clock, keep, examination };
    let outcome = drill(&context, &plan::existing(backup, target), 0).await;
    conclude(session, vec![(ID.to_owned(), outcome)])
}

/// Everything that can be known and refused before anything is started.
async fn prepare(options: &BackupTestOptions) -> Result<Prepared, Error> {
    let target = read_target(&options.profile).map_err(to_error)?;
    let engine = plans::engine(options.engine.as_ref(), &[], options.ready_within, &target.profile)?;
    let budgets = options.budgets.as_deref().map(read_budgets).transpose();
    let budgets = budgets.map_err(to_error)?.unwrap_or_default();
    let renders = renders(options)?;
    let manifest = options.manifest.as_deref().map(manifest).transpose()?;
    let mut others = 0;
    let rows = rows(&options.rows, &mut others).await?;
    if let (Some(name), RowsBackup::Dump { recognised: Recognised::Dump(head), .. }) =
        (&options.database, &rows)
        && !head.cluster
    {
        return Err(Error::usage(format!("--database {name}: the dump is of one database"))
            .hint("leave out --database: it chooses one of a pg_dumpall dump or a physical backup"));
    }
    let assets = match (&options.assets, &options.newest_assets) {
        (Some(assets), Some(pattern)) => Some(backup_place::newest_files(assets, pattern).await?.place),
        (assets, _) => assets.clone(),
    };
    if let Some(assets) = &assets {
        must_be_there(assets).await?;
    }
    let References { earlier, schemas, not_read } =
        References::read(options, &target.profile, manifest.as_ref()).await?;
    let limits = RecoveryLimits {
        age: options.max_age.or(budgets.rpo).map(TimeSpan::duration),
        rto: options.max_rto.or(budgets.rto).map(TimeSpan::duration),
    };
    let backup = ExistingBackup {
        rows,
        assets,
        scope: options.scope,
        database: options.database.clone(),
        others,
        manifest,
        renders,
        limits,
        earlier: (earlier, options.max_drop),
        schemas,
        not_read,
        source: options.source.clone(),
        schema_of_migrate: options.schema_of_migrate,
        as_superuser: options.restore_as_superuser,
    };
    Ok(Prepared { backup, target: Arc::new(target), engine })
}

/// The rows that the user means. `others` becomes the number of backups that are not tested.
async fn rows(option: &RowsOption, others: &mut usize) -> Result<RowsBackup, Error> {
    match option {
        RowsOption::Dump(origin, newest) => {
            let origin = match newest {
                None => origin.clone(),
                Some(NewestOf(pattern)) => {
                    let chosen = backup_place::newest_dump(origin, pattern.as_deref()).await?;
                    *others = chosen.others;
                    chosen.place
                }
            };
            Ok(RowsBackup::Dump { recognised: backup_place::recognise(&origin).await?, origin })
        }
        RowsOption::Physical { origin, wal, target, newest } => {
            let origin = match origin {
                PhysicalOrigin::Folder(folder) if *newest => {
                    let chosen = backup_place::newest_base_backup(folder)?;
                    *others = chosen.others;
                    PhysicalOrigin::Folder(chosen.place)
                }
                as_it_is => as_it_is.clone(),
            };
            Ok(RowsBackup::Physical(PhysicalBackup::find(origin, wal.clone(), *target).await?))
        }
    }
}

/// An object must be there; that nothing lies below a prefix is for the test to find.
async fn must_be_there(assets: &Origin) -> Result<(), Error> {
    if assets.is_folder() || assets.start(&ObjectKey::from(assets.name()), 1).await?.is_some() {
        return Ok(());
    }
    Err(backup_place::not_there(assets))
}

fn renders(options: &BackupTestOptions) -> Result<BTreeMap<TemplateKey, ExpectedRender>, Error> {
    let mut renders = BTreeMap::new();
    for (template, file) in &options.renders {
        let text = read(file, "the data")?;
        let data =
            serde_json::from_str(&text).or_usage(|| format!("{} is not valid JSON", file.display()))?;
        let key = TemplateKey::from(template.as_str());
        if renders.insert(key, ExpectedRender { data, golden: None }).is_some() {
            return Err(Error::usage(format!("--render names {} twice", template)));
        }
    }
    for (template, file) in &options.goldens {
        let Some(wanted) = renders.get_mut(&TemplateKey::from(template.as_str())) else {
            let hint = format!("add --render {}=DATA.json", template);
            return Err(Error::usage(format!("--golden {}: no such render", template)).hint(hint));
        };
        let context = || format!("can't read the known-good PDF {}", file.display());
        let bytes = input_file::read(file, LARGEST).or_usage(context)?;
        pdf_compare::well_formed(&bytes).or_usage(|| format!("{} is not a whole PDF", file.display()))?;
        wanted.golden = Some(Golden { sha256: Digest::of(&bytes), path: file.clone() });
    }
    Ok(renders)
}

fn manifest(folder: &Path) -> Result<Manifest, Error> {
    let file = if folder.is_dir() { folder.join(MANIFEST) } else { folder.to_owned() };
    let text = read(&file, "the manifest")?;
    let refused = |why| Error::usage(format!("{} is not a manifest", file.display())).cause(why);
    Manifest::read(&text).map_err(refused)
}

fn read(file: &Path, what: &str) -> Result<String, Error> {
    input_file::text(file, LARGEST).or_usage(|| format!("can't read {what} {}", file.display()))
}

fn header(options: &BackupTestOptions, prepared: &Prepared) -> Result<Header, Error> {
    let Prepared { backup, engine, target: _ } = prepared;
    let span = |limit: Option<std::time::Duration>| limit.map_or_else(|| "none".to_owned(), clock::span);
    let manifest = options.manifest.as_ref().map_or_else(|| "none".to_owned(), |m| m.display().to_string());
    let scope = match backup.scope {
        TestScope::Whole => "everything".to_owned(),
        TestScope::Sample { objects, seed } => format!("{objects} objects, seed {seed}"),
        TestScope::Schema => "schema".to_owned(),
    };
    let mut config = session::config(&engine.name, &options.profile, options.ready_within, "local")?;
    let own = [
        ("backup", backup.rows.shown()),
        ("database", backup.database.clone().unwrap_or_else(|| "by its tables".to_owned())),
        ("timeout", span(options.timeout.map(TimeSpan::duration))),
        ("assets", backup.assets.as_ref().map_or("none", Origin::shown).to_owned()),
        ("scope", scope),
        ("manifest", manifest),
        ("ledger", options.ledger.as_ref().map_or_else(|| "none".to_owned(), |l| l.display().to_string())),
        ("source", options.source.as_ref().map_or_else(|| "none".to_owned(), Access::place)),
        ("schema of migrate", if backup.schema_of_migrate { "compared" } else { "none" }.to_owned()),
        ("max age", span(backup.limits.age)),
        ("max rto", span(backup.limits.rto)),
        ("restored by", if backup.as_superuser { "superuser" } else { "a plain role" }.to_owned()),
    ];
    config.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Ok(Header::of_this_process(vec![ScenarioId::from(ID)], config))
}
