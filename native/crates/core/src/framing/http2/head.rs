//! A request of HTTP/2 on its way to HTTP/1.1: nothing may mean more there than it meant here (RFC 9113, sections 8.2, 8.3
//! and 10.3). The library has checked the form of pseudo-headers; this module does not rely on it for anything that matters
//! to a backend.

use crate::fault::Fault;
use crate::framing::classes::{is_field_value, is_token};
use crate::framing::fields::{FieldRules, is_authority};
use crate::framing::{BodyLength, Head, Limits, target};

/// What pseudo-headers say.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'r> {
    /// `:method`
    pub method: &'r [u8],
    /// `:path`
    pub path: &'r [u8],
    /// `:authority`, where there is one.
    pub authority: Option<&'r [u8]>,
    /// Whether the stream goes on after the head.
    pub has_body: bool,
}

/// Fields that belong to one connection of HTTP/1.1 (RFC 9113, section 8.2.2).
pub(super) const OF_A_CONNECTION: &[&[u8]] =
    &[b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"http2-settings"];

/// Judge a request's head by the rules of HTTP/1.1 and those between the two. Returns its size and the host that it names.
pub fn judge<'r>(
    head: &RequestHead<'r>,
    fields: impl Iterator<Item = (&'r [u8], &'r [u8])>,
    limits: &Limits,
) -> Result<(Head, &'r [u8]), Fault> {
    if head.method.is_empty() || !head.method.iter().all(u8::is_ascii_uppercase) {
        return Err(Fault::HeadMalformed);
    }
    let mut rules = FieldRules::default();
    let mut bytes = head.method.len() + head.path.len() + head.authority.map_or(0, <[u8]>::len);
    for (number, (name, value)) in fields.enumerate() {
        if number >= limits.head_lines {
            return Err(Fault::HeadTooManyLines);
        }
        bytes += name.len() + value.len() + 4;
        field(&mut rules, name, value)?;
    }
    if bytes > limits.head_bytes {
        return Err(Fault::HeadTooLarge);
    }
    let host = host(head.authority, &rules)?;
    // The absolute form is HTTP/1.1's; `*` is no path of an API.
    if head.method != b"CONNECT" && !head.path.starts_with(b"/") {
        return Err(Fault::HeadPathInvalid);
    }
    target::check(head.method, head.path, host)?;
    let body = match rules.body_length(false)? {
        // Without a length the body goes on in chunks; one that said 0 is an empty body, however its stream ends.
        BodyLength::None if head.has_body && !rules.has_length() => BodyLength::Chunked,
        length => length,
    };
    Ok((Head { bytes, body, version_10: false, last: false, upgrades: false }, host))
}

fn field<'r>(rules: &mut FieldRules<'r>, name: &'r [u8], value: &'r [u8]) -> Result<(), Fault> {
    if name.is_empty() || !name.iter().all(|&byte| is_token(byte) && !byte.is_ascii_uppercase()) {
        return Err(Fault::HeadMalformed);
    }
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if is_space(value.first()) || is_space(value.last()) || !is_field_value(value) {
        return Err(Fault::HeadMalformed);
    }
    if OF_A_CONNECTION.contains(&name) || (name == b"te" && !value.eq_ignore_ascii_case(b"trailers")) {
        return Err(Fault::HeadFieldForbidden);
    }
    rules.field(name, value)
}

/// `:authority` and `Host` say the same, or one of them says it.
fn host<'r>(authority: Option<&'r [u8]>, rules: &FieldRules<'r>) -> Result<&'r [u8], Fault> {
    match (authority, rules.host()) {
        (Some(authority), Ok(host)) if !authority.eq_ignore_ascii_case(host) => Err(Fault::HeadHostInvalid),
        (Some(authority), _) => is_authority(authority).then_some(authority).ok_or(Fault::HeadHostInvalid),
        (None, host) => host,
    }
}
