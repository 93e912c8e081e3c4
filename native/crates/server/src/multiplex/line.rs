//! One connection of HTTP/2 to a target, shared by the calls of a data thread.

use super::watch::Watch;
use crate::metrics::{ThreadMetrics, add, subtract};
use crate::pool::Listed;
use crate::thread::Thread;
use crate::transport::Transport;
use crate::watched::Watched;
use bytes::Bytes;
use h2::client::{self, SendRequest};
use http::uri::{Authority, Scheme};
use portazgo_core::fault::Fault;
use portazgo_core::forward::{Closing, Permit};
use portazgo_core::snapshot::Target;
use portazgo_core::time::Monotonic;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Calls that share a line; more open another one.
pub(super) const STREAMS: usize = 100;
/// What a backend may send of one answer ahead of who takes it.
const STREAM_WINDOW: u32 = 128 * 1024;
/// As much as all of them: a partner that takes nothing holds up nobody but itself.
const LINE_WINDOW: u32 = STREAM_WINDOW * STREAMS as u32;
const FRAME: u32 = 16 * 1024;
/// Beyond our own limit of a head (`answers.rs`), so that ours speaks first.
const HEADER_LIST: u32 = 256 * 1024;
/// What the library holds of one request's body.
const SEND_BUFFER: usize = 64 * 1024;
/// Answers given up before their end, as when partners leave. Backends count them and may end a connection for them, with
/// everybody else's calls on it: it takes no more requests before that.
const MOST_CANCELLED: u32 = 100;
/// Streams that we have reset and still recognize; beyond `MOST_CANCELLED`.
const KNOWN_RESETS: usize = 200;
/// For the last words on a line that nobody uses any more.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// A line. Dropping its last handle closes it.
pub(crate) struct Line {
    /// None: it takes no more requests.
    pub(super) sender: RefCell<Option<SendRequest<Bytes>>>,
    pub(super) watch: Rc<Watch>,
    /// None: a Unix socket.
    pub(crate) address: Option<SocketAddr>,
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    made: Monotonic,
    seats: Cell<usize>,
    cancelled: Cell<u32>,
    idle_since: Cell<Monotonic>,
    /// It counts as an idle connection.
    idle: Cell<bool>,
    /// How it is told to close while it is idle, where the target's connections are capped.
    closing: Option<Arc<Closing>>,
    listed: RefCell<Option<Listed>>,
    ended: Cell<bool>,
    unused: Rc<Notify>,
}

impl Line {
    /// Speak HTTP/2 on a new connection; returns when the backend does too. How long that may take is the caller's to bound.
    pub(crate) async fn open(
        transport: Transport,
        target: &Target,
        address: Option<SocketAddr>,
        made: Monotonic,
        capped: bool,
    ) -> Result<Rc<Self>, Fault> {
        // Targets were checked at apply: host and port, ASCII.
        let authority = Authority::try_from(target.host.as_bytes()).map_err(|_| Fault::ConnectFailed)?;
        let watch = Rc::new(Watch::new());
        let (sender, connection) = client::Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(LINE_WINDOW)
            .max_frame_size(FRAME)
            .max_header_list_size(HEADER_LIST)
            .max_send_buffer_size(SEND_BUFFER)
            .max_concurrent_reset_streams(KNOWN_RESETS)
            .handshake::<_, Bytes>(Watched::of_backend(transport, Rc::clone(&watch)))
            .await
            .map_err(|_| Fault::BackendResetBeforeHeaders)?;
        let unused = Rc::new(Notify::new());
        let closing = capped.then(Arc::<Closing>::default);
        let line = Rc::new(Self {
            sender: RefCell::new(Some(sender)),
            watch: Rc::clone(&watch),
            address,
            scheme: if target.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP },
            authority,
            made,
            seats: Cell::new(0),
            cancelled: Cell::new(0),
            idle_since: Cell::new(made),
            idle: Cell::new(false),
            closing: closing.clone(),
            listed: RefCell::new(None),
            ended: Cell::new(false),
            unused: Rc::clone(&unused),
        });
        tokio::task::spawn_local(drive(Rc::downgrade(&line), closing, unused, connection));
        // A server of HTTP/1.1 says something else, or nothing: no request has been sent to it then.
        watch.settled().await;
        if watch.is_settled() {
            return Ok(line);
        }
        Err(watch.fault().unwrap_or(Fault::BackendResetBeforeHeaders))
    }

    /// Whether it may be given requests.
    pub(super) fn is_open(&self) -> bool {
        !self.ended.get() && self.watch.fault().is_none() && !self.watch.is_leaving() && self.sender.borrow().is_some()
    }

    /// How many calls it takes at once: what the backend allows, and one at least, which then waits for its leave.
    pub(super) fn room(&self) -> usize {
        self.sender.borrow().as_ref().map_or(1, |sender| sender.current_max_send_streams().clamp(1, STREAMS))
    }

    /// Give it no more requests; it closes when those that are under way have ended.
    pub(crate) fn retire(&self) {
        let sender = self.sender.borrow_mut().take();
        drop(sender);
    }

    /// An answer was given up before its end.
    pub(super) fn note_cancelled(&self) {
        self.cancelled.set(self.cancelled.get() + 1);
        if self.cancelled.get() >= MOST_CANCELLED {
            self.retire();
        }
    }

    /// It was there when the call began.
    pub(super) fn is_older_than(&self, began: Monotonic) -> bool {
        self.made < began
    }

    /// Nobody has used it for so long, nanoseconds.
    pub(super) fn is_idle_for(&self, nanoseconds: u64, now: Monotonic) -> bool {
        self.seats.get() == 0 && now.0.saturating_sub(self.idle_since.get().0) >= nanoseconds
    }

    /// It is idle no more, or not there any more.
    pub(super) fn leaves_the_idle(&self, metrics: &ThreadMetrics) {
        if self.idle.replace(false) {
            subtract(&metrics.backend_idle);
        }
        drop(self.listed.borrow_mut().take());
    }

    /// Take part in it. None: there is no room, it was idle for too long, or it was told to close.
    pub(crate) fn take_seat(self: &Rc<Self>, thread: &Rc<Thread>, longest: u64, began: Monotonic) -> Option<Seat> {
        if self.seats.get() >= self.room() {
            return None;
        }
        let reused = self.is_older_than(began);
        let was_idle = self.seats.get() == 0;
        if was_idle {
            if reused && self.is_idle_for(longest, thread.shared.clock.monotonic()) {
                return None;
            }
            let listed = self.listed.borrow_mut().take();
            if listed.is_some_and(|listed| listed.was_told_to_close()) {
                return None;
            }
            self.leaves_the_idle(thread.metrics());
        }
        self.seats.set(self.seats.get() + 1);
        Some(Seat { line: Rc::clone(self), thread: Rc::clone(thread), reused, was_idle, permit: None, target: None })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.unused.notify_one();
    }
}

/// A call's part in a line. Its answer must be gone before it.
pub(crate) struct Seat {
    pub(crate) line: Rc<Line>,
    thread: Rc<Thread>,
    /// The line is older than the call: the backend may be closing it at this very moment.
    pub(crate) reused: bool,
    /// Nobody else was on it.
    pub(crate) was_idle: bool,
    /// The right to call, where the target's connections are capped.
    permit: Option<Permit>,
    /// Whose cap it is.
    target: Option<Arc<Target>>,
}

impl Seat {
    /// With the call's permit, where the target's connections are capped.
    pub(crate) fn under(mut self, permit: Option<Permit>, target: &Arc<Target>) -> Self {
        if permit.is_some() {
            self.target = Some(Arc::clone(target));
        }
        self.permit = permit;
        self
    }
}

impl Drop for Seat {
    /// The last one leaves the line idle, under the same cap as any other connection.
    fn drop(&mut self) {
        let line = &self.line;
        line.seats.set(line.seats.get() - 1);
        if line.seats.get() > 0 {
            return;
        }
        line.idle_since.set(self.thread.shared.clock.monotonic());
        if !line.is_open() {
            return;
        }
        match (&self.permit, &self.target, &line.closing) {
            (None, ..) => {}
            (Some(permit), Some(target), Some(closing)) if permit.keep(closing) => {
                *line.listed.borrow_mut() = Some(Listed::new(&target.state, closing));
            }
            // There is no room for it, or it was made before there was a cap.
            _ => return line.retire(),
        }
        line.idle.set(true);
        add(&self.thread.metrics().backend_idle);
    }
}

/// Tells that a line has ended, by a panic of the library too.
struct Ends(Weak<Line>, Rc<Watch>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.1.ended();
        if let Some(line) = self.0.upgrade() {
            line.ended.set(true);
        }
    }
}

async fn drive(line: Weak<Line>, closing: Option<Arc<Closing>>, unused: Rc<Notify>, connection: impl Future) {
    let Some(watch) = line.upgrade().map(|line| Rc::clone(&line.watch)) else { return };
    let _ends = Ends(Weak::clone(&line), watch);
    let mut connection = pin!(connection);
    let mut told = false;
    let mut runs = pin!(poll_fn(|context| {
        if !told
            && let Some(closing) = &closing
            && closing.poll(context).is_ready()
        {
            told = true;
            line.upgrade().inspect(|line| line.retire());
        }
        connection.as_mut().poll(context).map(drop)
    }));
    let mut unused = pin!(unused.notified());
    let is_unused = poll_fn(|context| match runs.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(false),
        Poll::Pending => unused.as_mut().poll(context).map(|()| true),
    })
    .await;
    if is_unused {
        let _ = timeout(CLOSE_TIME, runs).await;
    }
}
