//! Framing of HTTP/2: what passes below the HTTP/2 library is counted and bounded, what it parsed is judged by the same rules
//! as a head of HTTP/1.1, whichever of the two the other side speaks. Source: RFC 9113.

mod answers;
mod budget;
mod frames;
mod head;

pub use answers::{AnswerBudget, Sent, judge_answer};
pub use budget::{Budget, Counted};
pub use frames::{FrameHead, FrameScan};
pub use head::{RequestHead, judge};

/// What a client of HTTP/2 sends first (RFC 9113, section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether a plain connection that begins so speaks HTTP/2. None: these bytes don't tell yet.
pub fn is_http2(beginning: &[u8]) -> Option<bool> {
    // No method of HTTP/1.1 begins so; what goes on differently is malformed in both, and HTTP/1.1 can say so.
    let known = beginning.len().min(PREFACE.len());
    if beginning[..known] != PREFACE[..known] {
        return Some(false);
    }
    (known == PREFACE.len()).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_preface_begins_http_2() {
        assert_eq!(is_http2(b""), None);
        assert_eq!(is_http2(&PREFACE[..23]), None);
        assert_eq!(is_http2(PREFACE), Some(true));
        assert_eq!(is_http2(&[&PREFACE[..], b"rest"].concat()), Some(true));
        for beginning in [&b"GET / "[..], b"PUT", b"POST", b"PRI * HTTP/2.0\r\n\r\nXX", b"\x16\x03"] {
            assert_eq!(is_http2(beginning), Some(false));
        }
    }
}
