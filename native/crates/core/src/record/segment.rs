//! The segment file: a run of one node's records, contiguous by sequence number, readable after any crash.
//!
//! ```text
//! header   magic "PTZSEG1\0" · version u16 = 1 · length of the header u16 = 64 · CRC-32 of the header with zeros here u32
//!          node id [16] · epoch [16] · first sequence u64 · started_at_us i64
//! frame*   length of the payload u32 · CRC-32 (IEEE) of the payload u32 · payload
//! payload  sequence u64 · data thread u16 · slot u16 · generation u32 · record (`layout`)
//! footer   a frame whose payload is: 2^64 − 1 · "PTZEND1\0" · count u64 · last sequence u64 · SHA-256 of all bytes before
//! ```
//!
//! Integers are little-endian. Only a sealed segment has its footer; nothing follows it. Thread, slot and generation name
//! the place in a slab that the record came from, so that a recovery recognises what was written already.

mod read;

pub use read::{Scan, decode_segment, read_footer, read_header, scan};

use super::{DecodeError, Record};
use crate::ids::Id;
use crate::time::WallTime;

/// Size of the header.
pub const HEADER_BYTES: usize = 64;
/// Size of the footer, its frame included.
pub const FOOTER_BYTES: usize = FRAME_HEAD + FOOTER_PAYLOAD;
const MAGIC: &[u8; 8] = b"PTZSEG1\0";
const END: &[u8; 8] = b"PTZEND1\0";
const VERSION: u16 = 1;
const FRAME_HEAD: usize = 8;
const PAYLOAD_HEAD: usize = 16;
const FOOTER_PAYLOAD: usize = 64;
/// Stands where a record's sequence does: no record gets this number.
const FOOTER_SEQUENCE: u64 = u64::MAX;
/// Longer than any record that a later version may write; what claims more is garbage.
const MAX_PAYLOAD: usize = 64 * 1024;

/// What the first 64 bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose folder.
    pub node: Id,
    /// Whose life.
    pub epoch: Id,
    /// Sequence of the first record.
    pub first: u64,
    /// When the segment was begun.
    pub started_at: WallTime,
}

/// The place in a slab that a record came from: unique within an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Data thread.
    pub thread: u16,
    /// Slot of its slab; [`Origin::REFUSED`] and [`Origin::UNRECORDED`] for counts, which have none.
    pub slot: u16,
    /// How often the slot had been taken; for counts what was counted so far.
    pub generation: u32,
}

impl Origin {
    /// Stands in for a slot in the writer's own records of requests that were refused.
    pub const REFUSED: u16 = u16::MAX;
    /// The same for requests that were served without a record.
    pub const UNRECORDED: u16 = u16::MAX - 1;
}

/// One record with its number and origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Number within the epoch; the first is 1.
    pub sequence: u64,
    /// Where it came from.
    pub origin: Origin,
    /// The record.
    pub record: Record,
}

/// What seals a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// Number of records.
    pub count: u64,
    /// Sequence of the last one.
    pub last: u64,
    /// SHA-256 of all bytes before the footer's frame.
    pub sha256: [u8; 32],
}

/// A whole, sealed and verified segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its header.
    pub header: Header,
    /// Its records, contiguous by sequence.
    pub frames: Vec<Frame>,
    /// Its footer.
    pub footer: Footer,
}

/// Why bytes are no sealed segment. `at` counts bytes from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentError {
    /// The header is not ours, or damaged.
    Header,
    /// A frame's length or CRC is wrong: torn or damaged.
    Frame {
        /// Where.
        at: usize,
    },
    /// A frame is whole but its record is not one.
    Record {
        /// Where.
        at: usize,
        /// Why.
        why: DecodeError,
    },
    /// A sequence number is not the one after its predecessor.
    Sequence {
        /// Where.
        at: usize,
    },
    /// It ends without footer, or the footer contradicts what stands before it, or bytes follow it.
    Footer,
}

impl std::fmt::Display for SegmentError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header => formatter.write_str("the segment's header is not one"),
            Self::Frame { at } => write!(formatter, "the frame at byte {at} is torn or damaged"),
            Self::Record { at, why } => write!(formatter, "the frame at byte {at}: {why}"),
            Self::Sequence { at } => write!(formatter, "the frame at byte {at} is out of sequence"),
            Self::Footer => formatter.write_str("the segment's footer is missing or does not fit"),
        }
    }
}

impl std::error::Error for SegmentError {}

impl Header {
    /// The header's bytes.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0_u8; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10..12].copy_from_slice(&(HEADER_BYTES as u16).to_le_bytes());
        bytes[16..32].copy_from_slice(&self.node.0);
        bytes[32..48].copy_from_slice(&self.epoch.0);
        bytes[48..56].copy_from_slice(&self.first.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.started_at.0.to_le_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

/// Append one record's frame; `record` are its encoded bytes.
pub fn append_frame(to: &mut Vec<u8>, sequence: u64, origin: Origin, record: &[u8]) {
    append_payload(to, |payload| {
        payload.extend_from_slice(&sequence.to_le_bytes());
        payload.extend_from_slice(&origin.thread.to_le_bytes());
        payload.extend_from_slice(&origin.slot.to_le_bytes());
        payload.extend_from_slice(&origin.generation.to_le_bytes());
        payload.extend_from_slice(record);
    });
}

/// Append the frame that seals the segment.
pub fn append_footer(to: &mut Vec<u8>, footer: &Footer) {
    append_payload(to, |payload| {
        payload.extend_from_slice(&FOOTER_SEQUENCE.to_le_bytes());
        payload.extend_from_slice(END);
        payload.extend_from_slice(&footer.count.to_le_bytes());
        payload.extend_from_slice(&footer.last.to_le_bytes());
        payload.extend_from_slice(&footer.sha256);
    });
}

/// Put length and CRC in front of what `write` appends.
fn append_payload(to: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let head = to.len();
    to.extend_from_slice(&[0; FRAME_HEAD]);
    write(to);
    let payload = head + FRAME_HEAD;
    let length = (to.len() - payload) as u32;
    let crc = crc32fast::hash(&to[payload..]);
    to[head..head + 4].copy_from_slice(&length.to_le_bytes());
    to[head + 4..payload].copy_from_slice(&crc.to_le_bytes());
}
