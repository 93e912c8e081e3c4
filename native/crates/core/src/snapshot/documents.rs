//! What a node publishes of its issuers, built once per change. The control plane serves the same, byte for byte.

use super::{Issuer, SigningKey};
use crate::ids::Id;
use aws_lc_rs::digest;
use hashbrown::HashMap;
use http::HeaderValue;
use serde_json::Value;
use std::sync::Arc;

/// A document under `/.well-known/`.
#[derive(Clone)]
pub struct Document {
    /// JSON.
    pub text: Arc<str>,
    /// What tells it from every other (RFC 9110, section 8.8.3).
    pub etag: HeaderValue,
}

impl Document {
    pub(crate) fn of(text: String) -> Self {
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        Self::tagged(text, &digest)
    }

    /// `digest`: of whatever no other document has.
    pub(crate) fn tagged(text: String, digest: &digest::Digest) -> Self {
        let hex = digest.as_ref()[..16].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let etag = HeaderValue::try_from(format!("\"{hex}\"")).expect("hexadecimal digits may stand in a header");
        Self { text: text.into(), etag }
    }
}

/// The documents under `/.well-known/`.
pub(super) struct Documents {
    /// The keys of all issuers.
    pub(super) jwks: Document,
    /// In the order of their URLs.
    issuers: Vec<Published>,
}

/// What is published of one issuer.
struct Published {
    id: Id,
    /// Of its URL.
    authority: String,
    /// Of its URL, without the slash at its end; mostly empty.
    path: String,
    discovery: Document,
}

impl Default for Documents {
    fn default() -> Self {
        Self::new(&HashMap::new(), std::iter::empty())
    }
}

impl Documents {
    pub(super) fn new<'a>(
        keys: &HashMap<String, Arc<SigningKey>>,
        issuers: impl Iterator<Item = (Id, &'a Arc<Issuer>)>,
    ) -> Self {
        let mut issuers: Vec<(Id, &Arc<Issuer>)> = issuers.collect();
        issuers.sort_unstable_by(|(_, one), (_, other)| one.url.cmp(&other.url));
        let published = issuers.into_iter().map(|(id, issuer)| {
            let (authority, path) = split(&issuer.url);
            let of_issuer = keys.values().filter(|key| key.issuer == id);
            let discovery = discovery(&issuer.url, of_issuer);
            Published { id, authority: authority.to_owned(), path: path.to_owned(), discovery }
        });
        Self { issuers: published.collect(), jwks: jwks(keys.values()) }
    }

    /// The issuers that a document under this path is of: the one whose URL has this host, or else all with the path.
    fn candidates(&self, host: &str, path: &str) -> Vec<&Published> {
        let with_path: Vec<&Published> = self.issuers.iter().filter(|issuer| issuer.path == path).collect();
        let own: Vec<&Published> =
            with_path.iter().copied().filter(|issuer| issuer.authority.eq_ignore_ascii_case(host)).collect();
        if own.is_empty() { with_path } else { own }
    }

    pub(super) fn discovery(&self, host: &str, path: &str) -> Option<&Document> {
        let found = self.candidates(host, path).into_iter().next();
        // Asked by an address that no issuer is named after: the first that there is.
        let found = found.or_else(|| self.issuers.first().filter(|_| path.is_empty()));
        found.map(|issuer| &issuer.discovery)
    }

    /// The issuers whose keys a key set under this path, which is not empty, holds.
    pub(super) fn issuers_under(&self, host: &str, path: &str) -> Vec<Id> {
        self.candidates(host, path).into_iter().map(|issuer| issuer.id).collect()
    }
}

/// A JWKS document (RFC 7517, section 5), in the order of the kids. A shared secret is not in it.
pub(super) fn jwks<'a>(keys: impl Iterator<Item = &'a Arc<SigningKey>>) -> Document {
    let mut keys: Vec<&Arc<SigningKey>> = keys.collect();
    keys.sort_unstable_by(|one, other| one.kid.cmp(&other.kid));
    let published: Vec<&Value> = keys.iter().filter_map(|key| key.public_jwk.as_ref()).collect();
    document(&serde_json::json!({ "keys": published }))
}

/// A discovery document (`OpenID` Connect Discovery 1.0, section 4), as far as a verifier of our tokens needs it.
fn discovery<'a>(issuer: &str, keys: impl Iterator<Item = &'a Arc<SigningKey>>) -> Document {
    let mut algorithms: Vec<&str> = keys.filter_map(|key| key.public_jwk.as_ref()?.get("alg")?.as_str()).collect();
    algorithms.sort_unstable();
    algorithms.dedup();
    document(&serde_json::json!({
        "issuer": issuer,
        "jwks_uri": format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
    }))
}

fn document(value: &Value) -> Document {
    Document::of(value.to_string())
}

/// Authority and path of a URL, the path without a slash at its end.
fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (authority, path.trim_end_matches('/'))
}
