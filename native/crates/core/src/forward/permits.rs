//! A cap on the connections to one target, over all threads of a node.
//!
//! A call holds a permit; a connection that is kept idle stands in a list. Together they never exceed the cap: where a call
//! must connect and the rest is idle on other threads, the one that is idle longest is closed. Who finds all permits taken waits
//! in a queue, first come, first served.

use super::state::TargetState;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The permits of one target.
#[derive(Debug, Default)]
pub struct Permits(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    /// As the newest call said: a change of the cap counts from there on.
    most: u32,
    calls: u32,
    waiting: VecDeque<Arc<Place>>,
    idle: VecDeque<Arc<Closing>>,
}

/// A place in the queue.
#[derive(Debug, Default)]
struct Place(Mutex<Turn>);

#[derive(Debug, Default)]
enum Turn {
    #[default]
    Waits,
    Watched(Waker),
    /// A permit was given to it.
    Came,
}

/// How a connection that is kept idle is told to close.
#[derive(Debug, Default)]
pub struct Closing(Mutex<Close>);

#[derive(Debug, Default)]
enum Close {
    #[default]
    No,
    Watched(Waker),
    Now,
}

impl Closing {
    /// Resolves when the connection is to be closed.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut close = lock(&self.0);
        if matches!(*close, Close::Now) {
            return Poll::Ready(());
        }
        *close = Close::Watched(context.waker().clone());
        Poll::Pending
    }

    fn close(&self) {
        let before = std::mem::replace(&mut *lock(&self.0), Close::Now);
        if let Close::Watched(waker) = before {
            waker.wake();
        }
    }
}

/// The right to call a target; given back when it is dropped.
#[derive(Debug)]
pub struct Permit(Arc<TargetState>);

/// What came of asking.
#[derive(Debug)]
pub enum Asked {
    /// It may call.
    Now(Permit),
    /// It is in the queue.
    Wait(Waiting),
    /// The queue is full.
    Full,
}

/// A call in the queue; it leaves it when it is dropped.
#[derive(Debug)]
pub struct Waiting {
    target: Arc<TargetState>,
    place: Arc<Place>,
    /// Its permit is with somebody who gives it back.
    done: bool,
}

impl Waiting {
    /// Resolves when it is this call's turn.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Permit> {
        let mut turn = lock(&self.place.0);
        if matches!(*turn, Turn::Came) {
            self.done = true;
            return Poll::Ready(Permit(Arc::clone(&self.target)));
        }
        *turn = Turn::Watched(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let mut queue = self.target.permits.lock();
        if matches!(*lock(&self.place.0), Turn::Came) {
            queue.calls -= 1;
            queue.admit_next();
        } else {
            queue.waiting.retain(|place| !Arc::ptr_eq(place, &self.place));
        }
    }
}

impl Permit {
    /// Ask for a permit under this cap, with this many others in the queue at most.
    pub fn ask(target: &Arc<TargetState>, most: u32, waiting: u32) -> Asked {
        let mut queue = target.permits.lock();
        queue.most = most;
        queue.admit_next();
        if queue.calls < most && queue.waiting.is_empty() {
            queue.calls += 1;
            return Asked::Now(Self(Arc::clone(target)));
        }
        if queue.waiting.len() >= waiting as usize {
            return Asked::Full;
        }
        let place = Arc::default();
        queue.waiting.push_back(Arc::clone(&place));
        drop(queue);
        Asked::Wait(Waiting { target: Arc::clone(target), place, done: false })
    }

    /// Close idle connections, longest idle first, until one more fits under the cap.
    pub fn make_room(&self) {
        let mut queue = self.0.permits.lock();
        while queue.calls as usize + queue.idle.len() > queue.most as usize {
            let Some(longest) = queue.idle.pop_front() else { return };
            longest.close();
        }
    }

    /// The connection that it called over is kept; the permit is to be given back after that. False: there is no room for it.
    pub fn keep(&self, closing: &Arc<Closing>) -> bool {
        let mut queue = self.0.permits.lock();
        let room = (queue.calls as usize + queue.idle.len()) <= queue.most as usize;
        if room {
            queue.idle.push_back(Arc::clone(closing));
        }
        room
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut queue = self.0.permits.lock();
        queue.calls -= 1;
        queue.admit_next();
    }
}

impl Permits {
    /// A connection is idle no more. False: it was told to close before.
    pub fn forget(&self, closing: &Arc<Closing>) -> bool {
        let mut queue = self.lock();
        // The newest is taken first.
        let found = queue.idle.iter().rposition(|one| Arc::ptr_eq(one, closing));
        found.is_some_and(|index| queue.idle.remove(index).is_some())
    }

    /// Calls that hold a permit, idle connections, calls that wait.
    pub fn counts(&self) -> (u32, usize, usize) {
        let queue = self.lock();
        (queue.calls, queue.idle.len(), queue.waiting.len())
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0)
    }
}

impl Queue {
    fn admit_next(&mut self) {
        while self.calls < self.most
            && let Some(next) = self.waiting.pop_front()
        {
            self.calls += 1;
            let before = std::mem::replace(&mut *lock(&next.0), Turn::Came);
            if let Turn::Watched(waker) = before {
                waker.wake();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(target: &Arc<TargetState>, most: u32) -> Permit {
        match Permit::ask(target, most, 0) {
            Asked::Now(permit) => permit,
            other => panic!("{other:?}"),
        }
    }

    fn wait(target: &Arc<TargetState>, most: u32) -> Waiting {
        match Permit::ask(target, most, 10) {
            Asked::Wait(waiting) => waiting,
            other => panic!("{other:?}"),
        }
    }

    fn poll(waiting: &mut Waiting) -> Option<Permit> {
        match waiting.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    #[test]
    fn who_waits_is_served_in_order_and_who_leaves_gives_up_its_turn() {
        let target = Arc::default();
        let held = now(&target, 1);
        let [mut first, second, mut third] = [(); 3].map(|()| wait(&target, 1));
        assert!(poll(&mut first).is_none());
        assert!(matches!(Permit::ask(&target, 1, 3), Asked::Full));
        assert_eq!(target.permits.counts(), (1, 0, 3));
        drop(held);
        // The permit is the first's already, whether or not it has looked.
        assert!(matches!(Permit::ask(&target, 1, 2), Asked::Full));
        drop(second);
        drop(first);
        let permit = poll(&mut third).unwrap();
        assert_eq!(target.permits.counts(), (1, 0, 0));
        drop(permit);
        drop(third);
        assert_eq!(target.permits.counts(), (0, 0, 0));
    }

    #[test]
    fn calls_and_idle_connections_stay_under_the_cap_together() {
        let target = Arc::default();
        let [one, two]: [Arc<Closing>; 2] = Default::default();
        let (first, second) = (now(&target, 2), now(&target, 2));
        for (permit, closing) in [(first, &one), (second, &two)] {
            assert!(permit.keep(closing));
        }
        assert_eq!(target.permits.counts(), (0, 2, 0));
        // A new connection takes the place of the one that is idle longest.
        let permit = now(&target, 2);
        permit.make_room();
        assert!(matches!(*lock(&one.0), Close::Now));
        assert!(!target.permits.forget(&one) && target.permits.forget(&two));
        assert_eq!(target.permits.counts(), (1, 0, 0));
    }

    /// Wakes a thread.
    struct Unpark(std::thread::Thread);

    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    /// A permit, waited for where that is needed; None where the caller leaves the queue after one look.
    fn enter(target: &Arc<TargetState>, leaves: bool) -> Option<Permit> {
        let mut waiting = match Permit::ask(target, 3, 100) {
            Asked::Now(permit) => return Some(permit),
            Asked::Wait(waiting) => waiting,
            Asked::Full => panic!("the queue holds everybody"),
        };
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        loop {
            match waiting.poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(permit) => return Some(permit),
                Poll::Pending if leaves => return None,
                Poll::Pending => std::thread::park(),
            }
        }
    }

    #[test]
    fn many_threads_never_hold_more_than_the_cap_and_leave_nothing_behind() {
        let target = Arc::default();
        let (inside, most) = (std::sync::atomic::AtomicU32::new(0), std::sync::atomic::AtomicU32::new(0));
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (target, inside, most) = (&target, &inside, &most);
                scope.spawn(move || {
                    for round in 0..500 {
                        let Some(permit) = enter(target, (thread + round) % 5 == 0) else { continue };
                        most.fetch_max(inside.fetch_add(1, order) + 1, order);
                        std::thread::yield_now();
                        inside.fetch_sub(1, order);
                        let closing = Arc::default();
                        if permit.keep(&closing) {
                            drop(permit);
                            target.permits.forget(&closing);
                        }
                    }
                });
            }
        });
        assert!((1..=3).contains(&most.load(order)));
        assert_eq!(target.permits.counts(), (0, 0, 0));
    }

    #[test]
    fn a_cap_that_is_raised_lets_the_waiting_in() {
        let target = Arc::default();
        let _held = now(&target, 1);
        let mut waiting = wait(&target, 1);
        let _more = now(&target, 3);
        assert!(poll(&mut waiting).is_some());
    }
}
