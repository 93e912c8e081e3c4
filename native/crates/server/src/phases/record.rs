//! One request in flight: its open record, and the certainty that it will be closed.

use crate::metrics::{add, subtract};
use crate::thread::Thread;
use crate::upstream::Progress;
use http::HeaderValue;
use portazgo_core::fault::Fault;
use portazgo_core::framing::Head;
use portazgo_core::ids::Id;
use portazgo_core::record::{Delivery, Kind, Method, Phase, Record, Text};
use portazgo_core::time::{Monotonic, WallTime};
use std::net::SocketAddr;
use std::rc::Rc;

use crate::journal::Slot;

/// A guard: opened when a request's head is whole or refused, closed exactly once, whatever happens to the request.
pub(crate) struct Call {
    slot: Slot,
    thread: Rc<Thread>,
    began: Monotonic,
    /// The latest reading of the clock.
    at: Monotonic,
    finished: bool,
    id_header: Option<HeaderValue>,
    /// HTTP/1.0 clients get no chunks.
    pub(crate) version_10: bool,
    /// It asks to go on as a WebSocket.
    pub(crate) upgrades: bool,
    /// Its body goes on beside its answer.
    upload: Option<Rc<Progress>>,
}

impl Call {
    /// Open the record of a request that began then (None: now). None when the node takes on no more, or there is no free slot:
    /// then the request must not be served.
    pub(crate) fn open(thread: &Rc<Thread>, peer: SocketAddr, began: Option<Monotonic>) -> Option<Self> {
        thread.deadlines.stir();
        if thread.load.refuses(thread) {
            thread.journal.refuse();
            add(&thread.metrics().without_slot);
            return None;
        }
        Self::open_since(thread, peer, began)
    }

    /// The same, however much there is to do: for what is refused anyway. None when there is no free slot.
    pub(crate) fn open_since(thread: &Rc<Thread>, peer: SocketAddr, began: Option<Monotonic>) -> Option<Self> {
        let metrics = thread.metrics();
        let at = thread.shared.clock.monotonic();
        let began = began.unwrap_or(at);
        let now = thread.shared.clock.wall_at(began);
        let mut record = Record::request(thread.new_request_id(now), now);
        record.client = Some(peer);
        let Some(slot) = thread.journal.admit(record) else {
            add(&metrics.without_slot);
            return None;
        };
        add(&metrics.in_flight);
        Some(Self {
            slot,
            began,
            at,
            thread: Rc::clone(thread),
            finished: false,
            id_header: None,
            version_10: false,
            upgrades: false,
            upload: None,
        })
    }

    pub(crate) fn record(&mut self) -> &mut Record {
        self.slot.record()
    }

    pub(crate) fn request_id(&mut self) -> Id {
        self.record().request_id
    }

    /// Any number, of the random bits of the request's id.
    pub(crate) fn chance(&mut self) -> u32 {
        let [.., a, b, c, d] = self.request_id().0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The request's id as a header: for the backend, and again for the partner.
    pub(crate) fn request_id_header(&mut self) -> HeaderValue {
        let id = self.record().request_id;
        self.id_header
            .get_or_insert_with(|| HeaderValue::from_bytes(&id.text()).expect("an id's text is ASCII"))
            .clone()
    }

    /// The record was opened for what made the head whole.
    pub(crate) fn head_accepted(&mut self, head: Head) {
        self.version_10 = head.version_10;
        self.upgrades = head.upgrades;
        self.record().bytes_in += head.bytes as u64;
        self.reached_too(Phase::Framing);
    }

    pub(crate) fn method(&mut self, method: &str) {
        self.record().method = Method::of(method);
    }

    /// Note when a phase was reached. Returns the time.
    pub(crate) fn reached(&mut self, phase: Phase) -> Monotonic {
        self.read_clock();
        self.reached_too(phase)
    }

    /// Note a phase that is reached less than a microsecond after the clock was read last: reading it again would cost more
    /// than what lies between (ADR 22). Returns that time.
    pub(crate) fn reached_too(&mut self, phase: Phase) -> Monotonic {
        let after = self.elapsed_us();
        self.record().phases.reach(phase, after);
        self.at
    }

    /// The time when the clock was read last, by the wall.
    pub(crate) fn wall(&self) -> WallTime {
        self.thread.shared.clock.wall_at(self.at)
    }

    /// Read the clock. Returns the time.
    pub(crate) fn read_clock(&mut self) -> Monotonic {
        self.at = self.thread.shared.clock.monotonic();
        self.at
    }

    /// When it began.
    pub(crate) fn began(&self) -> Monotonic {
        self.began
    }

    /// When the clock was read last.
    pub(crate) fn at(&self) -> Monotonic {
        self.at
    }

    /// Record what has passed of its body since this was done last.
    pub(crate) fn count_upload(&mut self, upload: &Progress) {
        let (came, handed_on) = upload.take_passed();
        let record = self.record();
        record.bytes_in += came;
        record.backend_bytes_out += handed_on;
    }

    /// The answer begins before the body is whole: what passes of it until the answer ends is recorded, too.
    pub(crate) fn follow(&mut self, upload: Rc<Progress>) {
        self.upload = Some(upload);
    }

    /// Note what went wrong; what went wrong first counts.
    pub(crate) fn fail(&mut self, fault: Fault) {
        self.record().fault.get_or_insert(fault);
    }

    /// Note how the answer broke its contract, for whoever looks for the field.
    #[cold]
    pub(crate) fn breaks(&mut self, told: &str) -> Fault {
        self.record().violation = Text::cut(told.as_bytes());
        Fault::ContractViolationResponse
    }

    /// The whole answer is about to be handed on: from here on a crash can't lose it. Its end is when the clock was read last.
    pub(crate) fn answered(&mut self) {
        self.stamp();
        self.slot.answered();
    }

    /// Close the record. Returns the time.
    pub(crate) fn finish(mut self, delivery: Delivery) -> Monotonic {
        self.close(delivery);
        self.at
    }

    fn close(&mut self, delivery: Delivery) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.read_clock();
        self.stamp();
        self.record().delivery = delivery;
        let fault = self.record().fault;
        self.slot.finish();
        let metrics = self.thread.metrics();
        metrics.outcome(fault);
        subtract(&metrics.in_flight);
    }

    fn stamp(&mut self) {
        if let Some(upload) = self.upload.clone() {
            self.count_upload(&upload);
        }
        let now = self.record().started_at.0 + self.elapsed_us() as i64;
        self.record().finished_at.0 = now;
    }

    fn elapsed_us(&self) -> u64 {
        (self.at.0 - self.began.0) / 1000
    }
}

/// One record for a connection that ended before a request of it could be told apart, or for `count` streams of it.
pub(crate) fn connection(thread: &Thread, client: SocketAddr, began: WallTime, fault: Fault, count: u32) {
    let mut record = Record::request(thread.new_request_id(began), began);
    record.kind = Kind::Connection;
    record.client = Some(client);
    record.fault = Some(fault);
    record.units = 0;
    record.count = count;
    add(thread.metrics().connection_fault(fault));
    // Without a free slot the journal counts it with the others.
    if let Some(mut slot) = thread.journal.admit(record) {
        slot.finish();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.finished {
            let fault = if std::thread::panicking() { Fault::GatewayPanic } else { Fault::ClientAborted };
            self.fail(fault);
            let delivery = if self.record().status_sent == 0 { Delivery::None } else { Delivery::Aborted };
            self.close(delivery);
        }
    }
}
