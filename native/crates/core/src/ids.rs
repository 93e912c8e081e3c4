//! Identifiers and their text forms (docs/wire.md, section 1).

use std::fmt;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A UUID of 16 bytes. All zeros mean "none" in records.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// No id.
    pub const NONE: Self = Self([0; 16]);

    /// Read lower- or upper-case hyphenated text; None when it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 36 {
            return None;
        }
        let mut id = [0_u8; 16];
        let mut digits = 0;
        for (position, &byte) in bytes.iter().enumerate() {
            if matches!(position, 8 | 13 | 18 | 23) {
                if byte != b'-' {
                    return None;
                }
                continue;
            }
            let value = (byte as char).to_digit(16)? as u8;
            id[digits / 2] = (id[digits / 2] << 4) | value;
            digits += 1;
        }
        Some(Self(id))
    }

    /// A version 7 UUID (RFC 9562, section 5.7) of this millisecond and these random bits.
    pub fn version_7(milliseconds: u64, random: [u8; 10]) -> Self {
        let mut id = [0_u8; 16];
        id[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
        id[6..].copy_from_slice(&random);
        id[6] = 0x70 | (id[6] & 0x0f);
        id[8] = 0x80 | (id[8] & 0x3f);
        Self(id)
    }

    /// A version 4 UUID (RFC 9562, section 5.4) of these random bits.
    pub fn version_4(random: u128) -> Self {
        let mut id = random.to_be_bytes();
        id[6] = 0x40 | (id[6] & 0x0f);
        id[8] = 0x80 | (id[8] & 0x3f);
        Self(id)
    }

    /// Whether this is no id.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The 36 characters of the text form, without allocating.
    pub fn text(self) -> [u8; 36] {
        let mut text = [b'-'; 36];
        for (bytes, at) in [(0..4, 0), (4..6, 9), (6..8, 14), (8..10, 19), (10..16, 24)] {
            write_hex(&self.0[bytes], &mut text[at..]);
        }
        text
    }
}

/// Write each byte as two lower-case hexadecimal digits. `text` has room for them.
pub fn write_hex(bytes: &[u8], text: &mut [u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(std::str::from_utf8(&self.text()).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The public id of an API key: ten base62 characters.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kid(pub [u8; 10]);

impl Kid {
    /// No key.
    pub const NONE: Self = Self([0; 10]);

    /// Read ten base62 characters.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let kid: [u8; 10] = text.try_into().ok()?;
        kid.iter().all(u8::is_ascii_alphanumeric).then_some(Self(kid))
    }

    /// The text form, or None for "no key".
    pub fn as_str(&self) -> Option<&str> {
        if self.0[0] == 0 { None } else { std::str::from_utf8(&self.0).ok() }
    }
}

impl fmt::Debug for Kid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str().unwrap_or("-"))
    }
}

/// Six base62 digits of a CRC-32, most significant first.
pub fn base62_crc(crc: u32) -> [u8; 6] {
    let mut text = [b'0'; 6];
    let mut rest = crc;
    for digit in text.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_of_an_id_agree() {
        let id = Id::version_7(0x0199_a1b2_c3d4, [0xff; 10]);
        assert_eq!(id.to_string(), "0199a1b2-c3d4-7fff-bfff-ffffffffffff");
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        assert_eq!(Id::parse("0199a1b2-c3d4-7fff-bfff-fffffffffff"), None);
        assert_eq!(Id::parse("0199a1b2xc3d4-7fff-bfff-ffffffffffff"), None);
    }

    #[test]
    fn a_crc_has_six_digits_whatever_its_size() {
        assert_eq!(&base62_crc(0), b"000000");
        assert_eq!(&base62_crc(61), b"00000z");
        assert_eq!(&base62_crc(u32::MAX), b"4gfFC3");
    }
}
