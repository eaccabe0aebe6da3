//! `pulp-drill sweep`: removes what dead runs have left behind. Every run does so at its beginning;
//! sites that `--keep` left standing go only when asked for here.

use crate::{
    base::{error::Error, process::Base},
    runbook::provision::leftovers,
};
use clap::Args;

/// Arguments of `pulp-drill sweep`.
#[derive(Args, Debug)]
pub struct SweepArgs {
    /// End and remove the sites that `run --keep` left standing, too
    #[arg(long)]
    kept: bool,
}

/// What came of it, for the caller to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepOutput {
    /// What was done, for standard error.
    pub stderr: String,
    /// Whether all that was to go has gone: exit 0, else 3.
    pub clean: bool,
}

/// Ends the processes of dead runs and removes their folders. Runs that are alive stay.
pub async fn run(args: SweepArgs) -> Result<SweepOutput, Error> {
    let swept = leftovers::sweep_everywhere(args.kept).await?;
    let places: Vec<String> =
        Base::all_of_user().iter().map(|base| base.path().display().to_string()).collect();
    let said = swept.message().unwrap_or_else(|| format!("nothing to remove in {}", places.join(", ")));
    Ok(SweepOutput { stderr: format!("{said}\n"), clean: swept.failed.is_empty() })
}
