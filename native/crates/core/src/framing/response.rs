//! A backend's answer: its head, its interim heads, and where it ends.
//!
//! As strict as for requests: an answer that two readers could frame differently is no answer. What a partner receives
//! must be what this backend sent for this request, so a byte past an answer's end spoils the connection.

use super::classes::is_field_value;
use super::fields::name_and_value;
use super::head::{EndScan, Lines};
use super::{BodyLength, BodyTracker, Limits};
use crate::fault::Fault;

/// Interim answers (1xx) before the final one.
pub(super) const MOST_INTERIM: u8 = 8;
/// More digits could overflow; no body is that long.
pub(super) const LONGEST_LENGTH_DIGITS: usize = 18;

/// What the bytes just seen amount to. What is neither dropped nor released is an incomplete head: show it again, with more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Interim heads at the front: of no use to anybody.
    pub dropped: usize,
    /// What follows and may be handed on.
    pub released: usize,
    /// The answer is whole.
    pub complete: bool,
}

/// Follows one answer from its first byte to its last.
#[derive(Clone, Debug)]
pub struct AnswerTracker {
    head_request: bool,
    /// The request asked for a change of protocol.
    upgrades: bool,
    upgraded: bool,
    interim: u8,
    keep_alive_seconds: Option<u32>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Head(EndScan),
    Body(BodyTracker),
    /// Ends with the connection.
    UntilClose,
}

impl AnswerTracker {
    /// An answer of which nothing has been seen; `head_request`: it answers HEAD and has no body whatever it says.
    pub fn new(head_request: bool) -> Self {
        Self {
            head_request,
            upgrades: false,
            upgraded: false,
            interim: 0,
            keep_alive_seconds: None,
            state: State::Head(EndScan::default()),
        }
    }

    /// An answer that may be a change of protocol; then whatever follows is not HTTP's.
    #[must_use]
    pub fn may_upgrade(self) -> Self {
        Self { upgrades: true, ..self }
    }

    /// Whether it changed the protocol.
    pub fn has_upgraded(&self) -> bool {
        self.upgraded
    }

    /// Whether its head has not been seen to its end.
    pub fn awaits_head(&self) -> bool {
        matches!(self.state, State::Head(_))
    }

    /// Whether the end of the connection is the end of the answer.
    pub fn ends_with_connection(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// How long the backend keeps this connection idle, where its head says so (`Keep-Alive: timeout=N`).
    pub fn keep_alive_seconds(&self) -> Option<u32> {
        self.keep_alive_seconds
    }

    /// Look at the bytes that follow what was dropped or released before.
    ///
    /// `BackendBadResponse` or `BackendHeadTooLarge` where a rule is broken; bytes past the end are such a break.
    pub fn look(&mut self, bytes: &[u8], limits: &Limits) -> Result<Answer, Fault> {
        let mut answer = Answer::default();
        while let State::Head(scan) = &mut self.state {
            let rest = &bytes[answer.dropped..];
            let Some(end) = scan.look(rest, limits.head_bytes).map_err(as_backend_fault)? else {
                return Ok(answer);
            };
            let head = ResponseHead::parse(&rest[..end], limits)?;
            if head.status == 101 && self.upgrades && !head.declares_body() {
                self.state = State::UntilClose;
                self.upgraded = true;
                answer.released = end;
            } else if head.status < 200 {
                self.interim += 1;
                // Not asked for.
                if head.status == 101 || self.interim > MOST_INTERIM || head.declares_body() {
                    return Err(Fault::BackendBadResponse);
                }
                *scan = EndScan::default();
                answer.dropped += end;
            } else {
                self.state = head.body(self.head_request)?;
                self.keep_alive_seconds = head.keep_alive_seconds;
                answer.released = end;
            }
        }
        let rest = &bytes[answer.dropped + answer.released..];
        let taken = match &mut self.state {
            State::Body(tracker) => tracker.advance(rest).map_err(as_backend_fault)?,
            State::Head(_) | State::UntilClose => rest.len(),
        };
        if taken < rest.len() {
            return Err(Fault::BackendBadResponse);
        }
        answer.released += taken;
        answer.complete = matches!(&self.state, State::Body(tracker) if tracker.is_done());
        Ok(answer)
    }
}

/// `timeout=N` among the parameters of `Keep-Alive` (RFC 2068, section 19.7.1.1, as servers still send it).
fn timeout_of(value: &[u8]) -> Option<u32> {
    let parameters = std::str::from_utf8(value).ok()?.split(',');
    parameters.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, seconds)| {
        name.trim().eq_ignore_ascii_case("timeout").then(|| seconds.trim().trim_matches('"').parse().ok())?
    })
}

fn as_backend_fault(fault: Fault) -> Fault {
    match fault {
        Fault::HeadTooLarge => Fault::BackendHeadTooLarge,
        _ => Fault::BackendBadResponse,
    }
}

#[derive(Default)]
struct ResponseHead {
    status: u16,
    version_10: bool,
    content_length: Option<u64>,
    chunked: bool,
    keep_alive_seconds: Option<u32>,
}

impl ResponseHead {
    fn parse(head: &[u8], limits: &Limits) -> Result<Self, Fault> {
        let mut lines = Lines(head);
        let mut parsed = Self::status_line(lines.next().ok_or(Fault::BackendBadResponse)?)?;
        for (number, line) in lines.enumerate() {
            if number >= limits.head_lines {
                return Err(Fault::BackendHeadTooLarge);
            }
            parsed.field(line)?;
        }
        Ok(parsed)
    }

    /// `HTTP-version SP status-code [ SP reason-phrase ]` (RFC 9112, section 4; many servers leave the last space out).
    fn status_line(line: &[u8]) -> Result<Self, Fault> {
        let version_10 = match line.get(..9) {
            Some(b"HTTP/1.1 ") => false,
            Some(b"HTTP/1.0 ") => true,
            _ => return Err(Fault::BackendBadResponse),
        };
        let (code, reason) = line[9..].split_at_checked(3).ok_or(Fault::BackendBadResponse)?;
        let well_formed = code.iter().all(u8::is_ascii_digit)
            && matches!(code[0], b'1'..=b'5')
            && matches!(reason.first(), None | Some(b' '))
            && is_field_value(reason);
        if !well_formed {
            return Err(Fault::BackendBadResponse);
        }
        let status = code.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        Ok(Self { status, version_10, ..Self::default() })
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Fault> {
        let (name, value) = name_and_value(line).ok_or(Fault::BackendBadResponse)?;
        let sound = match name.len() {
            10 if name.eq_ignore_ascii_case(b"keep-alive") => {
                self.keep_alive_seconds = timeout_of(value);
                true
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.see_content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                !std::mem::replace(&mut self.chunked, true) && value.eq_ignore_ascii_case(b"chunked")
            }
            _ => true,
        };
        if sound { Ok(()) } else { Err(Fault::BackendBadResponse) }
    }

    fn see_content_length(&mut self, value: &[u8]) -> bool {
        if !(1..=LONGEST_LENGTH_DIGITS).contains(&value.len()) || !value.iter().all(u8::is_ascii_digit) {
            return false;
        }
        let length = value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        self.content_length.replace(length).is_none()
    }

    fn declares_body(&self) -> bool {
        self.chunked || self.content_length.is_some_and(|length| length > 0)
    }

    /// How the body ends (RFC 9112, section 6.3, without its repairs).
    fn body(&self, head_request: bool) -> Result<State, Fault> {
        let contradicts = self.chunked && (self.content_length.is_some() || self.version_10);
        // 304 and the answer to HEAD tell the length that another answer would have had; 204 has none to tell.
        if contradicts || (self.status == 204 && self.declares_body()) {
            return Err(Fault::BackendBadResponse);
        }
        let length = match self.content_length {
            _ if head_request || matches!(self.status, 204 | 304) => BodyLength::None,
            _ if self.chunked => BodyLength::Chunked,
            Some(0) => BodyLength::None,
            Some(bytes) => BodyLength::Fixed(bytes),
            None => return Ok(State::UntilClose),
        };
        Ok(State::Body(BodyTracker::new(length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep_alive(lines: &str) -> Option<u32> {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n");
        let mut tracker = AnswerTracker::new(false);
        tracker.look(answer.as_bytes(), &Limits { head_bytes: 1000, head_lines: 10 }).unwrap();
        tracker.keep_alive_seconds()
    }

    #[test]
    fn how_long_a_backend_keeps_a_connection_is_read_where_it_says_so() {
        assert_eq!(keep_alive(""), None);
        assert_eq!(keep_alive("Keep-Alive: timeout=5, max=100\r\n"), Some(5));
        assert_eq!(keep_alive("keep-alive: max=100,Timeout = \"7\"\r\n"), Some(7));
        for nothing in ["timeout", "timeout=", "timeout=-1", "timeout=soon", "timeout=99999999999", "5", "max=5"] {
            assert_eq!(keep_alive(&format!("Keep-Alive: {nothing}\r\n")), None, "{nothing}");
        }
    }
}
