//! An engine that we start, stop, kill and pause, as a process or in a container; or one that runs
//! elsewhere and is only talked to.

use crate::base::error::{Error, ErrorContext};
use crate::base::process::{Children, Command, Daemon, Exit, Signal, free_port, until};
use crate::base::redact::Redactor;
use crate::model::profile::{
    ReadyCheck,
    run::{PORT, PORT2},
};
use crate::system::containers::{Container, ContainerSpec, Network};
use crate::system::engine::{
    ready::Readiness,
    wire::{ApiKeys, Engine},
};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// How to obtain an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launch {
    /// Start this program with these arguments.
    Command(Vec<String>),
    /// Start a container of this image, on the machine's own network.
    Image(String),
    /// It runs already, here.
    Url(Url),
    /// Nothing is started: the stores are all that there is.
    Nothing,
}

impl Launch {
    /// Reads a command line by the shell's rules for words and quotes; no shell is started, and
    /// nothing is expanded.
    pub fn command(line: &str) -> Result<Self, Error> {
        let description = shell_words::split(line).or_usage(|| format!("can't read the command {line:?}"))?;
        if description.is_empty() {
            return Err(Error::usage("the engine's command is empty"));
        }
        Ok(Self::Command(description))
    }
}

/// What an engine of ours is started with.
pub struct ProcessStart<'a> {
    /// The engine's environment, secrets included; `HOST` and `PORT` are ours to set.
    pub env: &'a BTreeMap<String, String>,
    /// Where its output goes, at the end of what is there.
    pub log: &'a Path,
    /// Where it is written down, so that a dead harness leaves none behind.
    pub children: Option<&'a Children>,
    /// Knows the secrets that its output may hold.
    pub redactor: &'a Redactor,
    /// How long it may take until it is ready.
    pub ready_within: Duration,
    /// What it does then.
    pub ready: &'a ReadyCheck,
    /// The folder that a program is started in; without one, ours.
    pub cwd: Option<&'a Path>,
    /// The signal that asks a program to end.
    pub stop_signal: Signal,
}

/// Names (or their beginnings) of variables that configure an engine or its clients: it gets those
/// that it is started with and none that happen to be set where the harness runs.
const INHERITED: [&str; 9] = [
    "PG",
    "AWS_",
    "S3_",
    "API_KEY_",
    "DATABASE_URL",
    "STORAGE_MODE",
    "ASSET",
    "TEMPLATES_DIR",
    "JOB_RESULT_",
];

/// The ports of an engine.
#[derive(Clone, Copy, Debug)]
struct Ports {
    /// The one at which it answers.
    first: u16,
    /// One that it may use.
    second: u16,
}

impl Ports {
    /// Puts the ports in the place of their variables.
    fn fill(self, text: &str) -> String {
        let text = text.replace("${PORT}", &self.first.to_string());
        text.replace("${PORT2}", &self.second.to_string())
    }

    fn variables(self) -> [(&'static str, String); 3] {
        let ports = [(PORT, self.first), (PORT2, self.second)].map(|(name, port)| (name, port.to_string()));
        let [first, second] = ports;
        [("HOST", "127.0.0.1".to_owned()), first, second]
    }
}

/// How long a stopped process may take until its last thread stands.
const STANDS_WITHIN: Duration = Duration::from_secs(2);

/// How often readiness is checked.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long one check may take: a single request that gets no answer must not use up the whole limit.
const CHECK: Duration = Duration::from_secs(5);

/// How many ports are tried when another process takes them first.
const TRIES: usize = 5;

/// An engine that answers at an address; ours to end if we started it.
#[derive(Debug)]
pub struct EngineProcess {
    url: Url,
    second_port: u16,
    readiness: Readiness,
    held: Held,
}

/// What of it is ours.
#[derive(Debug)]
enum Held {
    Process(Daemon),
    Container(Container),
    Nothing,
}

impl EngineProcess {
    /// Starts an engine on a free port and waits until it is ready. One that runs elsewhere is
    /// only waited for.
    pub async fn start(launch: &Launch, with: &ProcessStart<'_>) -> Result<Self, Error> {
        match launch {
            Launch::Url(url) => {
                let first = url.port_or_known_default().unwrap_or_default();
                let ports = Ports { first, second: first };
                let readiness = with.readiness(ports);
                let process = Self { url: url.clone(), second_port: first, readiness, held: Held::Nothing };
                process.wait_elsewhere(with).await?;
                Ok(process)
            }
            Launch::Nothing => Err(Error::harness("there is no engine to start")),
            Launch::Command(_) | Launch::Image(_) => {
                for _ in 0..TRIES {
                    let ports = Ports { first: free_port()?, second: free_port()? };
                    match Self::start_on(ports, launch, with).await {
                        Err(Failed::PortTaken) => {}
                        Err(Failed::Otherwise(error)) => return Err(error),
                        Ok(process) => return Ok(process),
                    }
                }
                Err(Error::environment("found no free port for the engine"))
            }
        }
    }

    /// Where it answers.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The ports of its variables, by name.
    pub fn ports(&self) -> [(&'static str, String); 2] {
        let first = self.url.port_or_known_default().unwrap_or_default();
        [(PORT, first.to_string()), (PORT2, self.second_port.to_string())]
    }

    /// A client for it.
    pub fn client(&self, keys: &ApiKeys) -> Engine {
        Engine::new(&self.url, keys).ready_by(self.readiness.clone())
    }

    /// Whether it was started by us and may so be stopped, killed and paused.
    pub fn is_ours(&self) -> bool {
        match &self.held {
            Held::Process(_) | Held::Container(_) => true,
            Held::Nothing => false,
        }
    }

    /// Its output up to now, redacted; empty for one that runs elsewhere.
    pub fn log_text(&self) -> String {
        match &self.held {
            Held::Process(daemon) => daemon.log_text(),
            Held::Container(container) => container.log_text(),
            Held::Nothing => String::new(),
        }
    }

    /// Asks it to end (SIGTERM, unless it was started with another signal), and ends it (SIGKILL) when it has not after the grace. `None` for
    /// one that runs elsewhere: that is not ours to stop.
    pub async fn stop(&self, grace: Duration) -> Option<Exit> {
        match &self.held {
            Held::Process(daemon) => Some(daemon.terminate(grace).await),
            Held::Container(container) => Some(container.stop(grace).await),
            Held::Nothing => None,
        }
    }

    /// Ends it like a power cut. `None` as for [`EngineProcess::stop`].
    pub async fn kill(&self) -> Option<Exit> {
        match &self.held {
            Held::Process(daemon) => Some(daemon.kill().await),
            Held::Container(container) => Some(container.kill().await),
            Held::Nothing => None,
        }
    }

    /// Stops it where it is (SIGSTOP; a container is frozen), and waits until it stands; whether
    /// there was one of ours to stop.
    pub async fn pause(&self) -> bool {
        let daemon = match &self.held {
            Held::Process(daemon) if daemon.signal(Signal::SIGSTOP) => daemon,
            Held::Container(container) => return container.pause().await,
            Held::Process(_) | Held::Nothing => return false,
        };
        // The signal is sent before every thread has seen it: until then it may still answer.
        let stands = until(|| stands(daemon.pid()).then_some(()));
        drop(tokio::time::timeout(STANDS_WITHIN, stands).await);
        true
    }

    /// Resumes it; whether there was one of ours.
    pub async fn resume(&self) -> bool {
        match &self.held {
            Held::Process(daemon) => daemon.signal(Signal::SIGCONT),
            Held::Container(container) => container.resume().await,
            Held::Nothing => false,
        }
    }

    /// Lets it outlive the harness, for inspection. A container does not.
    pub fn release(&self) {
        match &self.held {
            Held::Process(daemon) => daemon.release(),
            Held::Container(_) | Held::Nothing => {}
        }
    }

    async fn start_on(ports: Ports, launch: &Launch, with: &ProcessStart<'_>) -> Result<Self, Failed> {
        let port = ports.first;
        let url = Url::parse(&format!("http://127.0.0.1:{port}/"))
            .or_harness(|| format!("port {port} makes no URL"))?;
        let before = std::fs::metadata(with.log).map_or(0, |log| log.len());
        let held = match launch {
            Launch::Command(description) => Held::Process(Self::process(ports, description, with).await?),
            Launch::Image(image) => Held::Container(Self::container(ports, image, with).await?),
            Launch::Url(_) | Launch::Nothing => Held::Nothing,
        };
        let process = Self { url, second_port: ports.second, readiness: with.readiness(ports), held };
        let limit = with.ready_within;
        let mut last = None;
        let ready = match &process.held {
            Held::Process(daemon) => daemon.wait_ready("the engine", limit, process.ready(&mut last)).await,
            Held::Container(container) => container.wait_ready(limit, process.ready(&mut last)).await,
            Held::Nothing => Ok(()),
        };
        let Err(mut error) = ready else { return Ok(process) };
        let ended_by_itself = match &process.held {
            Held::Process(daemon) => daemon.exit().is_some(),
            Held::Container(container) => !container.runs().await,
            Held::Nothing => false,
        };
        process.kill().await;
        error.causes.extend(last.filter(|_| !ended_by_itself).map(|last| with.redactor.clean(&last)));
        Err(if ended_by_itself && says_port_taken(with.log, before) {
            Failed::PortTaken
        } else {
            Failed::Otherwise(error)
        })
    }

    async fn process(ports: Ports, words: &[String], with: &ProcessStart<'_>) -> Result<Daemon, Error> {
        if words.is_empty() {
            return Err(Error::usage("the engine's command is empty"));
        }
        let mut command = with.command(ports, words).stop_signal(with.stop_signal);
        if let Some(children) = with.children {
            command = command.recorded_in(children);
        }
        Daemon::start(command, with.log, with.redactor).await
    }

    async fn container(ports: Ports, image: &str, with: &ProcessStart<'_>) -> Result<Container, Error> {
        let Some(children) = with.children else {
            return Err(Error::harness("an engine in a container belongs to no run"));
        };
        let mut env = with.env.clone();
        env.values_mut().for_each(|value| *value = ports.fill(value));
        env.extend(ports.variables().map(|(name, value)| (name.to_owned(), value)));
        let wanted = ContainerSpec {
            what: "the engine",
            image,
            args: Vec::new(),
            network: Network::Host,
            folders: own_folders(&env)?,
            user: None,
            run: children.folder(),
            log: with.log,
            env: &env,
        };
        Container::start(wanted, with.redactor).await
    }

    /// Asks until it is ready, and keeps what the last check that failed found.
    async fn ready(&self, last: &mut Option<String>) {
        let engine = self.client(&ApiKeys::default()).patient(CHECK);
        loop {
            *last = Some(match engine.ready().await {
                Ok(ready) if ready.ok => return,
                Ok(ready) => format!("{}: {}", self.readiness.shown, ready.answer),
                Err(unreachable) => unreachable.to_string(),
            });
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn wait_elsewhere(&self, with: &ProcessStart<'_>) -> Result<(), Error> {
        let mut last = None;
        if tokio::time::timeout(with.ready_within, self.ready(&mut last)).await.is_ok() {
            return Ok(());
        }
        let (url, limit) = (&self.url, with.ready_within.as_secs_f32());
        let mut error = Error::environment(format!("the engine at {url} is not ready after {limit} s"));
        error.causes.extend(last.map(|last| with.redactor.clean(&last)));
        Err(error)
    }
}

impl ProcessStart<'_> {
    /// A program with the engine's environment and nothing of the harness's own.
    fn command(&self, ports: Ports, words: &[String]) -> Command {
        let (program, args) =
            words.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let mut command = Command::new(program).args(args.iter().map(|arg| ports.fill(arg)));
        if let Some(folder) = self.cwd {
            command = command.cwd(folder);
        }
        for prefix in INHERITED {
            command = command.without_inherited(prefix);
        }
        for (name, value) in self.env {
            command = command.env(name, ports.fill(value));
        }
        ports.variables().into_iter().fold(command, |command, (name, value)| command.env(name, value))
    }

    fn readiness(&self, ports: Ports) -> Readiness {
        Readiness::new(self.ready, ports.second, |words| self.command(ports, words), self.redactor)
    }
}

/// Why an engine did not start.
enum Failed {
    /// Somebody else took the port between our look and its bind.
    PortTaken,
    Otherwise(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Otherwise(error)
    }
}

/// The folders that an engine is configured to keep files in, made so that an image's own user can write
/// to them too: what is above them on this machine is ours alone.
pub fn own_folders(env: &BTreeMap<String, String>) -> Result<Vec<PathBuf>, Error> {
    let mut folders = Vec::new();
    for folder in FOLDERS.iter().filter_map(|name| env.get(*name)).map(PathBuf::from) {
        let context = || format!("can't make {}", folder.display());
        std::fs::create_dir_all(&folder).or_environment(context)?;
        let everybody = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(&folder, everybody).or_environment(context)?;
        folders.push(folder);
    }
    Ok(folders)
}

/// Variables that name folders of an engine.
const FOLDERS: [&str; 4] = ["ASSETS_DIR", "TEMPLATES_DIR", "JOB_RESULT_BLOB_DIR", "TMPDIR"];

/// Whether every thread of a process stands still (state `T` in `/proc`, see proc(5)); also where
/// the system does not say.
fn stands(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['T', 't', 'Z', 'X']))
    })
}

/// Whether what it wrote since then says that the port was taken: Node, Rust and the C library
/// each in their words.
fn says_port_taken(log: &Path, since: u64) -> bool {
    let bytes = std::fs::read(log).unwrap_or_default();
    let since = usize::try_from(since).unwrap_or(usize::MAX).min(bytes.len());
    let text = String::from_utf8_lossy(&bytes[since..]).to_lowercase();
    text.contains("eaddrinuse") || text.contains("address already in use") || text.contains("address in use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_split_by_the_shells_rules_and_nothing_more() {
        let description = ["npx", "pulp engine", "--key=$HOME", "a\"b"].map(str::to_owned).to_vec();
        assert_eq!(
            Launch::command("npx 'pulp engine' --key=$HOME a\\\"b").unwrap(),
            Launch::Command(description)
        );
        assert!(Launch::command("npx 'open").is_err());
        assert!(Launch::command("  ").is_err());
    }
}
