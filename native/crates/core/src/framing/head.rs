//! The head of a request: where it ends, and whether every rule holds.

use super::fields::FieldRules;
use super::target;
use super::{BodyLength, Limits};
use crate::fault::Fault;

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
}

/// Looks for the end of a head in a buffer that grows; remembers how far it has looked.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScan {
    looked_at: usize,
    line_has_bytes: bool,
}

impl HeadScan {
    /// Judge `buffer`, which begins where the head begins and has only grown since the last call.
    pub fn judge(&mut self, buffer: &[u8], limits: &Limits) -> Verdict {
        while self.looked_at < buffer.len() {
            if self.looked_at >= limits.head_bytes {
                return Verdict::Refused(Fault::HeadTooLarge);
            }
            match buffer[self.looked_at] {
                b'\r' => match buffer.get(self.looked_at + 1) {
                    None => return Verdict::Incomplete,
                    Some(b'\n') => {
                        self.looked_at += 2;
                        if !self.line_has_bytes {
                            return judge_whole(&buffer[..self.looked_at], limits);
                        }
                        self.line_has_bytes = false;
                    }
                    Some(_) => return Verdict::Refused(Fault::HeadMalformed),
                },
                // A bare LF ends a line for some parsers and not for others.
                b'\n' | 0 => return Verdict::Refused(Fault::HeadMalformed),
                _ => {
                    self.line_has_bytes = true;
                    self.looked_at += 1;
                }
            }
        }
        if buffer.len() >= limits.head_bytes {
            return Verdict::Refused(Fault::HeadTooLarge);
        }
        Verdict::Incomplete
    }
}

/// Judge a head from its request line to its empty line. Lines end with CRLF; no CR, LF or NUL stands elsewhere.
fn judge_whole(head: &[u8], limits: &Limits) -> Verdict {
    match check(head, limits) {
        Ok(accepted) => Verdict::Accepted(accepted),
        Err(fault) => Verdict::Refused(fault),
    }
}

fn check(head: &[u8], limits: &Limits) -> Result<Head, Fault> {
    let mut lines = Lines(head);
    let request = RequestLine::parse(lines.next().ok_or(Fault::HeadMalformed)?)?;
    let mut rules = FieldRules::default();
    for (number, line) in lines.enumerate() {
        if number >= limits.head_lines {
            return Err(Fault::HeadTooLarge);
        }
        rules.line(line)?;
    }
    let host = rules.host()?;
    target::check(request.method, request.target, host)?;
    Ok(Head { bytes: head.len(), body: rules.body_length(request.version_10)?, version_10: request.version_10 })
}

struct RequestLine<'a> {
    method: &'a [u8],
    target: &'a [u8],
    version_10: bool,
}

impl<'a> RequestLine<'a> {
    /// `method SP request-target SP HTTP-version`, single spaces (RFC 9112, section 3).
    fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        let mut words = line.split(|&byte| byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Fault::HeadMalformed);
        };
        if method.is_empty() || !method.iter().all(u8::is_ascii_uppercase) {
            return Err(Fault::HeadMalformed);
        }
        let version_10 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(Fault::HeadMalformed),
        };
        Ok(Self { method, target, version_10 })
    }
}

/// The lines of a head without their CRLF, up to the empty one.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.0.iter().position(|&byte| byte == b'\r')?;
        let (line, rest) = self.0.split_at(end);
        self.0 = &rest[2..];
        (!line.is_empty()).then_some(line)
    }
}
