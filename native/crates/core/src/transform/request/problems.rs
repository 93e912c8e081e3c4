//! What is wrong with a request: all of it, up to a bound, without a word of what it said.

use std::borrow::Cow;

/// More are not told.
pub const MOST: usize = 20;

/// Longer names are not repeated: the pointer then ends at the object that has them.
const LONGEST_NAME: usize = 128;
/// Nor do pointers grow longer than this: they too end at a place above.
const LONGEST_POINTER: usize = 512;

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The body; a pointer says where in it.
    Body,
    /// A parameter of the path.
    Path,
    /// A parameter of the query.
    Query,
    /// A header.
    Header,
}

impl Place {
    /// As problems call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

/// What kind of rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "docs/programs.md lists them")]
pub enum Code {
    Type,
    Required,
    Unknown,
    Enum,
    Range,
    Length,
    Pattern,
    Format,
    Duplicate,
    Items,
    Depth,
    OneOf,
}

impl Code {
    /// As problems call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Required => "required",
            Self::Unknown => "unknown",
            Self::Enum => "enum",
            Self::Range => "range",
            Self::Length => "length",
            Self::Pattern => "pattern",
            Self::Format => "format",
            Self::Duplicate => "duplicate",
            Self::Items => "items",
            Self::Depth => "depth",
            Self::OneOf => "one_of",
        }
    }
}

/// A broken rule: its kind, and a sentence for the partner that quotes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its kind.
    pub code: Code,
    /// What the rule asks for.
    pub detail: Cow<'static, str>,
}

impl Broken {
    pub(super) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// A broken rule and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Which part of the request.
    pub place: Place,
    /// Bodies: a pointer (RFC 6901) in the partner's names. Parameters: the name.
    pub at: String,
    /// What.
    pub broken: Broken,
}

/// All that is wrong with a request.
#[derive(Debug, Default)]
pub struct Errors {
    found: Vec<FieldError>,
}

impl Errors {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether no more are taken.
    pub fn is_full(&self) -> bool {
        self.found.len() >= MOST
    }

    /// In the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &FieldError> {
        self.found.iter()
    }

    pub(super) fn push(&mut self, place: Place, at: String, broken: Broken) {
        if !self.is_full() {
            self.found.push(FieldError { place, at, broken });
        }
    }

    /// The `errors` of a problem document: JSON.
    pub fn json(&self) -> String {
        let list: Vec<serde_json::Value> = self.found.iter().map(FieldError::document).collect();
        serde_json::Value::Array(list).to_string()
    }
}

impl FieldError {
    fn document(&self) -> serde_json::Value {
        let at = if self.place == Place::Body { "pointer" } else { "name" };
        serde_json::json!({"in": self.place.word(), at: self.at, "code": self.broken.code.word(), "detail": self.broken.detail})
    }
}

/// One step of a pointer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'s> {
    Name(&'s [u8]),
    Index(usize),
}

/// Write steps as a pointer (RFC 6901). It ends above a name that is too long to be repeated.
pub(super) fn pointer(steps: &[Step<'_>]) -> String {
    let mut pointer = String::new();
    for step in steps {
        let before = pointer.len();
        pointer.push('/');
        match step {
            Step::Index(index) => pointer.push_str(itoa::Buffer::new().format(*index)),
            Step::Name(name) if name.len() > LONGEST_NAME => {
                pointer.truncate(before);
                return pointer;
            }
            Step::Name(name) => push_escaped(&String::from_utf8_lossy(name), &mut pointer),
        }
        if pointer.len() > LONGEST_POINTER {
            pointer.truncate(before);
            return pointer;
        }
    }
    pointer
}

fn push_escaped(name: &str, into: &mut String) {
    for character in name.chars() {
        match character {
            '~' => into.push_str("~0"),
            '/' => into.push_str("~1"),
            other => into.push(other),
        }
    }
}
