//! Faults in the schema of the live database, and in rows of any table, each one statement of SQL. Among
//! them is what changes how a table is stored, and nothing in it.

use crate::{
    base::{error::Error, ids::TableName},
    runbook::fault::{
        rows::{QUIETLY, execute, literal},
        site::{FaultSite, Injected},
    },
    system::postgres::{quote_ident, quote_table},
};

/// Begins a new WAL segment.
pub const SWITCH_SEGMENT: &str = "SELECT pg_switch_wal()::text";

/// Executes a statement that does not report how much it changed.
///
/// # Errors
/// The database refuses it, for example because what it names does not exist.
pub async fn change(target: &FaultSite<'_>, statement: &str) -> Result<Injected, Error> {
    execute(target, statement, &[]).await?;
    Ok(Injected::changed(statement.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// Drops an index.
pub fn drop_index(name: &str) -> String {
    format!("DROP INDEX {}", quote_ident(name))
}

/// Drops the foreign keys of a table, as a restore does that continues after errors.
pub fn drop_foreign_keys(table: &TableName) -> String {
    each_constraint(table, 'f', "drop constraint %1$s")
}

/// Adds the check constraints of a table again without validating them.
pub fn unvalidated_checks(table: &TableName) -> String {
    each_constraint(table, 'c', "drop constraint %1$s, add constraint %1$s %2$s not valid")
}

/// Drops the defaults of a table's columns.
pub fn drop_defaults(table: &TableName) -> String {
    each_column(table, "atthasdef and attgenerated = ''", "alter table %2$s alter column %1$s drop default")
}

/// Drops NOT NULL from a table's columns outside its primary key.
pub fn drop_not_null(table: &TableName) -> String {
    let in_key =
        "attnum = any((select indkey from pg_index where indrelid = attrelid and indisprimary)::int2[])";
    let condition = format!("attnotnull and not {in_key}");
    each_column(table, &condition, "alter table %2$s alter column %1$s drop not null")
}

/// Disables the triggers of a table, those of its foreign keys too, as a data-only restore that was
/// interrupted leaves them.
pub fn disable_triggers(table: &TableName) -> String {
    format!("ALTER TABLE {} DISABLE TRIGGER ALL", quote_table(table))
}

/// Enables row-level security without a policy: nobody but the owner sees a row.
pub fn enable_row_security(table: &TableName) -> String {
    format!("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", quote_table(table))
}

/// Makes a table unlogged: it is emptied by the next crash.
pub fn make_unlogged(table: &TableName) -> String {
    format!("ALTER TABLE {} SET UNLOGGED", quote_table(table))
}

/// Grants everything on a table to every role.
pub fn grant_to_everyone(table: &TableName) -> String {
    format!("GRANT ALL ON {} TO PUBLIC", quote_table(table))
}

/// Sets a sequence to its beginning.
pub fn reset_sequence(name: &str) -> String {
    format!("SELECT setval({}::regclass, 1, false)", literal(&quote_ident(name)))
}

/// Advances a sequence by a hundred numbers that no row gets.
pub fn advance_sequence(name: &str) -> String {
    format!("SELECT nextval({}::regclass) FROM generate_series(1, 100)", literal(&quote_ident(name)))
}

/// Inserts a row of a table again, under the next number of its sequence.
pub fn duplicate_row(table: &TableName) -> String {
    format!(
        "do $$ declare c text; begin
            select string_agg(quote_ident(attname), ', ') into c from pg_attribute
                left join pg_attrdef on adrelid = attrelid and adnum = attnum
                where attrelid = {name}::regclass and attnum > 0 and not attisdropped
                and attgenerated = '' and attidentity = ''
                and coalesce(pg_get_expr(adbin, adrelid), '') not like 'nextval(%';
            execute format('insert into %1$s (%2$s) select %2$s from %1$s limit 1', {name}::regclass, c);
        end $$",
        name = literal(&quote_table(table))
    )
}

/// Moves every moment in a table by an hour, as a restore with another time zone does.
pub fn shift_times(table: &TableName) -> String {
    let moments = "atttypid in ('timestamptz'::regtype, 'timestamp'::regtype) and attgenerated = ''";
    each_column(table, moments, "update %2$s set %1$s = %1$s + interval ''1 hour''")
}

/// Replaces NULL in the texts of a table by an empty text, as a transfer by CSV does.
pub fn empty_nulls(table: &TableName) -> String {
    let texts = "atttypid = 'text'::regtype and not attnotnull and attgenerated = ''";
    each_column(table, texts, "update %2$s set %1$s = '''' where %1$s is null")
}

/// Writes every row of a table again as it is: it gets another place in the table's file. Triggers, which might
/// change it, do not fire if the role may prevent that.
pub fn rewrite_rows(table: &TableName) -> String {
    // A generated column and some identity columns take no value, not even their own.
    format!(
        "do $$ declare quiet boolean := true; c text; begin {QUIETLY}
            select quote_ident(attname) into c from pg_attribute where attrelid = {name}::regclass and attnum > 0
                and not attisdropped and attgenerated = '' and attidentity <> 'a' order by attnum limit 1;
            if c is not null then execute format('update %2$s set %1$s = %1$s', c, {name}::regclass); end if;
        end $$",
        name = literal(&quote_table(table))
    )
}

/// Writes a table into a new file.
pub fn vacuum(table: &TableName) -> String {
    format!("VACUUM FULL {}", quote_table(table))
}

/// Gathers the planner's statistics of a table.
pub fn analyze(table: &TableName) -> String {
    format!("ANALYZE {}", quote_table(table))
}

/// Builds the indexes of a table again.
pub fn rebuild_indexes(table: &TableName) -> String {
    format!("REINDEX TABLE {}", quote_table(table))
}

/// Deletes all rows of a table.
pub fn clear(table: &TableName) -> String {
    format!("DELETE FROM {}", quote_table(table))
}

/// Deletes all rows of a table in a transaction that is rolled back, also where other rows refer to them.
pub fn leave_dead_rows(table: &TableName) -> String {
    format!(
        "do $$ declare quiet boolean := true; begin {QUIETLY}
            begin delete from {}; raise exception 'back';
            exception when raise_exception or integrity_constraint_violation then null; end;
        end $$",
        quote_table(table)
    )
}

/// A statement for each column that meets a condition; `%1$s` is the column, `%2$s` the table.
fn each_column(table: &TableName, condition: &str, statement: &str) -> String {
    format!(
        "do $$ declare c text; begin
            for c in select quote_ident(attname) from pg_attribute
                where attrelid = {name}::regclass and attnum > 0 and not attisdropped and {condition}
            loop execute format('{statement}', c, {name}::regclass); end loop;
        end $$",
        name = literal(&quote_table(table))
    )
}

/// An action of ALTER TABLE for each constraint of a type; `%1$s` is its name, `%2$s` its definition.
fn each_constraint(table: &TableName, kind: char, action: &str) -> String {
    format!(
        "do $$ declare c record; begin
            for c in select quote_ident(conname) as name, pg_get_constraintdef(oid) as definition
                from pg_constraint where conrelid = {name}::regclass and contype = '{kind}'
            loop execute format('alter table %3$s {action}', c.name, c.definition, {name}::regclass); end loop;
        end $$",
        name = literal(&quote_table(table))
    )
}
