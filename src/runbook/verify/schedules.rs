//! Schedules after the restart (runbook 3.5): the dispatcher reads their next runs from the restored
//! rows. One that is ahead is kept; one that fell into the outage is made up for as the profile says
//! (`at-start`), and not a second time.

use crate::{
    base::clock::iso,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{self, AtStart, Due, EngineStart, Profile, start},
        state::State,
    },
    runbook::verify::{CheckResult, Reference, at_start},
};
use serde_json::Value;

/// Compares the next run of every schedule with the recorded one.
pub fn check(
    reference: &Reference,
    observed: &State,
    profile: &Profile,
    start: Option<&EngineStart>,
) -> CheckResult {
    if !profile.keeps_schedules() {
        return CheckResult::skipped("the target keeps no schedules here");
    }
    let Some(recorded) = reference.database() else {
        return CheckResult::skipped("no schedule was recorded with the backup");
    };
    let mut at = 0;
    let mut findings = Vec::new();
    for entity in profile.entities.values() {
        let Some(column) = &entity.next_run else { continue };
        let Some(before) = recorded.tables.get(&entity.table) else { continue };
        let after = observed.database.tables.get(&entity.table);
        for (key, was) in &before.rows {
            at += 1;
            let was = was.json.value();
            let is = after.and_then(|table| table.rows.get(&key)).map(|row| row.json.value());
            let missed = start.and_then(|start| missed(entity, &was, start));
            let found = match (missed, is.as_ref(), start) {
                (Some((rule, due)), Some(is), Some(start)) => {
                    let runs = at_start::runs_of(rule, &key, profile, recorded, &observed.database);
                    let runs: Vec<Value> = runs.into_iter().map(|(_, row)| row.json.value()).collect();
                    let kept =
                        due == Due::Perhaps && runs.is_empty() && next(column, is) == next(column, &was);
                    if kept { None } else { made_up(column, rule, (&was, is), &runs, start) }
                }
                (_, is, _) => moved(column, &was, is),
            };
            let name = profile.row_name(&entity.table, &key, &was);
            let row = Entity::Row { table: entity.table.clone(), row: name.clone() };
            let about = [row, Entity::Table(entity.table.clone())];
            findings.extend(found.map(|(kind, expected, actual)| {
                let entity = Entity::Schedule(name);
                Finding::new(CheckId::Schedules, kind, entity, expected, actual).touching(about)
            }));
        }
    }
    if at == 0 {
        CheckResult::skipped("the seed has no schedule")
    } else {
        CheckResult::checked(at, findings)
    }
}

/// What is wrong: its kind, what is expected, what is there.
type Wrong = (FindingKind, String, String);

/// The rule for a run that was due when the engine was started.
fn missed<'a>(
    entity: &'a profile::ProfileEntity,
    was: &Value,
    start: &EngineStart,
) -> Option<(&'a AtStart, Due)> {
    let of_next_run = |rule: &&AtStart| rule.due.is_some() && rule.due == entity.next_run;
    let due = entity.at_start.iter().filter(of_next_run).map(|rule| (rule, rule.is_due(was, start)));
    due.max_by_key(|(_, due)| *due).filter(|(_, due)| *due > Due::No)
}

fn next<'a>(column: &str, row: &'a Value) -> &'a Value {
    row.get(column).unwrap_or(&Value::Null)
}

/// A next run that is ahead, and that must be kept.
fn moved(column: &str, was: &Value, is: Option<&Value>) -> Option<Wrong> {
    let describe = |row: &Value| format!("next run {}", next(column, row));
    let same = is.is_some_and(|is| next(column, is) == next(column, was));
    let found = || is.map_or("no such schedule".to_owned(), describe);
    (!same).then(|| (FindingKind::ScheduleMoved, describe(was), found()))
}

/// A next run that fell into the outage: another one is planned, and it was made as often as the profile
/// says.
fn made_up(
    column: &str,
    rule: &AtStart,
    (was, is): (&Value, &Value),
    runs: &[Value],
    start: &EngineStart,
) -> Option<Wrong> {
    let declared = rule.runs.as_ref();
    let in_flight =
        runs.iter().filter(|run| declared.is_some_and(|declared| declared.is_in_flight(run))).count();
    let done = match in_flight {
        0 => format!("runs since: {}", runs.len()),
        _ => format!("runs since: {}, of which {in_flight} not over", runs.len()),
    };
    if declared.is_some_and(|declared| declared.times != runs.len()) || in_flight > 0 {
        let times = declared.map_or(0, |declared| declared.times);
        let expected = format!("runs since: {times}, of the moment {}", next(column, was));
        return Some((FindingKind::MissedRun, expected, format!("{done}; next run {}", next(column, is))));
    }
    let ahead = start::moment(is, column).is_some_and(|next| next > start.began);
    (!ahead).then(|| {
        let expected = format!("a next run after the start at {}", iso(start.began));
        (FindingKind::ScheduleMoved, expected, format!("next run {}; {done}", next(column, is)))
    })
}
