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

/// How many bytes stand before the first that `question` finds, which is none for letters.
#[inline(always)]
pub(super) fn before_first(text: &[u8], question: impl Fn(Lanes) -> u32) -> usize {
    let mut rest = text;
    while let Some((lanes, further)) = rest.split_first_chunk() {
        let found = question(Lanes::new(*lanes));
        if found != 0 {
            return text.len() - rest.len() + found.trailing_zeros() as usize;
        }
        rest = further;
    }
    let mut last = [b'a'; WIDTH];
    last[..rest.len()].copy_from_slice(rest);
    let found = question(Lanes::new(last)).trailing_zeros() as usize;
    text.len() - rest.len() + found.min(rest.len())
}

/// The longest `Word`.
pub(super) const LONGEST: usize = 2 * WIDTH;

/// A short text, all of whose bytes are compared together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    bytes: [Lanes; 2],
    /// A bit for each byte that counts.
    mask: u32,
    length: usize,
}

impl Word {
    /// None: it is too long.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let mut padded = [0; LONGEST];
        padded.get_mut(..text.len())?.copy_from_slice(text);
        let mask = u32::try_from((1_u64 << text.len()) - 1).expect("a bit for each of 32 bytes");
        Some(Self { bytes: halves(&padded), mask, length: text.len() })
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.length == other.length && self.same(other.bytes) == u32::MAX
    }

    /// What follows it, where it stands here. None also where fewer than `LONGEST` bytes are left.
    #[inline(always)]
    pub(super) fn after<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let is_same = self.same(halves(text.first_chunk()?)) & self.mask == self.mask;
        if is_same { text.get(self.length..) } else { None }
    }

    #[inline(always)]
    fn same(&self, bytes: [Lanes; 2]) -> u32 {
        bytes[0].same(self.bytes[0]) | (bytes[1].same(self.bytes[1]) << WIDTH)
    }
}

#[inline(always)]
fn halves(bytes: &[u8; LONGEST]) -> [Lanes; 2] {
    let (first, second) = (bytes.first_chunk(), bytes.last_chunk());
    [Lanes::new(*first.expect("it is half of them")), Lanes::new(*second.expect("it is half of them"))]
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Lanes, WIDTH, Word, before_first};

    #[test]
    fn the_first_of_a_text_of_any_length_is_found() {
        for length in 0..3 * WIDTH {
            let mut text = vec![b'a'; length];
            assert_eq!(before_first(&text, Lanes::special), length);
            for place in (0..length).rev() {
                text[place] = b'"';
                assert_eq!(before_first(&text, Lanes::special), place, "of {length}");
            }
        }
    }

    #[test]
    fn a_word_is_found_where_it_stands_and_nowhere_else() {
        let text = [b'x'; 2 * LONGEST];
        for length in 0..=LONGEST {
            let word = Word::of(&text[..length]).unwrap();
            assert_eq!(word.after(&text), Some(&text[length..]));
            assert_eq!(word.after(&text[..LONGEST - 1]), None);
            for place in 0..LONGEST {
                let mut other = text;
                other[place] = b'y';
                assert_eq!(word.after(&other).is_none(), place < length, "{length} {place}");
                assert_eq!(word.is(&Word::of(&other[..length]).unwrap()), place >= length);
            }
            assert!(length == 0 || !word.is(&Word::of(&text[1..length]).unwrap()));
        }
        assert!(Word::of(&text[..=LONGEST]).is_none());
    }

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
