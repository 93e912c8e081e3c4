//! What becomes of a value that has passed its rules.

use super::Scalar;
use super::number::{self, Bound};
use crate::transform::answer::{Form, convert_moment};
use crate::transform::json::{Kind, Lexeme, write_string};
use crate::transform::request::problems::{Broken, Code};
use std::borrow::Cow;

/// What is written.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Replaced<'r> {
    /// The value as it was received.
    Same,
    /// Other JSON.
    Json(Cow<'r, [u8]>),
    /// `null`.
    Null,
    /// Nothing: the member or item is left out.
    Omit,
}

#[derive(Default)]
pub(in super::super) enum Action {
    #[default]
    None,
    Map(MapAction),
    To(To),
    Date {
        from: Form,
        to: Form,
    },
}

/// A number, and the JSON that is written for it.
type NumberPair = (Bound, Box<[u8]>);
/// A string's content, and the JSON that is written for it.
type TextPair = (Box<[u8]>, Box<[u8]>);

/// Values for values; what it says of other types is not asked here.
pub(in super::super) struct MapAction {
    /// For false and true.
    pub(in super::super) booleans: [Option<Box<[u8]>>; 2],
    pub(in super::super) numbers: Vec<NumberPair>,
    /// Sorted by the value.
    pub(in super::super) texts: Vec<TextPair>,
    pub(in super::super) otherwise: Otherwise,
}

/// What becomes of a value that a map does not have.
#[derive(Clone, Copy)]
pub(in super::super) enum Otherwise {
    Fail,
    Copy,
    Null,
    Omit,
}

/// The type that a value is made.
#[derive(Clone, Copy)]
pub(in super::super) enum To {
    String,
    Number,
    Integer,
    Boolean,
}

impl Action {
    /// How many numbers a number is compared with.
    #[inline]
    pub(super) fn values(&self) -> usize {
        match self {
            Self::Map(map) => map.numbers.len(),
            Self::None | Self::To(_) | Self::Date { .. } => 0,
        }
    }

    #[inline]
    pub(super) fn apply(&self, value: Scalar<'_>) -> Result<Replaced<'_>, Broken> {
        match self {
            Self::None => Ok(Replaced::Same),
            Self::Map(map) => map.apply(value),
            Self::To(to) => to.apply(value),
            Self::Date { from, to } => match converted(value, *from, *to) {
                Some(json) => Ok(Replaced::Json(Cow::Owned(json.into_bytes()))),
                None => Err(Broken::new(Code::Format, sentence_of(*from))),
            },
        }
    }
}

impl MapAction {
    fn apply(&self, value: Scalar<'_>) -> Result<Replaced<'_>, Broken> {
        if let Some(json) = self.find(value) {
            return Ok(Replaced::Json(Cow::Borrowed(json)));
        }
        match self.otherwise {
            Otherwise::Fail => Err(Broken::new(Code::Enum, "Must be one of the values that are listed for it.")),
            Otherwise::Copy => Ok(Replaced::Same),
            Otherwise::Null => Ok(Replaced::Null),
            Otherwise::Omit => Ok(Replaced::Omit),
        }
    }

    fn find(&self, value: Scalar<'_>) -> Option<&[u8]> {
        match value {
            Scalar::Null => None,
            Scalar::Boolean(boolean) => self.booleans[usize::from(boolean)].as_deref(),
            Scalar::Number(lexeme, _) => {
                let wanted = number::Value::of(lexeme);
                let same = |(known, _): &&NumberPair| known.compare(&wanted).is_eq();
                self.numbers.iter().find(same).map(|(_, json)| &**json)
            }
            Scalar::Text(content) => {
                let index = self.texts.binary_search_by(|(known, _)| (**known).cmp(content)).ok()?;
                Some(&self.texts[index].1)
            }
        }
    }
}

impl To {
    fn apply(self, value: Scalar<'_>) -> Result<Replaced<'static>, Broken> {
        match self.made(value) {
            Some(json) => Ok(Replaced::Json(Cow::Owned(json))),
            None => Err(Broken::new(Code::Format, self.sentence())),
        }
    }

    /// JSON of this type that says the same; None where there is none.
    pub(in super::super) fn made(self, value: Scalar<'_>) -> Option<Vec<u8>> {
        match (self, value) {
            (Self::String, Scalar::Text(content)) => Some(quoted(content)),
            (Self::String, Scalar::Number(lexeme, _)) => Some(quoted(lexeme.as_bytes())),
            (Self::String, Scalar::Boolean(boolean)) => Some(quoted(boolean.to_string().as_bytes())),
            (Self::Number | Self::Integer, Scalar::Text(content)) => {
                let text = std::str::from_utf8(content).ok()?;
                self.number(text, Lexeme::whole(text)?.kind)
            }
            (Self::Number | Self::Integer, Scalar::Number(lexeme, kind)) => self.number(lexeme, kind),
            (Self::Boolean, Scalar::Text(b"true") | Scalar::Number("1", _) | Scalar::Boolean(true)) => {
                Some(b"true".to_vec())
            }
            (Self::Boolean, Scalar::Text(b"false") | Scalar::Number("0", _) | Scalar::Boolean(false)) => {
                Some(b"false".to_vec())
            }
            _ => None,
        }
    }

    /// As it is spelt; an integer without its fraction of zeros.
    fn number(self, lexeme: &str, kind: Kind) -> Option<Vec<u8>> {
        match (self, kind) {
            (Self::Integer, Kind::Integer) => Some(lexeme.split('.').next()?.into()),
            (Self::Integer, _) => None,
            _ => Some(lexeme.into()),
        }
    }

    /// What a value is not that can't be made this, for operators.
    pub(in super::super) const fn is_not(self) -> &'static str {
        match self {
            Self::String => "no text",
            Self::Number => "no number",
            Self::Integer => "no whole number",
            Self::Boolean => "neither true nor false",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::String => "Must be a value that can be written as text.",
            Self::Number => "Must be a string that holds a number, as JSON spells it.",
            Self::Integer => "Must be a string that holds a whole number, as JSON spells it.",
            Self::Boolean => "Must be \"true\" or \"false\", or 1 or 0.",
        }
    }
}

fn quoted(content: &[u8]) -> Vec<u8> {
    let mut json = Vec::with_capacity(content.len() + 2);
    write_string(content, &mut json);
    json
}

/// A moment in its other form.
fn converted(value: Scalar<'_>, from: Form, to: Form) -> Option<String> {
    match value {
        Scalar::Text(content) => convert_moment(std::str::from_utf8(content).ok()?, false, from, to),
        Scalar::Number(lexeme, _) => convert_moment(lexeme, true, from, to),
        Scalar::Null | Scalar::Boolean(_) => None,
    }
}

fn sentence_of(form: Form) -> &'static str {
    match form {
        Form::Date => "Must be a date like 2026-11-26.",
        Form::DateTime => "Must be a time like 2026-11-26T15:37:12Z (RFC 3339).",
        Form::Unix => "Must be seconds since 1970.",
        Form::UnixMs => "Must be milliseconds since 1970.",
    }
}
