//! The journal's counters. They balance: accepted = finished + in flight; finished + aggregates = written + waiting.

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
        let waiting = shared.shelf();
        Stats {
            accepted: sum(|lane| &lane.accepted),
            finished: sum(|lane| &lane.finished),
            refused: shared.lanes.iter().map(|lane| lane.slab.counted(Tally::Refused)).sum(),
            unrecorded: shared.lanes.iter().map(|lane| lane.slab.counted(Tally::Unrecorded)).sum(),
            written: shared.written.load(Ordering::Acquire),
            synced: shared.synced.load(Ordering::Acquire),
            segments_waiting: waiting.count(),
            bytes_waiting: waiting.bytes(),
            oldest_waiting: waiting.oldest(),
            segments_damaged: waiting.damaged(),
            trouble: shared.writing.sentence().or_else(|| shared.syncing.sentence()),
        }
    }
}
