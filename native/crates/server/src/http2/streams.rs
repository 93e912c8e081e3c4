//! Streams under way: how fast the client of each takes its answer, and the way to end one of them.
//!
//! The library waits for a stream's window inside its own future, where nobody asks the answer's body. So that future can
//! be dropped from here: the library resets the stream then, and the connection goes on.

use crate::config::Limits;
use crate::phases::framing::Wire;
use portazgo_core::fault::Fault;
use portazgo_core::overload::Pace;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::time::Instant;

/// The streams of one connection. Their places are used again and again.
#[derive(Default)]
pub(super) struct Streams {
    places: RefCell<Vec<Place>>,
    free: RefCell<Vec<usize>>,
    /// Those whose future has ended, the first first.
    left: RefCell<VecDeque<usize>>,
    /// Whose future is being polled.
    polled: Cell<usize>,
}

struct Place {
    /// Counts what was sent; None: the service has not begun.
    wire: Option<Rc<Wire>>,
    /// When this was looked at last.
    written: u64,
    pace: Pace,
    /// The next move is the client's.
    clients_turn: bool,
    /// Of the stream's future; None: it has not waited yet, or it has ended.
    waker: Option<Waker>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody's.
    Free,
    Running,
    /// The client is too slow: the future is to be dropped.
    Condemned,
    /// The future has ended; the library may still hold bytes for the client.
    Left,
}

impl Streams {
    /// Take a place for a stream that begins.
    pub(super) fn enter(&self, limits: &Limits) -> usize {
        let place = Place {
            wire: None,
            written: 0,
            pace: Pace::new(limits.body_bytes_per_second, limits.write_time()),
            clients_turn: false,
            waker: None,
            state: State::Running,
        };
        let mut places = self.places.borrow_mut();
        let mut free = self.free.borrow_mut();
        let mut left = self.left.borrow_mut();
        while let Some(&first) = left.front()
            && places[first].gives_way()
        {
            free.extend(left.pop_front());
        }
        if let Some(index) = free.pop() {
            places[index] = place;
            return index;
        }
        places.push(place);
        places.len() - 1
    }

    /// Poll a stream's future, unless the stream is condemned: then it is ready, to be dropped.
    pub(super) fn poll<F: Future<Output = ()>>(
        &self,
        index: usize,
        future: Pin<&mut F>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        if self.places.borrow()[index].state == State::Condemned {
            return Poll::Ready(());
        }
        self.polled.set(index);
        let polled = future.poll(context);
        if polled.is_pending() {
            let place = &mut self.places.borrow_mut()[index];
            if !place.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                place.waker = Some(context.waker().clone());
            }
        }
        polled
    }

    /// The service begins to answer the stream whose future is being polled. Returns its place.
    pub(super) fn begin(&self, wire: &Rc<Wire>) -> usize {
        let index = self.polled.get();
        self.places.borrow_mut()[index].wire = Some(Rc::clone(wire));
        index
    }

    /// Whose move the stream waits for.
    pub(super) fn turn(&self, index: usize, clients: bool) {
        self.places.borrow_mut()[index].clients_turn = clients;
    }

    /// The stream's future has ended.
    pub(super) fn leave(&self, index: usize) {
        let place = &mut self.places.borrow_mut()[index];
        place.waker = None;
        place.state = State::Left;
        self.left.borrow_mut().push_back(index);
    }

    /// Look how fast the clients take their answers, and end who is too slow, or waits for more than it may have. Returns
    /// whether one of them can only be ended with the whole connection, since the library has everything already.
    pub(super) fn look(&self, now: Instant) -> bool {
        let mut beyond_reach = false;
        for place in self.places.borrow_mut().iter_mut() {
            if place.gives_way() {
                continue;
            }
            let fault = match place.is_too_slow(now) {
                true => Fault::SlowReader,
                false if place.has_lost_access() => Fault::AccessEnded,
                false => continue,
            };
            if place.state == State::Left {
                beyond_reach = true;
                continue;
            }
            place.state = State::Condemned;
            if let Some(wire) = &place.wire {
                wire.give_up(fault);
            }
            if let Some(waker) = place.waker.take() {
                waker.wake();
            }
        }
        beyond_reach
    }
}

impl Place {
    /// Whether nobody holds a byte of its answer any more: then it can be another stream's.
    fn gives_way(&mut self) -> bool {
        if self.state == State::Left && self.wire.as_ref().is_none_or(|wire| Rc::strong_count(wire) == 1) {
            self.wire = None;
            self.state = State::Free;
        }
        self.state == State::Free
    }

    /// Whether it waits for the client, whose access has ended. One that waits for the backend looks for itself.
    fn has_lost_access(&self) -> bool {
        let holder = || self.wire.as_ref().and_then(|wire| wire.holder());
        self.state == State::Running && self.clients_turn && holder().is_some_and(|holder| !holder.may_stay())
    }

    fn is_too_slow(&mut self, now: Instant) -> bool {
        let now = now.into_std();
        let waits = match self.state {
            State::Free | State::Condemned => return false,
            State::Running => self.clients_turn,
            State::Left => true,
        };
        let written = self.wire.as_ref().map_or(0, |wire| wire.written());
        let moved = written - std::mem::replace(&mut self.written, written);
        if moved > 0 || !waits {
            self.pace.moved(moved, || now);
        }
        if !waits {
            return false;
        }
        self.pace.wait(now);
        self.pace.is_too_slow(now)
    }
}
