//! `pulp-drill report`: verifies a stored run and renders it again, from its events alone. It touches no
//! live system. Reports of a run that does not verify begin with a warning.

use crate::{
    base::{digest::Digest, error::Error},
    cli::{Output, trust::TrustArgs},
    evidence::{
        ATTESTATION,
        verify::{self, EvidenceCheck, Trust},
    },
    journal::{
        self,
        read::{Flaw, folder_of},
    },
    model::{
        exit_code::ExitCode,
        record::{Integrity, RunRecord},
    },
    report::{self, ReportFormat, junit, terminal},
};
use clap::{Args, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};

pub mod merge;

/// Arguments of `pulp-drill report`, or of what it can do besides.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ReportCommand {
    /// What is rendered.
    #[command(flatten)]
    pub args: ReportArgs,
    /// Something else than rendering.
    #[command(subcommand)]
    pub merge: Option<Merge>,
}

/// What `report` can do besides rendering a run.
#[derive(Subcommand, Debug)]
pub enum Merge {
    /// Join the runs of all parts of `run --partition` into one with one verdict
    Merge(merge::MergeArgs),
}

/// Renders a stored run again.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// The run's folder
    #[arg(value_name = "RUN_DIR", default_value = "reports/latest")]
    pub run_dir: PathBuf,
    /// What is printed to standard output
    #[arg(long, value_enum, default_value_t = PrintFormat::Human)]
    pub format: PrintFormat,
    /// Whose signature is required.
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// What is printed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrintFormat {
    /// A table and a verdict
    Human,
    /// The record, as in record.json
    Json,
    /// JUnit XML, as in junit.xml
    Junit,
}

/// Verifies the run as `evidence verify` does, and renders it. Reports that are missing or were changed are
/// rendered again from the events; a run that does not verify even so gets reports that begin with a warning. Of a
/// journal with a broken chain the events before the break are rendered. Exit code 1 except where reports were only
/// missing. Reports that another version attested are not overwritten, nor are those of a run that only lacks the
/// signature that was asked for.
///
/// # Errors
/// Blames the user where the folder is no run's, the environment where it can't be read or written.
pub fn run(args: &ReportArgs) -> Result<Output, Error> {
    let trust = args.trust.read()?;
    let stored = journal::read(&args.run_dir)?;
    let dir = folder_of(&args.run_dir);
    let mut record = RunRecord::fold(&stored.entries);
    if record.started.is_none() {
        return match stored.flaw {
            Some(flaw @ Flaw::Broken { .. }) => Ok(Output {
                stdout: String::new(),
                stderr: format!(
                    "{flaw}\n  no event before it holds: nothing is rendered\n  \
                     hint: restore the run's folder from a copy\n"
                ),
                exit: ExitCode::IntegrityFailure,
            }),
            Some(Flaw::Torn(_)) | None => {
                let what = format!("{} holds no run: its journal is empty", dir.display());
                Err(Error::usage(what).hint("the run was killed before it began: start another"))
            }
        };
    }
    let attested = dir.join(ATTESTATION).exists();
    let writable = !attested || report::is_ours(&record);
    let mut exit = ExitCode::AllHeld;
    let mut stderr = String::new();
    match &stored.flaw {
        Some(flaw @ Flaw::Broken { .. }) => {
            exit = ExitCode::IntegrityFailure;
            record.integrity = Integrity::Violated(vec![flaw.to_string()]);
            stderr = format!(
                "{flaw}\n  the {} events before it hold: the reports are made of them and begin with a warning\n  \
                 hint: restore {} from a copy\n",
                stored.entries.len(),
                dir.join(journal::read::EVENTS).display()
            );
        }
        Some(flaw @ Flaw::Torn(_)) => {
            stderr = format!("{flaw}: the run was killed; what is before it is rendered\n");
        }
        None => {}
    }
    // A run that was killed has no evidence yet; its verdict is unknown.
    if record.integrity.is_intact() && (record.finished.is_some() || attested) {
        let found = examine(&dir, &record, writable)?;
        exit = ExitCode::of_integrity(found.is_intact());
        record.integrity = found.last.as_ref().unwrap_or(&found.first).integrity();
        stderr += &found.describe();
    }
    if !writable {
        stderr += "another version wrote the run and attested its reports: they are left as they are\n";
    } else if record.finished.is_none() || !record.integrity.is_intact() {
        report::write_all(&dir, &record)?;
    }
    if record.integrity.is_intact() && record.finished.is_some() {
        let signed = verify::folder(&dir, &trust)?;
        if !signed.problems.is_empty() {
            exit = ExitCode::IntegrityFailure;
            record.integrity = signed.integrity();
            stderr += &format!(
                "{}\n",
                signed.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            );
        }
    }
    let stdout = match args.format {
        PrintFormat::Human => {
            let look = terminal::stdout_look();
            terminal::summary(&record, &dir, look.colour, look.width)
        }
        PrintFormat::Json => report::json(&record)?,
        PrintFormat::Junit => junit::render(&record)?,
    };
    Ok(Output { stdout, stderr, exit })
}

/// What verification found, before and after the reports were rendered again.
struct Examined {
    first: EvidenceCheck,
    /// None where nothing was rendered again.
    last: Option<EvidenceCheck>,
    /// Whether a report was there and was not what the events render.
    changed: bool,
}

/// Verifies the folder. Where it does not verify, the reports are rendered again and it is verified once more:
/// reports follow from the events, so that changed ones can be replaced.
fn examine(dir: &Path, record: &RunRecord, writable: bool) -> Result<Examined, Error> {
    let anybody = Trust::default();
    let first = verify::folder(dir, &anybody)?;
    if first.problems.is_empty() || !writable {
        return Ok(Examined { first, last: None, changed: false });
    }
    let before = digests(dir);
    report::write_all(dir, record)?;
    let changed = before.iter().zip(digests(dir)).any(|(old, new)| old.is_some() && *old != new);
    let last = Some(verify::folder(dir, &anybody)?);
    Ok(Examined { first, last, changed })
}

/// The digests of the reports that are in a folder.
fn digests(dir: &Path) -> [Option<Digest>; ReportFormat::ALL.len()] {
    ReportFormat::ALL.map(|format| Digest::of_file(&dir.join(format.file_name())).ok())
}

impl Examined {
    /// Whether nothing in the folder was wrong; reports may have been missing.
    fn is_intact(&self) -> bool {
        let restored = self.last.as_ref().is_some_and(|last| last.problems.is_empty()) && !self.changed;
        self.first.problems.is_empty() || restored
    }

    /// What was wrong, one line each, and what that means; empty for an intact run.
    fn describe(&self) -> String {
        if self.first.problems.is_empty() {
            return String::new();
        }
        let only_signer = self.first.problems.iter().all(|problem| problem.only_signer);
        let head = match (self.is_intact(), only_signer) {
            (true, _) => "reports were missing",
            (false, true) => "the run is NOT signed as required",
            (false, false) => "the run is NOT as it was written",
        };
        let mut text = format!("{head}:\n");
        for problem in &self.first.problems {
            text += &format!("  {}\n", problem.to_string().replace('\n', "\n  "));
        }
        text += match &self.last {
            Some(last) if last.problems.is_empty() => {
                "  the events verify: the reports were rendered again and verify now\n"
            }
            Some(_) | None if only_signer => {
                "  hint: nothing in it was changed; a run is signed when it is made, with --sign-key\n"
            }
            Some(_) | None => "  hint: restore the run's folder from a copy\n",
        };
        text
    }
}
