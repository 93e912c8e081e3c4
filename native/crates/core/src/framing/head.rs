//! The head of a request: where it ends, and whether every rule holds.

use super::fields::FieldRules;
use super::target;
use super::{BodyLength, Limits};
use crate::fault::Fault;
use memchr::{memchr, memchr3};

/// What the bytes so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The head is not complete, and nothing is wrong yet.
    Incomplete,
    /// The head is complete and every rule holds.
    Accepted(Head),
    /// A rule is broken; more bytes can't mend it.
    Refused(Fault),
}

/// A head that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its bytes, the last empty line included.
    pub bytes: usize,
    /// How the body ends.
    pub body: BodyLength,
    /// HTTP/1.0: no chunked answers, the connection closes unless asked otherwise.
    pub version_10: bool,
    /// The client wants the connection to end after this request; what follows is no request.
    pub last: bool,
    /// It asks to go on as a WebSocket; then it is the last, too.
    pub upgrades: bool,
}

/// Judges a request's head in a buffer that grows.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScan(EndScan);

impl HeadScan {
    /// Judge `buffer`, which begins where the head begins and has only grown since the last call.
    pub fn judge(&mut self, buffer: &[u8], limits: &Limits) -> Verdict {
        match self.0.look(buffer, limits.head_bytes) {
            Ok(None) => Verdict::Incomplete,
            Ok(Some(end)) => match check(&buffer[..end], limits) {
                Ok(accepted) => Verdict::Accepted(accepted),
                Err(fault) => Verdict::Refused(fault),
            },
            Err(fault) => Verdict::Refused(fault),
        }
    }
}

/// Looks for the empty line that ends a head; remembers how far it has looked.
///
/// What it finds has lines that end with CRLF, and no CR, LF or NUL elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EndScan {
    looked_at: usize,
    line_has_bytes: bool,
}

impl EndScan {
    /// The end of the head, as soon as it is there.
    pub(super) fn look(&mut self, buffer: &[u8], most: usize) -> Result<Option<usize>, Fault> {
        let end = buffer.len().min(most);
        while self.looked_at < end {
            let Some(plain) = memchr3(b'\r', b'\n', 0, &buffer[self.looked_at..end]) else {
                self.line_has_bytes = true;
                self.looked_at = end;
                break;
            };
            self.line_has_bytes |= plain > 0;
            self.looked_at += plain;
            match buffer[self.looked_at] {
                b'\r' => match buffer.get(self.looked_at + 1) {
                    None => return Ok(None),
                    Some(b'\n') => {
                        self.looked_at += 2;
                        if !self.line_has_bytes {
                            return Ok(Some(self.looked_at));
                        }
                        self.line_has_bytes = false;
                    }
                    Some(_) => return Err(Fault::HeadLineEndInvalid),
                },
                // A bare LF ends a line for some parsers and not for others.
                b'\n' => return Err(Fault::HeadLineEndInvalid),
                _ => return Err(Fault::HeadMalformed),
            }
        }
        if buffer.len() >= most { Err(Fault::HeadTooLarge) } else { Ok(None) }
    }
}

/// Judge a head from its request line to its empty line.
fn check(head: &[u8], limits: &Limits) -> Result<Head, Fault> {
    let mut lines = Lines(head);
    let request = RequestLine::parse(lines.next().ok_or(Fault::HeadMalformed)?)?;
    let mut rules = FieldRules::default();
    for (number, line) in lines.enumerate() {
        if number >= limits.head_lines {
            return Err(Fault::HeadTooManyLines);
        }
        rules.line(line)?;
    }
    let host = rules.host()?;
    target::check(request.method, request.target, host)?;
    let version_10 = request.version_10;
    let body = rules.body_length(version_10)?;
    let upgrades = rules.upgrades(request.method, version_10)?;
    Ok(Head { bytes: head.len(), body, version_10, last: upgrades || rules.is_last(version_10), upgrades })
}

struct RequestLine<'a> {
    method: &'a [u8],
    target: &'a [u8],
    version_10: bool,
}

impl<'a> RequestLine<'a> {
    /// `method SP request-target SP HTTP-version`, single spaces (RFC 9112, section 3).
    fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        let (method, rest) = split_at_space(line).ok_or(Fault::HeadMalformed)?;
        // A third space would stand in the version, which is none then.
        let (target, version) = split_at_space(rest).ok_or(Fault::HeadMalformed)?;
        if method.is_empty() || !method.iter().all(u8::is_ascii_uppercase) {
            return Err(Fault::HeadMalformed);
        }
        let version_10 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                return Err(Fault::ProtocolVersionUnsupported);
            }
            _ => return Err(Fault::HeadMalformed),
        };
        Ok(Self { method, target, version_10 })
    }
}

fn split_at_space(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr(b' ', line)?;
    Some((&line[..space], &line[space + 1..]))
}

/// The lines of a head without their CRLF, up to the empty one.
pub(super) struct Lines<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr(b'\r', self.0)?;
        let (line, rest) = self.0.split_at(end);
        self.0 = &rest[2..];
        (!line.is_empty()).then_some(line)
    }
}
