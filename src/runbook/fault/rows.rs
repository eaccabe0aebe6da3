//! Faults in rows of the live database, written by SQL and not through the engine. Tables and columns
//! come from the target profile.

use crate::{
    base::{
        error::Error,
        ids::{AssetName, TableName, TemplateKey},
    },
    model::{fault::NamedRow, profile::Binary},
    runbook::fault::site::{FaultSite, Injected},
    site::Handles,
    system::postgres::quote_ident as q,
};
use serde_json::Value;

/// Deletes the row of an asset.
pub async fn delete_of_asset(target: &FaultSite<'_>, name: &AssetName) -> Result<Injected, Error> {
    let key = key(target, name)?;
    let Some((table, binary)) = asset_table(target, &key).await? else { return Ok(no_table()) };
    let sql = format!("DELETE FROM {} WHERE {}::text = $1", q(table.as_str()), q(&binary.key));
    let gone = execute(target, &sql, &[&key]).await?;
    Ok(Injected { changed: gone > 0, detail: format!("{gone} rows of {table} deleted") })
}

/// Deletes a row of any entity by its label.
pub async fn delete(target: &FaultSite<'_>, row: &NamedRow) -> Result<Injected, Error> {
    let Some(entity) = target.site.profile.entities.get(&row.entity) else {
        return Err(Error::usage(format!("the profile has no entity `{}`", row.entity)));
    };
    if entity.label.is_empty() {
        return Ok(Injected::nothing(format!("the profile gives no label for `{}`", row.entity)));
    }
    let parts: Vec<String> = entity.label.iter().map(|path| label_sql(path)).collect();
    let table = q(entity.table.as_str());
    let sql = format!("DELETE FROM {table} WHERE concat_ws('@', {}) = $1", parts.join(", "));
    let gone = execute(target, &sql, &[&row.named]).await?;
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
    let parts: Vec<String> = entity.label.iter().map(|path| label_sql(path)).collect();
    let (table, column) = (q(entity.table.as_str()), q(column));
    // A column without a zone holds UTC.
    let sql = format!(
        "UPDATE {table} SET {column} = CASE WHEN pg_typeof({column}) = 'timestamp'::regtype
             THEN (now() + make_interval(secs => $2::float8)) AT TIME ZONE 'UTC'
             ELSE now() + make_interval(secs => $2::float8) END
          WHERE concat_ws('@', {}) = $1 RETURNING to_jsonb({table})",
        parts.join(", ")
    );
    let rows = site.connect().await?.rows(&sql, &[schedule, &seconds.to_string()]).await?;
    match <[Value; 1]>::try_from(rows) {
        Ok([row]) => Ok(row),
        Err(rows) => Err(Error::usage(format!("{} schedules are called {schedule}", rows.len()))),
    }
}

/// A label's column, or the place in its JSON, as SQL text.
fn label_sql(path: &str) -> String {
    match path.split_once('.') {
        None => format!("{}::text", q(path)),
        Some((column, inside)) => {
            let steps: Vec<String> =
                inside.split('.').map(|step| format!("'{}'", step.replace('\'', "''"))).collect();
            format!("({}::jsonb #>> ARRAY[{}])", q(column), steps.join(", "))
        }
    }
}

/// Makes the row of one asset refer to the object of another, and the other row to the first object,
/// because keys may be unique. This is what a wrong merge causes.
pub async fn repoint(target: &FaultSite<'_>, one: &AssetName, other: &AssetName) -> Result<Injected, Error> {
    let (first, second) = (key(target, one)?, key(target, other)?);
    let Some((table, binary)) = asset_table(target, &first).await? else { return Ok(no_table()) };
    let column = q(&binary.key);
    let sql = format!("UPDATE {} SET {column} = $2 WHERE {column} = $1", q(table.as_str()));
    let temporary = format!("{first}.temporary");
    let moves = [(&first, &temporary), (&second, &first), (&temporary, &second)];
    let mut changed = 0;
    for (from, to) in moves {
        changed += execute(target, &sql, &[from, to]).await?;
    }
    let detail = format!("{one} refers to {second}, {other} to {first}");
    Ok(Injected { changed: changed == moves.len() as u64, detail })
}

/// Writes one row of a table again while the index of its primary key is not maintained, as a copy of a
/// data directory that was not consistent leaves them. Needs a superuser.
pub async fn damage_index(target: &FaultSite<'_>, table: &TableName) -> Result<Injected, Error> {
    let name = q(table.as_str());
    let ready = |value: bool| format!("update pg_index set indisready = {value} where indexrelid = i");
    let sql = format!(
        "do $$ declare i oid; begin
            select indexrelid into strict i from pg_index where indrelid = '{name}'::regclass and indisprimary;
            perform set_config('session_replication_role', 'replica', true);
            {off};
            with gone as (delete from {name} where ctid = (select ctid from {name} limit 1) returning *)
                insert into {name} overriding system value select * from gone;
            {on};
        end $$",
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
    let (table_sql, column_sql) = (q(table.as_str()), q(column));
    let api = target.site.engine.api().await?;
    let current = api.template(key.as_str()).await?.definition;
    let mut changed = current.clone();
    let Some((before, after)) = change_letter(changed.get_mut("document").unwrap_or(&mut Value::Null)) else {
        return Ok(Injected::nothing(format!("no text in the definition of {key}")));
    };
    // The text of a JSON column is cast to whatever type the column has.
    let kind = format!(
        "SELECT to_jsonb(format_type(atttypid, atttypmod)) FROM pg_attribute WHERE attrelid = '{table_sql}'::regclass AND attname = $1"
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

/// The table with the row that refers to an object: the only entity with a binary, else the one
/// with a matching row.
async fn asset_table<'a>(
    target: &'a FaultSite<'_>,
    key: &str,
) -> Result<Option<(&'a TableName, &'a Binary)>, Error> {
    let candidates = target.site.profile.assets();
    if let [(entity, binary)] = candidates[..] {
        return Ok(Some((&entity.table, binary)));
    }
    let postgres = target.site.connect().await?;
    for (entity, binary) in candidates {
        let (table, column) = (q(entity.table.as_str()), q(&binary.key));
        let sql = format!("SELECT to_jsonb(1) FROM {table} WHERE {column}::text = $1 LIMIT 1");
        if !postgres.rows(&sql, &[key]).await?.is_empty() {
            return Ok(Some((&entity.table, binary)));
        }
    }
    Ok(None)
}

fn no_table() -> Injected {
    Injected::nothing("no entity of the profile has a row that refers to this binary")
}

fn key(target: &FaultSite<'_>, name: &AssetName) -> Result<String, Error> {
    target.keys.get(name).map(ToString::to_string).ok_or_else(|| {
        Error::usage(format!("asset {name} does not exist at this point of the timeline"))
            .hint("use an asset of the seed, or upload it in an earlier step")
    })
}

async fn execute(target: &FaultSite<'_>, sql: &str, args: &[&str]) -> Result<u64, Error> {
    let postgres = target.site.connect().await?;
    postgres.execute(sql, args).await
}
