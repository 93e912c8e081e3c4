//! What a key may know of itself: `/.well-known/portazgo/whoami`.

use crate::authenticate::Identity;
use crate::authorize::Caller;
use crate::snapshot::{Known, Snapshot};
use crate::time::Monotonic;

/// The document. Asking consumes nothing.
pub fn document(caller: &Caller<'_>, identity: &Identity<'_>, snapshot: &Snapshot, now: Monotonic) -> String {
    let plan = match caller.application.plan.and_then(|id| snapshot.plan(id)) {
        Some(Known::Yes(plan)) => Some(plan),
        _ => None,
    };
    let limits: Vec<serde_json::Value> = plan.map_or_else(Vec::new, |plan| {
        let standings = caller.partner.cells.look(identity.key.kid, &plan.throttles, now);
        let rows = plan.throttles.iter().zip(standings);
        rows.map(|(throttle, standing)| {
            serde_json::json!({
                "name": throttle.name,
                "quota": throttle.quota,
                "window_seconds": throttle.window_seconds,
                "remaining": standing.remaining,
                "reset_seconds": standing.reset_seconds,
            })
        })
        .collect()
    });
    serde_json::json!({
        "kid": identity.key.kid.as_str(),
        "partner": caller.partner.name,
        "application": caller.application.name,
        "environment": caller.application.environment.as_str(),
        "plan": plan.map(|plan| plan.name.clone()),
        "limits": limits,
    })
    .to_string()
}
