//! The key that signs a run: from a file or from the environment, before anything is started.

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

/// What a run without a key says.
pub(in crate::cli) const NO_KEY: &str = "UNSIGNED: nobody can tell later who made this run, or whether it was made up \
    (pulp-drill keys new makes a key, --sign-key takes it)";

/// A key as it was given: its text, and where from.
#[derive(Clone)]
pub(in crate::cli) struct Given {
    text: String,
    from: String,
}

/// The key that was given, read once: a pipe (`<(…)`) can't be read again. A file goes before the text
/// from the environment. To be called before signals are listened to, so that Ctrl-C ends the wait for
/// a pipe.
pub(in crate::cli) fn given(path: Option<&Path>, text: Option<&str>) -> Result<Option<Given>, Error> {
    Ok(match (path, text) {
        (Some(path), _) => {
            let from = path.display().to_string();
            let text = input_file::text_or_pipe(path, LONGEST);
            Some(Given { text: text.or_usage(|| format!("can't read the signing key {from}"))?, from })
        }
        (None, Some(text)) => Some(Given { text: text.to_owned(), from: VARIABLE.to_owned() }),
        (None, None) => None,
    })
}

/// The key to sign with, hidden from every output; none where none was given.
pub(in crate::cli) fn key(given: Option<&Given>, redactor: &Redactor) -> Result<Option<SigningKey>, Error> {
    let Some(Given { text, from }) = given else { return Ok(None) };
    let key = SigningKey::from_openssh(text, from)?;
    key.hide(text, redactor);
    Ok(Some(key))
}
