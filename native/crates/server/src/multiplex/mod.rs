//! HTTP/2 to backends: a data thread's calls to one target share a few lines, each a connection with many streams.
//!
//! The h2 library under a transport that counts its frames; what it parsed of an answer is judged by the rules of HTTP/1.1
//! before any phase sees it ([ADR 28](../../../../docs/decisions/0028-http2-to-backends.md)).

mod body;
mod exchange;
mod line;
mod lines;
mod upload;
mod watch;

pub(crate) use body::LineBody;
pub(crate) use exchange::{Broken, Cause};
pub(crate) use line::{Line, Seat};
pub(crate) use lines::{Found, Lines, Wanted};
