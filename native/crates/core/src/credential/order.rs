//! A token that is to be signed: everything that it will say, apart from the signature.

use super::made_from::{MadeFrom, Versions};
use super::template::Values;
use super::tokens::{Token, Turn, Wait};
use super::{MintPolicy, NotMade};
use crate::fault::Fault;
use crate::snapshot::SigningKey;
use http::HeaderValue;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A backend's clock may be a little behind ours.
const BACKDATED_SECONDS: i64 = 5;
/// A token is on its way for a moment, so it is not sent in its last seconds; a short one gives a tenth of its life.
const LAST_SECONDS: i64 = 5;

/// One signature that is to be made. Dropping it gives the turn to whoever asks next.
pub struct Order {
    turn: Turn,
    /// JSON.
    claims: Vec<u8>,
    versions: Versions,
    signing_key: Arc<SigningKey>,
    made_at: i64,
    life: i64,
    is_dear: bool,
}

impl Order {
    pub(super) fn new(
        turn: Turn,
        claims: Vec<u8>,
        versions: Versions,
        signing_key: Arc<SigningKey>,
        now: i64,
        policy: &MintPolicy,
    ) -> Self {
        let life = i64::from(policy.life_seconds);
        Self { turn, claims, versions, signing_key, made_at: now, life, is_dear: policy.algorithm.is_dear() }
    }

    /// To wait for its token, for whoever has it carried out elsewhere.
    pub fn wait(&self) -> Wait {
        self.turn.wait()
    }

    /// Whether the signature costs so much that a data thread must not stand still for it.
    pub fn is_dear(&self) -> bool {
        self.is_dear
    }

    /// Sign, and put the token where everybody finds it.
    pub fn carry_out(self) -> Result<HeaderValue, Fault> {
        let signer = self.signing_key.signer.as_ref().ok_or(Fault::TokenMintFailed)?;
        let jwt = signer.sign(&self.claims).ok_or(Fault::TokenMintFailed)?;
        let mut header = HeaderValue::try_from(format!("Bearer {jwt}")).map_err(|_| Fault::TokenMintFailed)?;
        header.set_sensitive(true);
        let Self { turn, versions, signing_key, made_at, life, .. } = self;
        turn.finish(Token {
            header: header.clone(),
            made_from: MadeFrom { versions, signing_key },
            valid_from: made_at - BACKDATED_SECONDS,
            renew_at: made_at + life * 4 / 5,
            sent_until: made_at + life - LAST_SECONDS.min(life / 10),
            ends_at: made_at + life,
        });
        Ok(header)
    }
}

/// All that a token says, as JSON.
pub(super) fn claims(
    policy: &MintPolicy,
    issuer: &str,
    values: &Values<'_>,
    now: i64,
    random: u128,
) -> Result<Vec<u8>, NotMade> {
    let not_made = |why| NotMade { fault: Fault::TokenMintFailed, why };
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), values.caller.application.id.to_string().into());
    policy.claims.fill(values, &mut claims).map_err(not_made)?;
    let claims = with_ours(claims, issuer, &policy.audience, policy.life_seconds, now, random);
    written(&claims).ok_or_else(|| not_made("the claims can't be written as JSON".to_owned()))
}

/// The claims that only we set, over all others.
pub(super) fn with_ours(
    mut claims: Map<String, Value>,
    issuer: &str,
    audience: &str,
    life_seconds: u32,
    now: i64,
    random: u128,
) -> Map<String, Value> {
    claims.insert("iss".to_owned(), issuer.into());
    claims.insert("aud".to_owned(), audience.into());
    claims.insert("iat".to_owned(), (now - BACKDATED_SECONDS).into());
    claims.insert("nbf".to_owned(), (now - BACKDATED_SECONDS).into());
    claims.insert("exp".to_owned(), (now + i64::from(life_seconds)).into());
    claims.insert("jti".to_owned(), format!("{random:032x}").into());
    claims
}

/// As they are signed.
pub(super) fn written(claims: &Map<String, Value>) -> Option<Vec<u8>> {
    serde_json::to_vec(claims).ok()
}
