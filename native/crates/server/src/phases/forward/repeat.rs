//! Once more, where that is safe: nothing was sent, or the request is idempotent and no byte of an answer came; and where it
//! is wise: within the budget, and rather at another target.

use super::attempt::Failure;
use super::{CameBack, Trip};
use crate::phases::credential::Bearer;
use crate::phases::record::Call;
use crate::upstream::{Remembered, RequestBody};
use http::StatusCode;
use portazgo_core::fault::Fault;
use portazgo_core::time::Monotonic;
use std::time::Duration;
use tokio::time::sleep;

/// Before the second try of the same target; twice as long before the third.
const PAUSE: Duration = Duration::from_millis(25);

/// A request's body over all tries.
pub(super) struct Body {
    next: Option<RequestBody>,
    remembered: Option<Remembered>,
    empty: bool,
}

impl Body {
    pub(super) fn new(mut body: RequestBody, may_be_sent_again: bool) -> Self {
        let empty = body.progress().is_none();
        let remembered = if may_be_sent_again { body.remember() } else { None };
        Self { next: Some(body), remembered, empty }
    }

    /// For a try that is about to send it.
    pub(super) fn take(&mut self) -> RequestBody {
        self.next.take().unwrap_or_else(RequestBody::empty)
    }

    /// It was not touched.
    pub(super) fn put_back(&mut self, body: RequestBody) {
        self.next = Some(body);
    }

    /// Make it ready for one more try. False: it can't be sent again.
    fn renew(&mut self) -> bool {
        if self.next.is_none() && !self.empty {
            self.next = self.remembered.as_ref().and_then(Remembered::again);
        }
        self.next.is_some() || self.empty
    }
}

impl Trip<'_> {
    /// The backend refused the token that we attached: it gets another one, and the request again where that is as safe as
    /// after a failure.
    pub(super) async fn may_have_another_token(
        &self,
        came_back: &CameBack,
        bearer: &Bearer<'_>,
        call: &mut Call,
        body: &mut Body,
    ) -> bool {
        if came_back.response.status() != StatusCode::UNAUTHORIZED {
            return false;
        }
        // Boxed: it is rare, and what it needs would make every call's future larger.
        if !Box::pin(bearer.refused(call)).await {
            return false;
        }
        let policy = &self.backend.forwarding.retry;
        let now = call.read_clock();
        self.idempotent
            && self.tries < policy.attempts
            && now < self.ends
            && body.renew()
            && self.backend.state.budget.take(policy, now)
    }

    /// Decide on one more try, and wait for its time.
    pub(super) async fn may_repeat(&mut self, failure: &Failure, body: &mut Body, now: Monotonic) -> bool {
        let policy = &self.backend.forwarding.retry;
        let safe = !failure.answer_began && (failure.nothing_sent || self.idempotent);
        if self.admission.has_ended()
            || !safe
            || self.tries >= policy.attempts
            || self.is_the_clients(failure.fault)
            || now >= self.ends
        {
            return false;
        }
        // Backends close idle connections as they like: that is no failure, and costs them nothing.
        if failure.is_stale() {
            self.only_new = true;
            return body.renew();
        }
        let elsewhere = self.backend.has_another(self.tried, now);
        if !elsewhere && !is_worth_the_same_target(failure.fault) {
            return false;
        }
        if !body.renew() || !self.backend.state.budget.take(policy, now) {
            return false;
        }
        if !elsewhere {
            let pause = PAUSE * u32::from(self.tries);
            if now.0 + pause.as_nanos() as u64 >= self.ends.0 {
                return false;
            }
            sleep(pause).await;
        }
        true
    }
}

/// Behind one target there may be several processes or hosts, and a connection that is refused or broken off costs neither
/// side much. One that was waited for has cost its time, and would again.
fn is_worth_the_same_target(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::ConnectRefused | Fault::ConnectFailed | Fault::BackendResetBeforeHeaders | Fault::BackendSendFailed
    )
}
