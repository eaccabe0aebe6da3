//! Where sequences stand, and how far the columns that they feed have come. A sequence that hands
//! out a number which is already in its column refuses the next insert.

use crate::base::error::{Error, ErrorContext};
use crate::model::profile::Profile;
use crate::model::state::Sequence;
use crate::system::postgres::quote_ident;
use crate::system::postgres::text::{OURS, all, maybe, name_in, qualified, table_name, text};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use std::collections::BTreeMap;

/// Every sequence with the column that owns it (`serial`, identity, `owned by`: `pg_depend` types
/// `a` and `i`), else the first column whose default draws on it.
const LIST: &str = "
select n.nspname, c.relname, s.seqincrement, tn.nspname, t.relname, a.attname,
    a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype), s.seqcycle
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

/// A sequence of the list.
struct Listed {
    schema: String,
    name: String,
    increment: i64,
    /// The column that it feeds: schema, table, column.
    feeds: Option<(String, String, String)>,
    /// Whether that column holds numbers: one of another type has no order that the sequence would follow.
    numeric: bool,
    cycles: bool,
}

impl Listed {
    fn read(row: &PgRow) -> Result<Self, Error> {
        let feeds = match (maybe(row, 3)?, maybe(row, 4)?, maybe(row, 5)?) {
            (Some(schema), Some(table), Some(column)) => Some((schema, table, column)),
            _ => None,
        };
        Ok(Self {
            schema: text(row, 0)?,
            name: text(row, 1)?,
            increment: number(&text(row, 2)?)?,
            feeds,
            numeric: maybe(row, 6)?.as_deref() == Some("t"),
            cycles: text(row, 7)? == "t",
        })
    }

    /// The query for where it stands and for the column's greatest value, or its least.
    fn query(&self, index: usize) -> String {
        let end = if self.increment > 0 { "max" } else { "min" };
        let reached = match &self.feeds {
            Some((schema, table, column)) if self.numeric => {
                format!("(select {end}({})::text from {})", quote_ident(column), qualified(schema, table))
            }
            Some(_) | None => "null".to_owned(),
        };
        let sequence = qualified(&self.schema, &self.name);
        format!("select {index}, last_value, is_called, {reached} from {sequence}")
    }
}

/// All sequences, by name, but those that feed a table which is not promised. One query reads all of them.
pub(super) async fn read_all(
    connection: &mut PgConnection,
    profile: &Profile,
) -> Result<BTreeMap<String, Sequence>, Error> {
    let owner = |of: &Listed| of.feeds.as_ref().map(|(schema, table, _)| table_name(schema, table));
    let mut listed = Vec::new();
    for row in all(connection, format!("{LIST}{OURS}")).await? {
        let one = Listed::read(&row)?;
        if !owner(&one).is_some_and(|table| profile.ignore_tables.contains(&table)) {
            listed.push(one);
        }
    }
    let mut sequences = BTreeMap::new();
    if listed.is_empty() {
        return Ok(sequences);
    }
    let queries: Vec<String> = listed.iter().enumerate().map(|(index, one)| one.query(index)).collect();
    for row in all(connection, queries.join(" union all ")).await? {
        let index = usize::try_from(number(&text(&row, 0)?)?).unwrap_or(usize::MAX);
        let Some(one) = listed.get(index) else { continue };
        let (last, called) = (number(&text(&row, 1)?)?, text(&row, 2)? == "t");
        let sequence = Sequence {
            next: if called { last.saturating_add(one.increment) } else { last },
            increment: one.increment,
            reached: maybe(&row, 3)?.and_then(|value| value.parse().ok()),
            called,
            cycles: one.cycles,
            feeds: owner(one).zip(one.feeds.as_ref().map(|(_, _, column)| column.clone())),
        };
        sequences.insert(name_in(&one.schema, &one.name), sequence);
    }
    Ok(sequences)
}

fn number(text: &str) -> Result<i64, Error> {
    text.parse().or_harness(|| format!("a sequence answers {text:?}, which is no number"))
}
