//! Owners and privileges of everything that has them: each catalog of the server with a column for an
//! owner or an access control list is read, so that no kind of object is forgotten. Left out is what a new
//! object of the connecting role would have, and what `initdb` or an extension granted (`pg_init_privs`).

use crate::base::error::{Error, ErrorContext};
use crate::model::state::ObjectAccess;
use crate::system::postgres::Postgres;
use crate::system::postgres::text::{all, maybe, text};
use std::collections::{BTreeMap, BTreeSet};

/// Catalogs of this database with the columns for owner and access control list, either of which may be
/// missing. Shared catalogs describe the cluster; `pg_init_privs` is the baseline.
const CATALOGS: &str = "
select c.relname, max(a.attname) filter (where a.attname ~ 'owner$'),
    max(a.attname) filter (where a.atttypid = 'aclitem[]'::regtype)
from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r' and not c.relisshared
  and c.relname not in ('pg_init_privs', 'pg_attribute')
  and (a.attname ~ 'owner$' and a.atttypid = 'oid'::regtype or a.atttypid = 'aclitem[]'::regtype)
group by 1 order by 1";

/// Columns have no number of their own.
const COLUMNS: &str = "
select 'pg_attribute' as catalog, 'pg_class'::regclass as class, a.attrelid as oid, a.attnum::int as part,
    null::oid as owner, a.attacl as acl, c.relowner as default_owner
from pg_attribute a join pg_class c on c.oid = a.attrelid
where a.attacl is not null";

/// The letter by which `acldefault` knows a catalog's objects.
const LETTERS: [(&str, &str); 8] = [
    ("pg_foreign_data_wrapper", "F"),
    ("pg_foreign_server", "S"),
    ("pg_language", "l"),
    ("pg_largeobject_metadata", "L"),
    ("pg_namespace", "n"),
    ("pg_proc", "f"),
    ("pg_type", "T"),
    ("pg_attribute", "c"),
];

/// Objects whose owner or privileges are another one's: indexes, TOAST tables, row and array types.
const DERIVED: &str = "
    not (catalog = 'pg_class' and exists (select from pg_class c where c.oid = o.oid and part = 0
         and c.relkind in ('i', 'I', 't', 'c')))
    and not (catalog = 'pg_type' and exists (select from pg_type t where t.oid = o.oid
         and (t.typcategory = 'A' or t.typtype = 'm' or t.typrelid <> 0
              and (select c.relkind from pg_class c where c.oid = t.typrelid) <> 'c')))
    and not (class = 'pg_class'::regclass and exists (select from pg_class c where c.oid = o.oid
         and c.relpersistence = 't'))";

/// One query over all catalogs. Fields: the object, its owner or null for the connecting role, what is
/// granted and what would be by default.
fn query(catalogs: &[(String, Option<String>, Option<String>)]) -> String {
    let mut parts = vec![COLUMNS.to_owned()];
    for (catalog, owner, acl) in catalogs {
        // Large objects are identified by the catalog of their pages.
        let class = catalog.trim_end_matches("_metadata");
        let owner = owner.as_deref().map_or("null::oid".to_owned(), |owner| format!("x.{owner}"));
        let acl = acl.as_deref().map_or("null::aclitem[]".to_owned(), |acl| format!("x.{acl}"));
        parts.push(format!(
            "select '{catalog}', '{class}'::regclass, x.oid, 0, {owner}, {acl}, {owner} from {catalog} x \
             where {acl} is not null or x.oid >= 16384 and {owner} <> current_user::regrole"
        ));
    }
    let letters: Vec<String> =
        LETTERS.iter().map(|(catalog, letter)| format!("when '{catalog}' then '{letter}'")).collect();
    let grants = "(select json_agg(format('%s to %s%s', g.privilege_type, \
         case when g.grantee = 0 then 'PUBLIC' when g.grantee = o.default_owner then 'its owner' \
              else g.grantee::regrole::text end, case when g.is_grantable then ' with grant option' else '' end)) \
         from aclexplode(ACL) g)";
    let by_default = format!(
        "case when o.catalog <> 'pg_default_acl' then acldefault((case o.catalog {} \
         else case when exists (select from pg_class c where c.oid = o.oid and c.relkind = 'S') \
                   then 's' else 'r' end end)::\"char\", o.default_owner) end",
        letters.join(" ")
    );
    let by_default = format!("(case when o.acl is null then null else {by_default} end)");
    format!(
        "select i.type || ' ' || i.identity,
            case when o.owner <> current_user::regrole and o.oid >= 16384
                 and not exists (select from pg_depend x where x.classid = o.class and x.objid = o.oid
                                 and x.deptype = 'e') then o.owner::regrole::text end,
            {}, {}
         from ({}) o, lateral pg_identify_object(o.class, o.oid, o.part) i
         where coalesce(i.schema, '') !~ '^(pg_toast|information_schema$)'
           and i.identity <> 'information_schema' and {DERIVED}
           and (o.acl is distinct from (select p.initprivs from pg_init_privs p where p.classoid = o.class
                    and p.objoid = o.oid and p.objsubid = o.part)
                or o.owner <> current_user::regrole)
           and not (o.acl is null and exists (select from pg_depend x where x.classid = o.class
                    and x.objid = o.oid and x.deptype = 'e'))",
        grants.replace("ACL", "o.acl"),
        grants.replace("ACL", &by_default),
        parts.join("\nunion all\n")
    )
}

impl Postgres {
    /// Owners and privileges that differ from those of a new object of the connecting role, by the object's
    /// type and identity: `table public.assets`.
    pub async fn access_rights(&self) -> Result<BTreeMap<String, ObjectAccess>, Error> {
        let context = || "can't read owners and privileges".to_owned();
        let mut connection = self.pool.acquire().await.or_environment(context)?;
        let mut catalogs = Vec::new();
        for row in all(&mut connection, CATALOGS.to_owned()).await? {
            catalogs.push((text(&row, 0)?, maybe(&row, 1)?, maybe(&row, 2)?));
        }
        let mut rights = BTreeMap::new();
        for row in all(&mut connection, query(&catalogs)).await? {
            let set = |json: Option<String>| -> Result<BTreeSet<String>, Error> {
                json.map_or(Ok(BTreeSet::new()), |json| serde_json::from_str(&json).or_harness(context))
            };
            let access = ObjectAccess {
                owner: maybe(&row, 1)?,
                granted: set(maybe(&row, 2)?)?,
                by_default: set(maybe(&row, 3)?)?,
            };
            if access.owner.is_some() || access.granted != access.by_default {
                rights.insert(text(&row, 0)?, access);
            }
        }
        Ok(rights)
    }
}
