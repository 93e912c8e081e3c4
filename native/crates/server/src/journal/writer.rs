//! The writer: one thread per node that turns final slots into segments.
//!
//! Each round: take what is final, seal what it says of a person, write it, free the slots; sync when it is time; seal when it is time; sleep. Slots are
//! freed before a segment is sealed, so that a recovery finds everything that is both written and not yet free in the
//! last two segments. What can't be written stays in its slots and is tried again, and a killed node still loses nothing;
//! what happens when the slots run out is declared (`WhenFull`).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::thread;
use std::time::{Duration, Instant};

use portazgo_core::fault::Fault;
use portazgo_core::ids::Id;
use portazgo_core::record::segment::Origin;
use portazgo_core::record::{MAX_ENCODED, Record, Sealer};
use portazgo_core::time::WallTime;

use super::Shared;
use super::segments::{Chunk, Segments};
use super::syncer::{Errand, PATIENCE, RETRY, Syncer};
use super::tally::Tally;
use crate::panics::Vital;

/// Written at once at most; also bounds how far a sequence of rounds is from the next sync.
const CHUNK_BYTES: usize = 256 * 1024;
const AGGREGATE_EVERY: Duration = Duration::from_secs(1);
/// How often a sleeping writer looks around, and shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    shared: Arc<Shared>,
    segments: Segments,
    syncer: Syncer,
    /// The newest wish for a seal that was handed on.
    answered: u64,
    chunk: Chunk,
    began: Option<Instant>,
    /// When the disk was asked last.
    asked: Instant,
    aggregated: Instant,
    aggregates_from: WallTime,
    sealer: Sealer,
    load: Vec<u8>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, segments: Segments, sealer: Sealer, syncer: Syncer) -> Self {
        let now = (shared.clock)();
        Self {
            shared,
            segments,
            syncer,
            answered: 0,
            chunk: Chunk::beginning_with(1),
            began: None,
            asked: Instant::now(),
            aggregated: Instant::now(),
            aggregates_from: now,
            sealer,
            load: Vec::with_capacity(MAX_ENCODED),
        }
    }

    /// Work until told to stop. Whatever is final by then is sealed, unless the disk fails.
    pub(super) fn run(mut self) {
        let _vital = Vital("journal");
        let mut stopping_since = None;
        loop {
            let wish = self.shared.seal.wished();
            let stopping = self.shared.stopping.load(Ordering::Acquire);
            match self.round(wish > self.answered || stopping) {
                Ok(()) => {
                    self.shared.writing.note(None);
                    self.answer(wish);
                    if stopping {
                        return;
                    }
                    self.sleep();
                }
                Err(error) => {
                    self.shared.writing.note(Some(&error));
                    let since = *stopping_since.get_or_insert_with(Instant::now);
                    if stopping && since.elapsed() > PATIENCE {
                        return;
                    }
                    if !stopping {
                        stopping_since = None;
                    }
                    thread::park_timeout(RETRY);
                }
            }
        }
    }

    fn round(&mut self, seal_everything: bool) -> io::Result<()> {
        self.write_chunk()?;
        self.write_finals()?;
        self.write_aggregates(seal_everything)?;
        self.shared.beat();
        if self.sync_due().is_some_and(|due| due.is_zero()) {
            self.sync();
        }
        if seal_everything || self.seal_due().is_some_and(|due| due.is_zero()) {
            self.seal()?;
        }
        Ok(())
    }

    /// Take what is final now, and no more, so that a flood can't keep a seal from its time.
    fn write_finals(&mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.sealer.look_again();
        for (thread, lane) in shared.lanes.iter().enumerate() {
            for _ in 0..lane.finals.len() {
                let Some(slot) = lane.finals.pop() else { break };
                let mark = lane.slab.mark(slot as usize);
                self.load.clear();
                lane.slab.load(slot as usize, mark, &mut self.load);
                let origin = Origin { thread: thread as u16, slot: slot as u16, generation: mark.generation };
                self.push_sealed(origin);
                if self.chunk.size() >= CHUNK_BYTES.min(shared.seal_bytes as usize / 4) {
                    self.write_chunk()?;
                }
            }
        }
        self.write_chunk()
    }

    /// Add the record that was loaded; nothing of it that is personal is written in clear.
    fn push_sealed(&mut self, origin: Origin) {
        // A slot that can't be read would be a fault of ours; that there was a request is still told.
        let mut record = Record::decode(&self.load).unwrap_or_else(|_| unreadable((self.shared.clock)()));
        self.sealer.seal(&mut record);
        let mut bytes = [0; MAX_ENCODED];
        let length = record.encode(&mut bytes);
        self.chunk.push(origin, &bytes[..length]);
    }

    /// One record per thread and second for the requests that have no slot.
    fn write_aggregates(&mut self, now: bool) -> io::Result<()> {
        if !now && self.aggregated.elapsed() < AGGREGATE_EVERY {
            return Ok(());
        }
        let until = (self.shared.clock)();
        for (thread, lane) in self.shared.lanes.iter().enumerate() {
            for tally in Tally::ALL {
                tally.push(&mut self.chunk, thread as u16, &lane.slab, (self.aggregates_from, until));
            }
        }
        self.aggregated = Instant::now();
        self.aggregates_from = until;
        self.write_chunk()
    }

    /// Write the chunk and free what was in it. After an error the same chunk is tried again in the next round.
    fn write_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        if self.segments.is_full_for(&self.chunk) {
            self.seal()?;
        }
        let now = (self.shared.clock)();
        self.segments.append(&self.chunk, now)?;
        if self.began.is_none() {
            self.began = Some(Instant::now());
            self.shared.begun_at.store(now.0, Ordering::Release);
        }
        for origin in self.chunk.origins() {
            let lane = &self.shared.lanes[usize::from(origin.thread)];
            if let Some(tally) = Tally::of(*origin) {
                tally.note_written(&lane.slab, origin.generation);
            } else {
                lane.slab.free(usize::from(origin.slot), origin.generation);
                lane.freed.push(u32::from(origin.slot));
            }
        }
        self.chunk.clear();
        self.shared.note_written(self.chunk.next() - 1);
        Ok(())
    }

    fn sync(&mut self) {
        self.asked = Instant::now();
        let last = self.chunk.next() - 1 - self.chunk.origins().len() as u64;
        if let Some(unsynced) = self.segments.take_unsynced() {
            self.syncer.send(Errand::Sync(unsynced, last));
        }
    }

    fn seal(&mut self) -> io::Result<()> {
        self.syncer.check_room()?;
        if let Some(unsealed) = self.segments.close()? {
            self.began = None;
            self.syncer.send(Errand::Seal(unsealed));
        }
        Ok(())
    }

    /// Everything that was final when this was wished for is on its way to the disk; the wish is fulfilled when it is there.
    fn answer(&mut self, wish: u64) {
        if wish > self.answered {
            self.answered = wish;
            self.syncer.send(Errand::Fulfil(wish));
        }
    }

    /// Time until the disk is asked again; None: there is no news. While it works on the last errand it isn't asked.
    fn sync_due(&self) -> Option<Duration> {
        let due = || self.shared.sync_every.saturating_sub(self.asked.elapsed());
        self.segments.has_news().then(|| if self.syncer.is_idle() { due() } else { self.shared.sync_every })
    }

    /// Time until the segment's age seals it.
    fn seal_due(&self) -> Option<Duration> {
        self.began.map(|began| self.shared.seal_after.saturating_sub(began.elapsed()))
    }

    /// Sleep until there is something to do. With news to sync that is soon; without, a data thread wakes us.
    fn sleep(&self) {
        if let Some(due) = self.sync_due() {
            return thread::park_timeout(due);
        }
        self.shared.asleep.store(true, Ordering::Relaxed);
        // Pairs with the fence in `Shared::wake_writer`.
        fence(Ordering::SeqCst);
        if self.shared.lanes.iter().all(|lane| lane.finals.len() == 0) {
            thread::park_timeout(self.seal_due().unwrap_or(HEARTBEAT).min(HEARTBEAT));
        }
        self.shared.asleep.store(false, Ordering::Relaxed);
    }
}

/// Stands for a record that can't be read.
#[cold]
fn unreadable(now: WallTime) -> Record {
    let mut record = Record::request(Id::NONE, now);
    record.fault = Some(Fault::Interrupted);
    record.finished_at = now;
    record.settle();
    record
}
