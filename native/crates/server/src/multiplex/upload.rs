//! A request's body on its way over a line, as fast as the backend opens its windows.

use crate::upstream::RequestBody;
use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A body that is not sent to its end.
pub(super) struct Upload {
    body: RequestBody,
    stream: SendStream<Bytes>,
}

impl Upload {
    pub(super) fn new(body: RequestBody, stream: SendStream<Bytes>) -> Self {
        Self { body, stream }
    }

    /// The head of its answer has come.
    pub(super) fn answers_beside(&self) {
        if let Some(progress) = self.body.progress() {
            progress.answers_beside();
        }
    }

    /// Ready when there is nothing more to send, or nobody who wants it; what became of the request the answer tells.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            // One byte is leave enough for a piece: the library holds what the window does not take yet.
            self.stream.reserve_capacity(1);
            while self.stream.capacity() == 0 {
                if !matches!(ready!(self.stream.poll_capacity(context)), Some(Ok(_))) {
                    return Poll::Ready(());
                }
            }
            if self.stream.poll_reset(context).is_ready() {
                return Poll::Ready(());
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    let last = self.body.is_end_stream();
                    if self.stream.send_data(data, last).is_err() || last {
                        return Poll::Ready(());
                    }
                }
                None => {
                    let _ = self.stream.send_data(Bytes::new(), true);
                    return Poll::Ready(());
                }
                Some(Err(_)) => {
                    // It must not look as if it had come to its end.
                    self.stream.send_reset(Reason::CANCEL);
                    return Poll::Ready(());
                }
            }
        }
    }
}
