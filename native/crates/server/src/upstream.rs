//! A request's body on its way to the backend: counted, bounded, timed.

use crate::remembered::{self, Source};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use portazgo_core::fault::Fault;
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// What the forwarding code and the body know of each other.
#[derive(Default)]
pub(crate) struct Progress {
    /// Bytes of the body that came from the client.
    pub(crate) bytes: Cell<u64>,
    /// Why the body ended early, if the client is to blame.
    pub(crate) fault: Cell<Option<Fault>>,
    /// Bytes of it that were handed to a backend's connection, repeats included.
    pub(crate) handed_on: Cell<u64>,
    /// hyper refused the framing of a body that ours had accepted.
    pub(crate) library_refused: Cell<bool>,
}

/// The body. Fails when the client sends more than it may, stops sending, or leaves.
pub(crate) struct RequestBody {
    source: Option<Source>,
    most: u64,
    idle: Duration,
    /// Made when the client is waited for the first time: most bodies are here before anybody asks.
    timer: Option<Pin<Box<Sleep>>>,
    progress: Rc<Progress>,
}

/// The body ended early; `Progress` says why.
#[derive(Debug)]
pub(crate) struct BodyEnded(pub(crate) Fault);

impl std::fmt::Display for BodyEnded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.code())
    }
}

impl std::error::Error for BodyEnded {}

impl RequestBody {
    pub(crate) fn new(source: Incoming, most: u64, idle: Duration, progress: Rc<Progress>) -> Self {
        let source = (!source.is_end_stream()).then_some(Source::Once(source));
        Self { source, most, idle, timer: None, progress }
    }

    /// Remember what passes, as far as it is small, so that it can be sent once more. Nothing where there is no body.
    pub(crate) fn remember(&mut self) -> Option<Remembered> {
        let remembered = self.source.as_mut()?.remember()?;
        Some(Remembered { body: remembered, most: self.most, idle: self.idle, progress: Rc::clone(&self.progress) })
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self { source: None, most: 0, idle: Duration::ZERO, timer: None, progress: Rc::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.source.is_none()
    }

    fn end(&mut self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, BodyEnded>>> {
        self.source = None;
        self.progress.fault.set(Some(fault));
        Poll::Ready(Some(Err(BodyEnded(fault))))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyEnded;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyEnded>>> {
        let Some(source) = &mut self.source else {
            return Poll::Ready(None);
        };
        if source.is_taken_over() {
            // Another try sends it: this one must not look as if it had come to its end.
            self.source = None;
            return Poll::Ready(Some(Err(BodyEnded(Fault::BackendSendFailed))));
        }
        if let Some(again) = source.next_remembered() {
            self.progress.handed_on.set(self.progress.handed_on.get() + again.len() as u64);
            return Poll::Ready(Some(Ok(Frame::data(again))));
        }
        match source.poll_frame(context) {
            Poll::Pending => {
                let idle = self.idle;
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(idle)));
                if timer.as_mut().poll(context).is_ready() { self.end(Fault::BodyTimeout) } else { Poll::Pending }
            }
            Poll::Ready(None) => {
                self.source = None;
                Poll::Ready(None)
            }
            // Trailers of a client are not passed on: nothing vouches for them.
            Poll::Ready(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else {
                    return Poll::Ready(None);
                };
                let seen = self.progress.bytes.get() + data.len() as u64;
                self.progress.bytes.set(seen);
                if seen > self.most {
                    return self.end(Fault::BodyTooLarge);
                }
                if let Some(source) = &mut self.source {
                    source.keep(&data);
                }
                self.progress.handed_on.set(self.progress.handed_on.get() + data.len() as u64);
                let idle = self.idle;
                if let Some(timer) = &mut self.timer {
                    timer.as_mut().reset(Instant::now() + idle);
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Err(error))) => {
                self.progress.library_refused.set(is_refusal(&error));
                self.end(Fault::ClientAborted)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.source.as_ref().is_none_or(Source::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.source.as_ref().map_or_else(|| SizeHint::with_exact(0), Source::size_hint)
    }
}

/// A body that can be sent once more, while it is small.
pub(crate) struct Remembered {
    body: remembered::Handle,
    most: u64,
    idle: Duration,
    progress: Rc<Progress>,
}

impl Remembered {
    /// The body from its beginning. None: more has passed than is remembered.
    pub(crate) fn again(&self) -> Option<RequestBody> {
        let source = Some(self.body.again()?);
        Some(RequestBody { source, most: self.most, idle: self.idle, timer: None, progress: Rc::clone(&self.progress) })
    }
}

/// Whether hyper's own reading of chunks failed; what our transport reports has another kind.
fn is_refusal(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| matches!(cause.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
}
