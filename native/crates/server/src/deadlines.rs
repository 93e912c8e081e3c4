//! Deadlines of what a data thread's calls wait for: late by up to a tick, and nearly free where nothing is late.
//!
//! A runtime's timer is put into a wheel and taken out again under a lock, for every call, although hardly one call in a
//! million is late. Here a call that waits leaves its deadline and its waker in a list of the thread, and the thread looks
//! the list through once a tick while anybody waits ([ADR 22](../../../../docs/decisions/0022-clocks-and-timers-of-a-call.md)).

use crate::overload::Load;
use crate::thread::Thread;
use portazgo_core::time::Monotonic;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;

/// How late a deadline may be noticed. Small beside the shortest time that anybody gives a backend.
const TICK: Duration = portazgo_core::overload::TICK;

/// The deadlines of one data thread.
#[derive(Default)]
pub(crate) struct Deadlines {
    waiting: RefCell<Waiting>,
    /// Nobody waits and nothing begins, so nobody looks.
    resting: Cell<bool>,
    first: Notify,
}

#[derive(Default)]
struct Waiting {
    places: Vec<Place>,
    free: Vec<usize>,
}

struct Place {
    ends: Monotonic,
    /// None: the place is free.
    waker: Option<Waker>,
    late: bool,
}

impl Deadlines {
    /// What the future gives; None where it has not by then. Dropping it leaves nothing behind.
    pub(crate) async fn within<F: Future>(&self, ends: Monotonic, mut future: Pin<&mut F>) -> Option<F::Output> {
        let mut wait = Wait { deadlines: self, ends, place: None };
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => wait.poll(context).map(|()| None),
        })
        .await
    }

    fn enter(&self, ends: Monotonic, waker: Waker) -> usize {
        self.stir();
        self.waiting.borrow_mut().enter(Place { ends, waker: Some(waker), late: false })
    }

    /// There is something to do: the clock is to be looked at again.
    pub(crate) fn stir(&self) {
        if self.resting.replace(false) {
            self.first.notify_one();
        }
    }

    async fn rest_until_somebody_waits(&self, load: &Load) {
        if self.waiting.borrow().is_empty() && load.is_idle() {
            load.rest();
            self.resting.set(true);
            self.first.notified().await;
        }
    }
}

/// Wake whoever is late, for as long as the thread lives.
pub(crate) async fn watch(thread: Rc<Thread>) {
    let mut pause = TICK;
    loop {
        thread.deadlines.rest_until_somebody_waits(&thread.load).await;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        thread.deadlines.waiting.borrow_mut().wake_late(thread.shared.clock.monotonic());
        pause = if thread.load.look(&thread, pause).await { Duration::ZERO } else { TICK };
    }
}

impl Waiting {
    fn enter(&mut self, place: Place) -> usize {
        if let Some(index) = self.free.pop() {
            self.places[index] = place;
            return index;
        }
        self.places.push(place);
        self.places.len() - 1
    }

    fn leave(&mut self, index: usize) {
        self.places[index].waker = None;
        self.free.push(index);
    }

    fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }

    fn wake_late(&mut self, now: Monotonic) {
        for place in &mut self.places {
            if place.ends <= now
                && !place.late
                && let Some(waker) = &place.waker
            {
                place.late = true;
                waker.wake_by_ref();
            }
        }
    }
}

/// One who waits.
struct Wait<'d> {
    deadlines: &'d Deadlines,
    ends: Monotonic,
    place: Option<usize>,
}

impl Wait<'_> {
    /// Ready when it is late.
    fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        let Some(index) = self.place else {
            self.place = Some(self.deadlines.enter(self.ends, context.waker().clone()));
            return Poll::Pending;
        };
        let place = &mut self.deadlines.waiting.borrow_mut().places[index];
        if place.late {
            return Poll::Ready(());
        }
        if !place.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            place.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(index) = self.place {
            self.deadlines.waiting.borrow_mut().leave(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{Pending, pending, ready};
    use std::pin::pin;

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn who_is_late_is_told_and_nobody_else() {
        let deadlines = Deadlines::default();
        let [mut one, mut other]: [Pending<()>; 2] = [pending(), pending()];
        let mut early = pin!(deadlines.within(Monotonic(20), Pin::new(&mut one)));
        let mut late = pin!(deadlines.within(Monotonic(10), Pin::new(&mut other)));
        assert!(poll(early.as_mut()).is_pending() && poll(late.as_mut()).is_pending());
        deadlines.waiting.borrow_mut().wake_late(Monotonic(9));
        assert!(poll(early.as_mut()).is_pending() && poll(late.as_mut()).is_pending());
        deadlines.waiting.borrow_mut().wake_late(Monotonic(10));
        assert!(poll(early.as_mut()).is_pending());
        assert_eq!(poll(late.as_mut()), Poll::Ready(None));
    }

    #[test]
    fn who_left_or_never_waited_takes_no_place() {
        let deadlines = Deadlines::default();
        assert_eq!(poll(pin!(deadlines.within(Monotonic(10), pin!(ready(7))))), Poll::Ready(Some(7)));
        assert!(deadlines.waiting.borrow().places.is_empty());
        for _ in 0..3 {
            let mut never = pending::<()>();
            let mut waits = Box::pin(deadlines.within(Monotonic(10), Pin::new(&mut never)));
            assert!(poll(waits.as_mut()).is_pending());
            drop(waits);
            assert!(deadlines.waiting.borrow().is_empty());
            // Its place is somebody else's next.
            deadlines.waiting.borrow_mut().wake_late(Monotonic(10));
        }
        assert_eq!(deadlines.waiting.borrow().places.len(), 1);
    }
}
