//! Counters of the plane itself. Labels are bounded: threads, faults, fixed words.

use portazgo_core::fault::Fault;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const MOST_FAULTS: usize = 256;

/// Counts of one data thread; only that thread writes them.
pub(crate) struct ThreadMetrics {
    /// Connections that were dealt to this thread.
    pub(crate) accepted: AtomicU64,
    /// Connections open.
    pub(crate) connections: AtomicU64,
    /// Requests in flight.
    pub(crate) in_flight: AtomicU64,
    /// Requests that went well.
    pub(crate) succeeded: AtomicU64,
    /// Refused for want of a record slot.
    pub(crate) without_slot: AtomicU64,
    /// How much work stood in the thread's queue at the last look.
    pub(crate) backlog_us: AtomicU64,
    /// Bytes that our framing accepted and hyper refused: a bug in framing, never expected.
    pub(crate) library_refusals: AtomicU64,
    /// Connections to backends that were opened.
    pub(crate) backend_connects: AtomicU64,
    /// Requests that took a backend connection that was there: an idle one, or part in one of HTTP/2.
    pub(crate) backend_reuses: AtomicU64,
    /// Idle backend connections.
    pub(crate) backend_idle: AtomicU64,
    /// How late the thread's own clock tick was last, microseconds: how long a request that comes now would wait.
    pub(crate) loop_lag_us: AtomicU64,
    /// When that tick was, milliseconds of the node's uptime; 0: it has not run yet.
    pub(crate) beat_ms: AtomicU64,
    /// How often the thread was started again after a panic outside any request.
    pub(crate) restarts: AtomicU64,
    faults: [AtomicU64; MOST_FAULTS],
    connection_faults: [AtomicU64; MOST_FAULTS],
}

impl Default for ThreadMetrics {
    fn default() -> Self {
        Self {
            accepted: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            succeeded: AtomicU64::new(0),
            without_slot: AtomicU64::new(0),
            backlog_us: AtomicU64::new(0),
            library_refusals: AtomicU64::new(0),
            backend_connects: AtomicU64::new(0),
            backend_reuses: AtomicU64::new(0),
            backend_idle: AtomicU64::new(0),
            loop_lag_us: AtomicU64::new(0),
            beat_ms: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
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

    /// How many requests have ended.
    pub(crate) fn requests(&self) -> u64 {
        value(&self.succeeded) + self.faults.iter().map(value).sum::<u64>()
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

/// How long revisions took until every data thread had them. Written by whoever applies, one at a time.
#[derive(Default)]
pub(crate) struct ApplyTimes {
    last_us: AtomicU64,
    sum_us: AtomicU64,
    buckets: [AtomicU64; ApplyTimes::BOUNDS_US.len() + 1],
}

impl ApplyTimes {
    /// Upper bounds of the buckets but the last, which has none.
    pub(crate) const BOUNDS_US: [u64; 10] =
        [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000, 10_000_000];

    pub(crate) fn note(&self, elapsed: Duration) {
        let us = elapsed.as_micros() as u64;
        self.last_us.store(us, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        add(&self.buckets[Self::BOUNDS_US.partition_point(|&bound| bound < us)]);
    }

    pub(crate) fn last_us(&self) -> u64 {
        value(&self.last_us)
    }

    pub(crate) fn sum_us(&self) -> u64 {
        value(&self.sum_us)
    }

    /// How many were at most as long as each bound, and how many there were.
    pub(crate) fn cumulative(&self) -> Vec<u64> {
        let counts = self.buckets.iter().map(value);
        counts
            .scan(0, |sum, count| {
                *sum += count;
                Some(*sum)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_the_first_bucket_that_holds_it_and_in_all_above() {
        let times = ApplyTimes::default();
        for us in [250, 251, 60_000_000] {
            times.note(Duration::from_micros(us));
        }
        assert_eq!(times.cumulative(), [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3]);
        assert_eq!((times.last_us(), times.sum_us()), (60_000_000, 60_000_501));
    }
}
