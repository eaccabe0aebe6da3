//! What an engine needs before it listens, and what it says about its state afterwards.

use crate::site::{Site, database, launch, site, site_with};
use crate::support::private_postgres;
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use standin::engine::{Defect, EngineError, MigrateArgs, migrate_database};

fn variables(url: &str) -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/startup-assets").to_owned();
    [("PORT", "0"), ("DATABASE_URL", url), ("ASSETS_DIR", folder.as_str())]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

async fn migrate(database: &PgConnectOptions) -> Result<(), EngineError> {
    migrate_database(database, &MigrateArgs::default()).await
}

#[tokio::test]
async fn an_engine_starts_on_the_schema_that_it_knows_and_on_no_other() {
    let Some(url) = private_postgres::database().await else { return };
    let variables = variables(&url);
    let refusal = || async { launch(&variables, &[]).await.err().expect("refused").to_string() };
    assert!(refusal().await.contains("is not there"), "{}", refusal().await);

    let database = database(&variables);
    migrate(&database).await.expect("migrate");
    migrate(&database).await.expect("a second time there is nothing to do");
    let site = Site::at(launch(&variables, &[]).await.expect("start"), variables.clone());
    let steps =
        "SELECT version || ' ' || name || ' ' || finished_at FROM _schema_migrations ORDER BY version";
    let applied = site.sql(steps).await;
    assert_eq!(applied.len(), 4);
    migrate(&database).await.expect("still nothing to do");
    assert_eq!(site.sql(steps).await, applied);

    site.sql("INSERT INTO _schema_migrations VALUES (5, 'future', 'x', now(), now()) RETURNING name").await;
    assert_eq!(site.get("/health/ready").await.status, 503);
    assert!(refusal().await.contains("is newer than this engine"), "{}", refusal().await);
    let newer = migrate(&database).await.expect_err("refused").to_string();
    assert!(newer.contains("is newer than this engine"), "{newer}");

    site.sql("DELETE FROM _schema_migrations WHERE version > 2 RETURNING name").await;
    assert!(refusal().await.contains("is older than this engine"), "{}", refusal().await);
}

#[tokio::test]
async fn two_migrators_at_once_make_one_schema() {
    let Some(url) = private_postgres::database().await else { return };
    let database = database(&variables(&url));
    let (one, other) = tokio::join!(migrate(&database), migrate(&database));
    one.expect("migrate");
    other.expect("migrate");
}

#[tokio::test]
async fn what_cannot_be_reached_keeps_the_engine_from_starting() {
    let Some(url) = private_postgres::database().await else { return };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address");
    let nobody = format!("postgresql://u:hush@{closed}/x");
    let message = launch(&variables(&nobody), &[]).await.err().expect("refused").to_string();
    assert!(message.contains("DATABASE_URL") && !message.contains("hush"), "{message}");

    let mut variables = variables(&url);
    migrate(&database(&variables)).await.expect("migrate");
    let endpoint = format!("http://{closed}");
    let bucket = [
        ("ASSET_BINARY_STORE", "s3"),
        ("S3_BUCKET", "pulp-assets"),
        ("S3_REGION", "eu-central-1"),
        ("S3_ACCESS_KEY_ID", "id"),
        ("S3_SECRET_ACCESS_KEY", "hush"),
        ("S3_ENDPOINT", endpoint.as_str()),
        ("S3_PATH_STYLE", "true"),
    ];
    variables.extend(bucket.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let message = launch(&variables, &[]).await.err().expect("refused").to_string();
    assert!(message.contains("pulp-assets") && message.contains("cannot be reached"), "{message}");
    assert!(!message.contains("hush"), "{message}");

    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = busy.local_addr().expect("address").port().to_string();
    variables.extend([
        ("PORT".to_owned(), port.clone()),
        ("ASSET_BINARY_STORE".to_owned(), "filesystem".to_owned()),
    ]);
    let message = launch(&variables, &[]).await.err().expect("refused").to_string();
    assert!(message.contains(&port), "{message}");
}

#[tokio::test]
async fn readiness_covers_the_store_unless_the_engine_lies() {
    let Some(site) = site().await else { return };
    let alive = site.get("/health").await.ok(200);
    assert!(alive["version"].is_string() && alive["timestamp"].is_string());
    let ready = site.get("/health/ready").await.ok(200);
    assert_eq!(ready["checks"], json!({"database": "ok", "assetBinaryStore": "ok"}));
    std::fs::remove_dir_all(site.folder.path().join("assets")).expect("take away");
    let degraded = site.get("/health/ready").await.ok(503);
    assert_eq!((&degraded["status"], &degraded["checks"]["database"]), (&json!("degraded"), &json!("ok")));
    assert_ne!(degraded["checks"]["assetBinaryStore"], "ok");

    let Some(liar) = site_with(&[], &[Defect::LiesReady]).await else { return };
    std::fs::remove_dir_all(liar.folder.path().join("assets")).expect("take away");
    liar.get("/health/ready").await.ok(200);
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let Some(site) = site().await else { return };
    site.invoice().await;
    let before = site.render("invoice").await.bytes;
    let address = site.running.address();
    let site = site.restart(&[]).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err() || address == site.running.address());
    assert_eq!(site.render("invoice").await.bytes, before);
}

/// An engine that acts as the release before, with a tenant and a label from that time.
async fn release_before(url: &str) -> (PgConnectOptions, Vec<(String, String)>) {
    let older = [variables(url), vec![("PULP_STANDIN_SCHEMA".to_owned(), "3".to_owned())]].concat();
    let database = database(&older);
    let to = MigrateArgs { to: Some(3), ..MigrateArgs::default() };
    migrate_database(&database, &to).await.expect("to 3");
    let site = Site::at(launch(&older, &[]).await.expect("start"), older.clone());
    site.get("/health/ready").await.ok(200);
    site.invoice().await;
    site.put("/templates/invoice/labels/stable", None, json!({"version": "1.0.0"})).await.ok(200);
    site.post("/admin/tenants/", json!({"id": "acme", "name": "Acme"})).await.ok(201);
    assert_eq!(site.post("/admin/tenants/acme/archive", json!({})).await.status, 204);
    let tenant = site.get("/admin/tenants/acme").await.ok(200);
    assert_eq!(tenant.get("statusChangedAt"), None, "this release does not know");
    site.running.stop().await.expect("stop");
    (database, older)
}

#[tokio::test]
async fn a_schema_of_the_release_before_comes_forward_with_its_data() {
    let Some(url) = private_postgres::database().await else { return };
    let (database, older) = release_before(&url).await;
    let refused = launch(&variables(&url), &[]).await.err().expect("refused").to_string();
    assert!(refused.contains("step 4 of 4 is missing"), "{refused}");
    migrate(&database).await.expect("forward");
    let site = Site::at(launch(&variables(&url), &[]).await.expect("start"), variables(&url));
    let tenant = site.get("/admin/tenants/acme").await.ok(200);
    assert_eq!((&tenant["status"], &tenant["statusChangedAt"]), (&json!("archived"), &tenant["createdAt"]));
    let label = site.get("/templates/invoice/labels").await.ok(200)["items"][0].clone();
    assert_eq!((&label["version"], &label["createdAt"]), (&json!("1.0.0"), &label["updatedAt"]));
    assert_eq!(site.render("invoice").await.status, 200);
    assert_eq!(site.post("/admin/tenants/acme/unarchive", json!({})).await.status, 204);
    let tenant = site.get("/admin/tenants/acme").await.ok(200);
    assert_ne!(tenant["statusChangedAt"], tenant["createdAt"]);
    let refused = launch(&older, &[]).await.err().expect("refused").to_string();
    assert!(refused.contains("is newer than this engine"), "{refused}");
}

#[tokio::test]
async fn a_migration_that_was_cut_off_stays_in_the_way() {
    let Some(url) = private_postgres::database().await else { return };
    let (database, _) = release_before(&url).await;
    let halve = MigrateArgs { stop_in_the_middle: true, ..MigrateArgs::default() };
    let message = migrate_database(&database, &halve).await.expect_err("cut off").to_string();
    assert!(message.contains("step 4 (moments_of_change) began and did not finish"), "{message}");
    let again = migrate(&database).await.expect_err("in the way").to_string();
    assert_eq!(again, message);
    let refused = launch(&variables(&url), &[]).await.err().expect("refused").to_string();
    assert_eq!(refused, message);
    let site = Site::at(launch_elsewhere().await, variables(&url));
    let columns = "SELECT table_name || '.' || column_name FROM information_schema.columns
                    WHERE column_name IN ('status_changed_at', 'created_at')
                      AND table_name IN ('tenants', 'template_labels') ORDER BY 1";
    assert_eq!(site.sql(columns).await, ["tenants.created_at", "tenants.status_changed_at"], "by half");
}

#[tokio::test]
async fn a_migration_that_fails_says_why_and_changes_nothing() {
    let Some(url) = private_postgres::database().await else { return };
    let (database, _) = release_before(&url).await;
    let site = Site::at(launch_elsewhere().await, variables(&url));
    site.sql("ALTER TABLE template_labels ADD COLUMN created_at text").await;
    assert!(migrate(&database).await.is_err());
    let failed = "SELECT version || ' ' || (failed_at IS NOT NULL) || ' ' || log FROM _schema_migrations
                   WHERE finished_at IS NULL";
    let failed = site.sql(failed).await;
    assert!(failed[0].starts_with("4 true") && failed[0].contains("created_at"), "{failed:?}");
    let again = migrate(&database).await.expect_err("in the way").to_string();
    assert!(again.contains("did not finish") && again.contains("created_at"), "{again}");
    let half =
        "SELECT count(*)::text FROM information_schema.columns WHERE column_name = 'status_changed_at'";
    assert_eq!(site.sql(half).await, ["0"], "its transaction was taken back");
}

/// Any engine: a site needs one, and these tests look at a database that none starts on.
async fn launch_elsewhere() -> standin::engine::EngineServer {
    crate::site::file_site_with(&[], &[]).await.running
}
