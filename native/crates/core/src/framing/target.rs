//! Rules over the request target.

use super::classes::{is_path, is_query};
use super::fields::is_authority;
use crate::fault::Fault;
use memchr::{memchr, memchr2};

/// A target that is longer is no operation of any API, and the URI type above holds 64 KiB less one.
const LONGEST_TARGET: usize = 16 * 1024;

/// Check a request target against method and Host.
///
/// Origin form, or absolute form that names the same authority as Host (RFC 9112, section 3.2). No other form.
pub(super) fn check(method: &[u8], target: &[u8], host: &[u8]) -> Result<(), Fault> {
    if method == b"CONNECT" {
        return Err(Fault::UpgradeRefused);
    }
    if target.len() > LONGEST_TARGET {
        return Err(Fault::HeadTooLarge);
    }
    let origin = if target.starts_with(b"/") { target } else { without_authority(target, host)? };
    let (path, query) = match memchr(b'?', origin) {
        Some(mark) => (&origin[..mark], &origin[mark + 1..]),
        None => (origin, &[][..]),
    };
    check_path(path)?;
    check_percent_encoding(query)?;
    is_query(query).then_some(()).ok_or(Fault::HeadPathInvalid)
}

/// Whether a partner may call this: path and query that `check` takes in a target.
pub(crate) fn is_plain_target(path: &[u8], query: &[u8]) -> bool {
    path.len() + query.len() < LONGEST_TARGET
        && check_path(path).is_ok()
        && check_percent_encoding(query).is_ok()
        && is_query(query)
}

fn without_authority<'a>(target: &'a [u8], host: &[u8]) -> Result<&'a [u8], Fault> {
    let rest = [&b"http://"[..], b"https://"]
        .into_iter()
        .find_map(|scheme| target.strip_prefix(scheme))
        .ok_or(Fault::HeadPathInvalid)?;
    let end = rest.iter().position(|&byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, origin) = rest.split_at(end);
    if !is_authority(authority) || !authority.eq_ignore_ascii_case(host) {
        return Err(Fault::HeadHostInvalid);
    }
    if origin.is_empty() { Ok(b"/") } else { Ok(origin) }
}

/// No encoded slash, backslash or control character, no dot segment however spelt: what a backend might normalise, we would
/// route otherwise.
fn check_path(path: &[u8]) -> Result<(), Fault> {
    if !path.starts_with(b"/") || !is_path(path) {
        return Err(Fault::HeadPathInvalid);
    }
    // Nothing is hidden and no segment is made of dots where there is neither. Most paths end here.
    if memchr2(b'%', b'.', path).is_none() {
        return Ok(());
    }
    check_percent_encoding(path)?;
    for segment in path.split(|&byte| byte == b'/') {
        if is_dot_segment(without_parameters(segment)) || hides_something(segment) {
            return Err(Fault::HeadPathInvalid);
        }
    }
    Ok(())
}

fn check_percent_encoding(text: &[u8]) -> Result<(), Fault> {
    let mut rest = text;
    while let Some(mark) = memchr(b'%', rest) {
        match rest.get(mark + 1..mark + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) && digits != b"00" => rest = &rest[mark + 3..],
            _ => return Err(Fault::HeadPathInvalid),
        }
    }
    Ok(())
}

fn is_dot_segment(segment: &[u8]) -> bool {
    let mut rest = segment;
    let mut dots = 0;
    while !rest.is_empty() {
        rest = match rest {
            [b'.', tail @ ..] | [b'%', b'2', b'e' | b'E', tail @ ..] => tail,
            _ => return false,
        };
        dots += 1;
    }
    dots == 1 || dots == 2
}

/// A segment up to its first semicolon: some backends drop the rest before they look for dots.
fn without_parameters(segment: &[u8]) -> &[u8] {
    let plain = segment.iter().position(|&byte| byte == b';');
    let encoded = segment.windows(3).position(|window| matches!(window, [b'%', b'3', b'b' | b'B']));
    &segment[..plain.into_iter().chain(encoded).min().unwrap_or(segment.len())]
}

/// An encoded separator or control character, or what a second or a careless decoding turns into one.
fn hides_something(segment: &[u8]) -> bool {
    // `/`, `%` (decoded twice it could become any of the others), `\`, DEL, control characters; C0 and C1 begin overlong
    // forms of ASCII characters and are never valid UTF-8.
    let is_hidden = |window: &[u8]| {
        matches!(
            window,
            [b'%', b'2', b'f' | b'F' | b'5']
                | [b'%', b'5', b'c' | b'C']
                | [b'%', b'7', b'f' | b'F']
                | [b'%', b'0' | b'1', _]
                | [b'%', b'c' | b'C', b'0' | b'1']
        )
    };
    segment.windows(3).any(is_hidden) || segment.windows(6).any(begins_overlong)
}

/// What begins longer overlong forms: E0 before 80 to 9F, F0 before 80 to 8F, and what were characters of five and six bytes.
fn begins_overlong(window: &[u8]) -> bool {
    matches!(
        window,
        [b'%', b'e' | b'E', b'0', b'%', b'8' | b'9', _] | [b'%', b'f' | b'F', b'0' | b'8' | b'c' | b'C', b'%', b'8', _]
    )
}
