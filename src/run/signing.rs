//! The key that signs a run: from a file or from the environment, read before anything is started.

use crate::{
    base::{
        error::{Error, ErrorContext as _},
        input_file,
        redact::Redactor,
    },
    evidence::key::SigningKey,
};
use std::path::Path;

/// The variable that may hold the key itself.
pub const VARIABLE: &str = "PULP_DRILL_SIGN_KEY";

/// Longer than any ed25519 key with its comment, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The note of a run without a key.
pub const NO_KEY: &str = "UNSIGNED: nobody can tell later who made this run, or whether it was made up \
    (pulp-drill keys new makes a key, --sign-key takes it)";

/// A signing key that was read and not parsed yet: its text, and where it comes from.
#[derive(Clone)]
pub struct KeyText {
    text: String,
    from: String,
}

/// Reads the key once: a pipe (`<(…)`) can't be read again. A file takes precedence over the text from
/// the environment. To be called before signal handlers are installed, so that Ctrl-C ends the wait
/// for a pipe.
///
/// # Errors
/// Blames the user where the file can't be read.
pub fn read(path: Option<&Path>, text: Option<&str>) -> Result<Option<KeyText>, Error> {
    Ok(match (path, text) {
        (Some(path), _) => {
            let from = path.display().to_string();
            let text = input_file::text_or_pipe(path, LONGEST);
            Some(KeyText { text: text.or_usage(|| format!("can't read the signing key {from}"))?, from })
        }
        (None, Some(text)) => Some(KeyText { text: text.to_owned(), from: VARIABLE.to_owned() }),
        (None, None) => None,
    })
}

/// The key to sign with, hidden from every output; none where there is none.
pub(super) fn key(key: Option<&KeyText>, redactor: &Redactor) -> Result<Option<SigningKey>, Error> {
    let Some(KeyText { text, from }) = key else { return Ok(None) };
    let key = SigningKey::from_openssh(text, from)?;
    key.hide(text, redactor);
    Ok(Some(key))
}
