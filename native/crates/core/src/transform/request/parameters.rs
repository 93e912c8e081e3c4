//! Parameters of path, query and headers: read as texts, held against their nodes, written canonically.

use super::effort::Effort;
use super::fill::{Fill, FillFailed, Filling};
use super::problems::{Broken, Code, Errors, Place};
use super::program::{Node, Program, Typed};
use super::rules::{Replaced, Scalar};
use crate::transform::json::{self, Kind, Lexeme, ROOT};
use crate::transform::percent::{self, encoded, push_encoded};
use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;

/// Longer names are not repeated in errors.
const LONGEST_NAME: usize = 128;

/// What a request says beside its body.
pub struct Received<'r> {
    /// The parameters of the partner's path template, in order.
    pub path_names: &'r [&'r str],
    /// Their values as they stand in the path.
    pub path_values: &'r [&'r str],
    /// The query without its question mark.
    pub query: Option<&'r str>,
    /// A parameter of the query that the gateway reads itself: it is passed over.
    pub query_ours: Option<&'r str>,
    /// The headers.
    pub headers: &'r HeaderMap,
}

/// What the backend is told beside the body.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parameters<'r> {
    /// The values of the path, as they are written into it, in the order of the partner's template.
    pub path: SmallVec<[Cow<'r, str>; 4]>,
    /// The query without its question mark; empty: there is none.
    pub query: String,
    /// Beside these, no header of the partner's passes.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// One parameter.
pub(super) struct Parameter {
    /// The partner's name.
    pub(super) name: Box<str>,
    /// The backend's.
    pub(super) out: Box<str>,
    pub(super) required: bool,
    pub(super) many: bool,
    pub(super) node: usize,
    /// Several only where it may come again.
    pub(super) defaults: Vec<Box<str>>,
}

/// A parameter that is a header.
pub(super) struct HeaderRule {
    pub(super) name: HeaderName,
    pub(super) out: HeaderName,
    pub(super) rule: Parameter,
}

/// All parameters of a route. Those of path and query are sorted by the partner's names.
pub(super) struct ParameterRules {
    pub(super) path: Vec<Parameter>,
    pub(super) query: Vec<Parameter>,
    pub(super) refuses_unknown: bool,
    pub(super) headers: Vec<HeaderRule>,
    pub(super) query_fills: Vec<(Box<str>, Fill)>,
    pub(super) header_fills: Vec<(HeaderName, Fill)>,
}

impl ParameterRules {
    /// Read and write all of them; what is wrong is added to `errors`.
    pub(super) fn map<'r>(
        &self,
        program: &Program,
        received: &Received<'r>,
        filling: &mut Filling<'_>,
        errors: &mut Errors,
    ) -> Result<Parameters<'r>, FillFailed> {
        let bytes = received.query.map_or(0, str::len);
        let mut mapper = Mapper { rules: self, program, errors, effort: Effort::of(bytes) };
        let path = received.path_names.iter().zip(received.path_values);
        let mut parameters = Parameters {
            path: path.map(|(name, value)| mapper.path_value(name, value)).collect(),
            query: mapper.query(received),
            headers: mapper.headers(received.headers),
        };
        for (name, fill) in &self.query_fills {
            push_pair(name, &filled_text(name, fill, filling)?, &mut parameters.query);
        }
        for (name, fill) in &self.header_fills {
            let text = filled_text(name.as_str(), fill, filling)?;
            let value = HeaderValue::from_bytes(text.as_bytes());
            let value =
                value.map_err(|_| FillFailed { why: format!("the value for {name} can't stand in a header") })?;
            parameters.headers.push((name.clone(), value));
        }
        Ok(parameters)
    }
}

struct Mapper<'m> {
    rules: &'m ParameterRules,
    program: &'m Program,
    errors: &'m mut Errors,
    effort: Effort,
}

impl Mapper<'_> {
    /// A value without a rule stands where the route's own templates let it; framing has judged its spelling.
    fn path_value<'r>(&mut self, name: &str, value: &'r str) -> Cow<'r, str> {
        let Some(rule) = find(&self.rules.path, name) else { return Cow::Borrowed(value) };
        let text = decoded(value, false).ok_or_else(not_utf8);
        let read = text.and_then(|text| match read(self.program, rule.node, &text, &self.effort)? {
            // Dots are no value of a path: backends resolve them.
            Some(text) if !matches!(&*text, "" | "." | "..") => Ok(Cow::Owned(encoded(&text))),
            _ => Err(Broken::new(Code::Format, "Must be a value that can stand in a path.")),
        });
        read.unwrap_or_else(|broken| {
            self.wrong(Place::Path, name, broken);
            Cow::Borrowed("")
        })
    }

    fn query(&mut self, received: &Received<'_>) -> String {
        let text = received.query.unwrap_or_default();
        let mut written = String::new();
        if !text.is_empty() {
            written.reserve(text.len() + 16);
        }
        let mut seen: SmallVec<[bool; 16]> = smallvec![false; self.rules.query.len()];
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if self.errors.is_full() {
                return written;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.pair(received, name, value, &mut seen, &mut written);
        }
        for (rule, seen) in self.rules.query.iter().zip(seen) {
            match (seen, rule.required) {
                (false, true) => self.wrong(Place::Query, &rule.name, missing()),
                (false, false) => rule.defaults.iter().for_each(|text| push_pair(&rule.out, text, &mut written)),
                (true, _) => {}
            }
        }
        written
    }

    fn pair(&mut self, received: &Received<'_>, name: &str, value: &str, seen: &mut [bool], written: &mut String) {
        let Some(name) = decoded(name, true) else {
            return self.wrong(Place::Query, "", not_utf8());
        };
        if received.query_ours == Some(&*name) {
            return;
        }
        let Ok(index) = self.rules.query.binary_search_by(|rule| (*rule.name).cmp(&name)) else {
            if self.rules.refuses_unknown {
                self.wrong(Place::Query, &name, Broken::new(Code::Unknown, "There is no parameter of this name."));
            }
            return;
        };
        let rule = &self.rules.query[index];
        if std::mem::replace(&mut seen[index], true) && !rule.many {
            return self.wrong(Place::Query, &name, twice());
        }
        let read = decoded(value, true)
            .ok_or_else(not_utf8)
            .and_then(|text| read(self.program, rule.node, &text, &self.effort).map(|read| read.map(Cow::into_owned)));
        match read {
            Ok(Some(text)) => push_pair(&rule.out, &text, written),
            Ok(None) => {}
            Err(broken) => self.wrong(Place::Query, &name, broken),
        }
    }

    fn headers(&mut self, headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
        let mut written = Vec::new();
        for header in &self.rules.headers {
            let mut values = headers.get_all(&header.name).iter().peekable();
            let rule = &header.rule;
            if values.peek().is_none() {
                if rule.required {
                    self.wrong(Place::Header, &rule.name, missing());
                }
                written.extend(rule.defaults.iter().filter_map(|text| Some((header.out.clone(), header_value(text)?))));
            }
            for (index, value) in values.enumerate() {
                match self.header(rule, value, index) {
                    Ok(Some(value)) => written.push((header.out.clone(), value)),
                    Ok(None) => {}
                    Err(broken) => self.wrong(Place::Header, &rule.name, broken),
                }
            }
        }
        written
    }

    fn header(&self, rule: &Parameter, value: &HeaderValue, index: usize) -> Result<Option<HeaderValue>, Broken> {
        if index > 0 && !rule.many {
            return Err(twice());
        }
        let text = std::str::from_utf8(value.as_bytes()).map_err(|_| not_utf8())?;
        let Some(text) = read(self.program, rule.node, text, &self.effort)? else { return Ok(None) };
        let unfit = || Broken::new(Code::Format, "Must be a value that can stand in a header.");
        header_value(&text).ok_or_else(unfit).map(Some)
    }

    fn wrong(&mut self, place: Place, name: &str, broken: Broken) {
        let name = if name.len() <= LONGEST_NAME { name } else { "" };
        self.errors.push(place, name.to_owned(), broken);
    }
}

fn find<'r>(rules: &'r [Parameter], name: &str) -> Option<&'r Parameter> {
    rules.binary_search_by(|rule| (*rule.name).cmp(name)).ok().map(|index| &rules[index])
}

fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

fn missing() -> Broken {
    Broken::new(Code::Required, "Must be there.")
}

fn twice() -> Broken {
    Broken::new(Code::Duplicate, "Must not come more than once.")
}

fn not_utf8() -> Broken {
    Broken::new(Code::Format, "Must be UTF-8.")
}

/// The text that is written for a text; None: nothing is.
fn read<'t>(program: &Program, node: usize, text: &'t str, effort: &Effort) -> Result<Option<Cow<'t, str>>, Broken> {
    match &program.nodes[node] {
        Node::Any => Ok(Some(Cow::Borrowed(text))),
        Node::OneOf(one_of) => {
            let mut read = one_of.variants.iter().map(|variant| read(program, variant.node, text, effort));
            let unfit = || Err(Broken::new(Code::OneOf, "Fits none of the forms that are documented for it."));
            read.find(Result::is_ok).unwrap_or_else(unfit)
        }
        Node::Typed(typed) => match typed.scalar(value_of(typed, text), effort)? {
            Replaced::Same => Ok(Some(Cow::Borrowed(text))),
            Replaced::Json(json) => Ok(Some(Cow::Owned(text_of(&json)))),
            Replaced::Null | Replaced::Omit => Ok(None),
        },
    }
}

/// A text as the type that its node has.
fn value_of<'t>(typed: &Typed, text: &'t str) -> Scalar<'t> {
    let takes = |kind| typed.number.is_some() || (kind == Kind::Integer && typed.integer.is_some());
    match (Lexeme::whole(text), text) {
        (Some(lexeme), _) if takes(lexeme.kind) => Scalar::Number(text, lexeme.kind),
        (_, "true" | "false") if typed.boolean.is_some() => Scalar::Boolean(text == "true"),
        _ => Scalar::Text(text.as_bytes()),
    }
}

/// JSON that we have made, as a text.
fn text_of(json: &[u8]) -> String {
    match json::read(json, json::DEEPEST) {
        Ok(document) if matches!(document.kind(ROOT), Kind::Text | Kind::Escaped) => document.text(ROOT).into_owned(),
        _ => String::from_utf8_lossy(json).into_owned(),
    }
}

fn filled_text(name: &str, fill: &Fill, filling: &mut Filling<'_>) -> Result<String, FillFailed> {
    let mut json = Vec::new();
    fill.write(name, filling, &mut json)?;
    Ok(text_of(&json))
}

/// Undo the percent-encoding. None: not UTF-8.
fn decoded(text: &str, is_query: bool) -> Option<Cow<'_, str>> {
    match percent::decoded(text, is_query) {
        Cow::Borrowed(_) => Some(Cow::Borrowed(text)),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

fn push_pair(name: &str, value: &str, into: &mut String) {
    if !into.is_empty() {
        into.push('&');
    }
    push_encoded(name, into);
    into.push('=');
    push_encoded(value, into);
}
