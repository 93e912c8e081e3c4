//! The grammar of numbers (RFC 8259, section 6).

use super::Kind;

/// A number as it is spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lexeme {
    /// `Integer` or `Number`.
    pub(crate) kind: Kind,
    /// How many bytes it takes.
    pub(crate) length: usize,
}

impl Lexeme {
    /// The number that `bytes` begin with. The error is how many bytes of them are sound.
    #[inline]
    pub(crate) fn at_the_start_of(bytes: &[u8]) -> Result<Self, usize> {
        let sign = usize::from(bytes.first() == Some(&b'-'));
        let whole = digits(&bytes[sign..]);
        if whole == 0 || (whole > 1 && bytes[sign] == b'0') {
            // After a leading zero nothing but the end, a fraction or an exponent may come.
            return Err(sign + usize::from(whole > 1));
        }
        let mut length = sign + whole;
        let mut kind = Kind::Integer;
        if bytes.get(length) == Some(&b'.') {
            let fraction = digits(&bytes[length + 1..]);
            if fraction == 0 {
                return Err(length + 1);
            }
            if bytes[length + 1..=length + fraction].iter().any(|&digit| digit != b'0') {
                kind = Kind::Number;
            }
            length += 1 + fraction;
        }
        if matches!(bytes.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            let exponent = digits(&bytes[length + 1 + sign..]);
            if exponent == 0 {
                return Err(length + 1 + sign);
            }
            kind = Kind::Number;
            length += 1 + sign + exponent;
        }
        Ok(Self { kind, length })
    }

    /// A text that is a number and nothing else.
    pub(crate) fn whole(text: &str) -> Option<Self> {
        Self::at_the_start_of(text.as_bytes()).ok().filter(|lexeme| lexeme.length == text.len())
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}
