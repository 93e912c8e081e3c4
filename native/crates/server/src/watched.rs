//! The transport as the HTTP/2 library sees it, towards clients and backends: every frame is counted before the library reads
//! it, and after it wrote it.

use crate::transport::Transport;
use bytes::{Buf as _, BytesMut};
use portazgo_core::fault::Fault;
use portazgo_core::framing::http2::{FrameScan, PREFACE};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Who counts. An error breaks the connection off (`broken_off`).
pub(crate) trait Watcher {
    fn received(&self, scan: &mut FrameScan, bytes: &[u8]) -> io::Result<()>;
    fn sent(&self, scan: &mut FrameScan, bytes: &[u8]) -> io::Result<()>;
    /// All that was written is with the kernel.
    fn flushed(&self) {}
}

/// What the library is told of a rule that was broken under it.
pub(crate) fn broken_off(fault: Fault) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, fault.code())
}

pub(crate) struct Watched<W> {
    stream: Transport,
    /// What was read before it was known that this is HTTP/2.
    received: BytesMut,
    watcher: W,
    incoming: FrameScan,
    outgoing: FrameScan,
}

impl<W> Watched<W> {
    /// A client's connection: it begins with the preface.
    pub(crate) fn of_client(stream: Transport, received: BytesMut, watcher: W) -> Self {
        let (incoming, outgoing) = (FrameScan::new(PREFACE.len()), FrameScan::new(0));
        Self { stream, received, watcher, incoming, outgoing }
    }

    /// A connection to a backend: we begin with the preface.
    pub(crate) fn of_backend(stream: Transport, watcher: W) -> Self {
        let (incoming, outgoing) = (FrameScan::new(0), FrameScan::new(PREFACE.len()));
        Self { stream, received: BytesMut::new(), watcher, incoming, outgoing }
    }
}

impl<W: Watcher + Unpin> AsyncRead for Watched<W> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.received.is_empty() {
            let taken = this.received.len().min(into.remaining());
            let piece = this.received.split_to(taken);
            this.watcher.received(&mut this.incoming, &piece)?;
            into.put_slice(piece.chunk());
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
        Poll::Ready(this.watcher.received(&mut this.incoming, &into.filled()[before..]))
    }
}

impl<W: Watcher + Unpin> AsyncWrite for Watched<W> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        this.watcher.sent(&mut this.outgoing, &bytes[..written])?;
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
            this.watcher.sent(&mut this.outgoing, &piece[..bytes])?;
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
        this.watcher.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
