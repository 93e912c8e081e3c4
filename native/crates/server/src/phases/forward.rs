//! To the backend and back to its answer's head: pool, timeouts, and the few repeats that are safe.

use super::framing::Wire;
use super::record::Call;
use super::transform_request::Outgoing;
use crate::metrics::add;
use crate::pool::Lease;
use crate::thread::Thread;
use crate::upstream::RequestBody;
use http::{HeaderValue, Request, Response, header};
use http_body::Body as _;
use hyper::body::Incoming;
use portazgo_core::fault::Fault;
use portazgo_core::record::{Method, Phase};
use portazgo_core::snapshot::{BackendEnvironment, CallTimes, RouteAction, Target};
use portazgo_core::time::Monotonic;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Tries for a request that may be repeated.
const MOST_ATTEMPTS: u8 = 3;

/// A call without an end ends after a hundred years.
const NEVER: Monotonic = Monotonic(100 * 365 * 86_400 * 1_000_000_000);

/// What came back.
pub(super) struct CameBack {
    pub(super) response: Response<Incoming>,
    pub(super) lease: Lease,
    pub(super) target: Arc<Target>,
    pub(super) ends: Instant,
}

/// Send the request; returns when the head of the answer is here.
///
/// `compose` makes the request, and makes it anew for each try: it is taken apart while it is sent, and to keep a copy of
/// each for the few that are repeated would cost every call.
pub(super) async fn forward(
    thread: &Rc<Thread>,
    wire: &Wire,
    call: &mut Call,
    compose: impl Fn(&mut Call) -> Result<Outgoing, Fault>,
    body: Incoming,
    backend: &BackendEnvironment,
    action: &RouteAction,
) -> Result<CameBack, Fault> {
    let times = action.times(&backend.timeouts);
    let idle = Duration::from_millis(u64::from(times.idle_ms));
    let body = RequestBody::new(body, action.max_request_bytes, idle);
    let progress = body.progress();
    let mut outgoing = compose(call)?;
    // A body can be sent once; a method that is not idempotent must reach the backend at most once.
    let repeatable = progress.is_none() && Method::of(outgoing.method.as_str()).is_idempotent();
    let ends = times.total_ms.map_or(NEVER, |total| after(call.at(), total));
    let mut trip = Trip { thread, backend, times, ends, repeatable };
    let mut body = Some(body);
    let outcome = loop {
        let attempt = trip.attempt(call, outgoing, body.take().unwrap_or_else(RequestBody::empty)).await;
        match attempt {
            Err(failure) if failure.may_repeat && repeatable && call.record().attempts < MOST_ATTEMPTS => {
                outgoing = compose(call)?;
            }
            outcome => break outcome,
        }
    };
    let Some(progress) = progress else {
        return outcome.map_err(|failure| failure.fault);
    };
    if progress.library_refused.get() {
        add(&thread.metrics().library_refusals);
    }
    let record = call.record();
    record.bytes_in += progress.bytes.get();
    record.backend_bytes_out += progress.bytes.get();
    outcome.map_err(|failure| progress.fault.get().map_or(failure.fault, |fault| wire.body_fault().unwrap_or(fault)))
}

fn after(time: Monotonic, milliseconds: u32) -> Monotonic {
    Monotonic(time.0 + u64::from(milliseconds) * 1_000_000)
}

struct Trip<'t> {
    thread: &'t Rc<Thread>,
    backend: &'t BackendEnvironment,
    times: CallTimes,
    ends: Monotonic,
    repeatable: bool,
}

struct Failure {
    fault: Fault,
    /// Nothing of an answer came, and the connection was one that the backend may have been closing.
    may_repeat: bool,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, may_repeat: false }
    }
}

impl Trip<'_> {
    async fn attempt(&mut self, call: &mut Call, outgoing: Outgoing, body: RequestBody) -> Result<CameBack, Failure> {
        let target = self.thread.pool.next_target(&self.backend.targets);
        let asked = call.reached(Phase::ForwardConnect);
        call.record().attempts += 1;
        let mut lease = self.lease(&target, asked).await?;
        let began = if lease.reused { asked } else { call.read_clock() };
        call.record().backend_target = Some(lease.address);
        let request = request(outgoing, &target, body);
        let ends = after(began, self.times.first_byte_ms).min(self.ends);
        let reused = lease.reused;
        let response = match self.thread.deadlines.within(ends, send(&mut lease, request)).await {
            Some(Ok(response)) => response,
            Some(Err(error)) => {
                let fault = lease.exchange.fault().unwrap_or_else(|| fault_of(&error));
                if error.is_parse() && lease.exchange.fault().is_none() {
                    add(&self.thread.metrics().library_refusals);
                }
                return Err(Failure { fault, may_repeat: reused && !lease.exchange.has_begun() });
            }
            None if ends == self.ends => return Err(Fault::BackendTotalTimeout.into()),
            None => return Err(Fault::BackendFirstByteTimeout.into()),
        };
        call.reached(Phase::ForwardFirstByte);
        call.record().backend_status = response.status().as_u16();
        let ends = self.thread.shared.clock.instant(self.ends);
        Ok(CameBack { response, lease, target, ends })
    }

    async fn lease(&self, target: &Arc<Target>, now: Monotonic) -> Result<Lease, Fault> {
        let metrics = self.thread.metrics();
        if let Some(lease) = self.thread.pool.take(target, self.repeatable, now, metrics) {
            return Ok(lease);
        }
        let left = Duration::from_nanos(self.ends.0.saturating_sub(now.0));
        let within = Duration::from_millis(u64::from(self.times.connect_ms)).min(left);
        self.thread.pool.connect(target, within, metrics).await
    }
}

async fn send(lease: &mut Lease, request: Request<RequestBody>) -> hyper::Result<Response<Incoming>> {
    lease.sender.ready().await?;
    lease.exchange.begin(request.method() == http::Method::HEAD);
    lease.sender.send_request(request).await
}

fn request(outgoing: Outgoing, target: &Target, body: RequestBody) -> Request<RequestBody> {
    // hyper leaves a body of unknown length out where the method seldom has one, unless it is told.
    let chunked = body.size_hint().exact().is_none();
    let mut request = Request::new(body);
    *request.method_mut() = outgoing.method;
    *request.uri_mut() = outgoing.uri;
    *request.headers_mut() = outgoing.headers;
    if chunked {
        request.headers_mut().insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    // Targets were checked at apply: host and port, ASCII.
    if let Ok(host) = HeaderValue::from_str(&target.host) {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

fn fault_of(error: &hyper::Error) -> Fault {
    if error.is_parse() { Fault::BackendBadResponse } else { Fault::BackendResetBeforeHeaders }
}
