//! Which route is meant, and who is calling from where.

use super::Refusal;
use super::framing::Wire;
use super::record::Call;
use crate::thread::Thread;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};
use portazgo_core::client::{self, Client};
use portazgo_core::fault::Fault;
use portazgo_core::ids::Id;
use portazgo_core::record::{Phase, Text};
use portazgo_core::route::{Match, Parameters, RouteIndex};
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::{Document, Route, Snapshot, Upgrade};
use std::net::IpAddr;

const JWKS: &str = "/.well-known/jwks.json";
const DISCOVERY: &str = "/.well-known/openid-configuration";
const WHO_AM_I: &str = "/.well-known/portazgo/whoami";
const CONTRACT: &str = "/.well-known/portazgo/openapi.json";

/// Where a request leads.
pub(super) enum Destination<'h> {
    Published(Document),
    WhoAmI,
    /// What the caller's contracts say.
    Contract,
    Route(Found<'h>),
}

impl Destination<'_> {
    /// Whether a client may change the protocol there.
    pub(super) fn allows_upgrade(&self) -> bool {
        let Self::Route(found) = self else {
            return false;
        };
        found.route.action.as_ref().is_some_and(|action| action.upgrades.contains(&Upgrade::Websocket))
    }
}

/// A route, and the values of the path's parameters.
pub(super) struct Found<'h> {
    pub(super) route: &'h Route,
    pub(super) index: RouteIndex,
    pub(super) parameters: Parameters<'h>,
}

/// Find the destination of a request.
pub(super) fn find<'h>(
    snapshot: &'h Snapshot,
    lane: &SecurityLane,
    head: &'h Parts,
    call: &mut Call,
) -> Result<Destination<'h>, Refusal> {
    call.reached(Phase::Route);
    let path = head.uri.path();
    if head.method == Method::GET && path == WHO_AM_I {
        return Ok(Destination::WhoAmI);
    }
    if path == CONTRACT && (head.method == Method::GET || head.method == Method::HEAD) {
        return Ok(Destination::Contract);
    }
    if let Some(document) = published(snapshot, lane, head)? {
        return Ok(Destination::Published(document));
    }
    match snapshot.router().find(host(head), head.method.as_str(), path) {
        Match::Route(index, parameters) => {
            let route = snapshot.route(index).as_ref();
            call.record().route = route.id;
            Ok(Destination::Route(Found { route, index, parameters }))
        }
        Match::MethodNotAllowed(methods) => {
            let mut refusal = Refusal::from(Fault::MethodNotAllowed);
            if let Ok(allow) = HeaderValue::from_str(&methods.join(", ")) {
                refusal.headers.insert(header::ALLOW, allow);
            }
            Err(refusal)
        }
        Match::Unknown => Err(Fault::RouteUnknown.into()),
    }
}

/// What a node publishes of its issuers: at the root, or under the path of an issuer's URL.
fn published(snapshot: &Snapshot, lane: &SecurityLane, head: &Parts) -> Result<Option<Document>, Fault> {
    let path = head.uri.path();
    let is_read = head.method == Method::GET || head.method == Method::HEAD;
    if let Some(issuer) = path.strip_suffix(JWKS).filter(|_| is_read) {
        if issuer.is_empty() {
            return Ok(Some(snapshot.jwks(lane)));
        }
        return Ok(snapshot.jwks_under(authority(head), issuer, lane));
    }
    if let Some(issuer) = path.strip_suffix(DISCOVERY).filter(|_| is_read) {
        let found = snapshot.discovery(authority(head), issuer).cloned();
        return if found.is_none() && issuer.is_empty() { Err(Fault::RouteUnknown) } else { Ok(found) };
    }
    Ok(None)
}

/// The host that the request names, with its port where it names one.
fn authority(head: &Parts) -> &str {
    head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// Scheme and authority that a call came to.
pub(super) fn base(head: &Parts, origin: Origin) -> String {
    let scheme = if origin.secure { "https" } else { "http" };
    format!("{scheme}://{}", authority(head))
}

/// The host that the request names, without its port.
fn host(head: &Parts) -> &str {
    let authority = authority(head);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Where a call comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) address: IpAddr,
    /// Whether the client spoke TLS, to us or to a proxy that is believed.
    pub(super) secure: bool,
}

/// Note where the call comes from and how it names itself. Forwarding and tracing headers count from trusted proxies only.
pub(super) fn note_client(thread: &Thread, wire: &Wire, call: &mut Call, head: &Parts) -> Origin {
    let shared = &thread.shared;
    let from_proxy = shared.trusts(wire.peer.ip());
    let client = if from_proxy {
        let lines = |name: &'static str| head.headers.get_all(name).iter();
        let name = shared.forwarding_header.name().unwrap_or("x-forwarded-for");
        // Each counts, whatever a client wrote into it: a proxy may have appended to that very line.
        let entries = lines(name).map(HeaderValue::as_bytes);
        // A line that is no text names no protocol, and is not passed over either.
        let protocols = lines("x-forwarded-proto").map(|line| line.to_str().unwrap_or_default());
        client::client(wire.peer, shared.forwarding_header, entries, protocols, |address| shared.trusts(address))
    } else {
        Client { address: wire.peer, secure: None }
    };
    let trace_id = if from_proxy { trace_id(&head.headers) } else { None };
    let record = call.record();
    record.client = Some(client.address);
    record.trace_id = trace_id.unwrap_or_else(|| Id(thread.random.bytes()));
    record.span_id = thread.random.bytes();
    if let Some(own) = head.headers.get(super::respond::REQUEST_ID) {
        record.client_request_id = Text::cut(own.as_bytes());
    }
    Origin { address: client.address.ip(), secure: client.secure.unwrap_or(wire.secure) }
}

/// The trace id of a W3C traceparent (version 00).
fn trace_id(headers: &HeaderMap) -> Option<Id> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    if version.len() != 2 || version == "ff" || trace.len() != 32 {
        return None;
    }
    let number = u128::from_str_radix(trace, 16).ok()?;
    (number != 0).then(|| Id(number.to_be_bytes()))
}
