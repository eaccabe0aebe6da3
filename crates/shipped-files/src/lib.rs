//! The scenarios, fixtures, profiles and scripts of the repository as part of the program, so that drills
//! run where only the program is installed. Where they are written to disk is not known here.

/// A file that the program carries with it.
pub struct ShippedFile {
    /// Its path below the root of the repository: `scenarios/binary-missing.yaml`.
    pub path: &'static str,
    /// Whether it is a program.
    pub executable: bool,
    /// Its content.
    pub bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));
