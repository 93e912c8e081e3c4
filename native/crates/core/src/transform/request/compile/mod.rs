//! A `REQUEST_PROGRAM` as it crosses the wire becomes one that runs; whatever can't run is refused with its place.

mod checks;
mod links;
mod objects;
mod parameters;

pub(super) use parameters::{header_fills, header_rules, query_fills, text_rules};

use super::fill::{Fill, Generate};
use super::program::{ArrayRule, Node, OneOf, Program, Typed, Variant};
use super::rules::{Patterns, To};
use super::straight;
use super::wire::{ArrayWire, GenerateWord, NodeWire, OneOfWire, ProgramWire, ToWord, ValueWire};
use crate::credential::Template;
use crate::transform::json::{self, ROOT, write_compact};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

const DEEPEST: usize = json::DEEPEST;
/// Indices of nodes and members are small numbers.
const MOST_NODES: usize = 100_000;

/// What is wrong with a program, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramError {
    /// A pointer (RFC 6901).
    pub at: String,
    /// A sentence without a full stop.
    pub why: String,
}

impl ProgramError {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { at: String::new(), why: why.into() }
    }

    /// The same, seen from outside of a member or an item.
    pub(super) fn within(mut self, step: impl fmt::Display) -> Self {
        self.at.insert_str(0, &format!("/{step}"));
        self
    }
}

impl From<String> for ProgramError {
    fn from(why: String) -> Self {
        Self::new(why)
    }
}

impl fmt::Display for ProgramError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at {}: {}", if self.at.is_empty() { "/" } else { &self.at }, self.why)
    }
}

pub(super) type Compiled<T> = Result<T, ProgramError>;

/// Compile a program.
pub(super) fn program(wire: ProgramWire<'_>) -> Compiled<Program> {
    if !(1..=DEEPEST).contains(&wire.depth) {
        return Err(ProgramError::new(format!("a depth is 1 to {DEEPEST}")).within("depth"));
    }
    let count = wire.nodes.len();
    if count > MOST_NODES {
        return Err(ProgramError::new(format!("{MOST_NODES} nodes are the most")).within("nodes"));
    }
    let mut patterns = Patterns::default();
    let nodes = each(wire.nodes, |wire| node(wire, count, &mut patterns)).map_err(|error| error.within("nodes"))?;
    let mut program = Program { straight: straight::nodes(&nodes), nodes, depth: wire.depth };
    links::check(&program).map_err(|error| error.within("nodes"))?;
    objects::note_taken_names(&mut program).map_err(|error| error.within("nodes"))?;
    Ok(program)
}

/// Compile a list; an error is within its item.
fn each<W, T>(list: Vec<W>, mut compile: impl FnMut(W) -> Compiled<T>) -> Compiled<Vec<T>> {
    list.into_iter().enumerate().map(|(index, wire)| compile(wire).map_err(|error| error.within(index))).collect()
}

/// An index that leads somewhere.
pub(super) fn index(node: usize, count: usize) -> Compiled<usize> {
    if node < count { Ok(node) } else { Err(ProgramError::new(format!("there is no node {node}"))) }
}

/// A node that a whole body is held against.
pub(super) fn root(node: usize, program: &Program) -> Compiled<()> {
    index(node, program.nodes.len()).and_then(|node| links::stands_alone(program, node))
}

fn node(wire: NodeWire<'_>, count: usize, patterns: &mut Patterns) -> Compiled<Node> {
    let types =
        [&wire.boolean, &wire.integer, &wire.number, &wire.string].into_iter().filter(|one| one.is_some()).count()
            + usize::from(wire.null)
            + usize::from(wire.array.is_some())
            + usize::from(wire.object.is_some());
    match (wire.any, wire.one_of, types) {
        (true, None, 0) => Ok(Node::Any),
        (false, Some(one_of), 0) => Ok(Node::OneOf(variants(one_of, count).map_err(|error| error.within("one_of"))?)),
        (false, None, 1..) => Ok(Node::Typed(Box::new(Typed {
            null: wire.null,
            boolean: checks::boolean(wire.boolean).map_err(|error| error.within("boolean"))?,
            integer: checks::number(wire.integer).map_err(|error| error.within("integer"))?,
            number: checks::number(wire.number).map_err(|error| error.within("number"))?,
            string: checks::text(wire.string, patterns).map_err(|error| error.within("string"))?,
            array: wire.array.map(|wire| array(&wire, count)).transpose().map_err(|error| error.within("array"))?,
            object: wire
                .object
                .map(|wire| objects::object(wire, count))
                .transpose()
                .map_err(|error| error.within("object"))?,
        }))),
        _ => Err(ProgramError::new("a node has types, or `any` alone, or `one_of` alone")),
    }
}

fn variants(wire: OneOfWire, count: usize) -> Compiled<OneOf> {
    if wire.variants.is_empty() {
        return Err(ProgramError::new("there is nothing to choose from").within("variants"));
    }
    let is_told = wire.discriminator.is_some();
    let variants = each(wire.variants, |variant| {
        if variant.value.is_some() && !is_told {
            return Err(ProgramError::new("a value needs a discriminator").within("value"));
        }
        let value = variant.value.map(|value| value.into_bytes().into_boxed_slice());
        Ok(Variant { value, node: index(variant.node, count).map_err(|error| error.within("node"))? })
    });
    Ok(OneOf {
        discriminator: wire.discriminator.map(String::into_boxed_str),
        variants: variants.map_err(|error| error.within("variants"))?,
    })
}

fn array(wire: &ArrayWire, count: usize) -> Compiled<ArrayRule> {
    Ok(ArrayRule {
        items: index(wire.items, count).map_err(|error| error.within("items"))?,
        least: wire.min.unwrap_or(0),
        most: wire.max.unwrap_or(usize::MAX),
        unique: wire.unique,
    })
}

/// JSON of a program, as it is written into bodies.
fn constant(raw: &RawValue) -> Compiled<Box<[u8]>> {
    let document = json::read(raw.get().as_bytes(), DEEPEST)
        .map_err(|refused| ProgramError::new(format!("this JSON can't be written: {}", refused.why.word())))?;
    let mut written = Vec::new();
    write_compact(&document, ROOT, &mut written);
    Ok(written.into())
}

/// A name as it is written before a value.
fn before(name: &str) -> Vec<u8> {
    let mut written = Vec::new();
    json::write_string(name.as_bytes(), &mut written);
    written.push(b':');
    written
}

pub(super) fn value(wire: ValueWire<'_>) -> Compiled<Fill> {
    match (wire.constant, wire.template, wire.generate) {
        (Some(raw), None, None) if wire.kind.is_none() => {
            constant(raw).map(Fill::Constant).map_err(|error| error.within("const"))
        }
        (None, Some(text), None) => {
            let template = Template::compile(&Value::String(text));
            let to = to(wire.kind.unwrap_or(ToWord::String));
            template
                .map(|template| Fill::Template(template, to))
                .map_err(|why| ProgramError::new(why).within("template"))
        }
        (None, None, Some(word)) if wire.kind.is_none() => Ok(Fill::Generate(match word {
            GenerateWord::Uuid => Generate::Uuid,
            GenerateWord::Now => Generate::Now,
            GenerateWord::NowUnix => Generate::NowUnix,
        })),
        _ => Err(ProgramError::new("a value is one of `const`, `template` (with its `type`) and `generate`")),
    }
}

pub(super) fn to(word: ToWord) -> To {
    match word {
        ToWord::String => To::String,
        ToWord::Number => To::Number,
        ToWord::Integer => To::Integer,
        ToWord::Boolean => To::Boolean,
    }
}
