//! `pulp-drill pdf`: looks at PDFs from the command line. Prints what `runbook::verify::pdf` finds;
//! leaves the exit code to the caller.

use crate::{
    base::{
        error::{Error, ErrorContext},
        input_file,
    },
    model::{
        exit_code::ExitCode,
        profile::{PageMask, PdfDepth, PdfRule},
    },
    report::{
        html::documents,
        pages::likeness::{self, Likeness},
    },
    runbook::verify::render::depth::is_alike,
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
    #[command(
        after_help = "Exit codes: 0 alike at the depth that is asked for (by default identical or the same \
                            apart from metadata), 1 different, 2 not a PDF or unreadable.\n\nExamples:\n  \
                            pulp-drill pdf diff fixtures/invoice.pdf rendered.pdf\n  \
                            pulp-drill pdf diff --depth picture --tolerance 20 --mask 1:0,95,100,5 --out diff A B"
    )]
    Diff(DiffArgs),
}

/// The two files, what is compared and how to print.
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
    /// How alike they must be: bytes, canonical (the same document), layout (the same glyphs and pictures at
    /// the same places) or picture (the same picture of each page)
    #[arg(long, default_value = "canonical")]
    pub depth: PdfDepth,
    /// How many pixels of a page may differ, for --depth picture; a page is drawn 460 pixels wide or 680 high
    #[arg(long, default_value_t = 0, value_name = "PIXELS")]
    pub tolerance: usize,
    /// A part that is not compared, for --depth picture, in per cent of the page; may be given several times
    #[arg(long = "mask", value_name = "[PAGE:]LEFT,TOP,WIDTH,HEIGHT")]
    pub masks: Vec<PageMask>,
    /// A folder, made if need be, for pictures of each page (expected, actual, what differs) and index.html
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    drawn: Option<Drawn<'a>>,
}

/// How alike the drawn pages are.
#[derive(Serialize)]
struct Drawn<'a> {
    same_layout: bool,
    same_picture: bool,
    pages_not_compared: usize,
    pages: &'a [likeness::PageLikeness],
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
    let wanted = args.out.is_some() || args.depth > PdfDepth::Canonical;
    let likeness = match result.is_ok() && wanted {
        true => Some(likeness::of(expected.clone(), actual, &args.masks).map_err(Error::environment)?),
        false => None,
    };
    let output = match &result {
        Ok(comparison) if is_alike(&args.rule(), comparison, likeness.as_ref()) => PdfOutput::Same,
        Ok(_) => PdfOutput::Different,
        Err(_) => PdfOutput::Unreadable,
    };
    match args.format {
        PdfFormat::Human => human(args, &expected, &result, likeness.as_ref(), out),
        PdfFormat::Json => json(args, &result, likeness.as_ref(), out),
    }
    .or_environment(|| "can't print the comparison".to_owned())?;
    if let (Some(folder), Some(likeness)) = (&args.out, &likeness) {
        keep(args, folder, likeness)?;
    }
    Ok(output)
}

impl DiffArgs {
    fn rule(&self) -> PdfRule {
        PdfRule { depth: self.depth, tolerance: self.tolerance, masks: self.masks.clone() }
    }
}

/// Writes the pictures of the pages and a page that shows them side by side.
fn keep(args: &DiffArgs, folder: &Path, likeness: &Likeness) -> Result<(), Error> {
    let context = || format!("can't write to {}", folder.display());
    std::fs::create_dir_all(folder).or_usage(context)?;
    for page in &likeness.pages {
        for (name, png) in page.files() {
            std::fs::write(folder.join(name), png).or_usage(context)?;
        }
    }
    let html = documents::render(&args.expected, &args.actual, likeness);
    std::fs::write(folder.join("index.html"), html).or_usage(context)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    input_file::read_or_pipe(path, READ_AT_MOST)
        .or_usage(|| format!("can't read {}", path.display()))
        .map_err(|error| error.hint("give two PDF files: pulp-drill pdf diff A B"))
}

fn json(
    args: &DiffArgs,
    result: &Result<Comparison, NotAPdf>,
    likeness: Option<&Likeness>,
    out: &mut impl Write,
) -> Result<(), std::io::Error> {
    let drawn = likeness.map(|likeness| Drawn {
        same_layout: likeness.same_layout(),
        same_picture: likeness.same_picture(args.tolerance),
        pages_not_compared: likeness.not_compared(),
        pages: &likeness.pages,
    });
    let (expected_file, actual_file) = (args.expected.as_path(), args.actual.as_path());
    match result {
        Ok(result) => {
            serde_json::to_writer_pretty(&mut *out, &Printed { expected_file, actual_file, result, drawn })?
        }
        Err(error) => {
            let result = Unreadable::Unreadable(error);
            serde_json::to_writer_pretty(&mut *out, &Printed { expected_file, actual_file, result, drawn })?;
        }
    }
    writeln!(out)
}

fn human(
    args: &DiffArgs,
    expected: &[u8],
    result: &Result<Comparison, NotAPdf>,
    likeness: Option<&Likeness>,
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
        Ok(Comparison::Different { differences, more, origin }) => {
            writeln!(out, "different: {} difference(s)", differences.len() + more)?;
            writeln!(out, "  {}", origin.describe())?;
            differences.iter().try_for_each(|difference| one(difference, out))?;
            if *more > 0 { writeln!(out, "  … and {more} more") } else { Ok(()) }
        }
        Err(error) => {
            writeln!(out, "unreadable: {error}")?;
            writeln!(out, "  expected: {}\n  actual:   {}", args.expected.display(), args.actual.display())
        }
    }?;
    likeness.map_or(Ok(()), |likeness| drawn(args, likeness, out))
}

fn drawn(args: &DiffArgs, likeness: &Likeness, out: &mut impl Write) -> Result<(), std::io::Error> {
    let (same, other) = ("the same", "different");
    let layout = if likeness.same_layout() { same } else { other };
    let picture = if likeness.same_picture(args.tolerance) { same } else { other };
    writeln!(out, "text and layout: {layout}\npicture: {picture}")?;
    for page in &likeness.pages {
        let places = page.misplaced.iter().map(|why| format!("page {}: {why}", page.number));
        let pixels =
            (page.pixels > 0).then(|| format!("page {}: {} pixel(s) differ", page.number, page.pixels));
        places.chain(pixels).try_for_each(|line| writeln!(out, "  {line}"))?;
    }
    match likeness.not_compared() {
        0 => Ok(()),
        pages => writeln!(out, "  not compared: {pages} page(s), so that nothing is the same"),
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
