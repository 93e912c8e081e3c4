//! The backend's token for a caller: minted by us, or fetched by the node process; held by the application, never made per request.

mod algorithm;
mod claims;
pub mod login;
mod made_from;
mod order;
mod signer;
mod template;
mod tokens;

pub use algorithm::Algorithm;
pub use claims::ClaimsTemplate;
pub use order::Order;
pub use signer::{Signer, check_jwk, is_public};
pub use template::{Path, RequestValues, Source, Values};
pub use tokens::{TokenTable, Wait};

pub(crate) use template::{Template, apart};

use crate::authenticate::Identity;
use crate::authorize::Caller;
use crate::fault::Fault;
use crate::ids::Id;
use crate::security::SecurityLane;
use crate::snapshot::{Backend, Issuer, Known, Snapshot};
use crate::time::WallTime;
use http::HeaderValue;
use login::LoginPolicy;
use made_from::Versions;
use std::sync::Arc;
use tokens::{Held, Place};

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
    /// `alg`.
    pub algorithm: Algorithm,
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

/// What there is for a call.
pub enum Found {
    /// The token that it carries: the value of `Authorization`.
    Token(HeaderValue),
    /// The token that it carries, and the order for the next one: this one has lived for four fifths of its time.
    Ageing(HeaderValue, Order),
    /// None yet: whoever gets the order signs it, here or, where that is dear, elsewhere.
    Missing(Order),
    /// None yet, and somebody signs: wait, and look again.
    Awaited(Wait),
}

/// Why there is no token.
#[derive(Debug, PartialEq, Eq)]
pub struct NotMade {
    /// `TokenMintFailed` where nothing signs or a claim has no value, `NodeOutdated` where what signs is from the future.
    pub fault: Fault,
    /// For operators: a sentence without a secret in it, nor any value of a claim.
    pub why: String,
}

impl From<NotMade> for Fault {
    fn from(not_made: NotMade) -> Self {
        not_made.fault
    }
}

/// The token of this caller at this backend: the one held, or the right to make one. Per identity and renewal there is one
/// order, however many ask at once.
pub fn find(
    policy: &MintPolicy,
    minting: &Minting<'_>,
    now: WallTime,
    random: impl FnOnce() -> u128,
) -> Result<Found, NotMade> {
    let Minting { caller, identity, snapshot, lane, .. } = *minting;
    let signing_key = snapshot.signing_key(policy.issuer, policy.algorithm, lane);
    let signing_key = signing_key.map_err(|fault| nothing_signs(policy, fault))?;
    let issuer = issuer_of(policy, snapshot)?;
    let plan = caller.application.plan.and_then(|id| snapshot.plan(id)).and_then(Known::understood);
    let versions = Versions::of(policy, minting, plan, issuer);
    let place = place_of(policy, minting);
    let tokens = &caller.application.tokens;
    let (held, turn) = match tokens.find(place, &versions, signing_key, now.seconds()) {
        Held::Young(header) | Held::Ageing(header, None) => return Ok(Found::Token(header)),
        Held::Awaited => return Ok(Found::Awaited(tokens.wait(place))),
        Held::Ageing(header, Some(turn)) => (Some(header), turn),
        Held::Missing(turn) => (None, turn),
    };
    let values = Values { caller, identity, plan: plan.map(Arc::as_ref) };
    let claims = order::claims(policy, &issuer.url, &values, now.seconds(), random())?;
    let order = Order::new(turn, claims, versions, Arc::clone(signing_key), now.seconds(), policy);
    Ok(match held {
        Some(header) => Found::Ageing(header, order),
        None => Found::Missing(order),
    })
}

/// The value of `Authorization` for this caller at this backend, signed where it is asked for: for those who have no other
/// thread to sign on, and no call to keep waiting.
pub fn authorization(
    policy: &MintPolicy,
    minting: &Minting<'_>,
    now: WallTime,
    random: impl FnOnce() -> u128,
) -> Result<HeaderValue, Fault> {
    match find(policy, minting, now, random)? {
        Found::Token(header) => Ok(header),
        Found::Ageing(_, order) | Found::Missing(order) => order.carry_out(),
        Found::Awaited(_) => Err(Fault::TokenMintFailed),
    }
}

/// The backend answered 401 to this token. True: it is worth one more try, since `find` has another by now or orders one.
/// One token of an identity is let go in ten seconds; a backend that refuses that one too means it.
pub fn refused(policy: &MintPolicy, minting: &Minting<'_>, token: &HeaderValue, now: WallTime) -> bool {
    minting.caller.application.tokens.refused(&place_of(policy, minting), token, now.seconds())
}

fn nothing_signs(policy: &MintPolicy, fault: Fault) -> NotMade {
    let algorithm = policy.algorithm.as_str();
    let why = match fault {
        Fault::NodeOutdated => format!("this node is too old for the key that signs with {algorithm}"),
        _ => format!("no key of the issuer signs with {algorithm}"),
    };
    NotMade { fault, why }
}

fn place_of(policy: &MintPolicy, minting: &Minting<'_>) -> Place {
    (minting.backend.id, policy.claims.reads_key.then_some(minting.identity.key.kid))
}

fn issuer_of<'s>(policy: &MintPolicy, snapshot: &'s Snapshot) -> Result<&'s Arc<Issuer>, NotMade> {
    let not_made = |fault, why: &str| NotMade { fault, why: why.to_owned() };
    match snapshot.issuer(policy.issuer) {
        Some(Known::Yes(issuer)) => Ok(issuer),
        Some(Known::Outdated) => Err(not_made(Fault::NodeOutdated, "this node is too old for the issuer")),
        None => Err(not_made(Fault::TokenMintFailed, "the issuer is not there")),
    }
}
