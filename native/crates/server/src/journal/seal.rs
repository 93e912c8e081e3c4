//! How the journal's owner asks the writer for a seal, and learns that it is done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Wishes are numbered; fulfilling one fulfils all before it.
#[derive(Default)]
pub(super) struct Seal {
    wished: AtomicU64,
    done: Mutex<u64>,
    changed: Condvar,
}

impl Seal {
    /// Ask; returns the wish's number.
    pub(super) fn wish(&self) -> u64 {
        self.wished.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The newest wish.
    pub(super) fn wished(&self) -> u64 {
        self.wished.load(Ordering::Acquire)
    }

    /// Everything wished for up to this number is sealed.
    pub(super) fn fulfil(&self, wish: u64) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if *done < wish {
            *done = wish;
            self.changed.notify_all();
        }
    }

    /// Wait until the wish is fulfilled; false when it took longer.
    pub(super) fn wait_for(&self, wish: u64, longest: Duration) -> bool {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(done, longest, |done| *done < wish);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}
