//! Which answers of a route are compared with the backend's schema: a few, and never more than so many a minute.

use crate::time::Monotonic;
use serde::Deserialize;
use std::sync::atomic::{AtomicU64, Ordering};

const MINUTE_NS: u64 = 60_000_000_000;
/// A route of which none was taken for so long gives the next one: few calls are no reason to know nothing.
const QUIET_NS: u64 = 600_000_000_000;

/// As it crosses the wire (docs/programs.md).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// One in so many; 0: none.
    pub one_in: u32,
    /// At most so many a minute, on a node.
    pub per_minute: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self { one_in: 1000, per_minute: 6 }
    }
}

/// Chooses answers of one route. All threads share it; one that is not chosen pays for two loads.
#[derive(Debug, Default)]
pub struct Sampling {
    rate: Rate,
    /// From then on the next answer is taken, whatever chance says; 0: at once.
    due: AtomicU64,
    /// The minute (since the clock's start) in the upper half, and what was taken in it in the lower.
    taken: AtomicU64,
}

impl Sampling {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, ..Self::default() }
    }

    /// Whether this answer is one of those that are taken. `chance` is any number.
    pub fn takes(&self, now: Monotonic, chance: u32) -> bool {
        if self.rate.one_in == 0 {
            return false;
        }
        (chance.is_multiple_of(self.rate.one_in) || now.0 >= self.due.load(Ordering::Relaxed)) && self.admits(now)
    }

    /// The same for one that did not fit: those are told of as soon as there may be one more.
    pub fn takes_misfit(&self, now: Monotonic) -> bool {
        self.rate.one_in != 0 && self.admits(now)
    }

    /// Take the next, as if none had been taken in a while.
    pub(crate) fn restart(&self) {
        self.due.store(0, Ordering::Relaxed);
    }

    fn admits(&self, now: Monotonic) -> bool {
        let minute = (now.0 / MINUTE_NS) << 32;
        let most = u64::from(self.rate.per_minute);
        let admitted = self.taken.try_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            let count = if taken & !u64::from(u32::MAX) == minute { taken & u64::from(u32::MAX) } else { 0 };
            (count < most).then_some(minute | (count + 1))
        });
        if admitted.is_ok() {
            self.due.store(now.0 + QUIET_NS, Ordering::Relaxed);
        }
        admitted.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Monotonic {
        Monotonic(seconds * 1_000_000_000)
    }

    #[test]
    fn the_first_is_taken_then_those_that_chance_picks_and_one_after_ten_quiet_minutes() {
        let sampling = Sampling::new(Rate { one_in: 10, per_minute: 100 });
        assert!(sampling.takes(at(1), 7));
        assert!(!sampling.takes(at(2), 7));
        assert!(sampling.takes(at(3), 20));
        assert!(!sampling.takes(at(602), 7));
        assert!(sampling.takes(at(603), 7));
    }

    #[test]
    fn no_more_are_taken_than_so_many_a_minute_also_of_those_that_do_not_fit() {
        let sampling = Sampling::new(Rate { one_in: 1, per_minute: 3 });
        let taken = (0..60).filter(|second| sampling.takes(at(*second), 5)).count();
        assert_eq!((taken, sampling.takes_misfit(at(59))), (3, false));
        assert!(sampling.takes_misfit(at(60)));
        assert_eq!((60..120).filter(|second| sampling.takes(at(*second), 5)).count(), 2);
    }

    #[test]
    fn off_takes_none() {
        let sampling = Sampling::new(Rate { one_in: 0, per_minute: 6 });
        assert!(!sampling.takes(at(0), 0) && !sampling.takes_misfit(at(0)));
        assert!(!Sampling::new(Rate { one_in: 1, per_minute: 0 }).takes(at(0), 0));
    }
}
