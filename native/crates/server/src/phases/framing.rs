//! The transport as hyper sees it: bytes that were validated, in order, and nothing else.
//!
//! Heads are judged before they are released, bodies followed to their exact end. In place of a refused head hyper gets a
//! synthetic request; what it stands for travels beside the bytes, in the connection's queue, so no byte of a client can
//! pretend to be it. Writing tells the truth about delivery: a record is final when the transport took its last byte.

mod full;
mod wire;

pub(crate) use wire::{Arrival, Wire};

use super::record::Call;
use crate::alarm::Alarm;
use crate::config::Limits;
use crate::overload::Wait;
use crate::thread::Thread;
use crate::transport::Transport;
use crate::vigil::Vigil;
use bytes::{Buf, BytesMut};
use full::Refusal;
use portazgo_core::fault::Fault;
use portazgo_core::framing::{BodyTracker, Head, HeadScan, Verdict};
use portazgo_core::record::Delivery;
use portazgo_core::time::Monotonic;
use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What hyper parses in place of a refused head.
const SYNTHETIC: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";
const READ_BYTES: usize = 16 * 1024;
/// How long a client may go on sending after its last answer before its connection is closed over it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 4096;
/// How long nothing happens before a connection gives its buffers back: hyper's alone are 16 KiB. Long enough that one in use
/// never does.
const REST_AFTER: Duration = Duration::from_millis(500);

/// What a read brought.
enum Received {
    /// The end of input.
    Nothing,
    /// Bytes that hyper has already.
    InPlace,
    /// Bytes that are held.
    ToJudge,
}

enum Reading {
    /// Between requests, or inside a head that began then. It takes no slot until it is whole: who sends heads slowly must
    /// not be able to use them up.
    Head { scan: HeadScan, began: Option<Monotonic> },
    /// Inside a body.
    Body { tracker: BodyTracker, last: bool },
    /// The last request is whole: what follows is dropped, and only the client's leaving counts.
    Last,
    /// A head asked for another protocol: what follows is kept for whoever decides.
    Upgrading,
    /// A head was refused: nothing of the client counts any more, and its answer is on the way.
    Refused,
    /// The client is gone, or was idle for too long.
    Ended,
}

/// A client's connection under hyper.
pub(crate) struct Framed {
    stream: Transport,
    thread: Rc<Thread>,
    wire: Rc<Wire>,
    limits: Limits,
    reading: Reading,
    received: BytesMut,
    /// How many of `received`, from its front, hyper may have.
    released: usize,
    synthetic: &'static [u8],
    closing: bool,
    opened: Instant,
    deadline: Alarm,
    /// How the client takes what it is given; None: it was never waited for.
    stalled: Option<Box<Wait>>,
    /// Over the caller's access meanwhile.
    watched: Option<Box<Vigil>>,
    /// A request was refused for want of room: nothing is read before the deadline.
    paused: bool,
    /// How many bytes at the front are a request that was answered already, and not hyper's to see.
    skipped: usize,
}

impl Framed {
    /// `received`: what has been read of the connection already.
    pub(crate) fn new(stream: Transport, received: BytesMut, thread: Rc<Thread>, wire: Rc<Wire>) -> Self {
        let limits = thread.shared.config.limits;
        let opened = Instant::now();
        Self {
            stream,
            wire,
            reading: Reading::Head { scan: HeadScan::default(), began: None },
            received,
            released: 0,
            synthetic: &[],
            closing: false,
            opened,
            deadline: Alarm::at(opened + REST_AFTER.min(limits.keep_alive())),
            stalled: None,
            watched: None,
            paused: false,
            skipped: 0,
            limits,
            thread,
        }
    }

    /// The transport, and what the client sent after its handshake.
    pub(crate) fn into_tunnel(self) -> (Transport, BytesMut) {
        (self.stream, self.received)
    }

    /// Wait for something to read, with nothing but the transport. Ready with whether the connection goes on: an idle one has its time.
    pub(crate) fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        loop {
            if self.stream.poll_readable(context).is_ready() {
                self.wire.wake();
                self.deadline.reset(Instant::now() + REST_AFTER);
                return Poll::Ready(true);
            }
            ready!(self.deadline.poll(context));
            if self.out_of_time() {
                return Poll::Ready(false);
            }
        }
    }

    /// Judge what has been received and not yet released. Returns whether anything may be handed on now.
    fn judge(&mut self) -> io::Result<bool> {
        while self.released == 0 && !self.received.is_empty() && !self.paused {
            match &mut self.reading {
                Reading::Last | Reading::Refused | Reading::Ended => self.received.clear(),
                Reading::Body { tracker, last } => match tracker.advance(&self.received) {
                    Ok(bytes) => {
                        self.released = bytes;
                        if tracker.is_done() {
                            let last = *last;
                            self.request_is_whole(last);
                        }
                    }
                    Err(fault) => return Err(self.break_body(fault)),
                },
                Reading::Upgrading => break,
                Reading::Head { .. } => {
                    let received = std::mem::take(&mut self.received);
                    let known = self.judge_head(&received);
                    self.received = received;
                    self.received.advance(std::mem::take(&mut self.skipped));
                    if !known {
                        break;
                    }
                }
            }
        }
        Ok(self.released > 0 || !self.synthetic.is_empty())
    }

    /// `bytes`: all that is there of the head. Returns whether its fate is known.
    fn judge_head(&mut self, bytes: &[u8]) -> bool {
        let Reading::Head { scan, began } = &mut self.reading else {
            return true;
        };
        match scan.judge(bytes, &self.limits.framing()) {
            Verdict::Incomplete => {
                // A head that is whole at once, as most are, needs no timer.
                if began.is_none() {
                    *began = Some(self.thread.shared.clock.monotonic());
                    self.deadline.reset(Instant::now() + self.limits.head_time());
                }
                false
            }
            Verdict::Accepted(head) => {
                self.accept(head, bytes);
                true
            }
            Verdict::Refused(fault) => {
                self.refuse(fault, bytes.len());
                true
            }
        }
    }

    /// Judge bytes where hyper wants them. Returns how many of them, from the front, it may have; the rest, but for what is
    /// skipped, is to be held.
    fn judge_in_place(&mut self, bytes: &[u8]) -> usize {
        let mut done = 0;
        if matches!(self.reading, Reading::Head { .. }) {
            self.judge_head(bytes);
            done = std::mem::take(&mut self.released);
        }
        if let Reading::Body { tracker, last } = &mut self.reading
            && let Some(taken) = tracker.advance_counted(&bytes[done..])
        {
            done += taken;
            if tracker.is_done() {
                let last = *last;
                self.request_is_whole(last);
            }
        }
        done
    }

    fn accept(&mut self, head: Head, bytes: &[u8]) {
        let Reading::Head { began, .. } = self.reading else {
            return;
        };
        let mut call = Call::open(&self.thread, self.wire.peer, began);
        let mut last = head.last;
        match &mut call {
            Some(call) => call.head_accepted(head),
            None => match self.refuse_for_want_of_room(head, bytes) {
                Refusal::Answered => return,
                Refusal::ByService { closes } => last |= closes,
            },
        }
        self.wire.arrive(Arrival { call, refused: None, last });
        self.released = head.bytes;
        if head.upgrades {
            self.reading = Reading::Upgrading;
            return;
        }
        let tracker = BodyTracker::new(head.body);
        if tracker.is_done() {
            self.request_is_whole(last);
        } else {
            self.reading = Reading::Body { tracker, last };
        }
    }

    fn request_is_whole(&mut self, last: bool) {
        if last {
            self.reading = Reading::Last;
        } else {
            // The alarm stays as it is: when it rings, `out_of_time` sees since when the connection is idle.
            self.reading = Reading::Head { scan: HeadScan::default(), began: None };
        }
    }

    /// Put a synthetic request in the place of this head; the service answers for it and closes.
    fn refuse(&mut self, fault: Fault, bytes: usize) {
        let Reading::Head { began, .. } = std::mem::replace(&mut self.reading, Reading::Refused) else {
            return;
        };
        let call = Call::open_since(&self.thread, self.wire.peer, began).map(|mut call| {
            call.record().bytes_in += bytes as u64;
            call
        });
        self.wire.arrive(Arrival { call, refused: Some(fault), last: true });
        self.synthetic = SYNTHETIC;
    }

    /// A body that breaks its framing ends the connection; the service hears of it as an error of the body.
    fn break_body(&mut self, fault: Fault) -> io::Error {
        self.reading = Reading::Last;
        self.received.clear();
        self.wire.note_body_fault(fault);
        // hyper's own errors of this kind are InvalidInput and InvalidData: `upstream.rs` tells them apart.
        io::Error::other(fault.code())
    }

    fn hand_on(&mut self, into: &mut ReadBuf<'_>) {
        if self.released > 0 {
            let bytes = self.released.min(into.remaining());
            into.put_slice(&self.received[..bytes]);
            self.received.advance(bytes);
            self.released -= bytes;
        } else {
            let bytes = self.synthetic.len().min(into.remaining());
            into.put_slice(&self.synthetic[..bytes]);
            self.synthetic = &self.synthetic[bytes..];
        }
    }

    /// Read once. Usually nothing is held, and the bytes can be judged where hyper wants them: nothing is copied then.
    fn poll_receive(&mut self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<Received>> {
        let in_place = match &self.reading {
            Reading::Head { .. } => self.received.is_empty(),
            // Chunks are held and judged before any of them is handed on, and hyper's buffer grows to many times ours.
            Reading::Body { tracker, .. } => self.received.is_empty() && tracker.is_counted(),
            _ => false,
        };
        if !in_place {
            self.received.reserve(READ_BYTES);
            let bytes = ready!(pin!(self.stream.read_buf(&mut self.received)).poll(context))?;
            return Poll::Ready(Ok(if bytes == 0 { Received::Nothing } else { Received::ToJudge }));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        if into.filled().len() == before {
            return Poll::Ready(Ok(Received::Nothing));
        }
        let done = before + self.judge_in_place(&into.filled()[before..]);
        if into.filled().len() > done {
            self.received.extend_from_slice(&into.filled()[done + std::mem::take(&mut self.skipped)..]);
            into.set_filled(done);
        }
        Poll::Ready(Ok(if done > before { Received::InPlace } else { Received::ToJudge }))
    }

    /// Take and drop what the client still sends: closing over unread bytes would reset the connection, and the client
    /// would lose the answer that says why it was refused (RFC 9112, section 9.6).
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut space = [MaybeUninit::uninit(); LINGER_BYTES];
            let mut piece = ReadBuf::uninit(&mut space);
            match Pin::new(&mut self.stream).poll_read(context, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.deadline.poll(context),
            }
            if self.deadline.poll(context).is_ready() {
                return Poll::Ready(());
            }
        }
    }

    /// Count what the client took. One that takes nothing for the write time, or next to nothing, is given up: it would hold
    /// its record, its connection and the backend's past every other timeout, since nobody asks a body that can't be written. So is
    /// one whose caller has lost access.
    fn count_taken(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = outcome {
            let taken = outcome?;
            if let Some(stalled) = &mut self.stalled {
                stalled.moved(taken);
            }
            self.wire.note_written(taken);
            return Poll::Ready(Ok(taken));
        }
        let (rate, quiet) = (self.limits.body_bytes_per_second, self.limits.write_time());
        let stalled = self.stalled.get_or_insert_with(|| Box::new(Wait::new(rate, quiet)));
        let fault = if stalled.poll(context).is_ready() {
            Fault::SlowReader
        } else {
            let Some(holder) = self.wire.holder() else { return Poll::Pending };
            let watched = self.watched.get_or_insert_with(|| Box::new(Vigil::over_access()));
            ready!(watched.poll_pause(context, Some(&holder)));
            Fault::AccessEnded
        };
        self.wire.give_up(fault);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// The client has closed its side. A head that was begun is recorded; there is nobody to answer.
    fn closed_by_client(&mut self) {
        if let Reading::Head { began: Some(began), .. } = self.reading
            && let Some(mut call) = Call::open_since(&self.thread, self.wire.peer, Some(began))
        {
            call.record().bytes_in += self.received.len() as u64;
            call.fail(Fault::HeadIncomplete);
            call.finish(Delivery::None);
        }
        self.reading = Reading::Ended;
    }

    /// Too slow: an idle connection ends silently, a head that was begun is refused. Returns whether the connection ends.
    fn out_of_time(&mut self) -> bool {
        match &self.reading {
            Reading::Head { began: None, .. } if self.received.is_empty() => {
                // A long answer is no idleness: the end of input would tell hyper to cut it off.
                let since = self.wire.idle_since().map_or_else(Instant::now, |at| self.thread.shared.clock.instant(at));
                let since = since.max(self.opened);
                let now = Instant::now();
                let ends = since + self.limits.keep_alive();
                if ends <= now {
                    self.reading = Reading::Ended;
                    return true;
                }
                let rests = since + REST_AFTER;
                if rests > now {
                    self.deadline.reset(rests.min(ends));
                } else {
                    self.deadline.reset(ends);
                    // What waits to be written needs hyper.
                    if self.has_written_everything() {
                        self.stalled = None;
                        self.received = BytesMut::new();
                        self.wire.rest();
                    }
                }
                false
            }
            Reading::Head { .. } => {
                self.refuse(Fault::HeadTimeout, self.received.len());
                false
            }
            Reading::Body { .. } | Reading::Last | Reading::Upgrading | Reading::Refused | Reading::Ended => false,
        }
    }

    /// Whether the client may be sending what nobody will read.
    fn has_unread(&self) -> bool {
        match &self.reading {
            Reading::Ended => false,
            Reading::Head { began, .. } => began.is_some() || !self.received.is_empty(),
            Reading::Body { .. } | Reading::Last | Reading::Upgrading | Reading::Refused => true,
        }
    }
}

impl AsyncRead for Framed {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            ready!(this.poll_pause(context));
            if this.judge()? {
                this.hand_on(into);
                return Poll::Ready(Ok(()));
            }
            if this.paused {
                continue;
            }
            match this.reading {
                Reading::Ended => return Poll::Ready(Ok(())),
                // The end of input would tell hyper that the client is gone, before the refusal is written.
                Reading::Refused | Reading::Upgrading => return Poll::Pending,
                Reading::Head { .. } | Reading::Body { .. } | Reading::Last => {}
            }
            match this.poll_receive(context, into) {
                Poll::Ready(Ok(Received::Nothing)) => {
                    this.closed_by_client();
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(Received::InPlace)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(Received::ToJudge)) => {}
                Poll::Ready(Err(error)) => {
                    this.closed_by_client();
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => {
                    let waits_for_head = matches!(this.reading, Reading::Head { .. });
                    if waits_for_head && this.deadline.poll(context).is_ready() {
                        if this.out_of_time() {
                            return Poll::Ready(Ok(()));
                        }
                        continue;
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl AsyncWrite for Framed {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.count_taken(context, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(context, pieces);
        this.count_taken(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes only when its own buffer is empty; what TLS still holds is not with the client.
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_flush(context);
        ready!(this.count_taken(context, outcome.map_ok(|()| 0)))?;
        this.wire.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        if this.has_unread() {
            if !std::mem::replace(&mut this.closing, true) {
                this.deadline.reset(Instant::now() + LINGER);
            }
            ready!(this.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}
