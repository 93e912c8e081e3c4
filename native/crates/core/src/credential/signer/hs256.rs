//! HS256: HMAC with a secret that the backend holds too (RFC 7518, section 3.2). Whoever can verify can sign.

use aws_lc_rs::hmac;

/// RFC 7518, section 3.2: a key of the same size as the hash or larger.
const LEAST_BYTES: usize = 32;

pub(super) struct Key(hmac::Key);

impl Key {
    pub(super) fn from_secret(secret: &[u8]) -> Result<Self, &'static str> {
        if secret.len() < LEAST_BYTES {
            return Err("a shared secret has at least 32 bytes");
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        hmac::sign(&self.0, text).as_ref().to_vec()
    }
}
