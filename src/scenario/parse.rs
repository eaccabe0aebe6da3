//! Reads scenario files. Each part is read by itself, so that all mistakes of all files are reported
//! together. What the steps do, and whether a site supports them, is not known here.

use crate::{
    base::ids::ScenarioId,
    model::{
        control::Control,
        finding::Expectation,
        profile::{Profile, TargetApi, run::VARIABLES},
        write::WriteOrderOverride,
    },
    scenario::{
        At, RequiredKey, RestoreStep, Scenario, SourcePosition, Step,
        diagnose::{Also, Diagnostic, Diagnostics, Mistake, suggest},
        library::FixtureLibrary,
        method::{
            BackupSchema, Commands, DumpFormat, DumpOptions, Method, Procedure, RestoreJob, Results,
            TargetProcess, Topology,
        },
        profile::{self, NamedTarget, read_target},
        seed::{Seed, read_seed, unknown_seed},
        yaml::{fields::Fields, files, tree, typed::one_line},
    },
};
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

pub mod workload;
pub mod names;
pub mod order;
pub mod steps;
pub mod without_api;
mod writes;

/// The sections of the runbook.
pub const SECTIONS: [(&str, &str); 17] = [
    ("1", "What to back up"),
    ("2", "Backup procedure"),
    ("2.1", "Postgres"),
    ("2.2", "Asset binaries"),
    ("2.3", "Consistency"),
    ("2.4", "Inventory and verification"),
    ("3", "Restore procedure"),
    ("3.1", "Stop the API"),
    ("3.2", "Restore asset binaries"),
    ("3.3", "Restore Postgres"),
    ("3.4", "Run migrations"),
    ("3.5", "Start the API"),
    ("3.6", "Verify"),
    ("3.7", "Restore rehearsal"),
    ("4", "CLI tooling"),
    ("5", "What this release does not include"),
    ("6", "File-mode evaluation deployments"),
];

/// Reads all scenarios of files and folders (`*.yaml`, `*.yml`, also further down).
///
/// # Errors
/// All mistakes of all files, those of the seeds that they name included.
pub fn read_all(paths: &[PathBuf], library: &FixtureLibrary) -> Result<Vec<Scenario>, Diagnostics> {
    let mut reader = Reader {
        library,
        seeds: BTreeMap::new(),
        targets: BTreeMap::new(),
        ids: BTreeMap::new(),
        diagnostics: Diagnostics::default(),
    };
    let files = files::collect(paths, &mut reader.diagnostics);
    let scenarios: Vec<Scenario> = files.iter().filter_map(|file| reader.file(file)).collect();
    reader.diagnostics.or_value(Some(scenarios))
}

struct Reader<'a> {
    library: &'a FixtureLibrary,
    /// Each seed is read once; none where it could not be read.
    seeds: BTreeMap<String, Option<Seed>>,
    /// Each profile is read once, too.
    targets: BTreeMap<String, Option<Arc<NamedTarget>>>,
    /// Where each id stands first.
    ids: BTreeMap<String, (PathBuf, SourcePosition)>,
    diagnostics: Diagnostics,
}

impl Reader<'_> {
    fn file(&mut self, file: &Path) -> Option<Scenario> {
        let text = files::read_text(file, files::LARGEST, &mut self.diagnostics)?;
        let mut mistakes = Vec::new();
        let root = tree::build(&text, &mut mistakes);
        let scenario = root.and_then(|root| self.scenario(file, &text, &root, &mut mistakes));
        let sound = mistakes.is_empty();
        self.diagnostics.add_all(file, mistakes);
        scenario.filter(|_| sound)
    }

    fn scenario(
        &mut self,
        file: &Path,
        text: &str,
        root: &tree::YamlNode,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Scenario> {
        let mut fields = Fields::of(root, "a scenario", mistakes)?;
        let id = fields.required::<String>("id", mistakes);
        let title = fields.required::<String>("title", mistakes);
        let shows = fields.required::<String>("shows", mistakes);
        let runbook = fields.each::<String>("runbook", mistakes);
        let controls = fields.each::<String>("controls", mistakes);
        let own = fields.optional::<String>("profile", mistakes);
        let target = self.target(file, own.as_ref(), mistakes);
        let required = fields.each::<RequiredKey>("requires", mistakes);
        let unfit = target.as_deref().and_then(|target| lacking(&values(required), &target.profile));
        let runs = runs(target.as_deref());
        let method = Method { runs, ..method(&mut fields, file, mistakes) };
        let writes = writes::writes(&mut fields, &method, mistakes);
        let method = Method { writes, ..method };
        let seed = seed_of(&mut fields, target.as_deref(), own.as_ref(), mistakes);
        let steps_at = fields.needed("steps", mistakes);
        let before = mistakes.len();
        let mut steps = steps_at.map(|(_, node)| steps::steps(node, &method, mistakes));
        if method.runs == TargetProcess::Nothing {
            steps.iter_mut().flatten().for_each(without_process);
        }
        let steps_sound = mistakes.len() == before;
        let expect = steps::expectations(fields.list("expect", mistakes), mistakes);
        let possible = steps::expectations(fields.list("possible", mistakes), mistakes);
        fields.finish(mistakes);

        if let Some(id) = &id {
            self.id(file, id, mistakes);
        }
        mistakes.extend(title.iter().filter_map(|text| one_line(text).err()));
        mistakes.extend(controls.iter().filter_map(wrong_control));
        if let Some(shows) = shows.as_ref().filter(|shows| shows.value.trim().is_empty()) {
            mistakes.push(Mistake::at(shows.place, "the text is empty").label("expected a few sentences"));
        }
        mistakes.extend(runbook.iter().filter_map(wrong_section));
        let found: Vec<At<Expectation>> = expect.iter().chain(&possible).cloned().collect();
        twice(&found, mistakes);
        let with_api = method.runs == TargetProcess::WithApi;
        let known_seed = seed.as_ref().filter(|_| with_api).and_then(|seed| self.seed(seed, mistakes));
        if let (Some(steps), Some((key, _))) = (&steps, steps_at) {
            // A step that could not be read, or a procedure that does not fit the topology, would cause
            // misleading mistakes in other steps.
            if unfit.is_none() && steps_sound && method.procedure.fits(method.topology, method.results) {
                let profile = target.as_deref().map(|target| &*target.profile);
                order::check(steps, &method, profile, key.place, mistakes);
                workload::check(steps, &method, mistakes);
            }
            if !with_api && unfit.is_none() {
                let writes = target.as_deref().is_some_and(|target| target.profile.write.is_some());
                without_api::check(steps, &found, writes, mistakes);
            }
            if let Some(seed) = known_seed {
                let context = names::Context { seed: &seed, library: self.library, text, steps_sound };
                names::check(steps, &found, &context, mistakes);
            }
        }
        Some(Scenario {
            file: file.to_owned(),
            id: ScenarioId::new(id?.value),
            title: title?.value,
            shows: shows?.value.trim().to_owned(),
            runbook: values(runbook),
            controls: values(controls),
            method,
            unfit,
            target: target?,
            own_profile: own.is_some(),
            seed: seed?,
            steps: steps?,
            expect,
            possible,
        })
    }

    /// The id is well-formed, the file's name, and new.
    fn id(&mut self, file: &Path, id: &At<String>, mistakes: &mut Vec<Mistake>) {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let word = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if !id.value.split('-').all(word) {
            let message = format!("the id `{}` is not in kebab case", id.value);
            let help = "use lower-case letters and digits, separated by single hyphens: `binary-missing`";
            mistakes.push(Mistake::at(id.place, message).label("not in kebab case").help(help));
        } else if id.value != stem {
            let message = format!("the id `{}` differs from the file's name", id.value);
            let help = format!("write `id: {stem}`, or rename the file to `{}.yaml`", id.value);
            mistakes.push(Mistake::at(id.place, message).label(format!("the file is `{stem}`")).help(help));
        }
        match self.ids.get(&id.value) {
            None => {
                self.ids.insert(id.value.clone(), (file.to_owned(), id.place));
            }
            Some((first, place)) => {
                let also = Also {
                    file: first.clone(),
                    place: *place,
                    label: "the id is first used here".to_owned(),
                };
                let message = format!("the id `{}` is also the id of another scenario", id.value);
                let mistake = Mistake::at(id.place, message).label("a duplicate id");
                let help = "give one of the two another id and file name";
                self.diagnostics
                    .add(Diagnostic { also: Some(also), ..Diagnostic::new(mistake.help(help), file) });
            }
        }
    }

    /// The target of a scenario: the profile that it names, else the run's.
    fn target(
        &mut self,
        file: &Path,
        own: Option<&At<String>>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Arc<NamedTarget>> {
        let name = match own {
            Some(own) => profile::beside(&folder_of(file), &own.value),
            None => self.library.profile.clone(),
        };
        if let Some(known) = self.targets.get(&name) {
            return known.clone();
        }
        if let Some(own) = own.filter(|_| !profile::is_there(&name)) {
            let names = profile::names();
            let mistake =
                Mistake::unknown(Some(own.place), "profile", &own.value, names.iter().map(String::as_str));
            mistakes.push(mistake.label("neither in profiles/ nor a file from the scenario's folder"));
            return None;
        }
        let read = read_target(&name).map_err(|diagnostics| self.diagnostics.extend(diagnostics)).ok();
        let read = read.map(Arc::new);
        self.targets.insert(name, read.clone());
        read
    }

    fn seed(&mut self, seed: &At<String>, mistakes: &mut Vec<Mistake>) -> Option<Seed> {
        if !self.library.seeds().contains(&seed.value) {
            mistakes.push(unknown_seed(self.library, Some(seed.place), &seed.value));
            return None;
        }
        if let Some(known) = self.seeds.get(&seed.value) {
            return known.clone();
        }
        let read = read_seed(self.library, &seed.value);
        let read = read.map_err(|diagnostics| self.diagnostics.extend(diagnostics)).ok();
        self.seeds.insert(seed.value.clone(), read.clone());
        read
    }
}

/// A target without a process has none to stop and start around a restore.
fn without_process(step: &mut At<Step>) {
    if let Step::Restore(list) = &mut step.value {
        let of_process = |job: &RestoreJob| matches!(job, RestoreJob::StopEngine | RestoreJob::StartEngine);
        list.retain(|sub| !matches!(&sub.value, RestoreStep::Own(job) if of_process(job)));
    }
}

/// What a scenario requires and a profile does not have.
fn lacking(required: &[RequiredKey], profile: &Profile) -> Option<String> {
    let missing = required.iter().find_map(|key| {
        let (name, is_empty) = match key {
            RequiredKey::Start => ("start", profile.start.is_empty() && profile.api == TargetApi::None),
            RequiredKey::MigrateByHalf => ("migrate-by-half", profile.migrate_by_half.is_empty()),
            RequiredKey::Write => ("write", profile.write.is_none() && profile.api == TargetApi::None),
        };
        is_empty.then_some(name)
    });
    missing.map(|name| format!("the profile has no `{name}`"))
}

/// Which process of a target runs beside its stores; an engine where the target is not known.
fn runs(target: Option<&NamedTarget>) -> TargetProcess {
    match target.map(|target| (target.profile.api, target.profile.start.is_empty())) {
        None | Some((TargetApi::PulpEngine, _)) => TargetProcess::WithApi,
        Some((TargetApi::None, false)) => TargetProcess::WithoutApi,
        Some((TargetApi::None, true)) => TargetProcess::Nothing,
    }
}

/// The contents of the site before the drill: a seed of the library, or what the profile's own command
/// creates.
fn seed_of(
    fields: &mut Fields<'_>,
    target: Option<&NamedTarget>,
    own: Option<&At<String>>,
    mistakes: &mut Vec<Mistake>,
) -> Option<At<String>> {
    let Some(target) = target.filter(|target| target.profile.api == TargetApi::None) else {
        return fields.required::<String>("seed", mistakes);
    };
    if let Some((key, _)) = fields.node("seed") {
        let message = format!("the profile of `{}` seeds its sites", target.short());
        let help = "remove `seed`: the command under `seed` in the profile seeds the site";
        mistakes.push(Mistake::at(key.place, message).label("this seed is not used").help(help));
    }
    Some(At { value: target.short(), place: own.map_or(fields.place, |own| own.place) })
}

/// Where the site's state lives and how it is backed up. Reports combinations that are not possible.
fn method(fields: &mut Fields<'_>, file: &Path, mistakes: &mut Vec<Mistake>) -> Method {
    let topology = fields.optional::<Topology>("topology", mistakes);
    let results = fields.optional::<Results>("results", mistakes);
    let procedure = fields.optional::<Procedure>("procedure", mistakes);
    let dump = fields.optional::<DumpOptions>("dump", mistakes);
    let commands = fields.optional::<Commands>("commands", mistakes);
    let schema = fields.optional::<BackupSchema>("schema", mistakes);
    let env = fields.optional::<BTreeMap<String, String>>("env", mistakes);
    if let Some(at) = &env {
        own_variables(at, mistakes);
    }
    let topology_is = topology.as_ref().map_or_else(Topology::default, |at| at.value);
    let procedure_is = procedure.as_ref().map_or_else(Procedure::default, |at| at.value);
    let results_is = results.as_ref().map(|at| at.value);
    let mut wrong = |place, message: String, help: &str| {
        mistakes.push(Mistake::at(place, message).label("not possible in this combination").help(help));
    };
    if let Some(at) = &procedure {
        let fits = at.value.fits(topology_is, results_is);
        if !fits {
            let message = format!(
                "the procedure `{}` does not support the topology `{}`",
                at.value.describe(),
                topology_is.describe()
            );
            wrong(
                at.place,
                message,
                "it needs rows in Postgres; point in time also needs binaries and results in buckets",
            );
        }
    }
    if let Some(at) = dump.as_ref().filter(|_| !topology_is.has_database()) {
        wrong(
            at.place,
            "there is no database to dump".to_owned(),
            "remove `dump`, or choose another topology",
        );
    }
    if let Some(at) = &dump
        && let DumpOptions { format, jobs: Some(_), .. } = at.value
        && matches!(format, DumpFormat::Plain | DumpFormat::Tar)
    {
        let help = "parallel jobs need `format: directory` (dump and restore) or `custom` (restore)";
        wrong(at.place, format!("a {} dump has no parallel jobs", format.option()), help);
    }
    if let Some(at) = dump.as_ref().filter(|at| at.value.compress.is_some_and(|level| level > 9)) {
        wrong(at.place, "there is no such compression level".to_owned(), "levels are 0 to 9");
    }
    if let Some(at) = results
        .as_ref()
        .filter(|at| at.value == Results::Bucket && topology_is.has_database() && !topology_is.has_bucket())
    {
        let message = format!("no object store in the topology `{}`", topology_is.describe());
        wrong(at.place, message, "write `results: directory`");
    }
    if let Some(at) = results.as_ref().filter(|_| !topology_is.has_database()) {
        let message = "batch jobs are not durable in file mode".to_owned();
        wrong(at.place, message, "remove `results`, or choose a topology with Postgres");
    }
    if let Some(at) = schema.as_ref().filter(|_| !topology_is.has_database()) {
        let message = "there is no schema when rows are in files".to_owned();
        wrong(at.place, message, "remove `schema`, or choose a topology with Postgres");
    }
    match (&commands, procedure_is) {
        (Some(at), p) if p != Procedure::OwnCommands => {
            wrong(at.place, "these commands are never run".to_owned(), "add `procedure: own commands`");
        }
        (None, Procedure::OwnCommands) => {
            let place = procedure.as_ref().map_or(fields.place, |at| at.place);
            wrong(
                place,
                "`own commands` without commands".to_owned(),
                "add `commands: {back up: …, restore: …}`",
            );
        }
        (Some(_) | None, _) => {}
    }
    Method {
        runs: TargetProcess::default(),
        topology: topology_is,
        results: results.map(|at| at.value),
        procedure: procedure_is,
        dump: dump.map_or_else(DumpOptions::default, |at| at.value),
        commands: commands.map(|at| Commands { folder: folder_of(file), ..at.value }),
        whole_cluster: false,
        schema: schema.map_or_else(BackupSchema::default, |at| at.value),
        writes: WriteOrderOverride::default(),
        env: env.map(|at| at.value).unwrap_or_default(),
    }
}

/// Variables that locate the stores belong to the site, not to a scenario.
fn own_variables(env: &At<BTreeMap<String, String>>, mistakes: &mut Vec<Mistake>) {
    for name in env.value.keys() {
        let wrong = if name.is_empty() || name.contains(['=', '\0']) {
            ("is not a valid variable name", "a name contains no `=`")
        } else if VARIABLES.contains(&name.as_str()) || name.starts_with("API_KEY_") {
            ("locates the site or grants access to it", "each site sets its own value: remove it")
        } else {
            continue;
        };
        mistakes.push(Mistake::at(env.place, format!("`{name}` {}", wrong.0)).label("in this").help(wrong.1));
    }
}

/// The folder of a file; `.` for a bare file name.
fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn values<T>(list: Vec<At<T>>) -> Vec<T> {
    list.into_iter().map(|at| at.value).collect()
}

fn wrong_section(section: &At<String>) -> Option<Mistake> {
    let known = || SECTIONS.iter().map(|(number, _)| *number);
    let there = known().any(|number| number == section.value);
    (!there).then(|| {
        // Similar numbers are not similar sections.
        let known: Vec<&str> = known().collect();
        Mistake::unknown(Some(section.place), "section of the runbook", &section.value, [])
            .label("no such section")
            .help(suggest::one_of(&known))
    })
}

/// A control must be one of the catalogue, by its id.
fn wrong_control(control: &At<String>) -> Option<Mistake> {
    if let Err(mistake) = one_line(control) {
        return Some(mistake);
    }
    let known = || Control::ALL.iter().map(|known| known.id());
    let there = Control::of(&control.value).is_some();
    (!there).then(|| {
        Mistake::unknown(Some(control.place), "control", &control.value, known())
            .label("not in the catalogue")
    })
}

/// The same finding may be expected once only.
fn twice(expect: &[At<Expectation>], mistakes: &mut Vec<Mistake>) {
    let mut seen = HashSet::new();
    for At { value, place } in expect {
        if !seen.insert(value.to_string()) {
            let message = format!("`{value}` is listed twice");
            mistakes.push(Mistake::at(*place, message).label("a duplicate").help("remove one of the two"));
        }
    }
}
