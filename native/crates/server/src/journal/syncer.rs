//! The syncer: one thread per node that waits for the disk, so that the writer never does.
//!
//! A disk may take a second for one fdatasync. Slots are free as soon as their records are in the kernel's hands, so the
//! writer goes on meanwhile; what grows is only how much the death of the host would cost, and the statistics say so.
//! Errands are done in their order. One that fails is tried again until it succeeds, or until a stopping journal loses
//! its patience: then the next start finds the segment open and seals it.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Shared;
use super::segments::{Unsealed, sync_folder};
use crate::panics::Vital;

/// Segments that may wait for the disk. Beyond it records stay in their slots, and requests are refused once these run out.
const MOST_WAITING: usize = 256;
/// How long writer and syncer wait before they try again what the disk refused.
pub(super) const RETRY: Duration = Duration::from_millis(100);
/// A stopping journal gives a failing disk this long, then leaves the rest to the next start.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// Bytes that were written and are not known to be on the disk.
pub(super) struct Unsynced {
    pub(super) file: Arc<File>,
    /// The file's folder, where the disk may not know the file's name yet.
    pub(super) folder: Option<PathBuf>,
}

/// What the writer has done for it.
pub(super) enum Errand {
    /// Have the disk hold what was written, up to this sequence.
    Sync(Unsynced, u64),
    /// Have the disk hold a whole segment under its final name, then offer it to be taken away.
    Seal(Unsealed),
    /// Everything that was wished for up to this number is sealed now.
    Fulfil(u64),
}

/// The writer's end of the syncer. Dropping it waits until every errand is done.
pub(super) struct Syncer {
    errands: Option<Sender<Errand>>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Start the thread.
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let (errands, inbox) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&waiting);
        let thread = thread::Builder::new().name("syncer".to_owned()).spawn(move || run(&shared, &inbox, &counted))?;
        Ok(Self { errands: Some(errands), waiting, thread: Some(thread) })
    }

    /// Whether everything is done.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// Refuse when too much waits for the disk already.
    pub(super) fn check_room(&self) -> io::Result<()> {
        if self.waiting.load(Ordering::Acquire) < MOST_WAITING {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the disk does not keep up with what is written"))
    }

    /// Have something done, after everything before it.
    pub(super) fn send(&self, errand: Errand) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        if self.errands.as_ref().is_none_or(|errands| errands.send(errand).is_err()) {
            // It has lost its patience with the disk while the journal stops: the next start does the rest.
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.errands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, inbox: &Receiver<Errand>, waiting: &AtomicUsize) {
    let _vital = Vital("syncer");
    for errand in inbox {
        let mut stopping_since = None;
        while let Err(error) = carry_out(shared, &errand) {
            shared.syncing.note(Some(&error));
            let stopping = shared.stopping.load(Ordering::Acquire);
            if stopping && stopping_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                return;
            }
            thread::sleep(RETRY);
        }
        shared.syncing.note(None);
        waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

fn carry_out(shared: &Shared, errand: &Errand) -> io::Result<()> {
    match errand {
        Errand::Sync(Unsynced { file, folder }, last) => {
            file.sync_data()?;
            if let Some(folder) = folder {
                sync_folder(folder)?;
            }
            shared.synced.fetch_max(*last, Ordering::AcqRel);
        }
        Errand::Seal(unsealed) => {
            let sealed = unsealed.finish()?;
            shared.synced.fetch_max(sealed.first + sealed.count - 1, Ordering::AcqRel);
            let mut shelf = shared.shelf();
            // Under the shelf's lock: whoever counts what is at risk finds these records once.
            shared.sealed.fetch_max(sealed.first + sealed.count - 1, Ordering::AcqRel);
            shelf.put(sealed);
        }
        Errand::Fulfil(wish) => shared.seal.fulfil(*wish),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Journal;
    use super::super::test_support::{Folder, config};
    use super::*;
    use std::os::fd::OwnedFd;

    #[test]
    fn a_disk_that_fails_is_told_and_tried_again_until_a_stopping_journal_loses_its_patience() {
        let folder = Folder::new();
        let journal = Journal::open(config(&folder)).unwrap();
        let syncer = Syncer::start(Arc::clone(&journal.shared)).unwrap();
        // No disk holds a pipe: asking it to is an error.
        let (_reader, writer) = std::io::pipe().unwrap();
        let file = Arc::new(File::from(OwnedFd::from(writer)));
        syncer.send(Errand::Sync(Unsynced { file, folder: None }, 7));
        syncer.send(Errand::Fulfil(journal.shared.seal.wish()));
        while journal.stats().trouble.is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(!syncer.is_idle());
        assert_eq!(journal.stats().synced, 0);
        let before = Instant::now();
        journal.shared.stopping.store(true, Ordering::Release);
        drop(syncer);
        assert!(before.elapsed() >= PATIENCE);
    }

    #[test]
    fn too_much_that_waits_for_the_disk_is_a_refusal_to_seal_more() {
        let folder = Folder::new();
        let journal = Journal::open(config(&folder)).unwrap();
        let syncer = Syncer::start(Arc::clone(&journal.shared)).unwrap();
        syncer.waiting.store(MOST_WAITING, Ordering::Release);
        assert_eq!(syncer.check_room().unwrap_err().kind(), io::ErrorKind::TimedOut);
        syncer.waiting.store(0, Ordering::Release);
        assert!(syncer.check_room().is_ok());
    }
}
