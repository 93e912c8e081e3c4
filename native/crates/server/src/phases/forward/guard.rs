//! The circuit breaker around a call: let through, and told how it ended, even where it ends by being dropped.

use crate::phases::Refusal;
use crate::thread::Thread;
use http::{HeaderValue, header};
use portazgo_core::fault::Fault;
use portazgo_core::forward::{Admitted, BreakerPolicy, Outcome};
use portazgo_core::snapshot::BackendEnvironment;
use portazgo_core::time::Monotonic;

/// A call that the breaker let through; without a breaker there is nothing in it.
pub(super) struct Guard<'g>(Option<Watched<'g>>);

struct Watched<'g> {
    thread: &'g Thread,
    backend: &'g BackendEnvironment,
    policy: &'g BreakerPolicy,
    admitted: Admitted,
    outcome: Outcome,
}

impl<'g> Guard<'g> {
    pub(super) fn admit(thread: &'g Thread, backend: &'g BackendEnvironment, now: Monotonic) -> Result<Self, Refusal> {
        let Some(policy) = &backend.forwarding.breaker else {
            return Ok(Self(None));
        };
        match backend.state.breaker.admit(now) {
            Ok(admitted) => Ok(Self(Some(Watched { thread, backend, policy, admitted, outcome: Outcome::Neither }))),
            Err(seconds) => {
                let mut refusal = Refusal::from(Fault::CircuitOpen);
                refusal.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                Err(refusal)
            }
        }
    }

    pub(super) fn settle(mut self, outcome: Outcome) {
        if let Some(watched) = &mut self.0 {
            watched.outcome = outcome;
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let now = self.thread.shared.clock.monotonic();
        self.backend.state.breaker.settle(self.admitted, self.outcome, self.policy, now);
    }
}
