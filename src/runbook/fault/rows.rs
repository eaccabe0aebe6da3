//! Faults in rows of the live database, written by SQL and not through the engine. Tables and columns
//! come from the target profile.

use crate::{
    base::{
        error::Error,
        ids::{AssetName, ObjectKey, TableName, TemplateKey},
    },
    model::{
        fault::NamedRow,
        profile::{Binary, ColumnPath, ProfileEntity},
    },
    runbook::fault::site::{FaultSite, Injected},
    site::Handles,
    system::postgres::{quote_ident as q, quote_table, references::RowAddress},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Deletes the rows that refer to an asset: those of assets, and not those of its versions.
pub async fn delete_of_asset(target: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let rows = rows_of(target, name).await?;
    let Some(first) = rows.first() else { return Ok(no_row()) };
    let table = &first.reference.table;
    let mut gone = 0;
    for row in rows.iter().filter(|row| row.reference.table == *table) {
        gone += delete_rows(target, &row.source, &row.condition).await?;
    }
    Ok(Injected { changed: gone > 0, detail: format!("{gone} rows of {table} deleted") })
}

/// What lets a superuser change rows without triggers and foreign keys, as in a dump that was damaged. Whether it
/// did is in the variable `quiet`.
pub(super) const QUIETLY: &str = "begin perform set_config('session_replication_role', 'replica', true);
    exception when insufficient_privilege then quiet := false; end;";

/// Deletes the rows of a relation `t` that meet a condition, and returns how many there were. Rows that refer to
/// them go too where the database deletes them by cascade. Where nothing refers to the relation, or a reference
/// forbids the deletion, it is done without triggers.
async fn delete_rows(target: &FaultSite<'_>, source: &str, condition: &str) -> Result<u64, Error> {
    let count = format!("SELECT to_jsonb(count(*)) FROM {source} t WHERE {condition}");
    let counted = target.site.connect().await?.rows(&count, &[]).await?;
    let delete = format!("DELETE FROM {source} t WHERE {condition};");
    let relation = literal(source);
    let sql = format!(
        "do $pulp$ declare quiet boolean := true; begin
            if exists (select from pg_constraint where contype = 'f' and confrelid = {relation}::regclass) then
                begin {delete} return; exception when foreign_key_violation or restrict_violation then null; end;
            end if;
            {QUIETLY} {delete}
        end $pulp$"
    );
    execute(target, &sql, &[]).await?;
    Ok(counted.first().and_then(Value::as_u64).unwrap_or_default())
}

/// Deletes a row of any entity by its label.
pub async fn delete(target: &FaultSite<'_>, row: &NamedRow) -> Result<Injected, Error> {
    let Some(entity) = target.site.profile.entities.get(&row.entity) else {
        return Err(Error::usage(format!("the profile has no entity `{}`", row.entity)));
    };
    if entity.label.is_empty() {
        return Ok(Injected::nothing(format!("the profile gives no label for `{}`", row.entity)));
    }
    let parts: Vec<String> = entity.label.iter().map(label_sql).collect();
    let table = quote_table(&entity.table);
    let condition = format!("concat_ws('@', {}) = {}", parts.join(", "), literal(&row.named));
    let gone = delete_rows(target, &table, &condition).await?;
    Ok(Injected { changed: gone > 0, detail: format!("{gone} rows of {} deleted", entity.table) })
}

/// Lets a schedule run next so many seconds from now, by the database's clock. Gives its row with the
/// moment in the profile's column.
pub async fn plan_run(site: &Handles, schedule: &str, seconds: u64) -> Result<Value, Error> {
    let planned = site.profile.entities.values().find_map(|e| Some((e, e.next_run.as_ref()?)));
    let Some((entity, column)) = planned.filter(|(entity, _)| !entity.label.is_empty()) else {
        return Err(Error::usage("the profile names no schedules")
            .hint("give their entity a `next-run` and a `label`"));
    };
    let parts: Vec<String> = entity.label.iter().map(label_sql).collect();
    let (table, column) = (quote_table(&entity.table), q(column));
    // A column without a zone holds UTC.
    let sql = format!(
        "UPDATE {table} t SET {column} = CASE WHEN pg_typeof({column}) = 'timestamp'::regtype
             THEN (now() + make_interval(secs => $2::float8)) AT TIME ZONE 'UTC'
             ELSE now() + make_interval(secs => $2::float8) END
          WHERE concat_ws('@', {}) = $1 RETURNING to_jsonb(t)",
        parts.join(", ")
    );
    let rows = site.connect().await?.rows(&sql, &[schedule, &seconds.to_string()]).await?;
    match <[Value; 1]>::try_from(rows) {
        Ok([row]) => Ok(row),
        Err(rows) => Err(Error::usage(format!("{} schedules are called {schedule}", rows.len()))),
    }
}

/// A label's column, or the place in its JSON, as the text that JSON has for it: labels are read from there.
fn label_sql(path: &ColumnPath) -> String {
    let column = q(path.column());
    if path.members().is_empty() {
        return format!("(to_jsonb({column}) #>> '{{}}')");
    }
    let steps: Vec<String> = path.members().iter().map(|step| literal(step)).collect();
    format!("({column}::jsonb #>> ARRAY[{}])", steps.join(", "))
}

/// Makes the row of one asset refer to the object of another, and the other row to the first object,
/// because keys may be unique. This is what a wrong merge causes.
pub async fn repoint(target: &FaultSite<'_>, one: &AssetName, other: &AssetName) -> Result<Injected, Error> {
    let (first, second) = (rows_of(target, one).await?, rows_of(target, other).await?);
    let same = |row: &&RowAddress| first.first().is_some_and(|f| f.reference.table == row.reference.table);
    let (Some(first), Some(second)) = (first.first(), second.iter().find(same)) else { return Ok(no_row()) };
    let of_table = |binary: &(&ProfileEntity, &Binary)| binary.0.table == first.reference.table;
    let binaries = target.site.profile.with_binaries().filter(of_table);
    let columns: BTreeSet<String> = binaries.flat_map(|(_, binary)| binary.key_columns()).map(q).collect();
    let columns: Vec<String> = columns.into_iter().collect();
    let sql = exchange(first, second, &columns);
    execute(target, &sql, &[]).await?;
    let detail = format!("{one} refers to {}, {other} to {}", second.reference.key, first.reference.key);
    Ok(Injected::changed(detail))
}

/// The statement that exchanges the values of some columns of two rows. A superuser writes both rows again: no
/// unique key and no reference of another row is in the way. Another role sets the columns, where the row that is
/// set first gets other values for a moment.
fn exchange(first: &RowAddress, second: &RowAddress, columns: &[String]) -> String {
    let each =
        |one: &dyn Fn(&String) -> String, with: &str| columns.iter().map(one).collect::<Vec<_>>().join(with);
    format!(
        "do $pulp$ declare a {source}%rowtype; b {source}%rowtype; c {source}%rowtype; place_a tid; place_b tid;
            quiet boolean := true; columns text; begin {QUIETLY}
            select t.* into strict a from {source} t where {is_a};
            select t.* into strict b from {source} t where {is_b};
            if quiet then
                select string_agg(quote_ident(attname), ', ') into columns from pg_attribute
                    where attrelid = {regclass}::regclass and attnum > 0 and not attisdropped and attgenerated = '';
                c := a; {swapped}
                delete from {source} t where {is_a};
                delete from {source} t where {is_b};
                execute format('insert into %1$s (%2$s) overriding system value select %2$s from (select ($1).*) r',
                    {regclass}, columns) using b;
                execute format('insert into %1$s (%2$s) overriding system value select %2$s from (select ($1).*) r',
                    {regclass}, columns) using c;
            else
                select t.ctid into strict place_b from {source} t where {is_b};
                create function pg_temp.pulp_drill_aside(anyelement) returns anyelement language plpgsql as
                    $f$ begin
                        return case when pg_typeof($1) in ('text', 'varchar', 'bpchar')
                            then left($1::text, -1) || '~' else $1::text end;
                    exception when others then return $1; end $f$;
                update {source} t set {aside} where {is_a} returning t.ctid into strict place_a;
                update {source} t set {from_a} where t.ctid = place_b;
                update {source} t set {from_b} where t.ctid = place_a;
                drop function pg_temp.pulp_drill_aside(anyelement);
            end if;
        end $pulp$",
        source = first.source,
        regclass = literal(&first.source),
        is_a = first.condition,
        is_b = second.condition,
        swapped = each(&|column| format!("c.{column} := b.{column}; b.{column} := a.{column};"), " "),
        aside = each(&|column| format!("{column} = pg_temp.pulp_drill_aside({column})"), ", "),
        from_a = each(&|column| format!("{column} = a.{column}"), ", "),
        from_b = each(&|column| format!("{column} = b.{column}"), ", "),
    )
}

/// Writes one row of a table again while the index of its primary key is not maintained, as a copy of a
/// data directory that was not consistent leaves them. Needs a superuser.
pub async fn damage_index(target: &FaultSite<'_>, table: &TableName) -> Result<Injected, Error> {
    let name = quote_table(table);
    let ready = |value: bool| format!("update pg_index set indisready = {value} where indexrelid = i");
    // A generated column takes no value.
    let sql = format!(
        "do $$ declare i oid; columns text; begin
            select indexrelid into strict i from pg_index where indrelid = {regclass}::regclass and indisprimary;
            select string_agg(quote_ident(attname), ', ') into columns from pg_attribute
                where attrelid = {regclass}::regclass and attnum > 0 and not attisdropped and attgenerated = '';
            perform set_config('session_replication_role', 'replica', true);
            {off};
            execute format('with gone as (delete from %1$s where ctid = (select ctid from %1$s limit 1) returning *)
                insert into %1$s (%2$s) overriding system value select %2$s from gone', {regclass}::regclass, columns);
            {on};
        end $$",
        regclass = literal(&name),
        off = ready(false),
        on = ready(true)
    );
    execute(target, &sql, &[]).await?;
    Ok(Injected::changed(format!("the index of the primary key of {table} has no entry for one row")))
}

/// Changes one letter of a text in a template's current definition.
pub async fn change_definition(target: &FaultSite<'_>, key: &TemplateKey) -> Result<Injected, Error> {
    let found = target.site.profile.entities.values().find_map(|e| Some((&e.table, e.definition.as_ref()?)));
    let Some((table, column)) = found else {
        return Ok(Injected::nothing("the profile has no column with definitions"));
    };
    let (table_sql, column_sql) = (quote_table(table), q(column));
    let api = target.site.engine.api().await?;
    let current = api.template(key.as_str()).await?.definition;
    let mut changed = current.clone();
    let Some((before, after)) = change_letter(changed.get_mut("document").unwrap_or(&mut Value::Null)) else {
        return Ok(Injected::nothing(format!("no text in the definition of {key}")));
    };
    // The text of a JSON column is cast to whatever type the column has.
    let kind = format!(
        "SELECT to_jsonb(format_type(atttypid, atttypmod)) FROM pg_attribute WHERE attrelid = {}::regclass AND attname = $1",
        literal(&table_sql)
    );
    let postgres = target.site.connect().await?;
    let kind = postgres.rows(&kind, &[column]).await?;
    let kind = kind.first().and_then(Value::as_str).unwrap_or("jsonb");
    let sql = format!(
        "UPDATE {table_sql} SET {column_sql} = $2::{kind} WHERE ({column_sql}::jsonb -> 'document') = ($1::jsonb -> 'document') \
         AND {column_sql}::jsonb ->> 'key' = $1::jsonb ->> 'key'"
    );
    // Only the document is compared: an engine may add versions to its answer.
    let stored = format!(
        "SELECT {column_sql}::jsonb FROM {table_sql} WHERE ({column_sql}::jsonb -> 'document') = ($1::jsonb -> 'document')"
    );
    let mut written =
        postgres.rows(&stored, &[&current.to_string()]).await?.into_iter().next().unwrap_or(current.clone());
    written["document"] = changed["document"].clone();
    let rows = postgres.execute(&sql, &[&current.to_string(), &written.to_string()]).await?;
    Ok(Injected { changed: rows > 0, detail: format!("{rows} rows of {table}: {before:?} became {after:?}") })
}

/// Changes the last letter of the first text without placeholders. Returns the text before and after.
fn change_letter(node: &mut Value) -> Option<(String, String)> {
    if let Some(Value::String(text)) = node.get_mut("content")
        && !text.contains("{{")
        && let Some((at, letter)) = text.char_indices().rfind(|(_, c)| c.is_ascii_lowercase())
    {
        let before = text.clone();
        let other = if letter == 'x' { "y" } else { "x" };
        text.replace_range(at..=at, other);
        return Some((before, text.clone()));
    }
    match node {
        Value::Array(items) => items.iter_mut().find_map(change_letter),
        Value::Object(fields) => fields.values_mut().find_map(change_letter),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The rows that refer to the binary of an asset, those of the entity `asset` first.
async fn rows_of(target: &FaultSite<'_>, name: &AssetName) -> Result<Vec<RowAddress>, Error> {
    let key = key(target, name)?;
    let profile = &target.site.profile;
    let mut rows = target.site.connect().await?.rows_of(profile, &key).await?;
    let assets: BTreeSet<&TableName> =
        profile.assets().into_iter().map(|(entity, _)| &entity.table).collect();
    rows.retain(|row| assets.contains(&row.reference.table));
    Ok(rows)
}

fn no_row() -> Injected {
    Injected::nothing("no entity of the profile has a row that refers to this binary")
}

pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn key(target: &FaultSite<'_>, name: &AssetName) -> Result<ObjectKey, Error> {
    target.keys.get(name).cloned().ok_or_else(|| {
        Error::usage(format!("asset {name} does not exist at this point of the timeline"))
            .hint("use an asset of the seed, or upload it in an earlier step")
    })
}

pub(super) async fn execute(target: &FaultSite<'_>, sql: &str, args: &[&str]) -> Result<u64, Error> {
    let postgres = target.site.connect().await?;
    postgres.execute(sql, args).await
}
