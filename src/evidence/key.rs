//! Signing keys: ed25519 in OpenSSH's formats, made here or by `ssh-keygen -t ed25519`. The only
//! place that touches private key bytes. It reads no files and asks for no randomness.

use crate::base::{
    error::{Error, ErrorContext as _},
    redact::Redactor,
};
use ed25519_dalek::Signer as _;
use ssh_key::{
    Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig,
    private::{Ed25519Keypair, KeypairData},
    public::KeyData,
};

/// The namespace of our SSH signatures: a signature made for another purpose is not valid for a run.
pub const NAMESPACE: &str = "pulp-drill";

/// Lines of a private key that are shorter could be a part of anything.
const TELLING: usize = 16;

/// A private key that signs. It shows itself nowhere.
pub struct SigningKey(PrivateKey, Ed25519Keypair);

/// A public key that signatures are verified with, without its comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey(PublicKey, ed25519_dalek::VerifyingKey);

impl SigningKey {
    /// Reads a private key as OpenSSH writes it. `from` says where it came from, for messages.
    ///
    /// # Errors
    /// Blames the user where it is no key, not ed25519, or encrypted.
    pub fn from_openssh(text: &str, from: &str) -> Result<Self, Error> {
        const MAKE: &str = "make one with: pulp-drill keys new PATH, or: ssh-keygen -t ed25519 -N '' -f PATH";
        // The library's own error is left out: it may quote what it read.
        let key = PrivateKey::from_openssh(text.trim()).map_err(|_| {
            Error::usage(format!("the signing key in {from} is no private key in OpenSSH's format"))
                .hint(MAKE)
        })?;
        if key.is_encrypted() {
            let what = format!("the signing key in {from} is encrypted, and a run asks for no passphrase");
            return Err(Error::usage(what).hint(
                "keep a key for drills without one, or take it off a copy with: ssh-keygen -p -N '' -f COPY",
            ));
        }
        match key.key_data().clone() {
            KeypairData::Ed25519(pair) => Ok(Self(key, pair)),
            _ => {
                let what =
                    format!("the signing key in {from} is of the kind {}, not ed25519", key.algorithm());
                Err(Error::usage(what).hint(MAKE))
            }
        }
    }

    /// The key that 32 random bytes make.
    ///
    /// # Errors
    /// Blames the harness.
    pub fn from_seed(seed: &[u8; 32], comment: &str) -> Result<Self, Error> {
        let pair = Ed25519Keypair::from_seed(seed);
        let key = PrivateKey::new(KeypairData::Ed25519(pair.clone()), comment);
        Ok(Self(key.or_harness(|| "can't make a key".to_owned())?, pair))
    }

    /// The private key as OpenSSH writes it, for the file that it is kept in and nothing else.
    ///
    /// # Errors
    /// Blames the harness.
    pub fn to_openssh(&self) -> Result<impl AsRef<str> + use<>, Error> {
        struct Text<T>(T);
        impl<T: std::ops::Deref<Target = String>> AsRef<str> for Text<T> {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        let text = self.0.to_openssh(LineEnding::LF);
        text.map(Text).or_harness(|| "can't write a key".to_owned())
    }

    /// The public half.
    pub fn public(&self) -> VerifyingKey {
        let public = self.0.public_key().key_data().clone();
        VerifyingKey(PublicKey::new(public, ""), self.signer().verifying_key())
    }

    /// Registers every form in which the key could show, `text` being the one it was read from.
    pub fn hide(&self, text: &str, redactor: &Redactor) {
        let lines = text.lines().map(str::trim).filter(|l| l.len() >= TELLING && !l.starts_with("-----"));
        redactor.add(text.trim());
        lines.for_each(|line| redactor.add(line));
        let seed = self.1.private.to_bytes();
        redactor.add(seed.iter().map(|b| format!("{b:02x}")).collect::<String>());
    }

    /// A plain ed25519 signature.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signer().sign(message).to_bytes()
    }

    /// A signature over a file's bytes, as `ssh-keygen -Y verify` reads it.
    pub(super) fn sign_file(&self, bytes: &[u8]) -> Result<String, Error> {
        let signed = self.0.sign(NAMESPACE, HashAlg::Sha512, bytes);
        signed.and_then(|s| s.to_pem(LineEnding::LF)).or_harness(|| "can't sign".to_owned())
    }

    fn signer(&self) -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&self.1.private.to_bytes())
    }
}

impl VerifyingKey {
    /// Reads a public key: `ssh-ed25519 AAAA… comment`.
    pub fn from_openssh(line: &str) -> Option<Self> {
        let key = PublicKey::from_openssh(line.trim()).ok()?;
        let point = match key.key_data() {
            KeyData::Ed25519(point) => ed25519_dalek::VerifyingKey::from_bytes(&point.0).ok()?,
            _ => return None,
        };
        Some(Self(PublicKey::new(key.key_data().clone(), ""), point))
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// The line that [`crate::evidence::SIGNER`] holds, without a comment.
    ///
    /// # Errors
    /// Blames the harness.
    pub fn line(&self) -> Result<String, Error> {
        Ok(self.0.to_openssh().or_harness(|| "can't write a public key".to_owned())?.trim_end().to_owned()
            + "\n")
    }

    /// Whether this key made a plain signature. Signatures that fit several keys or messages, and
    /// other spellings of a good one, are none.
    pub(super) fn made(&self, message: &[u8], signature: &[u8]) -> bool {
        let signature = ed25519_dalek::Signature::from_slice(signature);
        signature.is_ok_and(|s| self.1.verify_strict(message, &s).is_ok())
    }

    /// Why this key did not make the signature over a file's bytes; none where it did.
    pub(super) fn refuses(&self, bytes: &[u8], signature: &str) -> Option<&'static str> {
        let Ok(parsed) = SshSig::from_pem(signature) else {
            return Some("it is no SSH signature");
        };
        if parsed.to_pem(LineEnding::LF).ok().as_deref() != Some(signature) {
            return Some("it is not written as signatures are");
        }
        if parsed.public_key() != self.0.key_data() {
            return Some("it was made with another key");
        }
        if parsed.namespace() != NAMESPACE {
            return Some("it was made for another purpose (namespace)");
        }
        if parsed.hash_alg() != HashAlg::Sha512 || parsed.algorithm() != Algorithm::Ed25519 {
            return Some("it was made with another algorithm");
        }
        let signed = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, bytes);
        let good = signed.is_ok_and(|data| self.made(&data, parsed.signature_bytes()));
        (!good).then_some("it does not fit these bytes")
    }
}

/// Reads the keys of OpenSSH's `allowed_signers`: those that may sign runs. Keys of other kinds
/// sign no run and are passed over.
///
/// # Errors
/// Blames the user for a line that can't be read or that narrows the key in a way that is not
/// understood here: it must not count as allowed.
pub fn allowed_signers(text: &str, from: &str) -> Result<Vec<VerifyingKey>, Error> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let mut keys = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let no = |why: &str| Error::usage(format!("{from}, line {number}: {why}"));
        let description: Vec<&str> = line.split_whitespace().collect();
        let Some(kind) = description
            .iter()
            .position(|w| w.starts_with("ssh-") || w.starts_with("ecdsa-") || w.starts_with("sk-"))
        else {
            return Err(no("no public key").hint("a line is: NAME ssh-ed25519 AAAA…"));
        };
        match description[..kind] {
            [_name] => {}
            [_name, option] if option.eq_ignore_ascii_case(&format!("namespaces=\"{NAMESPACE}\"")) => {}
            _ => {
                return Err(no("it has options that are not understood here").hint(format!(
                    "only namespaces=\"{NAMESPACE}\" is; or use --key, or ssh-keygen -Y verify"
                )));
            }
        }
        if description[kind] == "ssh-ed25519" {
            let key = VerifyingKey::from_openssh(&description[kind..].join(" "));
            keys.push(key.ok_or_else(|| no("no ed25519 public key"))?);
        }
    }
    if keys.is_empty() {
        return Err(
            Error::usage(format!("{from} holds no ed25519 key")).hint("a line is: NAME ssh-ed25519 AAAA…")
        );
    }
    Ok(keys)
}
