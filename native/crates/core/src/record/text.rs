//! A short text of bounded size, held in place.

use std::fmt;

/// At most `N` (≤ 255) bytes of visible ASCII and spaces.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// No text.
    pub const EMPTY: Self = Self { length: 0, bytes: [0; N] };

    /// Keep the first `N` bytes; what is not visible ASCII becomes `?`, so that no control byte reaches a log or terminal.
    pub fn cut(received: &[u8]) -> Self {
        let mut text = Self::EMPTY;
        for (kept, &byte) in text.bytes.iter_mut().zip(received) {
            *kept = if matches!(byte, b' '..=b'~') { byte } else { b'?' };
        }
        text.length = received.len().min(N).min(usize::from(u8::MAX)) as u8;
        text
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_and_freed_of_control_bytes() {
        assert_eq!(Text::<4>::cut(b"abcdef").as_str(), "abcd");
        assert_eq!(Text::<16>::cut(b"a\x1b[31m\xff\n").as_str(), "a?[31m??");
        assert_eq!(Text::<4>::cut(b""), Text::EMPTY);
    }
}
