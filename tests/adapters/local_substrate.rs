//! The local substrate on the real machine: a PostgreSQL cluster and an S3 server in a run's folder,
//! and what is left of them when the harness ends well, badly or without a word.
//!
//! The S3 server's own behaviour is not tested here: a shell script stands in for its program.

use pulp_drill::base::process::{
    Base, Command as Spec, Daemon, Exit, Ran, RunDir, Signal, run, start_ticks, unprivileged, until,
};
use pulp_drill::base::redact::Redactor;
use pulp_drill::runbook::provision::leftovers::{sweep, sweep_kept};
use pulp_drill::runbook::provision::processes::{
    Durability, ObjectProgram, ObjectServer, Places, PostgresServer, discover,
};
use pulp_drill::system::cluster::{Came, OwnServer, ServerPrograms};
use pulp_drill::system::postgres::Postgres;
use std::fs::Permissions;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Makes this test binary play a part in a process of its own: `ROLE` is the part, `TEMP` its
/// temporary folder.
const ROLE: &str = "LOCAL_SUBSTRATE_ROLE";
const TEMP: &str = "LOCAL_SUBSTRATE_TEMP";

fn temp() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    // PostgreSQL's user must be able to pass.
    std::fs::set_permissions(temp.path(), Permissions::from_mode(0o711)).unwrap();
    temp
}

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

async fn postgres(run_dir: &RunDir, redactor: &Redactor) -> PostgresServer {
    let bin = discover(&Places::of_machine(), None).await.or_error().unwrap();
    PostgresServer::start(run_dir, &bin, Durability::Off, redactor).await.unwrap()
}

async fn psql(server: &PostgresServer, password: &str, sql: &str, redactor: &Redactor) -> Ran {
    let command = server.bin.command("psql").env("PGPASSWORD", password);
    let command = command.args(["-X", "-A", "-t", "-c", sql]).arg(server.url("postgres").as_str());
    run(command, redactor).await.unwrap()
}

/// Waits until the process is gone.
async fn gone(pid: u32) -> bool {
    let gone = until(|| start_ticks(pid).is_none().then_some(()));
    tokio::time::timeout(Duration::from_secs(10), gone).await.is_ok()
}

fn send(pid: u32, signal: Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), signal).unwrap();
}

/// The id of the shared memory of the server on this data directory.
fn segment(data: &Path) -> String {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    text.lines().nth(6).unwrap().split_ascii_whitespace().nth(1).unwrap().to_owned()
}

/// The ids of the machine's System V shared memory segments.
fn segments() -> Vec<String> {
    let text = Command::new("ipcs").arg("-m").output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    text.lines().filter_map(|line| line.split_ascii_whitespace().nth(1)).map(str::to_owned).collect()
}

/// Starts this binary in a role, waits for its line that starts with `ready`, and gives its words.
fn play(role: &str, temp: &Path, env: &[(&str, &str)]) -> (Child, Vec<String>) {
    let log = temp.join("role.log");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "local_substrate::plays_its_part", "--nocapture"])
        .env(ROLE, role)
        .env(TEMP, temp)
        .envs(env.iter().copied())
        .stdout(Stdio::from(std::fs::File::create(&log).unwrap()))
        .spawn()
        .unwrap();
    loop {
        let ended = child.try_wait().unwrap().is_some();
        let text = std::fs::read_to_string(&log).unwrap();
        let ready =
            text.split_inclusive('\n').find_map(|line| line.strip_prefix("ready ")?.strip_suffix('\n'));
        if let Some(description) = ready {
            return (child, description.split(' ').map(str::to_owned).collect());
        }
        assert!(!ended, "the {role} ended before it was ready: {text}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// No test: the parts that other tests let this binary play.
#[tokio::test(flavor = "multi_thread")]
async fn plays_its_part() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let temp = std::env::var(TEMP).unwrap();
    if role == "minio" {
        return minio(&temp);
    }
    let base = Base::below(Path::new(&temp)).unwrap();
    match role.as_str() {
        "harness" => harness(&base, false).await,
        "harness that keeps" => harness(&base, true).await,
        "client" => client(&base).await,
        "keeper" => keeper(&base).await,
        other => panic!("no such role: {other}"),
    }
}

/// What the harness asks of MinIO before it is used, on the address of its arguments.
fn minio(address: &str) {
    let listener = std::net::TcpListener::bind(address).unwrap();
    // Not ready at first, as the real one; then S3 is not, which on a busy machine comes later.
    let (health, s3) = ("GET /minio/health/ready ", "GET / ");
    for (path, status) in [
        (health, "503 Service Unavailable"),
        (health, "200 OK"),
        (s3, "503 Service Unavailable"),
        (health, "200 OK"),
        (s3, "403 Forbidden"),
    ] {
        let (mut stream, _) = listener.accept().unwrap();
        println!("answering {status}");
        let mut request = [0; 1024];
        let n = stream.read(&mut request).unwrap();
        assert!(request[..n].starts_with(path.as_bytes()));
        write!(stream, "HTTP/1.0 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
    }
    std::thread::sleep(Duration::from_secs(600));
}

/// A run that has all kinds of processes, and waits to be killed.
async fn harness(base: &Base, keep: bool) {
    let redactor = Redactor::new();
    let run_dir = RunDir::create(base, "run", keep).unwrap();
    let server = postgres(&run_dir, &redactor).await;
    let stub = script(run_dir.path(), "s3", "echo listening on http://127.0.0.1:1; exec sleep 600");
    let objects = ObjectServer::start(&run_dir, &ObjectProgram::embedded(stub), &redactor).await.unwrap();
    let engine = Spec::new("sh").args(["-c", "sleep 600 & echo $!; wait"]).recorded_in(run_dir.children());
    let engine = Daemon::start(engine, &run_dir.path().join("engine.log"), &redactor).await.unwrap();
    let grandchild = engine.wait_line("engine", "", Duration::from_secs(5)).await.unwrap();
    let pids = [server.daemon().pid(), objects.daemon().pid(), engine.pid()].map(|pid| pid.to_string());
    say(&format!("{} {grandchild}", pids.join(" ")));
    std::future::pending::<()>().await;
}

/// A run that leaves its site running, and ends well.
async fn keeper(base: &Base) {
    let redactor = Redactor::new();
    let run_dir = RunDir::create(base, "run", true).unwrap();
    let server = postgres(&run_dir, &redactor).await;
    server.daemon().release();
    run_dir.leave_running().unwrap();
    say(&server.daemon().pid().to_string());
}

/// A run in an environment full of somebody's own PostgreSQL settings.
async fn client(base: &Base) {
    let redactor = Redactor::new();
    let run_dir = RunDir::create(base, "run", false).unwrap();
    let server = postgres(&run_dir, &redactor).await;
    let ran = psql(&server, &server.password, "select 'fine'", &redactor).await;
    say(&format!("{:?}{}", ran.stdout.text.trim(), ran.stderr.text.trim().replace(['\n', ' '], "_")));
}

fn say(description: &str) {
    // The test harness may have begun a line of its own.
    println!("\nready {description}");
    std::io::stdout().flush().unwrap();
}

#[tokio::test]
async fn a_private_cluster_serves_its_owner_and_is_gone_at_the_end() {
    let (temp, redactor) = (temp(), Redactor::new());
    let run_dir = RunDir::create(&Base::below(temp.path()).unwrap(), "run", false).unwrap();
    let path = run_dir.path().to_owned();
    let server = postgres(&run_dir, &redactor).await;

    let settings = "select current_user, current_setting('fsync'), current_setting('data_directory'), \
                    pg_encoding_to_char(encoding), datcollate from pg_database where datname = 'postgres'";
    let ran = psql(&server, &server.password, settings, &redactor).await;
    let data = server.data_dir.display();
    assert_eq!(ran.stdout.text.trim(), format!("pulp-drill|off|{data}|UTF8|C.UTF-8"), "{}", ran.stderr.text);
    let us = nix::unistd::geteuid().as_raw();
    assert_eq!(server.data_dir.metadata().unwrap().uid(), server.user.as_ref().map_or(us, |user| user.uid));
    assert_eq!(server.user, unprivileged());

    let ran = psql(&server, "wrong", "select 1", &redactor).await;
    assert!(ran.stderr.text.contains("password authentication failed"), "{}", ran.stderr.text);
    assert!(!server.daemon().log_text().contains(&server.password));

    let socket = server.socket_dir.join(format!(".s.PGSQL.{}", server.port));
    assert!(socket.exists());
    let pid = server.daemon().pid();
    server.stop().await;
    assert_eq!(server.daemon().exit(), Some(Exit::Code(0)));
    assert!(server.daemon().log_text().contains("received fast shutdown request"));
    run_dir.remove().unwrap();
    assert!(start_ticks(pid).is_none() && !path.exists());
}

#[tokio::test]
async fn forgetting_everything_leaves_nothing_either() {
    let (temp, redactor) = (temp(), Redactor::new());
    let run_dir = RunDir::create(&Base::below(temp.path()).unwrap(), "run", false).unwrap();
    let path = run_dir.path().to_owned();
    let server = postgres(&run_dir, &redactor).await;
    let pid = server.daemon().pid();
    // In the order in which a panic may drop them: the folder before what runs in it.
    drop(run_dir);
    assert!(start_ticks(pid).is_none() && !path.exists());
    drop(server);
}

#[tokio::test]
async fn a_killed_server_leaves_nothing_in_the_kernel_once_it_is_stopped() {
    let (temp, redactor) = (temp(), Redactor::new());
    let run_dir = RunDir::create(&Base::below(temp.path()).unwrap(), "run", false).unwrap();
    let server = postgres(&run_dir, &redactor).await;
    let shared = segment(&server.data_dir);
    server.daemon().kill().await;
    assert!(segments().contains(&shared), "nothing to be forgotten: the test shows nothing");
    server.stop().await;
    assert!(!segments().contains(&shared));
}

#[tokio::test]
async fn the_users_own_postgres_settings_do_not_leak_in() {
    let temp = temp();
    let hostile = [
        ("PGHOST", "/nowhere"),
        ("PGPORT", "1"),
        ("PGDATA", "/nowhere"),
        ("PGSERVICE", "nobody-knows-it"),
        ("PGUSER", "somebody"),
        ("PGSSLMODE", "verify-full"),
        ("PGOPTIONS", "-c nonsense=1"),
    ];
    let (mut child, description) = play("client", temp.path(), &hostile);
    child.wait().unwrap();
    assert_eq!(description, ["\"fine\""]);
}

#[tokio::test]
async fn after_kill_9_the_servers_die_by_themselves_and_a_sweep_takes_the_rest() {
    let temp = temp();
    let base = Base::below(temp.path()).unwrap();
    let (mut harness, description) = play("harness", temp.path(), &[]);
    let pids: Vec<u32> = description.iter().map(|word| word.parse().unwrap()).collect();
    assert!(pids.iter().all(|pid| start_ticks(*pid).is_some()), "{pids:?}");

    let swept = sweep(&base).await.unwrap();
    assert_eq!(swept.message(), None, "a living run was touched");

    harness.kill().unwrap();
    harness.wait().unwrap();
    let [server, objects, engine, grandchild] = pids[..] else { panic!("{pids:?}") };
    if cfg!(target_os = "linux") {
        // By the parent-death signal, which has outlived the change of user.
        assert!(gone(server).await && gone(objects).await && gone(engine).await);
    }
    assert!(start_ticks(grandchild).is_some(), "nobody told the engine's own child");

    let swept = sweep(&base).await.unwrap();
    assert_eq!(swept.ended.iter().map(|ended| ended.pid).collect::<Vec<_>>(), [grandchild]);
    assert_eq!(swept.removed, [base.path().join("run")]);
    assert!(start_ticks(grandchild).is_none() && !base.path().join("run").exists());
    assert_eq!(sweep(&base).await.unwrap().message(), None);
}

#[tokio::test]
async fn servers_that_outlived_a_killed_harness_are_ended_by_a_sweep() {
    let temp = temp();
    let base = Base::below(temp.path()).unwrap();
    let (mut harness, description) = play("harness that keeps", temp.path(), &[]);
    let mut pids: Vec<u32> = description.iter().map(|word| word.parse().unwrap()).collect();
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    harness.kill().unwrap();
    harness.wait().unwrap();
    // Paused, as by a fault that the harness did not live to take back.
    send(pids[0], Signal::SIGSTOP);
    assert!(pids.iter().all(|pid| start_ticks(*pid).is_some()), "they were to outlive it");

    let since = Instant::now();
    let swept = sweep(&base).await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(5), "the server that was paused had to be killed");
    let mut ended: Vec<u32> = swept.ended.iter().map(|ended| ended.pid).collect();
    pids.sort_unstable();
    ended.sort_unstable();
    assert_eq!(ended, pids, "{swept:?}");
    assert!(pids.iter().all(|pid| start_ticks(*pid).is_none()));
    assert_eq!(swept.removed, [base.path().join("run")]);
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn what_a_killed_server_of_a_killed_harness_holds_in_the_kernel_is_freed_by_a_sweep() {
    let temp = temp();
    let base = Base::below(temp.path()).unwrap();
    let (mut harness, description) = play("harness that keeps", temp.path(), &[]);
    harness.kill().unwrap();
    harness.wait().unwrap();
    let shared = segment(&base.path().join("run/pg/data"));
    let server = description[0].parse().unwrap();
    send(server, Signal::SIGKILL);
    assert!(gone(server).await);
    assert!(segments().contains(&shared), "nothing to be freed: the test shows nothing");
    sweep(&base).await.unwrap();
    assert!(!segments().contains(&shared));
}

#[tokio::test]
async fn a_site_that_was_left_running_stands_until_it_is_swept_by_name() {
    let temp = temp();
    let base = Base::below(temp.path()).unwrap();
    let (mut keeper, description) = play("keeper", temp.path(), &[]);
    assert!(keeper.wait().unwrap().success());
    let server = description[0].parse().unwrap();
    let swept = sweep(&base).await.unwrap();
    assert_eq!(swept.kept, [base.path().join("run")]);
    assert!(start_ticks(server).is_some(), "it does not stand");
    let swept = sweep_kept(&base).await.unwrap();
    assert_eq!(swept.ended.iter().map(|ended| ended.pid).collect::<Vec<_>>(), [server]);
    assert!(start_ticks(server).is_none() && !base.path().join("run").exists());
}

#[tokio::test]
async fn the_embedded_s3_server_is_told_its_keys_by_its_environment_and_says_its_address() {
    let (temp, redactor) = (temp(), Redactor::new());
    let run_dir = RunDir::create(&Base::below(temp.path()).unwrap(), "run", false).unwrap();
    let text = "echo \"$*\" >args; echo \"$S3_ACCESS_KEY_ID $S3_SECRET_ACCESS_KEY\" >keys\n\
                echo listening on http://127.0.0.1:4711; exec sleep 600";
    let program = ObjectProgram::embedded(script(temp.path(), "pulp-drill", text));
    let server = ObjectServer::start(&run_dir, &program, &redactor).await.unwrap();
    assert_eq!(server.endpoint, "http://127.0.0.1:4711");
    let data = server.data_dir.display();
    let read = |name: &str| std::fs::read_to_string(server.data_dir.join(name)).unwrap();
    let args = read("args");
    let port = args.strip_prefix(&format!("standin objects --dir {data} --listen 127.0.0.1:")).unwrap();
    assert_ne!(port.trim().parse(), Ok(0_u16));
    assert_eq!(read("keys"), format!("{} {}\n", server.access_key, server.secret_key));
    assert_eq!(redactor.clean(&read("keys")), "[redacted] [redacted]\n");
    server.stop().await;
    assert_eq!(server.daemon().exit(), Some(Exit::Signal(Signal::SIGTERM as i32)));
}

#[tokio::test]
async fn minio_is_used_when_its_health_says_ready_and_s3_answers() {
    let (temp, redactor) = (temp(), Redactor::new());
    let run_dir = RunDir::create(&Base::below(temp.path()).unwrap(), "run", false).unwrap();
    let us = std::env::current_exe().unwrap();
    let text = format!(
        "if [ \"$1\" = --version ]; then echo minio version RELEASE.X; exit; fi\n\
         echo \"$1 $2 $3\" >args; echo \"$MINIO_ROOT_USER $MINIO_ROOT_PASSWORD\" >keys\n\
         {ROLE}=minio {TEMP}=$4 exec {} --exact local_substrate::plays_its_part --nocapture",
        us.display()
    );
    let program = ObjectProgram::minio(&script(temp.path(), "minio", &text)).await.unwrap();
    assert_eq!(program.version, "minio version RELEASE.X");
    let server = ObjectServer::start(&run_dir, &program, &redactor).await.unwrap();
    let data = server.data_dir.display();
    let read = |name: &str| std::fs::read_to_string(server.data_dir.join(name)).unwrap();
    assert_eq!(read("args"), format!("server {data} --address\n"));
    assert_eq!(read("keys"), format!("{} {}\n", server.access_key, server.secret_key));
    assert!(server.endpoint.starts_with("http://127.0.0.1:"));
    assert!(server.daemon().log_text().contains("answering 403"), "it was not ready yet");
    server.stop().await;
}

#[tokio::test]
async fn a_server_of_its_own_archives_is_put_on_another_folder_and_goes_with_all_that_is_its() {
    let temp = temp();
    let run_dir = RunDir::create(&Base::below(temp.path()).unwrap(), "own", false).unwrap();
    let redactor = Redactor::new();
    let bin = discover(&Places::of_machine(), None).await.or_error().unwrap();
    let own = OwnServer::start(&run_dir, "own-001", ServerPrograms::Here(&bin), &redactor).await.unwrap();
    let ask = async |sql: &str| {
        let connection = Postgres::connect(&own.access("postgres").await).await.unwrap();
        let rows = connection.rows(sql, &[]).await;
        connection.close().await;
        rows.unwrap()
    };
    ask("with made as (select pg_create_restore_point('here')) select to_json(count(*)) from made").await;
    let name = ask("select to_json(pg_walfile_name(pg_switch_wal()))").await.remove(0);
    let segment = own.archive().join(name.as_str().unwrap());
    let archived = until(|| segment.is_file().then_some(()));
    tokio::time::timeout(Duration::from_secs(20), archived).await.expect("the segment was archived");
    assert_eq!(ask("select to_json(current_setting('fsync'))").await, ["on"]);

    let first = own.data_dir().await;
    own.stop().await;
    let other = own.fresh_dir().await;
    assert!(Command::new("cp").arg("-a").args([&first, &other]).status().unwrap().success());
    own.set(&other, &[("cluster_name", "it's another")]).unwrap();
    assert!(matches!(own.start_on(&other).await.unwrap(), Came::Up(_)));
    assert_eq!(ask("select to_json(current_setting('cluster_name'))").await, ["it's another"]);
    own.set(&other, &[("no_such_setting", "on")]).unwrap();
    let Came::Down(said) = own.start_on(&other).await.unwrap() else { panic!("started all the same") };
    assert!(said.0.contains("no_such_setting") && said.end().contains("no_such_setting"), "{}", said.0);

    own.lose().await.unwrap();
    assert!(!other.exists() && segment.is_file());
    own.remove().await.unwrap();
    assert!(!own.home().exists());
}
