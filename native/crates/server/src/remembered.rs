//! What has passed of a request's body, for as long as it is small: a request that may be repeated needs its body again.
//!
//! The pieces are shared with the connection that sends them, not copied. One try at a time reads the client.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A body of which more has passed is not sent once more.
pub(crate) const MOST_BYTES: usize = 64 * 1024;

/// Where a body's pieces come from.
pub(crate) enum Source {
    /// From the client, once.
    Once(Incoming),
    /// Whole before any of it is sent. None: it was handed on.
    Here(Option<Bytes>),
    /// From what is remembered, then from the client.
    Again {
        body: Handle,
        /// Which try this is: a later one takes the body over.
        turn: u32,
        /// Pieces handed on.
        position: usize,
    },
    /// While one becomes the other.
    Gone,
}

/// A body that is remembered.
#[derive(Clone)]
pub(crate) struct Handle(Rc<RefCell<Inner>>);

struct Inner {
    /// None: all of it is here.
    client: Option<Incoming>,
    pieces: Vec<Bytes>,
    bytes: usize,
    turn: u32,
}

impl Handle {
    /// The body from its beginning, taken from the try before. None: too much has passed.
    pub(crate) fn again(&self) -> Option<Source> {
        let mut inner = self.0.borrow_mut();
        if inner.bytes > MOST_BYTES {
            return None;
        }
        inner.turn += 1;
        Some(Source::Again { body: self.clone(), turn: inner.turn, position: 0 })
    }
}

impl Source {
    /// A body that is whole before any of it is sent: however large it is, it can be sent again.
    pub(crate) fn whole(body: Bytes) -> Self {
        Self::Here(Some(body))
    }

    /// From here on, remember what passes. None: it is remembered already.
    pub(crate) fn remember(&mut self) -> Option<Handle> {
        match std::mem::replace(self, Self::Gone) {
            Self::Once(client) => Some(self.remembers(Some(client), Vec::new())),
            Self::Here(Some(body)) => Some(self.remembers(None, vec![body])),
            other => {
                *self = other;
                match self {
                    Self::Again { body, .. } if body.0.borrow().client.is_none() => Some(body.clone()),
                    _ => None,
                }
            }
        }
    }

    fn remembers(&mut self, client: Option<Incoming>, pieces: Vec<Bytes>) -> Handle {
        let handle = Handle(Rc::new(RefCell::new(Inner { client, pieces, bytes: 0, turn: 0 })));
        *self = Self::Again { body: handle.clone(), turn: 0, position: 0 };
        handle
    }

    /// Whether a body was handed on that was whole before.
    pub(crate) fn is_spent(&self) -> bool {
        matches!(self, Self::Here(None))
    }

    /// Whether a later try has the body.
    pub(crate) fn is_taken_over(&self) -> bool {
        match self {
            Self::Once(_) | Self::Here(_) => false,
            Self::Again { body, turn, .. } => body.0.borrow().turn != *turn,
            Self::Gone => true,
        }
    }

    /// A piece that has passed before, or that is here without the client.
    pub(crate) fn next_remembered(&mut self) -> Option<Bytes> {
        let (body, position) = match self {
            Self::Here(body) => return body.take(),
            Self::Again { body, position, .. } => (body, position),
            Self::Once(_) | Self::Gone => return None,
        };
        let piece = body.0.borrow().pieces.get(*position).cloned()?;
        *position += 1;
        Some(piece)
    }

    /// A piece came from the client.
    pub(crate) fn keep(&mut self, piece: &Bytes) {
        if let Self::Again { body, position, .. } = self {
            let inner = &mut *body.0.borrow_mut();
            inner.bytes += piece.len();
            if inner.bytes > MOST_BYTES {
                inner.pieces = Vec::new();
                *position = 0;
            } else {
                inner.pieces.push(piece.clone());
                *position += 1;
            }
        }
    }

    /// The next from the client.
    pub(crate) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        match self {
            Self::Once(client) => Pin::new(client).poll_frame(context),
            Self::Again { body, .. } => match &mut body.0.borrow_mut().client {
                Some(client) => Pin::new(client).poll_frame(context),
                None => Poll::Ready(None),
            },
            Self::Here(_) | Self::Gone => Poll::Ready(None),
        }
    }

    /// Whether there is nothing more.
    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Self::Once(client) => client.is_end_stream(),
            Self::Again { body, position, .. } => {
                let inner = body.0.borrow();
                *position >= inner.pieces.len() && inner.client.as_ref().is_none_or(Body::is_end_stream)
            }
            Self::Here(body) => body.is_none(),
            Self::Gone => true,
        }
    }

    /// How much is to come.
    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Once(client) => client.size_hint(),
            Self::Again { body, position, .. } => {
                let inner = body.0.borrow();
                let again = inner.pieces[(*position).min(inner.pieces.len())..].iter().map(|piece| piece.len() as u64);
                let again: u64 = again.sum();
                let rest = inner.client.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
                let mut hint = SizeHint::new();
                if let Some(upper) = rest.upper() {
                    hint.set_upper(upper + again);
                }
                hint.set_lower(rest.lower() + again);
                hint
            }
            Self::Here(body) => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            Self::Gone => SizeHint::with_exact(0),
        }
    }
}
