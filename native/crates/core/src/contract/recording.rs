//! Which requests of a route are recorded. Only the control plane knows whether any are: a snapshot doesn't say it, since nodes of
//! older versions read it too. So the first request asks, without a byte of itself, and what it is told stands for the others.

use super::sampling::{Rate, Sampling};
use crate::time::Monotonic;
use std::sync::atomic::{AtomicU8, Ordering};

const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// Chooses requests of one route. All threads share it; where none are recorded, a request pays for one load.
#[derive(Debug, Default)]
pub struct Recording {
    told: AtomicU8,
    sampling: Sampling,
}

/// What of a request is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// That there was one: nobody knows yet whether any is recorded.
    Question,
    /// Its body.
    Body,
}

impl Recording {
    /// Nobody knows yet.
    pub fn new(rate: Rate) -> Self {
        Self { told: AtomicU8::new(UNKNOWN), sampling: Sampling::new(rate) }
    }

    /// Whether any could be taken.
    pub fn is_open(&self) -> bool {
        self.told.load(Ordering::Relaxed) != NO
    }

    /// Whether this request is one of those that are taken, and what of it. `chance` is any number.
    pub fn takes(&self, now: Monotonic, chance: u32) -> Option<Taken> {
        let taken = match self.told.load(Ordering::Relaxed) {
            NO => return None,
            YES => Taken::Body,
            _ => Taken::Question,
        };
        self.sampling.takes(now, chance).then_some(taken)
    }

    /// Whether requests are recorded. The next one after they are known to be is taken.
    pub fn tell(&self, recorded: bool) {
        let told = if recorded { YES } else { NO };
        if self.told.swap(told, Ordering::Relaxed) != told && recorded {
            self.sampling.restart();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Monotonic {
        Monotonic(seconds * 1_000_000_000)
    }

    #[test]
    fn a_question_comes_before_any_body_and_none_after_the_answer_no() {
        let recording = Recording::new(Rate { one_in: 1000, per_minute: 6 });
        assert_eq!((recording.takes(at(1), 7), recording.takes(at(2), 7)), (Some(Taken::Question), None));
        recording.tell(true);
        assert_eq!((recording.takes(at(3), 7), recording.takes(at(4), 7)), (Some(Taken::Body), None));
        recording.tell(true);
        assert_eq!((recording.takes(at(5), 7), recording.takes(at(6), 2000)), (None, Some(Taken::Body)));
        recording.tell(false);
        assert_eq!((recording.is_open(), recording.takes(at(7), 0)), (false, None));
    }

    #[test]
    fn where_nothing_is_sampled_nothing_is_asked() {
        assert_eq!(Recording::new(Rate { one_in: 0, per_minute: 6 }).takes(at(1), 0), None);
    }
}
