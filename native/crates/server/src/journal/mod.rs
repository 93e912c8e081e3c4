//! The journal: an answered request is recorded, whatever happens to this process.
//!
//! Each data thread has a [`slab`] of fixed slots in a mapped file that is never synced. Admission takes a slot and stores
//! the request as open; before the last bytes of an answer are given to the transport it stores the whole answer; after
//! delivery the slot is final. One [`writer`] per node copies final slots to the segment file, seals what they say of a person,
//! numbers them without gaps and frees them; beside it a [`syncer`] has the disk hold the file every few milliseconds while there is news.
//! `kill -9` loses nothing, since the pages of both files belong to the kernel; the next start drains the slabs
//! ([`recovery`]). When the host goes down, what was not synced is lost: at most `sync_every` of it while the disk keeps
//! up, and the epoch's end says so.
//!
//! Layouts: `core::record::layout` (records), `core::record::segment` (segments), [`slab`], [`epoch`] (folders).
//! docs/journal.md has them in one place.

mod epoch;
mod map;
mod recovery;
mod ring;
mod seal;
mod segments;
mod shelf;
mod slab;
mod stats;
mod syncer;
mod tally;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
mod thread;
mod writer;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use portazgo_core::ids::Id;
use portazgo_core::record::{AddressForms, KeyRing, Sealer};
use portazgo_core::time::WallTime;
use serde::Deserialize;

pub use epoch::{End, EndedEpoch};
pub use shelf::SealedSegment;
pub use stats::Stats;
pub use thread::{Slot, ThreadJournal};

use epoch::{Birth, Folders};
use seal::Seal;
use segments::{Segments, sync_folder};
use shelf::Shelf;
use slab::Slab;
use syncer::Syncer;
use thread::Lane;
use writer::Writer;

/// Reads the node's wall time.
pub type Clock = Arc<dyn Fn() -> WallTime + Send + Sync>;

/// More slots than a record's origin can name.
const TOO_MANY_SLOTS: usize = 65_535;

/// What a journal is told when it opens.
#[derive(Clone)]
pub struct Config {
    /// The node's folder; `slabs/`, `segments/` and `ended/` are made in it.
    pub folder: PathBuf,
    /// The node.
    pub node: Id,
    /// This process's life, never used before.
    pub epoch: Id,
    /// Number of data threads.
    pub threads: usize,
    /// Requests in flight per data thread; 1 to 65,534.
    pub slots_per_thread: usize,
    /// Age at which a segment is sealed.
    pub seal_after: Duration,
    /// Size which no segment exceeds.
    pub seal_bytes: u64,
    /// Longest time that written records wait for fdatasync.
    pub sync_every: Duration,
    /// What to do once the disk is full and no slot is free.
    pub when_full: WhenFull,
    /// The node's wall clock.
    pub clock: Clock,
    /// How what a record says of a person leaves the slabs.
    pub personal: Personal,
}

/// Under which keys personal members are sealed, and in which form an address is.
#[derive(Clone, Default)]
pub struct Personal {
    /// In which form.
    pub address: AddressForms,
    /// The data keys of the snapshot that is served. Until there is one, records have no personal members.
    pub keys: Arc<KeyRing>,
}

impl Personal {
    /// Seals the records of an epoch.
    fn sealer(&self, epoch: Id) -> Sealer {
        Sealer::new(Arc::clone(&self.keys), self.address, epoch)
    }
}

/// What happens to requests once records can't be written and have taken every slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// They are refused: fails closed.
    #[default]
    Refuse,
    /// They are served without a record, and counted: fails open, and is declared by whoever runs the node.
    Serve,
}

/// How a journal closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Every record is in a sealed segment; the epoch has ended.
    Clean,
    /// So many slots were still out, or could not be written: the next start recovers them.
    Unfinished(usize),
}

/// What the data threads, the writer and the journal's owner share.
struct Shared {
    clock: Clock,
    seal_after: Duration,
    seal_bytes: u64,
    sync_every: Duration,
    when_full: WhenFull,
    lanes: Vec<Lane>,
    closed: AtomicBool,
    stopping: AtomicBool,
    asleep: AtomicBool,
    writer: OnceLock<std::thread::Thread>,
    written: AtomicU64,
    synced: AtomicU64,
    /// Sequence of the last record in a sealed segment.
    sealed: AtomicU64,
    /// Records of this epoch that were taken away.
    acknowledged: AtomicU64,
    /// When the newest segment was begun; wall time, µs.
    begun_at: AtomicI64,
    seal: Seal,
    shelf: Mutex<Shelf>,
    /// What keeps the writer from writing.
    writing: Trouble,
    /// What keeps the disk from holding what was written.
    syncing: Trouble,
}

/// What keeps somebody from working, as a sentence. Noting that nothing does costs one load.
#[derive(Default)]
struct Trouble {
    noted: AtomicBool,
    sentence: Mutex<Option<String>>,
}

impl Trouble {
    fn note(&self, error: Option<&io::Error>) {
        if error.is_some() || self.noted.load(Ordering::Relaxed) {
            *self.sentence.lock().unwrap_or_else(PoisonError::into_inner) = error.map(ToString::to_string);
            self.noted.store(error.is_some(), Ordering::Relaxed);
        }
    }

    fn is_noted(&self) -> bool {
        self.noted.load(Ordering::Relaxed)
    }

    fn sentence(&self) -> Option<String> {
        self.sentence.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn unpark_writer(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Note how far the segments reach, where a recovery finds it even when they have been shipped and deleted.
    fn note_written(&self, sequence: u64) {
        self.lanes[0].slab.last_sequence().store(sequence, Ordering::Release);
        self.written.store(sequence, Ordering::Release);
    }

    /// Show that the writer lives, so that a recovery can tell when it died.
    fn beat(&self) {
        self.lanes[0].slab.heartbeat().store((self.clock)().0 as u64, Ordering::Relaxed);
    }
}

/// A node's journal. One per process; dropping it without [`Journal::close`] is, for what lies on disk, a kill.
pub struct Journal {
    config: Config,
    folders: Folders,
    shared: Arc<Shared>,
    taken: Mutex<HashSet<usize>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    ended: Mutex<Vec<EndedEpoch>>,
    started_at: WallTime,
    /// Held for as long as the journal lives.
    folder_lock: File,
    _epoch_lock: File,
}

impl Journal {
    /// Take the folder, recover what predecessors left, begin an epoch and start the writer.
    ///
    /// Errors: `ResourceBusy`, another process uses the folder; `InvalidInput`, a number of the configuration is out of
    /// bounds; otherwise what the disk says.
    pub fn open(config: Config) -> io::Result<Self> {
        Self::open_under(config, None)
    }

    /// The same under a lock of the folder that a living predecessor shares with us: what it still writes is left to it
    /// until [`Journal::adopt`] finds that it has ended.
    pub fn open_under(config: Config, lock: Option<File>) -> io::Result<Self> {
        check(&config)?;
        let folders = Folders { root: config.folder.clone() };
        folders.create()?;
        let folder_lock = if let Some(lock) = lock {
            lock
        } else {
            let lock = epoch::lock(&config.folder.join("lock"))?
                .ok_or_else(|| io::Error::new(io::ErrorKind::ResourceBusy, "another process uses this node folder"))?;
            folders.remove_drafts()?;
            lock
        };
        let mut recovered = Shelf::default();
        recovery::recover(&folders, &config, &mut recovered)?;
        let started_at = (config.clock)();
        let (epoch_lock, lanes) = begin_epoch(&folders, &config, started_at)?;
        let shared = Arc::new(Shared::new(&config, lanes, recovered));
        let segments = Segments::new(&folders.segments(), config.node, config.epoch, config.seal_bytes);
        let sealer = config.personal.sealer(config.epoch);
        let writer = start_writer(&shared, segments, sealer)?;
        let ended = folders.ends()?;
        Ok(Self {
            config,
            folders,
            shared,
            taken: Mutex::default(),
            writer: Mutex::new(Some(writer)),
            ended: Mutex::new(ended),
            started_at,
            folder_lock,
            _epoch_lock: epoch_lock,
        })
    }

    /// A data thread's part; to be called on that thread. Panics when there is no such thread or it was taken before.
    pub fn thread(&self, index: usize) -> ThreadJournal {
        assert!(index < self.shared.lanes.len(), "the journal was opened for {} data threads", self.shared.lanes.len());
        let first = self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(index);
        assert!(first, "two owners of one slab would store over each other");
        ThreadJournal::new(Arc::clone(&self.shared), index)
    }

    /// The segments that wait to be taken away, oldest first.
    pub fn sealed(&self) -> Vec<SealedSegment> {
        self.shared.shelf().all()
    }

    /// Take in what other processes of this folder left that have ended: their records, segments and ends. Returns how
    /// many still live.
    pub fn adopt(&self) -> io::Result<usize> {
        let living = recovery::recover(&self.folders, &self.config, &mut self.shared.shelf())?;
        *self.ended() = self.folders.ends()?;
        Ok(living)
    }

    /// The data keys that personal members are sealed under; to be replaced before the snapshot that they come with is served.
    pub fn data_keys(&self) -> &KeyRing {
        &self.config.personal.keys
    }

    /// The lock that one process holds on the folder, and shares with its successor.
    pub fn folder_lock(&self) -> &File {
        &self.folder_lock
    }

    /// How many slots of all threads are taken, and how many there are.
    pub fn slots(&self) -> (usize, usize) {
        let lanes = &self.shared.lanes;
        (lanes.iter().map(Lane::occupied).sum(), lanes.iter().map(|lane| lane.slab.slots()).sum())
    }

    /// How many finished records wait in their slots for the writer.
    pub fn unwritten(&self) -> usize {
        self.shared.lanes.iter().map(|lane| lane.finals.len()).sum()
    }

    /// Delete a segment that the collector has stored. `InvalidInput`: it is none of [`Journal::sealed`].
    pub fn acknowledge(&self, path: &Path) -> io::Result<()> {
        let mut waiting = self.shared.shelf();
        let gone = waiting.take_away(path)?;
        if gone.epoch == self.config.epoch {
            self.shared.acknowledged.fetch_add(gone.count, Ordering::AcqRel);
        } else if !waiting.holds(gone.epoch) {
            // A folder that isn't empty stays, with whatever somebody put there.
            let _ = fs::remove_dir(self.folders.segments_of(gone.epoch));
        }
        Ok(())
    }

    /// How predecessors ended (and this epoch, once closed), until [`Journal::epoch_reported`].
    pub fn ended_epochs(&self) -> Vec<EndedEpoch> {
        self.ended().clone()
    }

    /// Forget the end of an epoch that the control plane knows of now.
    pub fn epoch_reported(&self, epoch: Id) -> io::Result<()> {
        self.folders.remove_end(epoch)?;
        self.ended().retain(|end| end.epoch != epoch);
        Ok(())
    }

    /// Have everything that is final by now sealed when this returns. `TimedOut`: the disk does not let us.
    pub fn seal_now(&self) -> io::Result<()> {
        let wish = self.shared.seal.wish();
        self.shared.unpark_writer();
        if self.shared.seal.wait_for(wish, Duration::from_secs(10)) {
            return Ok(());
        }
        let trouble = self.stats().trouble.unwrap_or_else(|| "the writer does not answer".to_owned());
        Err(io::Error::new(io::ErrorKind::TimedOut, trouble))
    }

    /// End the epoch: no slot is given out any more, what is final is sealed, the writer ends. Drop the data threads'
    /// requests before. Calling it again says the same.
    pub fn close(&self) -> io::Result<Closed> {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.unpark_writer();
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(self.closed());
        };
        writer.join().map_err(|_| io::Error::other("the journal's writer panicked"))?;
        let closed = self.closed();
        if closed == Closed::Clean {
            self.end_cleanly()?;
        }
        Ok(closed)
    }

    fn closed(&self) -> Closed {
        match self.shared.lanes.iter().map(Lane::occupied).sum() {
            0 => Closed::Clean,
            slots => Closed::Unfinished(slots),
        }
    }

    fn end_cleanly(&self) -> io::Result<()> {
        let last = self.shared.written.load(Ordering::Acquire);
        let end = EndedEpoch {
            epoch: self.config.epoch,
            node: self.config.node,
            end: End::Clean,
            last_sequence: (last > 0).then_some(last),
            accepted: Some(slab::owed(self.shared.lanes.iter().map(|lane| &lane.slab))),
            started_at: self.started_at,
            ended_at: (self.config.clock)(),
            seconds_at_risk: 0.0,
        };
        self.folders.write_end(&end)?;
        self.ended().push(end);
        fs::remove_dir_all(self.folders.slabs_of(self.config.epoch))
    }

    fn ended(&self) -> MutexGuard<'_, Vec<EndedEpoch>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Journal {
    /// Stops the writer without ending the epoch, so that no thread outlives its journal.
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.unpark_writer();
        if let Some(writer) = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = writer.join();
        }
    }
}

fn check(config: &Config) -> io::Result<()> {
    let slots = (1..TOO_MANY_SLOTS).contains(&config.slots_per_thread);
    let threads = (1..usize::from(u16::MAX)).contains(&config.threads);
    if slots && threads && config.seal_bytes >= 4096 && !config.epoch.is_none() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "the journal needs 1 to 65,534 slots per thread, at least one thread, segments of 4 KiB or more, and an epoch",
    ))
}

fn begin_epoch(folders: &Folders, config: &Config, started_at: WallTime) -> io::Result<(File, Vec<Lane>)> {
    let folder = folders.draft_of(config.epoch);
    fs::create_dir(&folder)?;
    let lock = epoch::lock(&folder.join("lock"))?
        .ok_or_else(|| io::Error::new(io::ErrorKind::ResourceBusy, "another process has this epoch"))?;
    let birth = Birth { node: config.node, boot_id: epoch::boot_id()?, started_at };
    epoch::write_birth(&folder, &birth)?;
    let lane = |thread: usize| {
        Slab::create(&folder.join(format!("{thread}.slab")), thread as u16, config.slots_per_thread).map(Lane::new)
    };
    let lanes = (0..config.threads).map(lane).collect::<io::Result<Vec<Lane>>>()?;
    fs::rename(&folder, folders.slabs_of(config.epoch))?;
    sync_folder(&folders.slabs())?;
    Ok((lock, lanes))
}

fn start_writer(shared: &Arc<Shared>, segments: Segments, sealer: Sealer) -> io::Result<JoinHandle<()>> {
    let writer = Writer::new(Arc::clone(shared), segments, sealer, Syncer::start(Arc::clone(shared))?);
    let handle = std::thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run())?;
    // Only this function sets it, once.
    let _ = shared.writer.set(handle.thread().clone());
    Ok(handle)
}

impl Shared {
    fn new(config: &Config, lanes: Vec<Lane>, shelf: Shelf) -> Self {
        Self {
            clock: Arc::clone(&config.clock),
            seal_after: config.seal_after,
            seal_bytes: config.seal_bytes,
            sync_every: config.sync_every,
            when_full: config.when_full,
            lanes,
            closed: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            writer: OnceLock::new(),
            written: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            sealed: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            begun_at: AtomicI64::new(0),
            seal: Seal::default(),
            shelf: Mutex::new(shelf),
            writing: Trouble::default(),
            syncing: Trouble::default(),
        }
    }
}
