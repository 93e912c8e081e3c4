//! Dates and times as RFC 3339 spells them.

/// `2026-11-26`.
pub(super) fn is_date(text: &str) -> bool {
    let [year @ .., b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return false };
    let (Some(year), Some(month), Some(day)) = (digits(year), digits(&[*m1, *m2]), digits(&[*d1, *d2])) else {
        return false;
    };
    text.len() == 10 && (1..=12).contains(&month) && day >= 1 && day <= days_of(year, month)
}

/// `2026-11-26T15:37:12.5+01:00`; a leap second is one.
pub(super) fn is_date_time(text: &str) -> bool {
    let (Some(day), Some(rest)) = (text.get(..10), text.get(10..)) else { return false };
    let has_offset =
        |time: &str| is_time(time) && !time.ends_with(|last: char| last.is_ascii_digit() && !time.contains(['+', '-']));
    is_date(day) && rest.strip_prefix(['T', 't', ' ']).is_some_and(has_offset)
}

/// `15:37:12.5+01:00`; the offset may be missing.
pub(super) fn is_time(text: &str) -> bool {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text.as_bytes() else { return false };
    let below = |tens: &u8, ones: &u8, bound: u16| digits(&[*tens, *ones]).is_some_and(|number| number < bound);
    below(h1, h2, 24) && below(m1, m2, 60) && below(s1, s2, 61) && after_fraction(rest).is_some_and(is_offset)
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
        [] | [b'Z' | b'z'] => true,
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

fn days_of(year: u16, month: u16) -> u16 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
