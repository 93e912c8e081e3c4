//! Dates and times as RFC 3339 spells them.

use crate::transform::answer::days_since_1970;

/// `2026-11-26`.
pub(super) fn is_date(text: &str) -> bool {
    days_since_1970(text).is_some()
}

/// `2026-11-26T15:37:12.5+01:00`; a leap second is one.
pub(super) fn is_date_time(text: &str) -> bool {
    let (Some(day), Some(rest)) = (text.get(..10), text.get(10..)) else { return false };
    let time = rest.strip_prefix(['T', 't', ' ']);
    is_date(day) && time.and_then(after_seconds).is_some_and(is_offset)
}

/// `15:37:12.5+01:00`; the offset may be missing.
pub(super) fn is_time(text: &str) -> bool {
    after_seconds(text).is_some_and(|rest| rest.is_empty() || is_offset(rest))
}

/// What comes after `15:37:12.5`.
fn after_seconds(text: &str) -> Option<&[u8]> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text.as_bytes() else { return None };
    let below = |tens: &u8, ones: &u8, bound: u16| digits(&[*tens, *ones]).is_some_and(|number| number < bound);
    if below(h1, h2, 24) && below(m1, m2, 60) && below(s1, s2, 61) { after_fraction(rest) } else { None }
}

/// What comes after `.5`, or after nothing.
fn after_fraction(bytes: &[u8]) -> Option<&[u8]> {
    let Some(rest) = bytes.strip_prefix(b".") else {
        return Some(bytes);
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (length > 0).then_some(&rest[length..])
}

fn is_offset(bytes: &[u8]) -> bool {
    match *bytes {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let below = |pair: [u8; 2], bound: u16| digits(&pair).is_some_and(|number| number < bound);
            below([h1, h2], 24) && below([m1, m2], 60)
        }
        _ => false,
    }
}

fn digits(bytes: &[u8]) -> Option<u16> {
    let next = |sum: u16, byte: &u8| {
        byte.is_ascii_digit().then(|| sum.checked_mul(10)?.checked_add(u16::from(byte - b'0')))?
    };
    bytes.iter().try_fold(0, next)
}
