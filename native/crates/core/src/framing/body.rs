//! Follows a request's body to its exact end.

use super::BodyLength;
use super::classes::{is_field_byte, is_token};
use crate::fault::Fault;

/// The extension of one chunk.
const LONGEST_EXTENSION: usize = 1024;
/// The extensions of all chunks of a body. Half of what hyper takes: its own refusal must stay out of reach.
const LONGEST_EXTENSIONS: usize = 8 * 1024;
/// All trailers of a body.
const LONGEST_TRAILERS: usize = 8 * 1024;
const MOST_TRAILERS: usize = 64;
/// Sixteen hexadecimal digits would overflow when multiplied once more.
const LONGEST_SIZE_DIGITS: u8 = 15;

/// Counts a body's bytes and says where it ends.
#[derive(Clone, Debug)]
pub struct BodyTracker {
    state: State,
    extensions: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Done,
    Fixed { left: u64 },
    SizeLine(SizeLine),
    ChunkData { left: u64 },
    ChunkEnd { seen_cr: bool },
    Trailers { line: Vec<u8>, bytes: usize, lines: usize },
}

impl BodyTracker {
    /// A body of this length, none of which has been seen.
    pub fn new(length: BodyLength) -> Self {
        let state = match length {
            BodyLength::None => State::Done,
            BodyLength::Fixed(left) => State::Fixed { left },
            BodyLength::Chunked => State::SizeLine(SizeLine::default()),
        };
        Self { state, extensions: 0 }
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

    /// As `advance`, for a body whose length was told, which can't break a rule; None for any other.
    pub fn advance_counted(&mut self, bytes: &[u8]) -> Option<usize> {
        if !self.is_counted() {
            return None;
        }
        self.advance(bytes).ok()
    }

    /// Whether the body's length was told.
    pub fn is_counted(&self) -> bool {
        matches!(self.state, State::Fixed { .. })
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
                    (b'\n', true) => self.state = State::SizeLine(SizeLine::default()),
                    _ => return Err(Fault::BodyFramingInvalid),
                }
                Ok(1)
            }
            State::SizeLine(line) => {
                if let Some(left) = line.take(bytes[0])? {
                    self.extensions += line.extension.unwrap_or(0);
                    if self.extensions > LONGEST_EXTENSIONS {
                        return Err(Fault::BodyFramingInvalid);
                    }
                    self.state = match left {
                        0 => State::Trailers { line: Vec::new(), bytes: 0, lines: 0 },
                        left => State::ChunkData { left },
                    };
                }
                Ok(1)
            }
            State::Trailers { line, bytes: seen, lines } => {
                *seen += 1;
                if *seen > LONGEST_TRAILERS || *lines > MOST_TRAILERS {
                    return Err(Fault::BodyFramingInvalid);
                }
                if push_line_byte(line, bytes[0], LONGEST_TRAILERS)? {
                    if line.is_empty() {
                        self.state = State::Done;
                    } else {
                        check_trailer(line)?;
                        line.clear();
                        *lines += 1;
                    }
                }
                Ok(1)
            }
        }
    }
}

/// `chunk-size [ chunk-ext ] CRLF` (RFC 9112, section 7.1), without white space before the extension.
///
/// Each byte is judged when it comes: what has been released before the end of the line must be right already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SizeLine {
    size: u64,
    digits: u8,
    /// How long the extension is so far, where there is one.
    extension: Option<usize>,
    seen_cr: bool,
}

impl SizeLine {
    /// Take a byte. Returns the chunk's size when the line is complete.
    fn take(&mut self, byte: u8) -> Result<Option<u64>, Fault> {
        match (byte, &mut self.extension) {
            (b'\n', _) if self.seen_cr => return Ok(Some(self.size)),
            _ if self.seen_cr => return Err(Fault::BodyFramingInvalid),
            (b'\r', _) if self.digits > 0 => self.seen_cr = true,
            (b';', None) if self.digits > 0 => self.extension = Some(0),
            (_, None) => {
                let digit = (byte as char).to_digit(16).ok_or(Fault::BodyFramingInvalid)?;
                self.size = self.size * 16 + u64::from(digit);
                self.digits += 1;
                if self.digits > LONGEST_SIZE_DIGITS {
                    return Err(Fault::BodyFramingInvalid);
                }
            }
            (_, Some(length)) => {
                *length += 1;
                if *length > LONGEST_EXTENSION || !is_field_byte(byte) {
                    return Err(Fault::BodyFramingInvalid);
                }
            }
        }
        Ok(None)
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

fn check_trailer(line: &[u8]) -> Result<(), Fault> {
    let colon = line.iter().position(|&byte| byte == b':').ok_or(Fault::BodyFramingInvalid)?;
    (colon > 0 && line[..colon].iter().all(|&byte| is_token(byte))).then_some(()).ok_or(Fault::BodyFramingInvalid)
}
