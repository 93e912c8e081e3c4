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
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// Many servers end a stream with a frame of its own, after the last byte. It is waited for so long, beside everything else:
/// to give such a stream up would be a reset, and backends count resets.
const END_TIME: Duration = Duration::from_secs(1);

/// The body.
pub(crate) struct LineBody {
    /// None: it was left to its end.
    stream: Option<RecvStream>,
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
        Self { stream: Some(stream), open, line, bodiless, left, upload, ended: false }
    }

    /// The next piece; None at its end. The library holds it to the length that it declared.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Fault>> {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.ended) else {
            return Poll::Ready(Ok(None));
        };
        let is_whole = self.left == Some(0);
        loop {
            let outcome = match stream.poll_data(context) {
                // All that was to come is here: the end of its stream is nobody's to wait for.
                Poll::Pending if is_whole => return Poll::Ready(Ok(None)),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(data))) if data.is_empty() => continue,
                Poll::Ready(Some(Ok(_))) if self.bodiless => return Poll::Ready(Err(self.refuse())),
                Poll::Ready(Some(Ok(data))) => {
                    // Errors of it say that the stream has ended, which the next call tells.
                    let _ = stream.flow_control().release_capacity(data.len());
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Ok(Some(data)));
                }
                Poll::Ready(Some(Err(error))) => Err(error),
                // Trailers of a backend are not passed on, but the answer is whole only behind them.
                Poll::Ready(None) => ready!(stream.poll_trailers(context)).map(|_| ()),
            };
            return Poll::Ready(match outcome {
                Err(error) if !is_whole || error.is_library() => Err(self.broken(&error)),
                _ => {
                    self.end();
                    Ok(None)
                }
            });
        }
    }

    /// Whether nothing more comes.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.ended || self.left == Some(0) || self.stream.as_ref().is_none_or(RecvStream::is_end_stream)
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
        self.ended = true;
        self.open.broken(error).unwrap_or(Fault::BackendTruncated)
    }
}

impl Drop for LineBody {
    fn drop(&mut self) {
        if !self.ended && self.is_end_stream() {
            self.open.done = true;
            if let Some(stream) = self.stream.take().filter(|stream| !stream.is_end_stream()) {
                tokio::task::spawn_local(timeout(END_TIME, to_its_end(stream)));
            }
        }
        // The answer is here, and nobody waits for the rest of the request: its stream is reset.
        if let Some(upload) = self.upload.take().filter(|upload| !upload.is_finished()) {
            upload.abort();
            self.line.note_cancelled();
        }
    }
}

/// The end, or something that was not declared.
async fn to_its_end(mut stream: RecvStream) {
    while let Some(Ok(data)) = poll_fn(|context| stream.poll_data(context)).await {
        if !data.is_empty() {
            return;
        }
    }
}
