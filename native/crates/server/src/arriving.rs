//! An answer's body on its way from a backend, over its own connection or over a line that others share.

use crate::multiplex::LineBody;
use bytes::Bytes;
use http_body::{Body as _, SizeHint};
use hyper::body::Incoming;
use portazgo_core::fault::Fault;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body. An enum and no trait object, as for transports.
pub(crate) enum Arriving {
    /// HTTP/1.1.
    Own(Incoming),
    /// HTTP/2. Boxed: an answer is moved about before it is sent.
    Shared(Box<LineBody>),
}

impl Arriving {
    /// The next piece; None at the end. Trailers are not passed on.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Fault>> {
        let incoming = match self {
            Self::Own(incoming) => incoming,
            Self::Shared(body) => return body.poll(context),
        };
        loop {
            return match Pin::new(&mut *incoming).poll_frame(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => Poll::Ready(Ok(None)),
                Poll::Ready(Some(Err(_))) => Poll::Ready(Err(Fault::BackendTruncated)),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Ok(Some(data))),
                    Err(_) => continue,
                },
            };
        }
    }

    /// Whether nothing more comes.
    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(incoming) => incoming.is_end_stream(),
            Self::Shared(body) => body.is_end_stream(),
        }
    }

    /// How much is to come.
    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(incoming) => incoming.size_hint(),
            Self::Shared(body) => body.size_hint(),
        }
    }
}
