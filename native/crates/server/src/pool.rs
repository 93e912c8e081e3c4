//! A data thread's keep-alive connections to backends. Those of HTTP/2 are shared and kept in `multiplex`; the others are here.
//!
//! Backends close idle connections when they like (gunicorn after 2 s), so a connection is kept 1.5 s idle (`pool.idle_ms`)
//! unless the backend says how long it keeps it, and a request that must not be repeated takes only one that was used within
//! the last second, or a new one. Where a target's connections are capped, those that are idle stand in its list too: a call
//! on another thread may close them.

use crate::answers::{Answers, Exchange};
use crate::dial::{Dialled, Dialler};
use crate::metrics::{ThreadMetrics, add, subtract};
use crate::multiplex::{Line, Lines, Seat};
use crate::thread::Thread;
use crate::tls;
use crate::transport::Transport;
use crate::tunnel::Upgraded;
use crate::upstream::{Progress, RequestBody};
use bytes::BytesMut;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use portazgo_core::fault::Fault;
use portazgo_core::forward::{Closing, Http2, Permit, PoolPolicy, TargetState};
use portazgo_core::snapshot::Target;
use portazgo_core::time::Monotonic;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout_at;

/// The longest that a connection may have been idle that takes what must not be repeated; nanoseconds, as all times of this
/// pool.
pub(crate) const FRESH: u64 = 1_000_000_000;
/// The longest that a connection is kept because its backend says so: names may get other addresses meanwhile.
const LONGEST: u64 = 60_000_000_000;
/// So much earlier than the backend a connection is closed: what is under way to it takes its time.
const MARGIN: u64 = 500_000_000;
/// hyper's, for reading and for writing, of one connection to a backend: more than the largest head that our own reading lets
/// pass (64 KiB), and so little that slow readers of large answers hold little.
const HYPER_BUFFER: usize = 128 * 1024;
/// From one look at what is kept to the next.
const SWEEP: Duration = Duration::from_millis(250);
/// Idle connections kept per target and thread: as many as there are calls in flight at most. With fewer, a node that is
/// overloaded would connect anew for most of its calls, and so be able to do less and less. Those not needed end by their age.
const MOST_IDLE: usize = 4096;

/// What a call is sent over.
pub(crate) enum Lease {
    /// A connection that is its own for as long as it lasts.
    Own(Own),
    /// A part of one that many share.
    Shared(Seat),
}

impl Lease {
    /// Which rule the backend broke on it, where that is not told with the answer itself.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self {
            Self::Own(own) => own.exchange.fault(),
            Self::Shared(_) => None,
        }
    }
}

/// What a new connection speaks.
pub(crate) enum Connected {
    /// HTTP/1.1.
    Own(Own),
    /// HTTP/2.
    Line(Rc<Line>),
}

/// A connection of HTTP/1.1 that can take a request.
pub(crate) struct Own {
    pub(crate) sender: SendRequest<RequestBody>,
    /// None: a Unix socket.
    pub(crate) address: Option<SocketAddr>,
    /// What its transport sees.
    pub(crate) exchange: Rc<Exchange>,
    /// It has carried a request before: the backend may be closing it at this very moment.
    pub(crate) reused: bool,
    /// The right to it, where the target's connections are capped.
    permit: Option<Permit>,
    /// How it is told to close while it is idle, likewise.
    closing: Option<Arc<Closing>>,
    /// Carries it.
    task: AbortHandle,
    uploading: Uploading,
}

/// A request's body that is still on its way when its answer begins. Where the answer is whole before it, no backend waits for
/// the rest: the connection ends. Else whoever sends slowly would hold connections beside every cap, under calls that are
/// recorded and over. What the client still sends is read off.
#[derive(Default)]
struct Uploading(Option<(Rc<Progress>, AbortHandle)>);

impl Uploading {
    fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(|(progress, _)| progress.is_whole())
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        if let Some((_, task)) = self.0.as_ref().filter(|_| !self.is_over()) {
            task.abort();
        }
    }
}

impl Own {
    /// The head of an answer has come; `progress`: of the request's body.
    pub(crate) fn answers_beside(&mut self, progress: Option<Rc<Progress>>) {
        let Some(progress) = progress.filter(|body| !body.is_whole()) else { return };
        progress.answers_beside();
        self.uploading = Uploading(Some((progress, self.task.clone())));
    }

    /// With the call's permit, where the target's connections are capped.
    pub(crate) fn under(self, permit: Option<Permit>) -> Lease {
        Lease::Own(Self { permit, ..self })
    }
}

struct Idle {
    sender: SendRequest<RequestBody>,
    address: Option<SocketAddr>,
    exchange: Rc<Exchange>,
    since: Monotonic,
    /// For how long, nanoseconds.
    kept: u64,
    listed: Option<Listed>,
    task: AbortHandle,
}

/// An idle connection in the list of its target; it leaves the list when this is dropped.
pub(crate) struct Listed {
    state: Arc<TargetState>,
    closing: Arc<Closing>,
}

impl Listed {
    /// Of a connection that was just listed.
    pub(crate) fn new(state: &Arc<TargetState>, closing: &Arc<Closing>) -> Self {
        Self { state: Arc::clone(state), closing: Arc::clone(closing) }
    }

    /// Take it from the list. Whether it was told to close before.
    pub(crate) fn was_told_to_close(&self) -> bool {
        !self.state.permits.forget(&self.closing)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.state.permits.forget(&self.closing);
    }
}

/// The idle connections of one target.
struct Shelf {
    target: Arc<Target>,
    idle: Vec<Idle>,
}

/// All idle connections of a thread, by target.
#[derive(Default)]
pub(crate) struct Pool {
    shelves: RefCell<Vec<Shelf>>,
    /// There is nothing on any shelf, so nobody looks.
    resting: Cell<bool>,
    first: Notify,
    dialler: Dialler,
    tls: tls::Outgoing,
    /// Those that are shared.
    pub(crate) lines: Lines,
}

impl Pool {
    /// An idle connection; `fresh`: one that was used within the last second.
    pub(crate) fn take(
        &self,
        target: &Arc<Target>,
        fresh: bool,
        now: Monotonic,
        metrics: &ThreadMetrics,
    ) -> Option<Own> {
        let mut shelves = self.shelves.borrow_mut();
        let idle = &mut shelf_of(&mut shelves, target)?.idle;
        while let Some(candidate) = idle.pop() {
            let age = now.0.saturating_sub(candidate.since.0);
            if fresh && age >= FRESH {
                // The newest was too old, so the rest is too; others may take them still.
                idle.push(candidate);
                return None;
            }
            subtract(&metrics.backend_idle);
            let Idle { sender, address, exchange, kept, listed, task, .. } = candidate;
            if age >= kept {
                continue;
            }
            let told_to_close = listed.as_ref().is_some_and(Listed::was_told_to_close);
            if !told_to_close && exchange.is_clean() && sender.is_ready() {
                add(&metrics.backend_reuses);
                let closing = listed.as_ref().map(|listed| Arc::clone(&listed.closing));
                let uploading = Uploading::default();
                return Some(Own { sender, address, exchange, reused: true, permit: None, closing, task, uploading });
            }
        }
        None
    }

    /// Keep a connection whose answer was read to its end. One that said more than it was asked, or whose request is not whole,
    /// is never used again; a line that is shared stays where it is.
    pub(crate) fn give(&self, target: Arc<Target>, lease: Lease, now: Monotonic, metrics: &ThreadMetrics) {
        let Lease::Own(own) = lease else { return };
        if own.sender.is_closed() || !own.exchange.is_clean() || !own.uploading.is_over() {
            return;
        }
        let Own { sender, address, exchange, permit, closing, task, .. } = own;
        let mut shelves = self.shelves.borrow_mut();
        let place = shelf_of(&mut shelves, &target);
        if place.as_ref().is_some_and(|place| place.idle.len() >= MOST_IDLE) {
            return;
        }
        let listed = match (permit, closing) {
            (None, _) => None,
            (Some(permit), Some(closing)) => {
                if !permit.keep(&closing) {
                    return;
                }
                Some(Listed::new(&target.state, &closing))
            }
            // It was made before there was a cap.
            (Some(_), None) => return,
        };
        let kept = kept(target.idle_ms, exchange.keep_alive_seconds());
        let idle = Idle { sender, address, exchange, since: now, kept, listed, task };
        match place {
            Some(place) => place.idle.push(idle),
            None => shelves.push(Shelf { target, idle: vec![idle] }),
        }
        add(&metrics.backend_idle);
        self.stir();
    }

    /// There is something to look after.
    pub(crate) fn stir(&self) {
        if self.resting.replace(false) {
            self.first.notify_one();
        }
    }

    /// Close what has been idle for its time, and forget targets that no snapshot has any more.
    fn sweep(&self, now: Monotonic, metrics: &ThreadMetrics) {
        let mut shelves = self.shelves.borrow_mut();
        for shelf in shelves.iter_mut() {
            for _ in shelf.idle.extract_if(.., |idle| now.0.saturating_sub(idle.since.0) >= idle.kept) {
                subtract(&metrics.backend_idle);
            }
        }
        shelves.retain(|shelf| !shelf.idle.is_empty() || Arc::strong_count(&shelf.target) > 1);
        self.lines.sweep(now, metrics);
    }

    async fn rest_until_something_is_kept(&self) {
        if self.shelves.borrow().iter().all(|shelf| shelf.idle.is_empty()) && self.lines.is_empty() {
            self.resting.set(true);
            self.first.notified().await;
        }
    }

    /// A new connection, offering HTTP/2 or not. `capped`: it can be told to close while it is idle.
    pub(crate) async fn connect(
        &self,
        target: &Target,
        http2: Http2,
        within: Duration,
        capped: bool,
        now: Monotonic,
        metrics: &ThreadMetrics,
    ) -> Result<Connected, Fault> {
        let ends = tokio::time::Instant::now() + within;
        let Ok(outcome) = timeout_at(ends, self.dialler.connect(target)).await else {
            return Err(Fault::ConnectTimeout);
        };
        let (transport, address) = match (outcome?, &target.tls) {
            (Dialled::Unix(stream), _) => (Transport::Unix(stream), None),
            (Dialled::Tcp(stream, address), None) => (Transport::Plain(stream), Some(address)),
            (Dialled::Tcp(stream, address), Some(rules)) => {
                let shaken = timeout_at(ends, self.tls.shake_hands(rules, &target.address, http2, stream)).await;
                (shaken.unwrap_or(Err(Fault::TlsBackendHandshakeTimeout))?, Some(address))
            }
        };
        add(&metrics.backend_connects);
        if http2 == Http2::PriorKnowledge || (http2 == Http2::Alpn && transport.chose_http2()) {
            let line = timeout_at(ends, Line::open(transport, target, address, now, capped)).await;
            return line.unwrap_or(Err(Fault::ConnectTimeout)).map(Connected::Line);
        }
        let exchange = Rc::new(Exchange::default());
        let answers = Answers::new(transport, Rc::clone(&exchange));
        let mut http = http1::Builder::new();
        http.max_buf_size(HYPER_BUFFER);
        let (sender, connection) = http.handshake(TokioIo::new(answers)).await.map_err(|_| Fault::ConnectFailed)?;
        let connection = until_its_end(connection, Rc::clone(&exchange));
        let closing = capped.then(Arc::<Closing>::default);
        let running = match &closing {
            None => tokio::task::spawn_local(connection),
            Some(closing) => tokio::task::spawn_local(until_told_to_close(Arc::clone(closing), connection)),
        };
        let (task, uploading) = (running.abort_handle(), Uploading::default());
        Ok(Connected::Own(Own { sender, address, exchange, reused: false, permit: None, closing, task, uploading }))
    }
}

/// How long an idle connection is kept, nanoseconds: for `idle_ms`, or for as long as the backend says that it keeps it, a
/// minute at most. Where operators have set `idle_ms`, it is never longer than that.
fn kept(idle_ms: u32, backend_says: Option<u32>) -> u64 {
    let set = u64::from(idle_ms) * 1_000_000;
    let Some(seconds) = backend_says else {
        return set;
    };
    let said = (u64::from(seconds) * 1_000_000_000).saturating_sub(MARGIN);
    said.min(if idle_ms == PoolPolicy::default().idle_ms { LONGEST } else { set })
}

/// Sweep the thread's pool, for as long as the thread lives.
pub(crate) async fn sweep(thread: Rc<Thread>) {
    loop {
        thread.pool.rest_until_something_is_kept().await;
        tokio::time::sleep(SWEEP).await;
        thread.pool.sweep(thread.shared.clock.monotonic(), thread.metrics());
    }
}

/// The shelf of a target. It is nearly always the very object of the last call; another snapshot may have made it anew.
fn shelf_of<'s>(shelves: &'s mut [Shelf], target: &Arc<Target>) -> Option<&'s mut Shelf> {
    if let Some(index) = shelves.iter().position(|shelf| Arc::ptr_eq(&shelf.target, target)) {
        return Some(&mut shelves[index]);
    }
    let shelf = shelves.iter_mut().find(|shelf| shelf.target.key == target.key)?;
    shelf.target = Arc::clone(target);
    Some(shelf)
}

/// A connection ends, or goes on as something else in the hands of who asked for it.
async fn until_its_end(
    mut connection: http1::Connection<TokioIo<Answers<Transport>>, RequestBody>,
    exchange: Rc<Exchange>,
) {
    if (&mut connection).await.is_err() {
        return;
    }
    if let Some(asked) = exchange.upgraded() {
        let http1::Parts { io, read_buf, .. } = connection.into_parts();
        let (stream, rest) = io.into_inner().into_rest();
        let mut early = BytesMut::from(&read_buf[..]);
        early.extend_from_slice(&rest);
        let _ = asked.send(Upgraded { stream, early });
    }
}

/// Dropping the connection closes it.
async fn until_told_to_close(closing: Arc<Closing>, connection: impl Future) {
    let mut connection = std::pin::pin!(connection);
    std::future::poll_fn(|context| {
        let told = closing.poll(context).is_ready();
        if told || connection.as_mut().poll(context).is_ready() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::kept;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_backend_that_says_how_long_it_keeps_a_connection_is_believed() {
        let usual = [None, Some(5), Some(1), Some(0), Some(u32::MAX)].map(|says| kept(1500, says) / MS);
        assert_eq!(usual, [1500, 4500, 500, 0, 60_000]);
    }

    #[test]
    fn what_operators_have_set_is_the_most() {
        assert_eq!([None, Some(5), Some(1)].map(|says| kept(800, says) / MS), [800, 800, 500]);
        assert_eq!([None, Some(5), Some(60)].map(|says| kept(30_000, says) / MS), [30_000, 4500, 30_000]);
        assert_eq!(kept(0, Some(5)), 0);
    }
}
