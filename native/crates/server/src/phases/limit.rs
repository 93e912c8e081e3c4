//! Throttles: decide, and tell the client how it stands.

use super::Refusal;
use super::record::Call;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use portazgo_core::authenticate::Identity;
use portazgo_core::authorize::Caller;
use portazgo_core::fault::Fault;
use portazgo_core::limit::{Decision, Standing, standing_header};
use portazgo_core::record::Phase;
use portazgo_core::snapshot::Plan;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// How the caller stands, as headers of the answer; none where the plan limits nothing.
pub(super) struct Told(Option<(HeaderValue, HeaderValue)>);

/// Admit the call, or refuse it naming the policy. Returns what the answer tells of how the caller stands.
pub(super) fn decide(
    call: &mut Call,
    caller: &Caller<'_>,
    identity: &Identity<'_>,
    plan: &Plan,
) -> Result<Told, Refusal> {
    let now = call.reached_too(Phase::Limit);
    if plan.throttles.is_empty() {
        return Ok(Told(None));
    }
    match caller.partner.cells.decide(identity.key.kid, &plan.throttles, now) {
        Decision::Admitted(standings) => Ok(told(plan, &standings)),
        Decision::Denied { throttle, retry_after_seconds, standings } => {
            let mut headers = Box::<HeaderMap>::default();
            tell(&mut headers, told(plan, &standings));
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds));
            Err(Refusal {
                fault: Fault::Throttled,
                headers,
                violated: Some(plan.throttles[throttle].name.clone()),
                errors: None,
            })
        }
    }
}

/// Put the headers on an answer.
pub(super) fn tell(headers: &mut HeaderMap, told: Told) {
    if let Told(Some((policy, standing))) = told {
        headers.insert(POLICY, policy);
        headers.insert(STANDING, standing);
    }
}

fn told(plan: &Plan, standings: &[Standing]) -> Told {
    let policy = plan.policy_header.clone();
    // Names of throttles are checked at apply: they hold no byte that a header can't.
    let standing = HeaderValue::try_from(standing_header(&plan.throttles, standings)).ok();
    Told(standing.map(|standing| (policy, standing)))
}
