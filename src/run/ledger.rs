//! The ledger against the runs that it is about: their folders, where they lie beside it, and who signed them.
//! Whoever can write a ledger and its digest can write both anew; the folders of the runs then say otherwise.

use crate::{
    base::{digest::Digest, error::Error, input_file},
    history::{LedgerEntry, file::Broken},
    model::{level, record::RunRecord, verdict::Verdict},
    report::ReportFormat,
};
use std::path::Path;

/// The most bytes of a record.
const LARGEST: u64 = 256 << 20;

/// A line of the ledger against the folder of its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineComparison {
    /// The folder holds the same.
    Same,
    /// It could not be compared: the folder does not lie beside the ledger.
    NoFolder,
    /// The folder holds something else: what.
    Differs(String),
}

/// The lines that are not what the runs' folders beside the ledger hold, and how many have no folder there: old ones
/// are removed, and a ledger can be copied without them.
pub fn mismatches(ledger: &Path, lines: &[LedgerEntry]) -> (Vec<Broken>, usize) {
    let beside = ledger.parent().unwrap_or(Path::new("."));
    let (mut broken, mut without_folder) = (Vec::new(), 0);
    for (number, line) in lines.iter().enumerate() {
        match compare(beside, line) {
            LineComparison::Same => {}
            LineComparison::NoFolder => without_folder += 1,
            LineComparison::Differs(why) => broken.push(Broken { line: number + 1, why }),
        }
    }
    (broken, without_folder)
}

/// Compares a line with the folder of its run.
pub fn compare(beside: &Path, line: &LedgerEntry) -> LineComparison {
    let name = line.folder.as_deref().filter(|name| !name.contains(['/', '\\']) && *name != "..");
    let file = name.map(|name| beside.join(name).join(ReportFormat::Record.file_name()));
    let Some(file) = file.filter(|file| file.exists()) else { return LineComparison::NoFolder };
    match difference(&file, line) {
        Some(why) => LineComparison::Differs(why),
        None => LineComparison::Same,
    }
}

fn difference(file: &Path, line: &LedgerEntry) -> Option<String> {
    let shown = file.display();
    let bytes = match input_file::read(file, LARGEST) {
        Ok(bytes) => bytes,
        Err(error) => return Some(format!("{shown} cannot be read: {error}")),
    };
    if Digest::of(&bytes) != line.record {
        return Some(format!("{shown} is not the record of the run that was added"));
    }
    let record: RunRecord = serde_json::from_slice(&bytes).ok()?;
    let expected = LedgerEntry::of(&record, line.record, line.journal, line.added).ok()?;
    let differs = expected.run != line.run
        || expected.ended != line.ended
        || expected.verdict != line.verdict
        || expected.level != line.level
        || expected.groups != line.groups;
    let (verdict, level) = (expected.verdict, level::describe(expected.level));
    differs.then(|| format!("it is not what {shown} shows: {verdict}, level {level}"))
}

/// A ledger of signed runs takes only passed runs of the same signer, unless the user names another key: an unsigned
/// one can be made up by anybody who has this program.
///
/// # Errors
/// Blames the user where the newest signed run was signed by another key, or where this one is not signed.
pub fn same_signer(lines: &[LedgerEntry], line: &LedgerEntry) -> Result<(), Error> {
    let Some(before) = lines.iter().rev().find_map(|line| line.signer.as_ref()) else { return Ok(()) };
    match &line.signer {
        Some(signer) if signer == before || line.verdict != Verdict::Pass => Ok(()),
        Some(signer) => Err(Error::usage(format!("run {} is signed by {signer}", line.run))
            .cause(format!("the runs before it in the ledger are signed by {before}"))
            .hint("name the new key with --key, or begin another ledger")),
        None if line.verdict == Verdict::Pass => Err(Error::usage(format!("run {} is not signed", line.run))
            .cause(format!("the runs before it in the ledger are signed by {before}"))
            .hint("sign runs with --sign-key, or begin another ledger for unsigned ones")),
        None => Ok(()),
    }
}
