//! `pulp-drill draw`: what draws a PDF for a report, in a process of its own. Not for people.

use crate::{
    base::{
        error::{Error, ErrorContext as _},
        process::own_program,
    },
    model::exit_code::ExitCode,
    report::pages,
};
use nix::sys::resource::{Resource, setrlimit};
use std::io::{self, Read as _, Write as _};

/// The most memory, in bytes: enough for a page of pictures at print resolution.
#[cfg(target_os = "linux")]
const MEMORY: u64 = 2 << 30;

/// The most time on a processor, in seconds.
const SECONDS: u64 = 20;

/// Lets reports draw in a process of its own from now on.
pub(super) fn draw_in_subprocess() {
    if let Ok(program) = own_program() {
        pages::draw_by(program, &["draw"]);
    }
}

/// Draws what is on stdin to stdout. Where a PDF can't be drawn, the reason is written instead.
pub(super) fn run() -> Result<ExitCode, Error> {
    let context = || "can't draw".to_owned();
    // Not every system has a limit for memory: the others still have the time.
    #[cfg(target_os = "linux")]
    setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY).or_environment(context)?;
    setrlimit(Resource::RLIMIT_CPU, SECONDS, SECONDS).or_environment(context)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).or_environment(context)?;
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).or_environment(context)?;
    let answer = pages::draw_here(bytes);
    io::stdout().lock().write_all(&answer).or_environment(context)?;
    Ok(ExitCode::of_integrity(!answer.is_empty()))
}
