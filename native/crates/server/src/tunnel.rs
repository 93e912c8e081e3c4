//! A connection that goes on as something else (WebSocket): bytes both ways, unread by us, in one buffer a direction.
//!
//! What is not taken on one side is not read on the other. The call's record stays open until the tunnel ends, and the
//! caller's right to be here is looked at again twice a second.

use crate::holder::{Holder, LOOK_EVERY};
use crate::phases::record::Call;
use crate::pool::Lease;
use crate::thread::Thread;
use crate::transport::Transport;
use bytes::{Buf as _, BytesMut};
use portazgo_core::fault::Fault;
use portazgo_core::forward::Flight;
use portazgo_core::record::Delivery;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, MissedTickBehavior, interval};

const BUFFER_BYTES: usize = 16 * 1024;

/// A backend's connection after it changed its protocol.
pub(crate) struct Upgraded {
    pub(crate) stream: Transport,
    /// What came behind the answer's head.
    pub(crate) early: BytesMut,
}

/// What both sides agreed on.
pub(crate) struct Opening {
    pub(crate) upgraded: Upgraded,
    /// Its place among the target's connections lasts as long as the tunnel.
    pub(crate) _lease: Lease,
    pub(crate) _flight: Option<Flight>,
    pub(crate) holder: Holder,
    pub(crate) idle: Duration,
    /// None: it may last.
    pub(crate) total: Option<Duration>,
}

/// A tunnel that is agreed on, and whose record is open.
pub(crate) struct Tunnel {
    call: Option<Call>,
    thread: Rc<Thread>,
    opening: Opening,
    up: u64,
    down: u64,
}

impl Tunnel {
    pub(crate) fn new(call: Call, thread: &Rc<Thread>, opening: Opening) -> Self {
        Self { call: Some(call), thread: Rc::clone(thread), opening, up: 0, down: 0 }
    }

    /// Carry bytes until one side breaks off, both have ended, or it may not go on. `head_bytes` is what the client was sent.
    pub(crate) async fn run(mut self, mut client: Transport, early: BytesMut, head_bytes: u64) {
        if let Some(call) = &mut self.call {
            call.record().bytes_out += head_bytes;
        }
        let mut up = Direction::new(early);
        let mut down = Direction::new(std::mem::take(&mut self.opening.upgraded.early));
        let began = Instant::now();
        let mut last = began;
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let fault = std::future::poll_fn(|context| {
            let backend = &mut self.opening.upgraded.stream;
            let ends = (up.poll(&mut client, backend, context), down.poll(backend, &mut client, context));
            if (up.bytes, down.bytes) != (self.up, self.down) {
                (self.up, self.down) = (up.bytes, down.bytes);
                last = Instant::now();
            }
            match ends {
                (Poll::Ready(Err(End::Source)), _) | (_, Poll::Ready(Err(End::Sink))) => {
                    return Poll::Ready(Some(Fault::ClientAborted));
                }
                (Poll::Ready(Err(End::Sink)), _) | (_, Poll::Ready(Err(End::Source))) => {
                    return Poll::Ready(Some(Fault::BackendTruncated));
                }
                (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(None),
                _ => {}
            }
            while look.poll_tick(context).is_ready() {
                let over = |since: Instant, most: Duration| since.elapsed() >= most;
                if over(last, self.opening.idle) || self.opening.total.is_some_and(|total| over(began, total)) {
                    return Poll::Ready(None);
                }
                if !self.opening.holder.may_stay() {
                    return Poll::Ready(Some(Fault::AccessEnded));
                }
            }
            Poll::Pending
        })
        .await;
        self.close(fault);
    }

    fn close(&mut self, fault: Option<Fault>) {
        let Some(mut call) = self.call.take() else {
            return;
        };
        let (up, down) = (self.up, self.down);
        let record = call.record();
        record.bytes_in += up;
        record.backend_bytes_out += up;
        record.backend_bytes_in += down;
        record.bytes_out += down;
        call.read_clock();
        if let Some(fault) = fault {
            call.fail(fault);
        }
        call.finish(if fault.is_some() { Delivery::Aborted } else { Delivery::Complete });
    }
}

impl Drop for Tunnel {
    /// The node ends, or the handshake's answer did not reach the client.
    fn drop(&mut self) {
        let fault = match self.thread.is_leaving() {
            _ if std::thread::panicking() => Fault::GatewayPanic,
            true => Fault::GatewayDraining,
            false => Fault::ClientAborted,
        };
        self.close(Some(fault));
    }
}

/// Whose connection broke off.
enum End {
    Source,
    Sink,
}

/// Bytes from one side to the other.
struct Direction {
    buffer: BytesMut,
    bytes: u64,
    unflushed: bool,
    ended: bool,
    shut: bool,
}

impl Direction {
    fn new(early: BytesMut) -> Self {
        Self { buffer: early, bytes: 0, unflushed: false, ended: false, shut: false }
    }

    /// Ready when the source has ended and the sink was told, or when one of them broke off.
    fn poll(&mut self, from: &mut Transport, to: &mut Transport, context: &mut Context<'_>) -> Poll<Result<(), End>> {
        let mut to = Pin::new(to);
        loop {
            while !self.buffer.is_empty() {
                match ready!(to.as_mut().poll_write(context, &self.buffer)) {
                    Ok(count @ 1..) => {
                        self.buffer.advance(count);
                        self.bytes += count as u64;
                        self.unflushed = true;
                    }
                    _ => return Poll::Ready(Err(End::Sink)),
                }
            }
            if self.ended {
                if !self.shut {
                    ready!(to.as_mut().poll_shutdown(context)).map_err(|_| End::Sink)?;
                    self.shut = true;
                }
                return Poll::Ready(Ok(()));
            }
            match self.poll_fill(from, context) {
                Poll::Ready(Ok(())) => self.ended = self.buffer.is_empty(),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(End::Source)),
                Poll::Pending => {
                    if self.unflushed {
                        ready!(to.as_mut().poll_flush(context)).map_err(|_| End::Sink)?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Nothing in the buffer afterwards is the end.
    fn poll_fill(&mut self, from: &mut Transport, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut piece = ReadBuf::uninit(&mut space);
        ready!(Pin::new(from).poll_read(context, &mut piece))?;
        self.buffer.extend_from_slice(piece.filled());
        Poll::Ready(Ok(()))
    }
}
