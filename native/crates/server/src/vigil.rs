//! Over a body under way: it ends when it pauses for too long, when its time is over, and when its caller has lost access.
//!
//! What is always there costs a look at the clock for each piece, and a timer only where it is waited for; both are looked at
//! twice a second, so that a timer is never moved for a piece.

use crate::holder::{Holder, LOOK_EVERY};
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// A pause that nothing outlasts.
const NEVER: Duration = Duration::from_hours(100 * 365 * 24);

/// Why a body may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Nothing came for too long.
    Idle,
    /// Its time has passed.
    Time,
    /// Its caller may call no more.
    Access,
}

/// One per body, from its first piece or its first pause.
pub(crate) struct Vigil {
    idle: Duration,
    /// None: it has no end.
    ends: Option<Instant>,
    last_piece: Instant,
    next_look: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Vigil {
    pub(crate) fn begin(idle: Duration, ends: Option<Instant>) -> Self {
        let now = Instant::now();
        Self { idle, ends, last_piece: now, next_look: now + LOOK_EVERY, timer: None }
    }

    /// Over the caller's access alone: somebody else looks at pauses.
    pub(crate) fn over_access() -> Self {
        Self::begin(NEVER, None)
    }

    /// A piece came. A body that never pauses is looked at here.
    pub(crate) fn piece(&mut self, holder: Option<&Holder>) -> Result<(), Over> {
        let now = Instant::now();
        self.last_piece = now;
        self.look(now, holder)
    }

    /// Nothing has come. Ready when it may not go on.
    pub(crate) fn poll_pause(&mut self, context: &mut Context<'_>, holder: Option<&Holder>) -> Poll<Over> {
        loop {
            let due = self.due();
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
            ready!(timer.as_mut().poll(context));
            let now = Instant::now();
            if let Err(over) = self.look(now, holder) {
                return Poll::Ready(over);
            }
            if now >= self.last_piece + self.idle {
                return Poll::Ready(Over::Idle);
            }
            let due = self.due();
            if let Some(timer) = &mut self.timer {
                timer.as_mut().reset(due);
            }
        }
    }

    /// Whether the body was ever waited for.
    pub(crate) fn has_paused(&self) -> bool {
        self.timer.is_some()
    }

    fn due(&self) -> Instant {
        let due = self.next_look.min(self.last_piece + self.idle);
        self.ends.map_or(due, |ends| due.min(ends))
    }

    fn look(&mut self, now: Instant, holder: Option<&Holder>) -> Result<(), Over> {
        if self.ends.is_some_and(|ends| now >= ends) {
            return Err(Over::Time);
        }
        if now >= self.next_look {
            self.next_look = now + LOOK_EVERY;
            if holder.is_some_and(|holder| !holder.may_stay()) {
                return Err(Over::Access);
            }
        }
        Ok(())
    }
}
