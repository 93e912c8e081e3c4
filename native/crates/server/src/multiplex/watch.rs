//! What a line's transport sees of its frames, and what those who use the line ask of it.

use crate::watched::{Watcher, broken_off};
use portazgo_core::fault::Fault;
use portazgo_core::framing::http2::{AnswerBudget, FrameScan, Sent};
use portazgo_core::time::Monotonic;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Instant;
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
}

impl Watcher for Rc<Watch> {
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
            broken_off(fault)
        })
    }

    fn sent(&self, scan: &mut FrameScan, bytes: &[u8]) -> io::Result<()> {
        let mut budget = self.budget.borrow_mut();
        scan.advance(bytes, |frame| {
            budget.sent(frame);
            Ok(())
        })
    }
}
