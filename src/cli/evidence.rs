//! `pulp-drill evidence`: verifies stored runs without a network, and packs one to hand it over.

use crate::{
    base::{
        error::{Error, ErrorContext as _},
        sanitize::one_line,
    },
    cli::{Output, trust::TrustArgs},
    evidence::{
        bundle, chain,
        verify::{self, EvidenceCheck, Signed, Trust},
    },
    journal::read::{EVENTS, folder_of},
    model::exit_code::ExitCode,
    report::terminal::style::count,
};
use clap::{Args, Subcommand};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// Arguments of `pulp-drill evidence`.
#[derive(Args, Debug)]
pub struct EvidenceArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: EvidenceCommand,
}

/// What can be done with evidence.
#[derive(Subcommand, Debug)]
pub enum EvidenceCommand {
    /// Say whether stored runs are as they were written, and who signed them
    #[command(after_help = "Exit codes: 0 as written, 1 changed, missing, added, or not signed as \
                            asked, 2 no run or a wrong option.\n\nExamples:\n  \
                            pulp-drill evidence verify reports/latest --key sign.pub\n  \
                            pulp-drill evidence verify run.tar --allowed-signers allowed_signers\n  \
                            pulp-drill evidence verify reports --all")]
    Verify(VerifyArgs),
    /// Pack a run into one tar file, which `verify` reads as well
    Bundle(BundleArgs),
}

/// What is verified, and whom to believe.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Folders of runs, or bundles; with several, the chain between them is verified, too
    #[arg(value_name = "RUN_DIR|BUNDLE", default_value = "reports/latest")]
    pub runs: Vec<PathBuf>,
    /// Take the argument for a report folder, and verify all runs in it and the chain over them
    #[arg(long)]
    pub all: bool,
    /// Whose signature is required.
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// What is packed.
#[derive(Args, Debug)]
pub struct BundleArgs {
    /// The run's folder
    #[arg(value_name = "RUN_DIR", default_value = "reports/latest")]
    pub run_dir: PathBuf,
    /// The bundle; the default is the folder's name with .tar, in the present folder
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Verifies or packs. Exit code 1 if something is not as it was written.
///
/// # Errors
/// Blames the user where there is no run or a key can't be used, the environment where something
/// can't be read or written.
pub fn run(args: &EvidenceArgs) -> Result<Output, Error> {
    match &args.command {
        EvidenceCommand::Verify(args) => verify(args),
        EvidenceCommand::Bundle(args) => pack(args),
    }
}

fn verify(args: &VerifyArgs) -> Result<Output, Error> {
    let trust = args.trust.read()?;
    let runs = if args.all { all(&args.runs)? } else { args.runs.clone() };
    let (mut stdout, mut intact) = (String::new(), true);
    let mut links = Vec::new();
    for path in &runs {
        let verified =
            if bundle::is_one(path) { bundle::verify(path, &trust)? } else { verify::folder(path, &trust)? };
        intact &= verified.problems.is_empty();
        stdout += &describe_check(path, &verified);
        links.extend(verified.link);
    }
    if args.all || runs.len() > 1 {
        let gaps = chain::gaps(&links);
        intact &= gaps.is_empty();
        stdout += &chain_told(&gaps, runs.len());
    }
    Ok(Output { exit: ExitCode::of_integrity(intact), ..Output::data(stdout) })
}

/// All runs of report folders. One that has no first line to be read is a run as well.
fn all(reports: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut runs = Vec::new();
    for reports in reports {
        let unreadable = || format!("can't read {}", reports.display());
        for entry in fs::read_dir(reports).or_usage(unreadable)? {
            let entry = entry.or_environment(unreadable)?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && entry.path().join(EVENTS).exists() {
                runs.push(entry.path());
            }
        }
    }
    if runs.is_empty() {
        return Err(Error::usage("there is no run in that folder")
            .hint("name the folder that runs are stored in, such as reports"));
    }
    runs.sort();
    Ok(runs)
}

fn describe_check(path: &Path, found: &EvidenceCheck) -> String {
    let (result, [passed, warned, failed]) = found.result;
    let signed = match &found.signed {
        Signed::No => "NOT SIGNED: who made it is not known".to_owned(),
        Signed::BySomebody(key) => {
            format!("by key {key}, which is not among trusted keys: give --key or --allowed-signers")
        }
        Signed::ByTrusted(key) => format!("by key {key}, which was asked for"),
    };
    let mut text = format!("{}\n", one_line(&path.display().to_string()));
    let mut line = |name: &str, value: &str| {
        let _string_takes_all = writeln!(text, "  {name:<10} {value}");
    };
    line("run", &format!("{}, {}", found.run, found.harness));
    line("journal", &count(found.events, "event"));
    line("files", &found.files.to_string());
    line("result", &format!("{result}: {passed} passed, {warned} with warnings, {failed} did not pass"));
    line("signature", &signed);
    found.notes.iter().for_each(|note| line("note", note));
    for problem in &found.problems {
        line("PROBLEM", &problem.to_string().replace('\n', "\n             "));
    }
    let verdict = match (found.problems.len(), found.problems.iter().all(|problem| problem.only_signer)) {
        (0, _) => "as it was written".to_owned(),
        (_, true) => "as it was written, but NOT signed as required".to_owned(),
        (n, false) => format!("NOT as it was written: {}", count(n, "problem")),
    };
    line("verdict", &verdict);
    text
}

fn chain_told(gaps: &[chain::Gap], runs: usize) -> String {
    if gaps.is_empty() {
        return format!(
            "chain over {}: complete; whether a newer run was removed cannot be determined from these files\n",
            count(runs, "run")
        );
    }
    let mut text = format!("chain over {}: {}\n", count(runs, "run"), count(gaps.len(), "gap"));
    for gap in gaps {
        text += &format!("  PROBLEM    run {} {}\n", gap.run.escape_debug(), gap.why.escape_debug());
    }
    text
}

fn pack(args: &BundleArgs) -> Result<Output, Error> {
    let dir = folder_of(&args.run_dir);
    let verified = verify::folder(&dir, &Trust::default())?;
    if !verified.problems.is_empty() {
        let stdout = describe_check(&dir, &verified) + "nothing was bundled\n";
        return Ok(Output { exit: ExitCode::IntegrityFailure, ..Output::data(stdout) });
    }
    let full = fs::canonicalize(&dir).or_environment(|| format!("can't find {}", dir.display()))?;
    let name = full.file_name().unwrap_or_default().to_string_lossy();
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar")));
    bundle::write(&dir, &out)?;
    Ok(Output::data(format!("{}\n", out.display())))
}
