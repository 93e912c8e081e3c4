//! An answer's program as it runs: everything that can be decided beforehand is.

use super::action::Action;
use super::names::Names;
use super::urls::Urls;
use crate::transform::compute::Compute;
use std::sync::Arc;

/// No node, no object.
pub(super) const NONE: u32 = u32::MAX;

/// What becomes of a route's answers. Compiled once, immutable; a masked one shares the nodes of the one it was made of.
#[derive(Debug)]
pub struct AnswerProgram {
    pub(super) base: Arc<Base>,
    /// Nodes and objects that a mask made; their indices follow those of `base`.
    pub(super) nodes: Vec<Node>,
    pub(super) objects: Vec<Arc<Object>>,
}

/// The nodes as they were written.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) nodes: Vec<Node>,
    pub(super) objects: Vec<Arc<Object>>,
    pub(super) actions: Vec<Action>,
    pub(super) urls: Vec<Urls>,
    /// Containers in each other.
    pub(super) depth: usize,
}

/// What is done with a value, by its type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) null: bool,
    pub(super) any: bool,
    pub(super) boolean: Scalar,
    pub(super) integer: Scalar,
    pub(super) number: Scalar,
    pub(super) string: Scalar,
    /// The node of the items, or `NONE`.
    pub(super) array: u32,
    /// Index of an object, or `NONE`.
    pub(super) object: u32,
}

impl Node {
    /// What is done with a number.
    #[inline(always)]
    pub(super) fn of_number(&self, is_whole: bool) -> Scalar {
        if is_whole && self.integer != Scalar::Refuse { self.integer } else { self.number }
    }
}

/// What is done with a value that is no container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Refuse,
    Copy,
    /// Index of an action.
    Act(u32),
}

#[derive(Debug)]
pub(super) struct Object {
    pub(super) names: Names,
    pub(super) members: Vec<Member>,
    /// The node of members that are not listed, or `NONE`: they are skipped.
    pub(super) others: u32,
    /// The names that this object writes by itself, where it has `others`: none of these may come again from there.
    pub(super) written: Arc<Names>,
    pub(super) consts: Vec<Const>,
    pub(super) hold: Option<Template>,
    /// Those of the first 64 members that are required, a bit each.
    pub(super) required: u64,
    /// Whether something else is left to do when the last member has come.
    pub(super) ends: bool,
    /// Whether its members have slots of a hold that is around it.
    pub(super) scattered: bool,
}

impl Object {
    pub(super) fn new(
        members: Vec<Member>,
        others: u32,
        written: Arc<Names>,
        consts: Vec<Const>,
        hold: Option<Template>,
    ) -> Self {
        let names = Names::new(members.iter().map(|member| &*member.name));
        let required = members.iter().take(64).enumerate();
        let required = required.fold(0, |bits, (index, member)| bits | (u64::from(member.required) << index));
        let is_left = |(index, member): (usize, &Member)| {
            member.default.is_some()
                || matches!(member.target, Target::Inline | Target::Scatter)
                || (index >= 64 && member.required)
        };
        let ends = !consts.is_empty() || members.iter().enumerate().any(is_left);
        let is_kept = |member: &Member| matches!(member.target, Target::Slot(_) | Target::Scatter);
        let scattered = hold.is_none() && members.iter().any(is_kept);
        Self { names, members, others, written, consts, hold, required, ends, scattered }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Const {
    pub(super) name: Arc<str>,
    /// `,"name":value`.
    pub(super) bytes: Arc<[u8]>,
    /// How much of it stands before the value.
    pub(super) value_at: usize,
}

impl Const {
    pub(super) fn value(&self) -> &[u8] {
        &self.bytes[self.value_at..]
    }
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    /// As the backend writes it.
    pub(super) name: Arc<str>,
    pub(super) node: u32,
    pub(super) target: Target,
    pub(super) required: bool,
    pub(super) drop_null: bool,
    pub(super) default: Option<Arc<[u8]>>,
    /// `,"wrapper":{"name":`; empty where nothing is written by this name.
    pub(super) prefix: Arc<[u8]>,
    /// Braces after the value.
    pub(super) braces: u8,
    /// In the partner's names, wrappers first; for a slot, where the template has it.
    pub(super) place: Arc<[Arc<str>]>,
}

/// Where a member is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Out,
    /// Its own members are written into the object around it.
    Inline,
    /// Kept for the template.
    Slot(u16),
    /// Its own members are kept for the template.
    Scatter,
    /// Skipped, where `others` would copy it.
    Drop,
}

/// What a hold writes when its object has ended.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// Kept at most.
    pub(super) bytes: usize,
    pub(super) slots: usize,
    pub(super) parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: Arc<str>,
    /// `,"name":`.
    pub(super) prefix: Arc<[u8]>,
    pub(super) value: PartValue,
}

#[derive(Clone, Debug)]
pub(super) enum PartValue {
    Slot {
        slot: u16,
        required: bool,
        /// A null that the slot got is as if it had got nothing: what is computed of it still reads the null.
        drop_null: bool,
        default: Option<Arc<[u8]>>,
    },
    Members {
        parts: Vec<Part>,
        always: bool,
    },
    Const(Arc<[u8]>),
    /// What is computed of these slots.
    Compute {
        compute: Compute,
        inputs: Arc<[u16]>,
    },
}

impl AnswerProgram {
    #[inline(always)]
    pub(super) fn node(&self, index: u32) -> &Node {
        let index = index as usize;
        match self.base.nodes.get(index) {
            Some(node) => node,
            None => &self.nodes[index - self.base.nodes.len()],
        }
    }

    #[inline(always)]
    pub(super) fn object(&self, index: u32) -> &Object {
        let index = index as usize;
        match self.base.objects.get(index) {
            Some(object) => object,
            None => &self.objects[index - self.base.objects.len()],
        }
    }

    pub(super) fn shared_object(&self, index: u32) -> Arc<Object> {
        let index = index as usize;
        Arc::clone(match self.base.objects.get(index) {
            Some(object) => object,
            None => &self.objects[index - self.base.objects.len()],
        })
    }

    /// How many nodes it has, those of a mask included.
    pub fn nodes(&self) -> usize {
        self.base.nodes.len() + self.nodes.len()
    }

    /// Whether any address is written: only then does it matter where the call came to.
    pub fn writes_addresses(&self) -> bool {
        !self.base.urls.is_empty()
    }

    /// Map an address of the backend's to one of the partner's, by these of the program's `urls`: for headers such as
    /// Location. `base` is the scheme and authority that the call came to. None: it leads to no route of the partner's, and
    /// must not be shown.
    pub fn rewrite_url(&self, urls: usize, address: &str, base: &str) -> Option<String> {
        self.base.urls.get(urls)?.rewrite(address, base)
    }
}
