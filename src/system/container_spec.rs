//! What is to run in a container. Part of every build, also of one that cannot start containers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What is to run.
#[derive(Clone, Debug)]
pub struct ContainerSpec<'a> {
    /// What it is, for messages: `PostgreSQL`.
    pub what: &'static str,
    /// Name and tag or digest of the image; pulled if it is missing.
    pub image: &'a str,
    /// Its environment, secrets included: passed through the API, never as an argument.
    pub env: &'a BTreeMap<String, String>,
    /// Arguments of the image's entrypoint; empty for the image's own command.
    pub args: Vec<String>,
    /// How it is reached.
    pub network: Network,
    /// Folders of this machine, mounted writable under the same path.
    pub folders: Vec<PathBuf>,
    /// The user and group ids that it runs as; `None` for the image's own.
    pub user: Option<(u32, u32)>,
    /// The folder of the run that it belongs to.
    pub run: &'a Path,
    /// The file that its output is appended to.
    pub log: &'a Path,
}

/// How a container is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// This port of the container, published on a free port of 127.0.0.1.
    Published(u16),
    /// It shares the network of the machine, and reaches what listens on 127.0.0.1.
    Host,
}
