//! How backends' targets stand, for `/metrics` and `Node.stats()`. Labels are bounded by what operators have made: backend,
//! environment, target.

use crate::shared::Shared;
use portazgo_core::forward::{BackendView, BreakerStanding, TargetView};
use portazgo_core::time::Monotonic;
use serde_json::{Value, json};

/// A list that nobody reads to its end.
const MOST_WARNINGS: usize = 50;

/// One metric and its rows: labels in braces, value.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) rows: Vec<(String, u64)>,
}

/// All of them are gauges. A target has a row where it has the thing.
pub(crate) fn families(shared: &Shared) -> Vec<Family> {
    let views = views(shared);
    let by_target = |name, help, pick: fn(&TargetView) -> Option<u64>| {
        let rows = views.iter().flat_map(|backend| {
            let row = move |target: &TargetView| {
                Some((labels(backend, &format!(",target=\"{}\"", escaped(&target.target))), pick(target)?))
            };
            backend.targets.iter().filter_map(row)
        });
        Family { name, help, rows: rows.collect() }
    };
    vec![
        by_target(
            "portazgo_target_in_flight",
            "Calls to the target that have not ended; where there are several targets or a cap.",
            |target| target.in_flight.map(u64::from),
        ),
        by_target(
            "portazgo_target_ejected",
            "1 while the target is left out for its failures; where there are several targets.",
            |target| target.in_flight.map(|_| u64::from(target.ejected_ms.is_some())),
        ),
        by_target("portazgo_target_healthy", "1 while checks pass; where there are checks.", |target| {
            target.healthy.map(u64::from)
        }),
        by_target("portazgo_target_idle", "Idle connections over all threads; where they are capped.", |target| {
            target.pool.map(|pool| pool.idle as u64)
        }),
        by_target("portazgo_target_waiting", "Calls that wait for a connection; where they are capped.", |target| {
            target.pool.map(|pool| pool.waiting as u64)
        }),
        Family {
            name: "portazgo_circuit_state",
            help: "1 for the state that the backend's circuit breaker is in; where there is one.",
            rows: views.iter().flat_map(circuit).collect(),
        },
    ]
}

/// The same as JSON.
pub(crate) fn document(shared: &Shared) -> Value {
    let target = |target: &TargetView| {
        json!({
            "target": target.target,
            "healthy": target.healthy,
            "ails": target.ails,
            "ejected_ms": target.ejected_ms,
            "in_flight": target.in_flight,
            "connections": target.pool.map(|pool| json!({"most": pool.most, "idle": pool.idle, "waiting": pool.waiting})),
        })
    };
    let backend = |backend: BackendView| {
        json!({
            "backend": backend.backend,
            "environment": backend.environment.as_str(),
            "circuit": backend.breaker.map(BreakerStanding::as_str),
            "targets": backend.targets.iter().map(target).collect::<Vec<Value>>(),
        })
    };
    views(shared).into_iter().map(backend).collect()
}

/// What people should know of backends though the node itself is ready, a sentence each.
pub(crate) fn warnings(shared: &Shared) -> Vec<String> {
    let mut sentences = Vec::new();
    for backend in views(shared) {
        let whose = format!("{} ({})", backend.backend, backend.environment.as_str());
        if matches!(backend.breaker, Some(BreakerStanding::Open(until)) if until > shared.clock.monotonic()) {
            sentences.push(format!("the circuit to {whose} is open: its calls are answered backend_unavailable"));
        }
        for target in backend.targets {
            if let Some(ails) = target.ails {
                sentences.push(format!("the target {} of {whose} fails its check: {ails}", target.target));
            }
            if let Some(left) = target.ejected_ms {
                let seconds = left.div_ceil(1000);
                sentences.push(format!(
                    "the target {} of {whose} is left out for {seconds} s: its calls fail",
                    target.target
                ));
            }
        }
    }
    sentences.truncate(MOST_WARNINGS);
    sentences
}

fn views(shared: &Shared) -> Vec<BackendView> {
    let snapshot = shared.snapshot.load_full();
    snapshot.as_ref().as_ref().map_or_else(Vec::new, |snapshot| snapshot.targets(shared.clock.monotonic()))
}

fn circuit(backend: &BackendView) -> impl Iterator<Item = (String, u64)> {
    let all = [BreakerStanding::Closed, BreakerStanding::Open(Monotonic(0)), BreakerStanding::HalfOpen];
    backend.breaker.into_iter().flat_map(move |now| {
        all.map(|state| {
            let here = u64::from(state.as_str() == now.as_str());
            (labels(backend, &format!(",state=\"{}\"", state.as_str())), here)
        })
    })
}

fn labels(backend: &BackendView, more: &str) -> String {
    format!("{{backend=\"{}\",environment=\"{}\"{more}}}", escaped(&backend.backend), backend.environment.as_str())
}

/// A path of a socket may hold anything.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_label_whatever_a_path_holds() {
        assert_eq!(escaped("unix:/a\"b\\c\nd"), "unix:/a\\\"b\\\\c\\nd");
    }
}
