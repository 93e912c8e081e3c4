//! A data thread's lines by target, and the dials that make them. However many calls want a line that is not there, one dial
//! makes it for all that will fit on it.

use super::line::{Line, STREAMS, Seat};
use crate::metrics::{ThreadMetrics, add};
use crate::pool::{Connected, Own};
use crate::thread::Thread;
use portazgo_core::fault::Fault;
use portazgo_core::snapshot::Target;
use portazgo_core::time::Monotonic;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// What a call wants of a line.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// When the call began: a line that is older may be closing.
    pub(crate) began: Monotonic,
    /// The longest that a line may have been idle, nanoseconds.
    pub(crate) longest: u64,
    /// An older line turned out to be closed.
    pub(crate) only_new: bool,
}

/// What a dial found.
#[derive(Clone)]
pub(crate) enum Found {
    /// The backend speaks HTTP/2.
    Line(Rc<Line>),
    /// Both sides agreed on HTTP/1.1.
    Http1,
}

/// A line in the making.
#[derive(Default)]
struct Dial {
    outcome: OnceCell<Result<Found, Fault>>,
    /// The connection itself, where it speaks HTTP/1.1: for one of those who wait.
    own: RefCell<Option<Own>>,
    waiting: Cell<usize>,
    done: Notify,
}

/// One who waits for a dial.
pub(crate) struct Waiter(Rc<Dial>);

impl Waiter {
    pub(crate) async fn outcome(&self) -> Result<Found, Fault> {
        loop {
            let done = self.0.done.notified();
            if let Some(outcome) = self.0.outcome.get() {
                return outcome.clone();
            }
            done.await;
        }
    }

    /// The connection of HTTP/1.1; None: another one has it.
    pub(crate) fn take_own(&self) -> Option<Own> {
        self.0.own.borrow_mut().take()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

/// The lines of one target.
struct Shelf {
    target: Arc<Target>,
    lines: Vec<Rc<Line>>,
    dials: Vec<Rc<Dial>>,
    /// Calls that fit on a line, as the last one had it.
    room: usize,
    /// The last dial found HTTP/1.1.
    http1: bool,
}

/// All lines of a thread.
#[derive(Default)]
pub(crate) struct Lines(RefCell<Vec<Shelf>>);

impl Lines {
    /// Whether the target chose HTTP/1.1 when it was asked last.
    pub(crate) fn chose_http1(&self, target: &Arc<Target>) -> bool {
        shelf_of(&mut self.0.borrow_mut(), target).http1
    }

    /// Take part in a line that is there.
    pub(crate) fn join(&self, thread: &Rc<Thread>, target: &Arc<Target>, wanted: Wanted) -> Option<Seat> {
        let mut shelves = self.0.borrow_mut();
        let lines = &shelf_of(&mut shelves, target).lines;
        let mut seats = lines.iter().filter(|line| line.is_open()).filter_map(|line| {
            if wanted.only_new && line.is_older_than(wanted.began) {
                return None;
            }
            line.take_seat(thread, wanted.longest, wanted.began)
        });
        let seat = seats.next()?;
        add(&thread.metrics().backend_reuses);
        Some(seat)
    }

    /// Wait for a line in the making, or have one made. It is made even where the caller leaves.
    pub(crate) fn dial(&self, thread: &Rc<Thread>, target: &Arc<Target>, within: Duration, capped: bool) -> Waiter {
        let mut shelves = self.0.borrow_mut();
        let place = shelf_of(&mut shelves, target);
        let with_room = place.dials.iter().find(|dial| dial.waiting.get() < place.room).map(Rc::clone);
        let dial = with_room.unwrap_or_else(|| {
            let dial = Rc::<Dial>::default();
            place.dials.push(Rc::clone(&dial));
            let making = Making { thread: Rc::clone(thread), target: Arc::clone(target), dial: Rc::clone(&dial) };
            tokio::task::spawn_local(making.run(within, capped));
            dial
        });
        dial.waiting.set(dial.waiting.get() + 1);
        Waiter(dial)
    }

    /// A call that expected HTTP/1.1 made a line.
    pub(crate) fn found(&self, target: &Arc<Target>, line: Rc<Line>) {
        let mut shelves = self.0.borrow_mut();
        let place = shelf_of(&mut shelves, target);
        place.http1 = false;
        place.lines.push(line);
    }

    fn settle(&self, target: &Arc<Target>, dial: &Rc<Dial>, outcome: Result<Connected, Fault>) {
        let mut shelves = self.0.borrow_mut();
        let place = shelf_of(&mut shelves, target);
        place.dials.retain(|one| !Rc::ptr_eq(one, dial));
        let found = outcome.map(|connected| match connected {
            Connected::Line(line) => {
                place.room = line.room();
                place.http1 = false;
                // Where nobody waits any more, it closes again: it would be idle beside the cap.
                if dial.waiting.get() > 0 {
                    place.lines.push(Rc::clone(&line));
                }
                Found::Line(line)
            }
            Connected::Own(own) => {
                place.http1 = true;
                *dial.own.borrow_mut() = Some(own);
                Found::Http1
            }
        });
        let _ = dial.outcome.set(found);
        dial.done.notify_waiters();
    }

    /// Close what has been idle for its time, and forget what has ended and targets that no snapshot has any more.
    pub(crate) fn sweep(&self, now: Monotonic, metrics: &ThreadMetrics) {
        self.0.borrow_mut().retain_mut(|shelf| {
            let kept = u64::from(shelf.target.idle_ms) * 1_000_000;
            shelf.lines.retain(|line| {
                let stays = line.is_open() && !line.is_idle_for(kept, now);
                if !stays {
                    line.retire();
                    line.leaves_the_idle(metrics);
                }
                stays
            });
            !shelf.lines.is_empty() || !shelf.dials.is_empty() || Arc::strong_count(&shelf.target) > 1
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().iter().all(|shelf| shelf.lines.is_empty())
    }
}

/// The shelf of a target, as in the pool; here it is made where there is none.
fn shelf_of<'s>(shelves: &'s mut Vec<Shelf>, target: &Arc<Target>) -> &'s mut Shelf {
    let same = |shelf: &Shelf| Arc::ptr_eq(&shelf.target, target);
    let index = shelves.iter().position(same).or_else(|| {
        let index = shelves.iter().position(|shelf| shelf.target.key == target.key)?;
        shelves[index].target = Arc::clone(target);
        Some(index)
    });
    let index = index.unwrap_or_else(|| {
        let target = Arc::clone(target);
        shelves.push(Shelf { target, lines: Vec::new(), dials: Vec::new(), room: STREAMS, http1: false });
        shelves.len() - 1
    });
    &mut shelves[index]
}

/// The task that makes a line. Whatever becomes of it, those who wait are told.
struct Making {
    thread: Rc<Thread>,
    target: Arc<Target>,
    dial: Rc<Dial>,
}

impl Making {
    async fn run(self, within: Duration, capped: bool) {
        let Self { thread, target, .. } = &self;
        let now = thread.shared.clock.monotonic();
        let outcome = thread.pool.connect(target, target.http2, within, capped, now, thread.metrics()).await;
        thread.pool.lines.settle(target, &self.dial, outcome);
        thread.pool.stir();
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if self.dial.outcome.get().is_none() {
            self.thread.pool.lines.settle(&self.target, &self.dial, Err(Fault::ConnectFailed));
        }
    }
}
