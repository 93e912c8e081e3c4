//! A backend's connection under hyper: answers that were checked, and nothing else.
//!
//! Heads are judged before hyper sees them, interim ones end here, bodies are followed to their exact end. A byte that no
//! request asked for spoils the connection: the next request would be answered with it.

use crate::tunnel::Upgraded;
use bytes::{Buf, BytesMut};
use portazgo_core::fault::Fault;
use portazgo_core::framing::{Answer, AnswerTracker, Limits};
use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// hyper's own limits of an answer's head lie beyond these.
pub(crate) const LIMITS: Limits = Limits { head_bytes: 64 * 1024, head_lines: 100 };
const READ_BYTES: usize = 16 * 1024;

/// What a backend's connection and the code that uses it share. Both live on one thread.
#[derive(Default)]
pub(crate) struct Exchange {
    under_way: RefCell<Option<AnswerTracker>>,
    began: Cell<bool>,
    fault: Cell<Option<Fault>>,
    /// How long the backend keeps the connection idle, as the last answer said.
    keep_alive_seconds: Cell<Option<u32>>,
    /// Who waits for the connection after its change of protocol; None: nobody asked for one.
    upgrade: RefCell<Option<oneshot::Sender<Upgraded>>>,
}

impl Exchange {
    /// Whoever asked gets the connection, after the answer that changed its protocol; None: nobody did, or it did not.
    pub(crate) fn upgraded(&self) -> Option<oneshot::Sender<Upgraded>> {
        let changed = self.under_way.borrow().as_ref().is_some_and(AnswerTracker::has_upgraded);
        if changed { self.upgrade.borrow_mut().take() } else { None }
    }

    /// A request is about to be sent.
    pub(crate) fn begin(&self, head_request: bool) {
        self.begin_with(AnswerTracker::new(head_request), None);
    }

    /// A request is about to be sent that asks for a change of protocol. What comes is the connection afterwards.
    pub(crate) fn begin_upgrade(&self) -> oneshot::Receiver<Upgraded> {
        let (sender, receiver) = oneshot::channel();
        self.begin_with(AnswerTracker::new(false).may_upgrade(), Some(sender));
        receiver
    }

    fn begin_with(&self, tracker: AnswerTracker, upgrade: Option<oneshot::Sender<Upgraded>>) {
        *self.under_way.borrow_mut() = Some(tracker);
        // What a request before this one asked for and did not get is nobody's any more.
        *self.upgrade.borrow_mut() = upgrade;
        self.began.set(false);
    }

    /// Whether any byte of the answer has come.
    pub(crate) fn has_begun(&self) -> bool {
        self.began.get()
    }

    /// Which rule the backend broke, if it did.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.get()
    }

    /// How long the backend keeps the connection idle; None: its last answer did not say.
    pub(crate) fn keep_alive_seconds(&self) -> Option<u32> {
        self.keep_alive_seconds.get()
    }

    /// Whether the last answer is whole and nothing followed it.
    pub(crate) fn is_clean(&self) -> bool {
        self.fault.get().is_none() && self.under_way.borrow().is_none()
    }

    fn look(&self, bytes: &[u8]) -> io::Result<Answer> {
        let mut under_way = self.under_way.borrow_mut();
        self.began.set(true);
        let outcome = match under_way.as_mut() {
            Some(tracker) => {
                tracker.look(bytes, &LIMITS).inspect(|_| self.keep_alive_seconds.set(tracker.keep_alive_seconds()))
            }
            None => Err(Fault::BackendBadResponse),
        };
        match outcome {
            Ok(answer) => {
                if answer.complete {
                    *under_way = None;
                }
                Ok(answer)
            }
            Err(fault) => {
                self.fault.set(Some(fault));
                Err(io::Error::other(fault.code()))
            }
        }
    }

    /// The backend has closed its side.
    fn closed(&self) {
        let under_way = self.under_way.borrow();
        let fault = match under_way.as_ref() {
            None => return,
            Some(tracker) if tracker.ends_with_connection() => return,
            Some(tracker) if tracker.awaits_head() => Fault::BackendResetBeforeHeaders,
            Some(_) => Fault::BackendTruncated,
        };
        if self.fault.get().is_none() {
            self.fault.set(Some(fault));
        }
    }
}

/// The transport.
pub(crate) struct Answers<S> {
    stream: S,
    exchange: Rc<Exchange>,
    /// Bytes that can't be handed on yet, or did not come in one piece.
    held: BytesMut,
    /// How many of `held`, from its front, hyper may have.
    released: usize,
}

impl<S> Answers<S> {
    pub(crate) fn new(stream: S, exchange: Rc<Exchange>) -> Self {
        Self { stream, exchange, held: BytesMut::new(), released: 0 }
    }

    /// The connection, and what was read of it and not handed on.
    pub(crate) fn into_rest(self) -> (S, BytesMut) {
        (self.stream, self.held)
    }
}

impl<S: AsyncRead + Unpin> Answers<S> {
    /// The usual way: the bytes stand where hyper wants them, and are checked there.
    fn poll_in_place(&mut self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into)).inspect_err(|_| self.exchange.closed())?;
        let received = &into.filled()[before..];
        if received.is_empty() {
            self.exchange.closed();
            return Poll::Ready(Ok(true));
        }
        let outcome = self.exchange.look(received);
        if let Ok(Answer { dropped: 0, released, .. }) = outcome
            && released == received.len()
        {
            return Poll::Ready(Ok(true));
        }
        self.held.extend_from_slice(received);
        into.set_filled(before);
        self.keep(outcome?);
        Poll::Ready(Ok(false))
    }

    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut space = [std::mem::MaybeUninit::uninit(); READ_BYTES];
        let mut piece = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut piece)).inspect_err(|_| self.exchange.closed())?;
        if piece.filled().is_empty() {
            self.exchange.closed();
            return Poll::Ready(Ok(true));
        }
        self.held.extend_from_slice(piece.filled());
        let answer = self.exchange.look(&self.held)?;
        self.keep(answer);
        Poll::Ready(Ok(false))
    }

    fn keep(&mut self, answer: Answer) {
        self.held.advance(answer.dropped);
        self.released = answer.released;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Answers<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.released > 0 {
                let bytes = this.released.min(into.remaining());
                into.put_slice(&this.held[..bytes]);
                this.held.advance(bytes);
                this.released -= bytes;
                return Poll::Ready(Ok(()));
            }
            let done = if this.held.is_empty() { this.poll_in_place(context, into) } else { this.poll_more(context) };
            if ready!(done)? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Answers<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_protocol_that_was_refused_is_not_open_to_the_next_request() {
        let exchange = Exchange::default();
        let mut asked = exchange.begin_upgrade();
        exchange.look(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
        assert!(exchange.is_clean() && exchange.upgraded().is_none());
        exchange.begin(false);
        assert!(asked.try_recv().is_err(), "who asked first hears that it got nothing");
        let switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        assert!(exchange.look(switching).is_err() || !exchange.is_clean());
        assert!(exchange.upgraded().is_none());
        assert_eq!(exchange.fault(), Some(Fault::BackendBadResponse));
    }
}
