//! The backend's token for a caller: minted by us, or fetched by the node process; held by the application, never made per request.

mod claims;
pub mod login;
mod made_from;
mod signer;
mod tokens;

pub use claims::ClaimsTemplate;
pub use signer::Signer;
pub use tokens::TokenTable;

use crate::authenticate::Identity;
use crate::authorize::Caller;
use crate::fault::Fault;
use crate::ids::Id;
use crate::security::SecurityLane;
use crate::snapshot::{Backend, Known, Snapshot};
use crate::time::WallTime;
use claims::Values;
use http::HeaderValue;
use login::LoginPolicy;
use made_from::{MadeFrom, Versions};
use serde_json::{Map, Value};
use std::sync::Arc;
use tokens::Token;

/// A backend's clock may be a little behind ours.
const BACKDATED_SECONDS: i64 = 5;

/// How calls to a backend are credentialed.
#[derive(Clone)]
pub enum CredentialPolicy {
    /// They carry none.
    None,
    /// They carry a JWT that we sign.
    Mint(MintPolicy),
    /// They carry a token that is fetched at a token endpoint.
    Login(LoginPolicy),
}

impl CredentialPolicy {
    /// Whose tokens are minted, whether they are attached or exchanged.
    pub(crate) fn issuer(&self) -> Option<Id> {
        match self {
            Self::None => None,
            Self::Mint(policy) => Some(policy.issuer),
            Self::Login(policy) => policy.subject().map(|subject| subject.issuer),
        }
    }

    /// Whether calls carry a token: then a backend that refuses it refuses us, not the partner.
    pub fn is_ours(&self) -> bool {
        !matches!(self, Self::None)
    }
}

/// How a JWT is made.
#[derive(Clone)]
pub struct MintPolicy {
    /// Who signs.
    pub issuer: Id,
    /// `aud`.
    pub audience: String,
    /// From minting to `exp`.
    pub life_seconds: u32,
    /// What else it says.
    pub claims: ClaimsTemplate,
}

/// What a token depends on.
#[derive(Clone, Copy)]
pub struct Minting<'m> {
    /// Partner and application.
    pub caller: &'m Caller<'m>,
    /// The key.
    pub identity: &'m Identity<'m>,
    /// For whom.
    pub backend: &'m Backend,
    /// Issuer and signing keys.
    pub snapshot: &'m Snapshot,
    /// Withdrawals.
    pub lane: &'m SecurityLane,
}

/// The value of `Authorization` for this caller at this backend: the token held, or a new one after 80 % of its life.
///
/// ES256 costs about 20 µs, once per identity and life, so it is signed here, under the application's lock: callers that
/// need the same token wait for this one. An algorithm that costs more belongs off the data thread. `TokenMintFailed` where
/// nothing signs or a claim has no value, `NodeOutdated` where what signs is from the future.
pub fn authorization(
    policy: &MintPolicy,
    minting: &Minting<'_>,
    now: WallTime,
    random: impl FnOnce() -> u128,
) -> Result<HeaderValue, Fault> {
    let Minting { caller, identity, backend, snapshot, lane } = *minting;
    let signing_key = snapshot.signing_key(policy.issuer, lane)?;
    let issuer = match snapshot.issuer(policy.issuer) {
        Some(Known::Yes(issuer)) => issuer,
        Some(Known::Outdated) => return Err(Fault::NodeOutdated),
        None => return Err(Fault::TokenMintFailed),
    };
    let plan = caller.application.plan.and_then(|id| snapshot.plan(id)).and_then(Known::understood);
    let versions = Versions::of(policy, minting, plan, issuer);
    let place = (backend.id, policy.claims.reads_key.then_some(identity.key.kid));
    let now = now.seconds();
    let mut tokens = caller.application.tokens.lock();
    if let Some(header) = tokens.current(&place, &versions, signing_key, now) {
        return Ok(header.clone());
    }
    let signer = signing_key.signer.as_ref().ok_or(Fault::TokenMintFailed)?;
    let values = Values { caller, identity, plan };
    let claims = claims(policy, &issuer.url, &values, now, random()).ok_or(Fault::TokenMintFailed)?;
    let jwt = signer.sign(&signing_key.kid, &claims).ok_or(Fault::TokenMintFailed)?;
    let mut header = HeaderValue::try_from(format!("Bearer {jwt}")).map_err(|_| Fault::TokenMintFailed)?;
    header.set_sensitive(true);
    let life = i64::from(policy.life_seconds);
    let token = Token {
        header: header.clone(),
        made_from: MadeFrom { versions, signing_key: Arc::clone(signing_key) },
        made_at: now,
        renew_at: now + life * 4 / 5,
        ends_at: now + life,
    };
    tokens.hold(place, token);
    Ok(header)
}

fn claims(
    policy: &MintPolicy,
    issuer: &str,
    values: &Values<'_>,
    now: i64,
    random: u128,
) -> Option<Map<String, Value>> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), values.caller.application.id.to_string().into());
    policy.claims.fill(values, &mut claims)?;
    Some(with_ours(claims, issuer, &policy.audience, policy.life_seconds, now, random))
}

/// The claims that only we set, over all others.
fn with_ours(
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
