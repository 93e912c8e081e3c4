//! One try: a permit where connections are capped, a connection, the request, the head of the answer.

use super::repeat::Body;
use super::{CameBack, Trip, after};
use crate::arriving::Arriving;
use crate::metrics::add;
use crate::phases::record::Call;
use crate::phases::transform_request::Outgoing;
use crate::pool::{Connected, FRESH, Lease, Own};
use crate::upstream::RequestBody;
use http::{HeaderValue, Request, header};
use http_body::Body as _;
use portazgo_core::fault::Fault;
use portazgo_core::forward::{Asked, Flight, Http2, Permit};
use portazgo_core::record::Phase;
use portazgo_core::snapshot::Target;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// A try without an answer.
pub(super) struct Failure {
    pub(super) fault: Fault,
    /// No byte of the request left the gateway.
    pub(super) nothing_sent: bool,
    /// Bytes of an answer came.
    pub(super) answer_began: bool,
    /// The connection had been idle, or was about to be left: the backend may have been closing it.
    pub(super) reused: bool,
}

impl Failure {
    /// The connection had been closed by the time that it was used.
    pub(super) fn is_stale(&self) -> bool {
        self.reused && !self.answer_began
    }

    pub(super) fn before_sending(fault: Fault) -> Self {
        Self { fault, nothing_sent: true, answer_began: false, reused: false }
    }
}

impl Trip<'_> {
    pub(super) async fn attempt(
        &mut self,
        call: &mut Call,
        outgoing: Outgoing,
        body: &mut Body,
        index: usize,
    ) -> Result<CameBack, Failure> {
        let backend = self.backend;
        let target = &backend.targets[index];
        let flight = backend.counts_flights().then(|| Flight::begin(&target.state));
        call.reached(Phase::ForwardConnect);
        // Of the try before this one: a target that takes no connection must not be recorded under another's name.
        call.record().backend_target = None;
        let mut lease = match self.lease(call, target).await.map_err(Failure::before_sending)? {
            Lease::Own(own) => own,
            // Boxed: what it needs would make every call's future larger.
            Lease::Shared(seat) => return Box::pin(self.over_line(call, outgoing, body, target, seat, flight)).await,
        };
        let sent_at = if lease.reused {
            call.at()
        } else {
            // It takes a request as soon as its task runs.
            let ready = lease.sender.ready().await;
            ready
                .map_err(|error| Failure::before_sending(lease.exchange.fault().unwrap_or_else(|| fault_of(&error))))?;
            call.read_clock()
        };
        self.leave(sent_at)?;
        call.record().backend_target = lease.address;
        let request = request(outgoing, target, body.take());
        let progress = request.body().progress();
        let reused = lease.reused;
        let upgraded = self.upgrades.then(|| lease.exchange.begin_upgrade());
        if upgraded.is_none() {
            lease.exchange.begin(request.method() == http::Method::HEAD);
        }
        // The request is on its way when the future is made: what a call keeps while its backend works is small.
        let sent = pin!(lease.sender.try_send_request(request));
        let response = match self.head(sent_at, sent).await {
            Ok(Ok(response)) => response,
            Ok(Err(mut failed)) => {
                // It comes back where not a byte of it was written.
                let request = failed.take_message();
                let error = failed.into_error();
                let nothing_sent = request.is_some();
                if let Some(request) = request {
                    body.put_back(request.into_body());
                }
                let broken = lease.exchange.fault();
                if error.is_parse() && broken.is_none() {
                    add(&self.thread.metrics().library_refusals);
                }
                let answer_began = lease.exchange.has_begun();
                return Err(Failure {
                    fault: broken.unwrap_or_else(|| fault_of(&error)),
                    nothing_sent,
                    answer_began,
                    reused,
                });
            }
            Err(fault) => {
                // A connection that takes a request and keeps silent is not one that was being closed.
                let answer_began = lease.exchange.has_begun();
                return Err(Failure { fault, nothing_sent: false, answer_began, reused: false });
            }
        };
        call.reached(Phase::ForwardFirstByte);
        call.record().backend_status = response.status().as_u16();
        lease.answers_beside(progress);
        let ends = self.thread.shared.clock.instant(self.ends);
        let (response, lease) = (response.map(Arriving::Own), Lease::Own(lease));
        Ok(CameBack { response, lease, target: Arc::clone(target), ends, upgraded, flight })
    }

    /// A connection, kept or new.
    async fn lease(&self, call: &mut Call, target: &Arc<Target>) -> Result<Lease, Fault> {
        let pool = &self.backend.forwarding.pool;
        let permit = match pool.connections {
            None => None,
            Some(most) => Some(self.permit(call, target, most).await?),
        };
        call.record().attempts += 1;
        // HTTP/2 knows no change of protocol that all backends speak.
        if target.http2 != Http2::Off && !self.upgrades {
            return Box::pin(self.shared(call, target, permit)).await;
        }
        if let Some(own) = self.kept(call, target) {
            return Ok(own.under(permit));
        }
        if let Some(permit) = &permit {
            permit.make_room();
        }
        // Boxed: connecting is rare, and what it needs would make every call's future twice as large.
        match Box::pin(self.connect(call, target, Http2::Off, permit.is_some())).await? {
            Connected::Own(own) => Ok(own.under(permit)),
            // It was not offered.
            Connected::Line(_) => Err(Fault::BackendBadResponse),
        }
    }

    /// A connection of HTTP/1.1 that was kept.
    pub(super) fn kept(&self, call: &Call, target: &Arc<Target>) -> Option<Own> {
        if self.only_new {
            return None;
        }
        self.thread.pool.take(target, !self.idempotent, call.at(), self.thread.metrics())
    }

    /// The longest that a line may have been idle, nanoseconds.
    pub(super) fn longest_idle(&self) -> u64 {
        let kept = u64::from(self.backend.forwarding.pool.idle_ms) * 1_000_000;
        if self.idempotent { kept } else { kept.min(FRESH) }
    }

    pub(super) async fn connect(
        &self,
        call: &Call,
        target: &Target,
        http2: Http2,
        capped: bool,
    ) -> Result<Connected, Fault> {
        let within = self.time_to_connect(call);
        self.thread.pool.connect(target, http2, within, capped, call.at(), self.thread.metrics()).await
    }

    pub(super) fn time_to_connect(&self, call: &Call) -> Duration {
        let left = Duration::from_nanos(self.ends.0.saturating_sub(call.at().0));
        Duration::from_millis(u64::from(self.times.connect_ms)).min(left)
    }

    async fn permit(&self, call: &mut Call, target: &Arc<Target>, most: u32) -> Result<Permit, Fault> {
        let pool = &self.backend.forwarding.pool;
        let permit = match Permit::ask(&target.state, most, pool.waiting) {
            Asked::Now(permit) => return Ok(permit),
            Asked::Full => None,
            Asked::Wait(mut turn) => {
                let until = after(call.at(), pool.wait_ms).min(self.ends);
                let turn = pin!(poll_fn(|context| turn.poll(context)));
                let came = self.thread.deadlines.within(until, turn).await;
                call.read_clock();
                came
            }
        };
        permit.ok_or(Fault::BackendConnectionsExhausted)
    }
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
    request.headers_mut().insert(header::HOST, target.host.clone());
    request
}

fn fault_of(error: &hyper::Error) -> Fault {
    if error.is_parse() { Fault::BackendBadResponse } else { Fault::BackendResetBeforeHeaders }
}
