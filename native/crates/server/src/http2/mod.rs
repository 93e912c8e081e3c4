//! One client connection that speaks HTTP/2: hyper over a transport that counts its frames, each stream one call through the
//! same phases, and one record for what the library ended without telling us.

mod body;
mod streams;

use crate::config::Limits;
use crate::phases;
use crate::phases::framing::Wire;
use crate::phases::record;
use crate::thread::{Leave, Thread};
use crate::transport::Transport;
use crate::watched::{Watched, Watcher, broken_off};
use body::StreamBody;
use bytes::BytesMut;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use portazgo_core::fault::Fault;
use portazgo_core::framing::http2::{Budget, FrameScan};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use streams::Streams;
use tokio::sync::Notify;
use tokio::time::Instant;

const STREAMS: u32 = 100;
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const FRAME: u32 = 16 * 1024;
/// What the library holds of one answer.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that a client cancels before we have even seen them.
const UNSEEN_RESETS: usize = 20;
/// Beyond our own budget, so that ours speaks first.
const BROKEN_STREAMS: usize = 100;
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIME: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What transport, streams and answers of one connection share.
pub(super) struct Connection {
    /// Calls are final when this one's transport has flushed them.
    wire: Rc<Wire>,
    budget: RefCell<Budget>,
    /// Streams that reached the service.
    served: Cell<u32>,
    /// Streams under way.
    open: Cell<u32>,
    /// Answers, or pieces of them, that wait for the client.
    waiting: Cell<u32>,
    /// When the client last took something, or a first answer began to wait.
    progress: Cell<Instant>,
    /// When the last stream ended.
    idle_since: Cell<Instant>,
    /// Why we end the connection.
    verdict: Cell<Option<Fault>>,
    ended: Notify,
    streams: Streams,
}

impl Connection {
    fn new(wire: Rc<Wire>, budget: Budget) -> Self {
        Self {
            wire,
            budget: RefCell::new(budget),
            served: Cell::new(0),
            open: Cell::new(0),
            waiting: Cell::new(0),
            progress: Cell::new(Instant::now()),
            idle_since: Cell::new(Instant::now()),
            verdict: Cell::new(None),
            ended: Notify::new(),
            streams: Streams::default(),
        }
    }

    fn end(&self, fault: Fault) {
        if self.verdict.get().is_none() {
            self.verdict.set(Some(fault));
        }
        self.ended.notify_one();
    }

    fn begins_to_wait(&self) {
        if self.waiting.replace(self.waiting.get() + 1) == 0 {
            self.progress.set(Instant::now());
        }
    }

    fn waits_no_more(&self) {
        self.waiting.set(self.waiting.get().saturating_sub(1));
        self.progress.set(Instant::now());
    }

    fn stream_begins(&self) {
        self.served.set(self.served.get() + 1);
        self.open.set(self.open.get() + 1);
    }

    fn stream_ends(&self) {
        self.open.set(self.open.get().saturating_sub(1));
        self.idle_since.set(Instant::now());
    }

    /// How many streams the library ended without the service: refused, malformed, too large.
    fn unserved(&self) -> u32 {
        let counted = self.budget.borrow().counted();
        counted.streams.saturating_sub(self.served.get()).max(counted.broken)
    }
}

/// Serve a connection that begins with `received`.
pub(crate) async fn serve(thread: Rc<Thread>, transport: Transport, received: BytesMut, client: SocketAddr) {
    let began = thread.shared.clock.wall();
    let wire = Rc::new(Wire::new(client, &transport));
    let budget = Budget::new(thread.shared.clock.monotonic());
    let connection = Rc::new(Connection::new(wire, budget));
    let broken = run(&thread, transport, received, &connection).await;
    let unserved = connection.unserved();
    let verdict = connection.verdict.get().or((broken || unserved > 0).then_some(Fault::Http2ProtocolError));
    if let Some(fault) = verdict {
        let count = if fault == Fault::Http2ResetFlood {
            let counted = connection.budget.borrow().counted();
            counted.cancelled.max(counted.broken)
        } else {
            unserved
        };
        record::connection(&thread, client, began, fault, count.max(1));
    }
}

/// Counts a client's frames against its budget.
struct Counting {
    connection: Rc<Connection>,
    thread: Rc<Thread>,
}

impl Counting {
    fn over_budget(&self, fault: Fault) -> io::Error {
        self.connection.end(fault);
        broken_off(fault)
    }
}

impl Watcher for Counting {
    fn received(&self, scan: &mut FrameScan, bytes: &[u8]) -> io::Result<()> {
        let now = self.thread.shared.clock.monotonic();
        let mut budget = self.connection.budget.borrow_mut();
        scan.advance(bytes, |frame| budget.received(frame, now)).map_err(|fault| self.over_budget(fault))
    }

    fn sent(&self, scan: &mut FrameScan, bytes: &[u8]) -> io::Result<()> {
        let mut budget = self.connection.budget.borrow_mut();
        scan.advance(bytes, |frame| budget.sent(frame)).map_err(|fault| self.over_budget(fault))
    }

    fn flushed(&self) {
        self.connection.wire.flushed();
    }
}

/// Returns whether the library ended the connection over a broken rule.
async fn run(thread: &Rc<Thread>, transport: Transport, received: BytesMut, shared: &Rc<Connection>) -> bool {
    let limits = thread.shared.config.limits;
    let mut leave = thread.leave_signal();
    let service = service_fn({
        let (thread, shared) = (Rc::clone(thread), Rc::clone(shared));
        move |request| stream(Rc::clone(&thread), Rc::clone(&shared), request)
    });
    let counting = Counting { connection: Rc::clone(shared), thread: Rc::clone(thread) };
    let transport = Watched::of_client(transport, received, counting);
    let serving = http2::Builder::new(OnThisThread { connection: Rc::clone(shared), limits })
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_local_error_reset_streams(BROKEN_STREAMS)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIME)
        .serve_connection(TokioIo::new(transport), service);
    let mut serving = pin!(serving);
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut leaving = false;
    loop {
        tokio::select! {
            outcome = serving.as_mut() => return outcome.is_err_and(|error| is_broken_rule(&error)),
            // Dropping it closes the connection, and every stream's call with it.
            () = shared.ended.notified() => return false,
            _ = leave.wait_for(|leave| *leave >= Leave::Politely), if !leaving => {
                leaving = true;
                serving.as_mut().graceful_shutdown();
            }
            _ = look.tick() => {
                let stalled = shared.waiting.get() > 0 && shared.progress.get().elapsed() > limits.write_time();
                if shared.streams.look(Instant::now()) || stalled {
                    shared.end(Fault::SlowReader);
                } else if shared.open.get() == 0 {
                    let idle = shared.idle_since.get().elapsed();
                    if shared.budget.borrow().counted().frames == 0 && idle > limits.head_time() {
                        shared.end(Fault::ClientIdle);
                    } else if idle > limits.keep_alive() && !leaving {
                        leaving = true;
                        serving.as_mut().graceful_shutdown();
                    }
                }
            }
        }
    }
}

/// One stream: a wire of its own counts its bytes, and its call waits for the connection's transport.
async fn stream(
    thread: Rc<Thread>,
    connection: Rc<Connection>,
    request: hyper::Request<hyper::body::Incoming>,
) -> Result<hyper::Response<StreamBody>, Infallible> {
    let wire = Rc::new(Wire::of_stream(&connection.wire));
    let open = OpenStream::new(Rc::clone(&connection), &wire);
    let response = phases::serve_stream(&thread, &wire, request).await;
    let (head, body) = response.into_parts();
    let listed: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    wire.note_written(listed);
    Ok(hyper::Response::from_parts(head, StreamBody::new(body, wire, open)))
}

/// A stream under way.
pub(super) struct OpenStream {
    connection: Rc<Connection>,
    place: usize,
}

impl OpenStream {
    fn new(connection: Rc<Connection>, wire: &Rc<Wire>) -> Self {
        connection.stream_begins();
        let place = connection.streams.begin(wire);
        Self { connection, place }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.connection.stream_ends();
    }
}

/// Whether the library ended the connection for what the client did, and not the network.
fn is_broken_rule(error: &hyper::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return error.is_library() || (error.is_go_away() && !error.is_remote());
        }
        cause = error.source();
    }
    false
}

/// hyper's streams run where their connection does, until they end or are ended.
#[derive(Clone)]
struct OnThisThread {
    connection: Rc<Connection>,
    limits: Limits,
}

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for OnThisThread {
    fn execute(&self, future: F) {
        let seat = Seat { place: self.connection.streams.enter(&self.limits), connection: Rc::clone(&self.connection) };
        tokio::task::spawn_local(async move {
            let mut future = pin!(future);
            poll_fn(|context| seat.connection.streams.poll(seat.place, future.as_mut(), context)).await;
        });
    }
}

/// Holds a stream's place as long as its future lives.
struct Seat {
    connection: Rc<Connection>,
    place: usize,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connection.streams.leave(self.place);
    }
}
