//! What was replaced and may still be read: dropped by whoever replaces, never by a data thread.
//!
//! A whole snapshot takes a second to drop at a million keys, and one that a page of changes replaced thousands of counters: a call
//! that happens to hold the last handle would make all others of its thread wait.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

/// Old snapshots and lanes.
#[derive(Default)]
pub(crate) struct Retired(Mutex<Vec<Arc<dyn Any + Send + Sync>>>);

impl Retired {
    /// Keep this until nobody else has it.
    pub(crate) fn keep(&self, old: Arc<impl Any + Send + Sync>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(old);
    }

    /// Drop what nobody else has any more.
    pub(crate) fn sweep(&self) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The count can't rise again: what is here was replaced, so new handles come from old ones only.
        let unused: Vec<_> = kept.extract_if(.., |old| Arc::strong_count(old) == 1).collect();
        drop(kept);
        drop(unused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Counts(Arc<AtomicUsize>);

    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_somebody_holds_is_kept_and_then_dropped_by_the_sweep() {
        let (retired, dropped) = (Retired::default(), Arc::new(AtomicUsize::new(0)));
        let held = Arc::new(Counts(Arc::clone(&dropped)));
        retired.keep(Arc::clone(&held));
        retired.sweep();
        drop(held);
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        retired.sweep();
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }
}
