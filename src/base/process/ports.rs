//! Free loopback ports for servers that can't choose one themselves and report it.

use crate::base::error::{Error, ErrorContext};
use std::net::TcpListener;

/// How many times a server is started when another process takes its port first.
pub const PORT_TRIES: u32 = 5;

/// A port that was free a moment ago: it can be lost again before the server binds it.
pub fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind("127.0.0.1:0");
    let address =
        listener.and_then(|l| l.local_addr()).or_environment(|| "no loopback port is free".to_owned())?;
    Ok(address.port())
}
