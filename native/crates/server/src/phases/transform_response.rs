//! From the backend's answer to ours. Bodies pass through only where the route says so; elsewhere a contract says what passes.

pub(super) mod contract;
mod head;
mod passing;

pub use head::rewritten_header;

use super::forward::CameBack;
use super::record::Call;
use super::respond::{Answer, Content, Stream};
use crate::headers;
use crate::holder::Holder;
use crate::thread::Thread;
use crate::tunnel::Opening;
use http::{HeaderMap, HeaderValue, StatusCode, header, response};
use portazgo_core::fault::Fault;
use portazgo_core::snapshot::{BackendEnvironment, RouteAction};
use portazgo_core::upgrade;
use std::time::Duration;

/// The backend takes the change of protocol: check that it means this very handshake (RFC 6455, section 4.1), and take its
/// connection over.
pub(super) async fn build_tunnel(
    came_back: CameBack,
    holder: Holder,
    key: &HeaderValue,
    action: &RouteAction,
    backend: &BackendEnvironment,
) -> Result<Answer, Fault> {
    let CameBack { response, lease, upgraded, flight, .. } = came_back;
    let received = response.headers();
    let is = |name, wanted: &str| {
        received.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    let accepted = received.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if !is(header::UPGRADE, "websocket") || accepted != Some(upgrade::accept(key.as_bytes()).as_bytes()) {
        return Err(Fault::BackendBadResponse);
    }
    let mut headers = headers::to_partner(received, &action.response_headers, HeaderMap::new());
    headers.remove(header::CONTENT_LENGTH);
    for name in [header::SEC_WEBSOCKET_ACCEPT, header::SEC_WEBSOCKET_PROTOCOL, header::SEC_WEBSOCKET_EXTENSIONS] {
        headers::pass(received, &name, &mut headers);
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let upgraded = upgraded.ok_or(Fault::BackendBadResponse)?.await.map_err(|_| Fault::BackendBadResponse)?;
    let milliseconds = |time| Duration::from_millis(u64::from(time));
    let opening = Opening {
        upgraded,
        _lease: lease,
        _flight: flight,
        holder,
        idle: milliseconds(action.times(&backend.timeouts).idle_ms),
        // A backend's total is meant for answers; a route's own is meant.
        total: action.timeouts.total_ms.flatten().map(milliseconds),
    };
    Ok(Answer { status: StatusCode::SWITCHING_PROTOCOLS, headers, content: Content::Tunnel(Box::new(opening)) })
}

/// Judge the answer's head, pick the headers that may pass, let the body stream.
pub(super) async fn build(
    thread: &Thread,
    call: &mut Call,
    came_back: CameBack,
    holder: impl FnOnce() -> Holder,
    action: &RouteAction,
    backend: &BackendEnvironment,
) -> Result<Answer, Fault> {
    let (head, mut stream) = stream(came_back, action, backend)?;
    stream.begin(holder).await?;
    if head.status.is_server_error() {
        call.fail(Fault::Backend5xx);
    }
    let mut headers = headers::to_partner(&head.headers, &action.response_headers, thread.spare_maps.take());
    // The backend varies by the token that it got. Whoever keeps answers before us sees the partner's key.
    headers.append(header::VARY, head::VARY);
    thread.spare_maps.give(head.headers);
    Ok(Answer { status: head.status, headers, content: Content::Stream(Box::new(stream)) })
}

/// Judge the answer's head; its body, of which nothing has been read.
fn stream(
    came_back: CameBack,
    action: &RouteAction,
    backend: &BackendEnvironment,
) -> Result<(response::Parts, Stream), Fault> {
    let CameBack { response, lease, target, ends, flight, .. } = came_back;
    let (head, source) = response.into_parts();
    if head.status == StatusCode::UNAUTHORIZED && backend.credential.is_ours() {
        // The partner has nothing to do with the token that we attached.
        return Err(Fault::Backend4xxOurs);
    }
    if head.status.is_informational() {
        return Err(Fault::BackendBadResponse);
    }
    let most = action.max_response_bytes;
    if most.is_some_and(|most| source.size_hint().lower() > most) {
        return Err(Fault::BackendResponseTooLarge);
    }
    let idle = Duration::from_millis(u64::from(action.times(&backend.timeouts).idle_ms));
    let lease = Some(lease);
    let stream = Stream {
        source,
        lease,
        target,
        flight,
        most,
        idle,
        ends,
        seen: 0,
        vigil: None,
        holder: None,
        first: None,
        ended: false,
        hides_length: false,
    };
    Ok((head, stream))
}
