//! How long a backend may keep silent. Its time begins when it has the whole request: that a client uploads slowly is no fault
//! of the backend's (the client's own idle time ends that), but a backend that takes no more of an upload gets `idle_ms` for it.

use super::{Trip, after};
use portazgo_core::fault::Fault;
use portazgo_core::time::Monotonic;
use std::future::Future;
use std::pin::Pin;

/// How far an upload had come when it was looked at.
struct Seen {
    handed_on: u64,
    /// Since when it has stood there.
    since: Monotonic,
}

impl Trip<'_> {
    /// The head of the answer; the error says whose time was over. Most requests have no body, or one that is here at once:
    /// then nothing is looked at a second time.
    pub(super) async fn head<F: Future>(&self, sent_at: Monotonic, mut sent: Pin<&mut F>) -> Result<F::Output, Fault> {
        let mut ends = after(sent_at, self.times.first_byte_ms).min(self.ends);
        let mut seen = Seen { handed_on: 0, since: sent_at };
        loop {
            if let Some(output) = self.thread.deadlines.within(ends, sent.as_mut()).await {
                return Ok(output);
            }
            if ends == self.ends {
                return Err(Fault::BackendTotalTimeout);
            }
            ends = self.more_time(&mut seen, sent_at)?.min(self.ends);
        }
    }

    /// Until when to go on waiting for an answer that has not come in time.
    fn more_time(&self, seen: &mut Seen, sent_at: Monotonic) -> Result<Monotonic, Fault> {
        let now = self.thread.shared.clock.monotonic();
        let Some(progress) = self.progress else {
            return Err(Fault::BackendFirstByteTimeout);
        };
        if let Some(whole_at) = progress.whole_at(sent_at, &self.thread.shared.clock) {
            let ends = after(whole_at, self.times.first_byte_ms);
            return if ends > now { Ok(ends) } else { Err(Fault::BackendFirstByteTimeout) };
        }
        let handed_on = progress.handed_on.get();
        if handed_on > seen.handed_on || progress.waits_for_client.get() {
            *seen = Seen { handed_on, since: now };
        }
        let taken_by = after(seen.since, self.times.idle_ms);
        if now >= taken_by {
            return Err(Fault::BackendSendTimeout);
        }
        // The body may be whole at any moment from here on, so the backend's time is not over before that.
        Ok(after(now, self.times.first_byte_ms).min(taken_by))
    }
}
