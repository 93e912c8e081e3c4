//! Follows the frames of one direction by their heads (RFC 9113, section 4.1). It never looks into a payload, but for the
//! error code of `RST_STREAM`, and never keeps one.

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Bytes of the payload.
    pub length: u32,
    /// The type's number.
    pub kind: u8,
    /// The flags.
    pub flags: u8,
    /// The stream; 0: the connection.
    pub stream: u32,
    /// The error code of a `RST_STREAM`; 0 of all others.
    pub error: u32,
}

impl FrameHead {
    /// DATA
    pub const DATA: u8 = 0;
    /// HEADERS
    pub const HEADERS: u8 = 1;
    /// `RST_STREAM`
    pub const RST_STREAM: u8 = 3;
    /// SETTINGS
    pub const SETTINGS: u8 = 4;
    /// PING
    pub const PING: u8 = 6;
    /// GOAWAY
    pub const GOAWAY: u8 = 7;
    /// `WINDOW_UPDATE`
    pub const WINDOW_UPDATE: u8 = 8;
    /// CONTINUATION
    pub const CONTINUATION: u8 = 9;
    /// `END_STREAM`, and ACK of SETTINGS and PING.
    pub const END_STREAM_OR_ACK: u8 = 1;
    /// `END_HEADERS`
    pub const END_HEADERS: u8 = 4;
}

const HEAD: usize = 9;
const HEAD_WITH_ERROR: usize = HEAD + 4;

/// Where in a direction's bytes we are.
#[derive(Clone, Debug)]
pub struct FrameScan {
    /// Bytes that are no frame, or are the rest of a payload.
    skip: usize,
    head: [u8; HEAD_WITH_ERROR],
    known: usize,
}

impl FrameScan {
    /// Frames begin after `skip` bytes (the client's preface).
    pub fn new(skip: usize) -> Self {
        Self { skip, head: [0; HEAD_WITH_ERROR], known: 0 }
    }

    /// Take the next bytes; calls for each frame whose head is complete in them. Stops at the first error.
    pub fn advance<E>(&mut self, mut bytes: &[u8], mut frame: impl FnMut(FrameHead) -> Result<(), E>) -> Result<(), E> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            self.head[self.known] = bytes[0];
            self.known += 1;
            bytes = &bytes[1..];
            if let Some(head) = self.complete() {
                self.known = 0;
                frame(head)?;
            }
        }
        Ok(())
    }

    fn complete(&mut self) -> Option<FrameHead> {
        if self.known < HEAD {
            return None;
        }
        let length = u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]]);
        let kind = self.head[3];
        let with_error = kind == FrameHead::RST_STREAM && length >= 4;
        let wanted = if with_error { HEAD_WITH_ERROR } else { HEAD };
        if self.known < wanted {
            return None;
        }
        let number = |from: usize| {
            u32::from_be_bytes([self.head[from], self.head[from + 1], self.head[from + 2], self.head[from + 3]])
        };
        self.skip = length as usize - (wanted - HEAD);
        let error = if with_error { number(HEAD) } else { 0 };
        Some(FrameHead { length, kind, flags: self.head[4], stream: number(5) & 0x7fff_ffff, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_of(frames: &[(u8, u8, u32, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, flags, stream, payload) in frames {
            bytes.extend(&(payload.len() as u32).to_be_bytes()[1..]);
            bytes.extend([*kind, *flags]);
            bytes.extend(stream.to_be_bytes());
            bytes.extend(payload);
        }
        bytes
    }

    proptest! {
        #[test]
        fn frames_are_found_however_the_bytes_arrive(
            frames in proptest::collection::vec((0_u8..12, any::<u8>(), 0_u32..100, proptest::collection::vec(any::<u8>(), 0..40)), 0..12),
            sizes in proptest::collection::vec(1_usize..30, 1..50),
        ) {
            let all = [&b"preface"[..], &bytes_of(&frames)].concat();
            let mut scan = FrameScan::new(7);
            let mut found = Vec::new();
            let mut rest = &all[..];
            for size in sizes.iter().cycle() {
                let (piece, after) = rest.split_at((*size).min(rest.len()));
                scan.advance::<()>(piece, |head| { found.push(head); Ok(()) }).unwrap();
                rest = after;
                if rest.is_empty() { break; }
            }
            let expected: Vec<FrameHead> = frames.iter().map(|(kind, flags, stream, payload)| FrameHead {
                length: payload.len() as u32,
                kind: *kind,
                flags: *flags,
                stream: *stream,
                error: if *kind == FrameHead::RST_STREAM && payload.len() >= 4 {
                    u32::from_be_bytes([payload[0], payload[1], payload[2], payload[3]])
                } else { 0 },
            }).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_bytes_are_followed(bytes: Vec<u8>) {
            FrameScan::new(0).advance::<()>(&bytes, |_| Ok(())).unwrap();
        }
    }
}
