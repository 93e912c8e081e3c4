//! One request on a line, to the head of its answer.

use super::body::LineBody;
use super::line::Line;
use super::upload::Upload;
use crate::answers::LIMITS;
use crate::upstream::RequestBody;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};
use http::uri::{self, PathAndQuery};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body as _;
use portazgo_core::fault::Fault;
use portazgo_core::framing::http2::{Sent, judge_answer};
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A request without an answer.
pub(crate) struct Broken {
    pub(crate) fault: Fault,
    /// The backend did nothing of it, by its own word or because it never got it.
    pub(crate) nothing_sent: bool,
    /// Bytes of an answer came.
    pub(crate) answer_began: bool,
    pub(crate) cause: Cause,
}

/// Whether it says something of the backend.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It failed.
    Failed,
    /// It takes no more requests on this line, as it may at any time.
    Left,
    /// The line broke off.
    Lost,
}

/// Notes a stream that is given up before its end.
pub(super) struct Open {
    line: Rc<Line>,
    pub(super) done: bool,
}

impl Open {
    /// The stream broke. Returns which rule the backend broke, if it did; its line takes no more requests then.
    pub(super) fn broken(&mut self, error: &h2::Error) -> Option<Fault> {
        // What the other side has ended is not ours to cancel; what a client's broken body ends is, and the backend counts it.
        self.done = error.is_remote() || error.is_library() || error.is_io();
        let spoilt = self.line.watch.fault().or(error.is_library().then_some(Fault::BackendBadResponse));
        if spoilt.is_some() {
            self.line.retire();
        }
        spoilt
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.done {
            self.line.note_cancelled();
        }
    }
}

/// A request that was handed to its line.
pub(crate) struct Exchange {
    line: Rc<Line>,
    stream: u32,
    response: ResponseFuture,
    upload: Option<Upload>,
    /// Nothing more of the upload is sent. It is kept until the head of an answer is here, which may have come with its end.
    upload_is_over: bool,
    open: Open,
    interim: bool,
    head_request: bool,
    bytes_before: u64,
}

impl Line {
    /// Send a request whose URI is path and query. The error is its body: the line takes no more, and nothing was sent.
    pub(crate) fn send(self: &Rc<Self>, request: Request<RequestBody>) -> Result<Exchange, RequestBody> {
        let (mut head, body) = request.into_parts();
        let Ok(uri) = self.uri(head.uri) else { return Err(body) };
        head.uri = uri;
        let length = body.size_hint().exact();
        if let Some(length) = length
            && (length > 0 || matches!(head.method, Method::POST | Method::PUT | Method::PATCH))
        {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        let head_request = head.method == Method::HEAD;
        let is_whole = body.is_end_stream();
        // A handle of its own: where the backend's leave must be waited for, that is one stream's matter.
        let Some(mut sender) = self.sender.borrow().clone() else { return Err(body) };
        let sent = sender.send_request(Request::from_parts(head, ()), is_whole);
        let Ok((response, stream)) = sent else {
            self.retire();
            return Err(body);
        };
        Ok(Exchange {
            line: Rc::clone(self),
            stream: stream.stream_id().as_u32(),
            response,
            upload: (!is_whole).then(|| Upload::new(body, stream)),
            upload_is_over: false,
            open: Open { line: Rc::clone(self), done: false },
            interim: false,
            head_request,
            bytes_before: self.watch.bytes(),
        })
    }

    fn uri(&self, path: Uri) -> Result<Uri, uri::InvalidUriParts> {
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        let path = path.into_parts().path_and_query;
        parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        Uri::from_parts(parts)
    }
}

impl Exchange {
    /// The head of the answer, judged; its body follows. What is left of the request's body goes on being sent.
    pub(crate) async fn head(&mut self) -> Result<Response<LineBody>, Broken> {
        let response = poll_fn(|context| self.poll(context)).await?;
        let (head, stream) = response.into_parts();
        let fields = head.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        if let Err(fault) = judge_answer(head.status.as_u16(), fields, &LIMITS) {
            return Err(self.refuse(fault));
        }
        let bodiless = self.head_request || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let upload = self.upload.take();
        if let Some(upload) = &upload {
            upload.answers_beside();
        }
        let upload = upload.filter(|_| !self.upload_is_over);
        let open = Open { line: Rc::clone(&self.line), done: false };
        self.open.done = true;
        let body = LineBody::new(stream, open, Rc::clone(&self.line), bodiless, length, upload);
        Ok(Response::from_parts(head, body))
    }

    /// No answer came in time: whether any of it had begun. A line on which nothing at all came is given no more requests.
    pub(crate) fn give_up(self) -> bool {
        if self.line.watch.bytes() == self.bytes_before {
            self.line.retire();
        }
        self.line.watch.request(self.stream) == Sent::Answered
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Response<RecvStream>, Broken>> {
        if let Some(upload) = self.upload.as_mut().filter(|_| !self.upload_is_over) {
            self.upload_is_over = upload.poll(context).is_ready();
        }
        while let Poll::Ready(Some(Ok(interim))) = self.response.poll_informational(context) {
            self.interim = true;
            // The budget bounds how many; HTTP/2 knows no change of protocol (RFC 9113, section 8.6).
            if interim.status() == StatusCode::SWITCHING_PROTOCOLS {
                return Poll::Ready(Err(self.refuse(Fault::BackendBadResponse)));
            }
        }
        Pin::new(&mut self.response).poll(context).map_err(|error| self.broken(&error))
    }

    /// An answer came that is none.
    fn refuse(&self, fault: Fault) -> Broken {
        self.line.retire();
        Broken { fault, nothing_sent: false, answer_began: true, cause: Cause::Failed }
    }

    fn broken(&mut self, error: &h2::Error) -> Broken {
        let spoilt = self.open.broken(error);
        let request = self.line.watch.request(self.stream);
        let beyond = error.is_remote() && error.is_go_away();
        let refused = error.is_remote() && error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        let unsent = request == Sent::No;
        // Of a stream that was reset from afar, the budget knows no more than that it has ended.
        let answered = !error.is_remote() && request == Sent::Answered;
        let left = unsent || (beyond && error.reason() == Some(Reason::NO_ERROR));
        let cause = match spoilt {
            None if left => Cause::Left,
            None if error.is_io() => Cause::Lost,
            _ => Cause::Failed,
        };
        Broken {
            fault: spoilt.unwrap_or(Fault::BackendResetBeforeHeaders),
            nothing_sent: beyond || refused || unsent,
            answer_began: self.interim || answered || (error.is_library() && error.is_reset()),
            cause,
        }
    }
}
