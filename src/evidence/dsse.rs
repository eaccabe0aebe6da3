//! The envelope around a signed statement: DSSE (Dead Simple Signing Envelope) v1. It knows nothing
//! of what is in the payload.

use crate::{
    base::error::{Error, ErrorContext as _},
    evidence::key::{SigningKey, VerifyingKey},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// What the payload is: an in-toto statement in JSON.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// An envelope: payload and signatures over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    /// The key's fingerprint, as `ssh-keygen -l` prints it. A hint: nobody may believe it.
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Puts a payload into an envelope, signed where there is a key.
    pub(super) fn new(payload: String, key: Option<&SigningKey>) -> Self {
        let sign = |key: &SigningKey| Signature {
            keyid: key.public().fingerprint(),
            sig: STANDARD.encode(key.sign(&pre_authentication(payload.as_bytes()))),
        };
        let signatures = key.map(sign).into_iter().collect();
        Self { payload: STANDARD.encode(&payload), payload_type: PAYLOAD_TYPE.to_owned(), signatures }
    }

    /// The file's text.
    pub(super) fn text(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self);
        Ok(text.or_harness(|| "can't write the attestation".to_owned())? + "\n")
    }

    /// Reads an envelope. One of our own has one spelling; every other is refused.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let envelope: Self = serde_json::from_slice(bytes).map_err(|e| format!("it is no envelope: {e}"))?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(format!("its payload type is {:?}, not {PAYLOAD_TYPE}", envelope.payload_type));
        }
        if envelope.text().ok().is_none_or(|text| text.as_bytes() != bytes) {
            return Err("it is not written as an envelope of ours is".to_owned());
        }
        Ok(envelope)
    }

    /// The bytes that were signed.
    pub(super) fn payload(&self) -> Result<Vec<u8>, String> {
        STANDARD.decode(&self.payload).map_err(|e| format!("its payload is not base64: {e}"))
    }

    /// Whether it claims no signature.
    pub(super) fn is_unsigned(&self) -> bool {
        self.signatures.is_empty()
    }

    /// Why this key is not the one and only signer of it; none where it is.
    pub(super) fn refused_by(&self, key: &VerifyingKey) -> Option<String> {
        let [signature] = &self.signatures[..] else {
            return Some(format!("it has {} signatures instead of 1", self.signatures.len()));
        };
        if signature.keyid != key.fingerprint() {
            return Some(format!("it names the key {:?} instead of {}", signature.keyid, key.fingerprint()));
        }
        let bytes = STANDARD.decode(&signature.sig).unwrap_or_default();
        let good = self.payload().is_ok_and(|payload| key.made(&pre_authentication(&payload), &bytes));
        (!good).then(|| "its signature does not fit its payload".to_owned())
    }
}

/// DSSE's pre-authentication encoding: what is signed, type included, so that a payload can't be
/// passed off as one of another type.
fn pre_authentication(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}
