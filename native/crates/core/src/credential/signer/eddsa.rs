//! `EdDSA` with Ed25519 (RFC 8037, section 3.1). About as dear as ES256.

use super::{decoded, is};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::Value;

const PUBLIC_BYTES: usize = 32;

pub(super) struct Key(Ed25519KeyPair);

impl Key {
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, &'static str> {
        Ed25519KeyPair::from_pkcs8(der).map(Self).map_err(|_| "not an Ed25519 key in PKCS#8 form")
    }

    pub(super) fn belongs_to(&self, jwk: &Value) -> bool {
        decoded(jwk, "x").is_some_and(|public| public == self.0.public_key().as_ref())
    }

    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.0.sign(text).as_ref().to_vec()
    }
}

/// RFC 8037, section 2.
pub(super) fn check(jwk: &Value) -> Result<(), &'static str> {
    if !is(jwk, "kty", "OKP") || !is(jwk, "crv", "Ed25519") {
        return Err("it is not an Ed25519 key");
    }
    let whole = decoded(jwk, "x").is_some_and(|public| public.len() == PUBLIC_BYTES);
    if whole { Ok(()) } else { Err("its x is not 32 bytes") }
}
