//! One try over a line of HTTP/2: part in one that is there, or in one that is made for many; the request, and the head of its
//! answer.

use super::attempt::Failure;
use super::repeat::Body;
use super::{CameBack, Trip, after};
use crate::arriving::Arriving;
use crate::multiplex::{Broken, Cause, Found, Seat, Wanted};
use crate::phases::record::Call;
use crate::phases::transform_request::Outgoing;
use crate::pool::{Connected, Lease};
use http::Request;
use portazgo_core::fault::Fault;
use portazgo_core::forward::{Flight, Permit};
use portazgo_core::record::Phase;
use portazgo_core::snapshot::Target;
use std::pin::pin;
use std::sync::Arc;

/// A dial has the time to connect, and says itself why it failed; who waits for it waits a moment longer.
const LONGER_MS: u32 = 50;

impl Trip<'_> {
    /// Part in a line; or a connection of HTTP/1.1, where the target chose that.
    pub(super) async fn shared(
        &self,
        call: &mut Call,
        target: &Arc<Target>,
        permit: Option<Permit>,
    ) -> Result<Lease, Fault> {
        let lines = &self.thread.pool.lines;
        let capped = permit.is_some();
        let wanted = Wanted { began: call.began(), longest: self.longest_idle(), only_new: self.only_new };
        let until = after(call.at(), self.times.connect_ms.saturating_add(LONGER_MS)).min(self.ends);
        let mut made_room = false;
        loop {
            let one = if lines.chose_http1(target) {
                if let Some(own) = self.kept(call, target) {
                    return Ok(own.under(permit));
                }
                true
            } else {
                if let Some(seat) = lines.join(self.thread, target, wanted) {
                    return Ok(Lease::Shared(seat.under(permit, target)));
                }
                false
            };
            if let Some(permit) = permit.as_ref().filter(|_| !std::mem::replace(&mut made_room, true)) {
                permit.make_room();
            }
            if one {
                // What many would wait for is for one call only.
                let connected = self.connect(call, target, target.http2, capped).await;
                call.read_clock();
                match connected? {
                    Connected::Own(own) => return Ok(own.under(permit)),
                    Connected::Line(line) => lines.found(target, line),
                }
                continue;
            }
            let waiter = lines.dial(self.thread, target, self.time_to_connect(call), capped);
            let outcome = self.thread.deadlines.within(until, pin!(waiter.outcome())).await;
            call.read_clock();
            match outcome.unwrap_or(Err(Fault::ConnectTimeout))? {
                Found::Line(line) => {
                    if let Some(seat) = line.take_seat(self.thread, wanted.longest, wanted.began) {
                        return Ok(Lease::Shared(seat.under(permit, target)));
                    }
                }
                Found::Http1 => {
                    if let Some(own) = waiter.take_own() {
                        return Ok(own.under(permit));
                    }
                }
            }
        }
    }

    pub(super) async fn over_line(
        &self,
        call: &mut Call,
        outgoing: Outgoing,
        body: &mut Body,
        target: &Arc<Target>,
        seat: Seat,
        flight: Option<Flight>,
    ) -> Result<CameBack, Failure> {
        self.leave(call.at())?;
        let line = &seat.line;
        call.record().backend_target = line.address;
        let mut request = Request::new(body.take());
        *request.method_mut() = outgoing.method;
        *request.uri_mut() = outgoing.uri;
        *request.headers_mut() = outgoing.headers;
        let mut exchange = match line.send(request) {
            Ok(exchange) => exchange,
            Err(unsent) => {
                body.put_back(unsent);
                let fault = Fault::BackendResetBeforeHeaders;
                return Err(Failure { fault, nothing_sent: true, answer_began: false, reused: seat.reused });
            }
        };
        let outcome = {
            let head = pin!(exchange.head());
            self.head(call.at(), head).await
        };
        let response = match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(broken)) => return Err(failure(&broken, &seat)),
            Err(fault) => {
                let answer_began = exchange.give_up();
                return Err(Failure { fault, nothing_sent: false, answer_began, reused: false });
            }
        };
        call.reached(Phase::ForwardFirstByte);
        call.record().backend_status = response.status().as_u16();
        let response = response.map(|body| Arriving::Shared(Box::new(body)));
        let ends = self.thread.shared.clock.instant(self.ends);
        let lease = Lease::Shared(seat);
        Ok(CameBack { response, lease, target: Arc::clone(target), ends, upgraded: None, flight })
    }
}

/// A backend that takes no more requests on a line, or that had closed an idle one, has not failed.
fn failure(broken: &Broken, seat: &Seat) -> Failure {
    let Broken { fault, nothing_sent, answer_began, cause } = *broken;
    let excused = match cause {
        Cause::Failed => false,
        Cause::Left => true,
        Cause::Lost => seat.was_idle,
    };
    Failure { fault, nothing_sent, answer_began, reused: seat.reused && excused }
}
