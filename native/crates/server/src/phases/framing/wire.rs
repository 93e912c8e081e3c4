//! What the transport and the service of one connection tell each other: requests on their way in, calls whose answers are on
//! their way out.

use crate::holder::Holder;
use crate::phases::record::Call;
use crate::transport::Transport;
use crate::tunnel::Tunnel;
use portazgo_core::fault::Fault;
use portazgo_core::record::Delivery;
use portazgo_core::snapshot::Fingerprint;
use portazgo_core::time::Monotonic;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

/// One request on its way from the framing layer to the service.
pub(crate) struct Arrival {
    /// Its open record; None: the node takes on no more.
    pub(crate) call: Option<Call>,
    /// Why it is refused, if it is.
    pub(crate) refused: Option<Fault>,
    /// The connection ends with its answer: nothing that follows it is a request.
    pub(crate) last: bool,
}

/// What the transport and the service of one connection share. Both live on one thread.
pub(crate) struct Wire {
    pub(crate) peer: SocketAddr,
    /// Whether the client speaks TLS to us.
    pub(crate) secure: bool,
    /// The certificate that it proved to hold.
    pub(crate) certificate: Option<Fingerprint>,
    /// It is one stream of a connection of HTTP/2.
    pub(crate) is_of_stream: bool,
    arrivals: RefCell<VecDeque<Arrival>>,
    /// Calls whose last byte was handed to hyper and not yet taken by the transport.
    unflushed: RefCell<Vec<Call>>,
    /// Why the body under way is malformed.
    body_fault: Cell<Option<Fault>>,
    written: Cell<u64>,
    settled: Cell<u64>,
    /// Whose answer is under way, where more of it is to come.
    holder: RefCell<Option<Rc<Holder>>>,
    /// Why the client is given up, while it takes nothing of its answer.
    given_up: Cell<Option<Fault>>,
    /// The connection goes on as this, once its answer is written.
    tunnel: RefCell<Option<Tunnel>>,
    /// Nothing is under way for a while: hyper and its buffers may go until there is something to read.
    rests: Cell<bool>,
    /// Answers that are being made or sent.
    answering: Cell<usize>,
    /// When the last of them was taken by the transport; 0: there was none.
    answered: Cell<Monotonic>,
}

impl Wire {
    pub(crate) fn new(peer: SocketAddr, transport: &Transport) -> Self {
        Self::of(peer, transport.is_secure(), transport.client_certificate(), false)
    }

    /// For one stream of a connection.
    pub(crate) fn of_stream(connection: &Self) -> Self {
        Self::of(connection.peer, connection.secure, connection.certificate, true)
    }

    fn of(peer: SocketAddr, secure: bool, certificate: Option<Fingerprint>, is_of_stream: bool) -> Self {
        Self {
            peer,
            secure,
            certificate,
            is_of_stream,
            arrivals: RefCell::default(),
            unflushed: RefCell::default(),
            body_fault: Cell::new(None),
            written: Cell::new(0),
            settled: Cell::new(0),
            holder: RefCell::default(),
            given_up: Cell::new(None),
            tunnel: RefCell::default(),
            rests: Cell::new(false),
            answering: Cell::new(0),
            answered: Cell::default(),
        }
    }

    /// A request has been released to hyper, or what stands for it.
    pub(super) fn arrive(&self, arrival: Arrival) {
        self.arrivals.borrow_mut().push_back(arrival);
    }

    /// The next request, in the order of its bytes.
    pub(crate) fn next_arrival(&self) -> Option<Arrival> {
        self.answering.set(self.answering.get() + 1);
        self.arrivals.borrow_mut().pop_front()
    }

    /// hyper needs an answer's body no more.
    pub(crate) fn answer_done(&self) {
        self.answering.set(self.answering.get().saturating_sub(1));
    }

    /// An answer without a record was handed on; one with a record says so when it is flushed.
    pub(crate) fn answered_at(&self, now: Monotonic) {
        self.answered.set(now);
    }

    /// Since when nothing is under way; None: something is.
    pub(super) fn idle_since(&self) -> Option<Monotonic> {
        let busy =
            self.answering.get() > 0 || !self.arrivals.borrow().is_empty() || !self.unflushed.borrow().is_empty();
        (!busy).then_some(self.answered.get())
    }

    /// Nothing is under way, and has not been for a while.
    pub(super) fn rest(&self) {
        self.arrivals.take();
        self.unflushed.take();
        self.rests.set(true);
    }

    /// There is something to read again.
    pub(super) fn wake(&self) {
        self.rests.set(false);
    }

    /// Whether the connection needs no more than its transport until there is something to read.
    pub(crate) fn rests(&self) -> bool {
        self.rests.get()
    }

    /// The last byte of this call's answer has been handed on.
    pub(crate) fn await_flush(&self, call: Call) {
        self.unflushed.borrow_mut().push(call);
    }

    /// The body under way is malformed.
    pub(super) fn note_body_fault(&self, fault: Fault) {
        self.body_fault.set(Some(fault));
    }

    /// The answer under way changes the protocol.
    pub(crate) fn go_on_as(&self, tunnel: Tunnel) {
        *self.tunnel.borrow_mut() = Some(tunnel);
    }

    /// What the connection goes on as, if it does.
    pub(crate) fn take_tunnel(&self) -> Option<Tunnel> {
        self.tunnel.borrow_mut().take()
    }

    /// Why the body under way is malformed, if it is.
    pub(crate) fn body_fault(&self) -> Option<Fault> {
        self.body_fault.get()
    }

    /// Whose move it was that an answer could not be delivered whole.
    pub(crate) fn aborted_by(&self) -> Fault {
        self.given_up.get().unwrap_or(Fault::ClientAborted)
    }

    /// Whose answer is under way.
    pub(crate) fn answers_to(&self, holder: Option<Rc<Holder>>) {
        *self.holder.borrow_mut() = holder;
    }

    /// Whose answer is under way; None: nobody's, or all of it was handed on.
    pub(crate) fn holder(&self) -> Option<Rc<Holder>> {
        self.holder.borrow().clone()
    }

    /// The client takes nothing of its answer, and is waited for no longer.
    pub(crate) fn give_up(&self, fault: Fault) {
        self.given_up.set(Some(fault));
    }

    /// Bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.get()
    }

    /// Bytes written since this was asked last.
    pub(crate) fn take_written(&self) -> u64 {
        let written = self.written.get();
        written - self.settled.replace(written)
    }

    /// The transport took bytes; which transport depends on the version of HTTP.
    pub(crate) fn note_written(&self, bytes: usize) {
        self.written.set(self.written.get() + bytes as u64);
    }

    /// The call that waits for its flush, to wait elsewhere (HTTP/2: a stream's call waits for its connection).
    pub(crate) fn take_unflushed(&self) -> Option<Call> {
        self.unflushed.borrow_mut().pop()
    }

    /// The transport took everything that it was given.
    pub(crate) fn flushed(&self) {
        // Drained and not taken: the list keeps its room for the next.
        for mut call in self.unflushed.borrow_mut().drain(..) {
            call.record().bytes_out += self.take_written();
            self.answered.set(call.finish(Delivery::Complete));
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for mut call in self.unflushed.take() {
            call.record().bytes_out += self.take_written();
            call.fail(self.aborted_by());
            call.finish(Delivery::Aborted);
        }
    }
}
