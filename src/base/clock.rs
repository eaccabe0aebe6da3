//! Injected time and randomness: nothing else in the harness asks the machine for either, so that
//! a test sets the time and a run repeats its choices from its seed.

use chrono::{DateTime, SecondsFormat, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{sync::Arc, time::Duration};

/// Tells the time. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(Utc::now))
    }

    /// A clock that returns the function's value; for tests.
    pub fn from_fn(f: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(f))
    }

    /// The time now, in UTC.
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// ISO 8601 in UTC with milliseconds: `2026-11-22T14:02:00.123Z`.
pub fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The stamp of the runbook's file names (`date -u +%Y%m%dT%H%M%SZ`).
pub fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// A duration for people, the only such format: `340 ms`, `2.737 s`, `12m 05s`, `2h 10m`, `12d 04h`. Seconds
/// are exact to the millisecond; longer durations are rounded down to their two largest units.
pub fn human(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{} s", seconds_of(ms)),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..172_800 => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// [`human`] for the standard library's type.
pub fn span(span: Duration) -> String {
    human(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// A duration for programs: seconds with three decimals (`2.737`).
pub fn seconds_of(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// A stream of choices that depends on the run's seed and a label only, so that scenarios that run
/// side by side can't disturb one another's choices.
pub fn choices(seed: u64, label: &str) -> StdRng {
    let digest = crate::base::digest::Digest::of(format!("{seed}/{label}"));
    StdRng::from_seed(digest.0)
}

/// A seed from the machine's own randomness, short enough to be typed.
pub fn seed() -> u64 {
    u64::from(rand::random::<u32>())
}

/// A random password of 32 hex digits from the machine's own randomness.
pub fn password() -> String {
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact_below_a_minute_and_never_rounded_up() {
        let all = [0, 999, 1_001, 59_999, 60_000, 3_599_999, 3_600_000, 172_799_999, 172_800_000];
        let human = all.map(human);
        let expected =
            ["0 ms", "999 ms", "1.001 s", "59.999 s", "1m 00s", "59m 59s", "1h 00m", "47h 59m", "2d 00h"];
        assert_eq!(human, expected);
        assert_eq!(span(Duration::from_micros(2_737_900)), "2.737 s");
    }
}
