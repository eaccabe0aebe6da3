//! The checksums of a stopped cluster's pages, by `pg_checksums`: a page that was damaged on a disk or in a
//! backup is found although no query reads it.

use super::Cluster;
use crate::base::error::Error;
use crate::base::process::{Progress, run};
use std::collections::BTreeMap;
use std::path::Path;

/// What `pg_checksums --check` reports of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageChecksums {
    /// The cluster was made without them: a damaged page need not be noticed.
    Disabled,
    /// They were not checked; why.
    Unchecked(String),
    /// They were checked.
    Checked {
        /// How many files were read.
        files: usize,
        /// Files with pages that do not match, by their path in the data directory, with the first message.
        damaged: BTreeMap<String, String>,
    },
}

impl Cluster {
    /// Checks every page of a cluster that was shut down.
    ///
    /// # Errors
    /// The program can't be started.
    pub async fn page_checksums(&self, data: &Path) -> Result<PageChecksums, Error> {
        if !self.bin.program("pg_checksums").is_file() {
            let why = format!("{} holds no pg_checksums", self.bin.dir.display());
            return Ok(PageChecksums::Unchecked(why));
        }
        let check = self.command("pg_checksums").arg("--check").arg("--pgdata").arg(data);
        let ran = run(check.while_progressing(Progress::default()), &self.redactor).await?;
        if ran.stderr.text.contains("data checksums are not enabled") {
            return Ok(PageChecksums::Disabled);
        }
        let damaged = damaged(&ran.stderr.text, data);
        if !ran.exit.is_success() && damaged.is_empty() {
            return Ok(PageChecksums::Unchecked(ran.describe_failure()));
        }
        Ok(PageChecksums::Checked { files: files(&ran.stdout.text).unwrap_or_default(), damaged })
    }
}

fn files(output: &str) -> Option<usize> {
    output.lines().find_map(|line| line.strip_prefix("Files scanned:")?.trim().parse().ok())
}

/// The files that `pg_checksums` names, each with its first message. A file that it can't read to its end
/// (`could not read block 3 in file "base/5/16384"`) is damaged too.
fn damaged(errors: &str, data: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for line in errors.lines() {
        let Some((_, message)) = line.split_once("error: ") else { continue };
        let Some(file) = message.split('"').nth(1) else { continue };
        let below = Path::new(file).strip_prefix(data).unwrap_or(Path::new(file));
        let below = below.to_string_lossy().trim_start_matches("./").to_owned();
        all.entry(below).or_insert_with(|| message.to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_report_are_read() {
        let errors = "pg_checksums: error: checksum verification failed in file \"/d/base/5/16384\", block 0: calculated \
             checksum 4C0B but block contains 1234\n\
             pg_checksums: error: checksum verification failed in file \"/d/base/5/16384\", block 7: calculated \
             checksum 1 but block contains 2\n\
             pg_checksums: error: could not read block 2 in file \"/d/base/5/16390\": read 100 of 8192\n";
        let damaged = damaged(errors, Path::new("/d"));
        assert_eq!(damaged.keys().collect::<Vec<_>>(), ["base/5/16384", "base/5/16390"]);
        assert!(damaged["base/5/16384"].contains("block 0"), "{damaged:?}");
        assert_eq!(
            files("Checksum operation completed\nFiles scanned:   961\nBlocks scanned:  2919\n"),
            Some(961)
        );
    }
}
