//! What a node publishes of its issuers, built once per change.

use super::{Issuer, SigningKey};
use std::sync::Arc;

/// The documents under `/.well-known/`.
pub(super) struct Documents {
    pub(super) jwks: Arc<str>,
    /// By the authority of the issuer's URL, in the order of the URLs.
    discoveries: Vec<(String, Arc<str>)>,
}

impl Default for Documents {
    fn default() -> Self {
        Self::new(std::iter::empty(), std::iter::empty())
    }
}

impl Documents {
    pub(super) fn new<'a>(
        keys: impl Iterator<Item = &'a Arc<SigningKey>>,
        issuers: impl Iterator<Item = &'a Arc<Issuer>>,
    ) -> Self {
        let mut urls: Vec<&str> = issuers.map(|issuer| issuer.url.as_str()).collect();
        urls.sort_unstable();
        let discoveries = urls.into_iter().map(|url| (authority(url).to_owned(), discovery(url).into())).collect();
        Self { jwks: jwks(keys).into(), discoveries }
    }

    pub(super) fn discovery(&self, host: &str) -> Option<&Arc<str>> {
        let own = self.discoveries.iter().find(|(authority, _)| authority.eq_ignore_ascii_case(host));
        own.or_else(|| self.discoveries.first()).map(|(_, document)| document)
    }
}

/// A JWKS document (RFC 7517, section 5), in the order of the kids.
pub(super) fn jwks<'a>(keys: impl Iterator<Item = &'a Arc<SigningKey>>) -> String {
    let mut keys: Vec<&Arc<SigningKey>> = keys.collect();
    keys.sort_unstable_by(|one, other| one.kid.cmp(&other.kid));
    let published: Vec<&serde_json::Value> = keys.iter().map(|key| &key.public_jwk).collect();
    serde_json::json!({ "keys": published }).to_string()
}

/// A discovery document (`OpenID` Connect Discovery 1.0, section 4), as far as a verifier of our tokens needs it.
fn discovery(issuer: &str) -> String {
    serde_json::json!({
        "issuer": issuer,
        "jwks_uri": format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
    .to_string()
}

fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}
