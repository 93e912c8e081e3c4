//! The way that most bodies take: read, checked and written in one pass. What is wrong, and what needs more of a body than the
//! value at hand, is left to reading, checking and writing one after the other, which find everything as they would without this.

#[cfg(test)]
mod tests;

use super::effort::Effort;
use super::fill::Filling;
use super::program::{ArrayRule, Member, Node, ObjectRule, Place, Program, Typed};
use super::rules::{Replaced, TextRule};
use crate::transform::json::{Lexeme, scan, unescape};

/// Which members of an object came is noted in one word.
const MOST_MEMBERS: usize = 64;

/// For each node whether what it takes can be written as it is read, with all that lies in it.
pub(super) fn nodes(nodes: &[Node]) -> Vec<bool> {
    let mut led_here: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let Node::Typed(typed) = node else { continue };
        let members = typed.object.iter().flat_map(|object| object.members.iter().map(|member| member.node));
        for inner in typed.array.iter().map(|array| array.items).chain(members) {
            led_here[inner].push(index);
        }
    }
    let mut straight: Vec<bool> = nodes.iter().map(is_straight).collect();
    let mut open: Vec<usize> = (0..nodes.len()).filter(|&node| !straight[node]).collect();
    while let Some(node) = open.pop() {
        for around in std::mem::take(&mut led_here[node]) {
            if std::mem::replace(&mut straight[around], false) {
                open.push(around);
            }
        }
    }
    straight
}

/// Without what lies in it.
fn is_straight(node: &Node) -> bool {
    match node {
        Node::Any => true,
        Node::OneOf(_) => false,
        Node::Typed(typed) => {
            typed.array.as_ref().is_none_or(|array| !array.unique)
                && typed.object.as_ref().is_none_or(|object| {
                    object.template.is_none()
                        && object.members.len() <= MOST_MEMBERS
                        && object.members.iter().all(|member| matches!(member.place, Place::Out { .. }))
                })
        }
    }
}

/// The backend's body. None: it is to be made step by step, or there is something to be told of the partner's.
pub(super) fn rewritten(
    program: &Program,
    root: usize,
    body: &[u8],
    filling: &mut Filling<'_>,
    capacity: usize,
    most: usize,
) -> Option<Vec<u8>> {
    if !program.straight[root] || u32::try_from(body.len()).is_err() {
        return None;
    }
    let (text, out, scratch) = (std::str::from_utf8(body).ok()?, Vec::with_capacity(capacity), Vec::new());
    let effort = Effort::of(body.len());
    let mut pass = Pass { program, text, bytes: body, effort, filling, out, scratch, most, omitted: false };
    let from = pass.past_space(0);
    let end = pass.value(root, from, program.depth)?;
    if pass.past_space(end) != body.len() || pass.effort.is_spent() {
        return None;
    }
    if pass.is_omitted() {
        pass.out.extend_from_slice(b"null");
    }
    (pass.out.len() <= most).then_some(pass.out)
}

/// All that returns None where it can't go on; what was written then is thrown away.
struct Pass<'p, 'f> {
    program: &'p Program,
    /// The body, which is UTF-8.
    text: &'p str,
    bytes: &'p [u8],
    effort: Effort,
    filling: &'p mut Filling<'f>,
    out: Vec<u8>,
    /// A string without its escapes.
    scratch: Vec<u8>,
    most: usize,
    /// The member or item whose value was the last is left out.
    omitted: bool,
}

impl<'p> Pass<'p, '_> {
    /// A value; `deeper` arrays and objects may lie in each other from here. Returns where it ends.
    fn value(&mut self, node: usize, at: usize, deeper: usize) -> Option<usize> {
        let typed = match &self.program.nodes[node] {
            Node::Typed(typed) => typed,
            Node::Any => return self.anything(at),
            Node::OneOf(_) => return None,
        };
        match *self.bytes.get(at)? {
            b'"' => self.string(typed.string.as_ref()?, at),
            b'{' => self.object(typed.object.as_ref()?, at, deeper),
            b'[' => self.array(typed.array.as_ref()?, at, deeper),
            b'-' | b'0'..=b'9' => self.number(typed, at),
            b't' => self.boolean(typed, at, "true"),
            b'f' => self.boolean(typed, at, "false"),
            b'n' if typed.null && self.is_at(at, b"null") => Some(self.written(&Replaced::Same, at, at + 4)),
            _ => None,
        }
    }

    /// A single value as it comes. Names in objects would have to differ.
    fn anything(&mut self, at: usize) -> Option<usize> {
        let length = match *self.bytes.get(at)? {
            b'"' => scan(&self.bytes[at + 1..]).ok()?.length + 2,
            b't' if self.is_at(at, b"true") => 4,
            b'f' if self.is_at(at, b"false") => 5,
            b'n' if self.is_at(at, b"null") => 4,
            b'-' | b'0'..=b'9' => Lexeme::at_the_start_of(&self.bytes[at..]).ok()?.length,
            _ => return None,
        };
        Some(self.written(&Replaced::Same, at, at + length))
    }

    #[inline]
    fn string(&mut self, rule: &'p TextRule, at: usize) -> Option<usize> {
        let scanned = scan(&self.bytes[at + 1..]).ok()?;
        let (from, to) = (at + 1, at + 1 + scanned.length);
        let mut content = &self.bytes[from..to];
        if scanned.escaped {
            self.scratch.clear();
            unescape(content, &mut self.scratch);
            content = &self.scratch;
        }
        let replaced = rule.hold(content, &self.effort).ok()?;
        Some(self.written(&replaced, at, to + 1))
    }

    #[inline]
    fn number(&mut self, typed: &'p Typed, at: usize) -> Option<usize> {
        let Lexeme { kind, length } = Lexeme::at_the_start_of(&self.bytes[at..]).ok()?;
        let lexeme = &self.text[at..at + length];
        let replaced = typed.rule_of(kind)?.hold(lexeme, kind, &self.effort).ok()?;
        Some(self.written(&replaced, at, at + length))
    }

    fn boolean(&mut self, typed: &'p Typed, at: usize, word: &str) -> Option<usize> {
        let rule = typed.boolean.as_ref().filter(|_| self.is_at(at, word.as_bytes()))?;
        let replaced = rule.hold(word == "true").ok()?;
        Some(self.written(&replaced, at, at + word.len()))
    }

    fn array(&mut self, rule: &'p ArrayRule, at: usize, deeper: usize) -> Option<usize> {
        let deeper = deeper.checked_sub(1)?;
        self.out.push(b'[');
        let (mut at, mut count) = (self.past_space(at + 1), 0);
        let mut is_open = !self.is_at(at, b"]");
        while is_open {
            let start = self.separated(b'[');
            let end = self.value(rule.items, at, deeper)?;
            if self.is_omitted() {
                self.out.truncate(start);
            }
            count += 1;
            (at, is_open) = self.after_value(end, b']')?;
        }
        self.out.push(b']');
        (rule.least..=rule.most).contains(&count).then_some(at + 1)
    }

    fn object(&mut self, rule: &'p ObjectRule, at: usize, deeper: usize) -> Option<usize> {
        let deeper = deeper.checked_sub(1)?;
        self.out.push(b'{');
        let (mut at, mut count, mut expected) = (self.past_space(at + 1), 0, 0);
        // A bit for each member: it came; it came, and is not as if it were absent.
        let (mut came, mut got) = (0_u64, 0_u64);
        let mut is_open = !self.is_at(at, b"}");
        while is_open {
            let (index, value) = self.name(rule, at, &mut expected)?;
            let bit = 1 << index;
            if came & bit != 0 {
                return None;
            }
            came |= bit;
            let member = &rule.members[index];
            let end = if member.drop_null && self.is_at(value, b"null") {
                value + 4
            } else {
                got |= bit;
                self.member(member, value, deeper)?
            };
            count += 1;
            (at, is_open) = self.after_value(end, b'}')?;
        }
        self.absent(rule, got)?;
        for filled in &rule.fills {
            self.separated(b'{');
            self.out.extend_from_slice(&filled.before);
            filled.fill.write(&filled.name, self.filling, &mut self.out).ok()?;
        }
        self.out.push(b'}');
        (rule.least..=rule.most).contains(&count).then_some(at + 1)
    }

    /// The member whose name begins here, and where its value does.
    #[inline]
    fn name(&self, rule: &ObjectRule, at: usize, expected: &mut usize) -> Option<(usize, usize)> {
        // Most bodies keep to the order of their schema, and to one spelling.
        if let Some(member) = rule.members.get(*expected)
            && self.is_at(at, &member.spelt)
        {
            *expected += 1;
            return Some((*expected - 1, self.past_space(at + member.spelt.len())));
        }
        let text = self.bytes.get(at..)?.strip_prefix(b"\"")?;
        let name = scan(text).ok().filter(|name| !name.escaped)?;
        let index = rule.find(&text[..name.length], expected)?;
        let colon = self.past_space(at + name.length + 2);
        self.is_at(colon, b":").then(|| (index, self.past_space(colon + 1)))
    }

    /// Returns where its value ends.
    #[inline]
    fn member(&mut self, member: &'p Member, value: usize, deeper: usize) -> Option<usize> {
        let Place::Out { before, after, .. } = &member.place else { return None };
        let start = self.separated(b'{');
        self.out.extend_from_slice(before);
        let end = self.value(member.node, value, deeper)?;
        if self.is_omitted() {
            self.out.truncate(start);
        } else if !after.is_empty() {
            self.out.extend_from_slice(after);
        }
        Some(end)
    }

    /// Defaults of members that are not there; none of them may be required.
    fn absent(&mut self, rule: &ObjectRule, got: u64) -> Option<()> {
        if got.count_ones() as usize == rule.members.len() {
            return Some(());
        }
        for (index, member) in rule.members.iter().enumerate() {
            if got >> index & 1 == 1 {
                continue;
            }
            match (&member.place, &member.default) {
                _ if member.required => return None,
                (Place::Out { before, after, .. }, Some(json)) => {
                    self.separated(b'{');
                    for piece in [before, json, after] {
                        self.out.extend_from_slice(piece);
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    /// What follows a value in a container. Returns where the next value or name begins and true, or where the container ends.
    #[inline]
    fn after_value(&self, end: usize, closing: u8) -> Option<(usize, bool)> {
        let at = self.past_space(end);
        match *self.bytes.get(at)? {
            b',' if self.out.len() <= self.most => Some((self.past_space(at + 1), true)),
            byte if byte == closing => Some((at, false)),
            _ => None,
        }
    }

    /// Write what becomes of the single value between these places. Returns where it ends.
    #[inline]
    fn written(&mut self, replaced: &Replaced<'_>, from: usize, to: usize) -> usize {
        match replaced {
            Replaced::Same => self.out.extend_from_slice(&self.bytes[from..to]),
            Replaced::Json(json) => self.out.extend_from_slice(json),
            Replaced::Null => self.out.extend_from_slice(b"null"),
            Replaced::Omit => self.omitted = true,
        }
        to
    }

    /// Whether the last value is left out; asked once.
    #[inline]
    fn is_omitted(&mut self) -> bool {
        std::mem::take(&mut self.omitted)
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

    #[inline]
    fn is_at(&self, at: usize, there: &[u8]) -> bool {
        self.bytes.get(at..).is_some_and(|rest| rest.starts_with(there))
    }

    #[inline]
    fn past_space(&self, from: usize) -> usize {
        let mut at = from;
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(at) {
            at += 1;
        }
        at
    }
}
