//! One try: a permit where connections are capped, a connection, the request, the head of the answer.

use super::repeat::Body;
use super::{CameBack, Trip};
use crate::metrics::add;
use crate::phases::record::Call;
use crate::phases::transform_request::Outgoing;
use crate::pool::{FRESH, Lease};
use crate::upstream::RequestBody;
use http::{HeaderValue, Request, Response, header};
use http_body::Body as _;
use hyper::body::Incoming;
use portazgo_core::fault::Fault;
use portazgo_core::forward::{Asked, Flight, Permit};
use portazgo_core::record::Phase;
use portazgo_core::snapshot::Target;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A try without an answer.
pub(super) struct Failure {
    pub(super) fault: Fault,
    /// No byte of the request left the gateway.
    pub(super) nothing_sent: bool,
    /// Bytes of an answer came.
    pub(super) begun: bool,
    /// The connection had been idle: the backend may have been closing it.
    pub(super) reused: bool,
}

impl Failure {
    /// The connection had been closed by the time that it was used.
    pub(super) fn is_stale(&self) -> bool {
        self.reused && !self.begun
    }

    fn before_sending(fault: Fault) -> Self {
        Self { fault, nothing_sent: true, begun: false, reused: false }
    }
}

impl Trip<'_> {
    pub(super) async fn attempt(
        &mut self,
        call: &mut Call,
        outgoing: &Outgoing,
        body: &mut Body,
        index: usize,
    ) -> Result<CameBack, Failure> {
        let backend = self.backend;
        let target = &backend.targets[index];
        let flight = backend.counts_flights().then(|| Flight::begin(&target.state));
        call.reached(Phase::ForwardConnect);
        let mut lease = self.lease(call, target).await.map_err(Failure::before_sending)?;
        call.record().backend_target = Some(lease.address);
        let first_byte = Instant::now() + Duration::from_millis(u64::from(backend.timeouts.first_byte_ms));
        let request = request(outgoing, target, body.take());
        let reused = lease.reused;
        let response = match timeout_at(first_byte.min(self.ends), send(&mut lease, request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(NotSent { error, request })) => {
                let nothing_sent = request.is_some();
                if let Some(request) = request {
                    body.put_back(request.into_body());
                }
                let broken = lease.exchange.fault();
                if error.is_parse() && broken.is_none() {
                    add(&self.thread.metrics().library_refusals);
                }
                let begun = lease.exchange.has_begun();
                return Err(Failure { fault: broken.unwrap_or_else(|| fault_of(&error)), nothing_sent, begun, reused });
            }
            Err(_) => {
                let over = Instant::now() >= self.ends;
                let fault = if over { Fault::BackendTotalTimeout } else { Fault::BackendFirstByteTimeout };
                // A connection that takes a request and keeps silent is not one that was being closed.
                let begun = lease.exchange.has_begun();
                return Err(Failure { fault, nothing_sent: false, begun, reused: false });
            }
        };
        call.reached(Phase::ForwardFirstByte);
        call.record().backend_status = response.status().as_u16();
        Ok(CameBack { response, lease, target: Arc::clone(target), ends: self.ends, flight })
    }

    /// A connection, kept or new.
    async fn lease(&self, call: &mut Call, target: &Arc<Target>) -> Result<Lease, Fault> {
        let pool = &self.backend.forwarding.pool;
        let permit = match pool.connections {
            None => None,
            Some(most) => Some(self.permit(target, most, pool.waiting, pool.wait_ms).await?),
        };
        call.record().attempts += 1;
        let metrics = self.thread.metrics();
        let kept = Duration::from_millis(u64::from(pool.idle_ms));
        let longest = if self.idempotent { kept } else { kept.min(FRESH) };
        if !self.only_new
            && let Some(mut lease) = self.thread.pool.take(target, longest, metrics)
        {
            lease.permit = permit;
            return Ok(lease);
        }
        if let Some(permit) = &permit {
            permit.make_room();
        }
        let connect = Duration::from_millis(u64::from(self.backend.timeouts.connect_ms));
        let within = connect.min(self.ends.saturating_duration_since(Instant::now()));
        let mut lease = self.thread.pool.connect(target, within, permit.as_ref(), metrics).await?;
        lease.permit = permit;
        Ok(lease)
    }

    async fn permit(&self, target: &Arc<Target>, most: u32, waiting: u32, wait_ms: u32) -> Result<Permit, Fault> {
        match Permit::ask(&target.state, most, waiting) {
            Asked::Now(permit) => Ok(permit),
            Asked::Full => Err(Fault::BackendConnectionsExhausted),
            Asked::Wait(mut turn) => {
                let until = (Instant::now() + Duration::from_millis(u64::from(wait_ms))).min(self.ends);
                let came = timeout_at(until, poll_fn(|context| turn.poll(context))).await;
                came.map_err(|_| Fault::BackendConnectionsExhausted)
            }
        }
    }
}

/// The connection did not take the request, or gave no answer.
struct NotSent {
    error: hyper::Error,
    /// It comes back where not a byte of it was written.
    request: Option<Request<RequestBody>>,
}

async fn send(lease: &mut Lease, request: Request<RequestBody>) -> Result<Response<Incoming>, NotSent> {
    if let Err(error) = lease.sender.ready().await {
        return Err(NotSent { error, request: Some(request) });
    }
    lease.exchange.begin(request.method() == http::Method::HEAD);
    lease.sender.try_send_request(request).await.map_err(|mut failed| {
        let request = failed.take_message();
        NotSent { error: failed.into_error(), request }
    })
}

fn request(outgoing: &Outgoing, target: &Target, body: RequestBody) -> Request<RequestBody> {
    // hyper leaves a body of unknown length out where the method seldom has one, unless it is told.
    let chunked = !body.is_empty() && body.size_hint().exact().is_none();
    let mut request = Request::new(body);
    *request.method_mut() = outgoing.method.clone();
    *request.uri_mut() = outgoing.uri.clone();
    *request.headers_mut() = outgoing.headers.clone();
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
