//! Containers that outlived their run, known by their labels. Those of living runs, of other
//! machines that share the daemon, and whatever is not ours stay as they are.

use super::docker::{ANSWERS_WITHIN, docker, refused};
use crate::base::error::Error;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::models::ContainerSummary;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use tokio::time::Instant;

/// The name of the run's folder.
const RUN: &str = "pulp-drill.run";
/// The run's folder, whole.
const FOLDER: &str = "pulp-drill.folder";
/// The name of the machine that the folder is on: a daemon may serve several.
const MACHINE: &str = "pulp-drill.machine";

/// How long a daemon may fail to list or to remove a container: Podman does while one starts or ends.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// Between two attempts.
const INTERVAL: Duration = Duration::from_millis(100);

/// The labels of a run's containers.
pub(super) fn labels(run: &Path) -> Vec<(String, String)> {
    let name = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = run.display().to_string();
    [(RUN, name), (FOLDER, folder), (MACHINE, machine())].map(|(key, value)| (key.to_owned(), value)).into()
}

fn machine() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    kernel.or_else(|_| std::env::var("HOSTNAME")).unwrap_or_else(|_| "unknown".to_owned())
}

/// Removes every container of the run whose folder this is, by force. Gives how many there were.
///
/// # Errors
/// The daemon does not answer, or one can't be removed.
pub async fn remove_all_of(run: &Path) -> Result<usize, Error> {
    let all = ours().await?;
    let folder = run.display().to_string();
    remove(all.iter().filter(|container| label(container, FOLDER) == Some(&folder)))
        .await
        .map(|ids| ids.len())
}

/// Removes containers of runs whose folder is gone, and gives their names. Where there is no daemon,
/// there is nothing to remove.
///
/// # Errors
/// They can't be listed, or one can't be removed.
pub async fn sweep() -> Result<Vec<String>, Error> {
    let Ok(daemon) = docker().await else { return Ok(Vec::new()) };
    let listed = tokio::time::timeout(ANSWERS_WITHIN, list(&daemon)).await;
    let all = match listed.unwrap_or(Err(DockerError::RequestTimeoutError)) {
        Ok(all) => all,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(refused("can't list containers", &error)),
    };
    remove(all.iter().filter(|container| is_left(container, &machine()))).await
}

fn is_left(container: &ContainerSummary, machine: &str) -> bool {
    label(container, MACHINE) == Some(machine)
        && label(container, FOLDER).is_some_and(|folder| !Path::new(folder).exists())
}

/// Whether nothing listens where the daemon would.
fn is_absent(error: &DockerError) -> bool {
    matches!(
        error,
        DockerError::SocketNotFoundError(_)
            | DockerError::IOError { .. }
            | DockerError::HyperResponseError { .. }
            | DockerError::HyperLegacyError { .. }
    )
}

async fn ours() -> Result<Vec<ContainerSummary>, Error> {
    list(&docker().await?).await.map_err(|e| refused("can't list containers", &e))
}

/// Every container with our label.
async fn list(daemon: &Docker) -> Result<Vec<ContainerSummary>, DockerError> {
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&HashMap::from([("label", vec![FOLDER])]))
        .build();
    let until = Instant::now() + SETTLES_WITHIN;
    loop {
        match daemon.list_containers(Some(options.clone())).await {
            // A state that Docker's interface does not have; Podman's containers pass through some.
            Err(DockerError::JsonDataError { .. }) if Instant::now() < until => {
                tokio::time::sleep(INTERVAL).await;
            }
            listed => return listed,
        }
    }
}

async fn remove(containers: impl Iterator<Item = &ContainerSummary>) -> Result<Vec<String>, Error> {
    let mut removed = Vec::new();
    for container in containers {
        let Some(id) = &container.id else { continue };
        if !remove_one(id).await? {
            continue;
        }
        let image = container.image.clone().unwrap_or_default();
        removed.push(format!("{} ({image})", id.get(..12).unwrap_or(id)));
    }
    Ok(removed)
}

/// Whether it was there to be removed.
async fn remove_one(id: &str) -> Result<bool, Error> {
    let until = Instant::now() + SETTLES_WITHIN;
    loop {
        // Anonymous volumes, which images make for their data, go too.
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match docker().await?.remove_container(id, Some(options)).await {
            Ok(()) => return Ok(true),
            // Somebody else removes it or has removed it.
            Err(DockerError::DockerResponseServerError { status_code: 404 | 409, .. }) => return Ok(false),
            Err(DockerError::DockerResponseServerError { status_code: 500, .. })
                if Instant::now() < until =>
            {
                tokio::time::sleep(INTERVAL).await;
            }
            Err(error) => return Err(refused(format!("can't remove the container {id}"), &error)),
        }
    }
}

fn label<'a>(container: &'a ContainerSummary, key: &str) -> Option<&'a str> {
    container.labels.as_ref()?.get(key).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(folder: &Path, machine: &str) -> ContainerSummary {
        let labels = labels(folder).into_iter().map(|(key, value)| match key.as_str() {
            MACHINE => (key, machine.to_owned()),
            _ => (key, value),
        });
        ContainerSummary { labels: Some(labels.collect()), ..ContainerSummary::default() }
    }

    #[test]
    fn only_a_container_of_this_machine_without_its_folder_is_left_over() {
        let temp = tempfile::tempdir().unwrap();
        let gone = temp.path().join("gone");
        assert!(is_left(&summary(&gone, "here"), "here"));
        assert!(!is_left(&summary(temp.path(), "here"), "here"));
        assert!(!is_left(&summary(&gone, "there"), "here"));
        assert!(!is_left(&ContainerSummary::default(), "here"));
    }

    /// A daemon that gives these answers, one after the other.
    fn daemon(socket: &Path, answers: &'static [(u16, &'static str)]) -> Docker {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::UnixListener::bind(socket).unwrap();
        tokio::spawn(async move {
            for (status, body) in answers {
                let (mut peer, _) = listener.accept().await.unwrap();
                let _read = peer.read(&mut [0; 4096]).await.unwrap();
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} as told\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                );
                peer.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        });
        let version = testcontainers::bollard::API_DEFAULT_VERSION;
        Docker::connect_with_unix(&socket.display().to_string(), 5, version).unwrap()
    }

    #[tokio::test]
    async fn a_state_that_docker_does_not_have_is_waited_out() {
        let temp = tempfile::tempdir().unwrap();
        let answers =
            &[(200, r#"[{"Id":"a","State":"initialized"}]"#), (200, r#"[{"Id":"a","State":"running"}]"#)];
        let listed = list(&daemon(&temp.path().join("passing"), answers)).await.unwrap();
        assert_eq!(listed.len(), 1);
    }

    #[tokio::test]
    async fn a_daemon_that_is_absent_and_one_that_answers_badly_are_told_apart() {
        let temp = tempfile::tempdir().unwrap();
        let socket = temp.path().join("nobody");
        let client = daemon(&socket, &[]);
        std::fs::remove_file(&socket).unwrap();
        assert!(is_absent(&list(&client).await.unwrap_err()));
        let refused = list(&daemon(&temp.path().join("other"), &[(500, "{}")])).await.unwrap_err();
        assert!(!is_absent(&refused), "{refused}");
    }
}
