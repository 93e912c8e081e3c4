//! Moments in other forms, exactly: no floating point, no time zone but what is written.

use super::wire::Form;

const DAY_SECONDS: i64 = 86_400;
const NANOS: u32 = 1_000_000_000;
/// Digits of whole seconds or milliseconds: far more than the years that are written have.
const MOST_DIGITS: usize = 17;

/// A moment: seconds since 1970 in UTC and nanoseconds after them; what is finer is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    seconds: i64,
    nanos: u32,
}

/// Write a moment in another form, as a JSON value. `text` is a string's content or a number's lexeme. None: it is not of the
/// form, or lies outside the years 1 to 9999.
///
/// A date is midnight in UTC; what has a time is turned to UTC. Seconds and milliseconds are whole, rounded down.
pub(in crate::transform) fn convert(text: &str, is_number: bool, from: Form, to: Form) -> Option<String> {
    let moment = match (from, is_number) {
        (Form::Date, false) => Moment { seconds: date(text)? * DAY_SECONDS, nanos: 0 },
        (Form::DateTime, false) => date_time(text)?,
        (Form::Unix, _) => count(text, 0)?,
        (Form::UnixMs, _) => count(text, 3)?,
        (Form::Date | Form::DateTime, true) => return None,
    };
    let day = moment.seconds.div_euclid(DAY_SECONDS);
    let (year, month, date) = civil(day);
    if !(1..=9999).contains(&year) {
        return None;
    }
    Some(match to {
        Form::Date => format!("\"{year:04}-{month:02}-{date:02}\""),
        Form::DateTime => {
            let second = moment.seconds.rem_euclid(DAY_SECONDS);
            let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
            let fraction = fraction(moment.nanos);
            format!("\"{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z\"")
        }
        Form::Unix => moment.seconds.to_string(),
        Form::UnixMs => (moment.seconds * 1000 + i64::from(moment.nanos / 1_000_000)).to_string(),
    })
}

/// Three, six or nine digits; none where there is nothing.
fn fraction(nanos: u32) -> String {
    match nanos {
        0 => String::new(),
        _ if nanos.is_multiple_of(1_000_000) => format!(".{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => format!(".{:06}", nanos / 1_000),
        _ => format!(".{nanos:09}"),
    }
}

/// `YYYY-MM-DD` (RFC 3339, full-date) in days since 1970.
pub(in crate::transform) fn date(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..])?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=last).contains(&day).then(|| days(year, month, day))
}

/// `date-time` of RFC 3339, with its offset. A leap second has no place in seconds since 1970 and is none.
fn date_time(text: &str) -> Option<Moment> {
    let (day, time) = (text.get(..10)?, text.get(11..)?);
    if !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
        return None;
    }
    let bytes = time.as_bytes();
    let (clock, mut rest) = bytes.split_at_checked(8)?;
    if clock[2] != b':' || clock[5] != b':' {
        return None;
    }
    let seconds = time_of_day(&clock[..2], &clock[3..5])? + digits(&clock[6..]).filter(|second| *second < 60)?;
    let mut nanos = 0;
    if let Some(after) = rest.strip_prefix(b".") {
        let end = after.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(after.len());
        nanos = nanos_of(&after[..end])?;
        rest = &after[end..];
    }
    let offset = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let offset = time_of_day(&[*h1, *h2], &[*m1, *m2])?;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    Some(Moment { seconds: date(day)? * DAY_SECONDS + seconds - offset, nanos })
}

/// Seconds of hours and minutes.
fn time_of_day(hour: &[u8], minute: &[u8]) -> Option<i64> {
    let hour = digits(hour).filter(|hour| *hour < 24)?;
    Some(hour * 3600 + digits(minute).filter(|minute| *minute < 60)? * 60)
}

/// A count of units, ten to the power of `scale` of which are a second; with a fraction, but without an exponent.
fn count(text: &str, scale: u32) -> Option<Moment> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if whole.len() > MOST_DIGITS || fraction.is_empty() {
        return None;
    }
    let unit = 10_i128.pow(9 - scale);
    let whole = i128::from(digits(whole.as_bytes())?);
    let part = i128::from(nanos_of(fraction.as_bytes())?) * unit / i128::from(NANOS);
    let nanos = (whole * unit + part) * if negative { -1 } else { 1 };
    let seconds = i64::try_from(nanos.div_euclid(i128::from(NANOS))).ok()?;
    Some(Moment { seconds, nanos: nanos.rem_euclid(i128::from(NANOS)) as u32 })
}

/// The digits after a point, as billionths.
fn nanos_of(fraction: &[u8]) -> Option<u32> {
    if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction.iter().copied().chain(std::iter::repeat(b'0'));
    Some(digits.take(9).fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0')))
}

fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    text.iter().try_fold(0_i64, |number, digit| number.checked_mul(10)?.checked_add(i64::from(digit - b'0')))
}

/// Days since 1970 of a date. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of days since 1970. Source: as above, `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, from: Form, to: Form) -> Option<String> {
        convert(text, false, from, to)
    }

    #[test]
    fn each_form_becomes_each_other() {
        let moment = "2026-08-01T12:00:00.25+02:00";
        assert_eq!(text(moment, Form::DateTime, Form::Date).as_deref(), Some("\"2026-08-01\""));
        assert_eq!(text(moment, Form::DateTime, Form::DateTime).as_deref(), Some("\"2026-08-01T10:00:00.250Z\""));
        assert_eq!(text(moment, Form::DateTime, Form::Unix).as_deref(), Some("1785578400"));
        assert_eq!(text(moment, Form::DateTime, Form::UnixMs).as_deref(), Some("1785578400250"));
        assert_eq!(
            convert("1785578400", true, Form::Unix, Form::DateTime).as_deref(),
            Some("\"2026-08-01T10:00:00Z\"")
        );
        assert_eq!(convert("1785578400250", true, Form::UnixMs, Form::Unix).as_deref(), Some("1785578400"));
        assert_eq!(text("2026-08-01", Form::Date, Form::Unix).as_deref(), Some("1785542400"));
        assert_eq!(convert("-0.5", true, Form::Unix, Form::DateTime).as_deref(), Some("\"1969-12-31T23:59:59.500Z\""));
        assert_eq!(
            convert("1.0000001", true, Form::UnixMs, Form::DateTime).as_deref(),
            Some("\"1970-01-01T00:00:00.001Z\"")
        );
    }

    #[test]
    fn what_is_no_moment_is_none() {
        let texts =
            ["", "2026-02-29", "2026-13-01", "2026-00-10", "26-01-01", "2026-1-01", "２026-01-01", "2026-08-01 "];
        for wrong in texts {
            assert_eq!(text(wrong, Form::Date, Form::Unix), None, "{wrong}");
        }
        let texts = [
            "2026-08-01",
            "2026-08-01T10:00",
            "2026-08-01T10:00:00",
            "2026-08-01T24:00:00Z",
            "2026-08-01T23:59:60Z",
            "2026-08-01T10:00:00.Z",
            "2026-08-01T10:00:00+0200",
            "2026-08-01T10:00:00é",
            "2026-08-01é10:00:00Z",
        ];
        for wrong in texts {
            assert_eq!(text(wrong, Form::DateTime, Form::Unix), None, "{wrong}");
        }
        for wrong in ["", "-", "1e3", "1.", ".5", "99999999999999999999", "999999999999999", "x"] {
            assert_eq!(convert(wrong, true, Form::Unix, Form::Unix), None, "{wrong}");
        }
        assert_eq!(convert("20260801", true, Form::Date, Form::Unix), None);
    }

    #[test]
    fn every_day_of_ten_thousand_years_comes_back() {
        let (first, last) = (days(0, 1, 1), days(9999, 12, 31));
        let mut before = (-1, 12, 31);
        for day in first..=last {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
            assert!((year, month, date) > before);
            before = (year, month, date);
        }
        assert_eq!(last - first + 1, 3_652_425);
    }
}
