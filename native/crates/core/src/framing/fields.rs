//! Rules over the header lines of one head.

use super::BodyLength;
use super::classes::{is_field_value, is_host_name, is_token};
use crate::fault::Fault;
use memchr::memchr;
use std::net::Ipv6Addr;

/// What we set or read ourselves. Their underscore twins are refused: some backends read `X_Api_Key` and `X-Api-Key` as the
/// same variable (CGI, WSGI). `Connection` may not name them: a hop that obeys would drop what we add.
const SET_BY_US: &[&[u8]] = &[
    b"accept-encoding",
    b"authorization",
    b"content-length",
    b"content-type",
    b"host",
    b"traceparent",
    b"transfer-encoding",
    b"x-api-key",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-request-id",
];

/// More digits could overflow; no body is that long.
const LONGEST_LENGTH_DIGITS: usize = 18;

/// What has been seen of the header lines so far.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a line that was there")]
pub(super) struct FieldRules<'a> {
    host: Option<&'a [u8]>,
    content_length: Option<u64>,
    chunked: bool,
    content_type: bool,
    websocket: bool,
    connection_upgrade: bool,
    close: bool,
    keep_alive: bool,
}

impl<'a> FieldRules<'a> {
    /// Check one line, without its CRLF.
    pub(super) fn line(&mut self, line: &'a [u8]) -> Result<(), Fault> {
        let (name, value) = name_and_value(line).ok_or(Fault::HeadMalformed)?;
        self.field(name, value)
    }

    /// Check a field whose name and value have been told apart and consist of what they may.
    pub(super) fn field(&mut self, name: &'a [u8], value: &'a [u8]) -> Result<(), Fault> {
        if memchr(b'_', name).is_some() && is_twin_of_ours(name) {
            return Err(Fault::HeadFieldForbidden);
        }
        // Lengths first: this runs for every line of every request.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.see_host(value),
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.see_upgrade(value),
            10 if name.eq_ignore_ascii_case(b"connection") => self.see_connection(value),
            // It says how a body is read: of two, one reader takes the first and one the last.
            12 if name.eq_ignore_ascii_case(b"content-type") && std::mem::replace(&mut self.content_type, true) => {
                Err(Fault::HeadMalformed)
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.see_content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.see_transfer_encoding(value),
            _ => Ok(()),
        }
    }

    /// The one Host of the head.
    pub(super) fn host(&self) -> Result<&'a [u8], Fault> {
        self.host.ok_or(Fault::HeadHostInvalid)
    }

    /// How the body ends (RFC 9112, section 6.3, without its repairs).
    pub(super) fn body_length(&self, version_10: bool) -> Result<BodyLength, Fault> {
        match (self.chunked, self.content_length) {
            (true, Some(_)) => Err(Fault::HeadConflictingLength),
            (true, None) if version_10 => Err(Fault::HeadTransferEncodingInvalid),
            (true, None) => Ok(BodyLength::Chunked),
            (false, Some(0) | None) => Ok(BodyLength::None),
            (false, Some(bytes)) => Ok(BodyLength::Fixed(bytes)),
        }
    }

    /// Whether there is a Content-Length, 0 included.
    pub(super) fn has_length(&self) -> bool {
        self.content_length.is_some()
    }

    /// Whether the connection ends after this request (RFC 9112, section 9.3): what follows it is no request.
    pub(super) fn is_last(&self, version_10: bool) -> bool {
        self.close || (version_10 && !self.keep_alive)
    }

    /// Whether this is a WebSocket handshake (RFC 6455, section 4.1), which a route may allow. One that two readers could take
    /// for something else is refused: with a body, without the word in `Connection`, of HTTP/1.0, or of another method.
    pub(super) fn upgrades(&self, method: &[u8], version_10: bool) -> Result<bool, Fault> {
        let sound = method == b"GET"
            && !version_10
            && self.connection_upgrade
            && !self.chunked
            && self.content_length.is_none_or(|bytes| bytes == 0);
        if self.websocket && !sound { Err(Fault::UpgradeRefused) } else { Ok(self.websocket) }
    }

    /// No route allows another protocol than WebSocket. `h2c` alone is passed over, as RFC 9110, section 7.8, lets a server:
    /// common clients offer it with an ordinary first request.
    fn see_upgrade(&mut self, value: &[u8]) -> Result<(), Fault> {
        if value.eq_ignore_ascii_case(b"websocket") && !std::mem::replace(&mut self.websocket, true) {
            return Ok(());
        }
        (value.eq_ignore_ascii_case(b"h2c") && !self.websocket).then_some(()).ok_or(Fault::UpgradeRefused)
    }

    fn see_connection(&mut self, value: &[u8]) -> Result<(), Fault> {
        for option in value.split(|&byte| byte == b',').map(trim) {
            if !option.iter().all(|&byte| is_token(byte)) {
                return Err(Fault::HeadMalformed);
            }
            if SET_BY_US.iter().any(|ours| ours.eq_ignore_ascii_case(option)) {
                return Err(Fault::HeadFieldForbidden);
            }
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.connection_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
        Ok(())
    }

    fn see_host(&mut self, value: &'a [u8]) -> Result<(), Fault> {
        if self.host.is_some() || !is_authority(value) {
            return Err(Fault::HeadHostInvalid);
        }
        self.host = Some(value);
        Ok(())
    }

    fn see_content_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        let digits = !value.is_empty() && value.len() <= LONGEST_LENGTH_DIGITS && value.iter().all(u8::is_ascii_digit);
        if self.content_length.is_some() || !digits {
            return Err(Fault::HeadConflictingLength);
        }
        self.content_length = Some(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
        Ok(())
    }

    fn see_transfer_encoding(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Fault::HeadTransferEncodingInvalid);
        }
        self.chunked = true;
        Ok(())
    }
}

fn is_twin_of_ours(name: &[u8]) -> bool {
    SET_BY_US.iter().any(|ours| {
        ours.len() == name.len()
            && ours
                .iter()
                .zip(name)
                .all(|(ours, theirs)| *ours == theirs.to_ascii_lowercase() || (*ours == b'-' && *theirs == b'_'))
    })
}

pub(super) fn trim(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// A header line, without its CRLF, taken apart; None where either part holds what it may not.
///
/// No space before the colon and no folded line: a space is not a token character.
pub(super) fn name_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| !is_token(byte))?;
    if colon == 0 || line[colon] != b':' {
        return None;
    }
    let value = trim(&line[colon + 1..]);
    is_field_value(value).then_some((&line[..colon], value))
}

/// `host [":" port]` without user information: a name, an IPv4 address, or an IPv6 address in brackets (RFC 3986, section
/// 3.2). Percent-encoding and sub-delimiters, which no host of ours has, are refused.
pub(super) fn is_authority(value: &[u8]) -> bool {
    let (host_is_valid, rest) = if let Some(literal) = value.strip_prefix(b"[") {
        let end = literal.iter().position(|&byte| byte == b']').unwrap_or(literal.len());
        let (address, rest) = literal.split_at(end);
        let is_address = std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
        (is_address && !rest.is_empty(), rest.get(1..).unwrap_or_default())
    } else {
        let end = value.iter().position(|&byte| byte == b':').unwrap_or(value.len());
        let (host, rest) = value.split_at(end);
        (!host.is_empty() && is_host_name(host), rest)
    };
    host_is_valid && (rest.is_empty() || rest.strip_prefix(b":").is_some_and(is_port))
}

fn is_port(digits: &[u8]) -> bool {
    let number = digits.iter().fold(0_u32, |sum, digit| (sum * 10 + u32::from(digit.wrapping_sub(b'0'))).min(100_000));
    (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) && u16::try_from(number).is_ok()
}
