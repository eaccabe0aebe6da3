//! An engine in this process on stores of its own, and short ways to talk to it.

use crate::support::private_postgres;
use reqwest::{Method, RequestBuilder, StatusCode, multipart};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use standin::engine::settings::{RowSettings, Settings};
use standin::engine::{Defect, EngineError, EngineServer, MigrateArgs, migrate_database, start};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Once;

/// One engine with its stores. Dropping it leaves the engine to the runtime's end.
pub struct Site {
    pub running: EngineServer,
    pub variables: Vec<(String, String)>,
    pub folder: tempfile::TempDir,
    client: reqwest::Client,
}

/// An answer, read.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("status {}, no JSON: {}", self.status, self.text()))
    }

    /// The beginning of the body, for messages.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).chars().take(300).collect()
    }

    /// Status and `code` of a refusal.
    #[track_caller]
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }

    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.bytes.is_empty() { Value::Null } else { self.json() }
    }
}

/// A migrated site, or `None` where PostgreSQL is missing.
pub async fn site() -> Option<Site> {
    site_with(&[], &[]).await
}

/// The same with further variables and defects.
pub async fn site_with(extra: &[(&str, &str)], defects: &[Defect]) -> Option<Site> {
    let url = private_postgres::database().await?;
    let folder = tempfile::tempdir().expect("tempdir");
    let mut variables = vec![
        ("PORT".to_owned(), "0".to_owned()),
        ("DATABASE_URL".to_owned(), url),
        ("ASSETS_DIR".to_owned(), folder.path().join("assets").display().to_string()),
    ];
    variables.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    migrate_database(&database(&variables), &MigrateArgs::default()).await.expect("migrate");
    let running = launch(&variables, defects).await.expect("start");
    Some(Site { running, variables, folder, client: client() })
}

/// A site in file mode, with further variables and defects.
pub async fn file_site_with(extra: &[(&str, &str)], defects: &[Defect]) -> Site {
    let folder = tempfile::tempdir().expect("tempdir");
    let mut variables = vec![
        ("PORT".to_owned(), "0".to_owned()),
        ("STORAGE_MODE".to_owned(), "file".to_owned()),
        ("TEMPLATES_DIR".to_owned(), folder.path().join("templates").display().to_string()),
        ("ASSETS_DIR".to_owned(), folder.path().join("assets").display().to_string()),
    ];
    variables.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let running = launch(&variables, defects).await.expect("start");
    Site { running, variables, folder, client: client() }
}

/// Each function is a test twice: on rows in a database and on rows in files.
macro_rules! in_each_mode {
    ($($name:ident),+ $(,)?) => {
        mod database {
            $(#[tokio::test]
            async fn $name() {
                let Some(site) = crate::site::site().await else { return };
                super::$name(site).await;
            })+
        }
        mod files {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::site::file_site_with(&[], &[]).await).await;
            })+
        }
    };
}
pub(crate) use in_each_mode;

/// The database that the variables name.
pub fn database(variables: &[(String, String)]) -> PgConnectOptions {
    match settings(variables, &[]).rows {
        RowSettings::Database { options, .. } => *options,
        RowSettings::Files { .. } => panic!("file mode has no database"),
    }
}

pub fn settings(variables: &[(String, String)], defects: &[Defect]) -> Settings {
    let lookup =
        |name: &str| variables.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Settings::read(&lookup, defects).expect("settings")
}

pub async fn launch(variables: &[(String, String)], defects: &[Defect]) -> Result<EngineServer, EngineError> {
    start(settings(variables, defects)).await
}

fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().expect("first");
    });
    reqwest::Client::new()
}

impl Site {
    /// Around an engine that is running already.
    pub fn at(running: EngineServer, variables: Vec<(String, String)>) -> Self {
        Self { running, variables, folder: tempfile::tempdir().expect("tempdir"), client: client() }
    }

    pub fn in_files(&self) -> bool {
        self.variables.iter().any(|(name, value)| name == "STORAGE_MODE" && value == "file")
    }

    /// Stops the engine and starts it again on the same stores.
    pub async fn restart(self, defects: &[Defect]) -> Self {
        self.running.stop().await.expect("stop");
        let running = launch(&self.variables, defects).await.expect("start again");
        Self { running, ..self }
    }

    /// The same with a statement while none runs.
    pub async fn restart_when(self, statement: &str, defects: &[Defect]) -> Self {
        self.running.stop().await.expect("stop");
        rows(&self.variables, statement).await;
        let running = launch(&self.variables, defects).await.expect("start again");
        Self { running, ..self }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.running.address()))
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, version: Option<&str>, body: Value) -> Answer {
        let request = self.request(Method::PUT, path).json(&body);
        send(match version {
            Some(version) => request.header("if-match", version),
            None => request,
        })
        .await
    }

    pub async fn upload(&self, name: &str, bytes: Vec<u8>) -> Value {
        let form = multipart::Form::new()
            .part("file", multipart::Part::bytes(bytes).file_name(name.to_owned()))
            .text("tags", "logo, brand");
        send(self.request(Method::POST, "/assets/upload").multipart(form)).await.ok(201)
    }

    /// Uploads a picture and makes the template `invoice` that shows it.
    pub async fn invoice(&self) -> Value {
        let asset = self.upload("Logo 1.png", png([200, 0, 0])).await;
        let filename = asset["filename"].as_str().expect("filename");
        self.post("/templates/", definition("invoice", filename)).await.ok(201);
        asset
    }

    pub async fn render(&self, template: &str) -> Answer {
        self.post("/render/pdf", json!({"template": template, "data": {"customer": "Ada"}})).await
    }

    pub fn binary(&self, asset: &Value) -> PathBuf {
        self.folder.path().join("assets").join(asset["filename"].as_str().expect("filename"))
    }

    pub async fn sql(&self, statement: &str) -> Vec<String> {
        rows(&self.variables, statement).await
    }
}

async fn rows(variables: &[(String, String)], statement: &str) -> Vec<String> {
    let (_, url) = variables.iter().find(|(name, _)| name == "DATABASE_URL").expect("set");
    let mut connection = PgConnection::connect(url).await.expect("connect");
    sqlx::query_scalar(AssertSqlSafe(statement.to_owned())).fetch_all(&mut connection).await.expect("sql")
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    assert!(headers.contains_key("x-request-id"));
    let answer =
        Answer { status: status.as_u16(), headers, bytes: response.bytes().await.expect("body").to_vec() };
    let json = answer.headers.get("content-type").is_some_and(|mime| mime == "application/json");
    if status.as_u16() >= StatusCode::BAD_REQUEST.as_u16() && json && answer.json().get("checks").is_none() {
        let body = answer.json();
        for member in ["error", "message", "code", "requestId"] {
            assert!(body[member].is_string(), "no {member} in {body}");
        }
    }
    answer
}

/// A template that greets and shows one picture.
pub fn definition(key: &str, filename: &str) -> Value {
    json!({
        "key": key, "version": "1.0.0", "name": "Invoice", "description": "For tests",
        "inputSchema": {"type": "object"},
        "document": {"id": "d", "type": "document", "children": [{"id": "s", "type": "section", "children": [
            {"id": "t", "type": "text", "content": "Dear {{customer}}"},
            {"id": "i", "type": "image", "src": format!("/assets/{filename}")}
        ]}]}
    })
}

/// A picture of one pixel.
pub fn png(colour: [u8; 3]) -> Vec<u8> {
    let mut row = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    row.write_all(&[0, colour[0], colour[1], colour[2]]).expect("in memory");
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]);
    chunk(&mut png, b"IDAT", &row.finish().expect("in memory"));
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: &[u8], data: &[u8]) {
    let body = [kind, data].concat();
    png.extend(u32::try_from(data.len()).expect("small").to_be_bytes());
    png.extend(&body);
    png.extend(crc32fast::hash(&body).to_be_bytes());
}
