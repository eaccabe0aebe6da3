//! The key that signs a run: from a file or from the environment, before anything is started.

use crate::{
    base::{
        redact::Redactor,
        trouble::{OrTrouble as _, Trouble},
    },
    evidence::key::SigningKey,
};
use std::{fs::File, io::Read as _, path::Path};

/// The variable that may hold the key itself.
pub const VARIABLE: &str = "PULP_DRILL_SIGN_KEY";

/// Longer than any ed25519 key with its comment, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What a run without a key says.
pub(in crate::cli) const NO_KEY: &str = "UNSIGNED: nobody can tell later who made this run, or whether it was made up \
    (pulp-drill keys new makes a key, --sign-key takes it)";

/// The key to sign with, hidden from every output; none where none was given. A file goes before
/// the text from the environment.
pub(in crate::cli) fn key(
    path: Option<&Path>,
    text: Option<&str>,
    redactor: &Redactor,
) -> Result<Option<SigningKey>, Trouble> {
    let (text, from) = match (path, text) {
        (Some(path), _) => {
            let from = path.display().to_string();
            let mut text = String::new();
            let file = File::open(path).or_usage(|| format!("can't read the signing key {from}"))?;
            let read = file.take(LONGEST).read_to_string(&mut text);
            read.or_usage(|| format!("can't read the signing key {from}"))?;
            (text, from)
        }
        (None, Some(text)) => (text.to_owned(), VARIABLE.to_owned()),
        (None, None) => return Ok(None),
    };
    let key = SigningKey::from_openssh(&text, &from)?;
    key.hide(&text, redactor);
    Ok(Some(key))
}
