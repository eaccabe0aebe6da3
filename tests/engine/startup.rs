//! What an engine needs before it listens, and what it says about its state afterwards.

use crate::private_postgres;
use crate::site::{launch, settings, site, site_with};
use pulp_drill::standin::engine::{Defect, migrate_database};
use serde_json::json;

fn variables(url: &str) -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/startup-assets").to_owned();
    [("PORT", "0"), ("DATABASE_URL", url), ("ASSETS_DIR", folder.as_str())]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

#[tokio::test]
async fn an_engine_starts_on_the_schema_that_it_knows_and_on_no_other() {
    let Some(url) = private_postgres::database().await else { return };
    let variables = variables(&url);
    let refusal = || async { launch(&variables, &[]).await.err().expect("refused").to_string() };
    assert!(refusal().await.contains("is not there"), "{}", refusal().await);

    let database = settings(&variables, &[]).database;
    migrate_database(&database).await.expect("migrate");
    migrate_database(&database).await.expect("a second time there is nothing to do");
    let site = crate::site::Site::at(launch(&variables, &[]).await.expect("start"), variables.clone());
    let steps = "SELECT version || ' ' || name || ' ' || applied_at FROM _schema_migrations ORDER BY version";
    let applied = site.sql(steps).await;
    assert_eq!(applied.len(), 3);
    migrate_database(&database).await.expect("still nothing to do");
    assert_eq!(site.sql(steps).await, applied);

    site.sql("INSERT INTO _schema_migrations VALUES (4, 'future', 'x') RETURNING name").await;
    assert_eq!(site.get("/health/ready").await.status, 503);
    assert!(refusal().await.contains("is newer than this engine"), "{}", refusal().await);
    let newer = migrate_database(&database).await.expect_err("refused").to_string();
    assert!(newer.contains("is newer than this engine"), "{newer}");

    site.sql("DELETE FROM _schema_migrations WHERE version > 2 RETURNING name").await;
    assert!(refusal().await.contains("is older than this engine"), "{}", refusal().await);
}

#[tokio::test]
async fn two_migrators_at_once_make_one_schema() {
    let Some(url) = private_postgres::database().await else { return };
    let database = settings(&variables(&url), &[]).database;
    let (one, other) = tokio::join!(migrate_database(&database), migrate_database(&database));
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
    migrate_database(&settings(&variables, &[]).database).await.expect("migrate");
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
