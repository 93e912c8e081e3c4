//! Reading: the grammar, without recursion.

use super::numbers::Lexeme;
use super::strings::{self, Unsound};
use super::{At, Document, Kind, Token, duplicates};
use smallvec::SmallVec;

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is not JSON: grammar, UTF-8 or a raw control character.
    Json,
    /// It ends too early.
    Truncated,
    /// Something comes after the value.
    Trailing,
    /// Arrays and objects lie in each other too deep.
    Depth,
    /// An object repeats a name, in whatever spelling.
    Duplicate,
    /// It has more bytes than can be counted.
    Size,
}

impl Why {
    /// As docs/programs.md calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Truncated => "truncated",
            Self::Trailing => "trailing",
            Self::Depth => "depth",
            Self::Duplicate => "duplicate",
            Self::Size => "size",
        }
    }
}

/// A body that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Bytes before the place.
    pub offset: usize,
    /// What is wrong there.
    pub why: Why,
}

/// Read a whole body: RFC 8259 exactly, UTF-8 without a byte order mark, at most `depth` arrays and objects in each other, no
/// name twice in an object.
pub fn read(body: &[u8], depth: usize) -> Result<Document<'_>, ReadError> {
    if u32::try_from(body.len()).is_err() {
        return Err(ReadError { offset: u32::MAX as usize, why: Why::Size });
    }
    let text = std::str::from_utf8(body).map_err(|error| ReadError { offset: error.valid_up_to(), why: Why::Json })?;
    // Eight bytes to a token are usual; a list of digits grows four times.
    let document = Document { body: text, tokens: Vec::with_capacity(8 + body.len() / 8), unescaped: Vec::new() };
    let mut reader = Reader { bytes: body, at: 0, depth, document, open: SmallVec::new() };
    reader.whole()?;
    Ok(reader.document)
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    depth: usize,
    document: Document<'b>,
    /// The containers that are not closed yet: their tokens.
    open: SmallVec<[u32; 32]>,
}

impl Reader<'_> {
    fn whole(&mut self) -> Result<(), ReadError> {
        loop {
            self.value()?;
            // A value is there: what is closed or goes on after it?
            loop {
                let Some(&container) = self.open.last() else { return self.end() };
                match self.after_value(container)? {
                    Next::Value => break,
                    Next::Closed => {}
                }
            }
        }
    }

    /// One scalar, an empty container, or all that opens before the first scalar.
    fn value(&mut self) -> Result<(), ReadError> {
        loop {
            let start = self.at_token();
            match self.peek() {
                Some(b'"') => return self.string(),
                Some(b'{') => {
                    self.enter(Kind::Object, start)?;
                    self.at_token();
                    if self.peek() == Some(b'}') {
                        return self.leave();
                    }
                    self.name()?;
                }
                Some(b'[') => {
                    self.enter(Kind::Array, start)?;
                    self.at_token();
                    if self.peek() == Some(b']') {
                        return self.leave();
                    }
                }
                Some(b'-' | b'0'..=b'9') => return self.number(),
                Some(b't') => return self.literal("true", Kind::True),
                Some(b'f') => return self.literal("false", Kind::False),
                Some(b'n') => return self.literal("null", Kind::Null),
                _ => return Err(self.unsound(start)),
            }
            self.count();
        }
    }

    fn after_value(&mut self, container: u32) -> Result<Next, ReadError> {
        let at = self.at_token();
        let is_object = self.document.tokens[container as usize].kind == Kind::Object;
        match (self.peek(), is_object) {
            (Some(b','), true) => {
                self.at += 1;
                self.at_token();
                self.name()?;
            }
            (Some(b','), false) => self.at += 1,
            (Some(b'}'), true) | (Some(b']'), false) => {
                self.leave()?;
                return Ok(Next::Closed);
            }
            _ => return Err(self.unsound(at)),
        }
        self.count();
        Ok(Next::Value)
    }

    /// One member or item more of the innermost container.
    fn count(&mut self) {
        if let Some(&container) = self.open.last() {
            self.document.tokens[container as usize].end += 1;
        }
    }

    fn enter(&mut self, kind: Kind, start: usize) -> Result<(), ReadError> {
        if self.open.len() >= self.depth {
            return Err(ReadError { offset: start, why: Why::Depth });
        }
        self.open.push(self.document.tokens.len() as u32);
        self.push(kind, start, 0, 0);
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self) -> Result<(), ReadError> {
        self.at += 1;
        let container = self.open.pop().expect("only what was entered is left");
        let next = self.document.tokens.len() as u32;
        let token = &mut self.document.tokens[container as usize];
        token.link = next;
        let (kind, count) = (token.kind, token.end as usize);
        if kind == Kind::Object
            && count > 1
            && let Some(name) = duplicates::repeated(&self.document, At(container), count)
        {
            return Err(ReadError { offset: self.document.token(name).start as usize - 1, why: Why::Duplicate });
        }
        Ok(())
    }

    fn name(&mut self) -> Result<(), ReadError> {
        if self.peek() != Some(b'"') {
            return Err(self.unsound(self.at));
        }
        self.string()?;
        let colon = self.at_token();
        if self.peek() != Some(b':') {
            return Err(self.unsound(colon));
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn string(&mut self) -> Result<(), ReadError> {
        let start = self.at + 1;
        let scanned = strings::scan(&self.bytes[start..]).map_err(|unsound| match unsound {
            Unsound::Open => ReadError { offset: self.bytes.len(), why: Why::Truncated },
            Unsound::At(within) => ReadError { offset: start + within, why: Why::Json },
        })?;
        let end = start + scanned.length;
        if scanned.escaped {
            let link = self.keep_unescaped(start, end);
            self.push(Kind::Escaped, start, end, link);
        } else {
            self.push(Kind::Text, start, end, 0);
        }
        self.at = end + 1;
        Ok(())
    }

    fn keep_unescaped(&mut self, start: usize, end: usize) -> u32 {
        let unescaped = &mut self.document.unescaped;
        let link = unescaped.len();
        unescaped.extend([0; 4]);
        strings::unescape(&self.bytes[start..end], unescaped);
        let length = (unescaped.len() - link - 4) as u32;
        unescaped[link..link + 4].copy_from_slice(&length.to_le_bytes());
        link as u32
    }

    fn number(&mut self) -> Result<(), ReadError> {
        let start = self.at;
        match Lexeme::at_the_start_of(&self.bytes[start..]) {
            Ok(lexeme) => {
                self.at += lexeme.length;
                self.push(lexeme.kind, start, self.at, 0);
                Ok(())
            }
            Err(sound) => Err(self.unsound(start + sound)),
        }
    }

    fn literal(&mut self, word: &str, kind: Kind) -> Result<(), ReadError> {
        let start = self.at;
        let there = self.bytes[start..].iter().zip(word.bytes()).take_while(|(byte, wanted)| **byte == *wanted).count();
        if there < word.len() {
            return Err(self.unsound(start + there));
        }
        self.at += word.len();
        self.push(kind, start, self.at, 0);
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReadError> {
        match self.at_token() {
            at if at == self.bytes.len() => Ok(()),
            offset => Err(ReadError { offset, why: Why::Trailing }),
        }
    }

    /// What stands at this place is wrong, or nothing stands there any more.
    fn unsound(&self, offset: usize) -> ReadError {
        ReadError { offset, why: if offset == self.bytes.len() { Why::Truncated } else { Why::Json } }
    }

    #[inline]
    fn push(&mut self, kind: Kind, start: usize, end: usize, link: u32) {
        self.document.tokens.push(Token { kind, start: start as u32, end: end as u32, link });
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Skip white space. Returns where the next token begins.
    #[inline]
    fn at_token(&mut self) -> usize {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        self.at
    }
}

enum Next {
    /// Another value is to come.
    Value,
    /// A container was closed, which is a value too.
    Closed,
}
