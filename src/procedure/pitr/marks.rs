//! Marks in PostgreSQL around the recovery target: one is committed at it, another after it. They are
//! in a table of the database `postgres`, so that the engine's own database stays as it is; recovery
//! brings all databases of a server to the same moment.

use crate::{base::error::Error, procedure::pitr::clocks::moment, system::postgres::Postgres};
use chrono::{DateTime, Utc};

/// A mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMark {
    /// Must be there after the recovery.
    Before,
    /// Must not.
    After,
}

impl ClockMark {
    fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// Commits a mark and gives the time of its commit. The marks of an earlier target go.
pub async fn commit(postgres: &Postgres, mark: ClockMark) -> Result<DateTime<Utc>, Error> {
    if mark == ClockMark::Before {
        postgres.execute("create table if not exists pulp_drill_mark (mark text not null)", &[]).await?;
        postgres.execute("delete from pulp_drill_mark", &[]).await?;
    }
    let sql = "with made as (insert into pulp_drill_mark values ($1) returning 1) \
               select to_json(pg_current_xact_id()::text) from made";
    let rows = postgres.rows(sql, &[mark.word()]).await?;
    let xid = rows.first().and_then(serde_json::Value::as_str).unwrap_or_default();
    let sql = "select to_json(pg_xact_commit_timestamp($1::text::xid))";
    moment(&postgres.rows(sql, &[xid]).await?)
}

/// Ends the current WAL segment, so that it is archived, and gives its name.
pub async fn switch(postgres: &Postgres) -> Result<String, Error> {
    // Without a record in it, a segment would not be ended.
    let sql = "select to_json(pg_walfile_name(pg_switch_wal())) \
               from (select pg_create_restore_point('pulp-drill') as point) as made where point is not null";
    let rows = postgres.rows(sql, &[]).await?;
    Ok(rows.first().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned())
}

/// Whether the recovery has stopped between the marks; else where.
pub async fn look(postgres: &Postgres) -> Result<Option<String>, Error> {
    let there = "select to_json(to_regclass('pulp_drill_mark') is not null)";
    let marks = if postgres.rows(there, &[]).await? == [true] {
        postgres.rows("select to_json(mark) from pulp_drill_mark", &[]).await?
    } else {
        Vec::new()
    };
    let has = |mark: ClockMark| marks.iter().any(|found| found == mark.word());
    Ok(stopped(has(ClockMark::Before), has(ClockMark::After)))
}

/// What is wrong with the moment at which a recovery has stopped, by the marks that are there.
fn stopped(before: bool, after: bool) -> Option<String> {
    match (before, after) {
        (true, false) => None,
        (false, _) => {
            Some("recovery stopped too early: what was committed at the target is not there".to_owned())
        }
        (true, true) => {
            Some("recovery stopped too late: what was committed after the target is there".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_between_the_marks_is_right() {
        assert_eq!(stopped(true, false), None);
        assert!(stopped(true, true).unwrap().contains("too late"));
        assert!(stopped(false, false).unwrap().contains("too early"));
        assert!(stopped(false, true).unwrap().contains("too early"));
    }
}
