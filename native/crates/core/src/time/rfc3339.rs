//! RFC 3339 times in UTC, as every JSON document of ours writes them.

use super::WallTime;

/// Text that is not an RFC 3339 time in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTime;

impl std::fmt::Display for InvalidTime {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("expected an RFC 3339 time in UTC, such as 2026-01-31T09:30:00Z")
    }
}

impl std::error::Error for InvalidTime {}

impl<'de> serde::Deserialize<'de> for WallTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        parse_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}

/// Read `YYYY-MM-DDTHH:MM:SS[.fraction]` with `Z` or `+00:00` (RFC 3339, section 5.6; UTC only, from 1970 on).
///
/// Digits after the sixth of a fraction are dropped. A leap second counts as the second before it.
pub fn parse_rfc3339(text: &str) -> Result<WallTime, InvalidTime> {
    parse(text.as_bytes()).map(WallTime).ok_or(InvalidTime)
}

fn parse(text: &[u8]) -> Option<i64> {
    let (stamp, rest) = text.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|&(position, byte)| stamp[position] != byte) {
        return None;
    }
    let number = |from: usize, to: usize| digits(&stamp[from..to]);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_date = year >= 1970 && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let microseconds = fraction_in_utc(rest)?;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second.min(59);
    Some(seconds * 1_000_000 + microseconds)
}

/// What follows the seconds: an optional fraction, then a zone that says UTC.
fn fraction_in_utc(rest: &[u8]) -> Option<i64> {
    let (fraction, zone) = match rest.strip_prefix(b".") {
        Some(rest) => rest.split_at(rest.iter().take_while(|byte| byte.is_ascii_digit()).count()),
        None => (&b"0"[..], rest),
    };
    if fraction.is_empty() || !matches!(zone, b"Z" | b"+00:00") {
        return None;
    }
    let mut microseconds = [b'0'; 6];
    let kept = fraction.len().min(6);
    microseconds[..kept].copy_from_slice(&fraction[..kept]);
    digits(&microseconds)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// In the proleptic Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400 - 477; // 477 of them lie before 1970
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    (year - 1970) * 365 + leap_days + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_utc_are_read_to_the_microsecond() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-03-01T00:00:00+00:00", 5_097_600_000_000),
            ("2000-02-29T12:00:00.5Z", 951_825_600_500_000),
            ("2026-11-24T16:04:08.123456Z", 1_795_536_248_123_456),
            ("2026-11-24T16:04:08.123456789Z", 1_795_536_248_123_456),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000_000),
        ];
        for (text, microseconds) in cases {
            assert_eq!(parse_rfc3339(text), Ok(WallTime(microseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_in_utc_is_refused() {
        for text in [
            "",
            "2026-11-24",
            "2026-11-24T16:04:08",
            "2026-11-24T16:04:08+02:00",
            "2026-11-24 16:04:08Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T16:04:08.Z",
            "1969-12-31T23:59:59Z",
            "2026-11-24T16:04:08Zx",
        ] {
            assert_eq!(parse_rfc3339(text), Err(InvalidTime), "{text}");
        }
    }
}
