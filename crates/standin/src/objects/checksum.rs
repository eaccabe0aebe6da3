//! Digests of bodies: MD5 for the ETag and `Content-MD5`, and the one `x-amz-checksum-*` of an object.
//! Computes and compares; what a mismatch means to a request is decided where bodies are received.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use serde::{Deserialize, Serialize};

/// The algorithms that S3 offers for additional checksums (S3 User Guide, "Checking object integrity").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// As headers and XML name it: `CRC32`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The algorithm called `name`, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The header or trailer that carries its value.
    pub(crate) fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    /// What a multipart upload gets when it names the algorithm only: CRC64NVME can't be composed.
    pub(crate) fn usual_coverage(self) -> Coverage {
        match self {
            Self::Crc64Nvme => Coverage::FullObject,
            Self::Crc32 | Self::Crc32c | Self::Sha1 | Self::Sha256 => Coverage::Composite,
        }
    }

    /// The digest's length in bytes.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// What a multipart object's checksum covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Coverage {
    /// All bytes.
    FullObject,
    /// The parts' checksums, one after the other.
    Composite,
}

impl Coverage {
    /// As headers and XML name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// A checksum as S3 shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) coverage: Coverage,
    /// Base64, followed by `-n` when it is composed of `n` parts.
    pub(crate) value: String,
}

impl Checksum {
    /// The checksum over the parts' checksums.
    pub(crate) fn composed(algorithm: Algorithm, parts: &[Self]) -> Self {
        let mut hasher = hasher(algorithm);
        for part in parts {
            hasher.update(&decode(&part.value).unwrap_or_default());
        }
        let value = format!("{}-{}", encoded(hasher, algorithm), parts.len());
        Self { algorithm, coverage: Coverage::Composite, value }
    }

    /// Whether a client that sent `claimed` means this one; a composite may come without its `-n`.
    pub(crate) fn is(&self, claimed: &str) -> bool {
        let bare =
            |text: &str| text.split_once('-').map_or_else(|| text.to_owned(), |(sum, _)| sum.to_owned());
        match self.coverage {
            Coverage::FullObject => self.value == claimed,
            Coverage::Composite => {
                self.value == claimed || (!claimed.contains('-') && bare(&self.value) == claimed)
            }
        }
    }
}

/// Size, MD5 and checksum of bytes, in one pass.
pub(crate) struct Digests {
    size: u64,
    md5: Md5,
    algorithm: Algorithm,
    checksum: ChecksumHasher,
}

/// What [`Digests`] found.
#[derive(Clone, Debug)]
pub(crate) struct Digested {
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
    /// Over all bytes.
    pub(crate) checksum: Checksum,
}

impl Digested {
    /// The ETag of an object put in one piece, without quotes.
    pub(crate) fn etag(&self) -> String {
        hex(&self.md5)
    }
}

impl Digests {
    /// Of no bytes yet.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self { size: 0, md5: Md5::new(), algorithm, checksum: hasher(algorithm) }
    }

    /// Takes the next bytes in.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.md5.update(bytes);
        self.checksum.update(bytes);
    }

    /// The sums over everything taken in.
    pub(crate) fn finish(self) -> Digested {
        let value = encoded(self.checksum, self.algorithm);
        let checksum = Checksum { algorithm: self.algorithm, coverage: Coverage::FullObject, value };
        Digested { size: self.size, md5: self.md5.finalize(), checksum }
    }
}

/// The ETag of a multipart object from its parts' ETags: `md5(md5s)-n`.
pub(crate) fn multipart_etag<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut md5 = Md5::new();
    let mut count = 0;
    for part in parts {
        md5.update(&unhex(part));
        count += 1;
    }
    format!("{}-{count}", hex(&md5.finalize()))
}

/// The bytes behind base64, or `None` when it is none.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

fn hasher(algorithm: Algorithm) -> ChecksumHasher {
    let mut hasher = ChecksumHasher::default();
    match algorithm {
        Algorithm::Crc32 => hasher.crc32 = Some(Crc32::new()),
        Algorithm::Crc32c => hasher.crc32c = Some(Crc32c::new()),
        Algorithm::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
        Algorithm::Sha1 => hasher.sha1 = Some(Sha1::new()),
        Algorithm::Sha256 => hasher.sha256 = Some(Sha256::new()),
    }
    hasher
}

fn encoded(hasher: ChecksumHasher, algorithm: Algorithm) -> String {
    let sums = hasher.finalize();
    match algorithm {
        Algorithm::Crc32 => sums.checksum_crc32,
        Algorithm::Crc32c => sums.checksum_crc32c,
        Algorithm::Crc64Nvme => sums.checksum_crc64nvme,
        Algorithm::Sha1 => sums.checksum_sha1,
        Algorithm::Sha256 => sums.checksum_sha256,
    }
    .expect("the hasher was made for this algorithm")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string can't fail");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digested(algorithm: Algorithm, bytes: &[u8]) -> Digested {
        let mut digests = Digests::new(algorithm);
        digests.update(bytes);
        digests.finish()
    }

    #[test]
    fn sums_are_the_catalogued_check_values() {
        // "123456789" is the check input of the CRC catalogue; SHA-1 and SHA-256 by sha1sum, sha256sum.
        let expected = [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ];
        for (algorithm, sum) in expected {
            let found = digested(algorithm, b"123456789").checksum;
            assert_eq!(hex(&decode(&found.value).unwrap()), sum, "{}", algorithm.name());
        }
    }

    #[test]
    fn a_multipart_etag_is_the_md5_of_md5s() {
        // printf abc | md5sum twice, the bytes joined: python3 hashlib.
        let part = digested(Algorithm::Crc32, b"abc").etag();
        assert_eq!(part, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            multipart_etag([part.as_str(), part.as_str()].into_iter()),
            "043a916d6cfeecedf5e04f0312ba762d-2"
        );
    }

    #[test]
    fn a_composite_is_recognised_with_and_without_its_count() {
        let part = digested(Algorithm::Crc32, b"abc").checksum;
        let whole = Checksum::composed(Algorithm::Crc32, &[part.clone(), part.clone()]);
        let (bare, count) = whole.value.split_once('-').unwrap();
        assert_eq!(count, "2");
        assert!(whole.is(&whole.value));
        assert!(whole.is(bare));
        assert!(!whole.is(&format!("{bare}-3")));
        assert!(!whole.is(&part.value));
    }
}
