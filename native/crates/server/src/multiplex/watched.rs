//! The transport as the HTTP/2 library sees it: every frame is counted before the library reads it, and after it wrote it.

use crate::transport::Transport;
use portazgo_core::fault::Fault;
use portazgo_core::framing::http2::{AnswerBudget, FrameScan, PREFACE, Sent};
use portazgo_core::time::Monotonic;
use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// What a line's transport and those who use the line know of each other.
pub(super) struct Watch {
    budget: RefCell<AnswerBudget>,
    fault: Cell<Option<Fault>>,
    bytes: Cell<u64>,
    began: Instant,
    settled: Notify,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            budget: RefCell::new(AnswerBudget::new(Monotonic(0))),
            fault: Cell::new(None),
            bytes: Cell::new(0),
            began: Instant::now(),
            settled: Notify::new(),
        }
    }

    /// Which rule the backend broke, if it did.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.get()
    }

    /// How many bytes have come: by them a slow backend is told from a line that is dead.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.budget.borrow().is_leaving()
    }

    pub(super) fn request(&self, stream: u32) -> Sent {
        self.budget.borrow().request(stream)
    }

    pub(super) fn is_settled(&self) -> bool {
        self.budget.borrow().is_settled()
    }

    /// The backend's settings have come, or the connection has ended.
    pub(super) async fn settled(&self) {
        self.settled.notified().await;
    }

    /// Nobody need wait any longer.
    pub(super) fn ended(&self) {
        self.settled.notify_one();
    }

    fn received(&self, scan: &mut FrameScan, bytes: &[u8]) -> io::Result<()> {
        self.bytes.set(self.bytes.get() + bytes.len() as u64);
        let now = Monotonic(self.began.elapsed().as_nanos() as u64);
        let mut budget = self.budget.borrow_mut();
        let was_settled = budget.is_settled();
        let outcome = scan.advance(bytes, |frame| budget.received(frame, now));
        if budget.is_settled() != was_settled {
            self.settled.notify_one();
        }
        outcome.map_err(|fault| {
            self.fault.set(Some(self.fault.get().unwrap_or(fault)));
            io::Error::new(io::ErrorKind::ConnectionAborted, fault.code())
        })
    }

    fn sent(&self, scan: &mut FrameScan, bytes: &[u8]) {
        let mut budget = self.budget.borrow_mut();
        let Ok(()) = scan.advance(bytes, |frame| {
            budget.sent(frame);
            Ok::<(), std::convert::Infallible>(())
        });
    }
}

pub(super) struct Watched {
    stream: Transport,
    watch: Rc<Watch>,
    incoming: FrameScan,
    outgoing: FrameScan,
}

impl Watched {
    pub(super) fn new(stream: Transport, watch: Rc<Watch>) -> Self {
        Self { stream, watch, incoming: FrameScan::new(0), outgoing: FrameScan::new(PREFACE.len()) }
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
        Poll::Ready(this.watch.received(&mut this.incoming, &into.filled()[before..]))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        this.watch.sent(&mut this.outgoing, &bytes[..written]);
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
            this.watch.sent(&mut this.outgoing, &piece[..bytes]);
            left -= bytes;
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
