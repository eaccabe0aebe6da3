//! The order in which each kind of write touches the two stores: a gate before the bucket holds the
//! engine between them, and what is there then tells.

use crate::site::{Answer, Site, file_site_with, png, send, site_with};
use pulp_drill::base::ids::{BucketName, ObjectKey};
use pulp_drill::system::gate::{Gate, GateFailure, GatePoint, HeldRequests, Rule, S3Operation};
use pulp_drill::system::objects::{Bucket, Got, ObjectStore, S3Access};
use reqwest::{Method, RequestBuilder, multipart};
use serde_json::{Value, json};
use standin::objects::{EmbeddedStore, Keys, ObjectsArgs, bind};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::task::JoinHandle;
use url::Url;

const LIMIT: Duration = Duration::from_secs(20);
const RED: [u8; 3] = [200, 0, 0];
const BLUE: [u8; 3] = [0, 0, 200];

/// A site whose bucket is behind a gate.
struct GatedSite {
    site: Site,
    gate: Gate,
    /// Around the gate.
    bucket: Bucket,
    results: Bucket,
    objects: EmbeddedStore,
    _folder: tempfile::TempDir,
}

/// The rows in a database, or in files.
#[derive(Clone, Copy)]
enum Rows {
    Database,
    Files,
}

const BOTH: [Rows; 2] = [Rows::Database, Rows::Files];

impl GatedSite {
    /// `None` where PostgreSQL is missing.
    async fn new(rows: Rows, writes: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("tempdir");
        let keys = Keys { access_key_id: "id".into(), secret_access_key: "secret".into() };
        let listen = "127.0.0.1:0".parse().expect("address");
        let args =
            ObjectsArgs { dir: folder.path().join("objects"), listen, region: "eu-central-1".into(), keys };
        let objects = bind(args).await.expect("bind");
        let endpoint = format!("http://{}", objects.address());
        let store = ObjectStore::s3(&S3Access {
            endpoint: endpoint.clone(),
            region: "eu-central-1".into(),
            access_key: "id".into(),
            secret_key: "secret".into(),
            path_style: true,
        });
        for name in ["pulp-assets", "pulp-results"] {
            store.create_bucket(&BucketName::from(name)).await.expect("bucket");
        }
        let gate = Gate::start(&Url::parse(&endpoint).expect("URL")).await.expect("gate");
        let through = gate.url().as_str().trim_end_matches('/');
        let variables = [
            ("ASSET_BINARY_STORE", "s3"),
            ("S3_BUCKET", "pulp-assets"),
            ("JOB_RESULT_BLOB_BUCKET", "pulp-results"),
            ("S3_REGION", "eu-central-1"),
            ("S3_ACCESS_KEY_ID", "id"),
            ("S3_SECRET_ACCESS_KEY", "secret"),
            ("S3_ENDPOINT", through),
            ("S3_PATH_STYLE", "true"),
            ("PULP_STANDIN_WRITES", writes),
        ];
        let site = match rows {
            Rows::Database => site_with(&variables, &[]).await?,
            Rows::Files => file_site_with(&variables, &[]).await,
        };
        let [bucket, results] = ["pulp-assets", "pulp-results"].map(|name| store.bucket(&name.into()));
        Some(Self { site, gate, bucket, results, objects, _folder: folder })
    }

    fn hold(&self, operation: S3Operation, key: &str, point: GatePoint) -> HeldRequests {
        self.gate.hold(Rule::on(operation).bucket("pulp-assets").key_like(key), point)
    }

    async fn stored(&self, key: &str) -> Option<Vec<u8>> {
        match self.bucket.get(&ObjectKey::from(key)).await.expect("the store answers") {
            Got::Found { bytes, .. } => Some(bytes),
            Got::Missing | Got::Denied => None,
        }
    }

    async fn keys(&self) -> Vec<String> {
        self.bucket.list("").await.expect("a list").into_iter().map(|o| o.key.to_string()).collect()
    }

    fn replace(&self, asset: &Value, colour: [u8; 3]) -> RequestBuilder {
        let part = multipart::Part::bytes(png(colour)).file_name("new.png");
        let path = format!("/assets/{}/content", text(asset, "id"));
        self.site.request(Method::PUT, &path).multipart(multipart::Form::new().part("file", part))
    }

    async fn details(&self, asset: &Value) -> Answer {
        self.site.get(&format!("/assets/{}/details", text(asset, "id"))).await
    }

    async fn end(self) {
        self.objects.stop().await;
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// Sends a request that somebody will hold.
fn begin(request: RequestBuilder) -> JoinHandle<Answer> {
    tokio::spawn(send(request))
}

async fn reached(held: &mut HeldRequests) -> String {
    let request = tokio::time::timeout(LIMIT, held.reached()).await.expect("nothing came to the hold");
    request.expect("the gate is open").key
}

async fn answer(write: JoinHandle<Answer>) -> Answer {
    tokio::time::timeout(LIMIT, write).await.expect("no answer").expect("no panic")
}

/// Waits until an object is gone.
async fn gone(gated: &GatedSite, key: &str) {
    let begun = Instant::now();
    while gated.stored(key).await.is_some() {
        assert!(begun.elapsed() < LIMIT, "{key} stays");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_upload_is_a_binary_or_a_row_first() {
    for (rows, writes, row_first) in
        BOTH.into_iter().flat_map(|rows| [(rows, "", false), (rows, "upload=row-first", true)])
    {
        let Some(gated) = GatedSite::new(rows, writes).await else { continue };
        let mut held = gated.hold(S3Operation::PutObject, "*", GatePoint::BeforeForward);
        let form = multipart::Form::new().part("file", multipart::Part::bytes(png(RED)).file_name("a.png"));
        let upload = begin(gated.site.request(Method::POST, "/assets/upload").multipart(form));
        let key = reached(&mut held).await;
        assert_eq!(gated.site.get("/assets/").await.ok(200)["total"] == 1, row_first);
        assert_eq!(gated.stored(&key).await, None);
        if row_first {
            let refused = gated.site.get(&format!("/assets/{key}")).await.refusal();
            assert_eq!(refused, (404, "ASSET_BINARY_MISSING".into()));
        }
        held.release();
        assert_eq!(text(&answer(upload).await.ok(201), "filename"), key);
        assert_eq!(gated.stored(&key).await, Some(png(RED)));
        gated.end().await;
    }
}

#[tokio::test]
async fn a_replacement_in_place_keeps_the_earlier_binary_before_either_store_is_changed() {
    for (rows, writes, row_first) in
        BOTH.into_iter().flat_map(|rows| [(rows, "", false), (rows, "replace=row-first", true)])
    {
        let Some(gated) = GatedSite::new(rows, writes).await else { continue };
        let asset = gated.site.invoice().await;
        let key = text(&asset, "filename");
        let mut held = gated.hold(S3Operation::PutObject, key, GatePoint::BeforeForward);
        let replace = begin(gated.replace(&asset, BLUE));
        assert_eq!(reached(&mut held).await, key);
        let kept = format!("versions/{}/1", text(&asset, "id"));
        assert_eq!(gated.stored(&kept).await, Some(png(RED)));
        assert_eq!(gated.stored(key).await, Some(png(RED)));
        let now = gated.details(&asset).await.ok(200);
        assert_eq!(now["version"] == 2, row_first, "{now}");
        assert_eq!(now["contentHash"] != asset["contentHash"], row_first);
        held.release();
        let replaced = answer(replace).await.ok(200);
        assert_eq!((&replaced["filename"], replaced["version"].as_i64()), (&asset["filename"], Some(2)));
        assert_eq!(gated.stored(key).await, Some(png(BLUE)));
        let restore = format!("/assets/{}/versions/1/restore", text(&asset, "id"));
        assert_eq!(gated.site.post(&restore, json!({})).await.ok(200)["contentHash"], asset["contentHash"]);
        gated.end().await;
    }
}

#[tokio::test]
async fn a_replacement_under_a_new_key_leaves_the_old_object_until_after_the_answer() {
    for (rows, writes, row_first) in BOTH
        .into_iter()
        .flat_map(|rows| [(rows, "replace=new-key", false), (rows, "replace=new-key-row-first", true)])
    {
        let Some(gated) = GatedSite::new(rows, writes).await else { continue };
        let asset = gated.site.invoice().await;
        let (old, red) = (text(&asset, "filename"), gated.site.render("invoice").await);
        let new = format!("{}-v2-Logo-1.png", text(&asset, "id"));
        let mut held = gated.hold(S3Operation::PutObject, "*", GatePoint::BeforeForward);
        let mut cleanup = gated.hold(S3Operation::DeleteObject, "*", GatePoint::BeforeForward);
        let replace = begin(gated.replace(&asset, BLUE));
        assert_eq!(reached(&mut held).await, new);
        let now = gated.details(&asset).await.ok(200);
        assert_eq!(text(&now, "filename"), if row_first { &new } else { old });
        assert_eq!(now["version"] == 2, row_first);
        let render = gated.site.render("invoice").await;
        if row_first {
            assert_eq!(render.refusal(), (422, "ASSET_BINARY_MISSING".into()));
        } else {
            assert_eq!(render.bytes, red.bytes);
        }
        held.release();
        assert_eq!(text(&answer(replace).await.ok(200), "filename"), new);
        assert_eq!(reached(&mut cleanup).await, old);
        assert_eq!(gated.keys().await, [old, &new], "no version is kept");
        let blue = gated.site.render("invoice").await;
        assert!(blue.status == 200 && blue.bytes != red.bytes);
        cleanup.release();
        gone(&gated, old).await;
        old_names_lead_to_the_present_binary(&gated, &asset, &blue.bytes).await;
        gated.end().await;
    }
}

/// The template refers to the asset by its first key, which is gone.
async fn old_names_lead_to_the_present_binary(gated: &GatedSite, asset: &Value, blue: &[u8]) {
    let (id, old) = (text(asset, "id"), text(asset, "filename"));
    assert_eq!(gated.site.render("invoice").await.bytes, blue);
    assert_eq!(gated.site.get(&format!("/assets/{old}")).await.bytes, png(BLUE));
    assert_eq!(gated.site.get(&format!("/assets/{id}-v7-other.png")).await.bytes, png(BLUE));
    assert_eq!(gated.site.get("/assets/nobody-logo.png").await.refusal(), (404, "not_found".into()));
    assert_eq!(gated.details(asset).await.ok(200)["usageCount"], 1);
    let versions = gated.site.get(&format!("/assets/{id}/versions")).await.ok(200);
    assert_eq!((&versions["total"], &versions["items"][0]["version"]), (&json!(1), &json!(2)));
    let path = format!("/assets/{id}");
    assert_eq!(gated.site.delete(&path).await.refusal(), (409, "asset_in_use".into()));
    let third = send(gated.replace(asset, RED)).await.ok(200);
    assert_eq!(text(&third, "filename"), format!("{id}-v3-Logo-1.png"));
    gone(gated, &format!("{id}-v2-Logo-1.png")).await;
    assert_eq!(gated.site.delete(&format!("{path}?force=true")).await.status, 204);
    assert!(gated.keys().await.is_empty());
    assert_eq!(gated.site.render("invoice").await.refusal(), (422, "ASSET_NOT_FOUND".into()));
}

#[tokio::test]
async fn keys_that_stay_are_looked_up_as_they_are() {
    let site = file_site_with(&[], &[]).await;
    let asset = site.invoice().await;
    let other = format!("/assets/{}-v2-Logo-1.png", text(&asset, "id"));
    assert_eq!(site.get(&other).await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn a_delete_removes_all_its_objects_or_its_row_first() {
    for (rows, writes, binary_first) in
        BOTH.into_iter().flat_map(|rows| [(rows, "", false), (rows, "delete=binary-first", true)])
    {
        let Some(gated) = GatedSite::new(rows, writes).await else { continue };
        let asset = gated.site.upload("a.png", png(RED)).await;
        send(gated.replace(&asset, BLUE)).await.ok(200);
        let key = text(&asset, "filename");
        let mut held = gated.hold(S3Operation::DeleteObject, key, GatePoint::BeforeAnswer);
        let delete = begin(gated.site.request(Method::DELETE, &format!("/assets/{}", text(&asset, "id"))));
        assert_eq!(reached(&mut held).await, key);
        assert!(gated.keys().await.is_empty(), "the earlier binary too");
        assert_eq!(gated.details(&asset).await.status == 200, binary_first);
        held.release();
        assert_eq!(answer(delete).await.status, 204);
        assert_eq!(gated.details(&asset).await.status, 404);
        gated.end().await;
    }
}

#[tokio::test]
async fn a_delete_that_the_store_refuses_keeps_the_row_where_binaries_go_first() {
    for (rows, writes, status) in
        BOTH.into_iter().flat_map(|rows| [(rows, "", 204), (rows, "delete=binary-first", 503)])
    {
        let Some(gated) = GatedSite::new(rows, writes).await else { continue };
        let asset = gated.site.upload("a.png", png(RED)).await;
        let failing = gated.gate.fail(Rule::on(S3Operation::DeleteObject), GateFailure::Status(503));
        let path = format!("/assets/{}", text(&asset, "id"));
        assert_eq!(gated.site.delete(&path).await.status, status);
        assert!(failing.hits() > 0);
        drop(failing);
        assert_eq!(gated.details(&asset).await.status == 200, status == 503);
        assert_eq!(gated.stored(text(&asset, "filename")).await, Some(png(RED)));
        gated.end().await;
    }
}

#[tokio::test]
async fn a_write_that_the_store_refuses_leaves_a_row_where_rows_go_first() {
    for (writes, total) in [("", 0), ("upload=row-first", 1)] {
        let Some(gated) = GatedSite::new(Rows::Files, writes).await else { continue };
        let failing = gated.gate.fail(Rule::on(S3Operation::PutObject), GateFailure::Status(503));
        let form = multipart::Form::new().part("file", multipart::Part::bytes(png(RED)).file_name("a.png"));
        let upload = send(gated.site.request(Method::POST, "/assets/upload").multipart(form)).await;
        assert_eq!(upload.refusal(), (503, "ASSET_STORE_UNAVAILABLE".into()));
        drop(failing);
        assert_eq!(gated.site.get("/assets/").await.ok(200)["total"], total);
        gated.end().await;
    }
}

#[tokio::test]
async fn a_batch_job_ends_with_its_results_or_its_row_first() {
    for (writes, row_first) in [("", false), ("batch=row-first", true)] {
        let Some(gated) = GatedSite::new(Rows::Database, writes).await else { return };
        gated.site.invoice().await;
        let rule = Rule::on(S3Operation::PutObject).bucket("pulp-results");
        let mut held = gated.gate.hold(rule.clone(), GatePoint::BeforeForward);
        let submit = json!({"items": [{"template": "invoice", "data": {"customer": "Ada"}}]});
        let accepted = gated.site.post("/render/batch/async", submit.clone()).await.ok(202);
        let key = reached(&mut held).await;
        assert_eq!(key, format!("{}.json", text(&accepted, "jobId")));
        assert!(gated.results.list("").await.expect("a list").is_empty());
        let poll = text(&accepted, "pollUrl");
        let status = gated.site.sql("SELECT status || ' ' || coalesce(result_key, '') FROM batch_jobs").await;
        if row_first {
            assert_eq!(status, [format!("completed {key}")]);
            assert_eq!(gated.site.get(poll).await.refusal(), (410, "render_artifact_expired".into()));
        } else {
            assert_eq!(status, ["processing "]);
        }
        held.release();
        over(&gated, poll, "completed").await;
        assert_eq!(gated.site.get(poll).await.ok(200)["results"]["succeeded"], 1);

        // Where the results can't be kept, the job has failed, whichever comes first.
        let failing = gated.gate.fail(rule, GateFailure::Status(503));
        let accepted = gated.site.post("/render/batch/async", submit).await.ok(202);
        over(&gated, text(&accepted, "pollUrl"), "failed").await;
        drop(failing);
        let failed = "SELECT count(result_key)::text FROM batch_jobs WHERE status = 'failed'";
        assert_eq!(gated.site.sql(failed).await, ["0"], "it points at nothing");
        gated.end().await;
    }
}

/// Waits until a job is over.
async fn over(gated: &GatedSite, poll: &str, status: &str) {
    let begun = Instant::now();
    loop {
        let polled = gated.site.get(poll).await;
        if polled.status == 200 && polled.json()["status"] == status {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "not {status}: {}", polled.json());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_stop_waits_for_what_is_to_be_done_after_answers() {
    let Some(gated) = GatedSite::new(Rows::Files, "replace=new-key").await else { return };
    let asset = gated.site.upload("a.png", png(RED)).await;
    let mut cleanup = gated.hold(S3Operation::DeleteObject, "*", GatePoint::BeforeForward);
    send(gated.replace(&asset, BLUE)).await.ok(200);
    let old = reached(&mut cleanup).await;
    let (address, stopping) = (gated.site.running.address(), tokio::spawn(gated.site.running.stop()));
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        assert!(begun.elapsed() < LIMIT, "it still listens");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!stopping.is_finished(), "the old object is still there");
    cleanup.release();
    stopping.await.expect("no panic").expect("stopped");
    let left = gated.bucket.get(&ObjectKey::from(old.as_str())).await.expect("the store answers");
    assert_eq!(left, Got::Missing);
    gated.objects.stop().await;
}

#[tokio::test]
async fn a_kill_loses_what_was_to_be_done_after_answers() {
    let Some(gated) = GatedSite::new(Rows::Files, "replace=new-key").await else { return };
    let asset = gated.site.upload("a.png", png(RED)).await;
    let Site { running, variables, folder, .. } = gated.site;
    running.stop().await.expect("stopped");
    // The same stores, served by a process that can be killed.
    let mut engine = Command::new(env!("CARGO_BIN_EXE_pulp-drill"))
        .args(["standin", "engine"])
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("an engine");
    let mut lines = BufReader::new(engine.stdout.take().expect("piped")).lines();
    let line = tokio::time::timeout(LIMIT, lines.next_line()).await.expect("it listens").expect("text");
    let line = line.expect("a line");
    let address = line.rsplit(' ').next().expect("an address");
    let rule = Rule::on(S3Operation::DeleteObject).bucket("pulp-assets");
    let mut cleanup = gated.gate.hold(rule, GatePoint::BeforeForward);
    let part = multipart::Part::bytes(png(BLUE)).file_name("new.png");
    let put = reqwest::Client::new().put(format!("{address}/assets/{}/content", text(&asset, "id")));
    send(put.multipart(multipart::Form::new().part("file", part))).await.ok(200);
    let old = reached(&mut cleanup).await;
    engine.kill().await.expect("killed");
    cleanup.break_off();
    let running = crate::site::launch(&variables, &[]).await.expect("start again");
    running.stop().await.expect("stopped");
    let left = gated.bucket.get(&ObjectKey::from(old.as_str())).await.expect("the store answers");
    assert!(matches!(left, Got::Found { .. }), "nobody remembers it: an orphan");
    drop(folder);
    gated.objects.stop().await;
}
