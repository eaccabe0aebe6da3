//! SHA-256 over bytes and files, as a type that prints as lowercase hex.

use crate::base::input_file;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{fmt, io::Read as _, path::Path, str::FromStr};

/// A SHA-256 digest. Serialised, printed and parsed as 64 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest before the first entry of a chain: 64 zeros.
    pub const ZERO: Self = Self([0; 32]);

    /// Digests a byte string.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes.as_ref()).into())
    }

    /// Digests a file's bytes without reading it whole into memory; a pipe or a device is refused.
    pub fn of_file(path: &Path) -> std::io::Result<Self> {
        let mut file = input_file::open(path).map_err(std::io::Error::from)?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                return Ok(hasher.finish());
            }
            hasher.update(&buffer[..n]);
        }
    }

    /// The first twelve hex digits, for people; never for comparing.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

/// A digest in progress, for input that arrives in pieces.
#[derive(Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes.as_ref());
    }

    /// Takes in a field with its length before it, so that `("ab","c")` and `("a","bc")` differ.
    pub fn field(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    /// The digest of all that was taken in.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// A text that is no SHA-256 digest in hex.
#[derive(Debug, thiserror::Error)]
#[error("not a SHA-256 digest of 64 hex digits: {0:?}")]
pub struct NotADigest(String);

impl FromStr for Digest {
    type Err = NotADigest;

    /// Takes upper or lower case, with or without `sha256:` before it.
    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let no = || NotADigest(text.chars().take(80).collect());
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(no());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).map_err(|_| no())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_the_published_vector() {
        // FIPS 180-2, appendix B.1
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of("abc").to_string(), hex);
        assert_eq!(hex.parse::<Digest>().expect("valid"), Digest::of("abc"));
        assert!("ba78".parse::<Digest>().is_err());
        assert!("+a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a".parse::<Digest>().is_err());
    }

    #[test]
    fn fields_do_not_run_together() {
        let digest = |parts: &[&str]| {
            let mut h = Hasher::new();
            parts.iter().for_each(|p| h.field(p));
            h.finish()
        };
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
}
