//! Adapter to containers: Docker, or what implements its API (Podman's socket), at `DOCKER_HOST` or at
//! the default socket. It knows images, ports and labels, and nothing of what runs in them.
//!
//! Every container carries the folder of its run as a label. The folder is created before the first
//! container and removed after the last: a container whose folder is gone belongs to a dead run.

mod docker;
mod leftovers;

pub use crate::system::container_spec::{ContainerSpec, Network};
pub use docker::daemon;
pub use leftovers::{remove_all_of, sweep};

use crate::base::error::{Error, ErrorContext};
use crate::base::process::{Captured, Exit, Ran, with_last_lines};
use crate::base::redact::Redactor;
use crate::base::sync::MutexExt;
use docker::{docker, refused};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as SyncMutex};
use std::time::{Duration, Instant};
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::bollard::query_parameters::KillContainerOptionsBuilder;
use testcontainers::core::logs::LogFrame;
use testcontainers::core::{IntoContainerPort as _, Mount};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt as _};
use tokio::sync::Mutex;

/// How often a running container's state is read.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A container of ours. Cheap to clone; removed when the last clone is dropped.
#[derive(Clone)]
pub struct Container(Arc<Inner>);

struct Inner {
    what: &'static str,
    id: String,
    address: Option<SocketAddr>,
    log: PathBuf,
    redactor: Redactor,
    held: Mutex<Option<ContainerAsync<GenericImage>>>,
}

impl Container {
    /// Starts it; whether it is ready is for [`Container::wait_ready`].
    ///
    /// # Errors
    /// The environment's: no daemon, no such image, or a container that can't be made.
    pub async fn start(wanted: ContainerSpec<'_>, redactor: &Redactor) -> Result<Self, Error> {
        let log = open(wanted.log)?;
        let request = request(&wanted).with_log_consumer(move |frame: &LogFrame| {
            let mut log = log.lock_unpoisoned();
            // A full disk shows elsewhere; the container itself must not end by it.
            let _lost = log.write_all(frame.bytes());
        });
        let context = || format!("can't start {} in a container of {}", wanted.what, wanted.image);
        let container = request.start().await.map_err(|e| refused(context(), &e))?;
        let address = match wanted.network {
            Network::Host => None,
            Network::Published(port) => {
                match container.get_host_port_ipv4(port.tcp()).await {
                    Ok(port) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
                    // One that has ended has no port any more.
                    Err(_) if !container.is_running().await.unwrap_or(false) => None,
                    Err(error) => return Err(refused(context(), &error)),
                }
            }
        };
        Ok(Self(Arc::new(Inner {
            what: wanted.what,
            id: container.id().to_owned(),
            address,
            log: wanted.log.to_owned(),
            redactor: redactor.clone(),
            held: Mutex::new(Some(container)),
        })))
    }

    /// Where its published port is reached; none of one that has ended at once.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address
    }

    /// All that it wrote, redacted.
    pub fn log_text(&self) -> String {
        let bytes = std::fs::read(&self.0.log).unwrap_or_default();
        self.0.redactor.clean(&String::from_utf8_lossy(&bytes))
    }

    /// All that it wrote, redacted, as the daemon has it: where the log may be incomplete.
    pub async fn output(&self) -> String {
        let held = self.0.held.lock().await;
        let Some(container) = &*held else { return self.log_text() };
        self.0.redactor.clean(&output(container).await)
    }

    /// Waits until `ready` is done.
    ///
    /// # Errors
    /// It ended before, or the time was up; with its last lines.
    pub async fn wait_ready(&self, limit: Duration, ready: impl Future<Output = ()>) -> Result<(), Error> {
        let what = self.0.what;
        let error = tokio::select! {
            () = ready => return Ok(()),
            exit = self.ended() => Error::environment(format!("{what} ended before it was ready: {exit}")),
            () = tokio::time::sleep(limit) => {
                Error::environment(format!("{what} is not ready after {} s", limit.as_secs()))
            }
        };
        Err(with_last_lines(error, &format!("{what} wrote"), &self.output().await))
    }

    /// Waits for its end.
    pub async fn ended(&self) -> Exit {
        let mut unknown: Option<Instant> = None;
        loop {
            let held = self.0.held.lock().await;
            let Some(container) = &*held else { return Exit::Signal(KILLED) };
            let running = container.is_running().await;
            let code = container.exit_code().await.ok().flatten();
            drop(held);
            match (running, code) {
                (Ok(true), _) => unknown = None,
                (Ok(false), Some(code)) => return exit(Some(code)),
                // Podman does not know for a moment how one ended; of one that somebody removed
                // nobody ever knows.
                _ if unknown.get_or_insert_with(Instant::now).elapsed() > SETTLED => {
                    return Exit::Signal(KILLED);
                }
                _ => {}
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Whether it runs; a paused one does.
    pub async fn runs(&self) -> bool {
        match &*self.0.held.lock().await {
            Some(container) => container.is_running().await.unwrap_or(false),
            None => false,
        }
    }

    /// Asks it to end (SIGTERM, or what the image says), ends it (SIGKILL) when it has not after the
    /// grace, and removes it.
    pub async fn stop(&self, grace: Duration) -> Exit {
        let Some(container) = self.0.held.lock().await.take() else { return Exit::Signal(KILLED) };
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let stopped = container.stop_with_timeout(Some(seconds)).await;
        let code = container.exit_code().await.ok().flatten().filter(|_| stopped.is_ok());
        self.remove(container).await;
        exit(code)
    }

    /// Ends it as [`Container::stop`] does, with SIGINT for what an image may say.
    pub async fn interrupt(&self, grace: Duration) -> Exit {
        let options = KillContainerOptionsBuilder::default().signal("SIGINT").build();
        // One that has ended takes no signal.
        if let Ok(docker) = docker().await
            && docker.kill_container(&self.0.id, Some(options)).await.is_ok()
            && let Ok(exit) = tokio::time::timeout(grace, self.ended()).await
        {
            self.kill().await;
            return exit;
        }
        self.stop(Duration::ZERO).await
    }

    /// Ends it like a power cut, and removes it.
    pub async fn kill(&self) -> Exit {
        if let Some(container) = self.0.held.lock().await.take() {
            self.remove(container).await;
        }
        Exit::Signal(KILLED)
    }

    /// Freezes all of its processes; whether it runs and could be frozen.
    pub async fn pause(&self) -> bool {
        match &*self.0.held.lock().await {
            Some(container) => container.pause().await.is_ok(),
            None => false,
        }
    }

    /// Resumes it; whether it was frozen.
    pub async fn resume(&self) -> bool {
        match &*self.0.held.lock().await {
            Some(container) => container.unpause().await.is_ok(),
            None => false,
        }
    }

    /// By force: it need not be stopped before. One that can't be removed now is found by its label.
    async fn remove(&self, container: ContainerAsync<GenericImage>) {
        let _found_by_its_label = container.rm().await;
    }
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Container({}, {})", self.0.what, self.0.id)
    }
}

/// How long it may stay unknown how a container ended.
const SETTLED: Duration = Duration::from_secs(5);

const KILLED: i32 = nix::sys::signal::Signal::SIGKILL as i32;

/// A code over 128 is a signal's, by the shells' rule, which container runtimes follow.
fn exit(code: Option<i64>) -> Exit {
    match code.and_then(|code| i32::try_from(code).ok()) {
        Some(code) if code > 128 => Exit::Signal(code - 128),
        Some(code) => Exit::Code(code),
        None => Exit::Signal(KILLED),
    }
}

/// What it wrote, *not* redacted.
async fn output(container: &ContainerAsync<GenericImage>) -> String {
    let out = container.stdout_to_vec().await.unwrap_or_default();
    let all = [out, container.stderr_to_vec().await.unwrap_or_default()].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// Runs a container to its end, like a command of this machine: its program is the image.
///
/// # Errors
/// As [`Container::start`].
pub async fn run_to_end(
    wanted: ContainerSpec<'_>,
    limit: Duration,
    redactor: &Redactor,
) -> Result<Ran, Error> {
    let (since, program) = (Instant::now(), wanted.image.to_owned());
    let args = wanted.args.iter().map(|arg| redactor.clean(arg)).collect();
    let container = Container::start(wanted, redactor).await?;
    let exit = tokio::time::timeout(limit, container.ended()).await.unwrap_or(Exit::TimedOut);
    let (stdout, stderr) = match &*container.0.held.lock().await {
        Some(held) => (held.stdout_to_vec().await, held.stderr_to_vec().await),
        None => (Ok(Vec::new()), Ok(Vec::new())),
    };
    let captured = |bytes: Result<Vec<u8>, _>| Captured::of(bytes.unwrap_or_default(), redactor);
    let (stdout, stderr) = (captured(stdout), captured(stderr));
    container.kill().await;
    Ok(Ran { program, args, exit, duration: since.elapsed(), stdout, stderr, left: Vec::new() })
}

fn request(wanted: &ContainerSpec<'_>) -> ContainerRequest<GenericImage> {
    let (name, tag) = name_and_tag(wanted.image);
    let network = wanted.network;
    let mut image = GenericImage::new(name, tag);
    if let Network::Published(port) = network {
        image = image.with_exposed_port(port.tcp());
    }
    let mounts = wanted.folders.iter().map(|folder| folder.display().to_string());
    let mut request = image
        .with_cmd(wanted.args.clone())
        .with_labels(leftovers::labels(wanted.run))
        .with_host_config_modifier(move |config| connect(config, network));
    for (name, value) in wanted.env {
        request = request.with_env_var(name, value);
    }
    if let Some((user, group)) = wanted.user {
        request = request.with_user(format!("{user}:{group}"));
    }
    for folder in mounts {
        request = request.with_mount(Mount::bind_mount(folder.clone(), folder));
    }
    request
}

/// Published ports are for this machine only: testcontainers would open them to the network.
fn connect(config: &mut HostConfig, network: Network) {
    config.publish_all_ports = Some(false);
    match network {
        Network::Host => config.network_mode = Some("host".to_owned()),
        Network::Published(port) => {
            let free = PortBinding { host_ip: Some(Ipv4Addr::LOCALHOST.to_string()), host_port: None };
            config.port_bindings = Some([(format!("{port}/tcp"), Some(vec![free]))].into());
        }
    }
}

/// `name:tag`, `name@sha256:digest`, `host:port/name`.
fn name_and_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        Some(_) | None => (image, "latest"),
    }
}

fn open(log: &Path) -> Result<SyncMutex<std::fs::File>, Error> {
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(log);
    Ok(SyncMutex::new(file.or_environment(|| format!("can't write {}", log.display()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_split_at_its_tag() {
        assert_eq!(name_and_tag("postgres"), ("postgres", "latest"));
        assert_eq!(name_and_tag("a/b:17-alpine"), ("a/b", "17-alpine"));
        assert_eq!(name_and_tag("localhost:5000/a"), ("localhost:5000/a", "latest"));
        assert_eq!(name_and_tag("localhost:5000/a:1"), ("localhost:5000/a", "1"));
        assert_eq!(name_and_tag("a@sha256:00ff"), ("a@sha256", "00ff"));
    }

    #[test]
    fn published_ports_are_for_this_machine_only() {
        let mut config = HostConfig { publish_all_ports: Some(true), ..HostConfig::default() };
        connect(&mut config, Network::Published(5432));
        assert_eq!(config.publish_all_ports, Some(false));
        let bindings = config.port_bindings.unwrap();
        let binding = bindings["5432/tcp"].as_ref().unwrap();
        assert_eq!(binding[0].host_ip.as_deref(), Some("127.0.0.1"));
    }
}
