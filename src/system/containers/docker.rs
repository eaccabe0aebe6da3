//! The connection to the container daemon.

use crate::base::error::Error;
use std::time::Duration;
use testcontainers::bollard;
use testcontainers::core::client::docker_client_instance;

/// How long the daemon may take to answer.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_secs(15);

/// The daemon's name and version.
///
/// # Errors
/// The environment's: it does not answer.
pub async fn daemon() -> Result<String, Error> {
    let asked = async { docker().await?.version().await.map_err(|e| refused("Docker does not answer", &e)) };
    let version = tokio::time::timeout(ANSWERS_WITHIN, asked)
        .await
        .unwrap_or_else(|_| Err(Error::environment("Docker does not answer within 15 s")))
        .map_err(|error| error.hint(HINT))?;
    let names = version.components.unwrap_or_default();
    // Docker's own component is called Engine, Podman's is Podman Engine.
    let name = names.first().map(|component| component.name.as_str()).filter(|name| *name != "Engine");
    Ok(format!("{} {}", name.unwrap_or("Docker Engine"), version.version.unwrap_or_default()))
}

const HINT: &str = "start Docker, or Podman's socket (podman system service) with DOCKER_HOST naming it; \
                    --substrate local needs neither";

pub(super) async fn docker() -> Result<bollard::Docker, Error> {
    docker_client_instance().await.map_err(|e| refused("there is no Docker", &e))
}

pub(super) fn refused(what: impl Into<String>, error: &(dyn std::error::Error + 'static)) -> Error {
    Error::environment(what).because(error)
}
