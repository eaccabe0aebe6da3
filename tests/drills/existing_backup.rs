//! `pulp-drill restore-test` on the real program: backups of a real stand-in site, made by the
//! runbook's commands, restore; damaged and hostile ones are found out; and nothing is ever written
//! where they lie.

use crate::support::private_postgres;
use pulp_drill::{
    base::redact::Redactor,
    model::{
        check::CheckId,
        record::{RunRecord, ScenarioRecord},
        state::Metadata,
        verdict::{CheckOutcome, limit::Limit},
    },
    procedure::{PendingFaults, s3},
    runbook::{
        provision::processes::{Places, discover},
        seed::{self, SeededSite},
    },
    scenario::{library::FixtureLibrary, seed::read_seed},
    system::{
        engine::{ApiKeys, Engine, EngineProcess, Launch, ProcessStart},
        gate::Gate,
        objects::{Bucket, ObjectStore, S3Access},
        postgres::Access,
        programs::PgBin,
    },
};
use standin::objects::{Keys, ObjectsArgs, bind};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, SystemTime},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pulp-drill");

/// A stand-in site that is at work, with what was put on it.
struct Live {
    url: String,
    api: Engine,
    programs: PgBin,
    store: S3Access,
    objects: Bucket,
    backups: Bucket,
    put: SeededSite,
    folder: tempfile::TempDir,
}

/// The bucket that backups are copied into.
const BACKUPS: &str = "backups";

/// The admin key of the live site's engine.
const ADMIN: &str = "an-admin-key";

/// Does something with a live site whose binaries are in a bucket or in a folder; it is gone
/// afterwards. Does nothing where there is no PostgreSQL.
async fn with_live<F: AsyncFnOnce(&Live)>(in_bucket: bool, work: F) {
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
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn assets(&self) -> PathBuf {
        self.path("assets")
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A dump by `pg_dump` with the runbook's options (2.1).
    fn dump(&self, name: &str, options: &[&str]) -> String {
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
    fn example(&self, script: &str, needs: &str) -> Option<(String, String)> {
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
    fn manifest(&self, dump: &str) -> String {
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
    fn renders(&self) -> Vec<String> {
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
    fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.text(name)
    }
}

/// A test that has run.
struct Tested {
    exit: Option<i32>,
    record: RunRecord,
    said: String,
}

fn program(options: &[String], env: &[(&str, String)]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("restore-test").args(options);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"] {
        command.env_remove(name);
    }
    command.envs(env.iter().map(|(name, value)| (*name, value))).output().unwrap()
}

fn test(dump: &str, assets: &str, more: &[String], env: &[(&str, String)]) -> Tested {
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
    fn scenario(&self) -> &ScenarioRecord {
        &self.record.scenarios[0]
    }

    fn found(&self) -> BTreeSet<String> {
        self.scenario().findings.iter().map(ToString::to_string).collect()
    }

    fn actual(&self) -> String {
        self.scenario().findings.iter().map(|f| format!("{f}: {}\n", f.actual)).collect()
    }

    fn limits(&self) -> &[Limit] {
        &self.record.limits
    }

    fn checked(&self, check: CheckId) -> bool {
        let went = self.scenario().checks.iter().find(|(id, ..)| *id == check);
        matches!(went, Some((_, CheckOutcome::Checked { items }, _)) if *items > 0)
    }
}

/// Every file below a folder with its bytes and time.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
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

fn texts(options: &[&str]) -> Vec<String> {
    options.iter().map(|text| (*text).to_owned()).collect()
}

fn tar(to: &str, folder: &Path) {
    let (above, name) = (folder.parent().unwrap(), folder.file_name().unwrap());
    assert!(
        Command::new("tar").arg("-czf").arg(to).arg("-C").arg(above).arg(name).status().unwrap().success()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn local_backups_restore_and_damaged_ones_are_found_out() {
    with_live(false, async |live: &Live| {
        let custom = live.dump("pulp.dump", &["--format=custom"]);
        let plain = live.dump("plain.sql.gz", &["--format=plain", "--compress=6"]);
        let manifest = live.manifest(&custom);
        let tarball = live.text("assets.tar.gz");
        tar(&tarball, &live.assets());
        let renders = live.renders();
        let origin = || snapshot(live.folder.path());
        let before = origin();

        // Everything that was recorded holds.
        let mut all = renders.clone();
        all.extend(texts(&["--manifest", &manifest, "--max-age", "26h", "--max-rto", "1h"]));
        let good = test(&custom, &tarball, &all, &[]);
        assert_eq!((good.exit, good.found()), (Some(0), BTreeSet::new()), "{}{}", good.actual(), good.said);
        use CheckId as C;
        for check in [
            C::Procedure,
            C::Ready,
            C::Render,
            C::Contents,
            C::Sequences,
            C::Reconcile,
            C::ReadBack,
            C::Manifest,
            C::FailClosed,
            C::Untouched,
        ] {
            assert!(good.checked(check), "{check} was not checked: {:?}", good.scenario().checks);
        }
        let rpo = good.scenario().rpo_ms.unwrap();
        assert!(good.scenario().rto_ms.is_some() && rpo > 0 && rpo < 3_600_000, "{rpo}");
        assert!(good.limits().iter().all(|limit| !limit.concerns_existing_backup()), "{:?}", good.limits());

        // Nothing was recorded: it restores, and says what that does not prove.
        let folder = live.assets().display().to_string();
        let bare = test(&plain, &folder, &[], &[]);
        assert_eq!((bare.exit, bare.found()), (Some(0), BTreeSet::new()), "{}{}", bare.actual(), bare.said);
        assert!(bare.limits().contains(&Limit::NoRender), "{:?}", bare.limits());
        assert!(!bare.checked(C::Render) && !bare.checked(C::Contents) && bare.checked(C::Reconcile));
        assert_eq!(before, origin(), "the origin was changed");

        other_forms(live, &folder, &tarball);
        damaged(live, &custom, &manifest, &all).await;
        hostile(live, &custom, &folder).await;
    })
    .await;
}

/// The last line of a plain dump.
const COMPLETE: &str = "-- PostgreSQL database dump complete\n";

/// Sound backups in other forms, each with a damaged neighbour.
fn other_forms(live: &Live, folder: &str, tarball: &str) {
    let plain = fs::read_to_string(live.dump("plain.sql", &["--format=plain"])).unwrap();
    let clean = live.dump("clean.sql", &["--format=plain", "--clean", "--create"]);
    let cluster = format!(
        "-- PostgreSQL database cluster dump\nCREATE ROLE somebody;\n\\connect other\n{COMPLETE}\\connect shop\n{plain}\
         -- PostgreSQL database cluster dump complete\n"
    );
    let unpacked = Command::new("gzip").args(["-dc", tarball]).output().unwrap().stdout;
    let tarball = live.write("assets.tar.zst", &zstd::encode_all(&unpacked[..], 1).unwrap());
    let converted = plain.replace('\n', "\r\n");
    let wrapped = format!("-- nightly\nSET statement_timeout = 0;\n{plain}");
    let policy = plain.replace(
        COMPLETE,
        &format!(
            "ALTER TABLE public.assets ENABLE ROW LEVEL SECURITY;\n\
             ALTER TABLE ONLY public.assets FORCE ROW LEVEL SECURITY;\n\
             CREATE POLICY p ON public.assets TO nobody_knows USING (true);\n{COMPLETE}"
        ),
    );
    for (name, bytes) in [
        ("bom.sql", [b"\xef\xbb\xbf", plain.as_bytes()].concat()),
        ("crlf.sql", converted.into_bytes()),
        ("wrapped.sql", wrapped.into_bytes()),
        ("policy.sql", policy.into_bytes()),
        ("all.sql", cluster.clone().into_bytes()),
        ("all.sql.zst", zstd::encode_all(cluster.as_bytes(), 1).unwrap()),
        ("clean-again.sql", fs::read(clean).unwrap()),
    ] {
        let good = test(&live.write(name, &bytes), &tarball, &[], &[]);
        assert_eq!(
            (good.exit, good.found()),
            (Some(0), BTreeSet::new()),
            "{name}: {}{}",
            good.actual(),
            good.said
        );
        assert!(good.checked(CheckId::Reconcile), "{name}");
    }
    let cut = plain.split("ADD CONSTRAINT").next().unwrap().rsplit_once(";\n").unwrap().0;
    let extension = plain.replace("CREATE TABLE", "CREATE EXTENSION not_here;\nCREATE TABLE");
    for (name, text, exit, says) in [
        ("cut.sql", format!("{cut};\n"), 1, "cut off"),
        ("extension.sql", extension, 3, "not_here"),
        (
            "newer.sql",
            plain.replace("Dumped by pg_dump version 1", "Dumped by pg_dump version 91"),
            3,
            "or newer",
        ),
    ] {
        let red = test(&live.write(name, text.as_bytes()), folder, &[], &[]);
        assert_eq!(red.exit, Some(exit), "{name}: {}", red.said);
        assert!(red.said.contains(says), "{name}: {}", red.said);
    }
}

/// Damage that only a look at the restored stores shows.
async fn damaged(live: &Live, custom: &str, manifest: &str, all: &[String]) {
    let copy = live.path("damaged");
    assert!(Command::new("cp").arg("-a").arg(live.assets()).arg(&copy).status().unwrap().success());
    let mut keys: Vec<(&str, &str)> =
        live.put.known.assets.iter().map(|(name, asset)| (name.as_str(), asset.key.as_str())).collect();
    keys.sort_unstable();
    let (flipped, gone) = (keys[0], keys[1]);
    let mut bytes = fs::read(copy.join(flipped.1)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(copy.join(flipped.1), bytes).unwrap();
    fs::remove_file(copy.join(gone.1)).unwrap();
    let file = Path::new(manifest).join("manifest.json");
    let mut recorded: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    recorded["tables"]["tenants"]["rows"] = 99.into();
    recorded["templates"][0]["currentVersion"] = "9.9.9".into();
    recorded["dbDumpSha256"] = "0".repeat(64).into();
    fs::write(&file, recorded.to_string()).unwrap();
    let mut options = all.to_vec();
    let place = |name: &str| all.iter().position(|option| option == name).unwrap();
    options[place("--max-age") + 1] = "1s".to_owned();
    // The same limit as a budget in a file; what is given on the command line stands.
    let budgets = live.path("budgets.yaml");
    fs::write(&budgets, "rto: 1ms\nrpo: 90d\n").unwrap();
    let at = place("--max-rto");
    options.splice(at..at + 2, ["--budgets".to_owned(), budgets.display().to_string()]);
    let red = test(custom, &copy.display().to_string(), &options, &[]);
    assert_eq!(red.exit, Some(1), "{}", red.said);
    let found = red.found();
    let row = |name: &str| format!("assets/{name}");
    let template = recorded["templates"][0]["key"].as_str().unwrap();
    for expected in [
        format!("wrong content: {}", row(flipped.0)),
        format!("missing binary: {}", row(gone.0)),
        "row lost: tenants".to_owned(),
        format!("manifest drift: {template}"),
        "manifest drift: dump".to_owned(),
        "backup too old: restore-test".to_owned(),
        "recovery too slow: restore-test".to_owned(),
    ] {
        assert!(found.contains(&expected), "{expected} is not among {found:#?}");
    }
}

/// Backups that are none, or that somebody else made.
async fn hostile(live: &Live, custom: &str, folder: &str) {
    let proof = live.path("escaped");
    // Also the user that PostgreSQL runs as could write there, if it were let.
    fs::set_permissions(live.folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let whole = fs::read(custom).unwrap();
    let order = format!(
        "-- PostgreSQL database dump\ncreate table t (id int);\n\\! touch {}\n{COMPLETE}",
        proof.display()
    );
    let program = format!(
        "-- PostgreSQL database dump\ncreate table t (id int);\ncopy t to program 'touch {}';\n{COMPLETE}",
        proof.display()
    );
    for (name, bytes, step, says) in [
        ("short.dump", &whole[..whole.len() / 2], "restore database", "pg_restore"),
        ("empty.dump", &b""[..], "fetch dump", "it is empty"),
        ("page.dump", &b"<html>not found</html>"[..], "fetch dump", "not a dump of PostgreSQL"),
        ("order.sql", order.as_bytes(), "restore database", "restricted"),
        ("program.sql", program.as_bytes(), "restore database", "external program"),
    ] {
        let red = test(&live.write(name, bytes), folder, &[], &[]);
        let found = BTreeSet::from([format!("restore failed: {step}")]);
        assert_eq!((red.exit, red.found()), (Some(1), found), "{name}: {}{}", red.actual(), red.said);
        assert!(red.actual().contains(says), "{name}: {}", red.actual());
        assert!(!proof.exists(), "{name} ran a program");
    }
    let climbing = live.path("climbing.tar");
    let mut builder = Vec::new();
    let mut header = vec![0_u8; 512];
    header[..10].copy_from_slice(b"../escaped");
    header[124..136].copy_from_slice(b"00000000000\0");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    builder.write_all(&header).unwrap();
    builder.write_all(&[0; 1024]).unwrap();
    fs::write(&climbing, builder).unwrap();
    fs::create_dir(live.path("nothing")).unwrap();
    for (assets, says) in
        [(climbing, "it leads out of the folder"), (live.path("nothing"), "there is no binary at")]
    {
        let red = test(custom, &assets.display().to_string(), &[], &[]);
        let found = BTreeSet::from(["restore failed: fetch objects".to_owned()]);
        assert_eq!((red.exit, red.found()), (Some(1), found), "{}{}", red.actual(), red.said);
        assert!(red.actual().contains(says), "{}", red.actual());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_in_a_bucket_is_only_read() {
    with_live(true, async |live: &Live| {
        let store = &live.store;
        let custom = live.dump("pulp.dump", &["--format=custom"]);
        let bytes = fs::read(&custom).unwrap();
        live.backups.put(&"dumps/pulp.dump".into(), bytes, &Metadata::default()).await.unwrap();
        live.dump("folder", &["--format=directory"]);
        for entry in fs::read_dir(live.path("folder")).unwrap() {
            let path = entry.unwrap().path();
            let key = format!("dumps/folder/{}", path.file_name().unwrap().to_str().unwrap());
            live.backups.put(&key.into(), fs::read(path).unwrap(), &Metadata::default()).await.unwrap();
        }
        s3::back_up(&live.objects, &live.backups, "assets-1/", &PendingFaults::default()).await.unwrap();
        let examples = tokio::task::block_in_place(|| {
            [("awscli.sh", "aws"), ("rclone.sh", "rclone")].map(|(script, needs)| live.example(script, needs))
        });
        let before = live.backups.inventory("", &Default::default()).await.unwrap();
        let gate = Gate::start(&store.endpoint.parse().unwrap()).await.unwrap();
        let env = [
            ("ORIGIN_AWS_ACCESS_KEY_ID", store.access_key.clone()),
            ("ORIGIN_AWS_SECRET_ACCESS_KEY", store.secret_key.clone()),
            ("ORIGIN_AWS_ENDPOINT_URL", gate.url().to_string()),
        ];
        let (dump, folder) =
            (format!("s3://{BACKUPS}/dumps/pulp.dump"), format!("s3://{BACKUPS}/dumps/folder/"));
        let assets = format!("s3://{BACKUPS}/assets-1");
        let renders = live.renders();
        let own = [(dump.clone(), assets.clone()), (folder, assets)];
        for (dump, assets) in own.iter().chain(examples.iter().flatten()) {
            let good = tokio::task::block_in_place(|| test(dump, assets, &renders, &env));
            let said = format!("{assets}: {}{}", good.actual(), good.said);
            assert_eq!((good.exit, good.found()), (Some(0), BTreeSet::new()), "{said}");
            assert!(good.checked(CheckId::FailClosed) && good.scenario().renders.known_good > 0);
            assert!(!good.said.contains(&store.secret_key));
        }
        let none = format!("s3://{BACKUPS}/assets-2/");
        let red = tokio::task::block_in_place(|| test(&dump, &none, &renders, &env));
        let found = BTreeSet::from(["restore failed: fetch objects".to_owned()]);
        assert_eq!((red.exit, red.found()), (Some(1), found), "{}{}", red.actual(), red.said);
        let methods: BTreeSet<String> =
            gate.seen().iter().map(|seen| seen.request.method.to_string()).collect();
        assert_eq!(methods, BTreeSet::from(["GET".to_owned()]), "the origin was asked for more than reads");
        assert_eq!(
            before,
            live.backups.inventory("", &Default::default()).await.unwrap(),
            "the origin was changed"
        );
    })
    .await;
}

#[test]
fn what_can_not_be_tested_is_refused_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::os::unix::fs::symlink("loop", folder.path().join("loop")).unwrap();
    for (name, text) in [("a.dump", "PGDMP"), ("a.json", "{}"), ("bad.json", "{"), ("a.pdf", "no")] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::create_dir(folder.path().join("assets")).unwrap();
    fs::create_dir(folder.path().join("m")).unwrap();
    fs::write(folder.path().join("m/manifest.json"), "[]").unwrap();
    let (dump, assets, data) = (path("a.dump"), path("assets"), path("a.json"));
    let pair = |file: &str| format!("invoice={}", path(file));
    for (dump, assets, more, says) in [
        (path("none"), &assets, vec![], "can't read the backup"),
        (path("loop"), &assets, vec![], "can't read the backup"),
        ("/dev/zero".to_owned(), &assets, vec![], "neither a file nor a folder"),
        (dump.clone(), &path("none"), vec![], "can't read the backup"),
        (dump.clone(), &data, vec![], "neither a folder nor a tarball"),
        (dump.clone(), &assets, vec!["--manifest".to_owned(), path("m")], "is no manifest"),
        (dump.clone(), &assets, vec!["--manifest".to_owned(), path("none")], "can't read the manifest"),
        (dump.clone(), &assets, vec!["--render".to_owned(), pair("bad.json")], "is no JSON"),
        (dump.clone(), &assets, vec!["--golden".to_owned(), pair("a.pdf")], "no such render"),
        (
            dump.clone(),
            &assets,
            vec!["--render".to_owned(), pair("a.json"), "--golden".to_owned(), pair("a.pdf")],
            "is no whole PDF",
        ),
        (dump.clone(), &assets, texts(&["--engine", "url:http://127.0.0.1:1"]), "a site of its own"),
        ("s3://bucket/key".to_owned(), &assets, vec![], "no keys to read the S3 origin with"),
    ] {
        let mut options = texts(&["--report-dir", &path("reports"), "--dump", &dump, "--assets", assets]);
        options.extend(more);
        let refused = program(&options, &[]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{options:?}: {said}");
        assert!(said.contains(says), "{says:?} is not in {said}");
    }
    assert!(!folder.path().join("reports").exists(), "a refused test left a run");
}

/// The shipped profile with assertions, as a file.
fn profile_with(live: &Live, name: &str, assertions: &str) -> String {
    let shipped = fs::read_to_string("profiles/pulp-engine.yaml").unwrap();
    live.write(name, format!("{shipped}\nassertions:\n{assertions}").as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn assertions_are_checks_of_their_own_and_one_that_could_not_run_is_unknown() {
    with_live(false, async |live: &Live| {
        let (dump, folder) = (live.dump("pulp.dump", &["--format=custom"]), live.text("assets"));
        let sound = profile_with(
            live,
            "sound.yaml",
            "  some assets: { sql: { query: select count(*) from assets -- all, at-least: 1 } }\n  \
               recent: { fresh: { table: assets, column: created_at, max-age: 1d } }\n  \
               ready: { http: { path: /health/ready, contains: ok } }\n  \
               three: { command: { run: [sh, -c, exit 3], exit: 3 } }\n",
        );
        let good = test(&dump, &folder, &texts(&["--profile", &sound]), &[]);
        assert_eq!((good.exit, good.found()), (Some(0), BTreeSet::new()), "{}{}", good.actual(), good.said);
        let names: Vec<&str> = good.scenario().assertions.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["ready", "recent", "some assets", "three"]);

        let wrong = profile_with(
            live,
            "wrong.yaml",
            "  too many: { sql: { query: select count(*) from assets, at-least: 1000 } }\n  \
               old: { fresh: { table: assets, column: created_at, max-age: 1ms } }\n  \
               other page: { http: { path: /nowhere } }\n  \
               fails: { command: { run: [\"false\"] } }\n",
        );
        let bad = test(&dump, &folder, &texts(&["--profile", &wrong]), &[]);
        let expected =
            ["fails", "old", "other page", "too many"].map(|name| format!("assertion failed: {name}"));
        assert_eq!((bad.exit, bad.found()), (Some(1), expected.into()), "{}", bad.said);

        for (name, assertion) in [
            ("writes", "{ sql: { query: \"select set_config('transaction_read_only', 'off', false)\", not-empty: true } }"),
            ("reads a file", "{ sql: { query: \"select pg_read_file('/etc/passwd')\", not-empty: true } }"),
            ("no such table", "{ sql: { query: select 1 from nowhere, not-empty: true } }"),
            ("too slow", "{ sql: { query: \"select pg_sleep(60)::text\", not-empty: true, within: 1s } }"),
            ("no key", "{ http: { path: /health, header-env: { X-Token: NO_SUCH_VARIABLE } } }"),
            ("no program", "{ command: { run: [./no-such-program] } }"),
        ] {
            let profile = profile_with(live, "unknown.yaml", &format!("  {name}: {assertion}\n"));
            let unknown = test(&dump, &folder, &texts(&["--profile", &profile]), &[]);
            assert_eq!(
                (unknown.exit, unknown.found()),
                (Some(3), BTreeSet::new()),
                "{name}: {}",
                unknown.said
            );
            let [(_, CheckOutcome::Unknown { .. }, _)] = &unknown.scenario().assertions[..] else {
                panic!("{name}: {:?}", unknown.scenario().assertions);
            };
        }
    })
    .await;
}

/// The level of a test, and what it lacks.
fn level(tested: &Tested) -> String {
    let level = tested.scenario().level.as_ref().unwrap();
    pulp_drill::model::level::describe(level.reached).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_leaves_something_out_is_found_out_by_any_reference() {
    with_live(false, async |live: &Live| {
        let folder = live.text("assets");
        let sound = live.dump("pulp.dump", &["--format=custom"]);
        let manifest = texts(&["--manifest", &live.manifest(&sound)]);
        let source = texts(&["--source-env", "LIVE_URL"]);
        let env = [("LIVE_URL", live.url.clone())];
        let migrate = texts(&["--schema-of-migrate"]);

        let reports = live.text("reports");
        let ledger = texts(&["--ledger", &live.text("ledger.jsonl")]);
        let ran = program(&texts(&["--report-dir", &reports, "--dump", &sound, "--assets", &folder]), &[]);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let add = ["history", "add", &format!("{reports}/latest"), "--ledger", &live.text("ledger.jsonl")];
        let added = Command::new(PROGRAM).args(add).output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));

        let bare = test(&sound, &folder, &[], &[]);
        assert_eq!((bare.exit, level(&bare)), (Some(0), "consistent".to_owned()), "{}", bare.said);
        for (reference, reached) in
            [(&manifest, "complete"), (&ledger, "complete"), (&source, "complete"), (&migrate, "consistent")]
        {
            let good = test(&sound, &folder, reference, &env);
            assert_eq!(
                (good.exit, good.found(), level(&good)),
                (Some(0), BTreeSet::new(), reached.to_owned()),
                "{reference:?}: {}",
                good.said
            );
        }

        let no_table = live.dump("no-table.dump", &["--format=custom", "--exclude-table=audit_events"]);
        let no_rows = live.dump("no-rows.dump", &["--format=custom", "--exclude-table-data=audit_events"]);
        let mut schema_only = live.dump("schema.dump", &["--format=plain", "--schema-only"]);
        schema_only = live.write("schema.sql", &fs::read(schema_only).unwrap());
        for (dump, references) in [
            (&no_table, &[&manifest, &ledger, &source, &migrate][..]),
            (&no_rows, &[&manifest, &ledger, &source]),
            (&schema_only, &[&manifest, &ledger, &source, &migrate]),
        ] {
            for reference in references {
                let bad = test(dump, &folder, reference, &env);
                assert_eq!(bad.exit, Some(1), "{dump} {reference:?}: {}{}", bad.actual(), bad.said);
                assert!(level(&bad) != "complete" && level(&bad) != "usable", "{dump} {reference:?}");
            }
        }
        for dump in [&no_table, &no_rows] {
            let unproven = test(dump, &folder, &[], &[]);
            assert_eq!((unproven.exit, level(&unproven)), (Some(0), "consistent".to_owned()), "{dump}");
        }
        // A table that the manifest does not name is not proven.
        let text = fs::read_to_string(live.path("manifest").join("manifest.json")).unwrap();
        let mut partly: serde_json::Value = serde_json::from_str(&text).unwrap();
        partly["tables"].as_object_mut().unwrap().remove("audit_events");
        partly.as_object_mut().unwrap().remove("dbDumpSha256");
        let partly = live.write("partly.json", partly.to_string().as_bytes());
        let tested = test(&no_rows, &folder, &texts(&["--manifest", &partly]), &[]);
        assert_eq!((tested.exit, level(&tested)), (Some(0), "consistent".to_owned()), "{}", tested.said);
        let lacks = tested.scenario().level.as_ref().unwrap().gaps[0].to_string();
        assert!(lacks.contains("not in the reference: audit_events"), "{lacks}");
    })
    .await;
}
