//! From the backend's answer to ours. Pass-through of bodies only where the route says so; contracts grow here.

use super::forward::CameBack;
use super::record::Call;
use super::respond::{Answer, Content, Stream};
use crate::headers;
use http::StatusCode;
use http_body::Body as _;
use portazgo_core::credential::CredentialPolicy;
use portazgo_core::fault::Fault;
use portazgo_core::snapshot::{BackendEnvironment, RouteAction};
use std::time::Duration;

/// Judge the answer's head, pick the headers that may pass, let the body stream.
pub(super) async fn build(
    call: &mut Call,
    came_back: CameBack,
    action: &RouteAction,
    backend: &BackendEnvironment,
) -> Result<Answer, Fault> {
    let CameBack { response, lease, target, ends, flight } = came_back;
    let (head, source) = response.into_parts();
    if head.status == StatusCode::UNAUTHORIZED && matches!(backend.credential, CredentialPolicy::Mint(_)) {
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
    let mut stream =
        Stream { source, lease, target, flight, most, idle, ends, seen: 0, timer: None, first: None, ended: false };
    stream.begin().await?;
    if head.status.is_server_error() {
        call.fail(Fault::Backend5xx);
    }
    Ok(Answer {
        status: head.status,
        headers: headers::to_partner(&head.headers, &action.response_headers),
        content: Content::Stream(Box::new(stream)),
    })
}
