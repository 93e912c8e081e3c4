//! The backend's JWT for a caller: minted by us, held by the (identity, backend) object, never per request.

use crate::authenticate::Identity;
use crate::authorize::Caller;
use crate::fault::Fault;
use crate::ids::{Id, Kid};
use crate::security::SecurityLane;
use crate::snapshot::{Backend, Snapshot};
use crate::time::WallTime;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A backend's clock may be a little behind ours.
const BACKDATED_SECONDS: i64 = 5;
/// Tokens kept per application; beyond it the ended ones go.
const MOST_TOKENS: usize = 4096;
/// Claims that only we set. `sub` may be chosen by the template.
const OURS: [&str; 6] = ["iss", "aud", "iat", "nbf", "exp", "jti"];

/// How calls to a backend are credentialed.
pub enum CredentialPolicy {
    /// They carry none.
    None,
    /// They carry a JWT that we sign.
    Mint(MintPolicy),
}

/// How a JWT is made.
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

/// The claims of a backend's tokens: constants, and values of partner, application and key.
pub struct ClaimsTemplate {
    claims: Vec<(String, ClaimValue)>,
    /// Whether anything of the key is read; then each key has tokens of its own.
    pub reads_key: bool,
}

enum ClaimValue {
    Constant(Value),
    Whole(Path),
    Text(Vec<TextPiece>),
}

enum TextPiece {
    Literal(String),
    Value(Path),
}

enum Path {
    PartnerId,
    PartnerName,
    PartnerMetadata(String),
    ApplicationId,
    ApplicationName,
    ApplicationEnvironment,
    ApplicationMetadata(String),
    KeyKid,
    KeyName,
    KeyScopes,
}

impl Path {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("partner.metadata.") {
            return Ok(Self::PartnerMetadata(name.to_owned()));
        }
        if let Some(name) = text.strip_prefix("application.metadata.") {
            return Ok(Self::ApplicationMetadata(name.to_owned()));
        }
        match text {
            "partner.id" => Ok(Self::PartnerId),
            "partner.name" => Ok(Self::PartnerName),
            "application.id" => Ok(Self::ApplicationId),
            "application.name" => Ok(Self::ApplicationName),
            "application.environment" => Ok(Self::ApplicationEnvironment),
            "key.kid" => Ok(Self::KeyKid),
            "key.name" => Ok(Self::KeyName),
            "key.scopes" => Ok(Self::KeyScopes),
            _ => Err(format!("{{{text}}} is none of the values that a claim may use")),
        }
    }

    fn reads_key(&self) -> bool {
        matches!(self, Self::KeyKid | Self::KeyName | Self::KeyScopes)
    }

    /// The value for this caller; None where metadata has no such member.
    fn value(&self, caller: &Caller, identity: &Identity) -> Option<Value> {
        let (partner, application, key) = (&caller.partner, &caller.application, &identity.key);
        Some(match self {
            Self::PartnerId => partner.id.to_string().into(),
            Self::PartnerName => partner.name.clone().into(),
            Self::PartnerMetadata(name) => partner.metadata.get(name)?.clone(),
            Self::ApplicationId => application.id.to_string().into(),
            Self::ApplicationName => application.name.clone().into(),
            Self::ApplicationEnvironment => application.environment.as_str().into(),
            Self::ApplicationMetadata(name) => application.metadata.get(name)?.clone(),
            Self::KeyKid => key.kid.as_str()?.into(),
            Self::KeyName => key.name.clone().into(),
            Self::KeyScopes => key.scopes.clone().unwrap_or_default().into(),
        })
    }
}

impl ClaimsTemplate {
    /// Compile. The error names the claim and what is wrong with it.
    pub fn compile(template: &Map<String, Value>) -> Result<Self, String> {
        let mut claims = Vec::with_capacity(template.len());
        let mut reads_key = false;
        for (name, value) in template {
            if OURS.contains(&name.as_str()) {
                return Err(format!("the claim {name} is set by the gateway"));
            }
            let compiled = compile_claim(value).map_err(|why| format!("the claim {name}: {why}"))?;
            reads_key |= compiled.reads_key();
            claims.push((name.clone(), compiled));
        }
        Ok(Self { claims, reads_key })
    }

    fn fill(&self, caller: &Caller, identity: &Identity, into: &mut Map<String, Value>) -> Option<()> {
        for (name, value) in &self.claims {
            into.insert(name.clone(), value.fill(caller, identity)?);
        }
        Some(())
    }
}

fn compile_claim(value: &Value) -> Result<ClaimValue, String> {
    let Value::String(text) = value else {
        return Ok(ClaimValue::Constant(value.clone()));
    };
    let mut pieces = Vec::new();
    let mut rest = text.as_str();
    while let Some(open) = rest.find('{') {
        let close = rest[open..].find('}').ok_or("a '{' without its '}'")? + open;
        if open > 0 {
            pieces.push(TextPiece::Literal(rest[..open].to_owned()));
        }
        pieces.push(TextPiece::Value(Path::parse(&rest[open + 1..close])?));
        rest = &rest[close + 1..];
    }
    if pieces.is_empty() {
        return Ok(ClaimValue::Constant(value.clone()));
    }
    if !rest.is_empty() {
        pieces.push(TextPiece::Literal(rest.to_owned()));
    }
    match pieces.pop() {
        Some(TextPiece::Value(path)) if pieces.is_empty() => Ok(ClaimValue::Whole(path)),
        last => {
            pieces.extend(last);
            Ok(ClaimValue::Text(pieces))
        }
    }
}

impl ClaimValue {
    fn reads_key(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Whole(path) => path.reads_key(),
            Self::Text(pieces) => pieces.iter().any(|piece| matches!(piece, TextPiece::Value(path) if path.reads_key())),
        }
    }

    fn fill(&self, caller: &Caller, identity: &Identity) -> Option<Value> {
        match self {
            Self::Constant(value) => Some(value.clone()),
            Self::Whole(path) => path.value(caller, identity),
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        TextPiece::Literal(literal) => text.push_str(literal),
                        TextPiece::Value(path) => match path.value(caller, identity)? {
                            Value::String(value) => text.push_str(&value),
                            value => text.push_str(&value.to_string()),
                        },
                    }
                }
                Some(Value::String(text))
            }
        }
    }
}

/// A private key that is ready to sign.
pub struct Signer(EcdsaKeyPair);

impl Signer {
    /// From PKCS#8 DER, P-256.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, &'static str> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Self).map_err(|_| "not a P-256 key in PKCS#8 form")
    }

    /// A compact JWS (RFC 7515) with ES256 (RFC 7518, section 3.4).
    fn sign(&self, kid: &str, claims: &Map<String, Value>) -> Option<String> {
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

/// The tokens of one application, by backend (and key, where the claims read it).
#[derive(Default)]
pub struct TokenTable {
    tokens: Mutex<HashMap<(Id, Option<Kid>), Token>>,
}

struct Token {
    header: Arc<str>,
    made_from: MadeFrom,
    renew_at: i64,
    ends_at: i64,
}

/// The versions of everything that a token says or is signed with. A token made from anything older is worth nothing, so
/// revocation, new claims and rotated signing keys need no code that goes and drops tokens.
#[derive(PartialEq, Eq)]
struct MadeFrom {
    partner: u64,
    backend: u64,
    key: u64,
    signing_key: String,
}

/// What a token depends on.
#[derive(Clone, Copy)]
pub struct Minting<'m> {
    /// Partner and application.
    pub caller: &'m Caller,
    /// The key.
    pub identity: &'m Identity,
    /// For whom.
    pub backend: &'m Backend,
    /// Issuer and signing keys.
    pub snapshot: &'m Snapshot,
    /// Withdrawals.
    pub lane: &'m SecurityLane,
}

/// The value of `Authorization` for this caller at this backend: the token held, or a new one after 80 % of its life.
///
/// ES256 costs about 20 µs, once per identity and life, so it is signed here; an algorithm that costs more belongs off the data thread.
pub fn authorization(policy: &MintPolicy, minting: &Minting<'_>, now: WallTime, random: u128) -> Result<Arc<str>, Fault> {
    let Minting { caller, identity, backend, snapshot, lane } = *minting;
    let signing_key = snapshot.signing_key(policy.issuer, lane).ok_or(Fault::TokenMintFailed)?;
    let made_from = MadeFrom {
        partner: caller.partner.version,
        backend: backend.version,
        key: if policy.claims.reads_key { identity.key.version } else { 0 },
        signing_key: signing_key.kid.clone(),
    };
    let place = (backend.id, policy.claims.reads_key.then_some(identity.key.kid));
    let mut tokens = caller.application.tokens.tokens.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = now.seconds();
    if let Some(token) = tokens.get(&place)
        && token.made_from == made_from
        && seconds < token.renew_at
    {
        return Ok(Arc::clone(&token.header));
    }
    let signer = signing_key.signer.as_ref().ok_or(Fault::TokenMintFailed)?;
    let issuer = snapshot.issuer(policy.issuer).ok_or(Fault::TokenMintFailed)?;
    let claims = claims(policy, &issuer.url, caller, identity, seconds, random).ok_or(Fault::TokenMintFailed)?;
    let jwt = signer.sign(&signing_key.kid, &claims).ok_or(Fault::TokenMintFailed)?;
    let header: Arc<str> = format!("Bearer {jwt}").into();
    if tokens.len() >= MOST_TOKENS {
        tokens.retain(|_, token| token.ends_at > seconds);
    }
    let life = i64::from(policy.life_seconds);
    let token = Token { header: Arc::clone(&header), made_from, renew_at: seconds + life * 4 / 5, ends_at: seconds + life };
    tokens.insert(place, token);
    Ok(header)
}

fn claims(policy: &MintPolicy, issuer: &str, caller: &Caller, identity: &Identity, now: i64, random: u128) -> Option<Map<String, Value>> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), caller.application.id.to_string().into());
    policy.claims.fill(caller, identity, &mut claims)?;
    claims.insert("iss".to_owned(), issuer.into());
    claims.insert("aud".to_owned(), policy.audience.clone().into());
    claims.insert("iat".to_owned(), (now - BACKDATED_SECONDS).into());
    claims.insert("nbf".to_owned(), (now - BACKDATED_SECONDS).into());
    claims.insert("exp".to_owned(), (now + i64::from(policy.life_seconds)).into());
    claims.insert("jti".to_owned(), format!("{random:032x}").into());
    Some(claims)
}
