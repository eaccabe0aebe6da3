//! `pulp-drill sweep`: removes what dead runs have left behind. Every run does so at its beginning;
//! sites that `--keep` left standing go only when asked for here.

use crate::{
    base::{error::Error, process::Base},
    cli::Output,
    model::exit_code::ExitCode,
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

/// Ends the processes of dead runs and removes their folders. Live runs are left alone. Exit code 3
/// if something could not be removed.
pub async fn run(args: SweepArgs) -> Result<Output, Error> {
    let swept = leftovers::sweep_everywhere(args.kept).await?;
    let places: Vec<String> =
        Base::all_of_user().iter().map(|base| base.path().display().to_string()).collect();
    let done = swept.message().unwrap_or_else(|| format!("nothing to remove in {}", places.join(", ")));
    let exit = if swept.failed.is_empty() { ExitCode::AllHeld } else { ExitCode::Unverified };
    Ok(Output { stdout: String::new(), stderr: format!("{done}\n"), exit })
}
