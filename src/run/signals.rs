//! The signals that ask a run to stop.

use crate::{
    base::error::{Error, ErrorContext},
    report::terminal::notice,
};
use nix::sys::signal::{Signal, raise};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Is cancelled by Ctrl-C, SIGTERM and SIGHUP (the terminal was closed). A second Ctrl-C or SIGTERM
/// ends the process at once: what is left then is found by the next run. A second SIGHUP does not:
/// shell and kernel each send one. Whoever started us with a signal ignored (`nohup`, a shell's
/// background) keeps it so.
pub(super) fn cancelled_by_signal() -> Result<CancellationToken, Error> {
    let listen = |kind: SignalKind, which: Signal| {
        let context = || format!("can't listen to {which}");
        if ignored(which) { Ok(None) } else { signal(kind).map(Some).or_environment(context) }
    };
    let mut int = listen(SignalKind::interrupt(), Signal::SIGINT)?;
    let mut term = listen(SignalKind::terminate(), Signal::SIGTERM)?;
    let mut hup = listen(SignalKind::hangup(), Signal::SIGHUP)?;
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move {
        tokio::select! { () = next(&mut int) => {}, () = next(&mut term) => {}, () = next(&mut hup) => {} }
        token.cancel();
        notice("stopping (once more to end at once)\n");
        tokio::select! { () = next(&mut int) => {}, () = next(&mut term) => {} }
        let _ended = raise(Signal::SIGKILL);
    });
    Ok(cancel)
}

async fn next(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether the signal was ignored when we started.
fn ignored(signal: Signal) -> bool {
    // SAFETY: `sigaction` is plain data for which all zeroes is a value; with a null pointer for the
    // new action the call only reads the present one.
    let now = unsafe {
        let mut now: nix::libc::sigaction = std::mem::zeroed();
        nix::libc::sigaction(signal as i32, std::ptr::null(), &raw mut now);
        now
    };
    now.sa_sigaction == nix::libc::SIG_IGN
}
