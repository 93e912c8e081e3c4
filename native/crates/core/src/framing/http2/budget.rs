//! How much of what costs us and brings nothing one connection may send: control frames, empty frames, cancelled streams.
//!
//! The library under us answers most of these correctly, one by one, for ever. A budget ends the connection instead.

use super::frames::FrameHead;
use crate::fault::Fault;
use crate::time::Monotonic;

/// Control frames, and a client's empty ones: so many at once, and so many a second. Honest peers send a handful.
pub(super) const CONTROL_BURST: u32 = 200;
const CONTROL_PER_SECOND: u32 = 20;
/// Windows: so many at once and a second, and for each frame of data that we sent.
pub(super) const WINDOW_BURST: u32 = 1000;
const WINDOW_PER_SECOND: u32 = 100;
pub(super) const WINDOW_PER_DATA: u32 = 4;
/// One block of headers: frames and compressed bytes. A block of 64 KiB fits into four frames.
pub(super) const MOST_CONTINUATIONS: u32 = 16;
pub(super) const MOST_HEADER_BYTES: u32 = 128 * 1024;
/// Cancelled streams are suspicious from this many on, where they are more than half of all (as Envoy counts).
const RESETS_FROM: u32 = 100;
/// Streams that we had to end because the client broke the protocol on them ("made you reset").
const MOST_BROKEN: u32 = 50;

/// What one connection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Frames from the client.
    pub frames: u64,
    /// Streams that it opened.
    pub streams: u32,
    /// Streams that it cancelled.
    pub cancelled: u32,
    /// Streams that we ended because of what it did on them.
    pub broken: u32,
}

/// What one connection may still do.
#[derive(Clone, Debug)]
pub struct Budget {
    counted: Counted,
    newest_stream: u32,
    control: Bucket,
    windows: Bucket,
    block: HeaderBlock,
}

impl Budget {
    /// Of a connection that begins now.
    pub fn new(now: Monotonic) -> Self {
        Self {
            counted: Counted::default(),
            newest_stream: 0,
            control: Bucket::of_control(now),
            windows: Bucket::of_windows(now),
            block: HeaderBlock::default(),
        }
    }

    /// What it did so far.
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// A frame from the client. An error ends the connection.
    pub fn received(&mut self, frame: FrameHead, now: Monotonic) -> Result<(), Fault> {
        self.counted.frames += 1;
        let is_ack_or_end = frame.flags & FrameHead::END_STREAM_OR_ACK != 0;
        match frame.kind {
            FrameHead::HEADERS => {
                self.headers(frame);
                Ok(())
            }
            FrameHead::CONTINUATION => self.block.goes_on(frame).then_some(()).ok_or(Fault::Http2ProtocolError),
            FrameHead::RST_STREAM => self.reset(),
            FrameHead::DATA if frame.length == 0 && !is_ack_or_end => self.control.take(now),
            FrameHead::DATA => Ok(()),
            FrameHead::WINDOW_UPDATE => self.windows.take(now),
            FrameHead::SETTINGS | FrameHead::PING if is_ack_or_end => Ok(()),
            // SETTINGS, PING, PRIORITY, and what HTTP/2 does not define.
            _ => self.control.take(now),
        }
    }

    /// A frame to the client.
    pub fn sent(&mut self, frame: FrameHead) -> Result<(), Fault> {
        if frame.kind == FrameHead::DATA {
            self.windows.give(WINDOW_PER_DATA);
        }
        // PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR: what only a client can cause.
        if frame.kind == FrameHead::RST_STREAM && matches!(frame.error, 1 | 3 | 5 | 6) {
            self.counted.broken += 1;
            if self.counted.broken > MOST_BROKEN {
                return Err(Fault::Http2ResetFlood);
            }
        }
        Ok(())
    }

    fn headers(&mut self, frame: FrameHead) {
        if frame.stream > self.newest_stream {
            self.newest_stream = frame.stream;
            self.counted.streams += 1;
        }
        self.block = HeaderBlock::begins(frame);
    }

    fn reset(&mut self) -> Result<(), Fault> {
        self.counted.cancelled += 1;
        let too_many = self.counted.cancelled > RESETS_FROM && self.counted.cancelled > self.counted.streams / 2;
        if too_many { Err(Fault::Http2ResetFlood) } else { Ok(()) }
    }
}

/// One block of headers: the frame that began it, and those that carry it on.
#[derive(Clone, Debug, Default)]
pub(super) struct HeaderBlock {
    continuations: u32,
    bytes: u32,
}

impl HeaderBlock {
    pub(super) fn begins(frame: FrameHead) -> Self {
        Self { continuations: 0, bytes: frame.length }
    }

    /// Returns whether it is still within its bounds.
    pub(super) fn goes_on(&mut self, frame: FrameHead) -> bool {
        self.continuations += 1;
        self.bytes = self.bytes.saturating_add(frame.length);
        self.continuations <= MOST_CONTINUATIONS && self.bytes <= MOST_HEADER_BYTES
    }
}

/// So many at once, and so many a second.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    burst: u32,
    per_second: u32,
    left: u32,
    filled_at: Monotonic,
}

impl Bucket {
    pub(super) fn of_control(now: Monotonic) -> Self {
        Self::new(CONTROL_BURST, CONTROL_PER_SECOND, now)
    }

    pub(super) fn of_windows(now: Monotonic) -> Self {
        Self::new(WINDOW_BURST, WINDOW_PER_SECOND, now)
    }

    fn new(burst: u32, per_second: u32, now: Monotonic) -> Self {
        Self { burst, per_second, left: burst, filled_at: now }
    }

    pub(super) fn give(&mut self, more: u32) {
        self.left = self.left.saturating_add(more).min(self.burst.saturating_mul(16));
    }

    pub(super) fn take(&mut self, now: Monotonic) -> Result<(), Fault> {
        if self.left == 0 {
            self.fill(now);
        }
        self.left = self.left.checked_sub(1).ok_or(Fault::Http2ProtocolError)?;
        Ok(())
    }

    /// Looked at only when it is empty: a connection that stays within its burst never asks for the time.
    fn fill(&mut self, now: Monotonic) {
        let nanoseconds = now.0.saturating_sub(self.filled_at.0);
        let earned = u128::from(nanoseconds) * u128::from(self.per_second) / 1_000_000_000;
        if earned > 0 {
            self.filled_at = now;
            self.left = u32::try_from(earned).unwrap_or(u32::MAX).min(self.burst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Monotonic = Monotonic(1_000_000_000);

    fn frame(kind: u8, flags: u8, stream: u32, length: u32) -> FrameHead {
        FrameHead { length, kind, flags, stream, error: 0 }
    }

    /// How many of these frames a new connection takes within one moment, at most 100,000.
    fn taken(frame: impl Fn(u32) -> FrameHead) -> u32 {
        let mut budget = Budget::new(START);
        (0..100_000).find(|&number| budget.received(frame(number), START).is_err()).unwrap_or(100_000)
    }

    #[test]
    fn floods_of_what_brings_nothing_end() {
        assert_eq!(taken(|_| frame(FrameHead::PING, 0, 0, 8)), CONTROL_BURST);
        assert_eq!(taken(|_| frame(FrameHead::SETTINGS, 0, 0, 0)), CONTROL_BURST);
        assert_eq!(taken(|_| frame(2, 0, 1, 5)), CONTROL_BURST);
        assert_eq!(taken(|_| frame(200, 0, 0, 5)), CONTROL_BURST);
        assert_eq!(taken(|_| frame(FrameHead::DATA, 0, 1, 0)), CONTROL_BURST);
        assert_eq!(taken(|_| frame(FrameHead::WINDOW_UPDATE, 0, 0, 4)), WINDOW_BURST);
        assert_eq!(taken(|_| frame(FrameHead::CONTINUATION, 0, 1, 0)), MOST_CONTINUATIONS);
        assert_eq!(taken(|_| frame(FrameHead::CONTINUATION, 0, 1, 16_384)), MOST_HEADER_BYTES / 16_384);
        assert_eq!(taken(|_| frame(FrameHead::RST_STREAM, 0, 1, 4)), RESETS_FROM);
    }

    #[test]
    fn what_brings_something_never_ends() {
        assert_eq!(taken(|_| frame(FrameHead::DATA, 0, 1, 100)), 100_000);
        assert_eq!(taken(|number| frame(FrameHead::HEADERS, 5, 2 * number + 1, 100)), 100_000);
        assert_eq!(taken(|_| frame(FrameHead::PING, 1, 0, 8)), 100_000);
    }

    #[test]
    fn a_client_may_cancel_less_than_half_of_what_it_asks() {
        let mut budget = Budget::new(START);
        for number in 0..10_000 {
            budget.received(frame(FrameHead::HEADERS, 5, 4 * number + 1, 100), START).unwrap();
            budget.received(frame(FrameHead::HEADERS, 5, 4 * number + 3, 100), START).unwrap();
            budget.received(frame(FrameHead::RST_STREAM, 0, 4 * number + 1, 4), START).unwrap();
        }
        assert_eq!(budget.counted().cancelled, 10_000);
        assert_eq!(budget.counted().streams, 20_000);
    }

    #[test]
    fn time_gives_new_allowance_and_no_more_than_the_burst() {
        let mut budget = Budget::new(START);
        let ping = frame(FrameHead::PING, 0, 0, 8);
        let mut take = |now| (0..100_000).find(|_| budget.received(ping, now).is_err()).unwrap_or(100_000);
        assert_eq!(take(START), CONTROL_BURST);
        assert_eq!(take(Monotonic(START.0 + 1_000_000_000)), CONTROL_PER_SECOND);
        assert_eq!(take(Monotonic(START.0 + 3_600_000_000_000)), CONTROL_BURST);
    }

    #[test]
    fn windows_may_be_opened_for_what_was_sent() {
        let mut budget = Budget::new(START);
        for _ in 0..100_000 {
            budget.sent(frame(FrameHead::DATA, 0, 1, 100)).unwrap();
            budget.received(frame(FrameHead::WINDOW_UPDATE, 0, 0, 4), START).unwrap();
            budget.received(frame(FrameHead::WINDOW_UPDATE, 0, 1, 4), START).unwrap();
        }
    }

    #[test]
    fn streams_that_we_must_end_are_counted_and_few() {
        let mut budget = Budget::new(START);
        let reset = |error| FrameHead { error, ..frame(FrameHead::RST_STREAM, 0, 1, 4) };
        (0..1000).for_each(|_| budget.sent(reset(0)).unwrap());
        (0..MOST_BROKEN).for_each(|_| budget.sent(reset(1)).unwrap());
        assert_eq!(budget.sent(reset(5)), Err(Fault::Http2ResetFlood));
        assert_eq!(budget.counted().broken, MOST_BROKEN + 1);
    }
}
