//! Rules over the header lines of one head.

use super::BodyLength;
use crate::fault::Fault;

/// Names whose underscore twins are refused: some backends read `X_Api_Key` and `X-Api-Key` as the same variable (CGI, WSGI).
const SET_BY_US: &[&[u8]] = &[
    b"content-length",
    b"content-type",
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
pub(super) struct FieldRules<'a> {
    host: Option<&'a [u8]>,
    content_length: Option<u64>,
    chunked: bool,
}

impl<'a> FieldRules<'a> {
    /// Check one line, without its CRLF.
    pub(super) fn line(&mut self, line: &'a [u8]) -> Result<(), Fault> {
        let colon = line.iter().position(|&byte| byte == b':').ok_or(Fault::HeadMalformed)?;
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        // No space before the colon and no folded line: a space is not a token character.
        if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) || !value.iter().all(|&byte| is_field_byte(byte))
        {
            return Err(Fault::HeadMalformed);
        }
        self.field(name, value)
    }

    /// Check a field whose name and value have been told apart and consist of what they may.
    pub(super) fn field(&mut self, name: &'a [u8], value: &'a [u8]) -> Result<(), Fault> {
        if name.contains(&b'_') && is_twin_of_ours(name) {
            return Err(Fault::HeadMalformed);
        }
        if name.eq_ignore_ascii_case(b"host") {
            return self.see_host(value);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            return self.see_content_length(value);
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return self.see_transfer_encoding(value);
        }
        Ok(())
    }

    /// The one Host of the head.
    pub(super) fn host(&self) -> Result<&'a [u8], Fault> {
        self.host.ok_or(Fault::HeadHostInvalid)
    }

    /// How the body ends (RFC 9112, section 6.3, without its repairs).
    pub(super) fn body_length(&self, version_10: bool) -> Result<BodyLength, Fault> {
        match (self.chunked, self.content_length) {
            (true, Some(_)) => Err(Fault::HeadConflictingLength),
            (true, None) if version_10 => Err(Fault::HeadConflictingLength),
            (true, None) => Ok(BodyLength::Chunked),
            (false, Some(0) | None) => Ok(BodyLength::None),
            (false, Some(bytes)) => Ok(BodyLength::Fixed(bytes)),
        }
    }

    fn see_host(&mut self, value: &'a [u8]) -> Result<(), Fault> {
        if self.host.is_some() || value.is_empty() || !value.iter().all(|&byte| is_authority_byte(byte)) {
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
            return Err(Fault::HeadConflictingLength);
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

fn trim(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// RFC 9110, section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110, section 5.5: visible characters, space, tab, obs-text.
pub(super) fn is_field_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0xff)
}

/// What a host and port are made of; no user information.
pub(super) fn is_authority_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte)
}
