//! Numbers by their value, exactly: no float is made of any, and `1e999999999` costs no more than its twelve characters.

use std::cmp::Ordering;

/// Exponents beyond are held for this: no bound of a program is near it.
const FARTHEST: i64 = 1_000_000_000_000_000_000;

/// A number as 0.d1d2d3… × 10^magnitude, in the digits of its lexeme.
#[derive(Clone, Copy, Debug)]
pub struct Decimal<'n> {
    negative: bool,
    /// Digits without leading zeros, before the point and after it; both empty: zero.
    whole: &'n [u8],
    fraction: &'n [u8],
    magnitude: i64,
    /// As it is spelt, where its exponent is too far to be told from others.
    beyond: Option<&'n str>,
}

impl<'n> Decimal<'n> {
    /// Of a lexeme that the grammar has passed.
    pub fn of(lexeme: &'n str) -> Self {
        let (negative, unsigned) = lexeme.strip_prefix('-').map_or((false, lexeme), |rest| (true, rest));
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('0').as_bytes();
        let fraction = fraction.trim_end_matches('0').as_bytes();
        let exponent = bounded(exponent);
        let zeros = fraction.iter().take_while(|&&digit| digit == b'0').count();
        let (whole, fraction, shift) = match (whole, fraction) {
            ([], fraction) => (whole, &fraction[zeros..], -(zeros as i64)),
            (_, []) => (without_trailing_zeros(whole), fraction, whole.len() as i64),
            _ => (whole, fraction, whole.len() as i64),
        };
        let is_zero = whole.is_empty() && fraction.is_empty();
        Self {
            negative: negative && !is_zero,
            whole,
            fraction,
            magnitude: if is_zero { 0 } else { exponent + shift },
            beyond: (!is_zero && exponent.abs() == FARTHEST).then_some(unsigned),
        }
    }

    /// Whether it is zero, in whatever spelling.
    pub fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    fn digits(&self) -> impl Iterator<Item = u8> + use<'n> {
        self.whole.iter().chain(self.fraction).copied()
    }

    fn length(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    fn compare_sizes(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Digits without trailing zeros: the shorter of two with one beginning is the smaller.
            (false, false) => self.magnitude.cmp(&other.magnitude).then_with(|| self.digits().cmp(other.digits())),
        }
    }

    /// Compare values.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.compare_sizes(other),
            (true, true) => other.compare_sizes(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }

    /// The number in at most so many digits, and an exponent; None: it has more.
    pub(crate) fn within(&self, most: usize) -> Option<String> {
        let (sign, length) = (if self.negative { "-" } else { "" }, self.length());
        (length <= most).then(|| format!("{sign}{}e{}", self.text(), self.magnitude - length as i64))
    }

    /// Without a sign: as people write it from a ten millionth on, and up to a one with twenty zeros; else with an exponent.
    pub(crate) fn unsigned(&self) -> String {
        let (digits, magnitude) = (self.text(), self.magnitude);
        let zeros = |count: i64| "0".repeat(count as usize);
        match (digits.len() as i64, magnitude) {
            (0, _) => "0".to_owned(),
            (_, -6..=0) => format!("0.{}{digits}", zeros(-magnitude)),
            (length, 1..=21) if length <= magnitude => digits + &zeros(magnitude - length),
            (_, 1..=21) => {
                let (whole, fraction) = digits.split_at(magnitude as usize);
                format!("{whole}.{fraction}")
            }
            (1, _) => format!("{digits}e{}", magnitude - 1),
            _ => {
                let (first, rest) = digits.split_at(1);
                format!("{first}.{rest}e{}", magnitude - 1)
            }
        }
    }

    fn text(&self) -> String {
        self.digits().map(char::from).collect()
    }

    /// Bytes that equal numbers share, and only they.
    pub(crate) fn identity_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.identity(&mut bytes);
        bytes
    }

    /// The same, written behind others.
    pub(super) fn identity(&self, into: &mut Vec<u8>) {
        into.push(if self.negative { b'-' } else { b'+' });
        into.extend_from_slice(&self.magnitude.to_le_bytes());
        into.extend_from_slice(&(self.length() as u32).to_le_bytes());
        into.extend(self.digits());
        if let Some(lexeme) = self.beyond {
            into.extend_from_slice(&(lexeme.len() as u32).to_le_bytes());
            into.extend_from_slice(lexeme.as_bytes());
        }
    }
}

fn bounded(exponent: &str) -> i64 {
    let (negative, digits) = match exponent.as_bytes() {
        [b'-', ..] => (true, &exponent[1..]),
        [b'+', ..] => (false, &exponent[1..]),
        _ => (false, exponent),
    };
    let size = digits.parse().unwrap_or(FARTHEST).min(FARTHEST);
    if negative { -size } else { size }
}

fn without_trailing_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().rev().take_while(|&&digit| digit == b'0').count();
    &digits[..digits.len() - zeros]
}

/// What numbers must be multiples of: `factor` × 10^`exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multiple {
    factor: u64,
    exponent: i64,
}

impl Multiple {
    /// Of a lexeme above zero with at most 18 significant digits.
    pub fn of(lexeme: &str) -> Option<Self> {
        let decimal = Decimal::of(lexeme);
        if decimal.negative || decimal.is_zero() || decimal.length() > 18 || decimal.beyond.is_some() {
            return None;
        }
        let factor = decimal.digits().fold(0, |sum: u64, digit| sum * 10 + u64::from(digit - b'0'));
        Some(Self { factor, exponent: decimal.magnitude - decimal.length() as i64 })
    }

    /// Whether a number is a multiple, exactly. One pass over its digits, and some sixty steps for its exponent.
    pub fn divides(&self, number: &Decimal<'_>) -> bool {
        if number.is_zero() {
            return true;
        }
        // The number is n × 10^e with an n that does not end in zero: below our exponent it can't be a multiple.
        let Ok(shift) = u64::try_from(number.magnitude - number.length() as i64 - self.exponent) else {
            return false;
        };
        // A factor has at most 18 digits: ten times a rest of it is still a u64.
        let rest = number.digits().fold(0, |rest, digit| (rest * 10 + u64::from(digit - b'0')) % self.factor);
        let modulus = u128::from(self.factor);
        rest == 0 || (u128::from(rest) * power_of_ten(shift, modulus)).is_multiple_of(modulus)
    }
}

/// 10^`exponent` modulo `modulus`, which has 60 bits.
fn power_of_ten(mut exponent: u64, modulus: u128) -> u128 {
    let (mut power, mut base) = (1 % modulus, 10 % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = power * base % modulus;
        }
        base = base * base % modulus;
        exponent >>= 1;
    }
    power
}
