//! A backend that fails too often is not called for a while, then by a few probes.

use super::ejection::Outcome;
use super::policy::BreakerPolicy;
use crate::time::Monotonic;
use std::sync::{Mutex, MutexGuard, PoisonError};

const NANOSECONDS_PER_MS: u64 = 1_000_000;
/// Parts of the window that end one by one.
const SLICES: usize = 10;
/// Probes that must go well before all calls are let through again; as many at most are under way at once.
const PROBES: u32 = 3;

/// The circuit breaker of a backend in one environment.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    position: Position,
    slices: [Slice; SLICES],
    /// Counts changes of position: what a call says that began before the last one counts no more.
    era: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum Position {
    #[default]
    Closed,
    Open {
        until: u64,
    },
    HalfOpen {
        under_way: u32,
        went_well: u32,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    number: u64,
    calls: u32,
    failures: u32,
}

/// A call that was let through; it is to be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    era: u64,
    probe: bool,
}

/// Where a breaker stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerStanding {
    /// Calls pass.
    Closed,
    /// None passes before that time.
    Open(Monotonic),
    /// Probes pass.
    HalfOpen,
}

impl BreakerStanding {
    /// One word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl Breaker {
    /// Let a call through, or say in how many seconds to come again.
    pub fn admit(&self, now: Monotonic) -> Result<Admitted, u64> {
        let mut inner = self.lock();
        if let Position::Open { until } = inner.position {
            if now.0 < until {
                return Err((until - now.0).div_ceil(1000 * NANOSECONDS_PER_MS));
            }
            inner.turn_to(Position::HalfOpen { under_way: 0, went_well: 0 });
        }
        let era = inner.era;
        match &mut inner.position {
            Position::HalfOpen { under_way, went_well } if *under_way + *went_well >= PROBES => Err(1),
            Position::HalfOpen { under_way, .. } => {
                *under_way += 1;
                Ok(Admitted { era, probe: true })
            }
            _ => Ok(Admitted { era, probe: false }),
        }
    }

    /// Say how a call ended that was let through.
    pub fn settle(&self, admitted: Admitted, outcome: Outcome, policy: &BreakerPolicy, now: Monotonic) {
        let mut inner = self.lock();
        if admitted.era != inner.era {
            return;
        }
        let open = Position::Open { until: now.0 + u64::from(policy.open_ms) * NANOSECONDS_PER_MS };
        match &mut inner.position {
            Position::HalfOpen { under_way, went_well } if admitted.probe => {
                *under_way -= 1;
                match outcome {
                    Outcome::Neither => {}
                    Outcome::Answered if *went_well + 1 >= PROBES => inner.turn_to(Position::Closed),
                    Outcome::Answered => *went_well += 1,
                    Outcome::Failed => inner.turn_to(open),
                }
            }
            Position::Closed if outcome != Outcome::Neither => {
                let (calls, failures) = inner.count(outcome == Outcome::Failed, policy, now);
                let share = u64::from(failures) * 100 >= u64::from(calls) * u64::from(policy.failure_percent);
                if outcome == Outcome::Failed && calls >= policy.least_calls && share {
                    inner.turn_to(open);
                }
            }
            _ => {}
        }
    }

    /// Where it stands.
    pub fn look(&self) -> BreakerStanding {
        match self.lock().position {
            Position::Closed => BreakerStanding::Closed,
            Position::Open { until } => BreakerStanding::Open(Monotonic(until)),
            Position::HalfOpen { .. } => BreakerStanding::HalfOpen,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn turn_to(&mut self, position: Position) {
        self.position = position;
        self.slices = Default::default();
        self.era += 1;
    }

    /// Count a call; returns the calls and failures of the window.
    fn count(&mut self, failed: bool, policy: &BreakerPolicy, now: Monotonic) -> (u32, u32) {
        // Numbered from 1, so that a slice that was never used lies in the past.
        let number = now.0 / (u64::from(policy.window_ms) * NANOSECONDS_PER_MS / SLICES as u64) + SLICES as u64;
        let slice = &mut self.slices[(number % SLICES as u64) as usize];
        if slice.number != number {
            *slice = Slice { number, ..Slice::default() };
        }
        slice.calls = slice.calls.saturating_add(1);
        slice.failures = slice.failures.saturating_add(u32::from(failed));
        let recent = self.slices.iter().filter(|slice| slice.number + SLICES as u64 > number);
        recent.fold((0, 0), |(calls, failures), slice| {
            (calls.saturating_add(slice.calls), failures.saturating_add(slice.failures))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BreakerPolicy = BreakerPolicy { failure_percent: 50, least_calls: 4, window_ms: 1000, open_ms: 500 };

    fn at(ms: u64) -> Monotonic {
        Monotonic((1_000_000 + ms) * NANOSECONDS_PER_MS)
    }

    fn call(breaker: &Breaker, outcome: Outcome, ms: u64) {
        let admitted = breaker.admit(at(ms)).unwrap();
        breaker.settle(admitted, outcome, &POLICY, at(ms));
    }

    fn opened() -> Breaker {
        let breaker = Breaker::default();
        (0..4).for_each(|_| call(&breaker, Outcome::Failed, 0));
        assert_eq!(breaker.look(), BreakerStanding::Open(at(500)));
        breaker
    }

    #[test]
    fn it_opens_at_its_share_and_not_before_there_are_calls_enough() {
        let breaker = Breaker::default();
        for outcome in [Outcome::Failed, Outcome::Failed, Outcome::Failed, Outcome::Answered, Outcome::Answered] {
            assert_eq!(breaker.look(), BreakerStanding::Closed);
            call(&breaker, outcome, 0);
        }
        // Three of five failed, and only a failure opens it.
        assert_eq!(breaker.look(), BreakerStanding::Closed);
        call(&breaker, Outcome::Failed, 10);
        assert_eq!(breaker.look(), BreakerStanding::Open(at(510)));
        assert_eq!(breaker.admit(at(20)), Err(1));
    }

    #[test]
    fn what_lies_before_the_window_counts_no_more() {
        let breaker = Breaker::default();
        (0..3).for_each(|_| call(&breaker, Outcome::Failed, 0));
        (0..3).for_each(|_| call(&breaker, Outcome::Failed, 1000));
        assert_eq!(breaker.look(), BreakerStanding::Closed);
        call(&breaker, Outcome::Failed, 1001);
        assert_ne!(breaker.look(), BreakerStanding::Closed);
    }

    #[test]
    fn three_probes_that_go_well_close_it() {
        let breaker = opened();
        let probes: Vec<Admitted> = (0..3).map(|_| breaker.admit(at(500)).unwrap()).collect();
        assert_eq!(breaker.admit(at(500)), Err(1));
        for probe in probes {
            assert_eq!(breaker.look(), BreakerStanding::HalfOpen);
            breaker.settle(probe, Outcome::Answered, &POLICY, at(501));
        }
        assert_eq!(breaker.look(), BreakerStanding::Closed);
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_and_one_that_says_nothing_makes_room_for_another() {
        let breaker = opened();
        let probes: Vec<Admitted> = (0..3).map(|_| breaker.admit(at(500)).unwrap()).collect();
        breaker.settle(probes[0], Outcome::Neither, &POLICY, at(600));
        let another = breaker.admit(at(600)).unwrap();
        breaker.settle(another, Outcome::Failed, &POLICY, at(700));
        assert_eq!(breaker.look(), BreakerStanding::Open(at(1200)));
        // What the others say belongs to the time before.
        breaker.settle(probes[1], Outcome::Answered, &POLICY, at(800));
        assert_eq!(breaker.look(), BreakerStanding::Open(at(1200)));
    }

    #[test]
    fn a_call_from_before_it_opened_says_nothing_about_after() {
        let breaker = Breaker::default();
        let old = breaker.admit(at(0)).unwrap();
        (0..4).for_each(|_| call(&breaker, Outcome::Failed, 0));
        breaker.settle(old, Outcome::Answered, &POLICY, at(100));
        assert_eq!(breaker.look(), BreakerStanding::Open(at(500)));
    }
}
