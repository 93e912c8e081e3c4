//! How tokens are signed (RFC 7518, section 3.1; RFC 8037 for `EdDSA`).

/// A JWS algorithm. Its word is the `alg` of a token's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// HMAC with SHA-256, for a backend that shares a secret.
    Hs256,
}

impl Algorithm {
    /// All that this build knows.
    pub const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Rs256, Self::Hs256];

    /// The word in headers, keys and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
        }
    }

    /// From its word; the error says which there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| format!("the algorithm {text:?} is none of {}", known()))
    }

    /// Whether a signature costs so much (0.3 ms and more) that a data thread must not stand still for it.
    pub const fn is_dear(self) -> bool {
        matches!(self, Self::Rs256)
    }
}
