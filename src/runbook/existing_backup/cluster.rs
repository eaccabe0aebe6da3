//! The cluster that a backup is restored into: what a dump needs of it, and which of several databases is meant.

use crate::{
    base::error::Error,
    model::profile::Profile,
    procedure::foreign::script::ScriptFacts,
    system::{
        cluster::OwnServer,
        postgres::{Postgres, quote_ident},
    },
};
use std::collections::BTreeSet;

/// Which of several databases is meant: the one that the user names, or the one with most of the profile's tables.
///
/// # Errors
/// Blames the user where the backup has no such database, the environment where several have as many of the tables:
/// to test one of them by chance would prove nothing about the other.
pub(super) fn database_of(
    facts: &ScriptFacts,
    profile: &Profile,
    wanted: Option<&str>,
) -> Result<String, Error> {
    let tables: Vec<String> = profile.entities.values().map(|entity| entity.table.to_string()).collect();
    let holds = |held: &BTreeSet<String>| {
        let held = |table: &&String| held.contains(*table) || held.contains(&format!("public.{table}"));
        tables.iter().filter(held).count()
    };
    let named = facts.databases.iter().filter(|(name, _)| !name.is_empty());
    let counts: Vec<(&str, usize)> = named.map(|(name, held)| (name.as_str(), holds(held))).collect();
    let names = counts.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = wanted {
        return match counts.iter().any(|(name, _)| *name == wanted) {
            true => Ok(wanted.to_owned()),
            false => Err(Error::usage(format!("the backup has no database {wanted:?}"))
                .cause(format!("it holds {names}"))),
        };
    }
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let best: Vec<&str> =
        counts.iter().filter(|(_, n)| *n == most && most > 0).map(|(name, _)| *name).collect();
    match best[..] {
        [only] => Ok(only.to_owned()),
        [] => Err(Error::usage("no database of the backup has the profile's tables")
            .cause(format!("it holds {names}"))),
        [..] => Err(Error::environment("several databases of the backup have the profile's tables")
            .cause(best.join(", "))
            .hint("name the one to test: --database NAME")),
    }
}

/// The database of a recovered cluster that holds most of the profile's tables, and the names of the others
/// that hold any.
///
/// # Errors
/// Blames the user where none has any of them.
pub async fn database_of_cluster(
    server: &OwnServer,
    profile: &Profile,
    wanted: Option<&str>,
) -> Result<(String, Vec<String>), Error> {
    const DATABASES: &str =
        "select datname::text from pg_database where datallowconn and not datistemplate order by 1";
    const TABLES: &str = "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace \
        where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";
    // No user has to keep `postgres`, but hardly anybody drops both.
    let first = match Postgres::connect(&server.access("postgres").await).await {
        Ok(postgres) => postgres,
        Err(_) => Postgres::connect(&server.access("template1").await).await?,
    };
    let names = first.texts(DATABASES).await;
    first.close().await;
    let mut facts = ScriptFacts::default();
    for name in names? {
        let postgres = Postgres::connect(&server.access(&name).await).await.map_err(|error| {
            error.while_doing(format!("can't open the database {name:?} of the recovered cluster"))
        })?;
        let tables = postgres.texts(TABLES).await;
        postgres.close().await;
        facts.databases.insert(name, tables?.into_iter().collect());
    }
    let chosen = database_of(&facts, profile, wanted)?;
    let others = others_than(&chosen, &facts);
    Ok((chosen, others))
}

/// The other databases with tables.
pub(super) fn others_than(chosen: &str, facts: &ScriptFacts) -> Vec<String> {
    let others = facts.databases.iter().filter(|(name, held)| *name != chosen && !held.is_empty());
    others.map(|(name, _)| name.clone()).filter(|name| !name.is_empty()).collect()
}

/// Gives the cluster what the dump needs: roles without login. What it can't give is refused before
/// anything is restored.
///
/// # Errors
/// Blames the environment: an extension is not installed, or only a superuser may restore the dump.
pub async fn prepare_cluster(
    needs: &ScriptFacts,
    as_superuser: bool,
    server: &Postgres,
) -> Result<Vec<String>, Error> {
    let installed = server.texts("select name::text from pg_available_extensions").await?;
    let missing: Vec<&str> = needs
        .extensions
        .iter()
        .map(String::as_str)
        .filter(|name| !installed.iter().any(|i| i == name))
        .collect();
    if !missing.is_empty() {
        return Err(Error::environment(format!(
            "the dump needs extensions that this PostgreSQL does not have: {}",
            missing.join(", ")
        ))
        .hint(
            "install their packages for this version, or choose another installation with PULP_DRILL_PG_BIN",
        ));
    }
    if !as_superuser && !needs.needs_superuser.is_empty() {
        let kinds: Vec<&str> = needs.needs_superuser.iter().copied().collect();
        return Err(Error::environment(format!(
            "only a superuser may restore what the dump contains: {}",
            kinds.join(", ")
        ))
        .hint("repeat with --restore-as-superuser, if you would give whoever made the dump a shell here"));
    }
    let existing = server.texts("select rolname::text from pg_roles").await?;
    let roles: Vec<&String> = needs.roles.iter().filter(|role| !existing.contains(role)).collect();
    for role in &roles {
        server.execute(&format!("create role {} nologin", quote_ident(role)), &[]).await?;
    }
    Ok(roles.into_iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::error::Blame, scenario::profile::read_profile};

    #[test]
    fn one_of_several_databases_is_chosen_by_the_tables_or_by_name_and_never_by_chance() {
        let profile = read_profile("pulp-engine").unwrap();
        let facts = |names: &[&str]| {
            let tables = |name: &str| match name {
                "empty" => BTreeSet::new(),
                _ => BTreeSet::from(["public.assets".to_owned()]),
            };
            let databases = names.iter().map(|name| ((*name).to_owned(), tables(name))).collect();
            ScriptFacts { databases, ..ScriptFacts::default() }
        };
        let chosen = |names: &[&str], wanted| {
            database_of(&facts(names), &profile, wanted).map_err(|error| (error.blame, error.to_string()))
        };
        assert_eq!(chosen(&["empty", "shop"], None).unwrap(), "shop");
        let (blame, why) = chosen(&["shop", "shop_test"], None).unwrap_err();
        assert!(blame == Blame::Environment && why.contains("--database"), "{why}");
        assert_eq!(chosen(&["shop", "shop_test"], Some("shop")).unwrap(), "shop");
        let (blame, why) = chosen(&["shop"], Some("other")).unwrap_err();
        assert!(blame == Blame::Usage && why.contains("it holds shop"), "{why}");
        assert_eq!(others_than("shop", &facts(&["shop", "empty", "shop_test"])), ["shop_test"]);
    }
}
