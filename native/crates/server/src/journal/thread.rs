//! What a data thread holds of the journal: its free slots, and a guard per request.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use portazgo_core::fault::Fault;
use portazgo_core::record::{Delivery, Record};
use portazgo_core::time::WallTime;

use super::ring::Ring;
use super::slab::{Slab, State};
use super::tally::Tally;
use super::{Shared, WhenFull};

/// One data thread's part, as the writer sees it.
pub(super) struct Lane {
    pub(super) slab: Slab,
    /// Slots that hold a final record: data thread → writer.
    pub(super) finals: Ring,
    /// Slots that were written: writer → data thread.
    pub(super) freed: Ring,
    pub(super) finished: AtomicU64,
}

impl Lane {
    pub(super) fn new(slab: Slab) -> Self {
        let slots = slab.slots();
        Self { slab, finals: Ring::new(slots), freed: Ring::new(slots), finished: AtomicU64::new(0) }
    }

    /// How many slots hold something.
    pub(super) fn occupied(&self) -> usize {
        (0..self.slab.slots()).filter(|&slot| self.slab.mark(slot).state != State::Free).count()
    }
}

/// The journal on one data thread. Neither `Send` nor `Sync`; what is cloned is the same one.
#[derive(Clone)]
pub struct ThreadJournal {
    inner: Rc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    index: usize,
    /// Last freed, first taken: few slots stay warm, and few pages are ever touched.
    free: RefCell<Vec<u32>>,
}

impl Inner {
    fn lane(&self) -> &Lane {
        &self.shared.lanes[self.index]
    }

    fn take_free_slot(&self) -> Option<u32> {
        let mut free = self.free.borrow_mut();
        while let Some(slot) = self.lane().freed.pop() {
            free.push(slot);
        }
        free.pop()
    }

    #[cold]
    fn without_a_slot(self: &Rc<Self>, record: Record) -> Option<Slot> {
        let slab = &self.lane().slab;
        if self.shared.when_full == WhenFull::Refuse || !self.shared.writing.is_noted() {
            slab.count(Tally::Refused);
            return None;
        }
        slab.count(Tally::Unrecorded);
        // As one that has been handed over already: nothing stores it.
        Some(Slot { inner: Rc::clone(self), index: u32::MAX, generation: 0, record: Box::new(record), finished: true })
    }
}

impl ThreadJournal {
    pub(super) fn new(shared: Arc<Shared>, index: usize) -> Self {
        let slots = shared.lanes[index].slab.slots() as u32;
        Self { inner: Rc::new(Inner { shared, index, free: RefCell::new((0..slots).rev().collect()) }) }
    }

    /// Take a slot and note that a request is open: from here on it will leave exactly one record.
    ///
    /// None: there is no free slot, or the journal is closed. The refusal is counted (one aggregate record per thread and
    /// second) and must be answered with `gateway_overloaded`. Where the disk is full and `WhenFull::Serve` was declared,
    /// the request is counted as served instead, and what its slot is given is forgotten.
    pub fn admit(&self, record: Record) -> Option<Slot> {
        let inner = &self.inner;
        if inner.shared.closed.load(Ordering::Relaxed) {
            return None;
        }
        let lane = inner.lane();
        let Some(index) = inner.take_free_slot() else {
            return inner.without_a_slot(record);
        };
        let generation = lane.slab.mark(index as usize).generation.wrapping_add(1);
        let mut slot = Slot { inner: Rc::clone(inner), index, generation, record: Box::new(record), finished: false };
        slot.open();
        // After the slot: a kill in between leaves one record more than was counted, never one less.
        add_one(slot.inner.lane().slab.accepted());
        Some(slot)
    }

    /// Count a request that is refused before it takes a slot, with those that find none.
    pub fn refuse(&self) {
        self.inner.lane().slab.count(Tally::Refused);
    }

    /// Requests of this thread that were refused.
    pub fn refused(&self) -> u64 {
        self.inner.lane().slab.counted(Tally::Refused)
    }
}

/// One request's place in the journal, and its record.
///
/// Fill the record in ordinary memory; `open` and `answered` store it where it survives this process. Dropping the slot
/// finishes it: as left by the client, or as a panic while one unwinds.
pub struct Slot {
    inner: Rc<Inner>,
    index: u32,
    generation: u32,
    record: Box<Record>,
    finished: bool,
}

impl Slot {
    /// The record, to be filled.
    pub fn record(&mut self) -> &mut Record {
        &mut self.record
    }

    /// Store what is known of a request that is still open. A node that dies now leaves it as `interrupted`.
    pub fn open(&mut self) {
        self.store(State::Open);
    }

    /// Store the whole answer; to be called before its last bytes are given to the transport.
    pub fn answered(&mut self) {
        self.record.settle();
        self.store(State::Answered);
    }

    /// Store the record and hand it to the writer. Set `delivery` before; the end is now unless `finished_at` was set.
    pub fn finish(&mut self) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        if self.record.finished_at == WallTime(0) {
            self.record.finished_at = (self.inner.shared.clock)();
        }
        self.record.settle();
        let lane = self.inner.lane();
        lane.slab.store(self.index as usize, self.generation, State::Final, &self.record);
        add_one(&lane.finished);
        lane.finals.push(self.index);
        self.inner.shared.wake_writer();
    }

    fn store(&self, state: State) {
        if !self.finished {
            self.inner.lane().slab.store(self.index as usize, self.generation, state, &self.record);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let fault = if std::thread::panicking() { Fault::GatewayPanic } else { Fault::ClientAborted };
        self.record.fault.get_or_insert(fault);
        self.record.delivery = if self.record.status_sent == 0 { Delivery::None } else { Delivery::Aborted };
        self.finish();
    }
}

impl Shared {
    /// Wake the writer if it sleeps with nothing to do. While it works it looks by itself.
    fn wake_writer(&self) {
        // Pairs with the fence in `Writer::sleep`: either it sees the number pushed before, or we see that it sleeps.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) {
            self.unpark_writer();
        }
    }
}

/// For counters that one thread writes and others read.
fn add_one(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Release);
}
