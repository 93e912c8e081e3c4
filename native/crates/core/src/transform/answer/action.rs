//! What is made of scalars. Each is read whole before.

use super::dates;
use super::text::unescaped;
use super::urls::Urls;
use super::wire::{ActionMembers, Form, Otherwise, To};
use crate::transform::json::{self, Lexeme};
use hashbrown::HashMap;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A scalar that has an action is at most so long as it is written, quotes included.
pub(super) const LONGEST_SCALAR: usize = 8_192;

/// The type of a scalar's lexeme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Integer,
    Number,
    String,
}

#[derive(Debug)]
pub(super) enum Action {
    /// The strings that it knows as they are meant, numbers and booleans as they are written.
    Map {
        strings: Table,
        others: Table,
        otherwise: Otherwise,
    },
    To(To),
    Date {
        from: Form,
        to: Form,
    },
    Url(usize),
}

/// What is written for a value.
type Table = HashMap<Box<str>, Box<[u8]>>;

/// What is written in a scalar's place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome<'a> {
    Write(Cow<'a, [u8]>),
    Null,
    Omit,
    Fail,
}

impl Action {
    /// The error says what is wrong; it does not say where.
    pub(super) fn compile(body: &ActionMembers<'_>, kind: Kind, urls: usize) -> Result<Self, String> {
        let ActionMembers { map, otherwise, to, date, url } = body;
        let many = [map.is_some(), to.is_some(), date.is_some(), url.is_some()];
        if many.iter().filter(|has| **has).count() != 1 {
            return Err("an action is one of map, to, date and url".to_owned());
        }
        if map.is_some() != otherwise.is_some() {
            return Err("otherwise belongs to map, and map needs it".to_owned());
        }
        if let (Some(map), Some(otherwise)) = (map, *otherwise) {
            let (strings, others) = tables(map)?;
            return Ok(Self::Map { strings, others, otherwise });
        }
        match (to, date, url) {
            (Some(to), ..) => Ok(Self::To(*to)),
            (_, Some(date), _) if kind == Kind::Boolean => {
                Err(format!("a boolean is no moment in the form {:?}", date.from))
            }
            (_, Some(date), _) => Ok(Self::Date { from: date.from, to: date.to }),
            (.., Some(url)) if kind != Kind::String => Err(format!("urls[{url}] is for strings")),
            (.., Some(url)) if *url >= urls => Err(format!("urls has no entry {url}")),
            (.., Some(url)) => Ok(Self::Url(*url)),
            (None, None, None) => unreachable!("one of them is there"),
        }
    }

    /// What becomes of this lexeme, which is complete and right. `base` is what addresses begin with.
    pub(super) fn apply<'a>(&'a self, lexeme: &'a [u8], kind: Kind, urls: &[Urls], base: &str) -> Outcome<'a> {
        let content = match kind {
            Kind::String => unescaped(&lexeme[1..lexeme.len() - 1]),
            _ => std::str::from_utf8(lexeme).ok().map(Cow::Borrowed),
        };
        match self {
            Self::Map { strings, others, otherwise } => {
                let known = if kind == Kind::String { strings } else { others };
                match content.and_then(|content| known.get(&*content)) {
                    Some(value) => Outcome::Write(Cow::Borrowed(value)),
                    None => otherwise.outcome(lexeme),
                }
            }
            Self::To(to) => convert(*to, lexeme, content.as_deref(), kind),
            Self::Date { from, to } => content
                .and_then(|content| dates::convert(&content, kind != Kind::String, *from, *to))
                .map_or(Outcome::Fail, |text| Outcome::Write(Cow::Owned(text.into_bytes()))),
            Self::Url(index) => {
                let urls = &urls[*index];
                match content.and_then(|content| urls.rewrite(&content, base)) {
                    Some(address) => Outcome::Write(Cow::Owned(quoted(&address))),
                    None => urls.otherwise.outcome(lexeme),
                }
            }
        }
    }

    /// What becomes of a value that is too long to be read whole. `Copy`: it is copied, without being read whole.
    pub(super) fn beyond(&self, urls: &[Urls]) -> Otherwise {
        match self {
            Self::Map { otherwise, .. } => *otherwise,
            Self::Url(index) => urls[*index].otherwise,
            Self::To(_) | Self::Date { .. } => Otherwise::Fail,
        }
    }
}

impl Otherwise {
    fn outcome(self, lexeme: &[u8]) -> Outcome<'_> {
        match self {
            Self::Fail => Outcome::Fail,
            Self::Copy => Outcome::Write(Cow::Borrowed(lexeme)),
            Self::Null => Outcome::Null,
            Self::Omit => Outcome::Omit,
        }
    }
}

fn tables(pairs: &[(&RawValue, &RawValue)]) -> Result<(Table, Table), String> {
    let (mut strings, mut others) = (Table::new(), Table::new());
    for (from, to) in pairs {
        let before = match serde_json::from_str(from.get()).map_err(|error| error.to_string())? {
            serde_json::Value::String(text) => strings.insert(text.into(), compact(to)),
            serde_json::Value::Number(_) | serde_json::Value::Bool(_) => others.insert(from.get().into(), compact(to)),
            _ => return Err(format!("map knows strings, numbers and booleans, not {from}")),
        };
        if before.is_some() {
            return Err(format!("map has the value {from} twice"));
        }
    }
    Ok((strings, others))
}

fn convert<'a>(to: To, lexeme: &'a [u8], content: Option<&str>, kind: Kind) -> Outcome<'a> {
    let bytes = |bytes: &[u8]| Outcome::Write(Cow::Owned(bytes.to_vec()));
    match (to, kind) {
        (To::String, Kind::String)
        | (To::Number, Kind::Number | Kind::Integer)
        | (To::Integer, Kind::Integer)
        | (To::Boolean, Kind::Boolean) => Outcome::Write(Cow::Borrowed(lexeme)),
        (To::String, _) => Outcome::Write(Cow::Owned([b"\"", lexeme, b"\""].concat())),
        (To::Number | To::Integer, Kind::String) => {
            let kind = content.and_then(Lexeme::whole).map(|number| number.kind);
            match (content, kind) {
                (Some(text), Some(kind)) if to == To::Number || kind == json::Kind::Integer => bytes(text.as_bytes()),
                _ => Outcome::Fail,
            }
        }
        (To::Boolean, Kind::String) => match content {
            Some(text @ ("true" | "false")) => bytes(text.as_bytes()),
            _ => Outcome::Fail,
        },
        (To::Boolean, Kind::Integer) => match lexeme {
            b"0" => bytes(b"false"),
            b"1" => bytes(b"true"),
            _ => Outcome::Fail,
        },
        (To::Number | To::Integer, Kind::Boolean) | (To::Integer | To::Boolean, Kind::Number) => Outcome::Fail,
    }
}

/// JSON without white space, its scalars as they were written.
pub(super) fn compact(value: &RawValue) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(value.get().len());
    let (mut in_text, mut escaped) = (false, false);
    for &byte in value.get().as_bytes() {
        if in_text || !byte.is_ascii_whitespace() {
            bytes.push(byte);
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            _ => {}
        }
    }
    bytes.into()
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> Vec<u8> {
    serde_json::to_vec(text).expect("a string is written to memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(json: &str, kind: Kind) -> Result<Action, String> {
        Action::compile(&serde_json::from_str::<ActionMembers<'_>>(json).map_err(|error| error.to_string())?, kind, 0)
    }

    fn applied(json: &str, lexeme: &str, kind: Kind) -> String {
        match action(json, kind).unwrap().apply(lexeme.as_bytes(), kind, &[], "") {
            Outcome::Write(bytes) => String::from_utf8(bytes.into_owned()).unwrap(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_map_compares_what_is_meant() {
        let map = r#"{"map": [["draft", "NEW"], [1, {"a": [1.10, "b c"]}], [true, null]], "otherwise": "copy"}"#;
        assert_eq!(applied(map, r#""draft""#, Kind::String), r#""NEW""#);
        assert_eq!(applied(map, r#""\u0064raft""#, Kind::String), r#""NEW""#);
        assert_eq!(applied(map, "1", Kind::Integer), r#"{"a":[1.10,"b c"]}"#);
        assert_eq!(applied(map, "true", Kind::Boolean), "null");
        for (other, kind) in [(r#""1""#, Kind::String), ("1.0", Kind::Number), (r#""\ud800""#, Kind::String)] {
            assert_eq!(applied(map, other, kind), other);
        }
        for (otherwise, outcome) in [("fail", "Fail"), ("null", "Null"), ("omit", "Omit")] {
            let map = format!(r#"{{"map": [], "otherwise": "{otherwise}"}}"#);
            assert_eq!(applied(&map, "7", Kind::Integer), outcome);
        }
    }

    #[test]
    fn a_type_becomes_another_without_a_digit_lost() {
        let cases = [
            ("string", "1.10", Kind::Number, "\"1.10\""),
            ("string", "true", Kind::Boolean, "\"true\""),
            ("string", r#""a\nb""#, Kind::String, r#""a\nb""#),
            ("number", r#""1e400""#, Kind::String, "1e400"),
            ("number", r#""\u0031""#, Kind::String, "1"),
            ("number", r#""0x1""#, Kind::String, "Fail"),
            ("number", r#"" 1""#, Kind::String, "Fail"),
            ("number", "true", Kind::Boolean, "Fail"),
            ("integer", r#""1234567890123456789""#, Kind::String, "1234567890123456789"),
            ("integer", r#""1.5""#, Kind::String, "Fail"),
            ("integer", "1.5", Kind::Number, "Fail"),
            ("boolean", r#""false""#, Kind::String, "false"),
            ("boolean", "1", Kind::Integer, "true"),
            ("boolean", "2", Kind::Integer, "Fail"),
            ("boolean", r#""yes""#, Kind::String, "Fail"),
        ];
        for (to, lexeme, kind, expected) in cases {
            assert_eq!(applied(&format!(r#"{{"to": "{to}"}}"#), lexeme, kind), expected, "{to} {lexeme}");
        }
    }

    #[test]
    fn an_action_that_can_do_nothing_is_refused() {
        for (json, kind) in [
            ("{}", Kind::String),
            (r#"{"to": "string", "url": 0}"#, Kind::String),
            (r#"{"map": []}"#, Kind::String),
            (r#"{"to": "string", "otherwise": "null"}"#, Kind::String),
            (r#"{"map": [["a", 1], ["\u0061", 2]], "otherwise": "null"}"#, Kind::String),
            (r#"{"map": [[null, 1]], "otherwise": "null"}"#, Kind::String),
            (r#"{"url": 0}"#, Kind::String),
            (r#"{"date": {"from": "date", "to": "unix"}}"#, Kind::Boolean),
            (r#"{"to": "text"}"#, Kind::String),
            (r#"{"to": "string", "more": 1}"#, Kind::String),
        ] {
            assert!(action(json, kind).is_err(), "{json}");
        }
    }
}
