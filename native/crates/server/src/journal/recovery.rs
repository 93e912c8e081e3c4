//! What a start does about its predecessors: every record they owe is brought into sealed segments, once.
//!
//! A predecessor that died on this kernel left its slabs in the page cache: they are drained, with the same steps as the
//! writer takes (write, free, seal), so that a recovery that is killed itself can be done again. One that died with its
//! host left only what was synced.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_lc_rs::digest;
use portazgo_core::fault::Fault;
use portazgo_core::ids::Id;
use portazgo_core::record::segment::{self, Origin, Scan};
use portazgo_core::record::{Delivery, MAX_ENCODED, Record, Sealer};
use portazgo_core::time::WallTime;

use super::Config;
use super::epoch::{self, Birth, End, EndedEpoch, Folders, Holder};
use super::segments::{Chunk, Segments, finish_file, write_footer};
use super::shelf::{self, Shelf};
use super::slab::{self, Mark, Slab, State};
use super::tally::Tally;

/// How many of an epoch's last segments can hold records whose slots were not freed yet.
const LAST_SEGMENTS: usize = 2;

/// End every predecessor whose process is gone, and collect the sealed segments of all who ended. Returns how many live:
/// a hand-over is under way, and what is theirs is left alone until they have ended too.
pub(super) fn recover(folders: &Folders, config: &Config, shelf: &mut Shelf) -> io::Result<usize> {
    let boot_id = epoch::boot_id()?;
    let mut living = HashSet::new();
    for epoch in epochs_in(&folders.slabs())?.into_iter().filter(|&epoch| epoch != config.epoch) {
        let slabs = folders.slabs_of(epoch);
        // A folder without the lock's file is one that its owner is just taking away.
        let holder = epoch::lock_existing(&slabs.join("lock"))?;
        match &holder {
            Holder::NoFile => {}
            Holder::Other => {
                living.insert(epoch);
                continue;
            }
            Holder::Ours(_) => {
                if let Some(birth) = epoch::read_birth(&slabs)? {
                    let end = Predecessor { folders, config, epoch, birth }.end(&boot_id)?;
                    folders.write_end(&end)?;
                }
            }
        }
        remove_folder(&slabs)?;
    }
    let count = living.len();
    living.insert(config.epoch);
    fill_shelf(folders, &living, shelf)?;
    Ok(count)
}

/// Remove a folder and all in it; somebody else may be at it too.
fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// One dead epoch.
struct Predecessor<'start> {
    folders: &'start Folders,
    config: &'start Config,
    epoch: Id,
    birth: Birth,
}

/// What is left of its segments.
struct Written {
    /// Origins of the records in its last segments.
    origins: HashSet<Origin>,
    /// Highest sequence in a file.
    last: u64,
    /// End of the last record in a file.
    ended_at: Option<WallTime>,
}

impl Predecessor<'_> {
    fn end(&self, boot_id: &str) -> io::Result<EndedEpoch> {
        let written = self.close_segments()?;
        if self.birth.boot_id == boot_id { self.drain(&written) } else { self.write_off(&written) }
    }

    /// Cut the open segment's torn end and seal it; learn what the last segments hold.
    fn close_segments(&self) -> io::Result<Written> {
        let folder = self.folders.segments_of(self.epoch);
        for path in files_in(&folder, "open")? {
            close_segment(&path)?;
        }
        let sealed = files_in(&folder, "seg")?;
        let mut written = Written { origins: HashSet::new(), last: 0, ended_at: None };
        for path in sealed.iter().rev().take(LAST_SEGMENTS) {
            // A damaged one tells nothing; it is set aside when the shelf is filled.
            if let Ok(scan) = segment::scan(&fs::read(path)?) {
                written.add(&scan);
            }
        }
        Ok(written)
    }

    /// The process died, its slabs did not.
    fn drain(&self, written: &Written) -> io::Result<EndedEpoch> {
        let mut slabs = Vec::new();
        for path in files_in(&self.folders.slabs_of(self.epoch), "slab")? {
            slabs.extend(Slab::open(&path)?);
        }
        let noted = slabs.iter().map(|(_, slab)| slab.last_sequence().load(Ordering::Acquire)).max();
        let heartbeat = slabs.iter().map(|(_, slab)| slab.heartbeat().load(Ordering::Acquire)).max();
        let died_at = WallTime(heartbeat.unwrap_or(0) as i64).max(self.birth.started_at);
        let last = written.last.max(noted.unwrap_or(0));
        let mut drain = Drain {
            segments: Segments::new(&self.folders.segments(), self.birth.node, self.epoch, self.config.seal_bytes),
            chunk: Chunk::beginning_with(last + 1),
            chunk_bytes: self.config.seal_bytes as usize / 4,
            // A start has no data keys yet: what its predecessor left open says then nothing of a person.
            sealer: self.config.personal.sealer(self.epoch),
            now: died_at,
        };
        for (thread, slab) in &slabs {
            drain.slab(*thread, slab, &written.origins)?;
        }
        drain.seal()?;
        let last = drain.chunk.next() - 1;
        let owed = slab::owed(slabs.iter().map(|(_, slab)| slab));
        let killed = self.ended(End::Killed, last, died_at, 0.0);
        // A slab of the version before this one counts nothing.
        Ok(EndedEpoch { accepted: (owed > 0 || last == 0).then_some(owed), ..killed })
    }

    /// The host went down: its slabs are whatever the disk happened to have, and can't be trusted.
    fn write_off(&self, written: &Written) -> io::Result<EndedEpoch> {
        let durable_until = written.ended_at.unwrap_or(self.birth.started_at).max(self.birth.started_at);
        let back = epoch::host_started_at()?;
        let at_risk = Duration::from_micros(back.0.saturating_sub(durable_until.0).max(0) as u64);
        Ok(self.ended(End::HostLost, written.last, durable_until, at_risk.as_secs_f64()))
    }

    fn ended(&self, end: End, last: u64, ended_at: WallTime, seconds_at_risk: f64) -> EndedEpoch {
        EndedEpoch {
            epoch: self.epoch,
            node: self.birth.node,
            end,
            last_sequence: (last > 0).then_some(last),
            accepted: None,
            started_at: self.birth.started_at,
            ended_at,
            seconds_at_risk,
        }
    }
}

impl Written {
    fn add(&mut self, scan: &Scan) {
        for frame in &scan.frames {
            self.origins.insert(frame.origin);
            self.last = self.last.max(frame.sequence);
            self.ended_at = self.ended_at.max(Some(frame.record.finished_at));
        }
    }
}

/// Brings a dead epoch's slots into segments, as its writer would have.
struct Drain {
    segments: Segments,
    chunk: Chunk,
    chunk_bytes: usize,
    sealer: Sealer,
    /// When the process was last known to live; stands for the end of what was open.
    now: WallTime,
}

impl Drain {
    fn slab(&mut self, thread: u16, slab: &Slab, already: &HashSet<Origin>) -> io::Result<()> {
        for slot in 0..slab.slots() {
            let mark = slab.mark(slot);
            let origin = Origin { thread, slot: slot as u16, generation: mark.generation };
            if mark.state != State::Free && !already.contains(&origin) {
                self.push(origin, owed(slab, slot, mark, self.now));
            }
            if self.chunk.size() >= self.chunk_bytes {
                self.write(slab)?;
            }
        }
        self.tallies(thread, slab, already);
        self.write(slab)
    }

    fn tallies(&mut self, thread: u16, slab: &Slab, already: &HashSet<Origin>) {
        for tally in Tally::ALL {
            // A record of it that was written, but not noted in the slab, is among the last.
            for origin in already.iter().filter(|origin| origin.thread == thread && origin.slot == tally.slot()) {
                tally.note_found(slab, origin.generation);
            }
            tally.push(&mut self.chunk, thread, slab, (self.now, self.now));
        }
    }

    fn seal(&mut self) -> io::Result<()> {
        self.segments.close()?.map_or(Ok(()), |unsealed| unsealed.finish().map(drop))
    }

    fn push(&mut self, origin: Origin, mut record: Record) {
        self.sealer.seal(&mut record);
        let mut bytes = [0; MAX_ENCODED];
        let length = record.encode(&mut bytes);
        self.chunk.push(origin, &bytes[..length]);
    }

    fn write(&mut self, slab: &Slab) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        if self.segments.is_full_for(&self.chunk) {
            self.seal()?;
        }
        self.segments.append(&self.chunk, self.now)?;
        for origin in self.chunk.origins() {
            if let Some(tally) = Tally::of(*origin) {
                tally.note_written(slab, origin.generation);
            } else {
                slab.free(usize::from(origin.slot), origin.generation);
            }
        }
        self.chunk.clear();
        Ok(())
    }
}

/// The record that a slot owes: final as it is; answered with its delivery unknown; open as interrupted.
fn owed(slab: &Slab, slot: usize, mark: Mark, now: WallTime) -> Record {
    let mut bytes = Vec::new();
    slab.load(slot, mark, &mut bytes);
    // A slot that can't be read would be a fault of ours; that there was a request is still told.
    let (mut record, state) = match Record::decode(&bytes) {
        Ok(record) => (record, mark.state),
        Err(_) => (Record::request(Id::NONE, now), State::Open),
    };
    if state == State::Final {
        return record;
    }
    record.delivery = Delivery::Unknown;
    if record.finished_at < record.started_at {
        record.finished_at = now.max(record.started_at);
    }
    if state == State::Open {
        record.fault = Some(Fault::Interrupted);
        record.settle();
    }
    record
}

/// Seal a segment that its writer left open, cutting what is torn; a segment without one whole record goes.
fn close_segment(path: &Path) -> io::Result<()> {
    let bytes = fs::read(path)?;
    let Ok(scan) = segment::scan(&bytes) else {
        return fs::remove_file(path); // Not even the header was whole: nothing was written behind it.
    };
    if scan.frames.is_empty() {
        return fs::remove_file(path);
    }
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(scan.whole_bytes as u64)?;
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest::digest(&digest::SHA256, &bytes[..scan.whole_bytes]).as_ref());
    write_footer(&file, scan.whole_bytes as u64, &scan.header, scan.frames.len() as u64, sha256)?;
    finish_file(&file, path)
}

/// All sealed segments of who ended. An open one without slabs belongs to an epoch that ended before it could be sealed.
fn fill_shelf(folders: &Folders, living: &HashSet<Id>, shelf: &mut Shelf) -> io::Result<()> {
    for epoch in epochs_in(&folders.segments())?.into_iter().filter(|epoch| !living.contains(epoch)) {
        let folder = folders.segments_of(epoch);
        files_in(&folder, "open")?.iter().try_for_each(|path| close_segment(path))?;
        for path in files_in(&folder, "seg")? {
            match shelf::read_ends(&path) {
                Ok(segment) => shelf.put(segment),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => shelf.set_aside(&path)?,
                // A predecessor that still lives has shipped it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        // Succeeds when nothing is left to take away: then the folder has done its work.
        let _ = fs::remove_dir(&folder);
    }
    Ok(())
}

/// The epochs that have a folder here, oldest first.
fn epochs_in(folder: &Path) -> io::Result<Vec<Id>> {
    let mut epochs = Vec::new();
    for entry in fs::read_dir(folder)? {
        epochs.extend(entry?.file_name().to_str().and_then(Id::parse));
    }
    epochs.sort();
    Ok(epochs)
}

/// The files of one kind, by name; none where the folder is missing.
fn files_in(folder: &Path, kind: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        result => result?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == kind) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
