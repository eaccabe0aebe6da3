//! Checksums that applications record of their files besides SHA-256, computed in one pass, and the forms
//! in which they write them: hexadecimal or base64, with or without the algorithm's name before it, in
//! quotes as an S3 ETag.

use base64::{
    Engine as _, alphabet, engine::DecodePaddingMode, engine::general_purpose::GeneralPurpose,
    engine::general_purpose::GeneralPurposeConfig,
};
use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::Md5;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// A way to compute a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChecksumAlgorithm {
    /// MD5 (RFC 1321).
    Md5,
    /// SHA-1 (FIPS 180-4).
    Sha1,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// CRC-32C (RFC 3720, Castagnoli), big-endian.
    Crc32c,
    /// The ETag of S3: MD5, or for an upload in parts the MD5 of the parts' MD5s and their number.
    Etag,
}

/// The part sizes, in MiB, that clients use for uploads in parts. An ETag does not record its part size.
const PARTS: [u64; 14] = [5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512];

const MIB: u64 = 1024 * 1024;

/// Standard base64, with or without padding.
const BASE64: GeneralPurpose = lenient(&alphabet::STANDARD);
/// The alphabet for URLs.
const BASE64_URL: GeneralPurpose = lenient(&alphabet::URL_SAFE);

const fn lenient(alphabet: &alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

impl ChecksumAlgorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512, Self::Crc32c, Self::Etag];

    /// The key in a profile.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Crc32c => "crc32c",
            Self::Etag => "etag",
        }
    }

    /// How many bytes it has.
    fn length(self) -> usize {
        match self {
            Self::Md5 | Self::Etag => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
            Self::Crc32c => 4,
        }
    }

    /// Brings a recorded checksum into the form of [`Checksums`]: lowercase hexadecimal digits, an ETag's
    /// number of parts after a hyphen. `None` if the text is not such a checksum.
    pub fn canonical(self, text: &str) -> Option<String> {
        let text = text.trim();
        let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
        // How PostgreSQL prints a column of type bytea.
        let text = text.strip_prefix("\\x").unwrap_or(text);
        let text = self.without_name(text);
        let (text, parts) = match text.rsplit_once('-') {
            Some((digest, parts)) if self == Self::Etag && parts.parse::<u32>().is_ok() => {
                (digest, Some(parts))
            }
            Some(_) | None => (text, None),
        };
        let hex = if text.len() == 2 * self.length() && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            text.to_ascii_lowercase()
        } else {
            let bytes = BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).ok()?;
            (bytes.len() == self.length()).then(|| to_hex(&bytes))?
        };
        Some(parts.map_or_else(|| hex.clone(), |parts| format!("{hex}-{parts}")))
    }

    /// Without `sha256:`, `sha-256=`, `sha256-` (subresource integrity) or `{SHA256}` before it.
    fn without_name(self, text: &str) -> &str {
        let bare = text.trim_start_matches('{');
        let name = self.keyword();
        let hyphenated = match name.find(|c: char| c.is_ascii_digit()) {
            Some(at) if name.starts_with("sha") => format!("{}-{}", &name[..at], &name[at..]),
            Some(_) | None => name.to_owned(),
        };
        let rest = [name, hyphenated.as_str()].into_iter().find_map(|name| {
            let (start, rest) = bare.split_at_checked(name.len())?;
            let rest = start.eq_ignore_ascii_case(name).then_some(rest)?;
            rest.strip_prefix([':', '=', '-', '}', '$'])
        });
        rest.unwrap_or(text)
    }
}

impl fmt::Display for ChecksumAlgorithm {
    /// As people write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
            Self::Crc32c => "CRC-32C",
            Self::Etag => "ETag",
        })
    }
}

/// The checksums of one file, each as [`ChecksumAlgorithm::canonical`] writes it. An ETag has one value for
/// each part size that may have been used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checksums(pub BTreeMap<ChecksumAlgorithm, Vec<String>>);

impl Checksums {
    /// Whether nothing was computed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of bytes in memory.
    pub fn of(bytes: &[u8], wanted: &BTreeSet<ChecksumAlgorithm>) -> Self {
        let mut hasher = ChecksumHasher::new(wanted);
        hasher.update(bytes);
        hasher.finish()
    }
}

/// Several checksums in progress.
pub struct ChecksumHasher {
    /// How many bytes were taken in.
    size: u64,
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
    crc32c: Option<Crc>,
    parts: Option<Vec<PartHasher>>,
    /// Whether the MD5 itself is wanted, or only the ETag.
    wants_md5: bool,
}

/// The MD5s of the parts of one size: of the full ones, and of the one in progress.
struct PartHasher {
    size: u64,
    done: Vec<u8>,
    current: Md5,
}

impl ChecksumHasher {
    /// Starts with nothing.
    pub fn new(wanted: &BTreeSet<ChecksumAlgorithm>) -> Self {
        let wants = |algorithm| wanted.contains(&algorithm);
        let etag = wants(ChecksumAlgorithm::Etag);
        Self {
            size: 0,
            md5: (etag || wants(ChecksumAlgorithm::Md5)).then(Md5::new),
            sha1: wants(ChecksumAlgorithm::Sha1).then(Sha1::new),
            sha256: wants(ChecksumAlgorithm::Sha256).then(Sha256::new),
            sha512: wants(ChecksumAlgorithm::Sha512).then(Sha512::new),
            crc32c: wants(ChecksumAlgorithm::Crc32c).then(|| Crc::new(CrcAlgorithm::Crc32Iscsi)),
            parts: etag.then(Vec::new),
            wants_md5: wants(ChecksumAlgorithm::Md5),
        }
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.update_md5(bytes);
        if let Some(hasher) = &mut self.sha1 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha256 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha512 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.crc32c {
            hasher.update(bytes);
        }
    }

    /// The first part of every size has the MD5 of the file so far. Therefore a part size costs nothing
    /// until the file is longer than one part.
    fn update_md5(&mut self, mut bytes: &[u8]) {
        let Some(md5) = &mut self.md5 else { return };
        let Some(parts) = &mut self.parts else {
            md5.update(bytes);
            return;
        };
        while !bytes.is_empty() {
            let boundaries = PARTS.iter().map(|part| part * MIB - self.size % (part * MIB));
            let until = boundaries.min().unwrap_or(u64::MAX).min(bytes.len() as u64);
            let (now, rest) = bytes.split_at(usize::try_from(until).unwrap_or(bytes.len()));
            bytes = rest;
            for size in PARTS.iter().map(|part| part * MIB).filter(|size| *size == self.size) {
                let first = md5.clone().finalize().to_vec();
                parts.push(PartHasher { size, done: first, current: Md5::new() });
            }
            for part in parts.iter_mut() {
                if self.size > part.size && self.size.is_multiple_of(part.size) {
                    part.done.extend(std::mem::take(&mut part.current).finalize());
                }
                part.current.update(now);
            }
            md5.update(now);
            self.size += until;
        }
    }

    /// The checksums of all that was taken in.
    pub fn finish(self) -> Checksums {
        let mut all = BTreeMap::new();
        let mut add = |algorithm, digest: Option<Vec<u8>>| {
            all.extend(digest.map(|digest| (algorithm, vec![to_hex(&digest)])));
        };
        add(ChecksumAlgorithm::Sha1, self.sha1.map(|h| h.finalize().to_vec()));
        add(ChecksumAlgorithm::Sha256, self.sha256.map(|h| h.finalize().to_vec()));
        add(ChecksumAlgorithm::Sha512, self.sha512.map(|h| h.finalize().to_vec()));
        let crc = |crc: Crc| u32::try_from(crc.finalize()).unwrap_or_default().to_be_bytes().to_vec();
        add(ChecksumAlgorithm::Crc32c, self.crc32c.map(crc));
        let md5 = self.md5.map(|h| h.finalize().to_vec());
        if let (Some(md5), Some(parts)) = (&md5, self.parts) {
            let one = format!("{}-1", to_hex(&Md5::digest(md5)));
            let several = parts.into_iter().map(|part| {
                let digests = [part.done, part.current.finalize().to_vec()].concat();
                format!("{}-{}", to_hex(&Md5::digest(&digests)), digests.len() / 16)
            });
            let etags = [to_hex(md5), one].into_iter().chain(several).collect();
            all.insert(ChecksumAlgorithm::Etag, etags);
        }
        if self.wants_md5 {
            all.extend(md5.map(|md5| (ChecksumAlgorithm::Md5, vec![to_hex(&md5)])));
        }
        Checksums(all)
    }
}

fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChecksumAlgorithm as A;

    fn all() -> BTreeSet<A> {
        A::ALL.into()
    }

    #[test]
    fn published_vectors() {
        let found = Checksums::of(b"123456789", &all());
        let one = |algorithm| found.0[&algorithm][0].clone();
        assert_eq!(one(A::Md5), "25f9e794323b453885f5181f1b624d0b");
        assert_eq!(one(A::Etag), one(A::Md5));
        assert_eq!(one(A::Sha1), "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        // The check value of RFC 3720's polynomial.
        assert_eq!(one(A::Crc32c), "e3069283");
        assert!(one(A::Sha512).starts_with("d9e6762dd1c8eaf6"));
        assert!(one(A::Sha256).starts_with("15e2b0d3c33891eb"));
        assert!(Checksums::of(b"x", &BTreeSet::new()).is_empty());
        assert_eq!(Checksums::of(b"x", &[A::Sha1].into()).0.len(), 1);
    }

    #[test]
    fn the_usual_forms_are_read_and_nothing_else() {
        let hex = "25f9e794323b453885f5181f1b624d0b";
        for text in [
            hex,
            "25F9E794323B453885F5181F1B624D0B",
            "md5:25f9e794323b453885f5181f1b624d0b",
            "JfnnlDI7RTiF9RgfG2JNCw==",
            "JfnnlDI7RTiF9RgfG2JNCw",
            "MD5=JfnnlDI7RTiF9RgfG2JNCw==",
            "{md5}JfnnlDI7RTiF9RgfG2JNCw==",
            " \"25f9e794323b453885f5181f1b624d0b\" ",
            "\\x25f9e794323b453885f5181f1b624d0b",
        ] {
            assert_eq!(A::Md5.canonical(text).as_deref(), Some(hex), "{text}");
        }
        for text in ["", "abc", "sha1:25f9e794323b453885f5181f1b624d0b", "25f9e794323b453885f5181f1b624d0"] {
            assert_eq!(A::Md5.canonical(text), None, "{text}");
        }
        let sri = "sha256-FeKw08M4keu8gDrCjl5Ew2S5jdIxr1nqTZNoY3NnFPI=";
        assert!(A::Sha256.canonical(sri).is_some());
        assert_eq!(A::Etag.canonical(&format!("\"{hex}-3\"")), Some(format!("{hex}-3")));
        assert_eq!(A::Md5.canonical(&format!("{hex}-3")), None);
        assert_eq!(A::Crc32c.canonical("4waSgw==").as_deref(), Some("e3069283"));
        assert_eq!(A::Sha256.canonical(&format!("sha-256={}", "0".repeat(64))), Some("0".repeat(64)));
    }

    #[test]
    fn an_etag_of_parts_is_the_md5_of_their_md5s() {
        let size = |mib: u64| usize::try_from(mib * MIB).unwrap();
        let bytes: Vec<u8> = (0..size(16) + 7).map(|at| u8::try_from(at % 251).unwrap()).collect();
        for (mib, parts) in [(5, 4), (8, 3), (10, 2), (15, 2), (16, 2)] {
            let md5s: Vec<u8> = bytes.chunks(size(mib)).flat_map(Md5::digest).collect();
            let etag = format!("{}-{parts}", to_hex(&Md5::digest(&md5s)));
            let mut hasher = ChecksumHasher::new(&all());
            bytes.chunks(999_983).for_each(|chunk| hasher.update(chunk));
            assert!(hasher.finish().0[&A::Etag].contains(&etag), "{mib}");
        }
        // Exactly two parts.
        let even = &bytes[..size(16)];
        let md5s: Vec<u8> = even.chunks(size(8)).flat_map(Md5::digest).collect();
        let etag = format!("{}-2", to_hex(&Md5::digest(&md5s)));
        assert!(Checksums::of(even, &all()).0[&A::Etag].contains(&etag));
    }
}
