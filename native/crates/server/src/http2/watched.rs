//! The transport as hyper's HTTP/2 sees it: every frame is counted before the library reads it, and after it wrote it.

use super::Connection;
use crate::thread::Thread;
use crate::transport::Transport;
use bytes::{Buf as _, BytesMut};
use portazgo_core::fault::Fault;
use portazgo_core::framing::http2::{FrameScan, PREFACE};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(super) struct Watched {
    stream: Transport,
    /// What was read before it was known that this is HTTP/2.
    received: BytesMut,
    connection: Rc<Connection>,
    thread: Rc<Thread>,
    incoming: FrameScan,
    outgoing: FrameScan,
}

impl Watched {
    pub(super) fn new(stream: Transport, received: BytesMut, connection: Rc<Connection>, thread: Rc<Thread>) -> Self {
        Self {
            stream,
            received,
            connection,
            thread,
            incoming: FrameScan::new(PREFACE.len()),
            outgoing: FrameScan::new(0),
        }
    }

    fn count_received(&mut self, bytes: &[u8]) -> io::Result<()> {
        let now = self.thread.shared.clock.monotonic();
        let mut budget = self.connection.budget.borrow_mut();
        let outcome = self.incoming.advance(bytes, |frame| budget.received(frame, now));
        outcome.map_err(|fault| self.over_budget(fault))
    }

    fn count_sent(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut budget = self.connection.budget.borrow_mut();
        let outcome = self.outgoing.advance(bytes, |frame| budget.sent(frame));
        outcome.map_err(|fault| self.over_budget(fault))
    }

    fn over_budget(&self, fault: Fault) -> io::Error {
        self.connection.end(fault);
        io::Error::new(io::ErrorKind::ConnectionAborted, fault.code())
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.received.is_empty() {
            let taken = this.received.len().min(into.remaining());
            let piece = this.received.split_to(taken);
            this.count_received(&piece)?;
            into.put_slice(piece.chunk());
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
        Poll::Ready(this.count_received(&into.filled()[before..]))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        this.count_sent(&bytes[..written])?;
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(context, pieces))?;
        let mut left = written;
        for piece in pieces {
            let bytes = left.min(piece.len());
            this.count_sent(&piece[..bytes])?;
            left -= bytes;
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(context))?;
        this.connection.wire.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
