//! The tokens of JSON (RFC 8259): found and checked in a piece, which may end in the middle of one.

use super::violation::{Fail, Why};
use crate::transform::json;
use crate::transform::lanes::{Lanes, WIDTH, before_first};
use std::borrow::Cow;

/// Where the reading of a string's content stopped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    /// Of the closing quote; else where an escape or a letter begins that the piece does not have whole, or its end.
    pub(super) at: usize,
    pub(super) closed: bool,
    /// Whether there are escapes before.
    pub(super) escaped: bool,
}

/// The part of a string that begins at `at`, up to its closing quote.
#[inline(always)]
pub(super) fn text(input: &[u8], at: usize) -> Result<Stop, Fail> {
    let end = ascii_run(input, at);
    if input.get(end) == Some(&b'"') {
        return Ok(Stop { at: end, closed: true, escaped: false });
    }
    text_further(input, end)
}

/// As `text`, from something else than plain ASCII.
pub(super) fn text_further(input: &[u8], from: usize) -> Result<Stop, Fail> {
    let (mut at, mut escaped) = (from, false);
    loop {
        let (end, wide) = plain_run(input, at);
        if wide && let Err(error) = std::str::from_utf8(&input[at..end]) {
            let valid = at + error.valid_up_to();
            return match error.error_len() {
                None if end == input.len() => Ok(Stop { at: valid, closed: false, escaped }),
                _ => Err(Fail::new(Why::Json, valid)),
            };
        }
        match input.get(end) {
            None => return Ok(Stop { at: end, closed: false, escaped }),
            Some(b'"') => return Ok(Stop { at: end, closed: true, escaped }),
            Some(b'\\') => match escape(&input[end..]) {
                Atom::Whole(length) => at = end + length,
                Atom::Unfinished => return Ok(Stop { at: end, closed: false, escaped: true }),
                Atom::Wrong => return Err(Fail::new(Why::Json, end)),
            },
            Some(_) => return Err(Fail::new(Why::Json, end)),
        }
        escaped = true;
    }
}

/// Where the first byte is that is a quote, a backslash, a control character or no ASCII, or the end.
#[inline(always)]
fn ascii_run(input: &[u8], from: usize) -> usize {
    from + plain(input.get(from..).unwrap_or_default())
}

/// How many bytes there are before the first that is a quote, a backslash, a control character or no ASCII.
#[inline(always)]
pub(super) fn plain(text: &[u8]) -> usize {
    // Most are short.
    match Lanes::of(text).map(Lanes::special_or_wide) {
        Some(0) => WIDTH + plain_further(&text[WIDTH..]),
        None => plain_further(text),
        Some(found) => found.trailing_zeros() as usize,
    }
}

/// As `plain`, of what is long, or of the last bytes of a piece.
#[inline(never)]
fn plain_further(text: &[u8]) -> usize {
    before_first(text, Lanes::special_or_wide)
}

/// Where the first quote, backslash or control character is, or the end; and whether there's more than ASCII before it.
#[inline(always)]
fn plain_run(input: &[u8], from: usize) -> (usize, bool) {
    let end = from + json::plain(&input[from..]);
    (end, !input[from..end].is_ascii())
}

/// How many decimal digits there are.
#[inline(always)]
pub(super) fn digits(text: &[u8]) -> usize {
    let among_first = Lanes::of(text).map_or(0, |lanes| lanes.digits().trailing_ones() as usize);
    if (1..WIDTH).contains(&among_first) {
        return among_first;
    }
    among_first + text[among_first..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// An escape or a letter of several bytes, as far as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Atom {
    /// So many bytes.
    Whole(usize),
    Unfinished,
    Wrong,
}

/// The longest: `\uXXXX`.
pub(super) const LONGEST_ATOM: usize = 6;

/// What begins at a string's byte that is no ASCII letter of its own, or at a backslash.
pub(super) fn atom(bytes: &[u8]) -> Atom {
    if bytes[0] == b'\\' {
        return escape(bytes);
    }
    match std::str::from_utf8(bytes) {
        Ok(letter) => Atom::Whole(letter.len()),
        Err(error) if error.error_len().is_none() => Atom::Unfinished,
        Err(_) => Atom::Wrong,
    }
}

fn escape(bytes: &[u8]) -> Atom {
    match bytes.get(1) {
        None => Atom::Unfinished,
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Atom::Whole(2),
        Some(b'u') => {
            let digits = &bytes[2..bytes.len().min(LONGEST_ATOM)];
            match digits.iter().all(u8::is_ascii_hexdigit) {
                true if digits.len() == 4 => Atom::Whole(LONGEST_ATOM),
                true => Atom::Unfinished,
                false => Atom::Wrong,
            }
        }
        Some(_) => Atom::Wrong,
    }
}

/// The content of a string that was checked, as it is meant. None: a lone surrogate is in it, which no text can have.
pub(super) fn unescaped(content: &[u8]) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'\\', content).is_none() {
        return std::str::from_utf8(content).ok().map(Cow::Borrowed);
    }
    let mut meant = Vec::with_capacity(content.len());
    json::unescape(content, &mut meant);
    String::from_utf8(meant).ok().map(Cow::Owned)
}

/// A number as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    part: Part,
    /// Neither an exponent, nor a fraction but of zeros.
    pub(super) whole: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Start,
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Mark,
    Sign,
    Exponent,
}

impl Number {
    pub(super) const START: Self = Self { part: Part::Start, whole: true };

    /// Whether it may end here.
    pub(super) fn is_complete(self) -> bool {
        matches!(self.part, Part::Zero | Part::Digits | Part::Fraction | Part::Exponent)
    }

    /// Take what belongs to it from `at` on. Returns where that ends.
    #[inline(always)]
    pub(super) fn take(&mut self, input: &[u8], from: usize) -> usize {
        let mut at = from;
        loop {
            if matches!(self.part, Part::Digits | Part::Exponent) {
                while input.get(at).is_some_and(u8::is_ascii_digit) {
                    at += 1;
                }
            }
            let Some(&byte) = input.get(at) else { return at };
            self.part = match (byte, self.part) {
                (b'-', Part::Start) => Part::Minus,
                (b'0', Part::Start | Part::Minus) => Part::Zero,
                (b'1'..=b'9', Part::Start | Part::Minus) => Part::Digits,
                (b'.', Part::Zero | Part::Digits) => Part::Point,
                (b'0'..=b'9', Part::Point | Part::Fraction) => {
                    self.whole &= byte == b'0';
                    Part::Fraction
                }
                (b'e' | b'E', Part::Zero | Part::Digits | Part::Fraction) => {
                    self.whole = false;
                    Part::Mark
                }
                (b'+' | b'-', Part::Mark) => Part::Sign,
                (b'0'..=b'9', Part::Mark | Part::Sign) => Part::Exponent,
                _ => return at,
            };
            at += 1;
        }
    }
}

/// `true`, `false` or `null`, by its first byte.
pub(super) const fn literal(first: u8) -> Option<&'static [u8]> {
    match first {
        b't' => Some(b"true"),
        b'f' => Some(b"false"),
        b'n' => Some(b"null"),
        _ => None,
    }
}

/// Past white space.
#[inline(always)]
pub(super) fn past_space(input: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = input.get(at) {
        at += 1;
    }
    at
}
