//! RS256: RSA with PKCS#1 v1.5 padding and SHA-256 (RFC 7518, section 3.3). 0.3 ms a signature and more.

use super::{decoded, is};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::Value;

/// RFC 7518, section 3.3: a key of 2048 bits or larger. More than 4096 only costs.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
const PROBE: &[u8] = b"does the published half verify it?";

pub(super) struct Key(RsaKeyPair);

impl Key {
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, &'static str> {
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| "not an RSA key in PKCS#8 form")?;
        if MODULUS_BYTES.contains(&pair.public_modulus_len()) {
            Ok(Self(pair))
        } else {
            Err("an RSA key has 2048 to 4096 bits")
        }
    }

    /// Asked by a signature: that is what the published half is for.
    pub(super) fn belongs_to(&self, jwk: &Value) -> bool {
        let (Some(n), Some(e), Some(signature)) = (decoded(jwk, "n"), decoded(jwk, "e"), self.sign(PROBE)) else {
            return false;
        };
        RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, PROBE, &signature).is_ok()
    }

    pub(super) fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).ok()?;
        Some(signature)
    }
}

/// RFC 7518, section 6.3.1.
pub(super) fn check(jwk: &Value) -> Result<(), &'static str> {
    if !is(jwk, "kty", "RSA") {
        return Err("it is not an RSA key");
    }
    let modulus =
        decoded(jwk, "n").filter(|n| MODULUS_BYTES.contains(&n.len()) && n.first().is_some_and(|&top| top >= 128));
    let exponent = decoded(jwk, "e").filter(|e| (1..=4).contains(&e.len()) && e.last().is_some_and(|low| low % 2 == 1));
    if modulus.is_some() && exponent.is_some() {
        Ok(())
    } else {
        Err("its n is not 2048 to 4096 bits, or its e no exponent")
    }
}
