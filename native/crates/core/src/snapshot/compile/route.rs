//! Routes: what partners see, and what it leads to.

use super::{body_of, id_of, parse_id, refused};
use crate::ids::Id;
use crate::route::{PathBuilder, Template};
use crate::snapshot::update::Refused;
use crate::snapshot::wire::{Given, QueryBody, ResourceLine, RouteBody, RouteOutline, RouteTimeoutsBody};
use crate::snapshot::{QueryPolicy, Route, RouteAction, RouteTimeouts, Shape};

/// CONNECT and TRACE are never forwarded. A route for OPTIONS is how an API opts into answering it.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What no list may let through: framing, hop-by-hop, and what the gateway alone says to a backend (the same list as in
/// `portazgo.routes.domain`).
const NEVER_PASSED: [&str; 22] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
];

pub(super) fn route(line: &ResourceLine<'_>) -> Result<Route, Refused> {
    let body: RouteBody = body_of(line)?;
    let shape = match (body.passthrough, &body.contract) {
        (true, None) => Shape::Passthrough,
        (true, Some(_)) => {
            return Err(refused(line, "contract", "a route that says passthrough: true has no contract"));
        }
        (false, contract) => {
            Shape::Contract(contract.as_deref().map(|version| parse_id(version, line, "contract")).transpose()?)
        }
    };
    if body.environments.is_empty() {
        return Err(refused(line, "environments", "a route of no environment can't be called"));
    }
    // A handshake is a GET on both sides (RFC 6455, section 4.1).
    if !body.upgrades.is_empty() && shape != Shape::Passthrough {
        return Err(refused(line, "upgrades", "no contract says what passes after a change of protocol"));
    }
    if !body.upgrades.is_empty() && (body.method != "GET" || body.backend_method != "GET") {
        return Err(refused(line, "upgrades", "only a GET that is a GET at the backend too can change its protocol"));
    }
    let path = template(&body.path, line, "path")?;
    let backend_path = PathBuilder::new(&path, &template(&body.backend_path, line, "backend_path")?);
    let action = RouteAction {
        backend: parse_id(&body.backend, line, "backend")?,
        shape,
        api_name: body.api_name,
        backend_method: method(body.backend_method, line, "backend_method")?,
        backend_path: backend_path.map_err(|why| refused(line, "backend_path", why))?,
        environments: body.environments,
        scopes: body.scopes,
        max_request_bytes: body.max_request_bytes,
        max_response_bytes: body.max_response_bytes,
        query: query(body.query, line)?,
        request_headers: headers(body.request_headers, line, "request_headers")?,
        response_headers: headers(body.response_headers, line, "response_headers")?,
        upgrades: body.upgrades,
        idempotency_key: body.idempotency_key,
        timeouts: timeouts(body.timeouts, line)?,
    };
    Ok(Route {
        id: id_of(line)?,
        api: parse_id(&body.api, line, "api")?,
        name: body.name,
        hosts: hosts(body.hosts, line)?,
        method: method(body.method, line, "method")?,
        path,
        action: Some(action),
    })
}

/// A route from the future, as far as it can be placed.
pub(super) fn outdated(line: &ResourceLine<'_>) -> Result<Route, Refused> {
    let outline: RouteOutline = body_of(line)?;
    Ok(Route {
        id: id_of(line)?,
        api: Id::NONE,
        name: String::new(),
        hosts: hosts(outline.hosts, line)?,
        method: method(outline.method, line, "method")?,
        path: template(&outline.path, line, "path")?,
        action: None,
    })
}

fn template(text: &str, line: &ResourceLine<'_>, member: &str) -> Result<Template, Refused> {
    Template::parse(text).map_err(|why| refused(line, member, why))
}

fn method(text: String, line: &ResourceLine<'_>, member: &str) -> Result<String, Refused> {
    if METHODS.contains(&text.as_str()) {
        return Ok(text);
    }
    Err(refused(line, member, format!("{text:?} is none of {}", METHODS.join(", "))))
}

fn query(body: QueryBody, line: &ResourceLine<'_>) -> Result<QueryPolicy, Refused> {
    match body {
        QueryBody::Word(word) if word == "all" => Ok(QueryPolicy::All),
        QueryBody::Word(word) => {
            Err(refused(line, "query", format!("{word:?} is neither \"all\" nor a list of names")))
        }
        QueryBody::Names(names) => Ok(QueryPolicy::Names(names)),
    }
}

fn timeouts(body: RouteTimeoutsBody, line: &ResourceLine<'_>) -> Result<RouteTimeouts, Refused> {
    let timeouts = RouteTimeouts {
        first_byte_ms: body.first_byte_ms,
        idle_ms: body.idle_ms,
        total_ms: match body.total_ms {
            Given::Absent => None,
            Given::Null => Some(None),
            Given::Value(milliseconds) => Some(Some(milliseconds)),
        },
    };
    if [timeouts.first_byte_ms, timeouts.idle_ms, timeouts.total_ms.flatten()].contains(&Some(0)) {
        return Err(refused(line, "timeouts", "a time of 0 ms would let no call through"));
    }
    Ok(timeouts)
}

fn hosts(hosts: Option<Vec<String>>, line: &ResourceLine<'_>) -> Result<Option<Vec<String>>, Refused> {
    let is_host = |host: &String| {
        !host.is_empty() && host.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
    };
    match hosts.as_ref().and_then(|hosts| hosts.iter().find(|host| !is_host(host))) {
        Some(host) => Err(refused(line, "hosts", format!("{host:?} is no lower-case host name without port"))),
        None if hosts.as_ref().is_some_and(Vec::is_empty) => {
            Err(refused(line, "hosts", "an empty list would leave the route unreachable; null means any host"))
        }
        None => Ok(hosts),
    }
}

fn headers(names: Vec<String>, line: &ResourceLine<'_>, member: &str) -> Result<Vec<String>, Refused> {
    let is_token = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    for name in &names {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(refused(line, member, format!("{name:?} is no lower-case header name")));
        }
        if NEVER_PASSED.contains(&name.as_str()) {
            return Err(refused(line, member, format!("{name} is the gateway's to set")));
        }
    }
    Ok(names)
}
