//! Isolates the parsing of untrusted bytes: on a thread with its own stack, with panics caught and a
//! time limit. The limits in `load` and `canonical` apply first; this is the last line of defence.

use crate::types::NotAPdf;
use std::{
    panic::{self, AssertUnwindSafe},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// Parsers nest a hundred levels at most; this is ample for unoptimised builds.
const STACK: usize = 64 << 20;

/// A real document of 256 MB takes seconds. A thread can't be stopped, so one that exceeds this is
/// left behind until the process ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a limit throws to leave a parser that offers no other way out (see `load::Charge`).
pub(crate) struct LimitExceeded(pub(crate) &'static str);

/// Runs the work under guard.
pub(crate) fn guarded<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotAPdf> + Send + 'static,
) -> Result<T, NotAPdf> {
    let (sender, receiver) = mpsc::channel();
    let started = thread::Builder::new().name("pdf".to_owned()).stack_size(STACK).spawn(move || {
        // lopdf may panic on bytes made to break it; that is an error of the file, not a reason to end.
        let result =
            panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|thrown| Err(caught(&*thrown)));
        // Nobody receives it after the time limit.
        let _ = sender.send(result);
    });
    if let Err(error) = started {
        return Err(NotAPdf::new(format!("can't be read: no thread to read it on: {error}")));
    }
    match receiver.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            Err(NotAPdf::new(format!("takes more than {} s to read", PATIENCE.as_secs())))
        }
        Err(RecvTimeoutError::Disconnected) => Err(NotAPdf::new("can't be read: its reader broke off")),
    }
}

fn caught(thrown: &(dyn std::any::Any + Send)) -> NotAPdf {
    if let Some(LimitExceeded(why)) = thrown.downcast_ref() {
        return NotAPdf::new(*why);
    }
    let text = thrown.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| thrown.downcast_ref::<String>().cloned()).unwrap_or_default();
    NotAPdf::new(format!("breaks its parser: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thrown_limit_and_a_panic_are_errors_with_a_reason() {
        let limit = guarded::<()>(|| panic::resume_unwind(Box::new(LimitExceeded("too much"))));
        assert_eq!(limit.unwrap_err().why, "too much");
        let panicked = guarded::<()>(|| panic::resume_unwind(Box::new("index out of range")));
        assert_eq!(panicked.unwrap_err().why, "breaks its parser: index out of range");
    }
}
