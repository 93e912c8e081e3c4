//! A connection's one timer: set again and again, never made anew.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::time::{Instant, Sleep, sleep_until};

/// Rings at a time that may be moved.
pub(crate) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// Who will be woken. Asking the runtime for it again would cost as much as a phase of a call.
    waker: Option<Waker>,
}

impl Alarm {
    pub(crate) fn at(time: Instant) -> Self {
        Self { sleep: Box::pin(sleep_until(time)), waker: None }
    }

    /// Ring at another time.
    pub(crate) fn reset(&mut self, time: Instant) {
        self.sleep.as_mut().reset(time);
        self.waker = None;
    }

    /// Ready when it has rung.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.sleep.is_elapsed() {
            return Poll::Ready(());
        }
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            return Poll::Pending;
        }
        let rung = self.sleep.as_mut().poll(context);
        self.waker = rung.is_pending().then(|| context.waker().clone());
        rung
    }
}
