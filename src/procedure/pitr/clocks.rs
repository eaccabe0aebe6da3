//! The two clocks of a recovery: PostgreSQL's, by which commits are timed, and the object store's,
//! by which versions are. A target is one moment only as far as they agree.

use crate::{
    base::{
        error::{Error, ErrorContext},
        ids::ObjectKey,
    },
    model::state::Metadata,
    system::{objects::Bucket, postgres::Postgres},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::{Duration, Instant};

/// The object by which the store tells its time; in the backup bucket, and gone afterwards.
const PROBE: &str = "pulp-drill-clock";

/// Stores tell time in whole seconds at the coarsest; one that needs longer is behind.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the store is asked.
const INTERVAL: Duration = Duration::from_millis(10);

/// More than this is a warning: no store's rounding explains it.
const MUCH: TimeDelta = TimeDelta::seconds(1);

/// How far the object store's clock is ahead of PostgreSQL's; behind, where it is negative. The truth
/// lies between both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    least: TimeDelta,
    most: TimeDelta,
}

impl Skew {
    /// The store's time of something that happened between two of PostgreSQL's. Stores round down, by
    /// up to a second where no fraction shows.
    fn between(before: DateTime<Utc>, store: DateTime<Utc>, after: DateTime<Utc>) -> Self {
        let fraction = store.timestamp_subsec_nanos() != 0;
        let rounded = if fraction { TimeDelta::milliseconds(1) } else { TimeDelta::seconds(1) };
        Self { least: store - after, most: store + rounded - before }
    }

    /// Whether the clocks differ by more than rounding explains.
    pub fn is_much(self) -> bool {
        self.least > MUCH || self.most < -MUCH
    }

    /// For people.
    pub fn describe(self) -> String {
        let seconds = |delta: TimeDelta| delta.num_milliseconds() as f64 / 1000.0;
        let (least, most) = (seconds(self.least), seconds(self.most));
        let is = format!("the object store's clock is {least:+.3} s to {most:+.3} s ahead of PostgreSQL's");
        if self.is_much() {
            return format!("{is}: a recovery target by the one is another moment by the other");
        }
        is
    }
}

/// PostgreSQL's time.
pub async fn of_postgres(postgres: &Postgres) -> Result<DateTime<Utc>, Error> {
    let rows = postgres.rows("select to_json(clock_timestamp())", &[]).await?;
    moment(&rows)
}

/// The one time that a query gave.
pub fn moment(rows: &[serde_json::Value]) -> Result<DateTime<Utc>, Error> {
    let text = rows.first().and_then(serde_json::Value::as_str).unwrap_or_default();
    let at = DateTime::parse_from_rfc3339(text);
    Ok(at.or_harness(|| format!("PostgreSQL gives {text:?} for a time"))?.to_utc())
}

/// Compares the clocks.
pub async fn skew(bucket: &Bucket, postgres: &Postgres) -> Result<Skew, Error> {
    let before = of_postgres(postgres).await?;
    let store = of_store(bucket).await?;
    Ok(Skew::between(before, store, of_postgres(postgres).await?))
}

/// Waits until whatever is written to the store from now on has a later time than all before, and
/// a later one than the given moment.
pub async fn tick(bucket: &Bucket, after: Option<DateTime<Utc>>) -> Result<(), Error> {
    let (first, since) = (of_store(bucket).await?, Instant::now());
    let past = after.map_or(first, |after| after.max(first));
    while of_store(bucket).await? <= past {
        if since.elapsed() > PATIENCE {
            let what = "the object store's clock is far behind PostgreSQL's";
            return Err(Error::environment(what).hint("set both clocks by the same time server"));
        }
        tokio::time::sleep(INTERVAL).await;
    }
    bucket.delete(&ObjectKey::from(PROBE)).await
}

/// The store's time, as it stands in listings.
async fn of_store(bucket: &Bucket) -> Result<DateTime<Utc>, Error> {
    bucket.put(&ObjectKey::from(PROBE), Vec::new(), &Metadata::default()).await?;
    let versions = bucket.versions(PROBE).await?;
    let probe = versions.first().map(|version| version.modified);
    probe.ok_or_else(|| Error::environment("the object store does not list what was just written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_and_the_time_of_asking_are_no_skew() {
        let at = |ms| DateTime::from_timestamp_millis(ms).unwrap();
        let describe = |a, b, c| Skew::between(at(a), at(b), at(c)).describe();
        let near = "the object store's clock is -0.940 s to +0.100 s ahead of PostgreSQL's";
        assert_eq!(describe(10_900, 10_000, 10_940), near);
        assert!(describe(10_900, 14_250, 10_940).ends_with(
            "+3.351 s ahead of PostgreSQL's: a recovery target by the one is another moment by the other"
        ));
        assert!(describe(10_900, 8_000, 10_940).contains("another moment"));
    }
}
