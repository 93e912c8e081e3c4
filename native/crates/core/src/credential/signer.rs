//! ES256 signatures.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// A private key that is ready to sign.
pub struct Signer(EcdsaKeyPair);

impl Signer {
    /// From PKCS#8 DER, P-256.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, &'static str> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
        pair.map(Self).map_err(|_| "not a P-256 key in PKCS#8 form")
    }

    /// The public key as an uncompressed point (SEC 1, section 2.3.3).
    pub fn public_point(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// A compact JWS (RFC 7515) with ES256 (RFC 7518, section 3.4). None when the machine has no randomness.
    pub(super) fn sign(&self, kid: &str, claims: &Map<String, Value>) -> Option<String> {
        let header = serde_json::json!({"alg": "ES256", "kid": kid, "typ": "JWT"});
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims).ok()?, &mut token);
        let signature = self.0.sign(&SystemRandom::new(), token.as_bytes()).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        Some(token)
    }
}
