//! Free loopback ports: for servers that can't choose one themselves and report it, and for our own.

use crate::base::error::{Error, ErrorContext};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// How many times a server is started when another process takes its port first.
pub const PORT_TRIES: u32 = 5;

/// How many ports are tried until connections reach one.
const REACHED_WITHIN: usize = 16;

/// How long a connection to a port of this machine may take.
const CONNECT: Duration = Duration::from_secs(1);

/// A listener on a free loopback port that connections reach. A free port may be forwarded elsewhere, for
/// example by a rule that a killed container left behind.
pub fn listen() -> Result<TcpListener, Error> {
    let context = || "no loopback port is free".to_owned();
    // Those that nothing reaches are held, so that the next one is another.
    let mut unreached = Vec::new();
    while unreached.len() < REACHED_WITHIN {
        let listener = TcpListener::bind(("127.0.0.1", 0)).or_environment(context)?;
        if is_reached(&listener) {
            return Ok(listener);
        }
        unreached.push(listener);
    }
    Err(Error::environment(format!("no connection reaches any of {REACHED_WITHIN} free ports of 127.0.0.1"))
        .hint("allow connections to 127.0.0.1: a firewall or a forwarding rule stops them"))
}

/// A port that was free a moment ago: it can be lost again before the server binds it.
pub fn free_port() -> Result<u16, Error> {
    let address = listen()?.local_addr().or_environment(|| "a listener has no address".to_owned())?;
    Ok(address.port())
}

/// Whether a connection to its address arrives.
fn is_reached(listener: &TcpListener) -> bool {
    let arrives = || -> std::io::Result<bool> {
        let connection = TcpStream::connect_timeout(&listener.local_addr()?, CONNECT)?;
        // Whoever else answered, nothing is waiting here.
        listener.set_nonblocking(true)?;
        let (_, peer) = listener.accept()?;
        listener.set_nonblocking(false)?;
        Ok(peer == connection.local_addr()?)
    };
    arrives().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_reached_and_its_next_connection_is_a_clients() {
        let listener = listen().unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
        // One whose connections end elsewhere: nothing arrives.
        let queue_is_full = TcpListener::bind("127.0.0.1:0").unwrap();
        let busy: Vec<_> = (0..4096)
            .map_while(|_| {
                let address = queue_is_full.local_addr().unwrap();
                TcpStream::connect_timeout(&address, Duration::from_millis(50)).ok()
            })
            .collect();
        assert!(!is_reached(&queue_is_full), "{} connections wait", busy.len());
    }
}
