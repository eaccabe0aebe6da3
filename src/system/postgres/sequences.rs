//! Where sequences stand, and how far the columns that they feed have come. A sequence that hands
//! out a number which is already in its column refuses the next insert.

use crate::base::error::{Error, ErrorContext};
use crate::model::profile::Profile;
use crate::model::state::Sequence;
use crate::system::postgres::quote_ident;
use crate::system::postgres::text::{OURS, all, maybe, name_in, qualified, table_name, text};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Every sequence with the column that owns it (`serial`, identity, `owned by`: `pg_depend` types
/// `a` and `i`), else the first column whose default draws on it.
const LIST: &str = "
select n.nspname, c.relname, s.seqincrement, tn.nspname, t.relname, a.attname,
    a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
from pg_sequence s
join pg_class c on c.oid = s.seqrelid
join pg_namespace n on n.oid = c.relnamespace
left join lateral (
    select d.refobjid as rel, d.refobjsubid as num, 0 as rank from pg_depend d
    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
      and d.refobjsubid > 0 and d.deptype in ('a', 'i')
    union all
    select f.adrelid, f.adnum, 1 from pg_depend d join pg_attrdef f on f.oid = d.objid
    where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
    order by rank, rel, num limit 1
) o on true
left join pg_class t on t.oid = o.rel
left join pg_namespace tn on tn.oid = t.relnamespace
left join pg_attribute a on a.attrelid = o.rel and a.attnum = o.num
where c.relpersistence <> 't' and ";

/// All sequences, by name, but those that feed a table which is not promised.
pub(super) async fn read_all(
    connection: &mut PgConnection,
    profile: &Profile,
) -> Result<BTreeMap<String, Sequence>, Error> {
    let mut sequences = BTreeMap::new();
    for row in all(connection, format!("{LIST}{OURS}")).await? {
        let (schema, name) = (text(&row, 0)?, text(&row, 1)?);
        let increment = number(&text(&row, 2)?)?;
        let feeds = match (maybe(&row, 3)?, maybe(&row, 4)?, maybe(&row, 5)?) {
            (Some(schema), Some(table), Some(column)) => Some((schema, table, column)),
            _ => None,
        };
        let owner = feeds.as_ref().map(|(schema, table, _)| table_name(schema, table));
        if owner.as_ref().is_some_and(|table| profile.ignore_tables.contains(table)) {
            continue;
        }
        let (next, called) = next(connection, &qualified(&schema, &name), increment).await?;
        let reached = match &feeds {
            // A column of another type has no order that the sequence would follow.
            Some((schema, table, column)) if text(&row, 6)? == "t" => {
                let table = qualified(schema, table);
                reached(connection, &table, &quote_ident(column), increment > 0).await?
            }
            Some(_) | None => None,
        };
        let feeds = owner.zip(feeds.map(|(_, _, column)| column));
        sequences.insert(name_in(&schema, &name), Sequence { next, increment, feeds, reached, called });
    }
    Ok(sequences)
}

/// The next value, and whether one was handed out before.
async fn next(connection: &mut PgConnection, sequence: &str, increment: i64) -> Result<(i64, bool), Error> {
    let rows = all(connection, format!("select last_value, is_called from {sequence}")).await?;
    let row = rows.first().ok_or_else(|| Error::environment(format!("sequence {sequence} is empty")))?;
    let last = number(&text(row, 0)?)?;
    let called = text(row, 1)? == "t";
    Ok((if called { last.saturating_add(increment) } else { last }, called))
}

/// The column's greatest value, or its least.
async fn reached(
    connection: &mut PgConnection,
    table: &str,
    column: &str,
    up: bool,
) -> Result<Option<i64>, Error> {
    let end = if up { "max" } else { "min" };
    let rows = all(connection, format!("select {end}({column}) from {table}")).await?;
    let value = rows.first().map(|row| maybe(row, 0)).transpose()?.flatten();
    Ok(value.and_then(|value| value.parse().ok()))
}

fn number(text: &str) -> Result<i64, Error> {
    text.parse().or_harness(|| format!("a sequence says {text:?}, which is no number"))
}
