//! Checks the names in steps and expectations against the seed, the fixtures and the steps before.

use crate::{
    base::ids::{AssetName, TemplateKey},
    model::{
        fault::Fault,
        finding::{Expectation, Subject},
        workload::Load,
        write::WriteKind,
    },
    scenario::{
        Act, At, BackupStep, PlanRun, Replace, RestoreStep, SourcePosition, Step,
        diagnose::{Mistake, suggest},
        hold::{CopyAsset, MoveLabel, VersionRef, Write},
        library::{FixtureLibrary, NoFile},
        method::{BackupJob, RestoreJob},
        seed::Seed,
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// The kinds of writes under load, as findings name them.
fn operations() -> [&'static str; 6] {
    WriteKind::ALL.map(WriteKind::plural)
}

/// Where names are looked up.
pub struct Context<'a> {
    /// The scenario's seed.
    pub seed: &'a Seed,
    /// The fixtures.
    pub library: &'a FixtureLibrary,
    /// The file's text.
    pub text: &'a str,
    /// Whether all steps could be read. If not, an unread step may have uploaded any fixture.
    pub steps_sound: bool,
}

/// The names that a scenario can use at a point of its steps.
struct Names<'a> {
    library: &'a FixtureLibrary,
    seed: &'a Seed,
    text: &'a str,
    /// The assets of the seed and of the uploads so far.
    assets: BTreeSet<AssetName>,
    /// The assets that were replaced so far.
    replaced: BTreeSet<AssetName>,
    /// Whether there are writes under load.
    loaded: bool,
    /// The assets that a step other than a delete has written so far.
    written: BTreeSet<AssetName>,
    /// How often each template was saved again so far.
    saved: BTreeMap<TemplateKey, usize>,
    /// The schedules whose next run was planned so far.
    planned: BTreeSet<String>,
    mistakes: &'a mut Vec<Mistake>,
}

/// Checks all names.
pub fn check(
    steps: &[At<Step>],
    expect: &[At<Expectation>],
    context: &Context<'_>,
    mistakes: &mut Vec<Mistake>,
) {
    let Context { seed, library, text, steps_sound } = *context;
    let mut names = Names {
        library,
        seed,
        text,
        assets: seed.assets.iter().map(|asset| asset.name.clone()).collect(),
        replaced: seed.replace.iter().map(|replace| replace.asset.clone()).collect(),
        loaded: false,
        written: BTreeSet::new(),
        saved: BTreeMap::new(),
        planned: BTreeSet::new(),
        mistakes,
    };
    if !steps_sound {
        names.assets.extend(library.assets().into_iter().map(AssetName::from));
    }
    for (act, place) in acts(steps) {
        names.act(act, place);
    }
    let planted = acts(steps).filter_map(|(act, _)| match act {
        Act::Fault(Fault::OrphanBinary(name)) | Act::FaultInBackup(Fault::OrphanBinary(name)) => {
            Some(name.clone())
        }
        _ => None,
    });
    let planted: Vec<AssetName> = planted.collect();
    names.assets.extend(planted);
    for expectation in expect {
        names.expectation(&expectation.value, expectation.place);
    }
}

/// All acts of a timeline, those between sub-steps too.
pub fn acts(steps: &[At<Step>]) -> impl Iterator<Item = (&Act, SourcePosition)> {
    steps.iter().flat_map(|step| -> Vec<(&Act, SourcePosition)> {
        match &step.value {
            Step::Act(act) => vec![(act, step.place)],
            Step::Destroy(_) => vec![],
            Step::BackUp(list) => list
                .iter()
                .filter_map(|sub| match &sub.value {
                    BackupStep::Act(act) => Some((act, sub.place)),
                    BackupStep::Own(_) => None,
                })
                .collect(),
            Step::Restore(list) => list
                .iter()
                .filter_map(|sub| match &sub.value {
                    RestoreStep::Act(act) => Some((act, sub.place)),
                    RestoreStep::Own(_) => None,
                })
                .collect(),
        }
    })
}

impl Names<'_> {
    fn act(&mut self, act: &Act, place: SourcePosition) {
        match act {
            Act::Upload(name) => self.upload(name, place),
            Act::Replace(replace) => self.replace(replace, place),
            Act::Delete(name) | Act::CopyObject(name) => self.asset(name, place),
            Act::Copy(copy) => self.copy(copy, place),
            Act::SaveTemplate(key) => {
                self.template(key.as_str(), place);
                *self.saved.entry(key.clone()).or_default() += 1;
            }
            Act::MoveLabel(label) => self.label(label, place),
            Act::RunBatch(key) => self.template(key.as_str(), place),
            Act::Begin(begin) => match &begin.write {
                Write::Upload(name) => self.upload(name, place),
                Write::Replace(replace) => self.replace(replace, place),
                Write::Delete(name) => self.asset(name, place),
                Write::Copy(copy) => self.copy(copy, place),
                Write::RunBatch(key) => self.template(key.as_str(), place),
            },
            Act::CopyNewObject(name) => self.new_object(name, place),
            Act::WriteUnderLoad(load) => self.load(*load, place),
            Act::WaitForWrites(_) | Act::StopWriting => {}
            // Their names are those of steps before them.
            Act::GoOn(_) | Act::Release(_) | Act::KillEngine => {}
            Act::PlanRun(PlanRun { schedule, .. }) => {
                self.schedule(schedule, place);
                self.planned.insert(schedule.clone());
            }
            Act::WaitForRun(schedule) => {
                self.schedule(schedule, place);
                if !self.planned.contains(schedule)
                    && self.seed.schedule_names().any(|known| known == schedule)
                {
                    let message = format!("no earlier step plans the next run of `{schedule}`");
                    let help = format!("put `plan next run: {{schedule: {schedule}, in: 2s}}` before it");
                    self.mistakes
                        .push(Mistake::at(place, message).label("it may be far in the future").help(help));
                }
            }
            Act::Fault(fault) | Act::FaultInBackup(fault) => self.fault(fault, place),
        }
    }

    fn load(&mut self, load: Load, place: SourcePosition) {
        self.loaded = true;
        if load.mix.label > 0 && self.seed.templates.iter().all(|template| template.then.is_empty()) {
            let message = "no template of the seed has a second version that a label could move to";
            let help = "use a seed with a template in two versions: `seed: invoices`";
            self.mistakes.push(Mistake::at(place, message).label("moves labels").help(help));
        }
    }

    fn upload(&mut self, name: &AssetName, place: SourcePosition) {
        self.fixture(name, place);
        self.assets.insert(name.clone());
        self.written.insert(name.clone());
    }

    fn replace(&mut self, replace: &Replace, place: SourcePosition) {
        self.asset(&replace.asset, place);
        self.fixture(&replace.with, place);
        self.replaced.insert(replace.asset.clone());
        self.written.insert(replace.asset.clone());
    }

    fn copy(&mut self, copy: &CopyAsset, place: SourcePosition) {
        self.asset(&copy.asset, place);
        if self.assets.contains(&copy.name) {
            let message = format!("an asset `{}` already exists", copy.name);
            let help = "give the copy another name";
            self.mistakes.push(Mistake::at(place, message).label("a duplicate name").help(help));
        }
        self.assets.insert(copy.name.clone());
        self.written.insert(copy.name.clone());
    }

    /// The object that the last write of an asset made.
    fn new_object(&mut self, name: &AssetName, place: SourcePosition) {
        self.asset(name, place);
        if self.assets.contains(name) && !self.written.contains(name) {
            let message = format!("no earlier write made an object of `{name}`");
            let help = format!("write `copy object: {name}`, or put the write before it");
            self.mistakes.push(Mistake::at(place, message).label("there is no new object").help(help));
        }
    }

    /// A label and a version that exists by now.
    fn label(&mut self, label: &MoveLabel, place: SourcePosition) {
        self.template(label.template.as_str(), place);
        let Some(template) = self.seed.templates.iter().find(|t| t.key == label.template) else { return };
        let later = self.saved.get(&label.template).copied().unwrap_or_default();
        let saved = 1 + template.then.len() + later;
        let there = match &label.to {
            VersionRef::Nth(number) => (1..=saved).contains(&(*number as usize)),
            // What the target calls the versions of later saves is not known here.
            VersionRef::Named(name) => later > 0 || template.versions().any(|version| version == name),
        };
        if !there {
            let message = format!("`{}` has no version {} at this point", label.template, label.to);
            let named: Vec<&str> = template.versions().collect();
            let help =
                format!("give its number, 1 to {saved}, or its name, which {}", suggest::one_of(&named));
            self.mistakes.push(Mistake::at(place, message).label("no such version").help(help));
        }
    }

    fn fault(&mut self, fault: &Fault, place: SourcePosition) {
        match fault {
            Fault::OrphanBinary(_) => {}
            Fault::SwapBinaries([a, b]) | Fault::RepointRow([a, b]) if a == b => {
                let message = format!("`{a}` and `{b}` are the same asset");
                self.mistakes.push(
                    Mistake::at(place, message).label("changes nothing").help("name two different assets"),
                );
                self.asset(a, place);
            }
            Fault::PreviousVersion(name) => {
                self.asset(name, place);
                if self.assets.contains(name) && !self.replaced.contains(name) {
                    let message = format!("`{name}` has no previous version: no earlier step replaces it");
                    let help = format!("put `replace: {{asset: {name}, with: …}}` before it");
                    self.mistakes.push(Mistake::at(place, message).label("nothing to revert to").help(help));
                }
            }
            Fault::CopyFirstPage(keys) if !(1..=1000).contains(keys) => {
                let message = format!("a page of a listing has 1 to 1000 keys, not {keys}");
                self.mistakes.push(Mistake::at(place, message).label("not possible"));
            }
            Fault::ThrottleStore(throttle) if throttle.every == 0 => {
                let help = "write `every: 3` for every third request, `every: 1` for all";
                let mistake = Mistake::at(place, "`every: 0` refuses no request").label("no effect");
                self.mistakes.push(mistake.help(help));
            }
            Fault::ExcludePrefix(start) => {
                if !self.assets.iter().any(|name| name.as_str().starts_with(start.as_str())) {
                    let message = format!("no asset's name starts with `{}`", suggest::short(start));
                    let help = self.asset_names();
                    self.mistakes.push(Mistake::at(place, message).label("excludes nothing").help(help));
                }
            }
            // The names in the value of any other fault come from the catalogue.
            _ => {
                for name in fault.assets() {
                    self.asset(name, place);
                }
                for key in fault.templates() {
                    self.template(key.as_str(), place);
                }
            }
        }
    }

    /// An asset that must be on the site by now.
    fn asset(&mut self, name: &AssetName, place: SourcePosition) {
        if !self.assets.contains(name) {
            let what = "asset";
            let known = self.assets.iter().map(AssetName::as_str);
            let place = narrow(self.text, place, name.as_str());
            let mistake = Mistake::unknown(Some(place), what, name.as_str(), known);
            self.mistakes.push(mistake.label("neither in the seed nor uploaded before"));
        }
    }

    /// An earlier binary of an asset that is replaced: `logo.png@1`.
    fn is_earlier(&self, name: &str) -> bool {
        let Some((asset, version)) = name.rsplit_once('@') else { return false };
        self.replaced.contains(&asset.into()) && version.parse::<usize>().is_ok_and(|v| v > 0)
    }

    fn asset_names(&self) -> String {
        let names: Vec<&str> = self.assets.iter().map(AssetName::as_str).collect();
        format!("the names of assets {}", suggest::one_of(&names))
    }

    fn template(&mut self, key: &str, place: SourcePosition) {
        if !self.seed.template_keys().any(|known| known.as_str() == key) {
            let known = self.seed.template_keys().map(TemplateKey::as_str);
            let place = narrow(self.text, place, key);
            let mistake = Mistake::unknown(Some(place), "template", key, known);
            self.mistakes.push(mistake.label(format!("not in the seed `{}`", self.seed.name)));
        }
    }

    /// A file to upload.
    fn fixture(&mut self, name: &AssetName, place: SourcePosition) {
        let place = narrow(self.text, place, name.as_str());
        let mistake = match self.seed.asset_file(self.library, name) {
            Ok(_) => return,
            Err(_) if name.as_str().is_empty() => {
                Mistake::at(place, "the name of the fixture is empty").label("expected the name of a file")
            }
            Err(NoFile::Outside) => {
                let message = format!("`{}` is outside the fixtures", suggest::short(name.as_str()));
                let folder = self.library.assets_folder();
                Mistake::at(place, message)
                    .label("must be a file of the fixtures")
                    .help(format!("put the file into {} and give its name", folder.display()))
            }
            Err(NoFile::Missing) => {
                let mut files = self.library.assets();
                files.extend(self.seed.assets.iter().map(|asset| asset.name.to_string()));
                let files = files.iter().map(String::as_str);
                Mistake::unknown(Some(place), "fixture", name.as_str(), files).label(format!(
                    "neither in {} nor in the seed `{}`",
                    self.library.assets_folder().display(),
                    self.seed.name
                ))
            }
        };
        self.mistakes.push(mistake);
    }

    fn expectation(&mut self, expectation: &Expectation, place: SourcePosition) {
        let name = expectation.entity.as_str();
        match expectation.kind.subject() {
            // A name with a slash is an object's key.
            Subject::Asset => {
                let of_load = self.loaded && operations().contains(&name);
                if !name.contains('/') && !of_load && !self.is_earlier(name) {
                    self.asset(&name.into(), place);
                }
            }
            Subject::Template => self.template(name, place),
            Subject::Row if !name.contains('/') => {
                let message = format!("`{}` is not a row", suggest::short(name));
                let help = format!("write the table too: `assets/{name}`");
                self.mistakes.push(Mistake::at(place, message).label("expected table/row").help(help));
            }
            Subject::Row | Subject::Other => {}
            Subject::BackupStep => {
                let steps = BackupJob::ALL.iter().map(|job| job.describe().to_owned());
                self.one_of("step of a backup", &steps.collect::<Vec<_>>(), name, place);
            }
            Subject::RestoreStep => {
                let steps = RestoreJob::ALL.iter().map(|job| job.describe().to_owned());
                self.one_of("step of a restore", &steps.collect::<Vec<_>>(), name, place);
            }
            Subject::Schedule => self.schedule(name, place),
            Subject::Inventory => self.inventoried(name, place),
            Subject::Workload if !self.loaded => {
                let message = format!("`{}` without writes under load", expectation.kind);
                let help = "add the steps `write under load: …` and `stop writing`";
                self.mistakes.push(Mistake::at(place, message).label("cannot be found").help(help));
            }
            Subject::Workload => {
                self.one_of("kind of write", &operations().map(str::to_owned), name, place);
            }
        }
    }

    fn schedule(&mut self, name: &str, place: SourcePosition) {
        let schedules: Vec<String> = self.seed.schedule_names().map(str::to_owned).collect();
        self.one_of("schedule", &schedules, name, place);
    }

    /// An asset or a template: what the manifest lists.
    fn inventoried(&mut self, name: &str, place: SourcePosition) {
        let templates = self.seed.template_keys().map(TemplateKey::to_string);
        let known: Vec<String> = self.assets.iter().map(AssetName::to_string).chain(templates).collect();
        self.one_of("asset or template", &known, name, place);
    }

    fn one_of(&mut self, what: &str, known: &[String], name: &str, place: SourcePosition) {
        if !known.iter().any(|word| word == name) {
            let known = known.iter().map(String::as_str);
            let place = narrow(self.text, place, name);
            self.mistakes
                .push(Mistake::unknown(Some(place), what, name, known).label(format!("no {what} here")));
        }
    }
}

/// Where in a step a name stands, if it stands there as it is.
fn narrow(text: &str, place: SourcePosition, name: &str) -> SourcePosition {
    let step = text.get(place.start..place.end).unwrap_or_default();
    let of_name = |c: char| c.is_alphanumeric() || "-_./".contains(c);
    let whole = |at: &usize| !step[..*at].ends_with(of_name) && !step[at + name.len()..].starts_with(of_name);
    match step.match_indices(name).map(|(at, _)| at).filter(whole).last() {
        Some(at) if !name.is_empty() => SourcePosition {
            column: place.column + step[..at].chars().count(),
            start: place.start + at,
            end: place.start + at + name.len(),
            ..place
        },
        _ => place,
    }
}
