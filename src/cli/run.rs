//! `pulp-drill run`: reads what is asked for, refuses what is wrong before anything is started, runs
//! the drills, and leaves the stored run behind.

use crate::{
    base::{
        clock::Clock,
        ids::RunId,
        process::{Base, Teardown},
        redact::Redactor,
        trouble::{Blame, OrTrouble, Trouble},
    },
    cli::{BUG, HELD, INTEGRITY, UNVERIFIED, USAGE, exit_code},
    journal::{Journal, Logbook, update_latest},
    model::{
        event::{Event, FORMAT, RunStarted},
        profile::Profile,
        verdict::Verdict,
    },
    plan::{Plan, plans},
    report::{self, terminal},
    runbook::{
        Ground, Outcome, drill,
        provision::{EngineChoice, Substrate, elsewhere::Elsewhere, leftovers},
    },
    scenario::{
        diagnose::Diagnostics,
        library::Library,
        parse::read_all,
        profile::read_profile,
        seed::{Seed, read_seed},
    },
    standin::engine::Defect,
    system::engine::Launch,
};
use clap::{Args, ValueEnum};
use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Arguments of `pulp-drill run`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pulp-drill run\n  \
    pulp-drill run scenarios/binary-missing.yaml --keep\n  \
    pulp-drill run --filter window --jobs 1\n  \
    pulp-drill run --engine 'command:node dist/server.js' --golden known-good/\n\n\
    Exit codes: 0 all held, 1 integrity failure, 2 usage or scenario error, 3 could not verify.")]
pub struct RunArgs {
    /// Scenario files, or folders of them
    #[arg(default_value = "scenarios")]
    paths: Vec<PathBuf>,
    /// Where PostgreSQL and the object store come from
    #[arg(long, value_enum, default_value_t = SubstrateArg::Auto)]
    substrate: SubstrateArg,
    /// The engine: standin, command:PROGRAM ARGS…, url:http://…, image:NAME
    #[arg(long, default_value = "standin", value_name = "ENGINE")]
    engine: EngineArg,
    /// Let the stand-in engine misbehave, to see that the drill notices; may be repeated
    #[arg(long = "defect", value_name = "NAME", value_enum)]
    defects: Vec<Defect>,
    /// Where runs are stored
    #[arg(long, default_value = "reports", value_name = "DIR")]
    report_dir: PathBuf,
    /// How many scenarios run side by side; the default is the number of cores
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// Only scenarios whose id holds this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Leave the sites standing for inspection, and say how to connect
    #[arg(long)]
    keep: bool,
    /// The seed of every choice; a run prints its own
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Stop after the first scenario that fails
    #[arg(long)]
    fail_fast: bool,
    /// What to print on stdout at the end
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// The target profile: a file, or the name of a shipped one
    #[arg(long, default_value = "pulp-engine", value_name = "PROFILE")]
    profile: String,
    /// The folder with seeds/ and assets/
    #[arg(long, default_value = "fixtures", value_name = "DIR")]
    fixtures: PathBuf,
    /// Known-good PDFs as DIR/<seed>/<template>.pdf; the default for the stand-in are the seeds'
    /// own, for other engines what they render before the backup
    #[arg(long, value_name = "DIR")]
    golden: Option<PathBuf>,
    /// With --engine url: the name of the database that may be destroyed, with the engine's bucket
    #[arg(long, value_name = "DATABASE")]
    i_understand_this_destroys: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SubstrateArg {
    /// The local one
    Auto,
    /// A private PostgreSQL cluster and an S3 server, as child processes
    Local,
    /// Docker or Podman containers
    Containers,
    /// Your own PostgreSQL and S3
    External,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table of scenarios
    Human,
    /// The run's record
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum EngineArg {
    Standin,
    Command(Vec<String>),
    Url(url::Url),
    Image(String),
}

impl std::str::FromStr for EngineArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "standin" => Ok(Self::Standin),
            Some(("command", line)) => {
                let words = shell_words::split(line).map_err(|e| format!("can't split the command: {e}"))?;
                if words.is_empty() {
                    Err("the command is empty".to_owned())
                } else {
                    Ok(Self::Command(words))
                }
            }
            Some(("url", url)) => {
                let url: url::Url = url.parse().map_err(|e| format!("no URL: {e}"))?;
                if ["http", "https"].contains(&url.scheme()) {
                    Ok(Self::Url(url))
                } else {
                    Err("the URL must be http or https".to_owned())
                }
            }
            Some(("image", name)) if !name.is_empty() => Ok(Self::Image(name.to_owned())),
            _ => Err("expected standin, command:…, url:… or image:…".to_owned()),
        }
    }
}

/// All that is known before anything is started.
struct Prepared {
    plans: Vec<Plan>,
    seeds: BTreeMap<String, Seed>,
    golden: BTreeMap<String, PathBuf>,
    profile: Arc<Profile>,
    engine: EngineChoice,
    library: Library,
}

/// Runs the drills and gives the exit code.
pub async fn run(args: RunArgs) -> Result<u8, Trouble> {
    let prepared = prepare(&args)?;
    let clock = Clock::system();
    let redactor = Redactor::new();
    let elsewhere = match &prepared.engine.launch {
        Launch::Url(url) => Some(reach(url, &args, &redactor).await?),
        Launch::Command(_) => None,
    };
    let id = RunId::new(uuid::Uuid::now_v7().simple().to_string());
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let journal = Journal::create(&args.report_dir, &id, clock.clone(), redactor.clone())?;
    journal.observe(Box::new(terminal::Terminal::stderr()));
    let log = Logbook::new(&journal, None);
    log.event(started(&args, &prepared, &id, seed))?;
    let cancel = on_signal();
    let teardown = Teardown::new();
    let work = drills(&args, prepared, elsewhere, &id, &journal, &clock, &redactor, &teardown, &cancel);
    let (done, left) = teardown.around(&CancellationToken::new(), work).await;
    for trouble in &left {
        log.event(Event::Troubled { trouble: trouble.to_string(), ours: false })?;
    }
    let mut exit = match done {
        Some(Ok(exit)) => exit,
        Some(Err(trouble)) => {
            log.event(Event::Troubled {
                trouble: trouble.to_string(),
                ours: trouble.blame == Blame::Harness,
            })?;
            exit_code(&trouble)
        }
        None => UNVERIFIED,
    };
    if exit == HELD && (!left.is_empty() || cancel.is_cancelled()) {
        exit = UNVERIFIED;
    }
    finish(&args, &journal, exit, cancel.is_cancelled())
}

/// Reads scenarios, seeds and profile; whatever is wrong with them is told at once.
fn prepare(args: &RunArgs) -> Result<Prepared, Trouble> {
    match args.substrate {
        SubstrateArg::Auto | SubstrateArg::Local => {}
        SubstrateArg::Containers | SubstrateArg::External => {
            return Err(Trouble::usage("this substrate is not there yet").hint("use --substrate local"));
        }
    }
    let library = Library::new(&args.fixtures);
    let mut scenarios = read_all(&args.paths, &library).map_err(told)?;
    if let Some(filter) = &args.filter {
        scenarios.retain(|s| s.id.as_str().contains(filter.as_str()));
        if scenarios.is_empty() {
            return Err(Trouble::usage(format!("no scenario's id holds {filter:?}"))
                .hint("pulp-drill list shows the ids"));
        }
    }
    let plans = plans(&scenarios);
    let mut seeds = BTreeMap::new();
    for plan in &plans {
        if !seeds.contains_key(&plan.seed) {
            seeds.insert(plan.seed.clone(), read_seed(&library, &plan.seed).map_err(told)?);
        }
    }
    let engine = engine(args)?;
    let golden = golden(args, &seeds)?;
    let profile = Arc::new(read_profile(&args.profile).map_err(told)?);
    Ok(Prepared { plans, seeds, golden, profile, engine, library })
}

fn told(diagnostics: Diagnostics) -> Trouble {
    let look = terminal::stderr_look();
    diagnostics.into_trouble(look.colour, look.width)
}

fn engine(args: &RunArgs) -> Result<EngineChoice, Trouble> {
    if !args.defects.is_empty() && args.engine != EngineArg::Standin {
        return Err(Trouble::usage("--defect is for the stand-in engine only").hint("leave out --engine"));
    }
    match &args.engine {
        EngineArg::Standin => {
            let ours =
                std::env::current_exe().or_environment(|| "can't find our own executable".to_owned())?;
            let mut words = vec![ours.display().to_string(), "standin".to_owned(), "engine".to_owned()];
            let mut name = format!("stand-in {}", env!("CARGO_PKG_VERSION"));
            for defect in &args.defects {
                let defect = defect.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
                name += &format!(" with defect {defect}");
                words.extend(["--defect".to_owned(), defect]);
            }
            Ok(EngineChoice { launch: Launch::Command(words), name })
        }
        EngineArg::Command(words) => Ok(EngineChoice {
            name: format!("command {}", words.join(" ")),
            launch: Launch::Command(words.clone()),
        }),
        EngineArg::Url(url) => {
            Ok(EngineChoice { name: format!("at {url}"), launch: Launch::Url(url.clone()) })
        }
        EngineArg::Image(name) => {
            Err(Trouble::usage(format!("--engine image:{name} needs --substrate containers"))
                .hint("use --engine command: with a program on this machine"))
        }
    }
}

/// The folders with known-good PDFs, by seed.
fn golden(args: &RunArgs, seeds: &BTreeMap<String, Seed>) -> Result<BTreeMap<String, PathBuf>, Trouble> {
    let mut golden = BTreeMap::new();
    for (name, seed) in seeds {
        match &args.golden {
            Some(folder) => {
                let folder = folder.join(name);
                if !folder.is_dir() {
                    return Err(Trouble::usage(format!("--golden: there is no folder {}", folder.display()))
                        .hint("put known-good PDFs into DIR/<seed>/<template>.pdf"));
                }
                golden.insert(name.clone(), folder);
            }
            None if args.engine == EngineArg::Standin => {
                golden.insert(name.clone(), seed.folder.join("golden"));
            }
            None => {}
        }
    }
    Ok(golden)
}

/// Whether an engine that runs elsewhere answers and may be drilled on; nothing is started for one
/// that does not.
async fn reach(url: &url::Url, args: &RunArgs, redactor: &Redactor) -> Result<Elsewhere, Trouble> {
    let engine = crate::system::engine::Engine::new(url, &crate::system::engine::ApiKeys::default());
    engine
        .health()
        .await
        .map(|_| ())
        .map_err(|error| Trouble::from(error).while_doing(format!("can't reach the engine at {url}")))?;
    let named = args.i_understand_this_destroys.as_deref();
    let stores = Elsewhere::from_env(url, named, |name| std::env::var(name).ok(), redactor)?;
    stores.must_be_empty().await?;
    Ok(stores)
}

fn started(args: &RunArgs, prepared: &Prepared, id: &RunId, seed: u64) -> Event {
    let from_env = |names: &[&str]| -> BTreeMap<String, String> {
        let given = |name: &&str| Some(((*name).to_owned(), std::env::var(name).ok()?));
        names.iter().filter_map(given).collect()
    };
    let text = |text: &str| text.to_owned();
    Event::RunStarted(Box::new(RunStarted {
        format: FORMAT,
        run: id.clone(),
        harness: format!("pulp-drill {}", env!("CARGO_PKG_VERSION")),
        seed,
        command: std::env::args().collect(),
        config: BTreeMap::from([
            (text("engine"), prepared.engine.name.clone()),
            (text("jobs"), jobs(args).to_string()),
            (text("profile"), args.profile.clone()),
            (text("substrate"), text("local")),
        ]),
        started_by: from_env(&[
            "USER",
            "LOGNAME",
            "CI",
            "GITHUB_REPOSITORY",
            "GITHUB_RUN_ID",
            "GITHUB_ACTOR",
            "GITHUB_SHA",
            "CI_JOB_URL",
            "BUILD_URL",
        ]),
        machine: BTreeMap::from([
            (text("os"), text(std::env::consts::OS)),
            (text("arch"), text(std::env::consts::ARCH)),
            (text("cores"), cores().to_string()),
            (
                text("host"),
                nix::unistd::gethostname().map(|h| h.to_string_lossy().into_owned()).unwrap_or_default(),
            ),
        ]),
        scenarios: prepared.plans.iter().map(|p| p.id.clone()).collect(),
    }))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn jobs(args: &RunArgs) -> usize {
    match args.engine {
        // One site for all.
        EngineArg::Url(_) => 1,
        EngineArg::Standin | EngineArg::Command(_) | EngineArg::Image(_) => {
            args.jobs.map_or_else(cores, usize::from)
        }
    }
}

/// Is cancelled by Ctrl-C and SIGTERM. A second signal ends the process at once: what is left then
/// is found by the next run.
fn on_signal() -> CancellationToken {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        for round in 0..2 {
            tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} }
            if round == 0 {
                eprintln!("stopping: taking the site down (once more to end at once)");
                token.cancel();
            }
        }
        let _ended = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    });
    cancel
}

/// Brings the substrate up and runs all plans on it. Gives the exit code.
#[expect(clippy::too_many_arguments, reason = "the run's own parts, each used once")]
async fn drills(
    args: &RunArgs,
    prepared: Prepared,
    elsewhere: Option<Elsewhere>,
    id: &RunId,
    journal: &Journal,
    clock: &Clock,
    redactor: &Redactor,
    teardown: &Teardown,
    cancel: &CancellationToken,
) -> Result<u8, Trouble> {
    let log = Logbook::new(journal, None);
    let Prepared { plans, seeds, golden, profile, engine, library } = prepared;
    let swept = leftovers::sweep(&Base::of_user()?).await?;
    if let Some(text) = swept.message() {
        log.event(Event::Noted { text })?;
    }
    let short: String = id.as_str().chars().rev().take(8).collect();
    let up = async {
        match elsewhere {
            Some(stores) => Substrate::elsewhere(&short, stores, profile, engine, redactor, teardown).await,
            None => Substrate::start(&short, args.keep, profile, engine, redactor, teardown).await,
        }
    };
    let substrate = tokio::select! {
        biased;
        () = cancel.cancelled() => return Ok(UNVERIFIED),
        up = up => up?,
    };
    log.event(Event::SubstrateReady { versions: substrate.versions().await? })?;
    let ground = Arc::new(Ground {
        substrate,
        seeds,
        library,
        golden,
        journal: journal.clone(),
        clock: clock.clone(),
        keep: args.keep,
    });
    let outcomes = side_by_side(args, &ground, plans, cancel).await;
    if args.keep {
        let ground =
            Arc::try_unwrap(ground).map_err(|_| Trouble::harness("a scenario still holds the run"))?;
        let folder = ground.substrate.leave_standing()?;
        eprintln!("left standing in {}", folder.display());
        for (id, outcome) in &outcomes {
            if let Ok(Outcome { standing: Some(how), .. }) = outcome {
                eprintln!("{id}\n{how}");
            }
        }
        eprintln!(
            "hint: pulp-drill run removes nothing of it; end the processes and remove the folder yourself"
        );
    }
    let mut worst = Verdict::Pass;
    let mut ours = false;
    for (_, outcome) in outcomes {
        match outcome {
            Ok(outcome) => {
                worst = worst.max(outcome.verdict);
                ours |= outcome.blame == Some(Blame::Harness);
            }
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(match (worst, ours) {
        (Verdict::Fail, _) => INTEGRITY,
        (_, true) => BUG,
        (Verdict::Unknown, false) => UNVERIFIED,
        (Verdict::Pass, false) => HELD,
    })
}

type Outcomes = Vec<(String, Result<Outcome, Trouble>)>;

/// Runs plans, so many at a time, until all are done, cancelled, or one has failed fast.
async fn side_by_side(
    args: &RunArgs,
    ground: &Arc<Ground>,
    plans: Vec<Plan>,
    cancel: &CancellationToken,
) -> Outcomes {
    let places = Arc::new(Semaphore::new(jobs(args)));
    let mut running = JoinSet::new();
    for (number, plan) in plans.into_iter().enumerate() {
        let (ground, places) = (Arc::clone(ground), Arc::clone(&places));
        running.spawn(async move {
            let _place = places.acquire_owned().await;
            (plan.id.to_string(), drill(&ground, &plan, number).await)
        });
    }
    let mut outcomes = Vec::new();
    loop {
        let ended = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            ended = running.join_next() => ended,
        };
        match ended {
            None => break,
            Some(Ok(outcome)) => {
                let failed = matches!(&outcome.1, Ok(o) if o.verdict == Verdict::Fail);
                let broken = outcome.1.is_err();
                outcomes.push(outcome);
                if broken || (failed && args.fail_fast) {
                    break;
                }
            }
            Some(Err(error)) => {
                let trouble = Trouble::harness("a scenario panicked").because(&error);
                outcomes.push((String::new(), Err(trouble)));
                break;
            }
        }
    }
    running.shutdown().await;
    outcomes
}

/// Ends the journal, writes the reports and prints the result.
fn finish(args: &RunArgs, journal: &Journal, exit: u8, cancelled: bool) -> Result<u8, Trouble> {
    let so_far = journal.record();
    let unfinished = so_far.scenarios.iter().filter(|s| s.judgement.is_none()).count();
    let cut_short = match (cancelled, unfinished) {
        (true, _) => Some("a signal asked it to stop".to_owned()),
        (false, 0) => None,
        (false, n) if args.fail_fast && exit == INTEGRITY => {
            Some(format!("--fail-fast: {n} scenarios were not run"))
        }
        (false, n) => Some(format!("{n} scenarios did not end")),
    };
    let verdict = match exit {
        HELD => Verdict::Pass,
        INTEGRITY => Verdict::Fail,
        USAGE | UNVERIFIED | BUG => Verdict::Unknown,
        _ => Verdict::Unknown,
    };
    Logbook::new(journal, None).event(Event::RunFinished { verdict, exit, cut_short })?;
    let record = journal.record();
    report::write_all(journal.dir(), &record)?;
    update_latest(&args.report_dir, journal.dir())?;
    match args.format {
        Format::Human => print_out(&summary(&record, journal.dir())),
        Format::Json => print_out(&report::json(&record)?),
    }
    Ok(exit)
}

fn summary(record: &crate::model::record::RunRecord, dir: &Path) -> String {
    let look = terminal::stdout_look();
    terminal::summary(record, dir, look.colour && std::io::stdout().is_terminal(), look.width)
}

fn print_out(text: &str) {
    // A reader that went away is no reason to fail a run that is stored.
    let _gone = std::io::stdout().lock().write_all(text.as_bytes());
}
