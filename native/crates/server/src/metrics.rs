//! Counters of the plane itself. Labels are bounded: threads, faults, fixed words.

use portazgo_core::fault::Fault;
use std::sync::atomic::{AtomicU64, Ordering};

const MOST_FAULTS: usize = 256;

/// Counts of one data thread; only that thread writes them.
pub(crate) struct ThreadMetrics {
    /// Connections open.
    pub(crate) connections: AtomicU64,
    /// Requests in flight.
    pub(crate) in_flight: AtomicU64,
    /// Requests that went well.
    pub(crate) succeeded: AtomicU64,
    /// Refused for want of a record slot.
    pub(crate) without_slot: AtomicU64,
    /// Bytes that our framing accepted and hyper refused: a bug in framing, never expected.
    pub(crate) library_refusals: AtomicU64,
    /// Connections to backends that were opened.
    pub(crate) backend_connects: AtomicU64,
    /// Requests that took an idle backend connection.
    pub(crate) backend_reuses: AtomicU64,
    /// Idle backend connections.
    pub(crate) backend_idle: AtomicU64,
    faults: [AtomicU64; MOST_FAULTS],
    connection_faults: [AtomicU64; MOST_FAULTS],
}

impl Default for ThreadMetrics {
    fn default() -> Self {
        Self {
            connections: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            succeeded: AtomicU64::new(0),
            without_slot: AtomicU64::new(0),
            library_refusals: AtomicU64::new(0),
            backend_connects: AtomicU64::new(0),
            backend_reuses: AtomicU64::new(0),
            backend_idle: AtomicU64::new(0),
            faults: [const { AtomicU64::new(0) }; MOST_FAULTS],
            connection_faults: [const { AtomicU64::new(0) }; MOST_FAULTS],
        }
    }
}

impl ThreadMetrics {
    /// Count an outcome.
    pub(crate) fn outcome(&self, fault: Option<Fault>) {
        match fault {
            None => add(&self.succeeded),
            Some(fault) => add(&self.faults[fault as usize % MOST_FAULTS]),
        }
    }

    /// How often this fault ended a connection before a request of it could be told apart.
    pub(crate) fn connection_fault(&self, fault: Fault) -> &AtomicU64 {
        &self.connection_faults[fault as usize % MOST_FAULTS]
    }

    /// How often this fault was an outcome.
    pub(crate) fn faulted(&self, fault: Fault) -> u64 {
        self.faults[fault as usize % MOST_FAULTS].load(Ordering::Relaxed)
    }
}

/// One more.
pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// One less.
pub(crate) fn subtract(counter: &AtomicU64) {
    counter.fetch_sub(1, Ordering::Relaxed);
}

/// A counter's value.
pub(crate) fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
