//! The options that state whose signature a stored run must have. `evidence verify`, `history add` and
//! `report` share them.

use crate::{
    base::{
        error::{Error, ErrorContext as _},
        input_file,
    },
    evidence::{
        key::{VerifyingKey, allowed_signers},
        verify::Trust,
    },
};
use clap::Args;
use std::path::{Path, PathBuf};

/// The most bytes of a file of public keys.
const LONGEST: u64 = 1 << 20;

/// Whose signature is required.
#[derive(Args, Clone, Debug, Default)]
pub struct TrustArgs {
    /// The public key (OpenSSH) that must have signed
    #[arg(long, value_name = "PUB", conflicts_with = "allowed_signers")]
    pub key: Option<PathBuf>,
    /// The keys of which one must have signed, as ssh-keygen's allowed_signers
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
    /// Refuse a run that is not signed; a key asks for it by itself
    #[arg(long)]
    pub require_signature: bool,
}

impl TrustArgs {
    /// Reads the keys.
    ///
    /// # Errors
    /// Blames the user where a file cannot be read or holds no key.
    pub(super) fn read(&self) -> Result<Trust, Error> {
        let read = |path: &Path| {
            input_file::text_or_pipe(path, LONGEST).or_usage(|| format!("can't read {}", path.display()))
        };
        let keys = match (&self.key, &self.allowed_signers) {
            (Some(path), _) => {
                let key = VerifyingKey::from_openssh(&read(path)?);
                vec![key.ok_or_else(|| {
                    Error::usage(format!("{} is no ed25519 public key in OpenSSH's format", path.display()))
                        .hint("it is one line: ssh-ed25519 AAAA…")
                })?]
            }
            (None, Some(path)) => allowed_signers(&read(path)?, &path.display().to_string())?,
            (None, None) => Vec::new(),
        };
        Ok(Trust { keys, signed: self.require_signature })
    }
}
