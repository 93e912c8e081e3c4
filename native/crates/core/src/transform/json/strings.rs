//! Strings: where they end, what they say, how they are written (RFC 8259, section 7).

use crate::transform::lanes::{Lanes, before_first};
use std::borrow::Cow;

/// Where a string ends.
pub(crate) struct Scanned {
    /// How many bytes stand before the quote that ends it.
    pub(crate) length: usize,
    /// Whether there is a backslash among them.
    pub(crate) escaped: bool,
}

/// Why a string is none.
pub(crate) enum Unsound {
    /// It does not end.
    Open,
    /// A raw control character or a wrong escape, so many bytes after its beginning.
    At(usize),
}

/// Find the end of the string whose content `bytes` begin with.
#[inline]
pub(crate) fn scan(bytes: &[u8]) -> Result<Scanned, Unsound> {
    let (mut at, mut escaped) = (0, false);
    loop {
        at += plain(&bytes[at..]);
        match bytes.get(at) {
            Some(b'"') => return Ok(Scanned { length: at, escaped }),
            Some(b'\\') => {
                escaped = true;
                at += escape_length(&bytes[at..]).map_err(|unsound| match unsound {
                    Unsound::At(within) => Unsound::At(at + within),
                    Unsound::Open => Unsound::Open,
                })?;
            }
            Some(_) => return Err(Unsound::At(at)),
            None => return Err(Unsound::Open),
        }
    }
}

/// How many bytes are neither quote, backslash nor control character.
#[inline]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    before_first(bytes, Lanes::special)
}

/// The length of the escape that `bytes` begin with.
fn escape_length(bytes: &[u8]) -> Result<usize, Unsound> {
    match bytes.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => {
            let sound = bytes[2..].iter().take(4).take_while(|byte| byte.is_ascii_hexdigit()).count();
            match (sound, bytes.len()) {
                (4, _) => Ok(6),
                (sound, length) if length == 2 + sound => Err(Unsound::Open),
                (sound, _) => Err(Unsound::At(2 + sound)),
            }
        }
        Some(_) => Err(Unsound::At(1)),
        None => Err(Unsound::Open),
    }
}

/// Write what a sound string says. A lone surrogate is written as WTF-8.
pub(crate) fn unescape(raw: &[u8], into: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(mark) = memchr::memchr(b'\\', rest) {
        into.extend_from_slice(&rest[..mark]);
        let (escape, mut length) = (rest[mark + 1], 2);
        match escape {
            b'b' => into.push(0x08),
            b'f' => into.push(0x0c),
            b'n' => into.push(b'\n'),
            b'r' => into.push(b'\r'),
            b't' => into.push(b'\t'),
            b'u' => length = unescape_unit(&rest[mark..], into),
            other => into.push(other),
        }
        rest = &rest[mark + length..];
    }
    into.extend_from_slice(rest);
}

/// `\uXXXX`, or two of them that make a pair. Returns their length.
fn unescape_unit(bytes: &[u8], into: &mut Vec<u8>) -> usize {
    let first = unit(bytes).expect("the scan has seen four digits");
    if (0xd800..0xdc00).contains(&first)
        && let Some(second @ 0xdc00..0xe000) = bytes.get(6..).and_then(unit)
    {
        push_code_point(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), into);
        return 12;
    }
    push_code_point(first, into);
    6
}

fn unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(..6)?.strip_prefix(b"\\u")?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn push_code_point(code: u32, into: &mut Vec<u8>) {
    match char::from_u32(code) {
        Some(character) => into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => into.extend([0xed, 0x80 | (code >> 6 & 0x3f) as u8, 0x80 | (code & 0x3f) as u8]),
    }
}

/// Text, with U+FFFD where a lone surrogate is.
pub(crate) fn lossy(content: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(content) {
        return Cow::Borrowed(text);
    }
    let mut bytes = content.to_vec();
    for at in 0..bytes.len().saturating_sub(2) {
        if bytes[at] == 0xed && bytes[at + 1] >= 0xa0 {
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
    }
    Cow::Owned(String::from_utf8(bytes).expect("nothing but surrogates is no UTF-8 in it"))
}

/// Write a string canonically: only what must be escaped is. `content` is UTF-8 but for lone surrogates.
pub fn write_string(content: &[u8], into: &mut Vec<u8>) {
    into.push(b'"');
    let mut rest = content;
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || matches!(byte, b'"' | b'\\' | 0xed)) {
        into.extend_from_slice(&rest[..at]);
        let taken = write_special(&rest[at..], into);
        rest = &rest[at + taken..];
    }
    into.extend_from_slice(rest);
    into.push(b'"');
}

fn write_special(bytes: &[u8], into: &mut Vec<u8>) -> usize {
    match *bytes {
        [0xed, second @ 0xa0..=0xbf, third, ..] => {
            let code = 0xd000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f);
            into.extend_from_slice(format!("\\u{code:04x}").as_bytes());
            return 3;
        }
        [byte @ (b'"' | b'\\'), ..] => into.extend([b'\\', byte]),
        [b'\n', ..] => into.extend(b"\\n"),
        [b'\r', ..] => into.extend(b"\\r"),
        [b'\t', ..] => into.extend(b"\\t"),
        [byte @ ..0x20, ..] => into.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        [byte, ..] => into.push(byte),
        [] => return 0,
    }
    1
}
