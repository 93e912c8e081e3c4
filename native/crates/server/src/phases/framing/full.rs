//! A request for which the node has no room: refused as cheaply as it can be, and its client held to `Retry-After`.
//!
//! Reading a request and writing an answer is what a refusal costs, so hyper and the service are left out where they can
//! be. But even so a node that refuses whatever comes at once would do little else at a multiple of its capacity. So a
//! connection whose request was refused is paused: nothing more of it is read until a second, on average, has passed.

use super::{Framed, REST_AFTER, Reading};
use portazgo_core::framing::{BodyTracker, Head};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// How long that is, on average: what `Retry-After` says.
const PAUSE: Duration = Duration::from_secs(1);

/// Who answers a request that is refused.
pub(super) enum Refusal {
    /// It is answered already, and hyper never sees it; or its connection has ended.
    Answered,
    /// The service is to answer it; whether it closes the connection.
    ByService { closes: bool },
}

impl Framed {
    /// Refuse a request whose head stands at the front of `bytes`.
    pub(super) fn refuse_for_want_of_room(&mut self, head: Head, bytes: &[u8]) -> Refusal {
        // Closing is dearer, for both sides, than serving; but memory that is short is wanted back.
        let has_body = !BodyTracker::new(head.body).is_done();
        if has_body || self.thread.shared.levels.is_memory_short() {
            return Refusal::ByService { closes: true };
        }
        self.pause();
        if head.last || head.upgrades || bytes.starts_with(b"HEAD ") || !self.has_written_everything() {
            return Refusal::ByService { closes: false };
        }
        match self.stream.send_now(self.thread.load.refusal()) {
            Ok(true) => {
                self.skipped = head.bytes;
                self.wire.answered_at(self.thread.shared.clock.monotonic());
                self.request_is_whole(false);
                Refusal::Answered
            }
            // Nothing was sent, and the usual way can wait.
            Ok(false) => Refusal::ByService { closes: false },
            Err(_) => {
                self.skipped = head.bytes;
                self.paused = false;
                self.reading = Reading::Ended;
                Refusal::Answered
            }
        }
    }

    fn pause(&mut self) {
        // A proxy's connection carries the requests of many.
        if self.thread.shared.trusts(self.wire.peer.ip()) {
            return;
        }
        // Not all come back in one moment.
        let [part] = self.thread.random.bytes();
        self.deadline.reset(Instant::now() + PAUSE.mul_f64(0.5 + f64::from(part) / 255.0));
        self.paused = true;
    }

    /// Whether neither hyper nor TLS holds a byte of an answer.
    pub(super) fn has_written_everything(&self) -> bool {
        self.wire.idle_since().is_some() && self.stalled.as_ref().is_none_or(|stalled| !stalled.is_waiting())
    }

    /// Ready unless the connection is paused. What hyper is to see of the refused request it still gets.
    pub(super) fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.paused && self.released == 0 {
            // Who is to leave is to be answered, whatever it asks.
            if !self.thread.ends_connections() {
                ready!(self.deadline.poll(context));
            }
            self.paused = false;
            self.deadline.reset(Instant::now() + REST_AFTER);
        }
        Poll::Ready(())
    }
}
