//! Answers on their way to the partner.

pub(crate) mod projected;

use super::framing::Wire;
use super::record::Call;
use crate::arriving::Arriving;
use crate::holder::Holder;
use crate::pool::Lease;
use crate::thread::Thread;
use crate::tunnel::{Opening, Tunnel};
use crate::vigil::{Over, Vigil};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use portazgo_core::fault::Fault;
use portazgo_core::forward::Flight;
use portazgo_core::ids::Id;
use portazgo_core::problem;
use portazgo_core::record::{Delivery, Phase};
use portazgo_core::snapshot::{Document, Target};
use portazgo_core::time::Monotonic;
use projected::Projected;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// `X-Request-Id`, on every answer.
pub(crate) const REQUEST_ID: header::HeaderName = header::HeaderName::from_static("x-request-id");

/// An answer before it becomes hyper's.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
}

/// Where an answer's body comes from.
pub(crate) enum Content {
    /// Here it is.
    Whole(Bytes),
    /// It streams from the backend.
    Stream(Box<Stream>),
    /// It streams from the backend, and a contract says what of it passes.
    Projected(Box<Projected>),
    /// None: the connection goes on as this.
    Tunnel(Box<Opening>),
}

impl Content {
    fn stream(&self) -> Option<&Stream> {
        match self {
            Self::Stream(stream) => Some(stream),
            Self::Projected(projected) => Some(&projected.stream),
            Self::Whole(_) | Self::Tunnel(_) => None,
        }
    }

    fn into_stream(self) -> Option<Stream> {
        match self {
            Self::Stream(stream) => Some(*stream),
            Self::Projected(projected) => Some(projected.stream),
            Self::Whole(_) | Self::Tunnel(_) => None,
        }
    }
}

/// A backend's body under way.
pub(crate) struct Stream {
    /// Before the lease: what is left of an answer must be gone when its connection is given back.
    pub(crate) source: Arriving,
    pub(crate) lease: Option<Lease>,
    pub(crate) target: Arc<Target>,
    /// Counts as in flight at the target as long as this lives.
    #[expect(dead_code, reason = "it does its work when it is dropped")]
    pub(crate) flight: Option<Flight>,
    pub(crate) most: Option<u64>,
    pub(crate) idle: Duration,
    pub(crate) ends: Instant,
    pub(crate) seen: u64,
    /// Begins with the first piece, or where there is none yet.
    pub(crate) vigil: Option<Vigil>,
    /// Whose answer it is; None where it is whole when its head is read, as most are.
    pub(crate) holder: Option<Rc<Holder>>,
    /// What was read before the answer's head was sent.
    pub(crate) first: Option<Bytes>,
    pub(crate) ended: bool,
    /// How long it is may not be told: the partner would get less of it.
    pub(crate) hides_length: bool,
}

impl Answer {
    /// A JSON document of ours.
    pub(crate) fn document(text: String, content_type: &'static str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status: StatusCode::OK, headers, content: Content::Whole(Bytes::from(text)) }
    }

    /// A document under `/.well-known/`, which backends and what lies between may keep for a while; or that theirs is still the
    /// same (RFC 9110, section 13.1.2; RFC 9111).
    pub(crate) fn published(document: &Document, asked: &HeaderMap) -> Self {
        let mut answer = Self::document(document.text.to_string(), "application/json");
        answer.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        answer.headers.insert(header::ETAG, document.etag.clone());
        if asked.get_all(header::IF_NONE_MATCH).iter().any(|tags| matches(tags, &document.etag)) {
            answer.status = StatusCode::NOT_MODIFIED;
            answer.headers.remove(header::CONTENT_TYPE);
            answer.content = Content::Whole(Bytes::new());
        }
        answer
    }

    /// A problem of the catalogue (RFC 9457).
    pub(crate) fn problem(fault: Fault, request_id: Id, violated: &[&str]) -> Self {
        Self::problem_of(fault, problem::document(fault, request_id, violated))
    }

    /// The same, with what is wrong where.
    pub(crate) fn problem_with_errors(fault: Fault, request_id: Id, errors: &str) -> Self {
        Self::problem_of(fault, problem::with_errors(fault, request_id, errors))
    }

    fn problem_of(fault: Fault, document: String) -> Self {
        let mut answer = Self::document(document, "application/problem+json");
        // 499 is for records: there is nobody left to read it.
        answer.status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::BAD_GATEWAY);
        answer.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if answer.status == StatusCode::UNAUTHORIZED {
            answer.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }

    /// Hand the answer to hyper; the call goes along and is closed when the last byte is gone.
    pub(crate) fn send(
        self,
        mut call: Call,
        thread: &Rc<Thread>,
        wire: &Rc<Wire>,
        bodiless: bool,
    ) -> Response<AnswerBody> {
        let Self { status, mut headers, content } = self;
        headers.insert(REQUEST_ID, call.request_id_header());
        call.record().status_sent = status.as_u16();
        call.reached(Phase::Respond);
        let (call, content) = match content {
            Content::Tunnel(opening) => {
                wire.go_on_as(Tunnel::new(call, thread, *opening));
                (None, None)
            }
            content => {
                if let Some(holder) = content.stream().and_then(|stream| stream.holder.clone()) {
                    wire.answers_to(Some(holder));
                }
                (Some(call), Some(content))
            }
        };
        let bodiless = bodiless || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
        let mut body = AnswerBody { call, content, bodiless, thread: Rc::clone(thread), wire: Rc::clone(wire) };
        if body.is_end_stream() || bodiless {
            body.note_answered();
        }
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// Whether one of these tags is the document's, by the weak comparison.
fn matches(tags: &HeaderValue, etag: &HeaderValue) -> bool {
    let tags = tags.to_str().unwrap_or_default();
    tags.trim() == "*" || tags.split(',').any(|tag| tag.trim().trim_start_matches("W/").as_bytes() == etag.as_bytes())
}

/// The body as hyper takes it. It owns the call until the last byte has been handed on.
pub(crate) struct AnswerBody {
    call: Option<Call>,
    content: Option<Content>,
    bodiless: bool,
    thread: Rc<Thread>,
    wire: Rc<Wire>,
}

/// The body ended early; what was sent is cut off so that the client can tell.
#[derive(Debug)]
pub(crate) struct CutOff(Fault);

impl std::fmt::Display for CutOff {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.code())
    }
}

impl std::error::Error for CutOff {}

impl AnswerBody {
    /// An answer without a record: there was no slot for one.
    pub(crate) fn unrecorded(thread: &Rc<Thread>, wire: &Rc<Wire>, content: Bytes) -> Self {
        Self {
            call: None,
            content: Some(Content::Whole(content)),
            bodiless: false,
            thread: Rc::clone(thread),
            wire: Rc::clone(wire),
        }
    }

    /// From here on a crash of the process can't lose the answer's record.
    fn note_answered(&mut self) {
        if let Some(call) = &mut self.call {
            call.answered();
        }
    }

    /// The last byte was handed to hyper: the record is final when the transport has it.
    fn hand_over_call(&mut self) {
        match self.call.take() {
            Some(call) => self.wire.await_flush(call),
            None => self.wire.answered_at(self.thread.shared.clock.monotonic()),
        }
    }

    fn cut_off(&mut self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        // A request's body that breaks under its answer takes the backend's connection along: that is not the backend's doing.
        let broken = self.wire.body_fault().filter(|_| fault == Fault::BackendTruncated);
        let fault = broken.unwrap_or(fault);
        self.content = None;
        if let Some(mut call) = self.call.take() {
            call.record().bytes_out += self.wire.take_written();
            call.fail(fault);
            call.finish(Delivery::Aborted);
        }
        Poll::Ready(Some(Err(CutOff(fault))))
    }

    fn poll_stream(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let Some(Content::Stream(stream)) = &mut self.content else {
            return Poll::Ready(None);
        };
        match stream.poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(fault)) => self.cut_off(fault),
            Poll::Ready(Ok(data)) => {
                let length = data.as_ref().map_or(0, Bytes::len) as u64;
                if let Some(call) = &mut self.call {
                    call.record().backend_bytes_in += length;
                }
                if data.is_none() || self.is_end_stream() {
                    self.finish_stream();
                }
                Poll::Ready(data.map(|data| Ok(Frame::data(data))))
            }
        }
    }

    fn poll_projected(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let Some(Content::Projected(projected)) = &mut self.content else {
            return Poll::Ready(None);
        };
        let outcome = projected.poll(context);
        let (received, done) = (projected.take_received(), projected.is_done());
        if let Some(call) = &mut self.call {
            call.record().backend_bytes_in += received;
        }
        match outcome {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(fault)) => {
                if let (Some(call), Some(found)) = (&mut self.call, projected.violation()) {
                    call.breaks(&found.told());
                }
                self.cut_off(fault)
            }
            Poll::Ready(Ok(piece)) => {
                if done {
                    self.finish_stream();
                }
                Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
            }
        }
    }

    fn finish_stream(&mut self) {
        if let Some(stream) = self.content.take().and_then(Content::into_stream) {
            let waited = stream.vigil.as_ref().is_some_and(Vigil::has_paused);
            if let Some(call) = self.call.as_mut().filter(|_| waited) {
                call.read_clock();
            }
            if stream.holder.is_some() {
                self.wire.answers_to(None);
            }
            let now = self.call.as_ref().map_or_else(|| self.thread.shared.clock.monotonic(), Call::at);
            stream.give_back(&self.thread, now);
        }
        self.note_answered();
        self.hand_over_call();
    }
}

impl Stream {
    /// The body has come to its end: its connection may carry another call.
    pub(crate) fn give_back(mut self, thread: &Thread, now: Monotonic) {
        if let Some(lease) = self.lease.take() {
            thread.pool.give(self.target, lease, now, thread.metrics());
        }
    }

    /// Read what is there already, without waiting: a body that is broken from its beginning can still become a problem.
    /// `holder` is asked for where more is to come.
    pub(crate) async fn begin(&mut self, holder: impl FnOnce() -> Holder) -> Result<(), Fault> {
        match std::future::poll_fn(|context| Poll::Ready(self.poll(context))).await {
            Poll::Pending => {}
            Poll::Ready(Ok(first)) => {
                self.ended = first.is_none();
                self.first = first;
            }
            Poll::Ready(Err(fault)) => return Err(fault),
        }
        if !self.ended && !self.source.is_end_stream() {
            self.holder = Some(Rc::new(holder()));
        }
        Ok(())
    }

    /// The next piece; None at the end.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Fault>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Ok(Some(first)));
        }
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        match self.source.poll(context) {
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(None)),
            Poll::Ready(Err(fault)) => {
                let broken = self.lease.as_ref().and_then(Lease::fault);
                Poll::Ready(Err(broken.unwrap_or(fault)))
            }
            Poll::Ready(Ok(Some(data))) => {
                self.seen += data.len() as u64;
                if self.most.is_some_and(|most| self.seen > most) {
                    return Poll::Ready(Err(Fault::BackendResponseTooLarge));
                }
                let (vigil, holder) = self.vigil();
                Poll::Ready(vigil.piece(holder).map(|()| Some(data)).map_err(fault_of))
            }
            Poll::Pending => {
                let (vigil, holder) = self.vigil();
                vigil.poll_pause(context, holder).map(|over| Err(fault_of(over)))
            }
        }
    }

    fn vigil(&mut self) -> (&mut Vigil, Option<&Holder>) {
        let (idle, ends) = (self.idle, self.ends);
        (self.vigil.get_or_insert_with(|| Vigil::begin(idle, Some(ends))), self.holder.as_deref())
    }

    /// All of the body, where it came with the head.
    pub(crate) fn whole(&self) -> Option<&Bytes> {
        self.first.as_ref().filter(|_| self.source.is_end_stream())
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.first.is_none() && (self.ended || self.source.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        if self.hides_length {
            return SizeHint::default();
        }
        let held = self.first.as_ref().map_or(0, Bytes::len) as u64;
        let rest = self.source.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + held);
        }
        hint.set_lower(rest.lower() + held);
        hint
    }
}

fn fault_of(over: Over) -> Fault {
    match over {
        Over::Idle => Fault::BackendIdleTimeout,
        Over::Time => Fault::BackendTotalTimeout,
        Over::Access => Fault::AccessEnded,
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        match &mut self.content {
            None | Some(Content::Tunnel(_)) => Poll::Ready(None),
            Some(Content::Whole(_)) => {
                let Some(Content::Whole(bytes)) = self.content.take() else {
                    return Poll::Ready(None);
                };
                self.note_answered();
                self.hand_over_call();
                if bytes.is_empty() { Poll::Ready(None) } else { Poll::Ready(Some(Ok(Frame::data(bytes)))) }
            }
            Some(Content::Stream(_)) => self.poll_stream(context),
            Some(Content::Projected(_)) => self.poll_projected(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            None | Some(Content::Tunnel(_)) => true,
            Some(Content::Whole(bytes)) => bytes.is_empty(),
            Some(Content::Stream(stream)) => stream.is_at_end(),
            Some(Content::Projected(projected)) => projected.is_at_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            None | Some(Content::Tunnel(_)) => SizeHint::with_exact(0),
            Some(Content::Whole(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Some(Content::Stream(stream)) => stream.size_hint(),
            Some(Content::Projected(_)) => SizeHint::default(),
        }
    }
}

impl AnswerBody {
    /// Whether the head alone is the answer (HEAD, 204, 304). HTTP/1.1 knows by itself.
    pub(crate) fn is_bodiless(&self) -> bool {
        self.bodiless
    }

    /// Note why the answer will not be taken, where that is known.
    pub(crate) fn blame(&mut self, fault: Fault) {
        if let Some(call) = &mut self.call {
            call.fail(fault);
        }
    }

    /// hyper wants no more of it: close the call, or hand it over where the head alone was the answer.
    pub(crate) fn rest(&mut self) {
        // hyper never asks for a body that can't be sent (HEAD, 204, 304) or that is empty.
        if self.call.is_some() && (self.bodiless || self.is_end_stream()) {
            self.finish_stream();
        } else if let Some(mut call) = self.call.take() {
            call.record().bytes_out += self.wire.take_written();
            call.fail(self.wire.aborted_by());
            call.finish(Delivery::Aborted);
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.wire.answer_done();
        self.rest();
    }
}
