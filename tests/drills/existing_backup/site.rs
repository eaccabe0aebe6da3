//! A stand-in site that is backed up, and runs of `restore-test` on its backups.

use crate::support::private_postgres;
use pulp_drill::{
    base::redact::Redactor,
    model::{
        check::CheckId,
        record::{RunRecord, ScenarioRecord},
        verdict::{CheckOutcome, limit::Limit},
    },
    runbook::{
        provision::processes::{Places, discover},
        seed::{self, SeededSite},
    },
    scenario::{library::FixtureLibrary, seed::read_seed},
    system::{
        engine::{ApiKeys, Engine, EngineProcess, Launch, ProcessStart},
        objects::{Bucket, ObjectStore, S3Access},
        postgres::Access,
        programs::PgBin,
    },
};
use standin::objects::{Keys, ObjectsArgs, bind};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, SystemTime},
};

pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_pulp-drill");

/// A stand-in site that is at work, with what was put on it.
pub(super) struct Live {
    pub(super) url: String,
    pub(super) api: Engine,
    pub(super) programs: PgBin,
    pub(super) store: S3Access,
    pub(super) objects: Bucket,
    pub(super) backups: Bucket,
    pub(super) put: SeededSite,
    pub(super) folder: tempfile::TempDir,
}

/// The bucket that backups are copied into.
pub(super) const BACKUPS: &str = "backups";

/// The admin key of the live site's engine.
pub(super) const ADMIN: &str = "an-admin-key";

/// Does something with a live site whose binaries are in a bucket or in a folder; it is gone
/// afterwards. Does nothing where there is no PostgreSQL.
pub(super) async fn with_live<F: AsyncFnOnce(&Live)>(in_bucket: bool, work: F) {
    let Some(url) = private_postgres::database().await else { return };
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let (folder, stores) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let keys = Keys { access_key_id: "origin-key".to_owned(), secret_access_key: "origin-secret".to_owned() };
    let (dir, listen) = (stores.path().join("objects"), "127.0.0.1:0".parse().unwrap());
    let server = bind(ObjectsArgs { dir, listen, region: "us-east-1".to_owned(), keys }).await.unwrap();
    let store = S3Access {
        endpoint: format!("http://{}", server.address()),
        region: "us-east-1".to_owned(),
        access_key: "origin-key".to_owned(),
        secret_key: "origin-secret".to_owned(),
        path_style: true,
    };
    let s3 = ObjectStore::s3(&store);
    for name in ["assets", BACKUPS] {
        s3.create_bucket(&name.into()).await.unwrap();
    }
    let mut env: BTreeMap<String, String> = [
        ("DATABASE_URL", url.clone()),
        ("STORAGE_MODE", "postgres".to_owned()),
        ("ASSET_ACCESS_MODE", "private".to_owned()),
        ("API_KEY_ADMIN", ADMIN.to_owned()),
        ("ASSETS_DIR", folder.path().join("assets").display().to_string()),
        ("ASSET_BINARY_STORE", if in_bucket { "s3" } else { "filesystem" }.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if in_bucket {
        env.extend(
            [
                ("S3_BUCKET", "assets"),
                ("S3_REGION", "us-east-1"),
                ("S3_ENDPOINT", &store.endpoint),
                ("S3_PATH_STYLE", "true"),
                ("S3_ACCESS_KEY_ID", "origin-key"),
                ("S3_SECRET_ACCESS_KEY", "origin-secret"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
    } else {
        fs::create_dir(folder.path().join("assets")).unwrap();
    }
    let migrated = Command::new(PROGRAM).args(["standin", "migrate"]).env("DATABASE_URL", &url).status();
    assert!(migrated.unwrap().success());
    let launch = Launch::Command([PROGRAM, "standin", "engine"].map(str::to_owned).to_vec());
    let (redactor, ready_within) = (Redactor::new(), Duration::from_secs(60));
    let log = stores.path().join("engine.log");
    let start = ProcessStart {
        env: &env,
        log: &log,
        children: None,
        redactor: &redactor,
        ready_within,
        ready: &pulp_drill::model::profile::run::DOCUMENTED_READINESS,
        cwd: None,
        stop_signal: pulp_drill::base::process::Signal::SIGTERM,
    };
    let engine = EngineProcess::start(&launch, &start).await.unwrap();
    let api = engine.client(&ApiKeys { admin: Some(ADMIN.to_owned()), ..ApiKeys::default() });
    let seed = read_seed(&FixtureLibrary::new("fixtures"), "invoices").unwrap();
    let put = seed::fill(&api, &seed, Some(&seed.folder.join("golden")), true).await.unwrap();
    // The seed's own known-good PDFs carry other storage keys in their ids.
    for (key, template) in &put.known.templates {
        let pdf = api.render(key.as_str(), &template.data).await.unwrap();
        assert!(pdf.is_success());
        fs::write(folder.path().join(format!("{key}.pdf")), pdf.body).unwrap();
    }
    let programs = discover(&Places::of_machine(), None).await.or_error().unwrap();
    let (objects, backups) = (s3.bucket(&"assets".into()), s3.bucket(&BACKUPS.into()));
    let live = Live { url, api, programs, store, objects, backups, put, folder };
    work(&live).await;
    engine.stop(Duration::from_secs(10)).await;
    server.stop().await;
}

impl Live {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn assets(&self) -> PathBuf {
        self.path("assets")
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A dump by `pg_dump` with the runbook's options (2.1).
    pub(super) fn dump(&self, name: &str, options: &[&str]) -> String {
        let database = Access::parse(&self.url).unwrap();
        let dumped = Command::new(self.programs.program("pg_dump"))
            .args(["--no-owner", "--no-privileges"])
            .args(options)
            .arg(format!("--file={}", self.text(name)))
            .arg(database.url_without_password())
            .envs(database.client_env())
            .status();
        assert!(dumped.unwrap().success());
        self.text(name)
    }

    /// A backup by an example of own commands: its dump, and the URL of its copy. None where a program
    /// that it needs is not installed.
    pub(super) fn example(&self, script: &str, needs: &str) -> Option<(String, String)> {
        if !Command::new(needs).arg("--version").output().is_ok_and(|o| o.status.success()) {
            println!("skipped: {script}: there is no {needs}");
            return None;
        }
        let (database, kept) = (Access::parse(&self.url).unwrap(), self.path(needs));
        fs::create_dir(&kept).unwrap();
        let path = format!("{}:{}", self.programs.dir.display(), std::env::var("PATH").unwrap());
        let done = Command::new(Path::new("deploy/backup").join(script))
            .arg("back-up")
            .envs(database.libpq().into_iter().chain(database.client_env()))
            // rclone 1.60 can not take one.
            .env_remove("AWS_CA_BUNDLE")
            .envs([("PATH", path.as_str()), ("S3_BUCKET", "assets"), ("BACKUP_BUCKET", BACKUPS)])
            .envs([("BACKUP_DIR", &kept), ("WORK_DIR", &kept), ("HOME", &kept)])
            .envs([("AWS_ENDPOINT_URL", &self.store.endpoint), ("AWS_REGION", &self.store.region)])
            .env("AWS_DEFAULT_REGION", &self.store.region)
            .env("AWS_ACCESS_KEY_ID", &self.store.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &self.store.secret_key)
            .output()
            .unwrap();
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
        let stamp = fs::read_to_string(kept.join("latest")).unwrap();
        let stamp = stamp.trim();
        let dump = kept.join(format!("pulp-engine-{stamp}.dump")).display().to_string();
        Some((dump, format!("s3://{BACKUPS}/assets-{stamp}/")))
    }

    /// The manifest with digests, by the program (2.4).
    pub(super) fn manifest(&self, dump: &str) -> String {
        let out = self.text("manifest");
        let done = Command::new(PROGRAM)
            .args(["manifest", "create", "--out", &out, "--db-dump", dump])
            .args(["--api-url", self.api.base().as_str()])
            .env("DATABASE_URL", &self.url)
            .env("API_KEY_ADMIN", ADMIN)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        out
    }

    /// Options that ask for every template with its known-good PDF.
    pub(super) fn renders(&self) -> Vec<String> {
        let mut options = Vec::new();
        for (key, template) in &self.put.known.templates {
            let data = self.path(&format!("{key}.json"));
            fs::write(&data, template.data.to_string()).unwrap();
            let golden = self.text(&format!("{key}.pdf"));
            options.extend(["--render".to_owned(), format!("{key}={}", data.display())]);
            options.extend(["--golden".to_owned(), format!("{key}={golden}")]);
        }
        options
    }

    /// A file with that text.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.text(name)
    }
}

/// A test that has run.
pub(super) struct Tested {
    pub(super) exit: Option<i32>,
    pub(super) record: RunRecord,
    pub(super) said: String,
}

pub(super) fn program(options: &[String], env: &[(&str, String)]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("restore-test").args(options);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"] {
        command.env_remove(name);
    }
    command.envs(env.iter().map(|(name, value)| (*name, value))).output().unwrap()
}

pub(super) fn test(dump: &str, assets: &str, more: &[String], env: &[(&str, String)]) -> Tested {
    let reports = tempfile::tempdir().unwrap();
    let folder = reports.path().display().to_string();
    let mut options = ["--format", "json", "--report-dir", &folder, "--dump", dump, "--assets", assets]
        .map(str::to_owned)
        .to_vec();
    options.extend_from_slice(more);
    let ran = program(&options, env);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let record = serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("no record: {e}\n{said}"));
    let again = Command::new(PROGRAM).arg("report").arg(reports.path().join("latest")).output().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let tested = Tested { exit: ran.status.code(), record, said };
    // What the environment lacks ends a test before its checks.
    if tested.exit != Some(3) {
        let answered: BTreeSet<CheckId> = tested.scenario().checks.iter().map(|(check, ..)| *check).collect();
        assert_eq!(answered, CheckId::ALL.iter().copied().collect(), "not every check has answered");
    }
    tested
}

impl Tested {
    pub(super) fn scenario(&self) -> &ScenarioRecord {
        &self.record.scenarios[0]
    }

    pub(super) fn found(&self) -> BTreeSet<String> {
        self.scenario().findings.iter().map(ToString::to_string).collect()
    }

    pub(super) fn actual(&self) -> String {
        self.scenario().findings.iter().map(|f| format!("{f}: {}\n", f.actual)).collect()
    }

    pub(super) fn limits(&self) -> &[Limit] {
        &self.record.limits
    }

    pub(super) fn checked(&self, check: CheckId) -> bool {
        let went = self.scenario().checks.iter().find(|(id, ..)| *id == check);
        matches!(went, Some((_, CheckOutcome::Checked { items }, _)) if *items > 0)
    }
}

/// Every file below a folder with its bytes and time.
pub(super) fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.metadata().unwrap();
        let bytes = if meta.is_dir() { Vec::new() } else { fs::read(&path).unwrap() };
        all.insert(path.clone(), (bytes, meta.modified().unwrap()));
        if meta.is_dir() {
            all.extend(snapshot(&path));
        }
    }
    all
}

pub(super) fn texts(options: &[&str]) -> Vec<String> {
    options.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn tar(to: &str, folder: &Path) {
    let (above, name) = (folder.parent().unwrap(), folder.file_name().unwrap());
    assert!(
        Command::new("tar").arg("-czf").arg(to).arg("-C").arg(above).arg(name).status().unwrap().success()
    );
}
