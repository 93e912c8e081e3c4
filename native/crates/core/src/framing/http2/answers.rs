//! What a backend may send on one connection of HTTP/2: its frames against a budget, each answer's head by the rules of
//! HTTP/1.1 (`framing/response.rs`). The library checks the form of frames and pseudo-headers; it would also read interim
//! answers, pings and settings for ever.

use super::budget::{Bucket, HeaderBlock, WINDOW_PER_DATA};
use super::frames::FrameHead;
use super::head::OF_A_CONNECTION;
use crate::fault::Fault;
use crate::framing::Limits;
use crate::framing::classes::{is_field_value, is_token};
use crate::framing::response::{LONGEST_LENGTH_DIGITS, MOST_INTERIM};
use crate::time::Monotonic;

/// Control frames for each request that we sent, beside those that any peer may send.
const CONTROL_PER_REQUEST: u32 = 1;
/// Interim heads, the head, the trailers.
const MOST_HEADS: u8 = MOST_INTERIM + 2;
/// The library ends a connection at a hundred frames of no data, however honest; one that has seen so many takes no more
/// requests.
const MOST_EMPTY: u32 = 50;

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Its head has not left the gateway.
    No,
    /// Nothing of an answer has come.
    Unanswered,
    /// An answer has begun.
    Answered,
}

/// What a backend's connection may still send.
#[derive(Clone, Debug)]
pub struct AnswerBudget {
    control: Bucket,
    windows: Bucket,
    settled: bool,
    leaving: bool,
    empty: u32,
    block: HeaderBlock,
    newest_stream: u32,
    requests: u32,
    resets: u32,
    /// Streams whose answer is not whole, and how many heads each had.
    open: Vec<(u32, u8)>,
}

impl AnswerBudget {
    /// Of a connection that begins now.
    pub fn new(now: Monotonic) -> Self {
        Self {
            control: Bucket::of_control(now),
            windows: Bucket::of_windows(now),
            settled: false,
            leaving: false,
            empty: 0,
            block: HeaderBlock::default(),
            newest_stream: 0,
            requests: 0,
            resets: 0,
            open: Vec::new(),
        }
    }

    /// Whether the backend's settings have come: it speaks HTTP/2.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether it should be given no more requests: it said so, or it comes near what the library allows.
    pub fn is_leaving(&self) -> bool {
        self.leaving || self.empty >= MOST_EMPTY
    }

    /// What has become of the request on this stream. Of one whose answer has ended: it was answered.
    pub fn request(&self, stream: u32) -> Sent {
        if stream > self.newest_stream {
            return Sent::No;
        }
        match self.position(stream) {
            Some(position) if self.open[position].1 == 0 => Sent::Unanswered,
            _ => Sent::Answered,
        }
    }

    /// A frame to the backend.
    pub fn sent(&mut self, frame: FrameHead) {
        match frame.kind {
            FrameHead::HEADERS if frame.stream > self.newest_stream => {
                self.newest_stream = frame.stream;
                self.requests = self.requests.saturating_add(1);
                self.control.give(CONTROL_PER_REQUEST);
                self.open.push((frame.stream, 0));
            }
            FrameHead::RST_STREAM => self.close(frame.stream),
            FrameHead::DATA => self.windows.give(WINDOW_PER_DATA),
            _ => {}
        }
    }

    /// A frame from the backend. An error ends the connection: `BackendBadResponse` or `BackendHeadTooLarge`.
    pub fn received(&mut self, frame: FrameHead, now: Monotonic) -> Result<(), Fault> {
        let is_ack_or_end = frame.flags & FrameHead::END_STREAM_OR_ACK != 0;
        if !self.settled {
            // The first frame tells whether this is HTTP/2 at all (RFC 9113, section 3.4).
            self.settled = frame.kind == FrameHead::SETTINGS && !is_ack_or_end;
            return if self.settled { Ok(()) } else { Err(Fault::BackendBadResponse) };
        }
        match frame.kind {
            FrameHead::HEADERS => self.headers(frame, now),
            FrameHead::CONTINUATION => self.block.goes_on(frame).then_some(()).ok_or(Fault::BackendHeadTooLarge),
            FrameHead::DATA => {
                if is_ack_or_end {
                    self.close(frame.stream);
                } else if frame.length == 0 {
                    self.empty += 1;
                }
                Ok(())
            }
            FrameHead::RST_STREAM => self.reset(frame),
            FrameHead::WINDOW_UPDATE => over(self.windows.take(now)),
            FrameHead::SETTINGS | FrameHead::PING if is_ack_or_end => Ok(()),
            _ => {
                self.leaving |= frame.kind == FrameHead::GOAWAY;
                // SETTINGS, PING, GOAWAY, pushes, priorities, and what HTTP/2 does not define.
                over(self.control.take(now))
            }
        }
    }

    fn headers(&mut self, frame: FrameHead, now: Monotonic) -> Result<(), Fault> {
        self.block = HeaderBlock::begins(frame);
        // Of a stream that we have given up the rest may be on its way.
        let Some(position) = self.position(frame.stream) else { return over(self.control.take(now)) };
        let heads = &mut self.open[position].1;
        *heads += 1;
        if *heads > MOST_HEADS {
            return Err(Fault::BackendBadResponse);
        }
        if frame.flags & FrameHead::END_STREAM_OR_ACK != 0 {
            self.open.swap_remove(position);
        }
        Ok(())
    }

    /// One for each request that we sent, answered or not (RFC 9113, section 8.1).
    fn reset(&mut self, frame: FrameHead) -> Result<(), Fault> {
        self.close(frame.stream);
        self.resets += 1;
        if self.resets > self.requests { Err(Fault::BackendBadResponse) } else { Ok(()) }
    }

    fn position(&self, stream: u32) -> Option<usize> {
        self.open.iter().position(|&(open, _)| open == stream)
    }

    fn close(&mut self, stream: u32) {
        if let Some(position) = self.position(stream) {
            self.open.swap_remove(position);
        }
    }
}

/// A bucket speaks of clients; here it is a backend that sends too much.
fn over(taken: Result<(), Fault>) -> Result<(), Fault> {
    taken.map_err(|_| Fault::BackendBadResponse)
}

/// Judge an answer's head; `fields` without pseudo-headers. `BackendBadResponse` or `BackendHeadTooLarge`.
pub fn judge_answer<'a>(
    status: u16,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    limits: &Limits,
) -> Result<(), Fault> {
    if !(200..=599).contains(&status) {
        return Err(Fault::BackendBadResponse);
    }
    let mut length = None;
    let mut bytes = 0;
    for (number, (name, value)) in fields.enumerate() {
        bytes += name.len() + value.len() + 4;
        if number >= limits.head_lines || bytes > limits.head_bytes {
            return Err(Fault::BackendHeadTooLarge);
        }
        if !is_sound(name, value) {
            return Err(Fault::BackendBadResponse);
        }
        if name == b"content-length" && length.replace(length_of(value)?).is_some() {
            return Err(Fault::BackendBadResponse);
        }
    }
    // 204 has no length to tell; 304 tells the length that another answer would have had.
    if status == 204 && length.is_some_and(|length| length > 0) { Err(Fault::BackendBadResponse) } else { Ok(()) }
}

/// RFC 9113, section 8.2: lower-case names, no fields of a connection, no space around values.
fn is_sound(name: &[u8], value: &[u8]) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    !name.is_empty()
        && name.iter().all(|&byte| is_token(byte) && !byte.is_ascii_uppercase())
        && is_field_value(value)
        && !is_space(value.first())
        && !is_space(value.last())
        && !OF_A_CONNECTION.contains(&name)
}

fn length_of(value: &[u8]) -> Result<u64, Fault> {
    if !(1..=LONGEST_LENGTH_DIGITS).contains(&value.len()) || !value.iter().all(u8::is_ascii_digit) {
        return Err(Fault::BackendBadResponse);
    }
    Ok(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::super::budget::{CONTROL_BURST, MOST_CONTINUATIONS, MOST_HEADER_BYTES, WINDOW_BURST};
    use super::*;

    const START: Monotonic = Monotonic(1_000_000_000);
    const BAD: Option<Fault> = Some(Fault::BackendBadResponse);
    const LARGE: Option<Fault> = Some(Fault::BackendHeadTooLarge);

    fn frame(kind: u8, flags: u8, stream: u32, length: u32) -> FrameHead {
        FrameHead { length, kind, flags, stream, error: 0 }
    }

    fn settled() -> AnswerBudget {
        let mut budget = AnswerBudget::new(START);
        budget.received(frame(FrameHead::SETTINGS, 0, 0, 6), START).unwrap();
        budget
    }

    /// A connection with one request under way.
    fn asked() -> AnswerBudget {
        let mut budget = settled();
        budget.sent(frame(FrameHead::HEADERS, 5, 1, 100));
        budget
    }

    /// How many of these frames it takes within one moment, at most 100,000, and what ends it.
    fn taken(one: FrameHead) -> (u32, Option<Fault>) {
        let mut budget = asked();
        for number in 0..100_000 {
            if let Err(fault) = budget.received(one, START) {
                return (number, Some(fault));
            }
        }
        (100_000, None)
    }

    #[test]
    fn floods_of_what_brings_nothing_end() {
        let most = CONTROL_BURST + CONTROL_PER_REQUEST;
        assert_eq!(taken(frame(FrameHead::PING, 0, 0, 8)), (most, BAD));
        assert_eq!(taken(frame(FrameHead::SETTINGS, 0, 0, 0)), (most, BAD));
        assert_eq!(taken(frame(FrameHead::GOAWAY, 0, 0, 8)), (most, BAD));
        assert_eq!(taken(frame(5, 4, 1, 5)), (most, BAD));
        assert_eq!(taken(frame(200, 0, 0, 5)), (most, BAD));
        // Heads of a stream that is not there.
        assert_eq!(taken(frame(FrameHead::HEADERS, 4, 9, 10)), (most, BAD));
        assert_eq!(taken(frame(FrameHead::WINDOW_UPDATE, 0, 0, 4)), (WINDOW_BURST, BAD));
        assert_eq!(taken(frame(FrameHead::RST_STREAM, 0, 1, 4)), (1, BAD));
        assert_eq!(taken(frame(FrameHead::HEADERS, 4, 1, 10)), (u32::from(MOST_HEADS), BAD));
        assert_eq!(taken(frame(FrameHead::CONTINUATION, 0, 1, 0)), (MOST_CONTINUATIONS, LARGE));
        assert_eq!(taken(frame(FrameHead::CONTINUATION, 0, 1, 16_384)), (MOST_HEADER_BYTES / 16_384, LARGE));
    }

    #[test]
    fn answers_never_end_it() {
        assert_eq!(taken(frame(FrameHead::DATA, 0, 1, 100)), (100_000, None));
        assert_eq!(taken(frame(FrameHead::PING, 1, 0, 8)), (100_000, None));
        let mut budget = settled();
        for number in 0..100_000 {
            let stream = 2 * number + 1;
            budget.sent(frame(FrameHead::HEADERS, 5, stream, 100));
            if number % 2 == 0 {
                budget.received(FrameHead { error: 7, ..frame(FrameHead::RST_STREAM, 0, stream, 4) }, START).unwrap();
            } else {
                budget.received(frame(FrameHead::HEADERS, 4, stream, 100), START).unwrap();
                budget.received(frame(FrameHead::DATA, 1, stream, 0), START).unwrap();
                // An answer that came early, and no wish for the rest of the body.
                budget.received(frame(FrameHead::RST_STREAM, 0, stream, 4), START).unwrap();
            }
            // A server that asks for a sign of life with each answer.
            budget.received(frame(FrameHead::PING, 0, 0, 8), START).unwrap();
        }
        assert!(budget.open.is_empty() && !budget.is_leaving());
    }

    #[test]
    fn what_does_not_begin_with_settings_is_no_http_2() {
        for first in
            [frame(FrameHead::PING, 0, 0, 8), frame(FrameHead::SETTINGS, 1, 0, 0), frame(b'P', b'/', 1, 5_000_000)]
        {
            let mut budget = AnswerBudget::new(START);
            assert_eq!(budget.received(first, START).err(), BAD);
            assert!(!budget.is_settled());
        }
        assert!(settled().is_settled());
    }

    #[test]
    fn what_became_of_a_request_is_known() {
        let mut budget = asked();
        assert_eq!((budget.request(1), budget.request(3)), (Sent::Unanswered, Sent::No));
        budget.received(frame(FrameHead::HEADERS, 4, 1, 100), START).unwrap();
        assert_eq!(budget.request(1), Sent::Answered);
        budget.received(frame(FrameHead::DATA, 1, 1, 100), START).unwrap();
        assert_eq!(budget.request(1), Sent::Answered);
    }

    #[test]
    fn who_leaves_or_is_worn_out_is_given_no_more() {
        let mut leaving = asked();
        assert!(!leaving.is_leaving());
        leaving.received(frame(FrameHead::GOAWAY, 0, 0, 8), START).unwrap();
        assert!(leaving.is_leaving());
        let mut worn = asked();
        for _ in 0..MOST_EMPTY {
            assert!(!worn.is_leaving());
            worn.received(frame(FrameHead::DATA, 0, 1, 0), START).unwrap();
        }
        assert!(worn.is_leaving());
    }

    fn judged(status: u16, fields: &[(&str, &str)]) -> Option<Fault> {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        judge_answer(status, fields, &Limits::default()).err()
    }

    #[test]
    fn a_head_is_judged_as_one_of_http_1() {
        assert_eq!(judged(200, &[("content-length", "4"), ("content-type", "text/plain"), ("server", "")]), None);
        assert_eq!(judged(304, &[("content-length", "4")]), None);
        assert_eq!(judged(204, &[("content-length", "0")]), None);
        assert_eq!(judged(204, &[("content-length", "4")]), BAD);
        for status in [0, 100, 101, 199, 600, 999] {
            assert_eq!(judged(status, &[]), BAD, "{status}");
        }
        for length in ["", "4, 4", "+4", "-4", "0x4", " 4", "9999999999999999999"] {
            assert_eq!(judged(200, &[("content-length", length)]), BAD, "{length:?}");
        }
        assert_eq!(judged(200, &[("content-length", "4"), ("content-length", "4")]), BAD);
        for name in
            ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "X-Note", "a b", ""]
        {
            assert_eq!(judged(200, &[(name, "x")]), BAD, "{name:?}");
        }
        for value in [" x", "x\t", "a\r\nb: c", "a\0"] {
            assert_eq!(judged(200, &[("x-note", value)]), BAD, "{value:?}");
        }
        assert_eq!(judged(200, &[("x-note", "x"); 100]), None);
        assert_eq!(judged(200, &[("x-note", "x"); 101]), LARGE);
        assert_eq!(judged(200, &[("x-note", &"x".repeat(70_000))]), LARGE);
    }
}
