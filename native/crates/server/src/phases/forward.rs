//! To the backend and back to its answer's head: which target, over which connection, within which times, and again where
//! that is safe. What decides is in the core (`forward`).

mod attempt;
mod guard;
mod over_line;
mod patience;
mod repeat;

use super::Refusal;
use super::credential::Bearer;
use super::framing::Wire;
use super::record::Call;
use super::transform_request::Outgoing;
use crate::arriving::Arriving;
use crate::holder::{Admission, Holder};
use crate::metrics::add;
use crate::pool::Lease;
use crate::thread::Thread;
use crate::tunnel::Upgraded;
use crate::upstream::{Progress, RequestBody};
use attempt::Failure;
use guard::Guard;
use http::{HeaderName, Response};
use hyper::body::Incoming;
use portazgo_core::fault::Fault;
use portazgo_core::forward::{Flight, Http2, Outcome, Targets};
use portazgo_core::record::Method;
use portazgo_core::snapshot::{BackendEnvironment, CallTimes, RouteAction, Target};
use portazgo_core::time::Monotonic;
use repeat::Body;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A call without an end ends after a hundred years.
const NEVER: Monotonic = Monotonic(100 * 365 * 86_400 * 1_000_000_000);
/// By which a client says that two requests are one (draft-ietf-httpapi-idempotency-key-header).
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What came back.
pub(super) struct CameBack {
    pub(super) response: Response<Arriving>,
    pub(super) lease: Lease,
    pub(super) target: Arc<Target>,
    pub(super) ends: Instant,
    /// The connection after a change of protocol, where one was asked for.
    pub(super) upgraded: Option<oneshot::Receiver<Upgraded>>,
    /// Counts as in flight until the answer has ended.
    pub(super) flight: Option<Flight>,
}

/// Of what each try is made.
pub(super) struct Making<'m, C> {
    /// Makes the request, and makes it anew for each try: it is taken apart while it is sent, and to keep a copy of each for
    /// the few that are repeated would cost every call.
    pub(super) compose: C,
    /// The token that it carries, and who to tell when the backend refuses that.
    pub(super) bearer: &'m Bearer<'m>,
    /// By which it goes out at all.
    pub(super) admission: &'m Admission<'m>,
}

/// Send the request; returns when the head of the answer is here.
pub(super) async fn forward(
    thread: &Rc<Thread>,
    wire: &Wire,
    call: &mut Call,
    making: &Making<'_, impl Fn(&mut Call) -> Result<Outgoing, Fault>>,
    body: RequestBody,
    backend: &BackendEnvironment,
    action: &RouteAction,
) -> Result<CameBack, Refusal> {
    let guard = Guard::admit(thread, backend, call.at())?;
    let times = action.times(&backend.timeouts);
    let progress = body.progress();
    let outgoing = (making.compose)(call)?;
    backend.state.budget.count_call(thread.index, call.at());
    let idempotent = is_idempotent(&outgoing, action);
    let mut trip = Trip {
        thread,
        backend,
        progress: progress.as_deref(),
        times,
        ends: times.total_ms.map_or(NEVER, |total| after(call.at(), total)),
        idempotent,
        tried: Targets::default(),
        tries: 0,
        upgrades: call.upgrades,
        // What a connection was used for before must not matter to a tunnel.
        only_new: call.upgrades,
        admission: making.admission,
    };
    // A backend of HTTP/2 says of some requests that it did nothing of them, whatever they are.
    let may_come_back = idempotent || backend.forwarding.http2 != Http2::Off;
    let mut body = Body::new(body, may_come_back && backend.forwarding.retry.attempts > 1);
    let outcome = trip.run(call, outgoing, making, &mut body).await;
    guard.settle(match &outcome {
        Ok(came_back) => Outcome::of_status(came_back.response.status().as_u16()),
        Err(fault) => trip.says_of_backend(*fault),
    });
    let Some(progress) = progress else {
        return outcome.map_err(Refusal::from);
    };
    if progress.library_refused.get() {
        add(&thread.metrics().library_refusals);
    }
    call.count_upload(&progress);
    if outcome.is_ok() && !progress.is_whole() {
        call.follow(Rc::clone(&progress));
    }
    outcome.map_err(|fault| progress.fault.get().map_or(fault, |fault| wire.body_fault().unwrap_or(fault)).into())
}

/// A request's body as it comes: within its bounds, and for as long as its holder may.
pub(super) fn body(
    thread: &Thread,
    wire: &Wire,
    source: Incoming,
    backend: &BackendEnvironment,
    action: &RouteAction,
    most_bytes: u64,
    holder: impl FnOnce() -> Holder,
) -> RequestBody {
    let idle = Duration::from_millis(u64::from(action.times(&backend.timeouts).idle_ms));
    let bytes_per_second = thread.shared.config.limits.body_bytes_per_second;
    RequestBody::new(source, most_bytes, idle, bytes_per_second, wire.is_of_stream, holder)
}

/// Whether a request of this route without a body may reach a backend twice.
pub(super) fn is_repeatable(action: &RouteAction) -> bool {
    Method::of(&action.backend_method).is_idempotent()
}

/// Whether it may reach a backend twice: by its method, or by the key that it carries where the route counts on it.
fn is_idempotent(outgoing: &Outgoing, action: &RouteAction) -> bool {
    let method = Method::of(outgoing.method.as_str());
    method.is_idempotent()
        || (action.idempotency_key
            && matches!(method, Method::Post | Method::Patch)
            && outgoing.headers.get(IDEMPOTENCY_KEY).is_some_and(|key| !key.is_empty()))
}

fn after(time: Monotonic, milliseconds: u32) -> Monotonic {
    Monotonic(time.0 + u64::from(milliseconds) * 1_000_000)
}

/// A call on its way, over all of its tries.
struct Trip<'t> {
    thread: &'t Rc<Thread>,
    backend: &'t BackendEnvironment,
    times: CallTimes,
    /// None: it has no body.
    progress: Option<&'t Progress>,
    ends: Monotonic,
    /// It asks for a change of protocol.
    upgrades: bool,
    /// It may reach a backend more than once.
    idempotent: bool,
    tried: Targets,
    tries: u8,
    /// A connection that was kept turned out to be closed: the next try trusts none.
    only_new: bool,
    admission: &'t Admission<'t>,
}

impl Trip<'_> {
    async fn run(
        &mut self,
        call: &mut Call,
        mut outgoing: Outgoing,
        making: &Making<'_, impl Fn(&mut Call) -> Result<Outgoing, Fault>>,
        body: &mut Body,
    ) -> Result<CameBack, Fault> {
        // The backend refused the token, and gets another: once a call.
        let mut has_another_token = false;
        loop {
            let index = self.backend.choose(self.tried, call.at());
            self.tries += 1;
            let failure = match self.attempt(call, outgoing, body, index).await {
                Ok(came_back) => {
                    let said = Outcome::of_status(came_back.response.status().as_u16());
                    self.backend.note(index, said, || call.at());
                    if has_another_token || !self.may_have_another_token(&came_back, making.bearer, call, body).await {
                        return Ok(came_back);
                    }
                    has_another_token = true;
                    drop(came_back);
                    outgoing = (making.compose)(call)?;
                    continue;
                }
                Err(failure) => failure,
            };
            let now = call.read_clock();
            self.backend.note(index, self.says_of_target(&failure), || now);
            if !failure.is_stale() {
                self.tried.add(index);
            }
            if !self.may_repeat(&failure, body, now).await {
                return Err(failure.fault);
            }
            call.read_clock();
            outgoing = (making.compose)(call)?;
        }
    }

    /// A request is about to leave the gateway: not without its caller's access, which may have ended while it waited for a token,
    /// a permit, a connection or another try. Who was told that a key is dead may count on it.
    fn leave(&self, now: Monotonic) -> Result<(), Failure> {
        self.admission.stands(now).map_err(Failure::before_sending)
    }

    /// A connection that was kept and is closed says nothing of its target.
    fn says_of_target(&self, failure: &Failure) -> Outcome {
        if failure.is_stale() { Outcome::Neither } else { self.says_of_backend(failure.fault) }
    }

    fn says_of_backend(&self, fault: Fault) -> Outcome {
        if self.admission.has_ended() || self.is_the_clients(fault) {
            Outcome::Neither
        } else {
            Outcome::of_fault(fault)
        }
    }

    fn is_the_clients(&self, fault: Fault) -> bool {
        self.progress.is_some_and(|progress| progress.excuses(fault))
    }
}
