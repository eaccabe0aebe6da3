//! All that can be known and refused before anything is started.

use crate::{
    base::{
        ids::ScenarioId,
        redact::Redactor,
        trouble::{OrTrouble, Trouble},
    },
    cli::run::args::{EngineArg, ObjectsArg, PartArg, RunArgs, SubstrateArg},
    model::{
        budget::Budgets,
        event::Partition,
        profile::{Api, Profile},
    },
    plan::{Plan, partition, plans},
    report::terminal::{self, look::count},
    runbook::provision::{EngineChoice, containers::Images, elsewhere::Elsewhere, processes::ObjectKind},
    scenario::{
        Scenario,
        budgets::read_budgets,
        diagnose::Diagnostics,
        library::Library,
        parse::read_all,
        profile::read_profile,
        seed::{Seed, read_seed},
    },
    system::engine::Launch,
};
use clap::ValueEnum as _;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// All that is known before anything is started.
pub(super) struct Prepared {
    pub(super) plans: Vec<Plan>,
    /// Which part of a set the plans are; none for the whole.
    pub(super) part: Option<Partition>,
    pub(super) budgets: Budgets,
    pub(super) seeds: BTreeMap<String, Seed>,
    pub(super) golden: BTreeMap<String, PathBuf>,
    pub(super) profile: Arc<Profile>,
    pub(super) engine: EngineChoice,
    pub(super) library: Library,
    /// The images of the containers substrate; `None` for the local one.
    pub(super) images: Option<Images>,
    /// The object store that was asked for.
    pub(super) objects: Option<ObjectKind>,
    /// Scenarios that can't be run here, and why.
    pub(super) skipped: Vec<(ScenarioId, String)>,
}

/// Reads scenarios, seeds and profile; whatever is wrong with them is told at once.
pub(super) fn prepare(args: &RunArgs) -> Result<Prepared, Trouble> {
    match args.substrate {
        SubstrateArg::Auto | SubstrateArg::Local | SubstrateArg::Containers => {}
        SubstrateArg::External => {
            return Err(Trouble::usage("this substrate is not there yet").hint("use --substrate local"));
        }
    }
    let images = images(args)?;
    let library = Library::new(&args.fixtures).with_profile(&args.profile);
    let profile = Arc::new(read_profile(&args.profile).map_err(told)?);
    let engine = engine(args, &profile)?;
    let mut scenarios = read_all(&args.paths, &library).map_err(told)?;
    if let Some(filter) = &args.filter {
        scenarios.retain(|s| s.id.as_str().contains(filter.as_str()));
        if scenarios.is_empty() {
            return Err(Trouble::usage(format!("no scenario's id holds {filter:?}"))
                .hint("pulp-drill list shows the ids"));
        }
    }
    let skipped = skip(&mut scenarios, matches!(engine.launch, Launch::Url(_)))?;
    let budgets = match &args.budgets {
        Some(file) => read_budgets(file).map_err(told)?,
        None => Budgets::default(),
    };
    let mut part = None;
    if let Some(PartArg { index, of }) = args.partition {
        if of as usize > scenarios.len() {
            let what = format!("{} can't be run in {of} parts", count(scenarios.len(), "scenario"));
            return Err(Trouble::usage(what).hint("a part without a scenario proves nothing: use fewer"));
        }
        let (mine, told) = partition(scenarios, index, of);
        (scenarios, part) = (mine, Some(told));
    }
    let plans = plans(&scenarios);
    let mut seeds = BTreeMap::new();
    for plan in plans.iter().filter(|plan| plan.target.profile.api == Api::PulpEngine) {
        if !seeds.contains_key(&plan.seed) {
            seeds.insert(plan.seed.clone(), read_seed(&library, &plan.seed).map_err(told)?);
        }
    }
    let golden = golden(args, &profile, &seeds)?;
    let objects = objects(args);
    Ok(Prepared { plans, part, budgets, seeds, golden, profile, engine, library, images, objects, skipped })
}

/// Takes out the scenarios whose commands need programs that are not there, and those of another
/// target where the stores are those of an engine that runs `elsewhere`.
fn skip(scenarios: &mut Vec<Scenario>, elsewhere: bool) -> Result<Vec<(ScenarioId, String)>, Trouble> {
    let mut skipped = Vec::new();
    scenarios.retain(|scenario| {
        let commands = scenario.method.commands.iter().flat_map(|commands| &commands.needs);
        let needs = commands.chain(&scenario.target.profile.needs);
        let missing: Vec<&str> = needs.map(String::as_str).filter(|program| !on_path(program)).collect();
        let why = if !missing.is_empty() {
            format!("{} is not installed", missing.join(", "))
        } else if elsewhere && scenario.own_profile {
            format!("the stores are not those of {}", scenario.target.short())
        } else {
            return true;
        };
        skipped.push((scenario.id.clone(), why));
        false
    });
    match (scenarios.is_empty(), skipped.first()) {
        (true, Some((id, why))) => Err(Trouble::environment(format!("{id} can't be run: {why}"))
            .hint("install what is missing, or name other scenarios")),
        _ => Ok(skipped),
    }
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn told(diagnostics: Diagnostics) -> Trouble {
    let look = terminal::stderr_look();
    diagnostics.into_trouble(look.colour, look.width)
}

fn objects(args: &RunArgs) -> Option<ObjectKind> {
    args.objects.map(|objects| match objects {
        ObjectsArg::Embedded => ObjectKind::Embedded,
        ObjectsArg::Minio => ObjectKind::Minio,
    })
}

/// The images of the containers substrate, and whether all that was asked for goes with it.
fn images(args: &RunArgs) -> Result<Option<Images>, Trouble> {
    if args.substrate != SubstrateArg::Containers {
        if let Some(EngineArg::Image(name)) = &args.engine {
            return Err(Trouble::usage(format!("--engine image:{name} needs --substrate containers"))
                .hint("use --engine command: with a program on this machine"));
        }
        if !args.postgres.is_empty() {
            return Err(Trouble::usage("--postgres is for --substrate containers")
                .hint("PULP_DRILL_PG_BIN chooses the local installation"));
        }
        return Ok(None);
    }
    if args.objects == Some(ObjectsArg::Embedded) {
        return Err(Trouble::usage("--substrate containers comes with MinIO").hint("leave out --objects"));
    }
    if args.keep {
        return Err(Trouble::usage("--keep leaves no containers standing").hint("use --substrate local"));
    }
    if let Some(EngineArg::Url(_)) = &args.engine {
        return Err(Trouble::usage("--engine url: brings its own stores").hint("leave out --substrate"));
    }
    let mut images = Images {
        postgres: args.postgres_image.clone(),
        minio: args.minio_image.clone(),
        registry: args.registry.clone(),
    };
    if let [major] = args.postgres[..] {
        images.postgres = Some(images.official(major));
    }
    Ok(Some(images))
}

/// Whether the run's target is the stand-in.
fn is_standin(args: &RunArgs, profile: &Profile) -> bool {
    match &args.engine {
        None => profile.start.is_empty() && profile.api == Api::PulpEngine,
        Some(engine) => *engine == EngineArg::Standin,
    }
}

/// How the run's engine is come by. For a profile that starts its target itself it is that of other
/// profiles' scenarios that say nothing.
fn engine(args: &RunArgs, profile: &Profile) -> Result<EngineChoice, Trouble> {
    let ready_within = Duration::from_secs(args.ready_within.into());
    if !args.defects.is_empty() && !is_standin(args, profile) {
        return Err(Trouble::usage("--defect is for the stand-in engine only").hint("leave out --engine"));
    }
    if args.engine.is_some() && profile.api == Api::None {
        return Err(Trouble::usage("--engine is for targets with an API, and the profile says `api: none`")
            .hint("write how it is started into the profile: `start: […]`"));
    }
    let choice = |launch, name| EngineChoice { launch, name, ready_within, asked_for: args.engine.is_some() };
    match args.engine.as_ref().unwrap_or(&EngineArg::Standin) {
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
            let name = match (is_standin(args, profile), &profile.start[..]) {
                (true, _) => name,
                (false, []) => "none".to_owned(),
                (false, start) => format!("command {}", start.join(" ")),
            };
            Ok(choice(Launch::Command(words), name))
        }
        EngineArg::Command(words) => {
            Ok(choice(Launch::Command(words.clone()), format!("command {}", words.join(" "))))
        }
        EngineArg::Url(url) => Ok(choice(Launch::Url(url.clone()), format!("at {}", shown(url)))),
        EngineArg::Image(name) => Ok(choice(Launch::Image(name.clone()), format!("image {name}"))),
    }
}

/// The folders with known-good PDFs, by seed.
fn golden(
    args: &RunArgs,
    profile: &Profile,
    seeds: &BTreeMap<String, Seed>,
) -> Result<BTreeMap<String, PathBuf>, Trouble> {
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
            None if is_standin(args, profile) => {
                golden.insert(name.clone(), seed.folder.join("golden"));
            }
            None => {}
        }
    }
    Ok(golden)
}

/// Whether an engine that runs elsewhere answers and may be drilled on; nothing is started for one
/// that does not.
pub(super) async fn reach(url: &url::Url, args: &RunArgs, redactor: &Redactor) -> Result<Elsewhere, Trouble> {
    redactor.add(url.password().unwrap_or_default());
    let engine = crate::system::engine::Engine::new(url, &crate::system::engine::ApiKeys::default());
    engine.health().await.map(|_| ()).map_err(|error| {
        Trouble::from(error).while_doing(format!("can't reach the engine at {}", shown(url)))
    })?;
    if args.keep {
        return Err(Trouble::usage("--keep is for sites that the drill makes").hint("leave out --keep"));
    }
    let named = args.i_understand_this_destroys.as_deref();
    let stores = Elsewhere::from_env(url, named, |name| std::env::var(name).ok(), redactor)?;
    stores.must_be_empty().await?;
    Ok(stores)
}

/// The address without a password.
fn shown(url: &url::Url) -> url::Url {
    let mut url = url.clone();
    // An address without a host takes no password, and so has none.
    let _none = url.set_password(None);
    url
}
