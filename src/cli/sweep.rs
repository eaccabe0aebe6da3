//! `pulp-drill sweep`: removes what dead runs have left behind. Every run does so at its beginning;
//! sites that `--keep` left running go only when asked for here.

use crate::{
    base::{error::Error, process::Base},
    cli::Output,
    model::exit_code::ExitCode,
    runbook::provision::leftovers::{self, KeptSites},
};
use clap::Args;

/// Arguments of `pulp-drill sweep`.
#[derive(Args, Debug)]
pub struct SweepArgs {
    /// End and remove the sites that `run --keep` left running, too: all, or those of RUN, the end of its id
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "")]
    kept: Option<String>,
}

/// Ends the processes of dead runs and removes their folders. Live runs are left alone. Exit code 3
/// if something could not be removed.
pub async fn run(args: SweepArgs) -> Result<Output, Error> {
    let kept = args.kept.map_or(KeptSites::Stay, |run| match run.is_empty() {
        true => KeptSites::Go,
        false => KeptSites::GoOf(run),
    });
    let swept = leftovers::sweep_everywhere(&kept).await?;
    if let (KeptSites::GoOf(run), true) = (&kept, swept.removed.is_empty()) {
        let kept: Vec<String> = swept.kept.iter().map(|path| path.display().to_string()).collect();
        let error = Error::usage(format!("no kept site belongs to run {run}"));
        return Err(match kept.is_empty() {
            true => error.hint("there is no kept site"),
            false => error.hint(format!("kept sites: {}", kept.join(", "))),
        });
    }
    let places: Vec<String> =
        Base::all_of_user().iter().map(|base| base.path().display().to_string()).collect();
    let done = swept.message().unwrap_or_else(|| format!("nothing to remove in {}", places.join(", ")));
    let exit = if swept.failed.is_empty() { ExitCode::AllHeld } else { ExitCode::Unverified };
    Ok(Output { stdout: String::new(), stderr: format!("{done}\n"), exit })
}
