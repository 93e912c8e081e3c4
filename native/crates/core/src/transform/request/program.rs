//! A `REQUEST_PROGRAM`, compiled: what is decided per call is chosen by index, never by text.

use super::fill::Fill;
use super::rules::{BooleanRule, NumberRule, TextRule};
use crate::credential::Path;

/// Above, an object's members are looked up by a binary search.
const FEW: usize = 8;

/// The nodes, all of whose indices lead somewhere.
pub(super) struct Program {
    pub(super) nodes: Vec<Node>,
    pub(super) depth: usize,
    /// Of each node: whether what it takes can be written as it is read.
    pub(super) straight: Vec<bool>,
}

/// What may stand in a place.
pub(super) enum Node {
    /// Anything, as it comes.
    Any,
    /// What one of several nodes takes.
    OneOf(OneOf),
    /// By type.
    Typed(Box<Typed>),
}

pub(super) struct OneOf {
    pub(super) discriminator: Option<Box<str>>,
    pub(super) variants: Vec<Variant>,
}

pub(super) struct Variant {
    pub(super) value: Option<Box<[u8]>>,
    pub(super) node: usize,
}

#[derive(Default)]
pub(super) struct Typed {
    pub(super) null: bool,
    pub(super) boolean: Option<BooleanRule>,
    pub(super) integer: Option<NumberRule>,
    pub(super) number: Option<NumberRule>,
    pub(super) string: Option<TextRule>,
    pub(super) array: Option<ArrayRule>,
    pub(super) object: Option<ObjectRule>,
}

pub(super) struct ArrayRule {
    pub(super) items: usize,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) unique: bool,
}

pub(super) struct ObjectRule {
    pub(super) members: Vec<Member>,
    /// Members in the order of their names, where there are many.
    pub(super) by_name: Vec<u32>,
    pub(super) unknown: Unknown,
    /// The names that are written into this object.
    pub(super) taken: Vec<Box<str>>,
    /// The same folded, and sorted: a member of the partner's that is copied has none of them.
    pub(super) folded: Vec<Box<str>>,
    pub(super) fills: Vec<Filled>,
    pub(super) template: Option<Template>,
    pub(super) least: usize,
    pub(super) most: usize,
}

/// A member that the partner does not send.
pub(super) struct Filled {
    pub(super) name: Box<str>,
    /// The name and the colon.
    pub(super) before: Box<[u8]>,
    pub(super) fill: Fill,
}

/// What becomes of a member that the object does not name.
#[derive(Clone, Copy)]
pub(super) enum Unknown {
    Refuse,
    Drop,
    /// It is copied under its own name, its value by that node.
    Node(usize),
}

pub(super) struct Member {
    pub(super) name: Box<str>,
    /// The name as most write it, in quotes, and the colon.
    pub(super) spelt: Box<[u8]>,
    pub(super) node: usize,
    pub(super) place: Place,
    pub(super) required: bool,
    /// JSON.
    pub(super) default: Option<Box<[u8]>>,
    pub(super) drop_null: bool,
}

/// Where a member is written.
pub(super) enum Place {
    /// Between these: the name and the colon, with the wrappers' around it. `names` are the wrappers' and its own.
    Out { names: Box<[Box<str>]>, before: Box<[u8]>, after: Box<[u8]> },
    /// Its members, into the object that it stands in.
    Inline,
    /// Its members, into slots of the enclosing template.
    Scatter,
    /// A slot of the enclosing template.
    Slot(usize),
}

pub(super) struct Template {
    pub(super) slots: usize,
    pub(super) parts: Vec<Part>,
}

pub(super) struct Part {
    pub(super) name: Box<str>,
    /// The name and the colon.
    pub(super) before: Box<[u8]>,
    pub(super) what: PartOf,
}

pub(super) enum PartOf {
    Slot { slot: usize, default: Option<Box<[u8]>> },
    Members { parts: Vec<Part>, always: bool },
    Value(Fill),
}

impl Program {
    pub(super) fn typed(&self, node: usize) -> Option<&Typed> {
        match &self.nodes[node] {
            Node::Typed(typed) => Some(typed),
            Node::Any | Node::OneOf(_) => None,
        }
    }

    /// What the templates of bodies read of a caller.
    pub(super) fn read_of_callers(&self) -> Vec<Path> {
        let objects = (0..self.nodes.len()).filter_map(|node| self.typed(node)?.object.as_ref());
        objects.flat_map(ObjectRule::values).flat_map(Fill::read_of_callers).cloned().collect()
    }

    /// The object of a node whose members are written elsewhere.
    pub(super) fn object(&self, node: usize) -> &ObjectRule {
        let object = self.typed(node).and_then(|typed| typed.object.as_ref());
        object.expect("compiling has seen that what is inlined or scattered is an object")
    }
}

impl ObjectRule {
    /// The values that partners don't send.
    fn values(&self) -> Vec<&Fill> {
        let mut values: Vec<&Fill> = self.fills.iter().map(|filled| &filled.fill).collect();
        let mut open: Vec<&Part> = self.template.iter().flat_map(|template| &template.parts).collect();
        while let Some(part) = open.pop() {
            match &part.what {
                PartOf::Slot { .. } => {}
                PartOf::Members { parts, .. } => open.extend(parts),
                PartOf::Value(fill) => values.push(fill),
            }
        }
        values
    }

    /// The member of this name. `expected` is where it is looked for first: most bodies keep to the order of their schema.
    #[inline]
    pub(super) fn find(&self, name: &[u8], expected: &mut usize) -> Option<usize> {
        let index = match self.members.get(*expected) {
            Some(member) if member.name.as_bytes() == name => *expected,
            _ if self.members.len() <= FEW => self.members.iter().position(|member| member.name.as_bytes() == name)?,
            _ => {
                let named = |index: &u32| self.members[*index as usize].name.as_bytes();
                self.by_name[self.by_name.binary_search_by(|index| named(index).cmp(name)).ok()?] as usize
            }
        };
        *expected = index + 1;
        Some(index)
    }

    /// Whether this object writes a member of that name itself, or of one that some backends can't tell from it.
    pub(super) fn writes(&self, name: &[u8]) -> bool {
        !self.folded.is_empty() && self.folded.binary_search(&folded(name)).is_ok()
    }
}

/// A name without the difference of capital and small letters, by which many backends know their members (Go's `encoding/json`,
/// ASP.NET, Jackson where it is told to): `Role` would be taken for `role`. Some letters meet in their capitals only: `ſ` and `s`.
pub(super) fn folded(name: &[u8]) -> Box<str> {
    let name = String::from_utf8_lossy(name);
    let folded: String = name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    folded.into()
}

/// Which members of an object were there.
pub(super) struct Seen {
    bits: smallvec::SmallVec<[u64; 2]>,
}

impl Seen {
    #[inline]
    pub(super) fn none(members: usize) -> Self {
        Self { bits: smallvec::smallvec![0; members.div_ceil(64)] }
    }

    #[inline]
    pub(super) fn set(&mut self, index: usize) {
        self.bits[index / 64] |= 1 << (index % 64);
    }

    #[inline]
    pub(super) fn has(&self, index: usize) -> bool {
        self.bits[index / 64] >> (index % 64) & 1 == 1
    }
}
