//! The environment that the process was started in, changed before any thread or child process runs.

use std::{env, ffi::OsString};

/// Removes the caller's own settings for PostgreSQL and AWS, for this process and everything it
/// starts: `PGOPTIONS`, `PGSSLMODE` or `AWS_PROFILE` are meant for other servers than a drill's.
/// Loopback addresses are reached without a proxy.
pub(super) fn remove_foreign_settings() {
    const LOOPBACK: &str = "127.0.0.1,localhost,::1";
    let foreign = |name: &OsString| {
        ["PG", "AWS_", "ORIGIN_AWS_", "LEDGER_AWS_"]
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
    };
    let foreign: Vec<_> = env::vars_os().map(|(name, _)| name).filter(foreign).collect();
    // SAFETY: no other thread runs yet that could read the environment meanwhile.
    unsafe {
        for name in foreign {
            env::remove_var(name);
        }
        for name in ["NO_PROXY", "no_proxy"] {
            let value = env::var(name).map_or(LOOPBACK.to_owned(), |others| format!("{others},{LOOPBACK}"));
            env::set_var(name, value);
        }
    }
}

/// Takes a secret out of the environment, so that no child process inherits it.
pub(super) fn take(name: &str) -> Option<String> {
    let secret = env::var(name).ok().filter(|text| !text.trim().is_empty());
    // SAFETY: no other thread runs yet that could read the environment meanwhile.
    unsafe { env::remove_var(name) };
    secret
}
