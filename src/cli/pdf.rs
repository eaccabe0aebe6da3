//! `pulp-drill pdf`: looks at PDFs from the command line. Prints what `runbook::verify::pdf` finds;
//! leaves the exit code to the caller.

use crate::{
    base::{
        error::{Error, ErrorContext},
        input_file,
    },
    model::exit_code::ExitCode,
};
use clap::{Args, Subcommand, ValueEnum};
use pdf_compare::{Comparison, Difference, NotAPdf, PageCount};
use serde::Serialize;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// More than the comparison takes, so that it is the comparison that refuses.
const READ_AT_MOST: u64 = (256 << 20) + 1;

/// Look at PDFs.
#[derive(Args, Debug)]
pub struct PdfArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PdfCommand,
}

/// What can be done with PDFs.
#[derive(Subcommand, Debug)]
pub enum PdfCommand {
    /// Say whether two PDFs are identical, the same apart from dates, ids and producer, or different
    /// and where
    #[command(after_help = "Exit codes: 0 identical or the same apart from metadata, 1 different, \
                            2 not a PDF or unreadable.\n\nExample:\n  \
                            pulp-drill pdf diff fixtures/invoice.pdf rendered.pdf")]
    Diff(DiffArgs),
}

/// The two files and how to print.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// The known-good PDF
    #[arg(value_name = "A")]
    pub expected: PathBuf,
    /// The PDF in question
    #[arg(value_name = "B")]
    pub actual: PathBuf,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub format: PdfFormat,
}

/// How a result is printed.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PdfFormat {
    /// For people
    #[default]
    Human,
    /// One JSON object
    Json,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PdfOutput {
    /// Identical, or the same apart from metadata.
    Same,
    /// Different.
    Different,
    /// At least one is no PDF that can be read.
    Unreadable,
}

impl From<PdfOutput> for ExitCode {
    fn from(output: PdfOutput) -> Self {
        match output {
            PdfOutput::Same => Self::AllHeld,
            PdfOutput::Different => Self::IntegrityFailure,
            PdfOutput::Unreadable => Self::UsageError,
        }
    }
}

/// What `--format json` prints: `verdict` is `identical`, `same_apart_from_metadata`, `different` or
/// `unreadable`, the rest as in [`Comparison`] and [`NotAPdf`].
#[derive(Serialize)]
struct Printed<'a, T> {
    expected_file: &'a Path,
    actual_file: &'a Path,
    #[serde(flatten)]
    result: T,
}

#[derive(Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum Unreadable<'a> {
    Unreadable(&'a NotAPdf),
}

/// Performs the command and prints to `out`.
///
/// # Errors
/// A file can't be opened or read, or `out` can't be written.
pub fn run(args: &PdfArgs, out: &mut impl Write) -> Result<PdfOutput, Error> {
    match &args.command {
        PdfCommand::Diff(args) => diff(args, out),
    }
}

fn diff(args: &DiffArgs, out: &mut impl Write) -> Result<PdfOutput, Error> {
    let (expected, actual) = (read(&args.expected)?, read(&args.actual)?);
    let result = pdf_compare::compare(&expected, &actual);
    match args.format {
        PdfFormat::Human => human(args, &expected, &result, out),
        PdfFormat::Json => json(args, &result, out),
    }
    .or_environment(|| "can't print the comparison".to_owned())?;
    Ok(match result {
        Ok(Comparison::Identical | Comparison::SameApartFromMetadata { .. }) => PdfOutput::Same,
        Ok(Comparison::Different { .. }) => PdfOutput::Different,
        Err(_) => PdfOutput::Unreadable,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    input_file::read_or_pipe(path, READ_AT_MOST)
        .or_usage(|| format!("can't read {}", path.display()))
        .map_err(|error| error.hint("give two PDF files: pulp-drill pdf diff A B"))
}

fn json(
    args: &DiffArgs,
    result: &Result<Comparison, NotAPdf>,
    out: &mut impl Write,
) -> Result<(), std::io::Error> {
    let (expected_file, actual_file) = (args.expected.as_path(), args.actual.as_path());
    match result {
        Ok(result) => {
            serde_json::to_writer_pretty(&mut *out, &Printed { expected_file, actual_file, result })?
        }
        Err(error) => {
            let result = Unreadable::Unreadable(error);
            serde_json::to_writer_pretty(&mut *out, &Printed { expected_file, actual_file, result })?;
        }
    }
    writeln!(out)
}

fn human(
    args: &DiffArgs,
    expected: &[u8],
    result: &Result<Comparison, NotAPdf>,
    out: &mut impl Write,
) -> Result<(), std::io::Error> {
    match result {
        Ok(Comparison::Identical) => {
            write!(out, "identical: the same {} bytes", expected.len())?;
            match pdf_compare::well_formed(expected) {
                Ok(PageCount(pages)) => writeln!(out, ", {pages} page(s)"),
                Err(error) => writeln!(out, "; both are damaged alike: {error}"),
            }
        }
        Ok(Comparison::SameApartFromMetadata { ignored }) => {
            writeln!(out, "same apart from metadata: the documents are the same, the bytes are not")?;
            ignored.iter().try_for_each(|what| writeln!(out, "  not counted: {what}"))
        }
        Ok(Comparison::Different { differences, more }) => {
            writeln!(out, "different: {} difference(s)", differences.len() + more)?;
            differences.iter().try_for_each(|difference| one(difference, out))?;
            if *more > 0 { writeln!(out, "  … and {more} more") } else { Ok(()) }
        }
        Err(error) => {
            writeln!(out, "unreadable: {error}")?;
            writeln!(out, "  expected: {}\n  actual:   {}", args.expected.display(), args.actual.display())
        }
    }
}

fn one(difference: &Difference, out: &mut impl Write) -> Result<(), std::io::Error> {
    let Difference { object, page, kind: _, what, expected, actual } = difference;
    write!(out, "  {what}")?;
    let mut places = Vec::new();
    // Most paths begin with the page.
    places.extend(
        page.filter(|page| !what.starts_with(&format!("page {page} "))).map(|page| format!("page {page}")),
    );
    places.extend(object.map(|object| format!("object {object}")));
    if !places.is_empty() {
        write!(out, " ({})", places.join(", "))?;
    }
    writeln!(out, "\n    expected: {expected}\n    actual:   {actual}")
}
