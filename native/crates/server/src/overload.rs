//! How much this node takes on: each request asks its own thread, which knows by two loads and two cells of its own
//! ([ADR 26](../../../../docs/decisions/0026-shedding-before-collapse.md)).

use crate::metrics::value;
use crate::shared::Shared;
use crate::thread::Thread;
use portazgo_core::fault::Fault;
use portazgo_core::ids::Id;
use portazgo_core::overload::{Pace, Shedder, Watermark};
use portazgo_core::problem;
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Served by each thread while memory is short: what holds the memory must be able to end.
const LEAST_IN_FLIGHT: u64 = 16;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Descriptors that partners' connections leave free, for segments, the control plane and calls under way.
const RESERVED_DESCRIPTORS: u64 = 64;

/// What one data thread knows of its load.
pub(crate) struct Load {
    most_in_flight: u64,
    shedder: RefCell<Shedder>,
    shedding: Cell<bool>,
    /// Requests that began since the last look.
    begun: Cell<u32>,
    idle: Cell<bool>,
    refusal: String,
}

impl Load {
    pub(crate) fn new(shared: &Shared, index: usize) -> Self {
        Self {
            most_in_flight: shared.config.most_in_flight(index),
            shedder: RefCell::new(Shedder::new(shared.config.limits.backlog())),
            shedding: Cell::new(false),
            begun: Cell::new(0),
            idle: Cell::new(true),
            refusal: refusal(""),
        }
    }

    /// The whole answer, in HTTP/1.1, to a request that is one too many.
    pub(crate) fn refusal(&self) -> &[u8] {
        self.refusal.as_bytes()
    }

    /// Whether this request is one too many.
    pub(crate) fn refuses(&self, thread: &Thread) -> bool {
        self.begun.set(self.begun.get().wrapping_add(1));
        let in_flight = value(&thread.metrics().in_flight);
        in_flight >= self.most_in_flight
            || (in_flight >= LEAST_IN_FLIGHT && thread.shared.levels.is_memory_short())
            || (self.shedding.get() && self.shedder.borrow_mut().sheds())
    }

    /// Whether no request had begun when the queue was looked at last.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle.get()
    }

    /// Look how much stands in the thread's queue: who wakes himself comes behind all that is there, and the time that the
    /// thread has worked until then is what it was. `waited`: since the last look. Returns whether to look again at once.
    pub(crate) async fn look(&self, thread: &Thread, waited: Duration) -> bool {
        self.idle.set(self.begun.replace(0) == 0);
        let (began, before) = (Instant::now(), worked());
        come_again().await;
        let backlog = worked().saturating_sub(before);
        thread.metrics().backlog_us.store(backlog.as_micros() as u64, Ordering::Relaxed);
        let mut shedder = self.shedder.borrow_mut();
        let again = shedder.measured(backlog, self.begun.get(), waited + began.elapsed());
        self.shedding.set(shedder.is_shedding());
        again
    }

    /// Nobody waits for anything.
    pub(crate) fn rest(&self) {
        self.shedding.set(false);
        self.shedder.borrow_mut().rest();
    }
}

/// The time for which this thread has worked. What others take of its core is not in it.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Go behind whatever waits for its turn on this thread.
async fn come_again() {
    let mut there = false;
    poll_fn(|context| {
        if std::mem::replace(&mut there, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The answer to who is one too many; `lines`: further header lines.
pub(crate) fn refusal(lines: &str) -> String {
    let document = problem::document(Fault::GatewayOverloaded, Id::NONE, &[]);
    let length = document.len();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\n\
         cache-control: no-store\r\nretry-after: 1\r\n{lines}\r\n{document}"
    )
}

/// What is looked at beside the data threads, for all of them.
pub(crate) struct Levels {
    memory_short: AtomicBool,
    /// What the process holds in memory, without files; 0: not looked at yet.
    memory_bytes: AtomicU64,
    /// From this descriptor on, connections are turned away.
    most_descriptors: AtomicU64,
}

impl Levels {
    pub(crate) fn new() -> Self {
        Self {
            memory_short: AtomicBool::new(false),
            memory_bytes: AtomicU64::new(0),
            most_descriptors: AtomicU64::new(most_descriptors()),
        }
    }

    pub(crate) fn is_memory_short(&self) -> bool {
        self.memory_short.load(Ordering::Relaxed)
    }

    /// What the process holds in memory, without files.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Whether this connection took one of the descriptors that are kept free: the kernel gives the lowest.
    pub(crate) fn is_out_of_descriptors(&self, connection: &impl AsRawFd) -> bool {
        u64::from(connection.as_raw_fd().unsigned_abs()) >= self.most_descriptors.load(Ordering::Relaxed)
    }
}

/// Take as many descriptors as this process may have: the usual 1,024 are for programs that wait by `select`.
pub(crate) fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Refused: the lower limit stands, and is what is looked at.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn most_descriptors() -> u64 {
    // None: there is no limit.
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    limit - RESERVED_DESCRIPTORS.min(limit / 4)
}

/// Look at memory and limits for as long as the node accepts.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut mark = Watermark::new(shared.config.limits.memory_bytes.unwrap_or(u64::MAX));
    let page = rustix::param::page_size() as u64;
    loop {
        shared.levels.most_descriptors.store(most_descriptors(), Ordering::Relaxed);
        if let Some(pages) = std::fs::read_to_string("/proc/self/statm").ok().and_then(|text| own_pages(&text)) {
            shared.levels.memory_bytes.store(pages * page, Ordering::Relaxed);
            shared.levels.memory_short.store(mark.level(pages * page), Ordering::Relaxed);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Resident pages without those of files, which slabs are (`proc_pid_statm(5)`: size, resident, shared).
fn own_pages(statm: &str) -> Option<u64> {
    let mut numbers = statm.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, of_files) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(resident.saturating_sub(of_files))
}

/// A peer that is waited for, and the timer that ends it. Made when it is waited for the first time.
pub(crate) struct Wait {
    pace: Pace,
    timer: Pin<Box<Sleep>>,
}

impl Wait {
    pub(crate) fn new(bytes_per_second: u64, quiet: Duration) -> Self {
        let mut pace = Pace::new(bytes_per_second, quiet);
        let first = pace.wait(Instant::now().into_std());
        Self { pace, timer: Box::pin(sleep_until(first.into())) }
    }

    /// The peer is waited for. Ready when it is to be given up.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut look = self.pace.wait(Instant::now().into_std());
        // What moved meanwhile has put the time off; the timer is not moved each time, but when it rings.
        while self.timer.as_mut().poll(context).is_ready() {
            let now = Instant::now().into_std();
            if now >= look {
                if self.pace.is_too_slow(now) {
                    return Poll::Ready(());
                }
                look = self.pace.wait(now);
            }
            self.timer.as_mut().reset(look.into());
        }
        Poll::Pending
    }

    /// Whether the peer is waited for now.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.pace.is_waiting()
    }

    /// So many bytes moved.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.pace.moved(bytes as u64, || Instant::now().into_std());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_is_resident_without_files() {
        assert_eq!(own_pages("5000 1200 200 1 0 900 0\n"), Some(1000));
        assert_eq!(own_pages("5000 1200"), None);
    }
}
