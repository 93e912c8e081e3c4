//! A queue of slot numbers from one thread to another, without locks and without allocation.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Keeps the two ends on cache lines of their own.
#[repr(align(64))]
struct End(AtomicUsize);

/// One thread pushes, one thread pops. It never holds more numbers than there are slots, so it never fills.
pub(super) struct Ring {
    entries: Box<[AtomicU32]>,
    popped: End,
    pushed: End,
}

impl Ring {
    /// Room for `slots` numbers.
    pub(super) fn new(slots: usize) -> Self {
        let entries = (0..slots.next_power_of_two()).map(|_| AtomicU32::new(0)).collect();
        Self { entries, popped: End(AtomicUsize::new(0)), pushed: End(AtomicUsize::new(0)) }
    }

    /// Add a number; only ever from one thread at a time.
    pub(super) fn push(&self, slot: u32) {
        let pushed = self.pushed.0.load(Ordering::Relaxed);
        self.entry(pushed).store(slot, Ordering::Relaxed);
        self.pushed.0.store(pushed.wrapping_add(1), Ordering::Release);
    }

    /// Take the oldest number; only ever from one thread at a time.
    pub(super) fn pop(&self) -> Option<u32> {
        let popped = self.popped.0.load(Ordering::Relaxed);
        if popped == self.pushed.0.load(Ordering::Acquire) {
            return None;
        }
        let slot = self.entry(popped).load(Ordering::Relaxed);
        self.popped.0.store(popped.wrapping_add(1), Ordering::Release);
        Some(slot)
    }

    /// How many numbers wait.
    pub(super) fn len(&self) -> usize {
        self.pushed.0.load(Ordering::Acquire).wrapping_sub(self.popped.0.load(Ordering::Acquire))
    }

    fn entry(&self, position: usize) -> &AtomicU32 {
        &self.entries[position & (self.entries.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_pass_in_order_between_two_threads() {
        let ring = Ring::new(1000);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..100_000_u32 {
                    while ring.len() == 1000 {
                        std::thread::yield_now();
                    }
                    ring.push(number);
                }
            });
            for expected in 0..100_000_u32 {
                let number = loop {
                    if let Some(number) = ring.pop() {
                        break number;
                    }
                    std::thread::yield_now();
                };
                assert_eq!(number, expected);
            }
        });
        assert_eq!(ring.pop(), None);
    }
}
