//! Repeats are a share of calls: a backend that fails as a whole is not called three times as often for it.

use super::policy::RetryPolicy;
use crate::time::Monotonic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

const NANOSECONDS: u64 = 1_000_000_000;
/// How far back calls and repeats count.
const WINDOW_SECONDS: u64 = 10;
/// Seconds kept; a power of two above the window.
const SECONDS: usize = 16;
/// Threads count by themselves, so that counting takes no line from another core. More threads share.
const STRIPES: usize = 8;

/// Calls and repeats of a backend in one environment.
#[derive(Debug, Default)]
pub struct Budget {
    calls: [Stripe; STRIPES],
    /// Asked for seldom, and by one at a time.
    repeats: Mutex<Stripe>,
}

/// Two cache lines: each second's number in the upper half of a word, its count in the lower.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe([AtomicU64; SECONDS]);

impl Stripe {
    fn count(&self, second: u64) {
        let slot = &self.0[second as usize % SECONDS];
        let word = slot.load(Ordering::Relaxed);
        let begun = word >> 32 == second & 0xFFFF_FFFF;
        // Who loses this race loses one count of a second that has just begun.
        if begun || slot.compare_exchange(word, second << 32, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            slot.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn recent(&self, second: u64) -> u64 {
        let of = |slot: &AtomicU64| {
            let word = slot.load(Ordering::Relaxed);
            let age = (second & 0xFFFF_FFFF).wrapping_sub(word >> 32);
            if age < WINDOW_SECONDS { word & 0xFFFF_FFFF } else { 0 }
        };
        self.0.iter().map(of).sum()
    }
}

impl Budget {
    /// A call begins.
    pub fn count_call(&self, thread: usize, now: Monotonic) {
        self.calls[thread % STRIPES].count(second(now));
    }

    /// Take one repeat, where there is one left.
    pub fn take(&self, policy: &RetryPolicy, now: Monotonic) -> bool {
        let second = second(now);
        let repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        let calls: u64 = self.calls.iter().map(|stripe| stripe.recent(second)).sum();
        let free = u64::from(policy.least_per_second) * WINDOW_SECONDS;
        let left = repeats.recent(second) < calls * u64::from(policy.budget_percent) / 100 + free;
        if left {
            repeats.count(second);
        }
        left
    }
}

/// From 1000, so that a slot that was never used lies far back.
fn second(now: Monotonic) -> u64 {
    now.0 / NANOSECONDS + 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Monotonic {
        Monotonic(second * NANOSECONDS)
    }

    fn taken(budget: &Budget, policy: &RetryPolicy, second: u64) -> usize {
        (0..10_000).take_while(|_| budget.take(policy, at(second))).count()
    }

    #[test]
    fn repeats_are_a_share_of_the_last_ten_seconds_beside_what_is_free() {
        let policy = RetryPolicy { attempts: 3, budget_percent: 20, least_per_second: 3 };
        let budget = Budget::default();
        assert_eq!(taken(&budget, &policy, 0), 30);
        assert_eq!(taken(&budget, &policy, 9), 0);
        for thread in 0..20 {
            (0..50).for_each(|_| budget.count_call(thread, at(20)));
        }
        assert_eq!(taken(&budget, &policy, 20), 230);
        assert_eq!(taken(&budget, &policy, 29), 0);
        assert_eq!(taken(&budget, &policy, 30), 30);
    }

    #[test]
    fn without_a_share_and_without_free_ones_nothing_is_repeated() {
        let policy = RetryPolicy { attempts: 3, budget_percent: 0, least_per_second: 0 };
        let budget = Budget::default();
        budget.count_call(0, at(5));
        assert_eq!(taken(&budget, &policy, 5), 0);
    }

    #[test]
    fn calls_of_many_threads_are_all_counted() {
        let policy = RetryPolicy { attempts: 3, budget_percent: 100, least_per_second: 0 };
        let budget = Budget::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let budget = &budget;
                scope.spawn(move || (0..1000).for_each(|_| budget.count_call(thread, at(1))));
            }
        });
        assert_eq!(taken(&budget, &policy, 1), 4000);
    }
}
