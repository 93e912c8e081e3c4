//! An answer's body over a line. What is not taken is not asked for: its window closes, and nobody else's.

use super::exchange::Open;
use super::line::Line;
use super::upload::Upload;
use bytes::Bytes;
use h2::RecvStream;
use http_body::SizeHint;
use portazgo_core::fault::Fault;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::task::AbortHandle;

/// The body.
pub(crate) struct LineBody {
    stream: RecvStream,
    open: Open,
    line: Rc<Line>,
    /// The head alone is the answer.
    bodiless: bool,
    /// What is to come, where the head says so.
    left: Option<u64>,
    /// The request's body goes on beside it.
    upload: Option<AbortHandle>,
    ended: bool,
}

impl LineBody {
    pub(super) fn new(
        stream: RecvStream,
        open: Open,
        line: Rc<Line>,
        bodiless: bool,
        length: Option<u64>,
        upload: Option<Upload>,
    ) -> Self {
        let upload = upload.map(|mut upload| {
            tokio::task::spawn_local(async move { poll_fn(|context| upload.poll(context)).await }).abort_handle()
        });
        let left = if bodiless { Some(0) } else { length };
        Self { stream, open, line, bodiless, left, upload, ended: false }
    }

    /// The next piece; None at its end. The library holds it to the length that it declared.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Fault>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        loop {
            match ready!(self.stream.poll_data(context)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(_)) if self.bodiless => return Poll::Ready(Err(self.refuse())),
                Some(Ok(data)) => {
                    // Errors of it say that the stream has ended, which the next call tells.
                    let _ = self.stream.flow_control().release_capacity(data.len());
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Ok(Some(data)));
                }
                Some(Err(error)) => return Poll::Ready(Err(self.broken(&error))),
                // Trailers of a backend are not passed on, but the answer is whole only behind them.
                None => {
                    return Poll::Ready(match ready!(self.stream.poll_trailers(context)) {
                        Ok(_) => {
                            self.end();
                            Ok(None)
                        }
                        Err(error) => Err(self.broken(&error)),
                    });
                }
            }
        }
    }

    /// Whether nothing more comes.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.ended || self.stream.is_end_stream()
    }

    /// How much is to come.
    pub(crate) fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            return SizeHint::with_exact(0);
        }
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }

    fn end(&mut self) {
        self.ended = true;
        self.open.done = true;
    }

    fn refuse(&mut self) -> Fault {
        self.ended = true;
        self.line.retire();
        Fault::BackendBadResponse
    }

    fn broken(&mut self, error: &h2::Error) -> Fault {
        self.end();
        let spoilt = self.line.watch.fault().or(error.is_library().then_some(Fault::BackendBadResponse));
        if spoilt.is_some() {
            self.line.retire();
        }
        spoilt.unwrap_or(Fault::BackendTruncated)
    }
}

impl Drop for LineBody {
    fn drop(&mut self) {
        // The head alone was the answer, or its last byte was taken: there is nothing that was given up.
        self.open.done |= self.bodiless || self.is_end_stream();
        // The answer is here, and nobody waits for the rest of the request: its stream is reset.
        if let Some(upload) = self.upload.take().filter(|upload| !upload.is_finished()) {
            upload.abort();
            self.line.note_cancelled();
        }
    }
}
