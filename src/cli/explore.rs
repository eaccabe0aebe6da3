//! `pulp-drill explore`: the consistency window in the model, and its schedules as scenarios. Prints
//! what `explore` finds; only `replay` touches stores.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext},
    },
    cli::{output::print, run::warn_if_unsigned},
    model::{exit_code::ExitCode, write::WritePath},
    report::terminal::style::count,
    run::{
        self, FinishedRun,
        replay::{Compared, ReplayResult},
    },
    window::{
        AssetOutcome, Limits, Outcomes, Question, Schedule, Script, WindowTable,
        picture::{draw, picture},
        render, safe, shrink,
    },
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

mod args;

pub use args::{ExploreArgs, ExploreFormat, Named};

/// Explores, cuts, or replays in the model, and gives the text for stdout. It is the same whenever the
/// arguments are.
///
/// # Errors
/// Blames the user for a schedule that can't be read or performed, and the environment where a file
/// can't be written.
pub fn run(args: &ExploreArgs) -> Result<String, Error> {
    if !args.replay.is_empty() {
        return in_model(&replays(args)?, args);
    }
    if let Some(text) = &args.shrink {
        return shrunk(&text.parse()?, args);
    }
    let table = table(args);
    if args.replay_cells {
        return cells_in_model(&table, args.format);
    }
    if let Some(folder) = &args.svg {
        for cell in &table.cells {
            if let Some(svg) = picture(cell) {
                write(folder, &cell.picture_file(), &svg)?;
            }
        }
    }
    if let Some(folder) = &args.scenarios {
        let scripts = scripts(&table, depth(folder))?;
        write_new(folder, scripts.iter().map(|(_, script)| script))?;
    }
    // The conditions are the whole picture's: they try all operations, graces and habits themselves.
    let safe = safe(usize::from(args.writes).min(2), limits(args));
    Ok(match args.format {
        ExploreFormat::Human => render::human(&table, Some(&safe)),
        ExploreFormat::Markdown => render::markdown(&table, Some(&safe), None),
        ExploreFormat::Json => {
            pretty(&json!({ "version": 1, "seed": args.seed, "table": &table, "safe": &safe }))
        }
    })
}

fn limits(args: &ExploreArgs) -> Limits {
    Limits { bound: args.bound, seed: args.seed }
}

fn table(args: &ExploreArgs) -> WindowTable {
    WindowTable::explore(&Question {
        paths: WritePath::all()
            .into_iter()
            .filter(|path| args.operations.iter().any(|named| named.includes(*path)))
            .collect(),
        writes: usize::from(args.writes),
        grace: args.grace,
        results: !args.no_results,
        limits: limits(args),
        parts: WritePath::parts,
    })
}

/// The schedule and scenario of every cell.
fn scripts(table: &WindowTable, depth: usize) -> Result<Vec<(Schedule, Script)>, Error> {
    let shown = |cell| {
        let script = Script::of_cell(cell, depth, WritePath::parts)?;
        Ok(cell.shown(WritePath::parts).map(|schedule| (schedule, script)))
    };
    table.cells.iter().filter_map(|cell| shown(cell).transpose()).collect()
}

/// How many folders a folder is below the working directory; 0 where that is unknown.
fn depth(folder: &Path) -> usize {
    let plain = folder.components().all(|part| matches!(part, Component::Normal(_)));
    if plain { folder.components().count() } else { 0 }
}

/// The schedules to replay, with their scenarios' ids. A picture of the only one, where that was asked
/// for.
fn replays(args: &ExploreArgs) -> Result<Vec<(String, Schedule)>, Error> {
    let schedules: Vec<Schedule> = args.replay.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    if let [only] = &schedules[..] {
        drawn(only, &only.replay()?, args)?;
        return Ok(vec![("replay".to_owned(), only.clone())]);
    }
    Ok(schedules
        .into_iter()
        .enumerate()
        .map(|(n, schedule)| (format!("replay-{}", n + 1), schedule))
        .collect())
}

/// Schedules, in the model.
fn in_model(replays: &[(String, Schedule)], args: &ExploreArgs) -> Result<String, Error> {
    let mut text = String::new();
    for (_, schedule) in replays {
        let outcomes = schedule.replay()?;
        match (args.format, replays.len()) {
            (ExploreFormat::Json, _) => text += &pretty(&to_json(schedule, &outcomes)),
            (ExploreFormat::Human | ExploreFormat::Markdown, 1) => {
                text += &writes_in_words(schedule, &outcomes)
            }
            (ExploreFormat::Human | ExploreFormat::Markdown, _) => {
                text += &format!("{schedule}\n{}", writes_in_words(schedule, &outcomes));
            }
        }
    }
    Ok(text)
}

/// Draws a schedule where that was asked for.
fn drawn(schedule: &Schedule, outcomes: &[Outcomes], args: &ExploreArgs) -> Result<(), Error> {
    let Some(folder) = &args.svg else { return Ok(()) };
    write(folder, "replay.svg", &draw(schedule.setting.method.title(), schedule, worst(outcomes)))
}

fn worst(outcomes: &[Outcomes]) -> Option<AssetOutcome> {
    outcomes.iter().filter_map(|outcomes| outcomes.worst()).max()
}

fn writes_in_words(schedule: &Schedule, outcomes: &[Outcomes]) -> String {
    if outcomes.is_empty() {
        return "nothing is written: consistent\n".to_owned();
    }
    let all = schedule.writes.iter().zip(outcomes).enumerate();
    all.map(|(n, (w, o))| format!("{} {}: {o}\n", n + 1, w.describe())).collect()
}

fn to_json(schedule: &Schedule, outcomes: &[Outcomes]) -> Value {
    let all = schedule.writes.iter().zip(outcomes);
    let writes: Vec<_> = all.map(|(w, o)| json!({ "write": w.to_string(), "outcomes": o })).collect();
    json!({ "version": 1, "schedule": schedule, "writes": writes })
}

/// The schedules of all cells, in the model.
fn cells_in_model(table: &WindowTable, format: ExploreFormat) -> Result<String, Error> {
    let scripts = scripts(table, 0)?;
    Ok(match format {
        ExploreFormat::Json => {
            let cells: Vec<_> = scripts
                .iter()
                .map(|(schedule, script)| {
                    let mut json = to_json(schedule, &script.outcomes);
                    json["cell"] = json!(script.id);
                    json
                })
                .collect();
            pretty(&json!({ "version": 1, "cells": cells }))
        }
        ExploreFormat::Human | ExploreFormat::Markdown => {
            let line = |(schedule, script): &(Schedule, Script)| {
                let worst = script.worst().map_or("consistent", AssetOutcome::title);
                format!("{}: {worst}\n  {schedule}\n", script.id)
            };
            scripts.iter().map(line).collect()
        }
    })
}

/// The least of a schedule that has the same worst outcome, and its scenario file where one is wanted.
fn shrunk(schedule: &Schedule, args: &ExploreArgs) -> Result<String, Error> {
    let Some(target) = worst(&schedule.replay()?) else {
        return Err(Error::usage(format!("nothing comes of {schedule}: there is nothing to cut it for"))
            .hint("--replay performs it as it is"));
    };
    let least = shrink(schedule, |smaller| smaller.replay().is_ok_and(|all| worst(&all) == Some(target)));
    let outcomes = least.replay()?;
    drawn(&least, &outcomes, args)?;
    let mut file = None;
    if let Some(folder) = &args.into {
        let script = Script::of(&least, &id_of(&least, target), depth(folder), WritePath::parts)?;
        write_new(folder, [&script])?;
        file = Some(scenario_file(folder, &script));
    }
    Ok(match args.format {
        ExploreFormat::Json => {
            let mut json = to_json(&least, &outcomes);
            json["scenario"] = json!(file);
            pretty(&json)
        }
        ExploreFormat::Human | ExploreFormat::Markdown => {
            let file = file.map_or_else(String::new, |path| format!("scenario: {}\n", path.display()));
            format!("{least}\n{}{file}", writes_in_words(&least, &outcomes))
        }
    })
}

/// A name for a schedule: `upload-b-dump-first-orphan-binary`.
fn id_of(schedule: &Schedule, worst: AssetOutcome) -> String {
    let writes: Vec<String> = schedule.writes.iter().map(|w| w.to_string().replace('.', "-")).collect();
    let setting = schedule.setting.to_string().replace('+', "-");
    format!("{}-{setting}-{}", writes.join("-"), worst.title().replace(' ', "-"))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn scenario_file(folder: &Path, script: &Script) -> PathBuf {
    folder.join(format!("{}.yaml", script.id))
}

/// Writes scenario files: all, or none where one of another content is there, which may be somebody's
/// work.
fn write_new<'a>(folder: &Path, scripts: impl IntoIterator<Item = &'a Script> + Clone) -> Result<(), Error> {
    for script in scripts.clone() {
        let path = scenario_file(folder, script);
        if fs::read(&path).is_ok_and(|there| there != script.text.as_bytes()) {
            return Err(Error::usage(format!("{} is there already, and differs", path.display()))
                .hint("move it away, or name another folder"));
        }
    }
    scripts.into_iter().try_for_each(|script| write(folder, &format!("{}.yaml", script.id), &script.text))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Error> {
    let context = || format!("can't write {}", folder.join(name).display());
    fs::create_dir_all(folder).or_environment(context)?;
    fs::write(folder.join(name), text).or_environment(context)
}

/// Performs schedules in the model and on real stores, prints how they compare, and returns the exit
/// code.
///
/// # Errors
/// Blames the user for a schedule that can't be read or performed; else as a run.
pub async fn replay(args: ExploreArgs, sign_key: Option<String>) -> Result<ExitCode, Error> {
    let scripts = requested(&args)?;
    let options = args.run.options(sign_key.as_deref())?;
    let print = &mut |compared: &[Compared<'_>], run: FinishedRun| {
        print(&match args.format {
            ExploreFormat::Json => pretty(&comparison_json(compared, &run)),
            ExploreFormat::Human | ExploreFormat::Markdown => {
                describe(compared) + &format!("report: {}\n", run.dir.display())
            }
        })?;
        warn_if_unsigned(&run);
        Ok(())
    };
    run::replay::run(&scripts, options, print).await
}

/// The schedules that are to be replayed, with their scenarios.
fn requested(args: &ExploreArgs) -> Result<Vec<(Schedule, Script)>, Error> {
    if args.replay.is_empty() {
        return scripts(&table(args), 0);
    }
    let script = |(id, schedule): (String, Schedule)| {
        let script = Script::of(&schedule, &id, 0, WritePath::parts)?;
        Ok((schedule, script))
    };
    replays(args)?.into_iter().map(script).collect()
}

/// The comparison for people: schedules that differ with all that is known.
pub fn describe(compared: &[Compared<'_>]) -> String {
    let mut text = String::new();
    for one in compared {
        let outcome = worst(&one.script.outcomes).map_or("consistent", AssetOutcome::title);
        let how = match one.went {
            ReplayResult::Same => "same",
            ReplayResult::Differs => "DIFFERS",
            ReplayResult::Unknown => "UNKNOWN",
        };
        text += &format!("{how:<8} {}: {outcome}\n", one.script.id);
        if one.went == ReplayResult::Same && compared.len() > 1 {
            continue;
        }
        text += &format!("  schedule  {}\n", one.schedule);
        text += &format!("  expected  {}\n", listed(&one.expected));
        text += &format!("  found     {}\n", listed(&one.found));
        for reason in &one.reasons {
            text += &format!("  because   {}\n", reason.replace('\n', "\n            "));
        }
    }
    let same = compared.iter().filter(|one| one.went == ReplayResult::Same).count();
    text + &format!("{same} of {}: the stores match the model\n", count(compared.len(), "schedule"))
}

fn listed(findings: &BTreeSet<String>) -> String {
    let all: Vec<&str> = findings.iter().map(String::as_str).collect();
    if all.is_empty() { "nothing wrong with any binary".to_owned() } else { all.join("; ") }
}

fn comparison_json(compared: &[Compared<'_>], run: &FinishedRun) -> serde_json::Value {
    let all: Vec<_> = compared
        .iter()
        .map(|one| {
            let mut json = to_json(one.schedule, &one.script.outcomes);
            json["cell"] = json!(one.script.id);
            json["went"] = json!(match one.went {
                ReplayResult::Same => "same",
                ReplayResult::Differs => "differs",
                ReplayResult::Unknown => "unknown",
            });
            json["expected"] = json!(one.expected);
            json["found"] = json!(one.found);
            json["reasons"] = json!(one.reasons);
            json["scenario_sha256"] = json!(Digest::of(&one.script.text));
            json
        })
        .collect();
    json!({ "version": 1, "replays": all, "run": run.dir })
}
