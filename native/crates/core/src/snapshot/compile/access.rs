//! Who may call, and how much: partners, applications, keys, plans.

use super::contract::pins;
use super::{body_of, id_of, kid_of, parse_id, refused, version_of};
use crate::credential::login::Slots;
use crate::ids::Id;
use crate::limit::{PartnerCells, Throttle, policy_header};
use crate::network::Network;
use crate::snapshot::key::{Further, Imported};
use crate::snapshot::update::Refused;
use crate::snapshot::wire::{
    ApplicationBody, DataKeyBody, KeyBody, PartnerBody, PlanBody, ResourceLine, RouteTagBody, SecretBody, Standing,
};
use crate::snapshot::{
    Application, End, Fingerprint, Key, Metadata, Partner, Plan, RouteLimits, SecretDigest, TaggedRoutes,
};
use http::HeaderValue;
use serde_json::Value;
use std::sync::Arc;

pub(super) fn partner(line: &ResourceLine<'_>) -> Result<Partner, Refused> {
    let body: PartnerBody = body_of(line)?;
    Ok(Partner {
        id: id_of(line)?,
        name: body.name,
        active: body.status == Standing::Active,
        metadata: metadata(body.metadata, line)?,
        contracts: pins(body.contracts, line)?,
        version: version_of(line),
        cells: Arc::new(PartnerCells::default()),
        logins: Arc::default(),
    })
}

/// Whose data key it is (`Id::NONE`: of callers that no key was proven for), and the key, wrapped.
pub(super) fn data_key(line: &ResourceLine<'_>) -> Result<(Id, String), Refused> {
    let body: DataKeyBody = body_of(line)?;
    let partner = body.partner.as_deref().map(|partner| parse_id(partner, line, "partner")).transpose()?;
    Ok((partner.unwrap_or(Id::NONE), body.wrapped))
}

pub(super) fn application(line: &ResourceLine<'_>) -> Result<Application, Refused> {
    let body: ApplicationBody = body_of(line)?;
    Ok(Application {
        id: id_of(line)?,
        name: body.name,
        partner: parse_id(&body.partner, line, "partner")?,
        environment: body.environment,
        active: body.status == Standing::Active,
        plan: body.plan.as_deref().map(|plan| parse_id(plan, line, "plan")).transpose()?,
        metadata: metadata(body.metadata, line)?,
        contracts: pins(body.contracts, line)?,
        version: version_of(line),
        tokens: Arc::default(),
        logins: Slots::default(),
    })
}

pub(super) fn key(line: &ResourceLine<'_>) -> Result<Key, Refused> {
    let body: KeyBody = body_of(line)?;
    if body.secrets.len() > 2 {
        return Err(refused(line, "secrets", "a key has one or two secrets"));
    }
    if body.secrets.len() == 2 && body.secrets[0].slot == body.secrets[1].slot {
        return Err(refused(line, "secrets", "two secrets in one slot"));
    }
    let mut secrets = body.secrets.iter().map(|secret| secret_digest(secret, line));
    let first = secrets.next().ok_or_else(|| refused(line, "secrets", "a key has one or two secrets"))??;
    let further = Further {
        secret: secrets.next().transpose()?,
        scopes: body.scopes.map(Into::into),
        networks: body.networks.map(|networks| parse_networks(&networks, line)).transpose()?,
        client_certificates: body.client_certificates.map(|texts| fingerprints(&texts, line)).transpose()?,
        imported: imported(&body.secrets, line)?,
        route_limits: route_limits(body.routes, body.route_tags, line)?,
    };
    Ok(Key {
        kid: kid_of(line)?,
        application: parse_id(&body.application, line, "application")?,
        status: body.status,
        name: body.name.into(),
        ends_at: End::at(body.expires_at_us),
        version: version_of(line),
        secret: first,
        further: further.boxed(),
    })
}

/// One member alone restricts too: whoever says tags only, means no route beside them.
fn route_limits(
    routes: Option<Vec<String>>,
    tags: Option<Vec<String>>,
    line: &ResourceLine<'_>,
) -> Result<Option<RouteLimits>, Refused> {
    if routes.is_none() && tags.is_none() {
        return Ok(None);
    }
    let routes = ids(&routes.unwrap_or_default(), line)?;
    Ok(Some(RouteLimits::new(routes, &tags.unwrap_or_default())))
}

/// The routes that bear a tag.
pub(super) fn tagged_routes(line: &ResourceLine<'_>) -> Result<TaggedRoutes, Refused> {
    let body: RouteTagBody = body_of(line)?;
    let mut routes = ids(&body.routes, line)?;
    routes.sort_unstable();
    Ok(TaggedRoutes(routes.into()))
}

fn ids(texts: &[String], line: &ResourceLine<'_>) -> Result<Vec<Id>, Refused> {
    texts.iter().map(|text| parse_id(text, line, "routes")).collect()
}

fn secret_digest(body: &SecretBody, line: &ResourceLine<'_>) -> Result<SecretDigest, Refused> {
    let digest = digest(&body.digest).ok_or_else(|| refused(line, "secrets", "a digest is 64 hexadecimal digits"))?;
    Ok(SecretDigest::new(body.slot, digest, body.pepper, End::at(body.ends_at_us)))
}

fn imported(bodies: &[SecretBody], line: &ResourceLine<'_>) -> Result<Box<[Imported]>, Refused> {
    let made_elsewhere = bodies.iter().filter_map(|body| body.imported.as_ref().map(|imported| (body.slot, imported)));
    made_elsewhere
        .map(|(slot, imported)| {
            let lookup = digest(&imported.lookup)
                .ok_or_else(|| refused(line, "secrets", "a lookup is 64 hexadecimal digits"))?;
            Ok(Imported { slot, scheme: imported.scheme, lookup })
        })
        .collect()
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0_u8; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
        *byte = (high? * 16 + low?) as u8;
    }
    Some(digest)
}

fn parse_networks(texts: &[String], line: &ResourceLine<'_>) -> Result<Box<[Network]>, Refused> {
    let parse = |text: &String| {
        Network::parse(text).ok_or_else(|| refused(line, "networks", format!("{text:?} is no network")))
    };
    texts.iter().map(parse).collect()
}

fn fingerprints(texts: &[String], line: &ResourceLine<'_>) -> Result<Box<[Fingerprint]>, Refused> {
    if texts.is_empty() {
        return Err(refused(
            line,
            "client_certificates",
            "an empty list would kill the key; null means that it needs none",
        ));
    }
    let parse = |text: &String| {
        digest(text).ok_or_else(|| {
            refused(line, "client_certificates", format!("{text:?} is no SHA-256 in 64 hexadecimal digits"))
        })
    };
    texts.iter().map(parse).collect()
}

pub(super) fn plan(line: &ResourceLine<'_>) -> Result<Plan, Refused> {
    let body: PlanBody = body_of(line)?;
    let mut throttles: Vec<Throttle> = Vec::with_capacity(body.throttles.len());
    for throttle in &body.throttles {
        if throttle.per != "key" {
            return Err(refused(
                line,
                "throttles",
                format!("{}: per {:?} is not \"key\"", throttle.name, throttle.per),
            ));
        }
        if throttles.iter().any(|other| other.name == throttle.name) {
            return Err(refused(line, "throttles", format!("{} stands twice", throttle.name)));
        }
        let compiled = Throttle::new(&throttle.name, throttle.quota, throttle.window_seconds, throttle.burst);
        throttles.push(compiled.map_err(|why| refused(line, "throttles", format!("{}: {why}", throttle.name)))?);
    }
    Ok(Plan {
        id: id_of(line)?,
        name: body.name,
        apis: body.apis.iter().map(|api| parse_id(api, line, "apis")).collect::<Result<_, _>>()?,
        scopes: body.scopes,
        policy_header: HeaderValue::try_from(policy_header(&throttles))
            .map_err(|_| refused(line, "throttles", "their names can't stand in a header"))?,
        throttles,
        contracts: pins(body.contracts, line)?,
        version: version_of(line),
    })
}

/// Claims are made of metadata, so it holds nothing but plain values.
fn metadata(metadata: Metadata, line: &ResourceLine<'_>) -> Result<Metadata, Refused> {
    let is_plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    match metadata.iter().find(|(_, value)| !is_plain(value)) {
        Some((name, _)) => Err(refused(line, "metadata", format!("{name} is neither text, number nor boolean"))),
        None => Ok(metadata),
    }
}
