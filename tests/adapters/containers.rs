//! The containers substrate on a real daemon: `pulp-drill run` with PostgreSQL, MinIO and an engine in
//! containers, and what is left when it is killed. Images are made from files of this machine
//! (`containers/images.sh`). Where no daemon answers and we are root, a private `dockerd` is started
//! in a folder of its own; without one it is skipped, and says so. The same on a private service of
//! Podman, which answers as Docker does.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const POSTGRES: &str = "pulp-drill/test-postgres";
const ENGINE: &str = "image:pulp-drill/test-engine";

/// A daemon to talk to, and its end if it is ours.
struct Daemon {
    host: String,
    ours: Option<(Child, tempfile::TempDir)>,
}

impl Daemon {
    /// The one that answers already, or one of our own; or why there is none.
    fn find() -> Result<Self, String> {
        if !on_path("docker") {
            return Err("there is no docker client to make images with".to_owned());
        }
        let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        if answers(&host) {
            return Ok(Self { host, ours: None });
        }
        if !nix::unistd::geteuid().is_root() || !on_path("dockerd") {
            return Err("no Docker answers, and only root can start a private dockerd".to_owned());
        }
        Self::private()
    }

    fn private() -> Result<Self, String> {
        Self::started("dockerd", |path, host| {
            let mut dockerd = Command::new("dockerd");
            dockerd.args(["--data-root", &path("data"), "--exec-root", &path("exec"), "-H", host]);
            dockerd.args(["-p", &path("pid")]);
            dockerd
        })
    }

    /// A service of Podman of our own; or why there is none.
    fn podman() -> Result<Self, String> {
        if !on_path("docker") || !on_path("podman") {
            return Err("there is no docker client or no podman".to_owned());
        }
        if !nix::unistd::geteuid().is_root() {
            return Err("the images are made for root's Podman".to_owned());
        }
        Self::started("podman", |path, host| {
            // Podman raises limits up to what a whole machine has, which a machine in a machine lacks.
            let limits = "[containers]\ndefault_ulimits = [\"nofile=4096:4096\", \"nproc=4096:4096\"]\n";
            std::fs::write(path("containers.conf"), limits).unwrap();
            let mut podman = Command::new("podman");
            podman.env("CONTAINERS_CONF", path("containers.conf"));
            podman.args(["--root", &path("data"), "--runroot", &path("run"), "--storage-driver", "vfs"]);
            podman.args(["system", "service", "--time=0", host]);
            podman
        })
    }

    /// A private daemon: `command` is given how its files are called, and where it has to listen.
    fn started(
        name: &str,
        command: impl FnOnce(&dyn Fn(&str) -> String, &str) -> Command,
    ) -> Result<Self, String> {
        // Containers' sockets and mounts do not fit every file system: not in memory.
        let folder = tempfile::Builder::new().prefix(&format!("drill-{name}-")).tempdir_in("/tmp").unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let host = format!("unix://{}", path("docker.sock"));
        let log = std::fs::File::create(path("log")).unwrap();
        let mut child = command(&path, &host).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let since = Instant::now();
        while !answers(&host) {
            let over = child.try_wait().unwrap().is_some();
            if over || since.elapsed() > Duration::from_secs(60) {
                drop((child.kill(), child.wait()));
                let log = std::fs::read_to_string(path("log")).unwrap_or_default();
                let last = log.lines().last().unwrap_or_default().to_owned();
                return Err(format!("a private {name} does not start here: {last}"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(Self { host, ours: Some((child, folder)) })
    }

    fn docker(&self, args: &[&str]) -> String {
        let output = Command::new("docker").env("DOCKER_HOST", &self.host).args(args).output().unwrap();
        assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Ids of all containers that carry our label, stopped ones too.
    fn containers(&self) -> Vec<String> {
        let listed = self.docker(&["ps", "-aq", "--filter", "label=pulp-drill.run"]);
        listed.lines().map(str::to_owned).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some((child, folder)) = &mut self.ours {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
            let _gone_already = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
            drop(child.wait());
            // dockerd leaves the mount of its network namespace, which keeps the folder from going.
            let mount = folder.path().join("exec/netns/default");
            drop(Command::new("umount").arg(mount).output());
        }
    }
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn answers(host: &str) -> bool {
    let mut asked = Command::new("docker");
    let asked = asked.env("DOCKER_HOST", host).args(["info", "--format", "{{.ServerVersion}}"]);
    asked.output().is_ok_and(|output| output.status.success() && output.stdout.len() > 1)
}

fn pulp_drill() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_pulp-drill"))
}

/// What `doctor` says of PostgreSQL: version and folder.
fn postgres() -> (String, String) {
    let output = Command::new(pulp_drill()).args(["doctor", "--format", "json"]).output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let line = found["found"][0]["found"].as_str().unwrap().to_owned();
    let (version, folder) = line.rsplit_once(" in ").unwrap();
    (version.to_owned(), folder.to_owned())
}

fn major_of_programs() -> u32 {
    let (version, _) = postgres();
    let digits = version.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty());
    digits.unwrap().parse().unwrap()
}

/// Makes the images; or why that can't be done here.
fn images(daemon: &Daemon) -> Result<(), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/minio.sh");
    let minio = match std::env::var("MINIO_BIN") {
        Ok(minio) if !minio.is_empty() => minio,
        _ => {
            let checked = Command::new(script).arg("--check").output().unwrap();
            if !checked.status.success() {
                return Err(String::from_utf8_lossy(&checked.stderr).trim().to_owned());
            }
            String::from_utf8(checked.stdout).unwrap().trim().to_owned()
        }
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/adapters/containers/images.sh");
    let mut make = Command::new(script);
    let make = make.env("DOCKER_HOST", &daemon.host).arg(postgres().1).arg(pulp_drill()).arg(minio);
    let made = make.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

fn command(daemon: &Daemon, reports: &Path) -> Command {
    let mut command = Command::new(pulp_drill());
    command.env("DOCKER_HOST", &daemon.host).env_remove("MINIO_BIN");
    command.args(["run", "--substrate", "containers", "--report-dir"]).arg(reports);
    command
}

fn run(daemon: &Daemon, reports: &Path, args: &[&str]) -> Command {
    let mut command = command(daemon, reports);
    command.args(["--postgres-image", POSTGRES]).args(args);
    command
}

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// A daemon with the images in it; where there is none, that is said.
fn with_images(daemon: Result<Daemon, String>) -> Option<Daemon> {
    let ready = daemon.and_then(|daemon| images(&daemon).map(|()| daemon));
    ready.map_err(|why| println!("skipped, because {why}")).ok()
}

#[test]
fn drills_run_in_containers_of_podman_too() {
    let Some(daemon) = with_images(Daemon::podman()) else { return };
    let reports = tempfile::tempdir().unwrap();
    holds_and_leaves_nothing(&daemon, reports.path());
    let events = std::fs::read_to_string(reports.path().join("latest/events.jsonl")).unwrap();
    assert!(events.contains("Podman Engine"), "another engine answered: {events}");
    // No engine in a container: of one that ends soon, as a migration does, Podman 4.3 tells a state for
    // a moment that is not of Docker's API, which the client can't read.
    a_killed_run_is_swept(&daemon, reports.path(), &[], 3);
}

#[test]
fn drills_run_in_containers_and_leave_none() {
    let Some(daemon) = with_images(Daemon::find()) else { return };
    let reports = tempfile::tempdir().unwrap();
    versions_are_told_apart(&daemon, reports.path());
    recovers_to_a_point_in_time(&daemon, reports.path());
    an_engine_in_a_container_is_drilled(&daemon, reports.path());
    a_killed_run_is_swept(&daemon, reports.path(), &["--engine", ENGINE], 4);
    a_bad_image_is_told_with_its_words(&daemon, reports.path());
}

/// A run for each version. What an image is called is not believed: it is told, and nothing passes.
fn versions_are_told_apart(daemon: &Daemon, reports: &Path) {
    let major: u32 = major_of_programs();
    let other = major - 1;
    for major in [major, other] {
        daemon.docker(&["tag", POSTGRES, &format!("pulp-drill.test/postgres:{major}-alpine")]);
    }
    let mut command = command(daemon, reports);
    command.args(["--registry", "pulp-drill.test/", "--minio-image", "pulp-drill/minio:latest"]);
    let output = command.args(["--postgres", &format!("{major},{other}"), "--filter", "row-lost"]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("Passed: 1 scenario and 1 baseline drill"), "{}", text(&output));
    let why = format!("pulp-drill.test/postgres:{other}-alpine is PostgreSQL {major}.");
    assert!(text(&output).contains(&why), "{}", text(&output));
    assert_eq!(daemon.containers(), Vec::<String>::new());
    for major in [major, other] {
        daemon.docker(&["rmi", &format!("pulp-drill.test/postgres:{major}-alpine")]);
    }
}

/// Recovery on servers of a scenario's own, whose folders are of this machine.
fn recovers_to_a_point_in_time(daemon: &Daemon, reports: &Path) {
    let output = run(daemon, reports, &["scenarios/point-in-time.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(daemon.containers(), Vec::<String>::new());
}

fn holds_and_leaves_nothing(daemon: &Daemon, reports: &Path) {
    let output = run(daemon, reports, &["--filter", "row-lost"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("postgres image: pulp-drill/test-postgres"), "{}", text(&output));
    assert_eq!(daemon.containers(), Vec::<String>::new());
}

fn an_engine_in_a_container_is_drilled(daemon: &Daemon, reports: &Path) {
    let args = ["--engine", ENGINE, "--filter", "binary-missing"];
    let output = run(daemon, reports, &args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains(ENGINE.strip_prefix("image:").unwrap()), "{}", text(&output));
    assert_eq!(daemon.containers(), Vec::<String>::new());
    // The migration ran there, and no secret went by its arguments.
    let events = std::fs::read_to_string(reports.join("latest/events.jsonl")).unwrap();
    assert!(events.contains(r#""program":"pulp-drill/test-engine""#), "{events}");
    assert!(!events.contains("postgresql://pulp-drill:"), "a password is in the journal");
}

/// Kills a run as soon as so many containers are there, each of another kind (the run's PostgreSQL and
/// MinIO, the scenario's own PostgreSQL, its engine): they are left.
fn a_killed_run_is_swept(daemon: &Daemon, reports: &Path, engine: &[&str], kinds: usize) {
    let mut killed =
        run(daemon, reports, &[engine, &["--jobs", "1", "scenarios/point-in-time.yaml"]].concat());
    let mut killed = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let since = Instant::now();
    while daemon.containers().len() < kinds {
        assert!(since.elapsed() < Duration::from_secs(120), "no {kinds} containers came up");
        assert!(killed.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(50));
    }
    let strangers = daemon.docker(&["create", "--label", "somebody=else", "pulp-drill/test-engine"]);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!daemon.containers().is_empty(), "nothing was left to sweep");

    let mut sweep = Command::new(pulp_drill());
    let swept = sweep.env("DOCKER_HOST", &daemon.host).arg("sweep").output().unwrap();
    assert_eq!(swept.status.code(), Some(0), "{}", text(&swept));
    assert!(text(&swept).contains("removed their containers"), "{}", text(&swept));
    assert_eq!(daemon.containers(), Vec::<String>::new());
    assert!(daemon.docker(&["ps", "-aq", "--no-trunc"]).contains(&strangers), "a stranger's was removed");
    daemon.docker(&["rm", &strangers]);
}

fn a_bad_image_is_told_with_its_words(daemon: &Daemon, reports: &Path) {
    // An image that is no MinIO: it does not know the arguments and ends.
    let args = ["--minio-image", "pulp-drill/test-engine", "--filter", "row-lost"];
    let output = run(daemon, reports, &args).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("can't start MinIO"), "{}", text(&output));
    assert_eq!(daemon.containers(), Vec::<String>::new());
}

#[test]
fn without_a_daemon_nothing_is_begun() {
    let reports = tempfile::tempdir().unwrap();
    let nobody = Daemon { host: format!("unix://{}/nobody.sock", reports.path().display()), ours: None };
    let output = run(&nobody, reports.path(), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("hint: start Docker"), "{}", text(&output));
    assert_eq!(reports.path().read_dir().unwrap().count(), 0, "a run was stored");
}

/// Podman fails to remove a container while its process ends: a stand-in of its API does so twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_ending_is_removed_when_it_has_ended() {
    use wiremock::matchers::{method, path_regex};
    use wiremock::{Mock, MockServer, ResponseTemplate};
    let daemon = MockServer::start().await;
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let labels = serde_json::json!({
        "pulp-drill.run": "gone", "pulp-drill.folder": "/gone", "pulp-drill.machine": machine.trim(),
    });
    let listed = serde_json::json!([{ "Id": "0123456789abcdef", "Image": "minio", "Labels": labels }]);
    let refused = serde_json::json!({ "message": "container state improper: stopped" });
    Mock::given(method("GET"))
        .and(path_regex("/containers/json$"))
        .respond_with(ResponseTemplate::new(200).set_body_json(listed))
        .mount(&daemon)
        .await;
    let removal = || Mock::given(method("DELETE")).and(path_regex("/containers/0123456789abcdef$"));
    let refusal = ResponseTemplate::new(500).set_body_json(refused);
    removal().respond_with(refusal).up_to_n_times(2).expect(2).mount(&daemon).await;
    removal().respond_with(ResponseTemplate::new(204)).expect(1).mount(&daemon).await;

    let host = format!("tcp://{}", daemon.address());
    let swept = Command::new(pulp_drill()).env("DOCKER_HOST", host).arg("sweep").output().unwrap();
    assert_eq!(swept.status.code(), Some(0), "{}", text(&swept));
    assert!(text(&swept).contains("removed their containers: 0123456789ab (minio)"), "{}", text(&swept));
}
