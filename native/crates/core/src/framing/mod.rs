//! Framing of HTTP/1.1 requests and answers, byte by byte, before any HTTP library sees them.
//!
//! The gateway swaps identities, so its worst failure is to forward what it did not check. A head is accepted only when
//! every rule holds; a body is followed to its exact end, so that the next head is checked too. Source: RFC 9112, read
//! strictly; where the RFC lets a server repair, this module refuses.

mod body;
mod classes;
mod fields;
mod head;
pub mod http2;
pub mod proxy_protocol;
mod response;
mod target;

pub use body::BodyTracker;
pub use head::{Head, HeadScan, Verdict};
pub use response::{Answer, AnswerTracker};
pub(crate) use target::is_plain_target;

/// How much of a head is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole head, its last empty line included.
    pub head_bytes: usize,
    /// Header lines.
    pub head_lines: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_bytes: 64 * 1024, head_lines: 100 }
    }
}

/// How a request says where its body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// No body.
    None,
    /// This many bytes.
    Fixed(u64),
    /// Until the last chunk and its trailers.
    Chunked,
}
