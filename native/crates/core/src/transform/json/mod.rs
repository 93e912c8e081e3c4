//! A whole JSON text, read strictly into a flat list of tokens (RFC 8259): no tree, no copies but of what was escaped.

mod canonical;
mod decimal;
mod duplicates;
mod numbers;
mod read;
mod strings;
#[cfg(test)]
mod tests;

pub use canonical::write_compact;
pub use decimal::{Decimal, Multiple};
pub use read::{ReadError, Why, read};
pub use strings::write_string;

pub(crate) use canonical::{identity_of, write_name};
pub(crate) use numbers::Lexeme;
pub(crate) use strings::{lossy, plain, scan, unescape};

use std::borrow::Cow;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true`.
    True,
    /// `false`.
    False,
    /// A number without fraction and exponent, or with a fraction of zeros only.
    Integer,
    /// Any other number.
    Number,
    /// A string as it stands.
    Text,
    /// A string with escapes; its content lies beside the body.
    Escaped,
    /// `[`; the items follow.
    Array,
    /// `{`; name, value, name, value follow.
    Object,
}

/// One value or name. Sixteen bytes, so that a body of nothing but digits and commas takes eight times its size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    kind: Kind,
    /// Where it begins in the body: a string after its quote.
    start: u32,
    /// Scalars: where it ends in the body, a string before its quote. Containers: how many members or items.
    end: u32,
    /// Containers: the token after the last of theirs. Escaped strings: where the content lies in `unescaped`.
    link: u32,
}

/// Deeper texts are nobody's; each level takes some stack of the thread that checks and writes it.
pub const DEEPEST: usize = 128;

/// Position of a token in its document. The root is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct At(u32);

/// The root of a document.
pub const ROOT: At = At(0);

/// A body that is JSON, without a repeated name in any of its objects.
#[derive(Debug)]
pub struct Document<'b> {
    body: &'b str,
    tokens: Vec<Token>,
    /// For each escaped string its length, four bytes little-endian, and its content. A lone surrogate is written as UTF-8
    /// would if it could (WTF-8), so that two of them differ.
    unescaped: Vec<u8>,
}

impl<'b> Document<'b> {
    #[inline]
    fn token(&self, at: At) -> Token {
        self.tokens[at.0 as usize]
    }

    /// What it is.
    #[inline]
    pub fn kind(&self, at: At) -> Kind {
        self.token(at).kind
    }

    /// How many members or items a container has.
    #[inline]
    pub fn count(&self, at: At) -> usize {
        self.token(at).end as usize
    }

    /// A scalar as it was received: numbers, literals, strings without their quotes.
    #[inline]
    pub fn verbatim(&self, at: At) -> &'b str {
        let token = self.token(at);
        &self.body[token.start as usize..token.end as usize]
    }

    /// A scalar as it was received, strings with their quotes.
    #[inline]
    pub(crate) fn lexeme(&self, at: At) -> &'b str {
        let token = self.token(at);
        let quote = usize::from(matches!(token.kind, Kind::Text | Kind::Escaped));
        &self.body[token.start as usize - quote..token.end as usize + quote]
    }

    /// The content of a string, unescaped; UTF-8 but for lone surrogates.
    #[inline]
    pub fn content(&self, at: At) -> &[u8] {
        let token = self.token(at);
        if token.kind == Kind::Escaped {
            return self.unescaped(token);
        }
        &self.body.as_bytes()[token.start as usize..token.end as usize]
    }

    /// The content of a string as text; a lone surrogate is U+FFFD in it.
    pub fn text(&self, at: At) -> Cow<'_, str> {
        let token = self.token(at);
        match token.kind {
            Kind::Escaped => strings::lossy(self.unescaped(token)),
            _ => Cow::Borrowed(&self.body[token.start as usize..token.end as usize]),
        }
    }

    fn unescaped(&self, token: Token) -> &[u8] {
        let from = token.link as usize;
        let (length, rest) = self.unescaped[from..].split_at(4);
        &rest[..u32::from_le_bytes(length.try_into().expect("four bytes")) as usize]
    }

    /// The token after this value and all that is in it.
    #[inline]
    fn after(&self, at: At) -> At {
        let token = self.token(at);
        match token.kind {
            Kind::Array | Kind::Object => At(token.link),
            _ => At(at.0 + 1),
        }
    }

    /// How many names and values there are.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens.len()
    }

    /// The items of an array.
    #[inline]
    pub fn items(&self, at: At) -> impl Iterator<Item = At> + use<'_, 'b> {
        let (mut next, end) = (At(at.0 + 1), self.after(at));
        std::iter::from_fn(move || {
            let item = (next != end).then_some(next)?;
            next = self.after(item);
            Some(item)
        })
    }

    /// The members of an object: name and value.
    #[inline]
    pub fn members(&self, at: At) -> impl Iterator<Item = (At, At)> + use<'_, 'b> {
        let (mut next, end) = (At(at.0 + 1), self.after(at));
        std::iter::from_fn(move || {
            let name = (next != end).then_some(next)?;
            let value = At(name.0 + 1);
            next = self.after(value);
            Some((name, value))
        })
    }

    /// The value of a member.
    pub fn member(&self, at: At, name: &[u8]) -> Option<At> {
        self.members(at).find(|(known, _)| self.content(*known) == name).map(|(_, value)| value)
    }
}
