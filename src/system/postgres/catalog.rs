//! The schema: each object's definition as PostgreSQL itself prints it, also of what no dump contains
//! (whether an index is valid, settings of the database). What belongs to an extension is represented by
//! the extension's version. Rarer kinds of objects are compared as `pg_dump` writes them
//! (`procedure::schema`), owners and privileges by `privileges`.

use crate::base::error::{Error, ErrorContext};
use crate::model::state::Catalog;
use crate::system::postgres::normalize::settle;
use crate::system::postgres::text::{OURS, all, maybe, name_in, table_name, text};
use sqlx::PgConnection;

/// What distinguishes two objects of a kind.
#[derive(Clone, Copy)]
enum Naming {
    /// The table's name, a dot, the object's: `column assets.filename`.
    InTable,
    /// The schema, if it is not `public`, and the object's: `index assets_pkey`.
    InSchema,
    /// The object's: `extension pgcrypto`.
    Alone,
}

/// How a part is compared with that of another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// By its definition.
    Definition,
    /// By its definition where both servers have the same major version, else by its name: each version prints it
    /// in its own way.
    SameMajor,
    /// By what `pg_dump` writes, where both servers have the same major version.
    Dumped,
    /// Their number: they are data.
    Count,
    /// Not at all: no dump contains it, or it depends on the role that looks.
    Never,
}

/// How a part is compared with that of another server, by its kind.
pub fn elsewhere(part: &str) -> Elsewhere {
    if part.starts_with(DUMPED) {
        return Elsewhere::Dumped;
    }
    let is_of = |kind: &Kind| part.strip_prefix(kind.0).is_some_and(|name| name.starts_with(' '));
    // Of two kinds that fit, the longer name is meant.
    let kind = KINDS.iter().filter(|kind| is_of(kind)).max_by_key(|kind| kind.0.len());
    kind.map_or(Elsewhere::Definition, |kind| kind.2)
}

/// How the name of a part begins that is an object as `pg_dump` writes it.
pub const DUMPED: &str = "definition of ";

/// The materialised views that are populated, and those that are not.
pub const MATVIEW_ROWS: &str = "rows of matview ";

/// Parts that are there only with another part of the same name.
const ATTENDING: [(&str, &str); 2] = [(MATVIEW_ROWS, "matview "), ("version of extension ", "extension ")];

/// The part that one depends on: the view of `rows of matview sums`.
pub fn belongs_to(part: &str) -> Option<String> {
    ATTENDING.iter().find_map(|(kind, of)| Some(format!("{of}{}", part.strip_prefix(kind)?)))
}

/// A kind of object, how it is compared elsewhere, and the query for it. Fields: schema, table or null, name, definition. `{ours}`
/// stands for the condition on schema `n`, `{free:x}` for "does not belong to an extension".
struct Kind(&'static str, Naming, Elsewhere, &'static str);

const KINDS: [Kind; 24] = [
    Kind(
        "schema",
        Naming::Alone,
        Elsewhere::Definition,
        "select n.nspname, null, n.nspname, 'schema' from pg_namespace n
         where n.nspname <> 'public' and {ours}",
    ),
    // plpgsql comes with every database and is never dumped.
    Kind(
        "extension",
        Naming::Alone,
        Elsewhere::Definition,
        "select n.nspname, null, e.extname, 'in schema ' || n.nspname
         from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname <> 'plpgsql'",
    ),
    // A dump does not contain it: the restoring server installs its own.
    Kind(
        "version of extension",
        Naming::Alone,
        Elsewhere::Never,
        "select '', null, e.extname, e.extversion from pg_extension e where e.extname <> 'plpgsql'",
    ),
    Kind(
        "type",
        Naming::InSchema,
        Elsewhere::Definition,
        "select n.nspname, null, t.typname, case t.typtype
            when 'e' then (select 'enum ' || string_agg(quote_literal(enumlabel), ', ' order by enumsortorder)
                           from pg_enum where enumtypid = t.oid)
            when 'd' then concat_ws(' ', 'domain over', format_type(t.typbasetype, t.typtypmod),
                case when t.typcollation <> b.typcollation then 'collate ' || t.typcollation::regcollation end,
                case when t.typnotnull then 'not null' end, 'default ' || t.typdefault,
                (select string_agg(k.conname || ' ' || pg_get_constraintdef(k.oid), ' ' order by k.conname)
                 from pg_constraint k where k.contypid = t.oid and k.contype = 'c'))
            when 'r' then (select 'range of ' || format_type(r.rngsubtype, null)
                           from pg_range r where r.rngtypid = t.oid)
            else (select 'composite ' || coalesce(string_agg(quote_ident(a.attname) || ' ' ||
                             format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum), '')
                  from pg_attribute a
                  where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) end
         from pg_type t join pg_namespace n on n.oid = t.typnamespace
         left join pg_type b on b.oid = t.typbasetype
         where (t.typtype in ('e', 'd', 'r') or t.typtype = 'c' and
                (select c.relkind from pg_class c where c.oid = t.typrelid) = 'c')
           and {ours} and {free:pg_type t}",
    ),
    Kind(
        "table",
        Naming::InSchema,
        Elsewhere::Definition,
        "select n.nspname, c.relname, c.relname, concat_ws('; ',
            case c.relkind when 'p' then 'partitioned ' || pg_get_partkeydef(c.oid)
                           when 'f' then 'foreign table' else 'table' end,
            (select string_agg(case when c.relispartition then 'partition of ' else 'inherits ' end ||
                               i.inhparent::regclass, ', ' order by i.inhseqno)
             from pg_inherits i where i.inhrelid = c.oid),
            pg_get_expr(c.relpartbound, c.oid),
            case c.relpersistence when 'u' then 'unlogged' end,
            case when c.relrowsecurity then 'row security enabled' end,
            case when c.relforcerowsecurity then 'row security forced' end,
            case c.relreplident when 'n' then 'replica identity nothing' when 'f' then 'replica identity full'
                                when 'i' then 'replica identity index' end,
            'with ' || (select string_agg(o, ', ' order by o) from unnest(c.reloptions) o))
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and {ours} and {free:pg_class c}",
    ),
    Kind(
        "column",
        Naming::InTable,
        Elsewhere::Definition,
        "select n.nspname, c.relname, a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
            case when a.attcollation <> t.typcollation then 'collate ' || a.attcollation::regcollation end,
            case when a.attnotnull then 'not null' end,
            case a.attgenerated when '' then 'default ' || pg_get_expr(d.adbin, d.adrelid)
                when 's' then format('generated always as (%s) stored', pg_get_expr(d.adbin, d.adrelid))
                else format('generated always as (%s) virtual', pg_get_expr(d.adbin, d.adrelid)) end,
            case a.attidentity when 'a' then 'generated always as identity'
                               when 'd' then 'generated by default as identity' end)
         from pg_attribute a join pg_class c on c.oid = a.attrelid
         join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = a.atttypid
         left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
         where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and a.attnum > 0
           and not a.attisdropped and {ours} and {free:pg_class c}",
    ),
    // Not-null constraints stand in their columns. The foreign keys that partitioning derives have
    // names that differ from dump to dump; their parents stand for them.
    Kind(
        "constraint",
        Naming::InTable,
        Elsewhere::Definition,
        "select n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid) ||
            case when exists (select from pg_trigger g where g.tgconstraint = k.oid and g.tgenabled <> 'O')
                 then '; not enforced by its triggers' else '' end
         from pg_constraint k join pg_class c on c.oid = k.conrelid
         join pg_namespace n on n.oid = c.relnamespace
         where k.contype in ('c', 'f', 'p', 'u', 'x') and (k.conparentid = 0 or k.contype <> 'f') and {ours} and {free:pg_class c}",
    ),
    Kind(
        "index",
        Naming::InSchema,
        Elsewhere::Definition,
        "select n.nspname, c.relname, x.relname,
            pg_get_indexdef(i.indexrelid) || case when i.indisvalid then '' else ' INVALID' end
         from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
         join pg_namespace n on n.oid = x.relnamespace
         where c.relpersistence <> 't' and {ours} and {free:pg_class c}",
    ),
    Kind(
        "trigger",
        Naming::InTable,
        Elsewhere::Definition,
        "select n.nspname, c.relname, g.tgname, pg_get_triggerdef(g.oid) || case g.tgenabled
            when 'D' then '; disabled' when 'R' then '; enabled on replicas'
            when 'A' then '; enabled always' else '' end
         from pg_trigger g join pg_class c on c.oid = g.tgrelid join pg_namespace n on n.oid = c.relnamespace
         where not g.tgisinternal and {ours} and {free:pg_class c}",
    ),
    Kind(
        "policy",
        Naming::InTable,
        Elsewhere::Definition,
        "select n.nspname, c.relname, p.polname, concat_ws(' ',
            case when p.polpermissive then 'permissive' else 'restrictive' end,
            case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                          when 'd' then 'delete' else 'all' end,
            'to ' || (select string_agg(case when r = 0 then 'public' else r::regrole::text end, ', '
                                        order by 1) from unnest(p.polroles) r),
            format('using (%s)', pg_get_expr(p.polqual, p.polrelid)),
            case when p.polwithcheck is not null
                 then format('with check (%s)', pg_get_expr(p.polwithcheck, p.polrelid)) end)
         from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
         where {ours}",
    ),
    Kind(
        "rule",
        Naming::InTable,
        Elsewhere::SameMajor,
        "select n.nspname, c.relname, r.rulename, pg_get_ruledef(r.oid)
         from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
         where r.rulename <> '_RETURN' and {ours} and {free:pg_class c}",
    ),
    Kind(
        "view",
        Naming::InSchema,
        Elsewhere::SameMajor,
        "select n.nspname, null, c.relname, concat_ws(' ',
            'with ' || (select string_agg(o, ', ' order by o) from unnest(c.reloptions) o),
            pg_get_viewdef(c.oid))
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'v' and {ours} and {free:pg_class c}",
    ),
    Kind(
        "matview",
        Naming::InSchema,
        Elsewhere::SameMajor,
        "select n.nspname, null, c.relname, pg_get_viewdef(c.oid)
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'm' and {ours} and {free:pg_class c}",
    ),
    Kind(
        "rows of matview",
        Naming::InSchema,
        Elsewhere::Definition,
        "select n.nspname, null, c.relname, case when c.relispopulated then 'populated' else 'not populated' end
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'm' and {ours} and {free:pg_class c}",
    ),
    // The tables of one that publishes all tables, or all of a schema, follow from the schema.
    Kind(
        "publication",
        Naming::Alone,
        Elsewhere::Definition,
        "select '', null, p.pubname, concat_ws('; ', case when p.puballtables then 'all tables' end,
            (select 'tables ' || string_agg(r.prrelid::regclass::text, ', ' order by r.prrelid::regclass::text)
             from pg_publication_rel r where r.prpubid = p.oid),
            'of ' || concat_ws(', ', case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
                case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end))
         from pg_publication p",
    ),
    // Aggregates have no definition that PostgreSQL would print.
    Kind(
        "function",
        Naming::InSchema,
        Elsewhere::Definition,
        "select n.nspname, null, format('%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)),
            case p.prokind when 'a' then
                (select format('aggregate: %s over %s, final %s, initial %s', g.aggtransfn,
                               format_type(g.aggtranstype, null), g.aggfinalfn, g.agginitval)
                 from pg_aggregate g where g.aggfnoid = p.oid)
            else pg_get_functiondef(p.oid) end
         from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where {ours} and {free:pg_proc p}",
    ),
    Kind(
        "sequence",
        Naming::InSchema,
        Elsewhere::Definition,
        "select n.nspname, null, c.relname, format('%s from %s by %s between %s and %s cache %s%s',
            format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
            case when s.seqcycle then ' cycle' else '' end)
         from pg_sequence s join pg_class c on c.oid = s.seqrelid
         join pg_namespace n on n.oid = c.relnamespace
         where c.relpersistence <> 't' and {ours} and {free:pg_class c}",
    ),
    Kind(
        "statistics",
        Naming::InSchema,
        Elsewhere::Definition,
        "select n.nspname, c.relname, s.stxname, pg_get_statisticsobjdef(s.oid)
         from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace
         join pg_class c on c.oid = s.stxrelid where {ours} and {free:pg_statistic_ext s}",
    ),
    // An extension brings its own, and only its owner may set another.
    Kind(
        "comment",
        Naming::Alone,
        Elsewhere::Definition,
        "select '', null, 'on ' || i.type || ' ' || i.identity, d.description
         from pg_description d, lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) i
         where (d.objoid >= 16384 or i.type = 'schema' and i.identity = 'public')
           and not (i.type = 'schema' and i.identity = 'public' and d.description = 'standard public schema')
           and d.classoid <> 'pg_extension'::regclass
           and coalesce(i.schema, '') !~ '^pg_' and not exists (select from pg_depend x
            where x.classid = d.classoid and x.objid = d.objoid and x.deptype = 'e')",
    ),
    // Of the database itself, which no dump of its contents carries.
    Kind(
        "database",
        Naming::Alone,
        Elsewhere::Never,
        "select '', null, 'locale', concat_ws(', ', pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
            to_jsonb(d) ->> 'datlocprovider', to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale')
         from pg_database d where d.datname = current_database()",
    ),
    // What an index was sorted by, where the machine sorts otherwise now: files that moved to another system.
    Kind(
        "outdated collation",
        Naming::Alone,
        Elsewhere::Never,
        "select '', null, 'database', to_jsonb(d) ->> 'datcollversion' from pg_database d
         where d.datname = current_database()
           and to_jsonb(d) ->> 'datcollversion' <> pg_collation_actual_version('pg_catalog.default'::regcollation)
         union all
         select '', null, c.oid::regcollation::text, c.collversion from pg_collation c
         where c.oid >= 16384 and c.collversion <> pg_collation_actual_version(c.oid)",
    ),
    Kind(
        "setting",
        Naming::Alone,
        Elsewhere::Never,
        "select '', null, split_part(c, '=', 1) ||
                case when s.setrole <> 0 then ' of role ' || s.setrole::regrole else '' end,
            substr(c, strpos(c, '=') + 1)
         from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, lateral unnest(s.setconfig) c
         where d.datname = current_database()",
    ),
    // The engine works as the role that looks, and lacks nothing on what is its own.
    Kind(
        "privilege lacking on",
        Naming::InSchema,
        Elsewhere::Never,
        "select n.nspname, c.relname, c.relname, string_agg(p, ', ' order by p)
         from pg_class c join pg_namespace n on n.oid = c.relnamespace,
              lateral unnest(case c.relkind when 'S' then '{select,update}'::text[]
                             else '{select,insert,update,delete}' end) p
         where c.relkind in ('r', 'p', 'S') and c.relpersistence <> 't' and {ours} and {free:pg_class c}
           and not case c.relkind when 'S' then has_sequence_privilege(c.oid, p)
                                  else has_table_privilege(c.oid, p) end
         group by 1, 2",
    ),
    // They lie outside every schema, and a dump of chosen tables leaves them out. Their content is
    // compared by its digest; for a role that may not read one the server reports an error.
    Kind(
        "large object",
        Naming::Alone,
        Elsewhere::Count,
        "select '', null, m.oid::text,
            format('%s bytes, sha256 %s', length(d.content), encode(sha256(d.content), 'hex'))
         from pg_largeobject_metadata m, lateral (select lo_get(m.oid) as content offset 0) d",
    ),
];

/// The whole catalog.
pub(super) async fn read(connection: &mut PgConnection) -> Result<Catalog, Error> {
    read_kinds(connection, KINDS.iter()).await
}

/// The parts that are compared with those of another server. It reads no data, which a role may lack the right to.
pub(super) async fn read_comparable(connection: &mut PgConnection) -> Result<Catalog, Error> {
    let comparable = |kind: &&Kind| matches!(kind.2, Elsewhere::Definition | Elsewhere::SameMajor);
    read_kinds(connection, KINDS.iter().filter(comparable)).await
}

/// How many large objects there are.
pub(super) async fn large_objects(connection: &mut PgConnection) -> Result<u64, Error> {
    let rows = all(connection, "select count(*) from pg_largeobject_metadata".to_owned()).await?;
    let count = rows.first().map(|row| text(row, 0)).transpose()?.unwrap_or_default();
    count.parse().or_harness(|| format!("{count:?} is no number of large objects"))
}

async fn read_kinds(
    connection: &mut PgConnection,
    kinds: impl Iterator<Item = &Kind>,
) -> Result<Catalog, Error> {
    let mut catalog = Catalog::default();
    for Kind(kind, naming, _, sql) in kinds {
        for row in all(connection, complete(sql)).await? {
            let (schema, name, definition) = (text(&row, 0)?, text(&row, 2)?, text(&row, 3)?);
            let table = maybe(&row, 1)?.map(|table| table_name(&schema, &table));
            let called = match (naming, &table) {
                (Naming::InTable, Some(table)) => format!("{table}.{name}"),
                (Naming::InTable | Naming::Alone, _) => name,
                (Naming::InSchema, _) => name_in(&schema, &name),
            };
            // A function's body is kept as it was written, and may hold anything.
            let definition = if *kind == "function" { definition } else { settle(&definition) };
            catalog.parts.insert(format!("{kind} {called}"), (table, definition));
        }
    }
    Ok(catalog)
}

/// The query with its conditions in place.
fn complete(sql: &str) -> String {
    let mut sql = sql.replace("{ours}", OURS);
    while let Some((before, rest)) = sql.split_once("{free:") {
        let Some((what, after)) = rest.split_once('}') else { break };
        let (catalog, alias) = what.split_once(' ').unwrap_or((what, "c"));
        sql = format!(
            "{before}not exists (select from pg_depend x where x.classid = '{catalog}'::regclass \
             and x.objid = {alias}.oid and x.deptype = 'e'){after}"
        );
    }
    sql
}
