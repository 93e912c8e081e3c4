//! Random bits for ids, drawn from the system in batches: one system call for dozens of requests.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use std::cell::RefCell;

const BATCH: usize = 2048;

/// A data thread's source of random bits. They are cryptographic, so that ids can't be guessed from one another.
pub(crate) struct Random {
    batch: RefCell<Batch>,
}

struct Batch {
    bytes: [u8; BATCH],
    used: usize,
}

impl Random {
    pub(crate) fn new() -> Self {
        Self { batch: RefCell::new(Batch { bytes: [0; BATCH], used: BATCH }) }
    }

    /// The next N bytes; no byte is given twice.
    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut batch = self.batch.borrow_mut();
        if batch.used + N > BATCH {
            SystemRandom::new().fill(&mut batch.bytes).expect("the system's random source answers");
            batch.used = 0;
        }
        let at = batch.used;
        batch.used += N;
        let mut taken = [0; N];
        taken.copy_from_slice(&batch.bytes[at..at + N]);
        batch.bytes[at..at + N].fill(0);
        taken
    }
}
