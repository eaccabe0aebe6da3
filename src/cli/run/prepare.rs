//! All that can be known and refused before anything is started.

use crate::{
    base::{
        ids::ScenarioId,
        redact::Redactor,
        trouble::{OrTrouble, Trouble},
    },
    cli::run::args::{EngineArg, RunArgs, SubstrateArg},
    model::profile::Profile,
    plan::{Plan, plans},
    report::terminal,
    runbook::provision::{EngineChoice, elsewhere::Elsewhere},
    scenario::{
        Scenario,
        diagnose::Diagnostics,
        library::Library,
        parse::read_all,
        profile::read_profile,
        seed::{Seed, read_seed},
    },
    standin::engine::Defect,
    system::engine::Launch,
};
use clap::ValueEnum as _;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// All that is known before anything is started.
pub(super) struct Prepared {
    pub(super) plans: Vec<Plan>,
    pub(super) seeds: BTreeMap<String, Seed>,
    pub(super) golden: BTreeMap<String, PathBuf>,
    pub(super) profile: Arc<Profile>,
    pub(super) engine: EngineChoice,
    pub(super) library: Library,
    /// Scenarios that can't be run here, and why.
    pub(super) skipped: Vec<(ScenarioId, String)>,
}

/// Reads scenarios, seeds and profile; whatever is wrong with them is told at once.
pub(super) fn prepare(args: &RunArgs) -> Result<Prepared, Trouble> {
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
    let skipped = skip(&mut scenarios)?;
    let plans = plans(&scenarios);
    let mut seeds = BTreeMap::new();
    for plan in &plans {
        if !seeds.contains_key(&plan.seed) {
            seeds.insert(plan.seed.clone(), read_seed(&library, &plan.seed).map_err(told)?);
        }
    }
    let engine = engine(&args.engine, &args.defects, args.ready_within)?;
    let golden = golden(args, &seeds)?;
    let profile = Arc::new(read_profile(&args.profile).map_err(told)?);
    Ok(Prepared { plans, seeds, golden, profile, engine, library, skipped })
}

/// Takes out the scenarios whose commands need programs that are not there.
fn skip(scenarios: &mut Vec<Scenario>) -> Result<Vec<(ScenarioId, String)>, Trouble> {
    let mut skipped = Vec::new();
    scenarios.retain(|scenario| {
        let needs = scenario.method.commands.iter().flat_map(|commands| &commands.needs);
        let missing: Vec<&str> = needs.map(String::as_str).filter(|program| !on_path(program)).collect();
        if !missing.is_empty() {
            skipped.push((scenario.id.clone(), format!("{} is not installed", missing.join(", "))));
        }
        missing.is_empty()
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

/// How the engine is come by.
pub(in crate::cli) fn engine(
    engine: &EngineArg,
    defects: &[Defect],
    ready_within: u16,
) -> Result<EngineChoice, Trouble> {
    let ready_within = Duration::from_secs(ready_within.into());
    if !defects.is_empty() && *engine != EngineArg::Standin {
        return Err(Trouble::usage("--defect is for the stand-in engine only").hint("leave out --engine"));
    }
    match engine {
        EngineArg::Standin => {
            let ours =
                std::env::current_exe().or_environment(|| "can't find our own executable".to_owned())?;
            let mut words = vec![ours.display().to_string(), "standin".to_owned(), "engine".to_owned()];
            let mut name = format!("stand-in {}", env!("CARGO_PKG_VERSION"));
            for defect in defects {
                let defect = defect.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
                name += &format!(" with defect {defect}");
                words.extend(["--defect".to_owned(), defect]);
            }
            Ok(EngineChoice { launch: Launch::Command(words), name, ready_within })
        }
        EngineArg::Command(words) => Ok(EngineChoice {
            name: format!("command {}", words.join(" ")),
            launch: Launch::Command(words.clone()),
            ready_within,
        }),
        EngineArg::Url(url) => Ok(EngineChoice {
            name: format!("at {}", shown(url)),
            launch: Launch::Url(url.clone()),
            ready_within,
        }),
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
