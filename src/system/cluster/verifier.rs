//! The SCRAM verifier of the cluster's password, made by us, so that a login costs one round of
//! hashing instead of 4,096. The rounds slow down guessing at passwords that people choose; ours
//! are 128 random bits and live as long as the run.

use crate::base::{clock::password, digest::Digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The verifier in PostgreSQL's notation (`SCRAM-SHA-256$1:salt$StoredKey:ServerKey`, RFC 5803 and
/// 7677), which takes the place of a password wherever a role gets one.
pub fn verifier(secret: &str) -> String {
    let salt = password().into_bytes();
    // One round of PBKDF2: the first block's number follows the salt.
    let salted = mac(secret.as_bytes(), &[&salt[..], &1_u32.to_be_bytes()].concat());
    let stored = Digest::of(mac(&salted, b"Client Key"));
    let server = mac(&salted, b"Server Key");
    format!(
        "SCRAM-SHA-256$1:{}${}:{}",
        STANDARD.encode(&salt),
        STANDARD.encode(stored.0),
        STANDARD.encode(server)
    )
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}
