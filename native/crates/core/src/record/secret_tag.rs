//! Keyed tags of secrets that were presented and refused: whoever holds a secret finds every call that tried it, and nobody
//! reads the secret out of the records.
//!
//! `HMAC-SHA-256(HKDF-SHA-256(data key of the month), presented text)`, cut to 8 bytes. The data key is that of callers whom no
//! key was proven for, whichever key they name: so a tag tells nothing of partners, changes each month, and can be made by
//! nobody any more when the month's key is destroyed (ADR 54).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;

use super::DecodeError;
use super::field::{Field, Input, Output};
use crate::secret::Secret;

const SALT: &[u8] = b"portazgo secret tag 1";
const TAG: usize = 8;

/// What is longer gets no tag: no key is, and what hashing it costs is the caller's to choose.
pub const LONGEST_TAGGED: usize = 4096;

/// Follows one secret through one month's records; all zeros are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecretTag([u8; TAG]);

impl SecretTag {
    /// Of a record whose call was not refused for its key.
    pub const NONE: Self = Self([0; TAG]);

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its value where a test needs any.
    #[cfg(test)]
    pub(super) fn of(bytes: [u8; TAG]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for SecretTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl Field for SecretTag {
    const SIZE: usize = TAG;
    #[inline]
    fn put(&self, output: &mut Output<'_>) {
        output.bytes(&self.0);
    }
    fn take(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.array()?))
    }
}

/// Makes the tags of a month. Shows nothing of its key.
#[derive(Clone)]
pub struct SecretTagger(Arc<hmac::Key>);

impl SecretTagger {
    /// Of the data key of callers whom no key was proven for.
    pub fn of(data_key: &Secret) -> Self {
        let key = Salt::new(HKDF_SHA256, SALT).extract(data_key.reveal());
        let key = key.expand(&[], hmac::HMAC_SHA256).expect("32 bytes are fewer than HKDF gives");
        Self(Arc::new(hmac::Key::from(key)))
    }

    /// The tag of a text as it was presented; the time shows its length and nothing else of it.
    pub fn tag(&self, presented: &[u8]) -> SecretTag {
        if presented.is_empty() || presented.len() > LONGEST_TAGGED {
            return SecretTag::NONE;
        }
        let tag = hmac::sign(&self.0, presented);
        SecretTag(*tag.as_ref().first_chunk().expect("a tag of 32 bytes begins with 8"))
    }
}

impl fmt::Debug for SecretTagger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretTagger(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagger(byte: u8) -> SecretTagger {
        SecretTagger::of(&Secret::new(vec![byte; 32]))
    }

    #[test]
    fn a_tag_is_the_same_for_one_text_under_one_key_and_for_nothing_else() {
        let tag = tagger(1).tag(b"NotARealKey");
        assert_eq!(tagger(1).tag(b"NotARealKey"), tag);
        assert_ne!(tagger(2).tag(b"NotARealKey"), tag);
        assert_ne!(tagger(1).tag(b"NotARealKez"), tag);
        assert_eq!(tag.to_string().len(), 2 * TAG);
    }

    #[test]
    fn a_tag_is_what_the_wire_document_says() {
        // By Python's hmac of the same inputs: HKDF (RFC 5869) with the salt above, no info, 32 bytes.
        assert_eq!(tagger(7).tag(b"pzgo_live_NotARealKey").to_string(), "fb5ff1e5a2b57ff6");
    }

    #[test]
    fn nothing_and_what_is_too_long_have_no_tag() {
        assert_eq!(tagger(1).tag(b""), SecretTag::NONE);
        assert_ne!(tagger(1).tag(&[b'x'; LONGEST_TAGGED]), SecretTag::NONE);
        assert_eq!(tagger(1).tag(&[b'x'; LONGEST_TAGGED + 1]), SecretTag::NONE);
    }

    #[test]
    fn a_tagger_does_not_show_its_key() {
        assert_eq!(format!("{:?}", tagger(1)), "SecretTagger(redacted)");
    }
}
