//! How targets stand, for people and for metrics.

use super::breaker::BreakerStanding;
use crate::snapshot::{Backend, BackendEnvironment, Environment, Known, Snapshot, Target};
use crate::time::Monotonic;

/// A backend in one environment. There are as many as operators have made: as labels, name and environment are bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendView {
    /// Its slug.
    pub backend: String,
    /// Where.
    pub environment: Environment,
    /// None: it has no circuit breaker.
    pub breaker: Option<BreakerStanding>,
    /// In the order given.
    pub targets: Vec<TargetView>,
}

/// One of its targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetView {
    /// As operators wrote it.
    pub target: String,
    /// None: nobody asks it.
    pub healthy: Option<bool>,
    /// Why its checks fail, where they do.
    pub ails: Option<String>,
    /// Milliseconds that it stays left out; None: it is not.
    pub ejected_ms: Option<u64>,
    /// Calls that have not ended; None where they are not counted: there is one target, and no cap.
    pub in_flight: Option<u32>,
    /// Kept idle and waited for; None: connections are not capped.
    pub pool: Option<PoolView>,
}

/// Connections of a target that are capped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolView {
    /// Most at once.
    pub most: u32,
    /// Idle, over all threads.
    pub idle: usize,
    /// Calls that wait for one.
    pub waiting: usize,
}

impl Snapshot {
    /// How all targets stand, by backend name and environment.
    pub fn targets(&self, now: Monotonic) -> Vec<BackendView> {
        let backends = self.backends().filter_map(Known::understood);
        let mut views: Vec<BackendView> = backends.flat_map(|backend| of_backend(backend, now)).collect();
        views.sort_by(|one, other| {
            (&one.backend, one.environment.as_str()).cmp(&(&other.backend, other.environment.as_str()))
        });
        views
    }
}

fn of_backend(backend: &Backend, now: Monotonic) -> impl Iterator<Item = BackendView> {
    [Environment::Live, Environment::Test].into_iter().filter_map(move |environment| {
        let there = backend.environment(environment)?;
        Some(BackendView {
            backend: backend.name.clone(),
            environment,
            breaker: there.forwarding.breaker.map(|_| there.state.breaker.look()),
            targets: there.targets.iter().map(|target| of_target(there, target, now)).collect(),
        })
    })
}

fn of_target(backend: &BackendEnvironment, target: &Target, now: Monotonic) -> TargetView {
    let (calls, idle, waiting) = target.state.permits.counts();
    let pool = backend.forwarding.pool.connections.map(|most| PoolView { most, idle, waiting });
    let in_flight = if backend.counts_flights() { Some(target.state.in_flight()) } else { pool.map(|_| calls) };
    let healthy = backend.forwarding.check.as_ref().map(|_| target.state.is_healthy());
    TargetView {
        target: target.url.clone(),
        healthy,
        ails: healthy.and_then(|healthy| if healthy { None } else { target.state.ails() }),
        ejected_ms: target.state.ejected_until(now).map(|until| (until.0 - now.0).div_ceil(1_000_000)),
        in_flight,
        pool,
    }
}
