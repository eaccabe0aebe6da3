//! References from rows to objects as one query: keys, sizes and checksums are made in the database, so
//! that a site of any size can be read as a stream in the order of keys. The same rules on rows in memory
//! are in `model::reference`; a test compares the two.

use crate::{
    base::{
        checksum::ChecksumAlgorithm,
        error::{Error, ErrorContext},
        ids::TableName,
    },
    model::{
        profile::{
            Binary, ColumnPath, Condition, Profile, ProfileEntity,
            binary::{Referred, marks_deleted},
            key::{KeyFilter, KeyPiece, KeyTemplate},
        },
        reference::ObjectReference,
    },
    system::postgres::{
        quote_ident,
        text::{maybe, text},
    },
};
use serde_json::Value;
use sqlx::postgres::PgRow;
use std::{collections::BTreeMap, fmt::Write as _};

/// A table, view or partitioned table, as far as a query needs to know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// How SQL calls it.
    pub source: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The columns of its primary key; none if it has no primary key.
    pub key: Vec<String>,
    /// Whether its rows are in no other relation.
    pub own_rows: bool,
    /// The size of its file, if it is an ordinary table.
    pub bytes: Option<u64>,
    /// Whether a crash empties it.
    pub unlogged: bool,
}

/// A row that refers to an object, so that a statement can name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowAddress {
    /// The reference.
    pub reference: ObjectReference,
    /// The relation, as SQL calls it.
    pub source: String,
    /// The condition for the row, which a statement calls `t`.
    pub condition: String,
}

/// Where a row is; `None` if nothing identifies it.
pub(super) fn address(
    reference: ObjectReference,
    relations: &BTreeMap<TableName, Relation>,
) -> Option<RowAddress> {
    let relation = relations.get(&reference.table)?;
    let condition = format!("{} = {}", identity(relation)?, literal(&reference.row));
    Some(RowAddress { source: relation.source.clone(), condition, reference })
}

/// What identifies a row of a relation that is called `t`: its primary key, else its place.
fn identity(relation: &Relation) -> Option<String> {
    let key: Vec<String> = relation.key.iter().map(|column| format!("t.{}", quote_ident(column))).collect();
    match key.is_empty() {
        false => Some(format!("json_build_array({})::text", key.join(", "))),
        true => relation.own_rows.then(|| "t.ctid::text".to_owned()),
    }
}

/// The types whose text is that of their JSON scalar.
const PLAIN: &str = "{text, varchar, smallint, integer, bigint, uuid, boolean}";

/// The columns of the answer before the checksums.
const FIXED: usize = 7;

/// The query for all references of a profile, in the order of the bytes of their keys. `None` if no
/// relation has the columns of its keys. A column that is missing otherwise reads as NULL.
pub fn query(profile: &Profile, relations: &BTreeMap<TableName, Relation>) -> Option<String> {
    let all = profile.with_binaries().enumerate().filter_map(|(number, (entity, binary))| {
        let relation = relations.get(&entity.table)?;
        let has = |column: &str| relation.columns.iter().any(|known| known == column);
        binary.key_columns().all(has).then(|| one(number, entity, binary, relation))
    });
    let all: Vec<String> = all.collect();
    let each =
        format!("select * from ({}) r order by key collate \"C\", number, \"row\"", all.join(" union all "));
    (!all.is_empty()).then_some(each)
}

/// Reads a row of the answer.
///
/// # Errors
/// Blames the program: the row is not one of [`query`].
pub fn read(profile: &Profile, row: &PgRow) -> Result<ObjectReference, Error> {
    let number: usize = text(row, 0)?.parse().or_harness(|| "a reference without a number".to_owned())?;
    let (entity, binary) = profile
        .with_binaries()
        .nth(number)
        .ok_or_else(|| Error::harness("a reference of an entity that is not in the profile"))?;
    let mut checksums = BTreeMap::new();
    for (at, algorithm) in ChecksumAlgorithm::ALL.into_iter().enumerate() {
        checksums.extend(maybe(row, FIXED + at)?.map(|text| (algorithm, text)));
    }
    let key = text(row, 3)?;
    let name = maybe(row, 2)?;
    let row_key = maybe(row, 1)?.or_else(|| name.clone()).unwrap_or_else(|| key.clone());
    let deleted = marks_deleted(maybe(row, 4)?.map(Value::from).as_ref());
    let referred = Referred { key, size: maybe(row, 5)?, media_type: maybe(row, 6)?, checksums };
    let name = name.unwrap_or_else(|| row_key.clone());
    Ok(ObjectReference::new((number, entity, binary), (row_key, name), deleted, referred))
}

/// The references of one binary.
fn one(number: usize, entity: &ProfileEntity, binary: &Binary, relation: &Relation) -> String {
    let from = Source { relation, each: binary.each.is_some() };
    let row = identity(relation).unwrap_or_else(|| "null".to_owned());
    let label: Vec<String> = entity.label.iter().map(|path| from.any_text(path)).collect();
    let label = match label.is_empty() {
        true => "null".to_owned(),
        // Without one of its parts there is no label.
        false => label.join(" || '@' || "),
    };
    let value = |path: Option<&ColumnPath>| {
        path.map_or_else(|| "null".to_owned(), |path| format!("nullif({}, '')", from.text(path)))
    };
    let checksums = ChecksumAlgorithm::ALL.map(|algorithm| {
        value(binary.checksums().find_map(|(known, path)| (known == algorithm).then_some(path)))
    });
    let fields = [
        number.to_string(),
        row,
        label,
        key_of(&binary.key, &from),
        entity.soft_deleted.as_ref().map_or_else(|| "null".to_owned(), |path| from.text(path)),
        value(binary.size.as_ref().map(|size| &size.column)),
        value(binary.media_type.as_ref()),
    ];
    let names = ["number", "\"row\"", "name", "key", "deleted", "size", "media_type"];
    let fixed = fields.iter().zip(names).map(|(field, name)| format!("{field} as {name}"));
    let more = checksums.iter().enumerate().map(|(at, field)| format!("{field} as checksum_{at}"));
    let list: Vec<String> = fixed.chain(more).collect();
    let conditions: Vec<String> =
        from.conditions(&entity.only, false).chain(from.conditions(&entity.except, true)).collect();
    let only = match conditions.is_empty() {
        true => String::new(),
        false => format!(" where {}", conditions.join(" and ")),
    };
    let elements = binary.each.as_ref().map(|path| from.elements(path)).unwrap_or_default();
    format!(
        "select * from (select {} from {} t{elements}{only} offset 0) x where key is not null",
        list.join(", "),
        relation.source
    )
}

/// The relation `t` of a query, and with `each` the elements `e`.
struct Source<'a> {
    relation: &'a Relation,
    each: bool,
}

/// A text column that holds an array or object of JSON as that.
fn as_json(value: &str) -> String {
    format!(
        "(case when jsonb_typeof({value}) = 'string' and {value} #>> '{{}}' ~ '^\\s*[[{{]' \
         then ({value} #>> '{{}}')::jsonb else {value} end)"
    )
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The value at some members of a JSON value.
fn within(value: String, members: &[String]) -> String {
    if members.is_empty() {
        return value;
    }
    let members: Vec<String> = members.iter().map(|member| literal(member)).collect();
    format!("({value} #> array[{}])", members.join(", "))
}

impl Source<'_> {
    /// The value at a path.
    fn value(&self, path: &ColumnPath) -> String {
        if self.each && path.is_of_element() {
            return within("e.value".to_owned(), path.members());
        }
        match self.relation.columns.iter().any(|known| known == path.column()) {
            true if path.members().is_empty() => format!("to_jsonb(t.{})", quote_ident(path.column())),
            true => within(self.column_as_json(path), path.members()),
            false => "null::jsonb".to_owned(),
        }
    }

    fn column_as_json(&self, path: &ColumnPath) -> String {
        as_json(&format!("to_jsonb(t.{})", quote_ident(path.column())))
    }

    /// A scalar at a path as text; null otherwise.
    fn text(&self, path: &ColumnPath) -> String {
        let value = self.value(path);
        format!(
            "(case {}when jsonb_typeof({value}) in ('object', 'array') then null else {value} #>> '{{}}' end)",
            self.if_plain(path)
        )
    }

    /// Whatever is at a path as text.
    fn any_text(&self, path: &ColumnPath) -> String {
        let json = format!("{} #>> '{{}}'", self.value(path));
        match self.if_plain(path) {
            plain if plain.is_empty() => format!("({json})"),
            plain => format!("(case {plain}else {json} end)"),
        }
    }

    /// The branch for a column whose text is that of its JSON scalar: JSON takes several times as long.
    fn if_plain(&self, path: &ColumnPath) -> String {
        let is_column = self.relation.columns.iter().any(|known| known == path.column());
        if !is_column || !path.members().is_empty() || (self.each && path.is_of_element()) {
            return String::new();
        }
        let column = format!("t.{}", quote_ident(path.column()));
        format!("when pg_typeof({column}) = any('{PLAIN}'::regtype[]) then {column}::text ")
    }

    fn conditions<'c>(&'c self, condition: &'c Condition, not: bool) -> impl Iterator<Item = String> + 'c {
        condition.0.iter().map(move |(path, values)| {
            let text = self.text(path);
            let given: Vec<String> = values.iter().flatten().map(|value| literal(value)).collect();
            let one_of = match given.is_empty() {
                true => "false".to_owned(),
                false => format!("coalesce({text} in ({}), false)", given.join(", ")),
            };
            let null = if values.contains(&None) { format!("{text} is null") } else { "false".to_owned() };
            format!("{}({one_of} or {null})", if not { "not " } else { "" })
        })
    }

    /// The elements at a path: one row for each.
    fn elements(&self, path: &ColumnPath) -> String {
        let mut joins = String::new();
        let mut value = self.column_as_json(path);
        let steps = path.steps();
        for (number, members) in steps.iter().enumerate() {
            let json = within(value, members);
            let name = if number + 1 == steps.len() { "e".to_owned() } else { format!("e{number}") };
            // A String takes everything.
            let _ = write!(
                joins,
                " cross join lateral (select value from jsonb_array_elements(case jsonb_typeof({json}) when 'array' \
                 then {json} else '[]' end) union all select value from jsonb_each(case jsonb_typeof({json}) \
                 when 'object' then {json} else '{{}}' end)) {name}"
            );
            value = format!("{name}.value");
        }
        joins
    }
}

/// The key of a row; null if it has no object.
fn key_of(template: &KeyTemplate, from: &Source<'_>) -> String {
    let mut required = Vec::new();
    let mut values = Vec::new();
    let parts: Vec<String> = template
        .pieces()
        .iter()
        .map(|piece| match piece {
            KeyPiece::Text(text) => literal(text),
            KeyPiece::Column { path, optional, filters } => {
                let value = filters.iter().fold(from.text(path), |value, filter| filtered(&value, filter));
                let value = format!("coalesce({value}, '')");
                if !optional {
                    required.push(format!("{value} <> ''"));
                }
                values.push(value.clone());
                value
            }
        })
        .collect();
    let any = format!("{} <> ''", values.join(" || "));
    required.push(any);
    format!("(case when {} then {} end)", required.join(" and "), parts.join(" || "))
}

fn filtered(value: &str, filter: &KeyFilter) -> String {
    match filter {
        KeyFilter::Url => {
            let path = format!(
                "regexp_replace(regexp_replace({value}, '^([A-Za-z][A-Za-z0-9+.-]*:)?(//[^/?#]*)?/*', ''), '[?#].*$', '')"
            );
            let decoded = "(select convert_from(string_agg(case when m[1] ~ '^%..$' then decode(substr(m[1], 2), 'hex') \
                else convert_to(m[1], 'UTF8') end, ''::bytea order by n), 'UTF8') \
                from regexp_matches(u, '%[0-9A-Fa-f]{2}|[^%]+|%', 'g') with ordinality r(m, n))";
            format!(
                "(select case when u ~ '%[0-9A-Fa-f]{{2}}' then {decoded} else u end from (select {path} as u) u)"
            )
        }
        KeyFilter::Name => format!("regexp_replace({value}, '^.*/', '')"),
        KeyFilter::Stem => format!("regexp_replace({value}, '\\.[^./]*$', '')"),
        KeyFilter::Lower => format!("lower({value} collate \"C\")"),
        KeyFilter::Drop(folders) => format!("regexp_replace({value}, '^([^/]*/){{{folders}}}', '')"),
        KeyFilter::Strip(start) => {
            let text = literal(start);
            format!(
                "(case when starts_with({value}, {text}) then substr({value}, length({text}) + 1) else {value} end)"
            )
        }
        KeyFilter::Remove(part) => format!("replace({value}, {}, '')", literal(part)),
        KeyFilter::Slice(from, to) => {
            let start = from + 1;
            match to {
                None => format!("substr({value}, {start})"),
                Some(to) => format!("substr({value}, {start}, {})", to.saturating_sub(*from)),
            }
        }
    }
}
