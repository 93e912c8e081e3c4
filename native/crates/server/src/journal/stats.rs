//! The journal's counters. They balance: accepted = finished + in flight; finished + aggregates = written + waiting;
//! written = acknowledged + at risk, where no predecessor left anything.

use std::sync::atomic::{AtomicU64, Ordering};

use portazgo_core::time::WallTime;

use super::tally::Tally;
use super::thread::Lane;
use super::{Journal, Shared};

/// A moment of the journal, counted since the epoch began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests that got a slot.
    pub accepted: u64,
    /// Records that stand for requests without one.
    pub aggregates: u64,
    /// Requests whose record is final.
    pub finished: u64,
    /// Requests that were refused for want of room.
    pub refused: u64,
    /// Requests that were served while no record could be written.
    pub unrecorded: u64,
    /// Sequence of the last record in a segment file: safe from the death of this process since long before.
    pub written: u64,
    /// Sequence of the last record on the disk: safe from the death of the host.
    pub synced: u64,
    /// Records of this epoch that were taken away: whoever holds them now has acknowledged it.
    pub acknowledged: u64,
    /// Records on this host only, predecessors' included: what the death of host and disk would cost.
    pub at_risk: u64,
    /// Since when the oldest of them are.
    pub at_risk_since: Option<WallTime>,
    /// Sealed segments that wait to be taken away, predecessors' included.
    pub segments_waiting: usize,
    /// Their size.
    pub bytes_waiting: u64,
    /// When the oldest of them was begun.
    pub oldest_waiting: Option<WallTime>,
    /// Segments that this start found damaged and set aside (`*.damaged`): the manifests will show the gap.
    pub segments_damaged: usize,
    /// What keeps records from the segment file or the disk, if anything does. A full disk, say: records stay in their
    /// slots, and `WhenFull` says what happens once these run out.
    pub trouble: Option<String>,
}

impl Journal {
    /// Where the journal stands.
    pub fn stats(&self) -> Stats {
        let shared: &Shared = &self.shared;
        let sum = |counter: fn(&Lane) -> &AtomicU64| -> u64 {
            shared.lanes.iter().map(|lane| counter(lane).load(Ordering::Relaxed)).sum()
        };
        // In this order: what is written meanwhile counts as at risk, not as less than nothing.
        let acknowledged = shared.acknowledged.load(Ordering::Acquire);
        let waiting = shared.shelf();
        let sealed = shared.sealed.load(Ordering::Acquire);
        let written = shared.written.load(Ordering::Acquire);
        let unsealed = written.saturating_sub(sealed);
        let begun = WallTime(shared.begun_at.load(Ordering::Acquire));
        Stats {
            accepted: sum(|lane| lane.slab.accepted()),
            aggregates: sum(|lane| lane.slab.aggregates()),
            finished: sum(|lane| &lane.finished),
            refused: shared.lanes.iter().map(|lane| lane.slab.counted(Tally::Refused)).sum(),
            unrecorded: shared.lanes.iter().map(|lane| lane.slab.counted(Tally::Unrecorded)).sum(),
            written,
            synced: shared.synced.load(Ordering::Acquire),
            acknowledged,
            at_risk: waiting.records() + unsealed,
            at_risk_since: waiting.oldest().or((unsealed > 0).then_some(begun)),
            segments_waiting: waiting.count(),
            bytes_waiting: waiting.bytes(),
            oldest_waiting: waiting.oldest(),
            segments_damaged: waiting.damaged(),
            trouble: shared.writing.sentence().or_else(|| shared.syncing.sentence()),
        }
    }
}
