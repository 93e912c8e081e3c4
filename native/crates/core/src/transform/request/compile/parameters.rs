//! Parameters: texts of path, query and headers.

use super::{Compiled, ProgramError, each, index, links, value};
use crate::transform::json::{self, At, Document, Kind, ROOT};
use crate::transform::request::fill::Fill;
use crate::transform::request::parameters::{HeaderRule, Parameter};
use crate::transform::request::program::{Node, Program};
use crate::transform::request::wire::{FillPlace, ParameterFillWire, ParameterWire};
use http::{HeaderName, header};
use serde_json::value::RawValue;
use std::collections::HashSet;

/// What says how a message is framed and coded, where it goes and who sent it: neither read from partners nor told to
/// backends by a contract.
const OURS: [HeaderName; 22] = [
    header::ACCEPT_ENCODING,
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::FORWARDED,
    header::HOST,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::PROXY_AUTHORIZATION,
    header::RANGE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-request-id"),
];

/// Parameters of path or query, sorted by the partner's name.
pub(in super::super) fn text_rules(wires: Vec<ParameterWire<'_>>, program: &Program) -> Compiled<Vec<Parameter>> {
    let mut rules = each(wires, |wire| parameter(wire, program))?;
    no_name_twice(rules.iter().map(|rule| &*rule.name))?;
    no_name_twice(rules.iter().map(|rule| &*rule.out))?;
    rules.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(rules)
}

pub(in super::super) fn header_rules(wires: Vec<ParameterWire<'_>>, program: &Program) -> Compiled<Vec<HeaderRule>> {
    let rules = each(wires, |wire| {
        let name = header_name(&wire.name).map_err(|error| error.within("in"))?;
        let out = header_name(&wire.out).map_err(|error| error.within("out"))?;
        Ok(HeaderRule { name, out, rule: parameter(wire, program)? })
    })?;
    no_name_twice(rules.iter().map(|rule| rule.name.as_str()))?;
    no_name_twice(rules.iter().map(|rule| rule.out.as_str()))?;
    Ok(rules)
}

/// What is added to the query: under names that no parameter of the partner's has at the backend.
pub(in super::super) fn query_fills(
    wires: &mut Vec<ParameterFillWire<'_>>,
    rules: &[Parameter],
) -> Compiled<Vec<(Box<str>, Fill)>> {
    let fills = each(take(wires, FillPlace::Query), |wire| {
        Ok((wire.out.into_boxed_str(), value(wire.value).map_err(|error| error.within("value"))?))
    })?;
    no_name_twice(rules.iter().map(|rule| &*rule.out).chain(fills.iter().map(|(name, _)| &**name)))?;
    Ok(fills)
}

pub(in super::super) fn header_fills(
    wires: &mut Vec<ParameterFillWire<'_>>,
    rules: &[HeaderRule],
) -> Compiled<Vec<(HeaderName, Fill)>> {
    let fills = each(take(wires, FillPlace::Header), |wire| {
        let name = header_name(&wire.out).map_err(|error| error.within("out"))?;
        Ok((name, value(wire.value).map_err(|error| error.within("value"))?))
    })?;
    no_name_twice(rules.iter().map(|rule| rule.out.as_str()).chain(fills.iter().map(|(name, _)| name.as_str())))?;
    Ok(fills)
}

fn take<'w>(wires: &mut Vec<ParameterFillWire<'w>>, place: FillPlace) -> Vec<ParameterFillWire<'w>> {
    wires.extract_if(.., |wire| wire.at == place).collect()
}

fn no_name_twice<'n>(names: impl Iterator<Item = &'n str>) -> Compiled<()> {
    let mut known = HashSet::new();
    for name in names {
        if !known.insert(name) {
            return Err(ProgramError::new(format!("{name:?} stands for two parameters")));
        }
    }
    Ok(())
}

fn parameter(wire: ParameterWire<'_>, program: &Program) -> Compiled<Parameter> {
    let node = index(wire.node, program.nodes.len()).map_err(|error| error.within("node"))?;
    links::stands_alone(program, node).and_then(|()| is_text(program, node)).map_err(|error| error.within("node"))?;
    let defaults = wire.default.map(texts).transpose().map_err(|error| error.within("default"))?.unwrap_or_default();
    if defaults.len() > 1 && !wire.many {
        return Err(ProgramError::new("only what may come again has several defaults").within("default"));
    }
    Ok(Parameter {
        name: wire.name.into(),
        out: wire.out.into(),
        required: wire.required,
        many: wire.many,
        node,
        defaults,
    })
}

/// A text is no array, no object and not null.
fn is_text(program: &Program, node: usize) -> Compiled<()> {
    match &program.nodes[node] {
        Node::Any => Ok(()),
        Node::OneOf(one_of) => one_of.variants.iter().try_for_each(|variant| is_text(program, variant.node)),
        Node::Typed(typed) if typed.array.is_none() && typed.object.is_none() => Ok(()),
        Node::Typed(_) => {
            Err(ProgramError::new(format!("node {node} is for more than single values: a parameter is a text")))
        }
    }
}

/// A default: one value, or several in an array.
fn texts(raw: &RawValue) -> Compiled<Vec<Box<str>>> {
    let document = json::read(raw.get().as_bytes(), 1)
        .map_err(|_| ProgramError::new("a parameter's default is a single value, or a list of them"))?;
    let text = |at: At| text_of(&document, at);
    match document.kind(ROOT) {
        Kind::Array => document.items(ROOT).map(text).collect(),
        _ => Ok(vec![text(ROOT)?]),
    }
}

fn text_of(document: &Document<'_>, at: At) -> Compiled<Box<str>> {
    match document.kind(at) {
        Kind::Text | Kind::Escaped => Ok(document.text(at).into()),
        Kind::Null | Kind::Array | Kind::Object => Err(ProgramError::new("a parameter is no null and no object")),
        _ => Ok(document.verbatim(at).into()),
    }
}

/// Backends that read headers as variables take an underscore for a hyphen: such a twin is judged by what it would become.
fn header_name(text: &str) -> Compiled<HeaderName> {
    let name = HeaderName::try_from(text).map_err(|_| ProgramError::new("this is no header's name"))?;
    let twin = text.to_ascii_lowercase().replace('_', "-");
    if OURS.iter().any(|ours| ours.as_str() == twin) || twin.starts_with("x-forwarded-") {
        return Err(ProgramError::new("this header is the gateway's"));
    }
    Ok(name)
}
