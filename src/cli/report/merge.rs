//! `pulp-drill report merge`: joins the runs of `run --partition` into one run with one verdict.

use crate::{
    base::error::Error,
    cli::{
        Output,
        run::{RunFormat, output},
    },
    run::{merge::merge, signing},
};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `pulp-drill report merge`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  \
    pulp-drill report merge shards/*/latest --out reports\n\n\
    Exit codes: those of a run; a part that is missing makes it 3, a changed one 1.")]
pub struct MergeArgs {
    /// The folders of the parts' runs
    #[arg(value_name = "RUN_DIR", required = true)]
    pub run_dirs: Vec<PathBuf>,
    /// Where the joined run is stored, as with run --report-dir
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Sign the joined run with this ed25519 key, as with run --sign-key; PULP_DRILL_SIGN_KEY may hold
    /// the key itself instead
    #[arg(long, value_name = "FILE", env = "PULP_DRILL_SIGN_KEY_FILE")]
    pub sign_key: Option<PathBuf>,
}

/// Joins the parts and writes the joined run with its evidence. `sign_key` is the text of the key to
/// sign with, where the environment has one.
///
/// # Errors
/// Blames the user where the parts do not belong together, the environment where a file can't be
/// read or written. A part that was changed after it was written gives exit code 1.
pub fn run(args: &MergeArgs, sign_key: Option<&str>) -> Result<Output, Error> {
    let key = signing::read(args.sign_key.as_deref(), sign_key)?;
    match merge(&args.run_dirs, &args.out, key.as_ref())? {
        Ok(merged) => output(&merged, RunFormat::Human),
        Err(changed) => Ok(Output::integrity_failure(format!("{changed}\n  nothing was merged\n"))),
    }
}
