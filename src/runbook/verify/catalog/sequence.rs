//! When a sequence is behind: its own column, the position that was recorded with it, or that of another time.

use crate::model::state::Sequence;

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
