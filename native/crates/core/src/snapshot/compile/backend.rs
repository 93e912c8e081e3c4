//! What stands behind, and who signs for it: backends, issuers, signing keys.

use super::forwarding::{MOST_TARGETS, forwarding};
use super::{PublicPart, body_of, id_of, parse_id, refused, tls, version_of};
use crate::credential::{Algorithm, ClaimsTemplate, CredentialPolicy, MintPolicy, check_jwk, is_public};
use crate::forward::{Http2, turns};
use crate::ids::Id;
use crate::snapshot::update::Refused;
use crate::snapshot::wire::{
    BackendBody, BackendEnvironmentBody, CredentialBody, IssuerBody, ResourceLine, SigningKeyBody, SigningKeyOutline,
};
use crate::snapshot::{Backend, BackendEnvironment, Environment, Issuer, Target};
use serde_json::Value;
use std::sync::Arc;

pub(super) fn backend(line: &ResourceLine<'_>) -> Result<Backend, Refused> {
    let body: BackendBody = body_of(line)?;
    let compile =
        |one: &Option<BackendEnvironmentBody>, name| one.as_ref().map(|body| environment(body, name, line)).transpose();
    Ok(Backend {
        id: id_of(line)?,
        live: compile(&body.environments.live, Environment::Live)?,
        test: compile(&body.environments.test, Environment::Test)?,
        name: body.name,
        version: version_of(line),
    })
}

fn environment(
    body: &BackendEnvironmentBody,
    name: Environment,
    line: &ResourceLine<'_>,
) -> Result<BackendEnvironment, Refused> {
    let refuse = |member: &str, why: String| refused(line, &format!("environments.{}.{member}", name.as_str()), why);
    if body.targets.is_empty() {
        return Err(refuse("targets", "there is none".to_owned()));
    }
    if body.targets.len() > MOST_TARGETS {
        return Err(refuse("targets", format!("there are {}, more than {MOST_TARGETS}", body.targets.len())));
    }
    let tls = tls::backend_tls(body.tls.as_ref()).map_err(|(member, why)| refuse(member, why))?;
    let times = body.timeouts;
    if [times.connect_ms, times.first_byte_ms, times.idle_ms, times.total_ms].contains(&0) {
        return Err(refuse("timeouts", "a time of 0 ms would let no call through".to_owned()));
    }
    let forwarding = forwarding(body.forwarding.clone(), body.targets.len())
        .map_err(|(member, why)| refuse(&format!("forwarding.{member}"), why))?;
    let (http2, idle_ms, name_seconds) = (forwarding.http2, forwarding.pool.idle_ms, forwarding.dns.most_ttl_seconds);
    let target = |text: &String| {
        tls::target(text, &tls).map(|target| Arc::new(Target { http2, idle_ms, name_seconds, ..target }))
    };
    let targets = body.targets.iter().map(target).collect::<Result<Vec<_>, String>>();
    let targets = targets.map_err(|why| refuse("targets", why))?;
    if http2 == Http2::Alpn && targets.iter().all(|target| target.tls.is_none()) {
        let why = "\"alpn\" is agreed on in the TLS handshake, and no target begins with https://";
        return Err(refuse("forwarding.http2", why.to_owned()));
    }
    Ok(BackendEnvironment {
        turns: turns(body.targets.len(), &forwarding.weights),
        state: Arc::default(),
        forwarding,
        targets,
        timeouts: times,
        credential: credential(body, name).map_err(|why| refuse("credential", why))?,
    })
}

fn credential(body: &BackendEnvironmentBody, environment: Environment) -> Result<CredentialPolicy, String> {
    let (issuer, audience, algorithm, life_seconds, claims) = match &body.credential {
        CredentialBody::None {} => return Ok(CredentialPolicy::None),
        CredentialBody::Mint { issuer, audience, algorithm, life_seconds, claims } => {
            (issuer, audience, algorithm, life_seconds, claims)
        }
        CredentialBody::Exchange(login)
        | CredentialBody::ClientCredentials(login)
        | CredentialBody::TokenExchange(login) => {
            return super::login::policy(login, environment, body.timeouts).map(CredentialPolicy::Login);
        }
    };
    mint(issuer, audience, algorithm, *life_seconds, claims).map(CredentialPolicy::Mint)
}

/// What is minted, be it to be attached or to be exchanged.
pub(super) fn mint(
    issuer: &str,
    audience: &str,
    algorithm: &str,
    life_seconds: u32,
    claims: &serde_json::Map<String, Value>,
) -> Result<MintPolicy, String> {
    if life_seconds == 0 {
        return Err("a token that lives for 0 seconds is of no use".to_owned());
    }
    Ok(MintPolicy {
        issuer: Id::parse(issuer).ok_or_else(|| format!("the issuer {issuer:?} is not an id"))?,
        algorithm: Algorithm::parse(algorithm)?,
        audience: audience.to_owned(),
        life_seconds,
        claims: ClaimsTemplate::compile(claims)?,
    })
}

pub(super) fn issuer(line: &ResourceLine<'_>) -> Result<Issuer, Refused> {
    let body: IssuerBody = body_of(line)?;
    if !body.url.starts_with("https://") && !body.url.starts_with("http://") {
        return Err(refused(line, "url", format!("{:?} is no URL", body.url)));
    }
    Ok(Issuer { url: body.url, version: version_of(line) })
}

/// A signing key's public part and its wrapped private part.
pub(super) fn signing_key(line: &ResourceLine<'_>) -> Result<(Option<PublicPart>, Option<String>), Refused> {
    let body: SigningKeyBody = body_of(line)?;
    let algorithm = Algorithm::parse(&body.algorithm).map_err(|why| refused(line, "algorithm", why))?;
    check_jwk(algorithm, body.public_jwk.as_ref(), &line.id).map_err(|why| refused(line, "public_jwk", why))?;
    let issuer = parse_id(&body.issuer, line, "issuer")?;
    let public = PublicPart { issuer, algorithm: Some(algorithm), jwk: body.public_jwk, state: body.state };
    Ok((Some(public), Some(body.wrapped)))
}

/// What can be published of a signing key that this node does not understand.
pub(super) fn outline(line: &ResourceLine<'_>) -> Option<PublicPart> {
    let body: SigningKeyOutline = serde_json::from_str(line.body.get()).ok()?;
    if body.public_jwk.as_ref().is_some_and(|jwk| !is_public(jwk)) {
        return None;
    }
    let algorithm = Algorithm::parse(&body.algorithm).ok();
    Some(PublicPart { issuer: Id::parse(&body.issuer)?, algorithm, jwk: body.public_jwk, state: body.state })
}
