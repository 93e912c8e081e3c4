//! What a node has learned of a backend and its targets. It outlives changes of the backend: a target that was left out is
//! not called again because somebody changed a timeout.

use super::breaker::Breaker;
use super::budget::Budget;
use super::permits::Permits;
use crate::time::Monotonic;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Of one target.
#[derive(Debug, Default)]
pub struct TargetState {
    /// Calls to it that have not ended; counted where somebody asks.
    pub(super) in_flight: AtomicU32,
    /// Failures since the last success.
    pub(super) failures_in_row: AtomicU32,
    /// Monotonic nanoseconds; 0: it was never left out.
    pub(super) ejected_until: AtomicU64,
    /// How often it was left out without having stayed in for as long in between.
    pub(super) ejections: AtomicU32,
    /// Checks say so.
    unhealthy: AtomicBool,
    /// What the last check that failed said.
    ails: Mutex<Option<String>>,
    /// Who may connect.
    pub permits: Permits,
}

impl TargetState {
    /// Calls that have not ended.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// When it comes back; None: it is not left out.
    pub fn ejected_until(&self, now: Monotonic) -> Option<Monotonic> {
        let until = self.ejected_until.load(Ordering::Relaxed);
        (until > now.0).then_some(Monotonic(until))
    }

    /// Whether checks let it be called.
    pub fn is_healthy(&self) -> bool {
        !self.unhealthy.load(Ordering::Relaxed)
    }

    /// What checks say; the error is what ails it.
    pub fn set_health(&self, health: Result<(), String>) {
        self.unhealthy.store(health.is_err(), Ordering::Relaxed);
        *self.ails.lock().unwrap_or_else(PoisonError::into_inner) = health.err();
    }

    /// Why checks fail; None: they don't.
    pub fn ails(&self) -> Option<String> {
        self.ails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A call to a target that has not ended.
#[derive(Debug)]
pub struct Flight(Arc<TargetState>);

impl Flight {
    /// Count it until it is dropped.
    pub fn begin(target: &Arc<TargetState>) -> Self {
        target.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(target))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Of a backend in one environment.
#[derive(Debug, Default)]
pub struct GroupState {
    /// Turns given out.
    pub(super) turn: AtomicUsize,
    /// Held while it is decided who is left out: two threads that decide at once could leave out the last two.
    pub(super) ejecting: Mutex<()>,
    /// Whether it is called at all.
    pub breaker: Breaker,
    /// What may be repeated.
    pub budget: Budget,
}
