//! The body of an answer: passed on as it comes, and at its end the connection is given back and the call recorded.

use crate::records::Record;
use crate::upstream::{self, Sender};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub(crate) enum ProxyBody {
    /// Ours.
    Whole(Option<Bytes>),
    /// The backend's.
    Passing { body: Incoming, sender: Option<Sender>, record: Option<Record> },
}

impl ProxyBody {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes))
    }

    pub(crate) fn passing(body: Incoming, sender: Sender, record: Option<Record>) -> Self {
        Self::Passing { body, sender: Some(sender), record }
    }

    fn end(&mut self) {
        if let Self::Passing { sender, record, .. } = self {
            if let Some(sender) = sender.take() {
                upstream::give_back(sender);
            }
            if let Some(record) = record.take() {
                record.gather();
            }
        }
    }
}

impl Body for ProxyBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let (frame, ended) = match &mut *self {
            Self::Whole(bytes) => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Passing { body, record, .. } => {
                let frame = ready!(Pin::new(&mut *body).poll_frame(context));
                if let (Some(record), Some(Ok(frame))) = (record, &frame) {
                    record.body_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
                let ended = !matches!(frame, Some(Ok(_))) || body.is_end_stream();
                (frame, ended)
            }
        };
        if ended {
            self.end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Passing { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Passing { body, .. } => body.size_hint(),
        }
    }
}

impl Drop for ProxyBody {
    fn drop(&mut self) {
        // A connection whose answer was not read to its end can't be used again.
        let ended = self.is_end_stream();
        if let Self::Passing { sender, .. } = self
            && !ended
        {
            *sender = None;
        }
        self.end();
    }
}
