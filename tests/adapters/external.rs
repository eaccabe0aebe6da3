//! Drills on the user's own PostgreSQL and object store, beside a production that must not be
//! touched: whatever is typed, its rows, objects, names and tags stay as they are, and the refusal
//! says why. The stores are real; only their owner is made up.

use crate::support::{
    embedded_s3::{self, TestStore},
    private_postgres,
};
use pulp_drill::{
    base::{
        error::Blame,
        ids::{BucketName, ObjectKey},
        redact::Redactor,
    },
    model::state::Metadata,
    system::{
        destroy::Guard,
        external_site::{SiteLease, SiteLocation},
        objects::Tags,
        postgres::Access,
    },
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

type Vars = BTreeMap<&'static str, String>;

/// A server with a production on it, and room for a site.
struct World {
    store: TestStore,
    production: Access,
    site: Access,
    reports: tempfile::TempDir,
}

impl World {
    /// `None` where there is no PostgreSQL.
    async fn new() -> Option<Self> {
        let production = Access::parse(&private_postgres::database().await?).unwrap();
        let site = production.with_database(&format!("{}-drills", production.database));
        let store = embedded_s3::start().await;
        for name in ["prod-assets", "prod-backups"] {
            let bucket = store.bucket(name).await;
            let key = ObjectKey::from("logo.png");
            bucket.put(&key, b"the only logo".to_vec(), &Metadata::of_type("image/png")).await.unwrap();
        }
        let world = Self { store, production, site, reports: tempfile::tempdir().unwrap() };
        world.sql(&world.production, "create table orders (id int primary key, what text)").await;
        world
            .sql(
                &world.production,
                "insert into orders select n, 'order ' || n from generate_series(1, 50) n",
            )
            .await;
        Some(world)
    }

    async fn sql(&self, access: &Access, sql: &str) {
        let mut connection = PgConnection::connect(&access.url()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn ask(&self, access: &Access, sql: &str) -> Option<String> {
        let mut connection = PgConnection::connect(&access.url()).await.unwrap();
        let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        row.get(0)
    }

    /// All that a production is: the database's identity, comment and rows, the buckets' bytes and
    /// tags.
    async fn digest(&self) -> Vec<String> {
        let name = &self.production.database;
        let rows = "select md5(string_agg(o::text, '|' order by id)) from orders o";
        let who = format!(
            "select oid || coalesce(shobj_description(oid, 'pg_database'), '') from pg_database where datname = '{name}'"
        );
        let mut all = vec![
            self.ask(&self.production, rows).await.unwrap(),
            self.ask(&self.production, &who).await.unwrap(),
        ];
        for name in ["prod-assets", "prod-backups"] {
            let bucket = self.store.store.bucket(&BucketName::from(name));
            all.push(format!(
                "{:?} {:?}",
                bucket.inventory("", &Default::default()).await.unwrap(),
                bucket.tags().await.unwrap()
            ));
        }
        all
    }

    /// The variables of a site on this database with these buckets.
    fn vars(&self, database: &Access, assets: &str, backups: &str) -> Vars {
        let s3 = &self.store.access;
        [
            ("DATABASE_URL", database.url()),
            ("S3_ENDPOINT", s3.endpoint.clone()),
            ("S3_REGION", s3.region.clone()),
            ("S3_ACCESS_KEY_ID", s3.access_key.clone()),
            ("S3_SECRET_ACCESS_KEY", s3.secret_key.clone()),
            ("S3_BUCKET", assets.to_owned()),
            ("S3_BACKUP_BUCKET", backups.to_owned()),
        ]
        .into()
    }

    fn site_vars(&self) -> Vars {
        self.vars(&self.site, "drill-assets", "drill-backups")
    }

    fn command(&self, vars: &Vars, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pulp-drill"));
        command.args(args).envs(vars).stdin(Stdio::null());
        if args[0] == "run" {
            command.args(["--substrate", "external", "--report-dir"]).arg(self.reports.path());
        }
        command
    }

    /// Runs a command line, and holds its output to being free of secrets.
    fn drill(&self, vars: &Vars, args: &[&str]) -> (Option<i32>, String) {
        let out: Output = tokio::task::block_in_place(|| self.command(vars, args).output().unwrap());
        let said =
            format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        self.holds_no_secret(&format!("{args:?}"), said.as_bytes());
        (out.status.code(), said)
    }

    fn holds_no_secret(&self, place: &str, bytes: &[u8]) {
        let access = &self.store.access;
        let encoded = self.site.url();
        let encoded = encoded.split(['@']).next().unwrap().rsplit(':').next().unwrap();
        for secret in [&self.site.password, encoded, &access.secret_key, &access.access_key] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{place} shows {secret}: {}", String::from_utf8_lossy(bytes));
        }
    }

    /// A command line that must be refused for this reason, and change nothing of the production's.
    async fn refused(&self, vars: &Vars, args: &[&str], reason: &str) {
        let before = self.digest().await;
        let (exit, said) = self.drill(vars, args);
        assert_eq!(exit, Some(2), "{args:?} on {:?}: {said}", vars["S3_BUCKET"]);
        assert!(said.contains(reason), "{args:?} does not say {reason:?}: {said}");
        assert_eq!(self.digest().await, before, "{args:?} changed the production: {said}");
    }

    fn done(&self, vars: &Vars, args: &[&str]) -> String {
        let (exit, said) = self.drill(vars, args);
        assert_eq!(exit, Some(0), "{args:?}: {said}");
        said
    }

    /// Every form of every subcommand that destroys, with every name repeated that stands in the
    /// variables.
    async fn all_refused(&self, vars: &Vars, reason: &str) {
        let named = Access::parse(&vars["DATABASE_URL"]).map_or(String::new(), |access| access.database);
        let names = [named.as_str(), vars["S3_BUCKET"].as_str(), vars["S3_BACKUP_BUCKET"].as_str()];
        let named = names.iter().flat_map(|name| ["--i-understand-this-destroys", name]);
        for act in [&["run", MISSING][..], &["site", "reset"], &["site", "remove"]] {
            let args: Vec<&str> = act.iter().copied().chain(named.clone()).collect();
            self.refused(vars, &args, reason).await;
        }
    }
}

const MISSING: &str = "scenarios/binary-missing.yaml";
const NAMED: &str = "--i-understand-this-destroys";

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_production_survives_whatever_is_typed() {
    let Some(world) = World::new().await else { return };
    let (production, site) = (&world.production, &world.site);
    let prod = world.vars(production, "prod-assets", "prod-backups");
    // Before there is any site.
    world.all_refused(&prod, "marke").await;
    world.refused(&prod, &["site", "create"], "orders").await;
    world.refused(&prod, &["site", "create", NAMED, &production.database], "orders").await;
    let new = |assets, backups| world.vars(site, assets, backups);
    world
        .refused(&new("prod-assets", "drill-backups"), &["site", "create"], "prod-assets is not empty")
        .await;
    world
        .refused(&new("drill-assets", "prod-backups"), &["site", "create"], "prod-backups is not empty")
        .await;
    world.refused(&new("drill-assets", "drill-assets"), &["site", "create"], "name one bucket twice").await;
    // With one.
    world.done(&world.site_vars(), &["site", "create"]);
    world.all_refused(&prod, "marke").await;
    world.refused(&world.site_vars(), &["site", "create"], "there already").await;
    world.all_refused(&new("prod-assets", "drill-backups"), "bucket prod-assets").await;
    world.all_refused(&new("drill-assets", "prod-backups"), "bucket prod-backups").await;
    world.all_refused(&world.vars(production, "drill-assets", "drill-backups"), "orders").await;
    let alias = Access { host: "localhost".to_owned(), ..production.clone() };
    world.all_refused(&world.vars(&alias, "drill-assets", "drill-backups"), "orders").await;
    for own in ["postgres", "template1"] {
        let vars = world.vars(&site.with_database(own), "drill-assets", "drill-backups");
        world.all_refused(&vars, "the server's own").await;
    }
    // A database that is not there vouches for no bucket.
    let slip = world.vars(&site.with_database("drilsl"), "drill-assets", "drill-backups");
    world.all_refused(&slip, "buckets").await;
    assert_eq!(world.done(&world.site_vars(), &["site", "show"]).matches(" site 0").count(), 3);
    // A name must be repeated, and the right one.
    for act in ["reset", "remove"] {
        let hint = format!("{NAMED} {}", site.database);
        world.refused(&world.site_vars(), &["site", act], &hint).await;
        world.refused(&world.site_vars(), &["site", act, NAMED, &production.database], &hint).await;
    }
    // A marker that came by a copy is none.
    let marker = format!(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = '{}'",
        site.database
    );
    let marker = world.ask(site, &marker).await.unwrap();
    let copied = |text: &str| format!("comment on database \"{}\" is '{text}'", production.database);
    world.sql(production, &copied(&marker)).await;
    world
        .all_refused(&world.vars(production, "drill-assets", "drill-backups"), "was made for database")
        .await;
    let renamed = marker.replace(&format!("{:?}", site.database), &format!("{:?}", production.database));
    world.sql(production, &copied(&renamed)).await;
    world.all_refused(&world.vars(production, "drill-assets", "drill-backups"), "this one is a copy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_put_into_a_site_is_never_destroyed() {
    let Some(world) = World::new().await else { return };
    let vars = world.site_vars();
    world.done(&vars, &["site", "create"]);
    // Another site's bucket, and nobody's.
    let assets = world.store.store.bucket(&BucketName::from("drill-assets"));
    let Tags::Of(ours) = assets.tags().await.unwrap() else { panic!("no tags") };
    let another = BTreeMap::from([("pulp-drill-site".to_owned(), "another".to_owned())]);
    assets.set_tags(&another).await.unwrap();
    world.all_refused(&vars, "another site").await;
    assets.set_tags(&BTreeMap::new()).await.unwrap();
    world.refused(&vars, &["run", MISSING], "carries no marker").await;
    world.refused(&vars, &["site", "reset", NAMED, &world.site.database], "carries no marker").await;
    assets.set_tags(&ours).await.unwrap();
    // A table, even without rows.
    world.sql(&world.site, "create table precious (id int)").await;
    world.all_refused(&vars, "table precious").await;
    world.sql(&world.site, "drop table precious; create schema precious").await;
    world.all_refused(&vars, "schema precious").await;
    world.sql(&world.site, "drop schema precious").await;
    // An object; then only its old version.
    let bucket = world.store.store.bucket(&BucketName::from("drill-backups"));
    let key = ObjectKey::from("precious");
    bucket.set_versioning(true).await.unwrap();
    bucket.put(&key, b"1".to_vec(), &Metadata::default()).await.unwrap();
    world.all_refused(&vars, "object \"precious\"").await;
    bucket.delete(&key).await.unwrap();
    assert!(bucket.list("").await.unwrap().is_empty(), "only the old version is left");
    world.all_refused(&vars, "bucket drill-backups holds what").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_looks_again_at_the_place_itself() {
    let Some(world) = World::new().await else { return };
    let vars = world.site_vars();
    world.done(&vars, &["site", "create"]);
    let place = SiteLocation::from_vars(|name| vars.get(name).cloned(), &Redactor::new()).unwrap();
    let held = Arc::new(SiteLease::hold(place, &[], None).await.unwrap());
    let (guard, bucket) = (Guard::marked(&held), BucketName::from("drill-assets"));
    guard.database(&world.site).await.expect_err("the site is held, and not taken");
    held.begin("a-run", "now".to_owned()).await.unwrap();
    guard.database(&world.site).await.unwrap();
    guard.bucket(&bucket).await.unwrap();
    guard.still_ours().await.unwrap();
    let refuses = async |reason: &str| {
        let why = guard.still_ours().await.expect_err(reason).to_string();
        assert!(why.contains(reason), "{why}");
    };
    guard.database(&world.production).await.expect_err("the production is no part of the site");
    guard.bucket(&BucketName::from("prod-assets")).await.expect_err("nor is its bucket");
    // The bucket's tag goes while the run lasts, and comes back.
    let assets = world.store.store.bucket(&bucket);
    let Tags::Of(ours) = assets.tags().await.unwrap() else { panic!("no tags") };
    assets.set_tags(&BTreeMap::new()).await.unwrap();
    guard.bucket(&bucket).await.expect_err("the bucket is not marked any more");
    refuses("bucket drill-assets is not touched").await;
    assets.set_tags(&ours).await.unwrap();
    guard.bucket(&bucket).await.unwrap();
    // Somebody makes a database of the fresh one's name, then of the site's.
    let fresh = world.site.with_database(&format!("{}-restored", world.site.database));
    guard.database(&fresh).await.unwrap();
    world.sql(&world.production, &format!("create database \"{}\"", fresh.database)).await;
    guard.database(&fresh).await.expect_err("it carries no marker");
    world.sql(&world.production, &format!("drop database \"{}\"", fresh.database)).await;
    world.sql(&world.production, &format!("drop database \"{}\"", world.site.database)).await;
    guard.database(&world.site).await.unwrap();
    world.sql(&world.production, &format!("create database \"{}\"", world.site.database)).await;
    guard.database(&world.site).await.expect_err("somebody else has made it");
    refuses("carries no marker of ours").await;
    // The lock's connection is cut.
    // That of this site alone: other tests have sites on the same server.
    let cut = format!(
        "select pg_terminate_backend(pid)::text from pg_locks where locktype = 'advisory' \
           and ((classid::bigint << 32) | objid::bigint) = hashtextextended('pulp-drill site {}', 0)",
        world.site.database
    );
    world.ask(&world.production, &cut).await;
    let lost = guard.bucket(&bucket).await.expect_err("the lock is lost");
    assert_eq!(lost.blame, Blame::Environment, "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_locks_and_files_keep_a_run_out() {
    let Some(world) = World::new().await else { return };
    let vars = world.site_vars();
    world.done(&vars, &["site", "create"]);
    let somebody = PgConnection::connect(&world.site.url()).await.unwrap();
    world.refused(&vars, &["run", MISSING], "somebody uses it").await;
    somebody.close().await.unwrap();
    // The lock is the server's, whatever it is called.
    let mut other = PgConnection::connect(&world.site.maintenance().url()).await.unwrap();
    let lock = "select pg_advisory_lock(hashtextextended('pulp-drill site ' || $1, 0))";
    sqlx::query(lock).bind(&world.site.database).execute(&mut other).await.unwrap();
    let alias = Access { host: "localhost".to_owned(), ..world.site.clone() };
    let by_alias = world.vars(&alias, "drill-assets", "drill-backups");
    world.all_refused(&by_alias, "another run is using").await;
    other.close().await.unwrap();
    // Production in the environment, its bucket in the file.
    let file = world.reports.path().join("drills.env");
    let site = world.vars(&world.site, "prod-assets", "drill-backups");
    fs::write(&file, site.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect::<String>())
        .unwrap();
    let prod = world.vars(&world.production, "prod-assets", "prod-backups");
    let args = ["run", MISSING, "--env-file", file.to_str().unwrap()];
    world.refused(&prod, &args, "others may read").await;
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    world.refused(&prod, &args, "environment's own DATABASE_URL").await;
    fs::remove_file(&file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_drilled_on_survives_a_kill_and_goes_again() {
    let Some(world) = World::new().await else { return };
    let before = world.digest().await;
    let vars = world.site_vars();
    world.done(&vars, &["site", "create"]);
    let three = ["database-destroyed", "fresh-database", "objects-destroyed"]
        .map(|id| format!("scenarios/{id}.yaml"));
    let run: Vec<&str> = ["run"].into_iter().chain(three.iter().map(String::as_str)).collect();
    let said = world.done(&vars, &run);
    assert!(said.contains("fresh-database"), "{said}");
    assert!(world.done(&vars, &["site", "show"]).contains("marked empty"));

    let mut child = world.command(&vars, &run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let rows = "select count(*)::text from pg_class where relname = 'templates'";
    let there = "select count(*)::text from pg_database where datname = ".to_owned()
        + &format!("'{}'", world.site.database);
    loop {
        assert!(begun.elapsed() < Duration::from_secs(120), "the run never wrote anything");
        if world.ask(&world.production, &there).await.as_deref() == Some("1")
            && let Ok(mut connection) = PgConnection::connect(&world.site.url()).await
            && let Ok(row) = sqlx::query(rows).fetch_one(&mut connection).await
            && row.get::<String, _>(0) == "1"
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let hint = format!("pulp-drill site reset {NAMED} {}", world.site.database);
    world.refused(&vars, &["run", MISSING], &hint).await;
    assert!(world.done(&vars, &["site", "show"]).contains("in use by run"));
    let named = [NAMED, world.site.database.as_str()];
    assert!(world.done(&vars, &["site", "reset", named[0], named[1]]).contains("cleared"));
    assert!(world.done(&vars, &["site", "show"]).contains("marked empty"));
    assert!(world.done(&vars, &["site", "reset", named[0], named[1]]).contains("nothing to clear"));

    // The database was dropped, and its successor not marked yet.
    world.sql(&world.production, &format!("drop database \"{}\"", world.site.database)).await;
    world.refused(&vars, &["run", MISSING], &hint).await;
    world.done(&vars, &["site", "reset", named[0], named[1]]);
    world.done(&vars, &["run", MISSING]);

    for file in files_below(world.reports.path()) {
        world.holds_no_secret(&file.display().to_string(), &fs::read(&file).unwrap());
    }
    world.done(&vars, &["site", "remove", named[0], named[1]]);
    assert!(world.done(&vars, &["site", "show"]).matches("not there").count() == 4);
    assert_eq!(world.digest().await, before);
}
