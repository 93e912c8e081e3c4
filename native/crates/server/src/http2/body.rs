//! An answer's body on a stream. The library says nothing of what became of a body; but it drops each piece when the
//! transport has it, or when the stream has died. So the last piece carries the call.

use super::{Connection, OpenStream};
use crate::phases::framing::Wire;
use crate::phases::record::Call;
use crate::phases::respond::{AnswerBody, CutOff};
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use portazgo_core::fault::Fault;
use portazgo_core::record::Delivery;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The body as hyper's HTTP/2 takes it.
pub(crate) struct StreamBody {
    inner: AnswerBody,
    /// The stream's own: the call comes to rest here when its last byte is handed on.
    wire: Rc<Wire>,
    open: OpenStream,
    /// The last piece was taken over, or none was yet: the next move is the client's, who opens windows.
    clients_turn: bool,
}

impl StreamBody {
    pub(super) fn new(inner: AnswerBody, wire: Rc<Wire>, open: OpenStream) -> Self {
        let body = Self { inner, wire, clients_turn: true, open };
        body.connection().begins_to_wait();
        body.connection().streams.turn(body.open.place, true);
        body
    }

    fn connection(&self) -> &Rc<Connection> {
        &self.open.connection
    }

    fn turn(&mut self, clients: bool) {
        if std::mem::replace(&mut self.clients_turn, clients) == clients {
            return;
        }
        self.connection().streams.turn(self.open.place, clients);
        if clients {
            self.connection().begins_to_wait();
        } else {
            self.connection().waits_no_more();
        }
    }
}

impl Body for StreamBody {
    type Data = Piece;
    type Error = CutOff;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, CutOff>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        self.turn(matches!(polled, Poll::Ready(Some(Ok(_)))));
        polled.map(|frame| {
            frame.map(|outcome| {
                outcome.map(|frame| {
                    let bytes = frame.into_data().unwrap_or_default();
                    let call = self.wire.take_unflushed();
                    Frame::data(Piece::new(bytes, call, &self.wire, self.connection()))
                })
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        // The library would send the body of an answer to HEAD.
        self.inner.is_bodiless() || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.turn(false);
        if self.connection().verdict.get() == Some(Fault::SlowReader) || self.wire.aborted_by() == Fault::SlowReader {
            self.inner.blame(Fault::SlowReader);
        }
        // A body of no bytes: the head alone is the answer, and it is on its way.
        self.inner.rest();
        if let Some(mut call) = self.wire.take_unflushed() {
            call.record().bytes_out += self.wire.take_written();
            self.connection().wire.await_flush(call);
        }
    }
}

/// Bytes of an answer in the library's hands.
pub(crate) struct Piece {
    bytes: Bytes,
    /// With the last piece: the call, to be closed by what becomes of the piece.
    call: Option<Call>,
    wire: Rc<Wire>,
    connection: Rc<Connection>,
}

impl Piece {
    fn new(bytes: Bytes, call: Option<Call>, wire: &Rc<Wire>, connection: &Rc<Connection>) -> Self {
        connection.begins_to_wait();
        Self { bytes, call, wire: Rc::clone(wire), connection: Rc::clone(connection) }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.wire.note_written(count);
        self.connection.progress.set(tokio::time::Instant::now());
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.connection.waits_no_more();
        let Some(mut call) = self.call.take() else {
            return;
        };
        call.record().bytes_out += self.wire.take_written();
        if self.bytes.is_empty() {
            self.connection.wire.await_flush(call);
            return;
        }
        let connections = self.connection.verdict.get().filter(|fault| *fault == Fault::SlowReader);
        call.fail(connections.unwrap_or_else(|| self.wire.aborted_by()));
        call.finish(Delivery::Aborted);
    }
}
