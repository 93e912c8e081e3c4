//! Rules for single values: what a partner may send, and what becomes of it.

mod action;
mod dates;
mod format;
mod names;
mod number;
mod pattern;
#[cfg(test)]
mod tests;
mod text;

pub(super) use action::{Action, MapAction, Otherwise, Replaced, To};
pub(super) use format::Format;
pub(super) use names::counted;
pub(super) use number::{BooleanRule, Bound, NumberRule};
pub(super) use pattern::Patterns;
pub(super) use text::TextRule;

use super::effort::Effort;
use super::problems::{Broken, Code};
use super::program::Typed;
use crate::transform::json::Kind;

/// A value that is no array and no object.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar<'v> {
    Null,
    Boolean(bool),
    /// A lexeme, `Integer` or `Number`.
    Number(&'v str, Kind),
    /// Unescaped; UTF-8 but for lone surrogates.
    Text(&'v [u8]),
}

impl Typed {
    /// Hold a value against its rules, and see what is written for it.
    #[inline]
    pub(super) fn scalar(&self, value: Scalar<'_>, effort: &Effort) -> Result<Replaced<'_>, Broken> {
        let written = match value {
            Scalar::Null if self.null => Some(Ok(Replaced::Same)),
            Scalar::Null => None,
            Scalar::Boolean(boolean) => self.boolean.as_ref().map(|rule| rule.hold(boolean)),
            Scalar::Number(lexeme, kind) => self.rule_of(kind).map(|rule| rule.hold(lexeme, kind, effort)),
            Scalar::Text(content) => self.string.as_ref().map(|rule| rule.hold(content, effort)),
        };
        written.unwrap_or_else(|| Err(self.wrong_type()))
    }

    /// Whether a value of this type may stand here, by its type.
    pub(super) fn takes(&self, kind: Kind) -> bool {
        match kind {
            Kind::Null => self.null,
            Kind::True | Kind::False => self.boolean.is_some(),
            Kind::Integer => self.integer.is_some() || self.number.is_some(),
            Kind::Number => self.number.is_some(),
            Kind::Text | Kind::Escaped => self.string.is_some(),
            Kind::Array => self.array.is_some(),
            Kind::Object => self.object.is_some(),
        }
    }

    /// What is written for a value that has passed.
    #[inline]
    pub(super) fn written(&self, value: Scalar<'_>) -> Replaced<'_> {
        let action = match value {
            Scalar::Null => None,
            Scalar::Boolean(_) => self.boolean.as_ref().map(|rule| &rule.action),
            Scalar::Number(_, kind) => self.rule_of(kind).map(|rule| &rule.action),
            Scalar::Text(_) => self.string.as_ref().map(|rule| &rule.action),
        };
        action.and_then(|action| action.apply(value).ok()).unwrap_or(Replaced::Same)
    }

    /// An integer is held against `integer` where there is one.
    #[inline]
    pub(super) fn rule_of(&self, kind: Kind) -> Option<&NumberRule> {
        match kind {
            Kind::Integer => self.integer.as_ref().or(self.number.as_ref()),
            _ => self.number.as_ref(),
        }
    }

    /// The value's type is none of those that may stand here.
    pub(super) fn wrong_type(&self) -> Broken {
        let types = [
            (self.string.is_some(), "a string"),
            (self.number.is_some(), "a number"),
            (self.integer.is_some() && self.number.is_none(), "an integer"),
            (self.boolean.is_some(), "true or false"),
            (self.array.is_some(), "an array"),
            (self.object.is_some(), "an object"),
            (self.null, "null"),
        ];
        let allowed: Vec<&str> =
            types.into_iter().filter_map(|(is_allowed, name)| is_allowed.then_some(name)).collect();
        Broken::new(Code::Type, format!("Must be {}.", names::listed(&allowed)))
    }
}
