//! Values as they are computed with. What only passes stays as it was received.

use super::evaluate::Failed;
use super::program::{As, Result as Declared, Scalar};
use crate::transform::json::{At, Decimal, Document, Kind, write_string};
use std::borrow::Cow;

#[derive(Clone, Debug)]
pub(super) enum Value<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'v, str>),
    List(Vec<Value<'v>>),
    /// As it was received, of a kind that fits.
    Raw(&'v Document<'v>, At, As),
}

impl<'v> Value<'v> {
    /// A value of the input. Null stays null, whatever it is read as.
    pub(super) fn read(document: &'v Document<'v>, at: At, kind: As) -> Result<Self, Failed> {
        let found = document.kind(at);
        let fits = match kind {
            As::Int => found == Kind::Integer,
            As::Double => matches!(found, Kind::Integer | Kind::Number),
            As::Text => matches!(found, Kind::Text | Kind::Escaped),
            As::Bool => matches!(found, Kind::True | Kind::False),
            As::Any => matches!(found, Kind::Array | Kind::Object),
        };
        match found {
            Kind::Null => Ok(Self::Null),
            _ if fits => Ok(Self::Raw(document, at, kind)),
            _ => Err(Failed::Type),
        }
    }

    /// The value itself, of what was received; lists and objects stay.
    pub(super) fn own(self) -> Result<Self, Failed> {
        let Self::Raw(document, at, kind) = self else { return Ok(self) };
        Ok(match kind {
            As::Int => Self::Int(whole(document.verbatim(at)).ok_or(Failed::Value)?),
            As::Double => Self::Double(exact(document.verbatim(at)).ok_or(Failed::Value)?),
            As::Bool => Self::Bool(document.kind(at) == Kind::True),
            // A lone surrogate is no character.
            As::Text => {
                Self::Text(Cow::Borrowed(std::str::from_utf8(document.content(at)).map_err(|_| Failed::Value)?))
            }
            As::Any => self,
        })
    }

    /// Write a result that is what was declared. A list ends early where there are more than `most` bytes in `out`.
    pub(super) fn write(&self, declared: Declared, most: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        match self {
            Self::Null if declared.null => out.extend_from_slice(b"null"),
            Self::List(items) if declared.list => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    separate(index, most, out)?;
                    match item {
                        Self::Raw(document, at, As::Any) => {
                            Value::read(document, *at, declared.read_as())?.write(item_of(declared), most, out)?;
                        }
                        _ => item.write(item_of(declared), most, out)?,
                    }
                }
                out.push(b']');
            }
            Self::Raw(document, at, As::Any) if declared.list && document.kind(*at) == Kind::Array => {
                out.push(b'[');
                for (index, item) in document.items(*at).enumerate() {
                    separate(index, most, out)?;
                    Value::read(document, item, declared.read_as())?.write(item_of(declared), most, out)?;
                }
                out.push(b']');
            }
            _ if declared.list => return Err(Failed::Type),
            Self::Raw(document, at, kind) => match (declared.scalar, kind) {
                (Scalar::Text, As::Text)
                | (Scalar::Integer | Scalar::Number, As::Int)
                | (Scalar::Number, As::Double)
                | (Scalar::Bool, As::Bool) => out.extend_from_slice(document.lexeme(*at).as_bytes()),
                _ => return Err(Failed::Type),
            },
            Self::Bool(value) if declared.scalar == Scalar::Bool => {
                out.extend_from_slice(if *value { b"true" } else { b"false" });
            }
            Self::Int(value) if matches!(declared.scalar, Scalar::Integer | Scalar::Number) => {
                out.extend_from_slice(value.to_string().as_bytes());
            }
            Self::Double(value) if declared.scalar == Scalar::Number && value.is_finite() => {
                out.extend_from_slice(shortest(*value).as_bytes());
            }
            Self::Double(_) if declared.scalar == Scalar::Number => return Err(Failed::Value),
            Self::Text(text) if declared.scalar == Scalar::Text => write_string(text.as_bytes(), out),
            _ => return Err(Failed::Type),
        }
        Ok(())
    }
}

fn separate(index: usize, most: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
    if out.len() > most {
        return Err(Failed::Size);
    }
    if index > 0 {
        out.push(b',');
    }
    Ok(())
}

fn item_of(declared: Declared) -> Declared {
    Declared { list: false, null: false, ..declared }
}

/// A whole number in 64 bits; `1.0` is one too.
pub(super) fn whole(lexeme: &str) -> Option<i64> {
    lexeme.split('.').next()?.parse().ok()
}

/// Digits of a double that tell it from its neighbours, at most.
const MOST_DIGITS: usize = 17;

/// The double that stands for a number, where it is written as that number again.
pub(super) fn exact(lexeme: &str) -> Option<f64> {
    let decimal = Decimal::of(lexeme);
    if decimal.is_zero() {
        return Some(if lexeme.starts_with('-') { -0.0 } else { 0.0 });
    }
    // Of more digits no double is written; and the nearest of a few hundred is looked for a thousand times as long.
    let short = if lexeme.len() > MOST_DIGITS { Some(decimal.within(MOST_DIGITS)?) } else { None };
    let value: f64 = short.as_deref().unwrap_or(lexeme).parse().ok().filter(|value: &f64| value.is_finite())?;
    let again = serde_json::to_string(&value).ok()?;
    Decimal::of(&again).compare(&decimal).is_eq().then_some(value)
}

/// A finite double with as few digits as tell it from its neighbours; without a fraction where it has none.
pub(super) fn shortest(value: f64) -> String {
    // The standard library takes a hundred times as long for some; and of two that are as near it takes the larger, where
    // most others take the even one: what they wrote would not be written again.
    let Ok(text) = serde_json::to_string(&value) else { unreachable!("a double can be written") };
    let decimal = Decimal::of(&text);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    format!("{sign}{}", decimal.unsigned())
}
