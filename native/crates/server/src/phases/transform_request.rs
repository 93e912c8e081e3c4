//! The request to the backend, built from the parsed model; no received byte is passed on as it stands.

pub(super) mod contract;

use super::record::Call;
use super::route::{Found, Origin};
use crate::headers;
use crate::thread::Thread;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use portazgo_core::client::AddressText;
use portazgo_core::fault::Fault;
use portazgo_core::ids::write_hex;
use portazgo_core::record::Phase;
use portazgo_core::snapshot::{QueryPolicy, RouteAction};
use portazgo_core::upgrade;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What a WebSocket handshake is made of (RFC 6455, section 11.3), and where the page came from.
const HANDSHAKE: [HeaderName; 5] = [
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::ORIGIN,
];

/// A request to the backend without its body and target.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

/// Map path and query, pick the headers that may pass, add ours.
pub(super) fn build(
    thread: &Thread,
    call: &mut Call,
    head: &Parts,
    found: &Found<'_>,
    action: &RouteAction,
    origin: Origin,
) -> Result<Outgoing, Fault> {
    call.reached_too(Phase::TransformRequest);
    if declared_length(&head.headers).is_some_and(|length| length > action.max_request_bytes) {
        return Err(Fault::BodyTooLarge);
    }
    let uri = uri(head, found, action).ok_or(Fault::HeadPathInvalid)?;
    let method = Method::from_bytes(action.backend_method.as_bytes()).map_err(|_| Fault::MethodNotAllowed)?;
    let mut headers = headers::to_backend(&head.headers, &action.request_headers, thread.spare_maps.take());
    add_ours(&mut headers, call, head, origin);
    if call.upgrades {
        add_handshake(&mut headers, &head.headers)?;
    }
    Ok(Outgoing { method, uri, headers })
}

/// Path and query as the backend knows them. Where they are as the partner knows them, they need not be written anew.
fn uri(head: &Parts, found: &Found<'_>, action: &RouteAction) -> Option<Uri> {
    let query = head.uri.query();
    let query_is_kept = query.is_none_or(|query| action.query == QueryPolicy::All && !query.is_empty());
    if query_is_kept && action.backend_path.keeps() {
        return head.uri.path_and_query().cloned().map(Uri::from);
    }
    let mut target = String::with_capacity(128);
    action.backend_path.write(&found.parameters, &mut target);
    write_query(&action.query, query, &mut target);
    Uri::from_maybe_shared(Bytes::from(target)).ok()
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn write_query(policy: &QueryPolicy, query: Option<&str>, target: &mut String) {
    let Some(query) = query.filter(|query| !query.is_empty()) else {
        return;
    };
    match policy {
        QueryPolicy::All => {
            target.push('?');
            target.push_str(query);
        }
        QueryPolicy::Names(names) => {
            let mut separator = '?';
            for pair in query.split('&') {
                let name = pair.split_once('=').map_or(pair, |(name, _)| name);
                if names.iter().any(|known| known == name) {
                    target.push(separator);
                    push_one(pair, target);
                    separator = '&';
                }
            }
        }
    }
}

/// Write a parameter so that it is one for everybody: some backends end it at a semicolon, too.
fn push_one(pair: &str, target: &mut String) {
    let mut parts = pair.split(';');
    target.push_str(parts.next().unwrap_or_default());
    for part in parts {
        target.push_str("%3B");
        target.push_str(part);
    }
}

/// A WebSocket handshake of ours with the client's key (RFC 6455, section 4.1). What the two sides agree on in it is theirs.
fn add_handshake(headers: &mut HeaderMap, received: &HeaderMap) -> Result<(), Fault> {
    let key = headers::only(received, header::SEC_WEBSOCKET_KEY);
    let sound = key.is_some_and(|key| upgrade::is_key(key.as_bytes()))
        && received.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    if !sound {
        return Err(Fault::HeadMalformed);
    }
    for name in HANDSHAKE {
        headers.remove(&name);
        headers::pass(received, &name, headers);
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    Ok(())
}

fn add_ours(headers: &mut HeaderMap, call: &mut Call, head: &Parts, origin: Origin) {
    let request_id = call.request_id_header();
    let record = call.record();
    let traceparent = traceparent(&record.trace_id.0, record.span_id);
    headers.insert(super::respond::REQUEST_ID, request_id);
    headers.insert(TRACEPARENT, of_ascii(&traceparent));
    headers.insert(FORWARDED_FOR, of_ascii(&AddressText::of(origin.address)));
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if origin.secure { "https" } else { "http" }));
    if let Some(host) = head.headers.get(header::HOST) {
        headers.insert(FORWARDED_HOST, host.clone());
    }
    // We decide how bodies are coded on the way in; a partner's wish is answered on the way out.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

fn of_ascii(text: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(text).expect("digits and punctuation of ids and addresses may stand in a header")
}

/// W3C Trace Context, version 00, sampled.
fn traceparent(trace_id: &[u8; 16], span_id: [u8; 8]) -> [u8; 55] {
    let mut text = *b"00-................................-................-01";
    write_hex(trace_id, &mut text[3..35]);
    write_hex(&span_id, &mut text[36..52]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_has_the_form_of_version_00() {
        let text = traceparent(&[0xa1; 16], [0x0b; 8]);
        assert_eq!(&text[..], b"00-a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1-0b0b0b0b0b0b0b0b-01");
    }
}
