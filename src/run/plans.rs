//! Everything that can be known and refused before anything is started: scenarios, seeds, profile and
//! engine are read, scenarios are filtered, partitioned and skipped, and become plans.

use crate::{
    base::{
        error::Error,
        process::{on_path, own_program},
        redact::Redactor,
    },
    model::{
        budget::Budgets,
        detection::Representatives,
        event::Partition,
        fault::{Fault, FaultTarget},
        profile::{Profile, TargetApi},
        record::Skipped,
        verdict::limit::Limit,
    },
    plan::{self, Plan, partition, plans},
    report::terminal::{style::count, to_error},
    run::{
        options::{EngineOption, Options, PartOption},
        site_variables::{must_not_be_of_the_environment, variables},
    },
    runbook::provision::{EngineChoice, attached::AttachedStores},
    scenario::{
        Act, Scenario,
        budgets::read_budgets,
        diagnose::suggest::nearest,
        library::FixtureLibrary,
        method::{BackupSchema, RestoreJob, Results, Topology},
        parse::{names::acts, read_all},
        profile::read_profile,
        seed::{Seed, read_seed},
    },
    system::{
        engine::Launch,
        external_site::{SiteLease, SiteLocation},
    },
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// All that is known before anything is started.
pub(super) struct Prepared {
    pub(super) plans: Vec<Plan>,
    /// The scenario that represents each fault, where each has one.
    pub(super) representatives: Option<Representatives>,
    /// Which part of a set the plans are; none for the whole.
    pub(super) part: Option<Partition>,
    pub(super) budgets: Budgets,
    pub(super) seeds: BTreeMap<String, Seed>,
    pub(super) golden: BTreeMap<String, PathBuf>,
    pub(super) profile: Arc<Profile>,
    pub(super) engine: EngineChoice,
    pub(super) library: FixtureLibrary,
    /// Scenarios that can't be run here, and why.
    pub(super) skipped: Vec<Skipped>,
}

/// Reads scenarios, seeds and profile, and reports all errors in them together.
pub(super) fn prepare(options: &Options) -> Result<Prepared, Error> {
    options.must_agree()?;
    let library = FixtureLibrary::new(&options.fixtures).with_profile(&options.profile);
    let profile = Arc::new(read_profile(&options.profile).map_err(to_error)?);
    let engine = engine(options.engine.as_ref(), &options.defects, options.ready_within, &profile)?;
    let mut scenarios = read_all(&options.paths, &library).map_err(to_error)?;
    if let Some(filter) = &options.filter {
        let all = scenarios.iter().map(|s| s.id.clone()).collect::<Vec<_>>();
        scenarios.retain(|s| s.id.as_str().contains(filter.as_str()));
        if scenarios.is_empty() {
            // A part of an id is a filter too.
            let words = all.iter().flat_map(|id| std::iter::once(id.as_str()).chain(id.as_str().split('-')));
            let near = nearest(filter, words).map(|near| format!("did you mean {near}? "));
            return Err(Error::usage(format!("no scenario's id contains {filter:?}"))
                .hint(near.unwrap_or_default() + "pulp-drill list shows the ids"));
        }
    }
    let representatives = options.one_per_fault.map(|wanted| one_per_fault(&mut scenarios, wanted));
    let budgets = match &options.budgets {
        Some(file) => read_budgets(file).map_err(to_error)?,
        None => Budgets::default(),
    };
    let mut part = None;
    if let Some(PartOption { index, of }) = options.part {
        if of as usize > scenarios.len() {
            let what = format!("{} can't be run in {of} parts", count(scenarios.len(), "scenario"));
            return Err(Error::usage(what).hint("a part without a scenario proves nothing: use fewer"));
        }
        let (mine, partition_of_run) = partition(scenarios, index, of);
        (scenarios, part) = (mine, Some(partition_of_run));
    }
    // After the parts are made: what a machine lacks must not change what the others run.
    let skipped = skip(options, &mut scenarios)?;
    let plans = plans(&scenarios);
    let mut seeds = BTreeMap::new();
    for plan in plans.iter().filter(|plan| plan.target.profile.api == TargetApi::PulpEngine) {
        if !seeds.contains_key(&plan.seed) {
            seeds.insert(plan.seed.clone(), read_seed(&library, &plan.seed).map_err(to_error)?);
        }
    }
    let golden = golden(options, &profile, &seeds)?;
    Ok(Prepared { plans, representatives, part, budgets, seeds, golden, profile, engine, library, skipped })
}

/// Takes out the scenarios that represent no fault.
fn one_per_fault(scenarios: &mut Vec<Scenario>, wanted: fn(FaultTarget) -> bool) -> Representatives {
    let mut chosen = plan::representatives::of(scenarios);
    chosen.retain(|fault, _| Fault::ALL.iter().any(|entry| entry.id == *fault && wanted(entry.target)));
    scenarios.retain(|scenario| chosen.values().any(|id| *id == scenario.id));
    chosen
}

/// Why a scenario can't take its turn on a site of the user's own.
fn unfit(scenario: &Scenario, results: bool) -> Option<&'static str> {
    let method = &scenario.method;
    if method.topology != Topology::PostgresS3 {
        Some("--substrate external is for rows in PostgreSQL and binaries in a bucket")
    } else if method.commands.is_some() {
        Some("own commands would go past the check of the site's marker")
    } else if method.needs_own_server() {
        Some("it needs a PostgreSQL server of its own")
    } else if method.results == Some(Results::Bucket) && !results {
        Some("the site has no bucket for results (JOB_RESULT_BLOB_BUCKET)")
    } else {
        None
    }
}

/// Takes out the scenarios that can't be run here, and says why.
fn skip(options: &Options, scenarios: &mut Vec<Scenario>) -> Result<Vec<Skipped>, Error> {
    let results = options.external()
        && variables(options.env_file.as_deref())?("JOB_RESULT_BLOB_BUCKET")
            .is_some_and(|name| !name.is_empty());
    let mut skipped = Vec::new();
    scenarios.retain(|scenario| {
        let Some(why) = why_not(options, results, scenario) else { return true };
        // Of its own plan, which is the last: its baseline drill comes before it.
        let plan = plans(std::slice::from_ref(scenario)).pop();
        let controls = plan.map_or_else(Vec::new, |plan| plan.started.controls);
        skipped.push(Skipped { id: scenario.id.clone(), why, controls });
        false
    });
    match (scenarios.is_empty(), skipped.first()) {
        (true, Some(Skipped { id, why, .. })) => Err(Error::environment(format!("{id} can't be run: {why}"))
            .hint("install what is missing, or name other scenarios")),
        _ => Ok(skipped),
    }
}

/// Why a scenario can't be run on this substrate, with this engine, on this machine.
fn why_not(options: &Options, results: bool, scenario: &Scenario) -> Option<String> {
    if let Some(why) = &scenario.unfit {
        return Some(why.clone());
    }
    let flips = scenario.method.restore().contains(&RestoreJob::RestoreFreshDatabase);
    let elsewhere = options.engine_url().is_some();
    if elsewhere && flips {
        return Some("an engine that runs elsewhere can't be pointed at a fresh database".to_owned());
    }
    if (elsewhere || options.external()) && scenario.own_profile {
        return Some(format!("the stores are not those of {}", scenario.target.short()));
    }
    if options.external()
        && let Some(why) = unfit(scenario, results)
    {
        return Some(why.to_owned());
    }
    if elsewhere && holds_or_kills(scenario) {
        return Some(
            "an engine that runs elsewhere is not ours to kill, and passes no gate of ours".to_owned(),
        );
    }
    if elsewhere && let Some(why) = of_another_engine(scenario) {
        return Some(why);
    }
    let defective = |(act, _): (&Act, _)| act.fault().and_then(Fault::engine_defect).is_some();
    if acts(&scenario.steps).any(defective) && !is_standin(options.engine.as_ref(), &scenario.target.profile)
    {
        return Some("only the stand-in engine has defects to choose".to_owned());
    }
    if let Some(why) = write_order_is_fixed(scenario, elsewhere) {
        return Some(why.to_owned());
    }
    let commands = scenario.method.commands.iter().flat_map(|commands| &commands.needs);
    let needs = commands.chain(&scenario.target.profile.needs);
    let missing: Vec<&str> = needs.map(String::as_str).filter(|program| !on_path(program)).collect();
    (!missing.is_empty()).then(|| format!("{} is not installed", missing.join(", ")))
}

/// What a scenario wants of an engine or a server that only ours can give.
fn of_another_engine(scenario: &Scenario) -> Option<String> {
    let method = &scenario.method;
    if method.needs_own_server() {
        return Some("an engine that runs elsewhere has a PostgreSQL server of its own".to_owned());
    }
    if method.schema != BackupSchema::Same {
        return Some("an engine that runs elsewhere can't be of another release".to_owned());
    }
    let names: Vec<&str> = method.env.keys().map(String::as_str).collect();
    (!names.is_empty())
        .then(|| format!("an engine that runs elsewhere can't be given another {}", names.join(", ")))
}

/// Whether it holds writes on their way, or kills the engine.
fn holds_or_kills(scenario: &Scenario) -> bool {
    acts(&scenario.steps).any(|(act, _)| matches!(act, Act::Begin(_) | Act::KillEngine))
}

/// Why the order of writes that a scenario asks for can't be had of its target.
fn write_order_is_fixed(scenario: &Scenario, elsewhere: bool) -> Option<&'static str> {
    let profile = &scenario.target.profile;
    if profile.write_order.with(&scenario.method.writes) == profile.write_order {
        None
    } else if elsewhere {
        Some("an engine that runs elsewhere can't be given another order of writes")
    } else if profile.write_order_env.is_none() {
        Some("the profile does not have the setting for another order of writes (`write-order-env`)")
    } else {
        None
    }
}

/// Whether the run's target is the stand-in.
fn is_standin(engine: Option<&EngineOption>, profile: &Profile) -> bool {
    match engine {
        None => profile.start.is_empty() && profile.api == TargetApi::PulpEngine,
        Some(engine) => *engine == EngineOption::Standin,
    }
}

/// How to obtain the run's engine. For a profile that starts its target itself, it is the engine of
/// scenarios with other profiles that name none.
pub(super) fn engine(
    engine: Option<&EngineOption>,
    defects: &[String],
    ready_within: u16,
    profile: &Profile,
) -> Result<EngineChoice, Error> {
    let ready_within = Duration::from_secs(ready_within.into());
    if !defects.is_empty() && !is_standin(engine, profile) {
        return Err(Error::usage("--defect is for the stand-in engine only").hint("leave out --engine"));
    }
    if engine.is_some() && profile.api == TargetApi::None {
        return Err(Error::usage("--engine is for targets with an API, and the profile has `api: none`")
            .hint("write how it is started into the profile: `start: […]`"));
    }
    let choice =
        |launch, name| EngineChoice { launch, name, ready_within, asked_for: engine.is_some(), limit: None };
    match engine.unwrap_or(&EngineOption::Standin) {
        EngineOption::Standin => {
            let own = own_program()?.display().to_string();
            let mut description = vec![own, "standin".to_owned(), "engine".to_owned()];
            let mut name = format!("stand-in {}", env!("CARGO_PKG_VERSION"));
            for defect in defects {
                name += &format!(" with defect {defect}");
                description.extend(["--defect".to_owned(), defect.clone()]);
            }
            let name = match (is_standin(engine, profile), &profile.start[..]) {
                (true, _) => name,
                (false, []) => "none".to_owned(),
                (false, start) => format!("command {}", start.join(" ")),
            };
            let limit = is_standin(engine, profile)
                .then(|| Limit::StandInEngine { name: name.clone(), defects: !defects.is_empty() });
            Ok(EngineChoice { limit, ..choice(Launch::Command(description), name) })
        }
        EngineOption::Command(description) => {
            Ok(choice(Launch::Command(description.clone()), format!("command {}", description.join(" "))))
        }
        EngineOption::Url(url) => Ok(choice(Launch::Url(url.clone()), format!("at {}", shown(url)))),
        EngineOption::Image(name) => Ok(choice(Launch::Image(name.clone()), format!("image {name}"))),
    }
}

/// The folders with known-good PDFs, by seed.
fn golden(
    options: &Options,
    profile: &Profile,
    seeds: &BTreeMap<String, Seed>,
) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut golden = BTreeMap::new();
    for (name, seed) in seeds {
        match &options.golden {
            Some(folder) => {
                let folder = folder.join(name);
                if !folder.is_dir() {
                    return Err(Error::usage(format!("--golden: there is no folder {}", folder.display()))
                        .hint("put known-good PDFs into DIR/<seed>/<template>.pdf"));
                }
                golden.insert(name.clone(), folder);
            }
            None if is_standin(options.engine.as_ref(), profile) => {
                golden.insert(name.clone(), seed.folder.join("golden"));
            }
            None => {}
        }
    }
    Ok(golden)
}

/// Holds the user's own site. What is there is looked at when the run takes it.
pub(super) async fn hold(options: &Options, redactor: &Redactor) -> Result<SiteLease, Error> {
    let place = SiteLocation::from_vars(variables(options.env_file.as_deref())?, redactor)?;
    if options.env_file.is_some() {
        must_not_be_of_the_environment(&place)?;
    }
    let inhabited = match options.engine_url() {
        Some(_) => Some(read_profile(&options.profile).map_err(to_error)?.fresh()),
        None => None,
    };
    SiteLease::hold(place, &options.may_destroy, inhabited).await
}

/// Whether an engine that runs elsewhere answers and may be drilled on; nothing is started for one
/// that does not.
pub(super) async fn reach(
    url: &url::Url,
    options: &Options,
    held: Option<&Arc<SiteLease>>,
    redactor: &Redactor,
) -> Result<AttachedStores, Error> {
    redactor.add(url.password().unwrap_or_default());
    let engine = crate::system::engine::Engine::new(url, &crate::system::engine::ApiKeys::default());
    engine.health().await.map(|_| ()).map_err(|error| {
        Error::from(error).while_doing(format!("can't reach the engine at {}", shown(url)))
    })?;
    if options.keep {
        return Err(Error::usage("--keep is for sites that the drill makes").hint("leave out --keep"));
    }
    let lookup = variables(options.env_file.as_deref())?;
    if let Some(held) = held {
        // The marker says more than a name that is repeated.
        let named = [held.place().database.database.clone()];
        return Ok(AttachedStores::from_env(url, &named, lookup, redactor)?.on(Arc::clone(held)));
    }
    let stores = AttachedStores::from_env(url, &options.may_destroy, lookup, redactor)?;
    stores.must_be_empty(&read_profile(&options.profile).map_err(to_error)?).await?;
    Ok(stores)
}

/// The address without a password.
fn shown(url: &url::Url) -> url::Url {
    let mut url = url.clone();
    // An address without a host takes no password, and so has none.
    let _none = url.set_password(None);
    url
}
