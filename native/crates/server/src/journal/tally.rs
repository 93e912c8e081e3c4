//! Counts of requests that have no slot: each becomes one record per thread and second.

use super::segments::Chunk;
use super::slab::Slab;
use portazgo_core::ids::Id;
use portazgo_core::record::segment::Origin;
use portazgo_core::record::{Kind, MAX_ENCODED, Record};
use portazgo_core::time::WallTime;
use std::sync::atomic::Ordering;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tally {
    /// Requests that were refused.
    Refused,
    /// Requests that were served while no record could be written.
    Unrecorded,
}

impl Tally {
    pub(super) const ALL: [Self; 2] = [Self::Refused, Self::Unrecorded];

    /// What stands for a slot in the origin of its records.
    pub(super) const fn slot(self) -> u16 {
        match self {
            Self::Refused => Origin::REFUSED,
            Self::Unrecorded => Origin::UNRECORDED,
        }
    }

    /// What such a record counts; None: it comes from a slot.
    pub(super) fn of(origin: Origin) -> Option<Self> {
        Self::ALL.into_iter().find(|tally| tally.slot() == origin.slot)
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Refused => Kind::RefusedAggregate,
            Self::Unrecorded => Kind::UnrecordedAggregate,
        }
    }

    /// Add a record of what no record stands for yet, if there is any.
    pub(super) fn push(self, chunk: &mut Chunk, thread: u16, slab: &Slab, during: (WallTime, WallTime)) {
        let counted = slab.counted(self);
        let written = slab.written(self).load(Ordering::Relaxed);
        if counted <= written {
            return;
        }
        let count = u32::try_from(counted - written).unwrap_or(u32::MAX);
        let record = Record::aggregate(self.kind(), Id::NONE, during.0, during.1, count);
        let mut bytes = [0; MAX_ENCODED];
        let length = record.encode(&mut bytes);
        chunk.push(Origin { thread, slot: self.slot(), generation: counted as u32 }, &bytes[..length]);
    }

    /// A record of it is written: the count so far, whose lower half is its origin's generation, stands in records.
    pub(super) fn note_written(self, slab: &Slab, generation: u32) {
        let written = slab.written(self);
        let before = written.load(Ordering::Relaxed);
        written.store(before + u64::from(generation.wrapping_sub(before as u32)), Ordering::Release);
        let records = slab.aggregates();
        records.store(records.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// The same for a record that is found again: whether it was noted is not known.
    pub(super) fn note_found(self, slab: &Slab, generation: u32) {
        let noted = slab.written(self).load(Ordering::Relaxed);
        let newly = generation.wrapping_sub(noted as u32);
        if u64::from(newly) <= slab.counted(self).saturating_sub(noted) {
            self.note_written(slab, generation);
        }
    }
}
