//! Percent-encoding (RFC 3986, section 2.1).

use std::borrow::Cow;

/// What a text means. In queries a plus is a space, as in forms (WHATWG URL, section 5.1). What is no encoding stands for itself.
pub fn decoded(text: &str, is_query: bool) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|&byte| byte == b'%' || (is_query && byte == b'+')) {
        return Cow::Borrowed(bytes);
    }
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let hex = |digit: Option<&u8>| char::from(*digit?).to_digit(16);
        match (byte, hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high << 4 | low) as u8);
                at += 2;
            }
            (b'+', ..) if is_query => plain.push(b' '),
            _ => plain.push(byte),
        }
        at += 1;
    }
    Cow::Owned(plain)
}

/// A text, all but its unreserved characters (section 2.3) encoded.
pub(super) fn encoded(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    push_encoded(text, &mut written);
    written
}

/// Add a text, all but its unreserved characters (section 2.3) encoded.
pub(super) fn push_encoded(text: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}
