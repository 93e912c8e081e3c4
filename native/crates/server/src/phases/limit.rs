//! Throttles: decide, and tell the client how it stands.

use super::Refusal;
use super::record::Call;
use super::respond::Answer;
use crate::thread::Thread;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use portazgo_core::authenticate::Identity;
use portazgo_core::authorize::Caller;
use portazgo_core::fault::Fault;
use portazgo_core::limit::{Decision, Standing, standing_header};
use portazgo_core::record::Phase;
use portazgo_core::snapshot::Plan;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// Admit the call, or refuse it naming the policy. Returns the headers that tell how the caller stands.
pub(super) fn decide(
    thread: &Thread,
    call: &mut Call,
    caller: &Caller,
    identity: &Identity,
    plan: &Plan,
) -> Result<HeaderMap, Refusal> {
    call.reached(Phase::Limit);
    if plan.throttles.is_empty() {
        return Ok(HeaderMap::new());
    }
    let now = thread.shared.clock.monotonic();
    match caller.partner.cells.decide(identity.key.kid, &plan.throttles, now) {
        Decision::Admitted(standings) => Ok(headers(plan, &standings)),
        Decision::Denied { throttle, retry_after_seconds, standings } => {
            let mut headers = headers(plan, &standings);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds));
            Err(Refusal {
                fault: Fault::Throttled,
                headers: Box::new(headers),
                violated: Some(plan.throttles[throttle].name.clone()),
            })
        }
    }
}

/// Put the headers on an answer.
pub(super) fn tell(answer: &mut Answer, standing: HeaderMap) {
    answer.headers.extend(standing);
}

fn headers(plan: &Plan, standings: &[Standing]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    // Names of throttles are checked at apply: they hold no byte that a header can't.
    if let Ok(policy) = HeaderValue::from_str(&plan.policy_header) {
        headers.insert(POLICY, policy);
    }
    if let Ok(standing) = HeaderValue::from_str(&standing_header(&plan.throttles, standings)) {
        headers.insert(STANDING, standing);
    }
    headers
}
