//! What each byte may be part of, as a table: every byte of every head is looked up here.

/// RFC 9110, section 5.6.2.
const TOKEN: u8 = 1;
/// RFC 3986: pchar and slash.
const PATH: u8 = 2;
/// As `PATH`, and what else a query may hold.
const QUERY: u8 = 4;
/// A name or an IPv4 address: unreserved characters of RFC 3986.
const HOST: u8 = 8;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            table[byte] = TOKEN | PATH | QUERY | HOST;
        }
        byte += 1;
    }
    add(&mut table, b"!#$%&'*+-.^_`|~", TOKEN);
    add(&mut table, b"-._~!$&'()*+,;=:@%/", PATH | QUERY);
    add(&mut table, b"?[]", QUERY);
    add(&mut table, b"-._~", HOST);
    table
}

const fn add(table: &mut [u8; 256], bytes: &[u8], class: u8) {
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] |= class;
        at += 1;
    }
}

fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// Whether all bytes are of a class. Without leaving early: most are right to the end.
fn all_are(bytes: &[u8], class: u8) -> bool {
    bytes.iter().fold(class, |left, &byte| left & CLASSES[usize::from(byte)]) != 0
}

pub(super) fn is_token(byte: u8) -> bool {
    is(byte, TOKEN)
}

pub(super) fn is_path(bytes: &[u8]) -> bool {
    all_are(bytes, PATH)
}

pub(super) fn is_query(bytes: &[u8]) -> bool {
    all_are(bytes, QUERY)
}

pub(super) fn is_host_name(bytes: &[u8]) -> bool {
    all_are(bytes, HOST)
}

/// RFC 9110, section 5.5: visible characters, space, tab, obs-text.
pub(super) fn is_field_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0xff)
}

/// As `is_field_byte`, for all; in a form that the compiler turns into comparisons of 16 bytes at a time.
#[allow(clippy::needless_bitwise_bool, reason = "lazy operators are branches")]
pub(super) fn is_field_value(value: &[u8]) -> bool {
    value.iter().fold(true, |all, &byte| all & ((byte >= b' ') & (byte != 0x7f) | (byte == b'\t')))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The grammars as they stand in the RFCs, byte for byte.
    #[test]
    fn every_byte_is_what_the_grammars_say() {
        for byte in 0..=255_u8 {
            let word = byte.is_ascii_alphanumeric();
            assert_eq!(is_token(byte), word || b"!#$%&'*+-.^_`|~".contains(&byte), "{byte:#x}");
            let path = word || b"-._~!$&'()*+,;=:@%/".contains(&byte);
            assert_eq!(is_path(&[byte]), path, "{byte:#x}");
            assert_eq!(is_query(&[byte]), path || b"?[]".contains(&byte), "{byte:#x}");
            assert_eq!(is_host_name(&[byte]), word || b"-._~".contains(&byte), "{byte:#x}");
            assert_eq!(is_field_value(&[byte]), is_field_byte(byte), "{byte:#x}");
        }
        assert!(!is_path(b"/a b/") && is_path(b"/a/b") && is_path(b""));
        assert!(!is_field_value(b"a long value with a bell \x07 in it") && is_field_value(b"a long value without one"));
    }
}
