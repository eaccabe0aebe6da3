//! `pulp-drill prove-tool`: what does a command that is to verify backups detect? It is run on sound and on
//! damaged backups, by the machinery of a normal run, which shows in the same drill that the damage is real.

use crate::{
    base::error::Error,
    cli::{output, run::SharedArgs, sources::scenario_files},
    model::{exit_code::ExitCode, fault::FaultTarget, tool_proof::ToolProof},
    report::{
        self, detection,
        terminal::{self, notice},
    },
    run::{FinishedRun, options::Options, schedule},
    runbook::backup::{
        Examination,
        commands::{VARIABLES, VerifyCommand},
    },
};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of `pulp-drill prove-tool`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    pulp-drill prove-tool --command 'pg_restore --list \"$DUMP\"'\n  \
    pulp-drill prove-tool --command 'sums=sha256sum --check --quiet SHA256SUMS' --command 'mine=./verify.sh'\n\n\
    Exit codes: 0 every command rejects all damage and accepts all sound backups, 1 not so, 2 usage,\n\
    3 something could not be run.")]
pub struct ProveToolArgs {
    /// The command, for `sh -c`, optionally with a name: `NAME=LINE`. It ends with exit code 0 if the backup is
    /// good. It finds BACKUP, DUMP, ASSETS, SHA256SUMS, BUCKET, COPY, BASE_BACKUP, WAL_ARCHIVE and DATABASE_URL
    /// in its environment, and is run where the backup has those that it names; with DATABASE_URL after the
    /// restore, else before the loss. May be repeated
    #[arg(long = "command", value_name = "[NAME=]LINE", required = true)]
    commands: Vec<String>,
    /// Where the scenarios are: files, folders, or ids. The default is scenarios/ of the current folder, or
    /// else the scenarios of this program
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    shared: SharedArgs,
    /// What to print on stdout at the end
    #[arg(long, value_enum, default_value_t = ProofFormat::Human)]
    format: ProofFormat,
}

/// What is printed on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProofFormat {
    /// What each command lets pass
    Human,
    /// Every answer
    Json,
    /// Damage against commands, for a document
    Markdown,
}

/// Runs the drills and prints what each command detected. `sign_key` is the text of the key to sign with.
///
/// # Errors
/// As a run.
pub async fn run(args: ProveToolArgs, sign_key: Option<String>) -> Result<ExitCode, Error> {
    let commands = args.commands.iter().map(|text| command(text)).collect::<Result<Vec<_>, _>>()?;
    let options = Options {
        paths: scenario_files(&args.paths, args.shared.profile())?,
        one_per_fault: Some(is_in_data),
        examination: Examination { common_tools: false, commands },
        ..args.shared.options(sign_key.as_deref())?
    };
    let mut worst = ExitCode::AllHeld;
    let mut finished = |run: FinishedRun| {
        let Some(representatives) = &run.representatives else { return Ok(()) };
        let proof = ToolProof::of(&run.record, representatives);
        worst = worst.max(proof.exit());
        output::print(&match args.format {
            ProofFormat::Human => detection::tools_text(&proof, terminal::stdout_look().width),
            ProofFormat::Json => report::json(&proof)?,
            ProofFormat::Markdown => detection::tools_markdown(&proof),
        })?;
        notice(&format!("report: {}\n", run.dir.join("report.html").display()));
        Ok(())
    };
    let exit = schedule::run(options, &mut finished).await?;
    Ok(exit.max(worst))
}

/// A command with its name; without one, its first words.
fn command(text: &str) -> Result<VerifyCommand, Error> {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || " -_.".contains(c));
    let (name, line) = match text.split_once('=') {
        Some((name, line)) if is_name(name) => (name.to_owned(), line),
        Some(_) | None => (text.to_owned(), text),
    };
    if line.trim().is_empty() {
        let names = VARIABLES.map(|(name, meaning)| format!("{name}: {meaning}")).join("; ");
        return Err(Error::usage(format!("--command {text:?}: the command is empty"))
            .hint(format!("write a line for sh -c; it finds {names}")));
    }
    Ok(VerifyCommand { name, line: line.to_owned() })
}

/// Whether a fault damages data: not the engine, and not the way to restore.
fn is_in_data(target: FaultTarget) -> bool {
    match target {
        FaultTarget::Objects
        | FaultTarget::Rows
        | FaultTarget::RowFiles
        | FaultTarget::Dump
        | FaultTarget::Tarball
        | FaultTarget::Versions
        | FaultTarget::WalArchive
        | FaultTarget::NextDump
        | FaultTarget::NextCopy
        | FaultTarget::NextTransfer
        | FaultTarget::NextArchive
        | FaultTarget::NextResults
        | FaultTarget::NextRestore => true,
        FaultTarget::NextMigration
        | FaultTarget::NextBucketRecovery
        | FaultTarget::NextDatabaseRecovery
        | FaultTarget::NextStart => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_the_name_before_the_first_equals_sign_or_is_its_own() {
        let named = |text: &str| command(text).map(|c| (c.name, c.line)).map_err(|error| error.to_string());
        assert_eq!(named("my sums=sha256sum -c X"), Ok(("my sums".to_owned(), "sha256sum -c X".to_owned())));
        assert_eq!(named("a/b --x=1"), Ok(("a/b --x=1".to_owned(), "a/b --x=1".to_owned())));
        assert!(named("x=").is_err_and(|error| error.contains("the command is empty")));
    }
}
