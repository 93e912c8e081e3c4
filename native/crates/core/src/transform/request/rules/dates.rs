//! Dates and times (RFC 3339), read and written in another form.

use super::Scalar;
use crate::transform::json::Kind;

const DAY_SECONDS: i64 = 86_400;
/// From the year 1 to 9999; what lies outside has no form here.
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_300_799;

/// How a moment is spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Form {
    /// `2026-11-26`: the day in UTC.
    Date,
    /// `2026-11-26T15:37:12Z`.
    DateTime,
    /// Whole seconds since 1970.
    Unix,
    /// Whole milliseconds since 1970.
    UnixMs,
}

/// Seconds since 1970, and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Moment {
    seconds: i64,
    nanoseconds: u32,
}

/// A value in one form as JSON in the other. None where it is not of the one.
pub(super) fn converted(value: Scalar<'_>, from: Form, to: Form) -> Option<Vec<u8>> {
    Some(from.read(value)?.written(to))
}

impl Form {
    fn read(self, value: Scalar<'_>) -> Option<Moment> {
        match (self, value) {
            (Self::Date, Scalar::Text(content)) => {
                let days = date(std::str::from_utf8(content).ok()?)?;
                Some(Moment { seconds: days * DAY_SECONDS, nanoseconds: 0 })
            }
            (Self::DateTime, Scalar::Text(content)) => date_time(std::str::from_utf8(content).ok()?),
            (Self::Unix, Scalar::Number(lexeme, Kind::Integer)) => Moment::of(whole(lexeme)?, 0),
            (Self::UnixMs, Scalar::Number(lexeme, Kind::Integer)) => {
                let milliseconds = whole(lexeme)?;
                Moment::of(milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000) as u32 * 1_000_000)
            }
            _ => None,
        }
    }

    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Date => "Must be a date like 2026-11-26.",
            Self::DateTime => "Must be a time like 2026-11-26T15:37:12Z (RFC 3339).",
            Self::Unix => "Must be whole seconds since 1970.",
            Self::UnixMs => "Must be whole milliseconds since 1970.",
        }
    }
}

fn whole(lexeme: &str) -> Option<i64> {
    lexeme.split('.').next()?.parse().ok()
}

impl Moment {
    fn of(seconds: i64, nanoseconds: u32) -> Option<Self> {
        (FIRST_SECOND..=LAST_SECOND).contains(&seconds).then_some(Self { seconds, nanoseconds })
    }

    /// Of microseconds since 1970.
    pub(in super::super) fn of_microseconds(microseconds: i64) -> Self {
        let nanoseconds = microseconds.rem_euclid(1_000_000) as u32 * 1000;
        Self { seconds: microseconds.div_euclid(1_000_000), nanoseconds }
    }

    /// JSON of this moment in a form.
    pub(in super::super) fn written(self, form: Form) -> Vec<u8> {
        match form {
            Form::Date => format!("\"{}\"", self.day()),
            Form::DateTime => format!("\"{}\"", self.text()),
            Form::Unix => self.seconds.to_string(),
            Form::UnixMs => (self.seconds * 1000 + i64::from(self.nanoseconds / 1_000_000)).to_string(),
        }
        .into_bytes()
    }

    fn day(self) -> String {
        let (year, month, day) = civil(self.seconds.div_euclid(DAY_SECONDS));
        format!("{year:04}-{month:02}-{day:02}")
    }

    fn text(self) -> String {
        let second = self.seconds.rem_euclid(DAY_SECONDS);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let mut text = format!("{}T{hour:02}:{minute:02}:{second:02}", self.day());
        if self.nanoseconds > 0 {
            text.push_str(format!(".{:09}", self.nanoseconds).trim_end_matches('0'));
        }
        text.push('Z');
        text
    }
}

/// `2026-11-26`, as days since 1970.
pub(super) fn date(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..])?);
    let in_calendar = year > 0 && (1..=12).contains(&month) && day >= 1 && day <= days_of(year, month);
    in_calendar.then(|| days_since_1970(year, month, day))
}

/// `2026-11-26T15:37:12.5+01:00`. A leap second is the second after it.
pub(super) fn date_time(text: &str) -> Option<Moment> {
    let day = date(text.get(..10)?)?;
    let rest = text[10..].strip_prefix(['T', 't', ' '])?;
    let time = time(rest)?;
    Moment::of(day * DAY_SECONDS + time.second_of_day - time.offset_seconds?, time.nanoseconds)
}

/// A time of day.
pub(super) struct Time {
    second_of_day: i64,
    nanoseconds: u32,
    /// None: it does not say where.
    offset_seconds: Option<i64>,
}

/// `15:37:12.5+01:00`.
pub(super) fn time(text: &str) -> Option<Time> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[2] != b':' || bytes[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (digits(&bytes[..2])?, digits(&bytes[3..5])?, digits(&bytes[6..8])?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanoseconds, rest) = fraction(&bytes[8..])?;
    let offset_seconds = match rest {
        [] => None,
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), offset @ ..] => Some(offset_of(*sign, offset)?),
        _ => return None,
    };
    Some(Time { second_of_day: hour * 3600 + minute * 60 + second, nanoseconds, offset_seconds })
}

/// `.5` as nanoseconds, digits after the ninth dropped; and what comes after.
fn fraction(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let Some(rest) = bytes.strip_prefix(b".") else {
        return Some((0, bytes));
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let nine = rest[..length].iter().chain([&b'0'; 9]).take(9);
    let nanoseconds = nine.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    (length > 0).then_some((nanoseconds, &rest[length..]))
}

fn offset_of(sign: u8, bytes: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2] = *bytes else { return None };
    let (hours, minutes) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
    let seconds = hours * 3600 + minutes * 60;
    (hours < 24 && minutes < 60).then_some(if sign == b'-' { -seconds } else { seconds })
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |sum, &byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a day of the Gregorian calendar: years begin in March, so that the leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The other way round.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}
