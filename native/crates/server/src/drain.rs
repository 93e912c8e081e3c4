//! A node's way out, one step after the other; it never goes back.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// How far a node is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// It isn't leaving.
    Serving,
    /// It is not ready any more and still accepts; each answer ends its connection.
    Leaving,
    /// It accepts no more; what is connected is served.
    Closed,
    /// Idle connections are ended, and each other one after its answer.
    Ending,
}

impl Step {
    pub(crate) const ALL: [Self; 4] = [Self::Serving, Self::Leaving, Self::Closed, Self::Ending];

    /// The word of `/metrics` and `Node.stats()`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Leaving => "leaving",
            Self::Closed => "closed",
            Self::Ending => "ending",
        }
    }
}

/// The step that a node is at, for all its threads.
#[derive(Default)]
pub(crate) struct Drain {
    step: AtomicU8,
    has_heir: AtomicBool,
}

impl Drain {
    /// Where the node is: one load, since each answer asks.
    pub(crate) fn step(&self) -> Step {
        Step::ALL[usize::from(self.step.load(Ordering::Acquire)).min(Step::ALL.len() - 1)]
    }

    /// Go on to this step; one that was passed stays passed.
    pub(crate) fn reach(&self, step: Step) {
        self.step.fetch_max(step as u8, Ordering::AcqRel);
    }

    /// Whether connections that wait in the listening socket's queue are somebody else's to accept.
    pub(crate) fn has_heir(&self) -> bool {
        self.has_heir.load(Ordering::Acquire)
    }

    pub(crate) fn leave_queue_to_heir(&self) {
        self.has_heir.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_was_passed_stays_passed() {
        let drain = Drain::default();
        assert_eq!(drain.step(), Step::Serving);
        drain.reach(Step::Closed);
        drain.reach(Step::Leaving);
        assert_eq!((drain.step(), drain.step().as_str()), (Step::Closed, "closed"));
    }
}
