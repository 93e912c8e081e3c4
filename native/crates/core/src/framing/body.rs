//! Follows a request's body to its exact end.

use super::BodyLength;
use super::fields::{is_field_byte, is_token};
use crate::fault::Fault;

/// A chunk's size line, extensions included.
const LONGEST_SIZE_LINE: usize = 1024;
/// All trailers of a body.
const LONGEST_TRAILERS: usize = 8 * 1024;
/// Sixteen hexadecimal digits would overflow when multiplied once more.
const LONGEST_SIZE_DIGITS: usize = 15;

/// Counts a body's bytes and says where it ends.
#[derive(Clone, Debug)]
pub struct BodyTracker {
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Done,
    Fixed { left: u64 },
    SizeLine { line: Vec<u8> },
    ChunkData { left: u64 },
    ChunkEnd { seen_cr: bool },
    Trailers { line: Vec<u8>, total: usize },
}

impl BodyTracker {
    /// A body of this length, none of which has been seen.
    pub fn new(length: BodyLength) -> Self {
        let state = match length {
            BodyLength::None => State::Done,
            BodyLength::Fixed(left) => State::Fixed { left },
            BodyLength::Chunked => State::SizeLine { line: Vec::new() },
        };
        Self { state }
    }

    /// Whether the whole body has been seen.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Take the next bytes. Returns how many of them belong to the body; the rest begin the next head.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Done {
            at += self.step(&bytes[at..])?;
        }
        Ok(at)
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        match &mut self.state {
            State::Done => Ok(0),
            State::Fixed { left } => {
                let taken = take(left, bytes.len());
                if *left == 0 {
                    self.state = State::Done;
                }
                Ok(taken)
            }
            State::ChunkData { left } => {
                let taken = take(left, bytes.len());
                if *left == 0 {
                    self.state = State::ChunkEnd { seen_cr: false };
                }
                Ok(taken)
            }
            State::ChunkEnd { seen_cr } => {
                match (bytes[0], *seen_cr) {
                    (b'\r', false) => *seen_cr = true,
                    (b'\n', true) => self.state = State::SizeLine { line: Vec::new() },
                    _ => return Err(Fault::BodyFramingInvalid),
                }
                Ok(1)
            }
            State::SizeLine { line } => {
                if push_line_byte(line, bytes[0], LONGEST_SIZE_LINE)? {
                    self.state = match chunk_size(line)? {
                        0 => State::Trailers { line: Vec::new(), total: 0 },
                        left => State::ChunkData { left },
                    };
                }
                Ok(1)
            }
            State::Trailers { line, total } => {
                *total += 1;
                if *total > LONGEST_TRAILERS {
                    return Err(Fault::BodyFramingInvalid);
                }
                if push_line_byte(line, bytes[0], LONGEST_TRAILERS)? {
                    if line.is_empty() {
                        self.state = State::Done;
                    } else {
                        check_trailer(line)?;
                        line.clear();
                    }
                }
                Ok(1)
            }
        }
    }
}

fn take(left: &mut u64, available: usize) -> usize {
    let taken = (*left).min(available as u64);
    *left -= taken;
    taken as usize
}

/// Add a byte to a line that ends with CRLF. Returns whether the line is complete; it then stands without its CRLF.
fn push_line_byte(line: &mut Vec<u8>, byte: u8, longest: usize) -> Result<bool, Fault> {
    let after_cr = line.last() == Some(&b'\r');
    match byte {
        b'\n' if after_cr => {
            line.pop();
            return Ok(true);
        }
        _ if after_cr || line.len() >= longest => return Err(Fault::BodyFramingInvalid),
        b'\r' => {}
        byte if is_field_byte(byte) => {}
        _ => return Err(Fault::BodyFramingInvalid),
    }
    line.push(byte);
    Ok(false)
}

/// `chunk-size [ chunk-ext ]` (RFC 9112, section 7.1). No white space before the extension.
fn chunk_size(line: &[u8]) -> Result<u64, Fault> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or(line);
    if digits.is_empty() || digits.len() > LONGEST_SIZE_DIGITS || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Fault::BodyFramingInvalid);
    }
    Ok(digits.iter().fold(0, |sum, &digit| sum * 16 + u64::from((digit as char).to_digit(16).unwrap_or(0))))
}

fn check_trailer(line: &[u8]) -> Result<(), Fault> {
    let colon = line.iter().position(|&byte| byte == b':').ok_or(Fault::BodyFramingInvalid)?;
    (colon > 0 && line[..colon].iter().all(|&byte| is_token(byte))).then_some(()).ok_or(Fault::BodyFramingInvalid)
}
