//! Replaces `containers` in a program that is built without the feature of that name: whoever asks for
//! a container gets an error that says so. There is never a [`Container`].

use crate::base::error::Error;
use crate::base::process::{Exit, Ran};
use crate::base::redact::Redactor;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

pub use crate::system::container_spec::{ContainerSpec, Network};

/// A container, which this program cannot start.
#[derive(Clone, Debug)]
pub struct Container(Infallible);

fn not_built_in() -> Error {
    Error::usage("this program was built without support for containers").hint(
        "build it with the feature \"containers\", which is on by default: `make run FEATURES=` or \
         `cargo run --release -- run`; --substrate local needs no containers",
    )
}

/// The daemon's name and version.
///
/// # Errors
/// Always: this program has no support for containers.
pub async fn daemon() -> Result<String, Error> {
    Err(not_built_in())
}

/// Removes the containers of dead runs. A program with support for containers does it; this one
/// starts none and finds none.
///
/// # Errors
/// Never.
pub async fn sweep() -> Result<Vec<String>, Error> {
    Ok(Vec::new())
}

/// Removes the containers of a run. This program starts none, so there are none.
///
/// # Errors
/// Never.
pub async fn remove_all_of(_run: &Path) -> Result<usize, Error> {
    Ok(0)
}

/// Runs a container to its end.
///
/// # Errors
/// Always: this program has no support for containers.
pub async fn run_to_end(_: ContainerSpec<'_>, _: Duration, _: &Redactor) -> Result<Ran, Error> {
    Err(not_built_in())
}

impl Container {
    /// Starts a container.
    ///
    /// # Errors
    /// Always: this program has no support for containers.
    pub async fn start(_: ContainerSpec<'_>, _: &Redactor) -> Result<Self, Error> {
        Err(not_built_in())
    }

    /// Where its published port is reached.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.0 {}
    }

    /// All that it wrote.
    pub fn log_text(&self) -> String {
        match self.0 {}
    }

    /// All that it wrote, from the daemon.
    pub async fn output(&self) -> String {
        match self.0 {}
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// Never.
    pub async fn wait_ready(&self, _: Duration, _: impl Future<Output = ()>) -> Result<(), Error> {
        match self.0 {}
    }

    /// Whether it runs.
    pub async fn runs(&self) -> bool {
        match self.0 {}
    }

    /// Asks it to end.
    pub async fn stop(&self, _: Duration) -> Exit {
        match self.0 {}
    }

    /// Sends it SIGINT.
    pub async fn interrupt(&self, _: Duration) -> Exit {
        match self.0 {}
    }

    /// Kills it.
    pub async fn kill(&self) -> Exit {
        match self.0 {}
    }

    /// Freezes its processes.
    pub async fn pause(&self) -> bool {
        match self.0 {}
    }

    /// Lets its processes continue.
    pub async fn resume(&self) -> bool {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_error_names_the_feature() {
        let error = daemon().await.expect_err("no containers");
        assert!(error.hint.is_some_and(|hint| hint.contains("\"containers\"")));
    }
}
