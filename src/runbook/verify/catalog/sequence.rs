//! When a sequence is behind: its own column, the position that was recorded with it, or that of another time.

use crate::{
    base::ids::TableName,
    model::{
        check::CheckId,
        figures::{SchemaOrigin, SchemaReference},
        finding::{Entity, Finding, FindingKind},
        state::{Database, Sequence, State, Table},
    },
    runbook::verify::{CheckResult, Reference},
};
use std::collections::BTreeMap;

/// No sequence may be behind the column that it feeds, nor, where its position was recorded, behind
/// that: the next insert would collide, or give an old number to a new row. `loaded` is the database as the
/// backup returned it.
pub fn check(reference: &Reference, observed: &State, loaded: &Database) -> CheckResult {
    let restored = &observed.database;
    let recorded = reference.database().map(|database| &database.sequences);
    let earlier = reference.schemas.iter().filter_map(|schema| Some((schema, schema.sequences.as_ref()?)));
    let earlier: Vec<(&SchemaReference, &BTreeMap<String, Sequence>)> = earlier.collect();
    let names = recorded.unwrap_or(&restored.sequences);
    if names.is_empty() && earlier.iter().all(|(_, sequences)| sequences.is_empty()) {
        return CheckResult::skipped("there is no sequence");
    }
    let mut checked = names.len();
    let mut findings = BTreeMap::new();
    let lost = |table: &TableName| reference.table(table).is_some() && !restored.tables.contains_key(table);
    let mut found = |name: &String, feeds: &Option<(TableName, String)>, (expected, actual)| {
        let (check, entity) = (CheckId::Sequences, Entity::Sequence(name.clone()));
        let table = feeds.as_ref().map(|(table, _)| Entity::Table(table.clone()));
        let finding = Finding::new(check, FindingKind::SequenceBehind, entity, expected, actual);
        findings.entry(name.clone()).or_insert(finding.touching(table));
    };
    for (name, sequence) in names {
        // The table's loss is a finding of the catalog check.
        if sequence.feeds.as_ref().is_some_and(|(table, _)| lost(table)) {
            continue;
        }
        let before = recorded.map(|_| sequence);
        if let Some(differing) = behind(before, restored.sequences.get(name)) {
            found(name, &sequence.feeds, differing);
        }
    }
    for (SchemaReference { origin, read_from, .. }, sequences) in earlier {
        checked += sequences.len();
        for (name, before) in sequences {
            let Some(now) = loaded.sequences.get(name) else {
                // Its loss is a finding of the catalog check, unless the migrations made it anew.
                if restored.sequences.contains_key(name)
                    && !before.feeds.as_ref().is_some_and(|(t, _)| lost(t))
                {
                    let expected = format!("next value {} as {origin}", before.next);
                    found(name, &before.feeds, (expected, "no such sequence in the backup".to_owned()));
                }
                continue;
            };
            let percent = match read_from {
                SchemaOrigin::Manifest => 0,
                SchemaOrigin::Migrations | SchemaOrigin::Source | SchemaOrigin::EarlierRun => {
                    reference.earlier.1
                }
            };
            // The sequence of an unlogged table is left out with its rows.
            let feeds = now.feeds.as_ref().and_then(|(table, _)| loaded.tables.get(table));
            if !now.called && feeds.is_some_and(Table::may_be_empty) {
                continue;
            }
            if let Some(differing) = behind_earlier(before, now, origin, percent) {
                found(name, &now.feeds, differing);
            }
        }
    }
    CheckResult::checked(checked, findings.into_values().collect())
}

/// Whether a position comes before another in a sequence's direction.
fn precedes(a: i64, b: i64, by: &Sequence) -> bool {
    if by.increment < 0 { a > b } else { a < b }
}

/// What was expected of a sequence that is behind, and what it is. Rows with imported ids can be ahead of
/// their sequence at the source too: a sequence that came back as it was recorded is right, and without a
/// record only one that was never set is known to have lost its position.
pub(super) fn behind(before: Option<&Sequence>, now: Option<&Sequence>) -> Option<(String, String)> {
    let recorded = before.map(|before| format!("next value {} (the cut point's)", before.next));
    let Some(now) = now else {
        return Some((recorded.unwrap_or_default(), "no such sequence".to_owned()));
    };
    if let Some(before) = before {
        let lost = precedes(now.next, before.next, before);
        let actual = || format!("next value {}: old numbers are handed out again", now.next);
        return lost.then(|| (recorded.unwrap_or_default(), actual()));
    }
    let reached = now.reached.filter(|reached| !now.called && !precedes(*reached, now.next, now))?;
    let beyond = if now.increment < 0 { "below" } else { "above" };
    let actual = format!(
        "next value {}, as if no row had ever been inserted: the sequence was not restored",
        now.next
    );
    Some((format!("next value {beyond} {reached}, which the column has reached"), actual))
}

/// The same against the position at another time: of an earlier backup, or of the source, which has gone on.
/// `percent` is how much lower the position may be. One that was never set, or that its own rows have passed
/// where they had not, is behind in any case.
pub(super) fn behind_earlier(
    before: &Sequence,
    now: &Sequence,
    origin: &str,
    percent: u8,
) -> Option<(String, String)> {
    let is_ahead = |of: &Sequence| of.reached.is_none_or(|reached| precedes(reached, of.next, of));
    let never_set = before.called && !now.called;
    let passed = is_ahead(before) && !is_ahead(now);
    let least = before.next.unsigned_abs().saturating_mul(u64::from(100 - percent.min(100))) / 100;
    let lower = now.next.unsigned_abs() < least && precedes(now.next, before.next, before);
    if !(never_set || passed || lower && !before.cycles) {
        return None;
    }
    let expected = format!("next value {} as {origin}, or at most {percent} % less", before.next);
    let why = match (never_set, now.reached.filter(|_| passed)) {
        (true, _) => "it was never set".to_owned(),
        (false, Some(reached)) => format!("its column has reached {reached}"),
        (false, None) => "old numbers are handed out again".to_owned(),
    };
    Some((expected, format!("next value {}: {why}", now.next)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::CheckOutcome;

    #[test]
    fn without_a_recorded_position_a_sequence_is_compared_with_its_column() {
        let (reference, mut state) = (Reference::default(), State::default());
        let run = |state: &State| check(&reference, state, &state.database);
        assert!(matches!(run(&state).outcome, CheckOutcome::Skipped { .. }));
        for (name, next, increment, reached, called) in [
            ("at", 1, 1, Some(7), false),
            ("good", 8, 1, Some(7), true),
            ("down", -1, -1, Some(-4), false),
            ("empty", 1, 1, None, false),
            ("imported", 8, 1, Some(999_999_999), true),
        ] {
            let sequence = Sequence { next, increment, feeds: None, reached, called, cycles: false };
            state.database.sequences.insert(name.to_owned(), sequence);
        }
        let result = run(&state);
        let found: Vec<String> = result.findings.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["sequence behind: at", "sequence behind: down"]);
        assert_eq!(result.outcome, CheckOutcome::Checked { items: 5 });
    }

    fn sequence(next: i64, increment: i64, reached: Option<i64>, called: bool) -> Sequence {
        Sequence { next, increment, feeds: None, reached, called, cycles: false }
    }

    #[test]
    fn a_position_of_another_time_may_be_a_little_lower_and_never_lost() {
        let source = sequence(1_001, 1, Some(1_000), true);
        for (now, percent, why) in [
            (sequence(1_001, 1, Some(1_000), true), 0, None),
            (sequence(960, 1, Some(959), true), 5, None),
            (sequence(960, 1, Some(959), true), 0, Some("old numbers")),
            (sequence(900, 1, Some(899), true), 5, Some("old numbers")),
            (sequence(960, 1, Some(960), true), 5, Some("its column has reached 960")),
            (sequence(1, 1, None, false), 100, Some("never set")),
        ] {
            let found = behind_earlier(&source, &now, "in the source", percent);
            let fits = why.map_or(found.is_none(), |why| found.as_ref().is_some_and(|f| f.1.contains(why)));
            assert!(fits, "{now:?}: {found:?}");
        }
        let imported = sequence(4, 1, Some(999), true);
        assert_eq!(behind_earlier(&imported, &imported, "", 0), None);
        let down = |next| sequence(next, -1, None, true);
        assert!(behind_earlier(&down(-100), &down(-50), "", 5).is_some());
        assert!(behind_earlier(&down(-100), &down(-99), "", 5).is_none());
        let cycles = Sequence { cycles: true, ..sequence(90, 1, None, true) };
        assert_eq!(behind_earlier(&cycles, &sequence(2, 1, None, true), "", 0), None);
    }
}
