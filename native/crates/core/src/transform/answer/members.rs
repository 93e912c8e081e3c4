//! The way that most of an answer takes: members of an object that are whole in the piece, and are copied or skipped. Whatever
//! else there is, wrong JSON too, is left to the machine, which finds everything as it would without this.

use super::frame::{Form, Frame};
use super::machine::{Role, State, Step};
use super::order::Order;
use super::program::{AnswerProgram, Member, NONE, Object, Scalar, Target};
use super::text::{self, Number, literal};

/// What was done with a member's value.
enum Done<'i> {
    /// It ended before this.
    Ended(&'i [u8]),
    /// It is the machine's.
    Value,
    /// Nothing, and its name is the machine's too.
    Nothing,
}

impl State {
    /// Read members from the name on that begins at `from`, and those of objects within and around. Returns where the machine is
    /// to go on: at `from` itself, if with that name.
    #[inline(never)]
    pub(super) fn members(
        &mut self,
        program: &AnswerProgram,
        input: &[u8],
        from: usize,
        most: usize,
        out: &mut Vec<u8>,
    ) -> usize {
        let most = if self.holds.is_empty() { most } else { usize::MAX };
        let (mut rest, mut is_first) = (&input[from..], true);
        while self.copied(program, &mut rest, is_first, most, out) {
            is_first = self.step == Step::NameOrEnd;
        }
        input.len() - rest.len()
    }

    /// Read members of the innermost object, from a name on if the next `is_first`, else from what follows the value before it.
    /// Returns whether the way leads on, to members of another object.
    #[inline(always)]
    fn copied(
        &mut self,
        program: &AnswerProgram,
        rest: &mut &[u8],
        mut is_first: bool,
        most: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let deeper = program.base.depth - self.frames.len();
        let Some(frame) = self.frames.last_mut() else { return false };
        let object = program.object(frame.of);
        let is_plain = matches!(frame.form, Form::Object | Form::Inline) && object.members.len() <= 64;
        if !is_plain {
            return false;
        }
        let mut remembered = self.remembered.of(frame.of);
        loop {
            let expected = remembered.as_ref().and_then(|(order, _)| order.next(&mut frame.next, rest, is_first));
            let (index, value) = match expected {
                Some(found) => found,
                None => match named(object, frame, &mut remembered, rest, is_first) {
                    Some(found) => found,
                    None => break,
                },
            };
            match member(program, object, frame, index, value, deeper, out) {
                Done::Ended(after) => *rest = after,
                Done::Value => {
                    self.role = Role::Skipped;
                    if let Some(known) = object.members.get(frame.member as usize) {
                        (self.role, self.node) = (Role::of(known), known.node);
                    }
                    self.step = Step::Value;
                    *rest = value;
                    return self.enter(program, rest, out);
                }
                Done::Nothing => break,
            }
            is_first = false;
            self.step = Step::More;
            if out.len() >= most {
                break;
            }
        }
        !is_first && self.leave(program, rest, most, out)
    }
}

/// What becomes of a member; `deeper` containers may be open below it.
#[inline(always)]
fn member<'i>(
    program: &AnswerProgram,
    object: &Object,
    frame: &mut Frame,
    index: u32,
    value: &'i [u8],
    deeper: usize,
    out: &mut Vec<u8>,
) -> Done<'i> {
    let Some(first) = value.first() else { return Done::Nothing };
    let Some(known) = object.members.get(index as usize) else {
        frame.member = NONE;
        let after = if matches!(first, b'{' | b'[') { skipped(value, deeper) } else { scalar(value) };
        return after.map_or(Done::Value, Done::Ended);
    };
    let index = index as usize;
    if frame.has(index) || known.target == Target::Drop {
        return Done::Nothing;
    }
    frame.mark(index, &mut []);
    frame.member = index as u32;
    if known.target != Target::Out {
        return Done::Value;
    }
    let node = program.node(known.node);
    let is_copied = |kind: Scalar| node.any || kind == Scalar::Copy;
    let length = match *first {
        b'"' if is_copied(node.string) => string(value),
        b'-' | b'0'..=b'9' => {
            number(value).and_then(|(length, is_whole)| is_copied(node.of_number(is_whole)).then_some(length))
        }
        b't' | b'f' if is_copied(node.boolean) => word(value, *first),
        b'n' if (node.any || node.null) && !known.drop_null => word(value, b'n'),
        _ => None,
    };
    match length.and_then(|length| value.split_at_checked(length)) {
        Some((lexeme, after)) => {
            written(known, &mut frame.comma, lexeme, out);
            Done::Ended(after)
        }
        None => Done::Value,
    }
}

/// The index of a member whose name is not the expected one, `NONE` where it is not listed, and its value. Before the name stands
/// a comma, unless it `is_first`.
#[inline(never)]
fn named<'i>(
    object: &Object,
    frame: &mut Frame,
    remembered: &mut Option<(&mut Order, &mut usize)>,
    rest: &'i [u8],
    is_first: bool,
) -> Option<(u32, &'i [u8])> {
    let quoted = match trimmed(rest) {
        [b',', name @ ..] if !is_first => trimmed(name),
        name if is_first => name,
        _ => return None,
    };
    let (index, value) = looked_up(object, quoted)?;
    if let Some((order, spares)) = remembered {
        order.note(&mut frame.next, &rest[..rest.len() - value.len()], index, spares);
    }
    Some((index, value))
}

/// The index of the member whose name `rest` begins with, `NONE` where it is not listed, and its value.
fn looked_up<'i>(object: &Object, rest: &'i [u8]) -> Option<(u32, &'i [u8])> {
    let [b'"', text @ ..] = rest else { return None };
    let (name, [b'"', b':', after @ ..]) = text.split_at_checked(text::plain(text))? else { return None };
    let value = trimmed(after);
    let index = object.names.find(name).map_or(NONE, |index| index as u32);
    if (index == NONE && object.others != NONE) || value.is_empty() {
        return None;
    }
    Some((index, value))
}

/// Write a member that is complete.
#[inline(always)]
fn written(member: &Member, comma: &mut bool, lexeme: &[u8], out: &mut Vec<u8>) {
    let prefix = if *comma { &*member.prefix } else { &member.prefix[1..] };
    *comma = true;
    out.extend_from_slice(prefix);
    out.extend_from_slice(lexeme);
    for _ in 0..member.braces {
        out.push(b'}');
    }
}

/// Past white space.
#[inline(always)]
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    match text {
        // None, or one: as most write it.
        [first, ..] if *first > b' ' => text,
        [b' ', after @ ..] if after.first().is_some_and(|next| *next > b' ') => after,
        _ => trimmed_further(text),
    }
}

fn trimmed_further(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let [b' ' | b'\n' | b'\r' | b'\t', after @ ..] = rest {
        rest = after;
    }
    rest
}

/// What follows a scalar. None, as in the next: it is not whole or not sound.
#[inline(always)]
fn scalar(text: &[u8]) -> Option<&[u8]> {
    let length = match *text {
        [b'"', ..] => string(text),
        [b'-' | b'0'..=b'9', ..] => number(text).map(|(length, _)| length),
        [first @ (b't' | b'f' | b'n'), ..] => word(text, first),
        _ => None,
    };
    text.get(length?..)
}

/// What follows a container that nobody wants; in it so many may lie in each other, itself included.
#[inline(never)]
fn skipped(text: &[u8], most: usize) -> Option<&[u8]> {
    // One bit for each that is open, the innermost lowest: 1 is an object.
    let (mut kinds, mut depth) = (0_u128, 0);
    let mut rest = text;
    loop {
        match *rest {
            [open @ (b'{' | b'['), ref inner @ ..] => {
                if depth >= most {
                    return None;
                }
                (kinds, depth) = ((kinds << 1) | u128::from(open == b'{'), depth + 1);
                rest = trimmed(inner);
                match (open, rest) {
                    (b'{', [b'}', ..]) | (b'[', [b']', ..]) => {}
                    (b'{', _) => {
                        rest = name(rest)?;
                        continue;
                    }
                    _ => continue,
                }
            }
            _ => rest = trimmed(scalar(rest)?),
        }
        // A value has ended, or a container is empty.
        loop {
            match (rest, kinds & 1) {
                ([b',', next @ ..], 1) => {
                    rest = name(trimmed(next))?;
                    break;
                }
                ([b',', next @ ..], _) => {
                    rest = trimmed(next);
                    break;
                }
                ([b'}', after @ ..], 1) | ([b']', after @ ..], 0) => {
                    (kinds, depth) = (kinds >> 1, depth - 1);
                    if depth == 0 {
                        return Some(after);
                    }
                    rest = trimmed(after);
                }
                _ => return None,
            }
        }
    }
}

/// The value of a member that is skipped, whose name comes first.
#[inline(always)]
fn name(text: &[u8]) -> Option<&[u8]> {
    let [b'"', ..] = text else { return None };
    let [b':', value @ ..] = text.get(string(text)?..)? else { return None };
    Some(trimmed(value))
}

/// The length of the string that begins with this quote. None, as in the next two: it is not whole or not sound.
#[inline(always)]
fn string(text: &[u8]) -> Option<usize> {
    let content = text.get(1..)?;
    let plain = text::plain(content);
    if content.get(plain) == Some(&b'"') {
        return Some(plain + 2);
    }
    let stop = text::text_further(text, plain + 1).ok()?;
    stop.closed.then(|| stop.at + 1)
}

/// The length of a number after which something comes, and whether it is a whole one.
#[inline(always)]
fn number(text: &[u8]) -> Option<(usize, bool)> {
    usual_number(text).or_else(|| {
        let mut number = Number::START;
        let end = number.take(text, 0);
        (end < text.len() && number.is_complete()).then_some((end, number.whole))
    })
}

/// As `number`, where it has neither sign nor exponent.
#[inline(always)]
fn usual_number(text: &[u8]) -> Option<(usize, bool)> {
    let digits = text::digits(text);
    if digits == 0 || (digits > 1 && text[0] == b'0') {
        return None;
    }
    let (mut length, mut is_whole) = (digits, true);
    if let [b'.', fraction @ ..] = &text[digits..] {
        let decimals = text::digits(fraction);
        if decimals == 0 {
            return None;
        }
        is_whole = fraction[..decimals].iter().all(|digit| *digit == b'0');
        length += 1 + decimals;
    }
    (!matches!(text.get(length)?, b'e' | b'E')).then_some((length, is_whole))
}

/// The length of `true`, `false` or `null`, by its first letter.
#[inline(always)]
fn word(text: &[u8], first: u8) -> Option<usize> {
    let word = literal(first)?;
    text.starts_with(word).then_some(word.len())
}
