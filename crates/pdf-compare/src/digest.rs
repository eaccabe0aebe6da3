//! SHA-256 over the parts of a document.

use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
pub(crate) type Digest = [u8; 32];

/// The digest of some bytes.
pub(crate) fn digest(bytes: impl AsRef<[u8]>) -> Digest {
    Sha256::digest(bytes).into()
}

/// The digest of parts in order. Their bounds leave no trace, so all but the last need a fixed length.
pub(crate) fn digest_parts<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Digest {
    parts.into_iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part)).finalize().into()
}

/// The first twelve hex digits, for people; never for comparing.
pub(crate) fn short(digest: &Digest) -> String {
    digest[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}
