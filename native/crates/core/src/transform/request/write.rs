//! Writing a body that has passed, as the backend wants it: our punctuation, our names, what was received between them.

use super::check::{Chosen, scalar};
use super::fill::{Fill, FillFailed, Filling};
use super::program::{
    ArrayRule, Member, Node, ObjectRule, Part, PartOf, Place, Program, Seen, Template, Typed, Unknown,
};
use super::rules::Replaced;
use crate::transform::json::{At, Document, Kind, write_compact, write_name};
use smallvec::{SmallVec, smallvec};

/// Write a value by a node; what is longer than `most` is cut off, and must not be sent. An action that leaves out the whole body leaves `null`.
#[allow(clippy::too_many_arguments, reason = "called in one place")]
pub(super) fn write(
    program: &Program,
    document: &Document<'_>,
    chosen: &Chosen,
    root: usize,
    at: At,
    filling: &mut Filling<'_>,
    capacity: usize,
    most: usize,
) -> Result<Vec<u8>, FillFailed> {
    let mut writer = Writer { program, document, chosen, filling, out: Vec::with_capacity(capacity), most };
    match writer.node(root, at)? {
        Written::Yes => {}
        Written::Omitted => writer.out.extend(b"null"),
    }
    Ok(writer.out)
}

enum Written {
    Yes,
    /// The member or item that it would be is left out.
    Omitted,
}

struct Writer<'w, 'f> {
    program: &'w Program,
    document: &'w Document<'w>,
    chosen: &'w Chosen,
    filling: &'w mut Filling<'f>,
    out: Vec<u8>,
    /// Past so many bytes nothing more is taken from the body.
    most: usize,
}

/// What slots got, one after the other.
struct Slots {
    places: SmallVec<[Option<(usize, usize)>; 8]>,
    content: Vec<u8>,
}

impl Slots {
    fn of(template: &Template) -> Self {
        Self { places: smallvec![None; template.slots], content: Vec::new() }
    }

    fn put(&mut self, slot: usize, json: impl IntoIterator<Item = u8>) {
        let from = self.content.len();
        self.content.extend(json);
        self.places[slot] = Some((from, self.content.len()));
    }

    fn get(&self, slot: usize) -> Option<&[u8]> {
        self.places[slot].map(|(from, to)| &self.content[from..to])
    }
}

impl<'w> Writer<'w, '_> {
    fn node(&mut self, node: usize, at: At) -> Result<Written, FillFailed> {
        match &self.program.nodes[node] {
            Node::Any => {
                write_compact(self.document, at, &mut self.out);
                Ok(Written::Yes)
            }
            Node::OneOf(one_of) => {
                let chosen = self.chosen.get(&(node, at)).copied().flatten();
                self.node(one_of.variants[chosen.expect("a body that passed has made its choices")].node, at)
            }
            Node::Typed(typed) => self.typed(typed, at),
        }
    }

    fn typed(&mut self, typed: &'w Typed, at: At) -> Result<Written, FillFailed> {
        match (self.document.kind(at), &typed.array, &typed.object) {
            (Kind::Array, Some(rule), _) => self.array(rule, at)?,
            (Kind::Object, _, Some(rule)) => {
                self.out.push(b'{');
                self.fill_object(rule, Some(at))?;
                self.out.push(b'}');
            }
            _ => return Ok(self.scalar(typed, at)),
        }
        Ok(Written::Yes)
    }

    fn scalar(&mut self, typed: &Typed, at: At) -> Written {
        match scalar(self.document, at).map(|value| typed.written(value)) {
            Some(Replaced::Json(json)) => self.out.extend_from_slice(&json),
            Some(Replaced::Null) => self.out.extend(b"null"),
            Some(Replaced::Omit) => return Written::Omitted,
            _ => self.out.extend_from_slice(self.document.lexeme(at).as_bytes()),
        }
        Written::Yes
    }

    fn array(&mut self, rule: &ArrayRule, at: At) -> Result<(), FillFailed> {
        self.out.push(b'[');
        for item in self.document.items(at) {
            if self.out.len() > self.most {
                break;
            }
            let before = self.separated(b'[');
            if let Written::Omitted = self.node(rule.items, item)? {
                self.out.truncate(before);
            }
        }
        self.out.push(b']');
        Ok(())
    }

    /// What an object writes into the braces that are open: its members, defaults, template, fills.
    fn fill_object(&mut self, rule: &'w ObjectRule, at: Option<At>) -> Result<(), FillFailed> {
        match &rule.template {
            None => self.members(rule, at, None)?,
            Some(template) => {
                let mut slots = Slots::of(template);
                self.members(rule, at, Some(&mut slots))?;
                for part in &template.parts {
                    self.part(part, &slots)?;
                }
            }
        }
        for filled in &rule.fills {
            self.fill(&filled.name, &filled.before, &filled.fill)?;
        }
        Ok(())
    }

    fn members(
        &mut self,
        rule: &'w ObjectRule,
        at: Option<At>,
        mut slots: Option<&mut Slots>,
    ) -> Result<(), FillFailed> {
        let document = self.document;
        let (mut seen, mut expected) = (Seen::none(rule.members.len()), 0);
        for (name, value) in at.into_iter().flat_map(|at| document.members(at)) {
            if self.out.len() > self.most {
                break;
            }
            match rule.find(document.content(name), &mut expected) {
                Some(index) => {
                    let member = &rule.members[index];
                    if !(member.drop_null && document.kind(value) == Kind::Null) {
                        seen.set(index);
                        self.member(member, Some(value), slots.as_deref_mut())?;
                    }
                }
                None => self.unknown(rule.unknown, name, value)?,
            }
        }
        for (index, member) in rule.members.iter().enumerate() {
            if !seen.has(index) {
                self.absent(member, slots.as_deref_mut())?;
            }
        }
        Ok(())
    }

    fn member(&mut self, member: &'w Member, value: Option<At>, slots: Option<&mut Slots>) -> Result<(), FillFailed> {
        // What is taken apart and null is as if it were not there.
        let inner = value.filter(|at| self.document.kind(*at) == Kind::Object);
        match (&member.place, value) {
            (Place::Inline, _) => self.fill_object(self.program.object(member.node), inner),
            (Place::Scatter, _) => self.members(self.program.object(member.node), inner, slots),
            (Place::Out { before, after, .. }, Some(value)) => self.out_member(before, after, member.node, value),
            (Place::Slot(slot), Some(value)) => self.slot(*slot, member.node, value, slots),
            (Place::Out { .. } | Place::Slot(_), None) => Ok(()),
        }
    }

    fn out_member(&mut self, before: &[u8], after: &[u8], node: usize, value: At) -> Result<(), FillFailed> {
        let start = self.separated(b'{');
        self.out.extend_from_slice(before);
        match self.node(node, value)? {
            Written::Yes => self.out.extend_from_slice(after),
            Written::Omitted => self.out.truncate(start),
        }
        Ok(())
    }

    /// What is written for a slot is taken out again, until its template is.
    fn slot(&mut self, slot: usize, node: usize, value: At, slots: Option<&mut Slots>) -> Result<(), FillFailed> {
        let start = self.out.len();
        let written = self.node(node, value)?;
        if let (Written::Yes, Some(slots)) = (written, slots) {
            slots.put(slot, self.out[start..].iter().copied());
        }
        self.out.truncate(start);
        Ok(())
    }

    fn absent(&mut self, member: &'w Member, slots: Option<&mut Slots>) -> Result<(), FillFailed> {
        match (&member.place, &member.default) {
            (Place::Out { before, after, .. }, Some(json)) => {
                self.separated(b'{');
                self.out.extend_from_slice(before);
                self.out.extend_from_slice(json);
                self.out.extend_from_slice(after);
            }
            (Place::Slot(slot), Some(json)) => {
                if let Some(slots) = slots {
                    slots.put(*slot, json.iter().copied());
                }
            }
            (Place::Out { .. } | Place::Slot(_), None) => {}
            (Place::Inline | Place::Scatter, _) => self.member(member, None, slots)?,
        }
        Ok(())
    }

    fn unknown(&mut self, unknown: Unknown, name: At, value: At) -> Result<(), FillFailed> {
        if let Unknown::Node(node) = unknown {
            let start = self.separated(b'{');
            write_name(self.document, name, &mut self.out);
            if let Written::Omitted = self.node(node, value)? {
                self.out.truncate(start);
            }
        }
        Ok(())
    }

    /// Returns whether anything was written.
    fn part(&mut self, part: &Part, slots: &Slots) -> Result<bool, FillFailed> {
        match &part.what {
            PartOf::Slot { slot, default } => {
                let Some(json) = slots.get(*slot).or(default.as_deref()) else { return Ok(false) };
                self.separated(b'{');
                self.out.extend_from_slice(&part.before);
                self.out.extend_from_slice(json);
            }
            PartOf::Members { parts, always } => {
                let start = self.separated(b'{');
                self.out.extend_from_slice(&part.before);
                self.out.push(b'{');
                let mut is_empty = true;
                for inner in parts {
                    is_empty &= !self.part(inner, slots)?;
                }
                if is_empty && !always {
                    self.out.truncate(start);
                    return Ok(false);
                }
                self.out.push(b'}');
            }
            PartOf::Value(fill) => self.fill(&part.name, &part.before, fill)?,
        }
        Ok(true)
    }

    fn fill(&mut self, name: &str, before: &[u8], fill: &Fill) -> Result<(), FillFailed> {
        self.separated(b'{');
        self.out.extend_from_slice(before);
        fill.write(name, self.filling, &mut self.out)
    }

    /// A comma, but after the bracket that opens. Returns where to cut off what is taken back.
    #[inline]
    fn separated(&mut self, open: u8) -> usize {
        let before = self.out.len();
        if self.out.last() != Some(&open) {
            self.out.push(b',');
        }
        before
    }
}
