//! The request to the backend, built from the parsed model; no received byte is passed on as it stands.

use super::record::Call;
use super::route::{Found, Origin};
use crate::headers;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
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
    call: &mut Call,
    head: &Parts,
    found: &Found,
    action: &RouteAction,
    origin: Origin,
) -> Result<Outgoing, Fault> {
    call.reached_too(Phase::TransformRequest);
    if declared_length(&head.headers).is_some_and(|length| length > action.max_request_bytes) {
        return Err(Fault::BodyTooLarge);
    }
    let mut target = String::with_capacity(128);
    let values = found.parameters.iter().map(String::as_str).collect();
    action.backend_path.write(&values, &mut target);
    write_query(&action.query, head.uri.query(), &mut target);
    let uri: Uri = target.parse().map_err(|_| Fault::HeadPathInvalid)?;
    let method = Method::from_bytes(action.backend_method.as_bytes()).map_err(|_| Fault::MethodNotAllowed)?;
    let mut headers = headers::to_backend(&head.headers, &action.request_headers);
    add_ours(&mut headers, call, head, origin);
    if call.upgrades {
        add_handshake(&mut headers, &head.headers)?;
    }
    Ok(Outgoing { method, uri, headers })
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
                    target.push_str(pair);
                    separator = '&';
                }
            }
        }
    }
}

/// A WebSocket handshake of ours with the client's key (RFC 6455, section 4.1). What the two sides agree on in it is theirs.
fn add_handshake(headers: &mut HeaderMap, received: &HeaderMap) -> Result<(), Fault> {
    let mut keys = received.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let sound = matches!((keys.next(), keys.next()), (Some(key), None) if upgrade::is_key(key.as_bytes()))
        && received.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    if !sound {
        return Err(Fault::HeadMalformed);
    }
    for name in HANDSHAKE {
        headers.remove(&name);
        for value in received.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    Ok(())
}

fn add_ours(headers: &mut HeaderMap, call: &mut Call, head: &Parts, origin: Origin) {
    let request_id = call.request_id().text();
    let record = call.record();
    let traceparent = traceparent(&record.trace_id.0, record.span_id);
    let mut set = |name: HeaderName, value: &[u8]| {
        // Ids and addresses are ASCII; Host passed framing.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    };
    set(super::respond::REQUEST_ID, &request_id);
    set(TRACEPARENT, &traceparent);
    set(FORWARDED_FOR, origin.address.to_canonical().to_string().as_bytes());
    set(FORWARDED_PROTO, if origin.secure { b"https" } else { b"http" });
    if let Some(host) = head.headers.get(header::HOST) {
        set(FORWARDED_HOST, host.as_bytes());
    }
    // We decide how bodies are coded on the way in; a partner's wish is answered on the way out.
    set(header::ACCEPT_ENCODING, b"identity");
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
