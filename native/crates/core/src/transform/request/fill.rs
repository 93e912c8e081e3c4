//! What the backend is told and the partner does not say: constants, values of the caller, made values.

use super::rules::{Scalar, To};
use crate::credential::{Path, Source, Template};
use crate::ids::Id;
use crate::time::WallTime;
use crate::transform::answer::{Form, convert_moment};
use crate::transform::json::Lexeme;
use serde_json::Value;
use std::fmt;

/// What fills read.
pub struct Filling<'f> {
    /// Partner, application and key.
    pub values: &'f dyn Source,
    /// The time of the call.
    pub now: WallTime,
    /// 128 random bits for each value that is made of them.
    pub random: &'f mut dyn FnMut() -> u128,
}

/// A value that is missing or of another type than the backend wants: an operator's matter (`request_fill_failed`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FillFailed {
    /// For operators: a sentence with the names, without the value.
    pub why: String,
}

impl fmt::Display for FillFailed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.why)
    }
}

/// A VALUE of a program.
pub(super) enum Fill {
    /// JSON.
    Constant(Box<[u8]>),
    /// Values of the caller, as this type.
    Template(Template, To),
    Generate(Generate),
}

#[derive(Clone, Copy)]
pub(super) enum Generate {
    /// Version 4: nothing but random bits.
    Uuid,
    /// RFC 3339, UTC, with milliseconds.
    Now,
    /// Whole seconds.
    NowUnix,
}

impl Fill {
    /// What it reads of the caller.
    pub(super) fn read_of_callers(&self) -> Vec<&Path> {
        match self {
            Self::Template(template, _) => template.paths(),
            Self::Constant(_) | Self::Generate(_) => Vec::new(),
        }
    }

    /// Write the value as JSON. `name` is the backend's, for the error.
    pub(super) fn write(&self, name: &str, filling: &mut Filling<'_>, into: &mut Vec<u8>) -> Result<(), FillFailed> {
        match self {
            Self::Constant(json) => into.extend_from_slice(json),
            Self::Template(template, to) => into.extend(filled(template, *to, name, filling.values)?),
            Self::Generate(generate) => into.extend(generate.made(filling)),
        }
        Ok(())
    }
}

fn filled(template: &Template, to: To, name: &str, values: &dyn Source) -> Result<Vec<u8>, FillFailed> {
    let failed = |why: String| FillFailed { why: format!("the value for {name:?}{why}") };
    let value =
        template.fill(values).map_err(|path| failed(format!(" reads {{{}}}, which has no value here", path.text())))?;
    let lexeme = value.as_number().map(ToString::to_string).unwrap_or_default();
    let scalar = match &value {
        Value::Bool(boolean) => Some(Scalar::Boolean(*boolean)),
        Value::Number(_) => Lexeme::whole(&lexeme).map(|spelt| Scalar::Number(&lexeme, spelt.kind)),
        Value::String(text) => Some(Scalar::Text(text.as_bytes())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    scalar.and_then(|scalar| to.made(scalar)).ok_or_else(|| failed(format!(" is {}", to.is_not())))
}

impl Generate {
    fn made(self, filling: &mut Filling<'_>) -> Vec<u8> {
        let now = |form| {
            let milliseconds = filling.now.0.div_euclid(1000).to_string();
            convert_moment(&milliseconds, true, Form::UnixMs, form).unwrap_or(milliseconds).into_bytes()
        };
        match self {
            Self::Uuid => format!("\"{}\"", Id::version_4((filling.random)())).into_bytes(),
            Self::Now => now(Form::DateTime),
            Self::NowUnix => now(Form::Unix),
        }
    }
}
