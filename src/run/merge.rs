//! Joins the runs of `run --partition` into one run with one journal and
//! one verdict. What is missing is unknown, never a pass; parts of other sets, of other versions, or
//! there twice, are refused. It starts nothing and changes none of the parts.

use crate::{
    base::{
        clock::Clock,
        digest::Digest,
        error::{Error, ErrorContext as _},
        ids::{RunId, ScenarioId},
        redact::Redactor,
        sanitize::one_line,
        sync::MutexExt as _,
    },
    evidence::{
        ATTESTATION, SIGNED_BY, UNSIGNED,
        key::SigningKey,
        verify::{self, Signed, Trust},
    },
    journal::{
        Journal, folder,
        read::{EVENTS, Flaw, folder_of, read},
    },
    model::{
        budget::{Budgets, TimeSpan},
        event::{BudgetId, Entry, Event, Partition, RunStarted},
        exit_code::ExitCode,
        record::RunRecord,
        verdict::Verdict,
    },
    report::PARTS_COMMAND,
    run::{
        session::{self, FinishedRun, Header, RunOrigin},
        signing::{self, KeyText, NO_KEY},
    },
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex},
};

/// More parts than anybody starts; each that is missing is reported by its number.
const MOST_PARTS: u32 = 10_000;

/// A part that was read.
struct Part {
    dir: PathBuf,
    entries: Vec<Entry>,
    record: RunRecord,
    started: RunStarted,
    partition: Partition,
    journal: Digest,
    signed: Signed,
}

/// Joins the parts into one run, stored in `out`. The inner error says which part was changed after it
/// was written: then nothing is merged.
///
/// # Errors
/// Blames the user where the parts do not belong together, the environment where a file can't be read
/// or written.
pub fn merge(
    run_dirs: &[PathBuf],
    out: &Path,
    key: Option<&KeyText>,
) -> Result<Result<FinishedRun, String>, Error> {
    let redactor = Redactor::new();
    let key = signing::key(key, &redactor)?;
    let mut parts = Vec::new();
    for dir in run_dirs {
        match part(dir)? {
            Ok(part) => parts.push(part),
            Err(changed) => return Ok(Err(format!("{}: {changed}", dir.display()))),
        }
    }
    parts.sort_by_key(|part| part.partition.index);
    belong_together(&parts)?;
    let (journal, exit) = Joined::of(&parts, out, key.as_ref())?.write(out, &parts, redactor)?;
    session::seal(&journal, exit, out, key.as_ref()).map(Ok)
}

/// Reads a part; the inner error says how it was changed after it was written.
fn part(run_dir: &Path) -> Result<Result<Part, String>, Error> {
    let stored = read(run_dir)?;
    if let Some(flaw @ Flaw::Broken { .. }) = stored.flaw {
        return Ok(Err(flaw.to_string()));
    }
    let dir = folder_of(run_dir);
    let record = RunRecord::fold(&stored.entries);
    let no_part = || {
        Error::usage(format!("{} is no part of a run", run_dir.display()))
            .hint("name runs that were started with --partition")
    };
    let started = record.started.clone().ok_or_else(no_part)?;
    let partition = started.partition.clone().ok_or_else(no_part)?;
    if !(1..=partition.of).contains(&partition.index) || partition.of > MOST_PARTS {
        return Err(no_part().cause(format!("it says that it is {partition}")));
    }
    for artefact in &record.artefacts {
        // Elsewhere in its folder are the journal and the reports: a copy would go over the joined run's.
        let mut parts = Path::new(&artefact.path).components();
        let inside = parts.next() == Some(Component::Normal("artefacts".as_ref()))
            && matches!(parts.next(), Some(Component::Normal(_)))
            && parts.next().is_none();
        let there = Digest::of_file(&dir.join(&artefact.path)).ok();
        if !inside || there != Some(artefact.sha256) {
            return Ok(Err(format!("{} is missing or was changed", one_line(&artefact.path))));
        }
    }
    let signed = match sealed(&dir, &record)? {
        Ok(signed) => signed,
        Err(changed) => return Ok(Err(changed)),
    };
    let journal =
        Digest::of_file(&dir.join(EVENTS)).or_environment(|| "can't read the journal".to_owned())?;
    Ok(Ok(Part { dir, entries: stored.entries, record, started, partition, journal, signed }))
}

/// Who signed a part. One that was sealed must be as it was then; one that did not end was not
/// sealed. The inner error says what does not hold.
fn sealed(dir: &Path, record: &RunRecord) -> Result<Result<Signed, String>, Error> {
    if dir.join(ATTESTATION).exists() {
        let found = verify::folder(dir, &Trust::default())?;
        return Ok(found.problems.first().map_or(Ok(found.signed), |problem| Err(problem.to_string())));
    }
    let says = record.started.as_ref().and_then(|s| s.config.get(SIGNED_BY));
    match says.filter(|key| *key != UNSIGNED) {
        Some(key) if record.finished.is_some() => {
            Ok(Err(format!("it says that {key} signed it, and {ATTESTATION} is not there")))
        }
        _ => Ok(Ok(Signed::No)),
    }
}

/// Refuses parts of different sets, versions or configurations, and a part that is there twice.
fn belong_together(parts: &[Part]) -> Result<(), Error> {
    let Some(first) = parts.first() else {
        return Err(Error::usage("no part was named"));
    };
    for part in parts {
        let what = if part.partition.of != first.partition.of {
            Some("the number of parts")
        } else if (part.partition.set, &part.partition.all) != (first.partition.set, &first.partition.all) {
            Some("the set of scenarios")
        } else if part.started.harness != first.started.harness {
            Some("the version of pulp-drill")
        } else if by(part, "GITHUB_SHA") != by(first, "GITHUB_SHA") {
            Some("the commit")
        } else if by(part, "GITHUB_RUN_ID") != by(first, "GITHUB_RUN_ID") {
            Some("the CI run")
        } else if signer(part) != signer(first) {
            Some("the signing key")
        } else if config(part) != config(first) {
            Some("the configuration")
        } else if !part.started.scenarios.iter().all(|id| part.partition.all.contains(id)) {
            Some("the list of scenarios, which is not of its own set")
        } else {
            None
        };
        if let Some(what) = what {
            let (a, b) = (first.dir.display(), part.dir.display());
            return Err(Error::usage(format!("these are not parts of one run: {what} differs"))
                .cause(format!("{a} and {b}"))
                .hint("merge the parts of one start only"));
        }
    }
    match parts.windows(2).find(|two| two[0].partition.index == two[1].partition.index) {
        None => Ok(()),
        Some(two) => Err(Error::usage(format!("{} is there twice", two[0].partition))
            .cause(format!("{} and {}", two[0].dir.display(), two[1].dir.display()))
            .hint("name one of the two")),
    }
}

/// What the CI that started a part said; it gives all jobs of one start the same.
fn by<'a>(part: &'a Part, variable: &str) -> Option<&'a String> {
    part.started.started_by.get(variable)
}

/// Who signs a part, by its first event: also one that was killed has named its key.
fn signer(part: &Part) -> &str {
    part.started.config.get(SIGNED_BY).map_or(UNSIGNED, String::as_str)
}

/// The configuration, without what may differ from machine to machine.
fn config(part: &Part) -> Vec<(&String, &String)> {
    part.started.config.iter().filter(|(key, _)| *key != "jobs" && *key != SIGNED_BY).collect()
}

/// The joined run, before it is written.
struct Joined {
    id: RunId,
    events: Vec<(DateTime<Utc>, Option<ScenarioId>, Event)>,
    cut_short: Option<String>,
    /// A part ended with a bug of ours.
    ours: bool,
}

impl Joined {
    fn of(parts: &[Part], out: &Path, key: Option<&SigningKey>) -> Result<Self, Error> {
        let first = parts.first().ok_or_else(|| Error::usage("no part was named"))?;
        let names: Vec<&str> = parts.iter().map(|p| p.started.run.as_str()).collect();
        let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, names.join("/").as_bytes());
        let id = RunId::new(id.simple().to_string());
        let mut config = first.started.config.clone();
        config.insert(PARTS_COMMAND.to_owned(), shell_words::join(&first.started.command));
        config.remove("jobs");
        let header = Header {
            seed: first.started.seed,
            command: ["pulp-drill", "report", "merge"].map(str::to_owned).to_vec(),
            config,
            scenarios: first.partition.all.iter().filter(|id| !skipped(parts, id)).cloned().collect(),
            partition: None,
            origin: RunOrigin {
                harness: first.started.harness.clone(),
                started_by: first.started.started_by.clone(),
                machine: first.started.machine.clone(),
            },
        };
        let started = header.started(&id, out, key)?;
        let began = parts.iter().filter_map(|p| p.record.began).min().unwrap_or_default();
        let mut events = vec![(began, None, Event::RunStarted(Box::new(started)))];
        events.extend(parts.iter().map(|part| (began, None, Event::Noted { text: describe_part(part) })));
        if key.is_none() {
            events.push((began, None, Event::Noted { text: NO_KEY.to_owned() }));
        }
        let kept = kept(parts);
        let mut own: Vec<_> = parts.iter().flat_map(|part| own_events(parts, part, first, &kept)).collect();
        // Within a part they are in order already, and a stable sort leaves them so.
        own.sort_by_key(|(at, ..)| *at);
        events.extend(own);
        let ours = parts
            .iter()
            .any(|p| p.record.finished.as_ref().is_some_and(|f| f.exit == ExitCode::InternalError));
        Ok(Self { id, events, cut_short: cut_short(parts, first.partition.of), ours })
    }

    /// Writes journal and artefacts.
    fn write(self, out: &Path, parts: &[Part], redactor: Redactor) -> Result<(Journal, ExitCode), Error> {
        let now = Arc::new(Mutex::new(self.events.first().map_or_else(Default::default, |(at, ..)| *at)));
        let read = Arc::clone(&now);
        let clock = Clock::from_fn(move || *read.lock_unpoisoned());
        let journal = Journal::create(out, &self.id, clock, redactor).map_err(|error| {
            error.hint("where these parts were merged before, name another folder with --out")
        })?;
        for (at, scenario, event) in self.events {
            *now.lock_unpoisoned() = at;
            if let Event::ArtefactStored { path, sha256, .. } = &event {
                copy(parts, path, sha256, journal.dir())?;
            }
            journal.write(scenario.as_ref(), event)?;
        }
        for checked in budgets(parts).against(&journal.record()) {
            journal.write(None, Event::BudgetChecked(checked))?;
        }
        let record = journal.record();
        let worst = record.scenarios.iter().map(|s| s.verdict()).max().unwrap_or(Verdict::Unknown);
        let worst = record.budgets.iter().map(|b| b.verdict).fold(worst, Verdict::max);
        let had_errors = self.cut_short.is_some() || !record.errors.is_empty();
        let verdict = if had_errors { worst.max(Verdict::Unknown) } else { worst };
        let bug = self.ours.then_some(ExitCode::InternalError);
        let exit = bug.into_iter().fold(verdict.into(), ExitCode::max);
        journal.write(None, Event::RunFinished { verdict, exit, cut_short: self.cut_short })?;
        Ok((journal, exit))
    }
}

/// What a reader must know of a part to find it again.
fn describe_part(part: &Part) -> String {
    let host = part.started.machine.get("host").map_or("an unnamed host", String::as_str);
    let Part { partition, started, journal, .. } = part;
    let signer = match &part.signed {
        Signed::No => "not signed".to_owned(),
        Signed::BySomebody(key) | Signed::ByTrusted(key) => format!("signed by {key}"),
    };
    let (run, seed) = (&started.run, started.seed);
    format!("{partition}: run {run} on {host}, seed {seed}, journal SHA-256 {journal}, {signer}")
}

/// Whether a part skipped the scenario and none ran it.
fn skipped(parts: &[Part], id: &ScenarioId) -> bool {
    let ran = parts.iter().any(|p| p.record.scenarios.iter().any(|s| s.id == *id));
    !ran && parts.iter().any(|p| p.record.skipped.iter().any(|s| s.id == *id))
}

/// Why the joined run is not whole.
fn cut_short(parts: &[Part], of: u32) -> Option<String> {
    let there: BTreeSet<u32> = parts.iter().map(|p| p.partition.index).collect();
    let missing = (1..=of).filter(|i| !there.contains(i)).map(|i| format!("part {i} of {of} is missing"));
    let broken = parts.iter().filter_map(|part| match &part.record.finished {
        None => Some(format!("{} did not end", part.partition)),
        Some(finished) => finished.cut_short.as_ref().map(|why| format!("{}: {why}", part.partition)),
    });
    let whys: Vec<String> = missing.chain(broken).collect();
    (!whys.is_empty()).then(|| whys.join("; "))
}

/// For each scenario the part that it is taken from. Baseline drills run in several parts: the worst
/// result is kept.
fn kept(parts: &[Part]) -> BTreeMap<ScenarioId, u32> {
    let mut kept: BTreeMap<ScenarioId, (Verdict, u32)> = BTreeMap::new();
    for part in parts {
        for scenario in &part.record.scenarios {
            let new = (scenario.verdict(), part.partition.index);
            let known = kept.entry(scenario.id.clone()).or_insert(new);
            if new.0 > known.0 {
                *known = new;
            }
        }
    }
    kept.into_iter().map(|(id, (_, part))| (id, part)).collect()
}

/// The events of a part that go into the joined run.
fn own_events(
    parts: &[Part],
    part: &Part,
    first: &Part,
    kept: &BTreeMap<ScenarioId, u32>,
) -> Vec<(DateTime<Utc>, Option<ScenarioId>, Event)> {
    let name = &part.partition;
    let mine = |id: &ScenarioId| kept.get(id) == Some(&name.index);
    // What was skipped is reported once, and not at all where another part ran it.
    let tells = |id: &ScenarioId| {
        let first = parts.iter().find(|p| p.record.skipped.iter().any(|s| s.id == *id));
        skipped(parts, id) && first.is_some_and(|p| p.partition.index == name.index)
    };
    let entries = part.entries.iter().filter(|entry| entry.scenario.as_ref().is_none_or(mine));
    let renamed = entries.filter_map(|entry| {
        let of_run = entry.scenario.is_none();
        let event = match &entry.event {
            Event::ScenarioSkipped { id, .. } if !tells(id) => return None,
            // That this part is not signed says nothing of the joined run.
            Event::Noted { text } if of_run && text == NO_KEY => return None,
            // Budgets are held against the joined run.
            Event::RunStarted(_) | Event::RunFinished { .. } | Event::BudgetChecked(_) => return None,
            Event::Noted { text } if of_run => Event::Noted { text: format!("{name}: {text}") },
            Event::ErrorOccurred { error, ours } if of_run => {
                Event::ErrorOccurred { error: format!("{name}: {error}"), ours: *ours }
            }
            Event::SubstrateReady { versions, limits } => {
                Event::SubstrateReady { versions: told_apart(versions, part, first), limits: limits.clone() }
            }
            other => other.clone(),
        };
        Some((entry.at, entry.scenario.clone(), event))
    });
    renamed.collect()
}

/// A version that differs from the first part's gets a line of its own.
fn told_apart(versions: &BTreeMap<String, String>, part: &Part, first: &Part) -> BTreeMap<String, String> {
    let one = |(key, version): (&String, &String)| {
        let same = first.record.versions.get(key) == Some(version);
        let key = if same { key.clone() } else { format!("{key} ({})", part.partition) };
        (key, version.clone())
    };
    versions.iter().map(one).collect()
}

/// The narrowest budgets of the parts.
fn budgets(parts: &[Part]) -> Budgets {
    let least = |id: BudgetId| {
        let all = parts.iter().flat_map(|p| &p.record.budgets).filter(|b| b.budget == id);
        all.map(|b| TimeSpan { ms: b.limit_ms }).min()
    };
    Budgets { rto: least(BudgetId::Rto), rpo: least(BudgetId::Rpo), ..Budgets::default() }
}

/// Copies an artefact from the part that has it.
fn copy(parts: &[Part], path: &str, sha256: &Digest, to: &Path) -> Result<(), Error> {
    let has = |p: &&Part| p.record.artefacts.iter().any(|a| a.path == path && a.sha256 == *sha256);
    let from = parts.iter().find(has).ok_or_else(|| Error::harness(format!("no part has {path}")))?;
    let bytes = std::fs::read(from.dir.join(path)).or_environment(|| format!("can't read {path}"))?;
    folder::write_whole(&to.join(path), &bytes)
}
