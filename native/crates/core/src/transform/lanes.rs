//! Sixteen bytes of a text, looked at together: each question is answered with a bit for each byte, the first lowest. Every
//! processor of ours has instructions for that, and `wide` has them without unsafe code of ours.

#![allow(clippy::inline_always, reason = "each is a few instructions within a loop")]

use wide::u8x16;

/// How many bytes are looked at.
pub(super) const WIDTH: usize = 16;

/// That many bytes, mostly the first of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes(u8x16);

impl Lanes {
    #[inline(always)]
    pub(super) fn new(bytes: [u8; WIDTH]) -> Self {
        Self(u8x16::new(bytes))
    }

    /// None: there are not so many.
    #[inline(always)]
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        text.first_chunk().copied().map(Self::new)
    }

    /// What ends a run of a string's plain characters: quotes, backslashes and control characters.
    #[inline(always)]
    pub(super) fn special(self) -> u32 {
        (self.equal(b'"') | self.equal(b'\\') | self.at_most(0x1f)).to_bitmask()
    }

    /// As `special`, and what is no ASCII.
    #[inline(always)]
    pub(super) fn special_or_wide(self) -> u32 {
        self.special() | self.0.to_bitmask()
    }

    /// Decimal digits.
    #[inline(always)]
    pub(super) fn digits(self) -> u32 {
        Self(self.0 - u8x16::splat(b'0')).at_most(9).to_bitmask()
    }

    /// Where both have the same byte.
    #[inline(always)]
    pub(super) fn same(self, other: Self) -> u32 {
        self.0.simd_eq(other.0).to_bitmask()
    }

    #[inline(always)]
    fn equal(self, byte: u8) -> u8x16 {
        self.0.simd_eq(u8x16::splat(byte))
    }

    #[inline(always)]
    fn at_most(self, byte: u8) -> u8x16 {
        self.0.simd_eq(self.0.min(u8x16::splat(byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Lanes, WIDTH};

    #[test]
    fn each_byte_is_found_in_each_place() {
        for byte in u8::MIN..=u8::MAX {
            for place in 0..WIDTH {
                let bit = |is_found: bool| u32::from(is_found) << place;
                let (mut letters, mut digits) = ([b'a'; WIDTH], [b'7'; WIDTH]);
                (letters[place], digits[place]) = (byte, byte);
                let special = matches!(byte, b'"' | b'\\' | ..0x20);
                let (among_letters, among_digits) = (Lanes::of(&letters).unwrap(), Lanes::of(&digits).unwrap());
                assert_eq!(among_letters.special(), bit(special), "{byte}");
                assert_eq!(among_letters.special_or_wide(), bit(special || !byte.is_ascii()), "{byte}");
                assert_eq!(among_digits.digits(), 0xffff ^ bit(!byte.is_ascii_digit()), "{byte}");
            }
        }
        assert!(Lanes::of(&[b'a'; WIDTH - 1]).is_none());
    }
}
