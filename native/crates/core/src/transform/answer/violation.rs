//! What is wrong with an answer.

use std::fmt;

/// Bytes of a place; what is longer is cut.
const LONGEST_PLACE: usize = 256;

/// Why an answer can't be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Not JSON (RFC 8259): grammar, UTF-8 or raw control characters.
    Json,
    /// It ends before the value does.
    Truncated,
    /// Something comes after the value.
    Trailing,
    /// Arrays and objects lie too deep in each other.
    Depth,
    /// A type of value that may not stand here.
    Type,
    /// A listed member that came already.
    Duplicate,
    /// A member that is required did not come.
    Missing,
    /// An action can't be done with this value.
    Value,
    /// A hold, or a scalar that is read whole, is too large.
    Size,
}

impl Why {
    /// The word of docs/programs.md.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Truncated => "truncated",
            Self::Trailing => "trailing",
            Self::Depth => "depth",
            Self::Type => "type",
            Self::Duplicate => "duplicate",
            Self::Missing => "missing",
            Self::Value => "value",
            Self::Size => "size",
        }
    }
}

/// An answer breaks its contract. Nothing of what it says is in here, nor a name of the backend's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Bytes of the answer before what is wrong.
    pub offset: u64,
    /// What is wrong.
    pub why: Why,
    /// Where, as a JSON pointer in the partner's names; `*` stands for the key of a map. What is skipped has the place of
    /// the object that it is in.
    pub place: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at byte {} in {:?}", self.why.as_str(), self.offset, self.place)
    }
}

impl std::error::Error for Violation {}

/// A pointer that is being written, no longer than it may be.
#[derive(Default)]
pub(super) struct Place {
    text: String,
    full: bool,
}

impl Place {
    /// One step further in.
    pub(super) fn push(&mut self, name: &str) {
        if self.full {
            return;
        }
        let escaped = name.replace('~', "~0").replace('/', "~1");
        if self.text.len() + 1 + escaped.len() > LONGEST_PLACE - '…'.len_utf8() {
            self.text.push('…');
            self.full = true;
            return;
        }
        self.text.push('/');
        self.text.push_str(&escaped);
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// What the machine finds wrong; the place is told once it stops.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fail {
    /// Relative to the piece. Negative: what is wrong began in an earlier one.
    pub(super) at: isize,
    pub(super) why: Why,
}

impl Fail {
    pub(super) fn new(why: Why, at: usize) -> Self {
        Self { at: at as isize, why }
    }
}
