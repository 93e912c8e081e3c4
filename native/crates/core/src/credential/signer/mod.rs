//! Private keys that are ready to sign, and the public halves that are published of them. A file for each algorithm.

mod eddsa;
mod es256;
mod hs256;
mod rs256;

use super::Algorithm;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Members of a JWK that only who signs may know (RFC 7518, section 6; RFC 8037, section 2).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A private key that is ready to sign.
pub struct Signer {
    /// The header of its tokens, encoded, with the dot behind it: it is the same for all.
    header: String,
    key: Key,
}

enum Key {
    Es256(es256::Key),
    EdDsa(eddsa::Key),
    Rs256(rs256::Key),
    /// Boxed: it is several times as large as the others, with its hash begun at both ends.
    Hs256(Box<hs256::Key>),
}

impl Signer {
    /// From what was unwrapped: PKCS#8 DER, or the shared secret itself.
    pub fn new(algorithm: Algorithm, kid: &str, secret: &[u8]) -> Result<Self, &'static str> {
        let key = match algorithm {
            Algorithm::Es256 => Key::Es256(es256::Key::from_pkcs8(secret)?),
            Algorithm::EdDsa => Key::EdDsa(eddsa::Key::from_pkcs8(secret)?),
            Algorithm::Rs256 => Key::Rs256(rs256::Key::from_pkcs8(secret)?),
            Algorithm::Hs256 => Key::Hs256(Box::new(hs256::Key::from_secret(secret)?)),
        };
        let header = serde_json::json!({"alg": algorithm.as_str(), "kid": kid, "typ": "JWT"});
        Ok(Self { header: URL_SAFE_NO_PAD.encode(header.to_string()) + ".", key })
    }

    /// Whether what it signs is verified by this public half; a shared secret has none.
    pub fn belongs_to(&self, jwk: Option<&Value>) -> bool {
        match (&self.key, jwk) {
            (Key::Es256(key), Some(jwk)) => key.belongs_to(jwk),
            (Key::EdDsa(key), Some(jwk)) => key.belongs_to(jwk),
            (Key::Rs256(key), Some(jwk)) => key.belongs_to(jwk),
            (Key::Hs256(_), None) => true,
            _ => false,
        }
    }

    /// A compact JWS (RFC 7515) over these claims, JSON. None when the machine has no randomness.
    pub(super) fn sign(&self, claims: &[u8]) -> Option<String> {
        let mut token = String::with_capacity(self.header.len() + claims.len() * 4 / 3 + 400);
        token.push_str(&self.header);
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = match &self.key {
            Key::Es256(key) => key.sign(token.as_bytes())?,
            Key::EdDsa(key) => key.sign(token.as_bytes()),
            Key::Rs256(key) => key.sign(token.as_bytes())?,
            Key::Hs256(key) => key.sign(token.as_bytes()),
        };
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some(token)
    }
}

/// Whether this may be published as the public half of a key: well formed, and nothing private in it. A shared secret has none.
pub fn check_jwk(algorithm: Algorithm, jwk: Option<&Value>, kid: &str) -> Result<(), String> {
    let Some(jwk) = jwk else {
        let shared = algorithm == Algorithm::Hs256;
        return if shared { Ok(()) } else { Err("it is missing".to_owned()) };
    };
    if !is_public(jwk) {
        return Err("it holds a private key".to_owned());
    }
    if !is(jwk, "kid", kid) {
        return Err(format!("its kid is not {kid}"));
    }
    if jwk.get("alg").is_some_and(|alg| alg != algorithm.as_str()) {
        return Err(format!("its algorithm is not {}", algorithm.as_str()));
    }
    let well_formed = match algorithm {
        Algorithm::Es256 => es256::check(jwk),
        Algorithm::EdDsa => eddsa::check(jwk),
        Algorithm::Rs256 => rs256::check(jwk),
        Algorithm::Hs256 => Err("a shared secret is never published"),
    };
    well_formed.map_err(str::to_owned)
}

/// Whether a JWK holds nothing that only who signs may know.
pub fn is_public(jwk: &Value) -> bool {
    jwk.is_object() && PRIVATE.iter().all(|member| jwk.get(member).is_none())
}

fn is(jwk: &Value, member: &str, text: &str) -> bool {
    jwk.get(member).and_then(Value::as_str) == Some(text)
}

fn decoded(jwk: &Value, member: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.get(member)?.as_str()?).ok()
}
