//! ES256: ECDSA over P-256 (RFC 7518, section 3.4). About 20 µs a signature.

use super::{decoded, is};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::Value;

pub(super) struct Key(EcdsaKeyPair);

impl Key {
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, &'static str> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
        pair.map(Self).map_err(|_| "not a P-256 key in PKCS#8 form")
    }

    pub(super) fn belongs_to(&self, jwk: &Value) -> bool {
        point(jwk).is_some_and(|point| point == self.0.public_key().as_ref())
    }

    pub(super) fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        Some(self.0.sign(&SystemRandom::new(), text).ok()?.as_ref().to_vec())
    }
}

/// RFC 7518, section 6.2.1.
pub(super) fn check(jwk: &Value) -> Result<(), &'static str> {
    if !is(jwk, "kty", "EC") || !is(jwk, "crv", "P-256") {
        return Err("it is not a P-256 key");
    }
    point(jwk).map(|_| ()).ok_or("its point is not two coordinates of 32 bytes")
}

/// The uncompressed point (SEC 1, section 2.3.3).
fn point(jwk: &Value) -> Option<[u8; 65]> {
    let mut point = [4_u8; 65];
    for (member, place) in [("x", 1..33), ("y", 33..65)] {
        let coordinate = decoded(jwk, member).filter(|coordinate| coordinate.len() == 32)?;
        point[place].copy_from_slice(&coordinate);
    }
    Some(point)
}
