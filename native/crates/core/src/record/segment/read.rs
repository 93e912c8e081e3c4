//! Reads segments: whole ones strictly, torn ones as far as they go. Bytes of any content are safe to give.

use aws_lc_rs::digest;

use super::{
    END, FOOTER_PAYLOAD, FOOTER_SEQUENCE, FRAME_HEAD, Footer, Frame, HEADER_BYTES, Header, MAGIC, MAX_PAYLOAD, Origin,
    PAYLOAD_HEAD, Segment, SegmentError, VERSION,
};
use crate::ids::Id;
use crate::record::Record;
use crate::time::WallTime;

/// What can be read of a segment that may be torn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Its header.
    pub header: Header,
    /// The whole frames at its beginning, contiguous by sequence.
    pub frames: Vec<Frame>,
    /// Bytes up to the end of the last of them; what follows is torn or the footer.
    pub whole_bytes: usize,
    /// Whether it is sealed and verified to its end.
    pub sealed: bool,
}

/// Read a sealed segment and verify all of it.
pub fn decode_segment(bytes: &[u8]) -> Result<Segment, SegmentError> {
    let header = read_header(bytes)?;
    let mut frames = Vec::new();
    let mut at = HEADER_BYTES;
    loop {
        match part(bytes, at, header.first, &mut frames)? {
            Part::Frame(next) => at = next,
            Part::Footer(footer, next) => {
                verify(bytes, at, next, &footer, &header, frames.len() as u64)?;
                return Ok(Segment { header, frames, footer });
            }
            Part::Nothing => return Err(SegmentError::Footer),
        }
    }
}

/// Read as much of a segment as is whole. An error only where not even the header can be read.
pub fn scan(bytes: &[u8]) -> Result<Scan, SegmentError> {
    let header = read_header(bytes)?;
    let mut frames = Vec::new();
    let mut at = HEADER_BYTES;
    let mut sealed = false;
    loop {
        match part(bytes, at, header.first, &mut frames) {
            Ok(Part::Frame(next)) => at = next,
            Ok(Part::Footer(footer, next)) => {
                sealed = verify(bytes, at, next, &footer, &header, frames.len() as u64).is_ok();
                break;
            }
            Ok(Part::Nothing) | Err(_) => break,
        }
    }
    Ok(Scan { header, frames, whole_bytes: at, sealed })
}

/// What stands at a place, and where it ends.
enum Part {
    Frame(usize),
    Footer(Footer, usize),
    Nothing,
}

/// Read the header at the beginning of a segment.
pub fn read_header(bytes: &[u8]) -> Result<Header, SegmentError> {
    let head: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(SegmentError::Header)?;
    let started_at = WallTime(i64::from_le_bytes(array(head, 56).ok_or(SegmentError::Header)?));
    let header = Header {
        node: Id(array(head, 16).ok_or(SegmentError::Header)?),
        epoch: Id(array(head, 32).ok_or(SegmentError::Header)?),
        first: u64::from_le_bytes(array(head, 48).ok_or(SegmentError::Header)?),
        started_at,
    };
    // Writing it again and comparing checks magic, version, length and CRC in one.
    let readable = head[..8] == *MAGIC && head[8..10] == VERSION.to_le_bytes() && header.encode() == *head;
    // Room above, so that adding a count to the first sequence can't overflow.
    if readable && header.first <= u64::MAX / 2 { Ok(header) } else { Err(SegmentError::Header) }
}

/// Read the footer from a sealed segment's last [`super::FOOTER_BYTES`], without verifying what stands before it.
pub fn read_footer(bytes: &[u8]) -> Option<Footer> {
    let payload = payload(bytes)?;
    let marked = u64::from_le_bytes(array(payload, 0)?) == FOOTER_SEQUENCE;
    footer(payload).filter(|_| marked)
}

/// Read the frame or footer at byte `at`. A record must continue the sequence and is added to `frames`.
fn part(bytes: &[u8], at: usize, first: u64, frames: &mut Vec<Frame>) -> Result<Part, SegmentError> {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(Part::Nothing);
    }
    let torn = SegmentError::Frame { at };
    let payload = payload(rest).ok_or_else(|| torn.clone())?;
    let next = at + FRAME_HEAD + payload.len();
    let number = u64::from_le_bytes(array(payload, 0).ok_or_else(|| torn.clone())?);
    if number == FOOTER_SEQUENCE {
        return footer(payload).map(|footer| Part::Footer(footer, next)).ok_or(SegmentError::Footer);
    }
    let sequence = first + frames.len() as u64;
    if number != sequence {
        return Err(SegmentError::Sequence { at });
    }
    let origin = origin(payload).ok_or(torn)?;
    let record = Record::decode(&payload[PAYLOAD_HEAD..]).map_err(|why| SegmentError::Record { at, why })?;
    frames.push(Frame { sequence, origin, record });
    Ok(Part::Frame(next))
}

/// The payload of the frame at the beginning of `rest`, if its length and CRC are right.
fn payload(rest: &[u8]) -> Option<&[u8]> {
    let length = u32::from_le_bytes(array(rest, 0)?) as usize;
    let crc = u32::from_le_bytes(array(rest, 4)?);
    // Eight zero bytes would otherwise pass as an empty frame.
    if !(PAYLOAD_HEAD..=MAX_PAYLOAD).contains(&length) {
        return None;
    }
    let payload = rest.get(FRAME_HEAD..FRAME_HEAD + length)?;
    (crc32fast::hash(payload) == crc).then_some(payload)
}

fn origin(payload: &[u8]) -> Option<Origin> {
    Some(Origin {
        thread: u16::from_le_bytes(array(payload, 8)?),
        slot: u16::from_le_bytes(array(payload, 10)?),
        generation: u32::from_le_bytes(array(payload, 12)?),
    })
}

fn footer(payload: &[u8]) -> Option<Footer> {
    if payload.len() != FOOTER_PAYLOAD || payload[8..16] != *END {
        return None;
    }
    Some(Footer {
        count: u64::from_le_bytes(array(payload, 16)?),
        last: u64::from_le_bytes(array(payload, 24)?),
        sha256: array(payload, 32)?,
    })
}

fn verify(
    bytes: &[u8],
    at: usize,
    end: usize,
    footer: &Footer,
    header: &Header,
    count: u64,
) -> Result<(), SegmentError> {
    let fits = footer.count == count
        && footer.last.checked_add(1) == Some(header.first + count)
        && end == bytes.len()
        && digest::digest(&digest::SHA256, &bytes[..at]).as_ref() == footer.sha256;
    if fits { Ok(()) } else { Err(SegmentError::Footer) }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests;
