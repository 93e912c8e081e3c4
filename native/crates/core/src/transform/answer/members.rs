//! The way that most of an answer takes: members of an object that are whole in the piece, and are copied or skipped. Whatever
//! else there is, wrong JSON too, is left to the machine, which finds everything as it would without this.

use super::frame::{Form, Frame};
use super::machine::{Role, State, Step};
use super::order::Order;
use super::program::{AnswerProgram, Member, NONE, Object, Scalar, Target};
use super::text::{self, Number, literal};

/// What was done with a member.
enum Done<'i> {
    /// Its value ended before this.
    Ended(&'i [u8]),
    /// Its value begins here, and is the machine's.
    Value(&'i [u8]),
    /// Nothing.
    Nothing,
}

impl State {
    /// Read members from the name on that begins at `from`. Returns where the machine is to go on: at `from` itself, if with that
    /// name.
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
        let deeper = program.base.depth - self.frames.len();
        let Some(frame) = self.frames.last_mut() else { return from };
        let object = program.object(frame.of);
        let is_plain = matches!(frame.form, Form::Object | Form::Inline) && object.members.len() <= 64;
        if !is_plain {
            return from;
        }
        let mut remembered = self.remembered.of(frame.of);
        let mut rest = &input[from..];
        let stopped = loop {
            match member(program, object, frame, &mut remembered, rest, deeper, out) {
                Done::Ended(after) => match trimmed(after) {
                    [b',', next @ ..] if out.len() < most => match trimmed(next) {
                        name @ [b'"', ..] => {
                            self.step = Step::Name;
                            rest = name;
                        }
                        other => {
                            self.step = Step::Name;
                            break other;
                        }
                    },
                    other => {
                        self.step = Step::More;
                        break other;
                    }
                },
                Done::Value(value) => {
                    self.role = Role::Skipped;
                    if let Some(known) = object.members.get(frame.member as usize) {
                        (self.role, self.node) = (Role::of(known), known.node);
                    }
                    self.step = Step::Value;
                    break value;
                }
                Done::Nothing => break rest,
            }
        };
        input.len() - stopped.len()
    }
}

/// The member whose name `rest` begins with; `deeper` containers may be open below it.
#[inline(always)]
fn member<'i>(
    program: &AnswerProgram,
    object: &Object,
    frame: &mut Frame,
    remembered: &mut Option<(&mut Order, &mut usize)>,
    rest: &'i [u8],
    deeper: usize,
    out: &mut Vec<u8>,
) -> Done<'i> {
    let expected = remembered.as_ref().and_then(|(order, _)| order.next(&mut frame.next, rest));
    let (index, value) = if let Some((index, after)) = expected {
        (index, trimmed(after))
    } else {
        let Some((index, value)) = named(object, rest) else { return Done::Nothing };
        if let Some((order, spares)) = remembered {
            order.note(&mut frame.next, &rest[..rest.len() - value.len()], index, spares);
        }
        (index, value)
    };
    if value.is_empty() {
        return Done::Nothing;
    }
    let Some(known) = object.members.get(index as usize) else {
        frame.member = NONE;
        let after = if matches!(value[0], b'{' | b'[') { skipped(value, deeper) } else { scalar(value) };
        return after.map_or(Done::Value(value), Done::Ended);
    };
    let index = index as usize;
    if frame.has(index) || known.target == Target::Drop {
        return Done::Nothing;
    }
    frame.mark(index, &mut []);
    frame.member = index as u32;
    if known.target != Target::Out {
        return Done::Value(value);
    }
    let node = program.node(known.node);
    let is_copied = |kind: Scalar| node.any || kind == Scalar::Copy;
    let length = match *value {
        [b'"', ..] if is_copied(node.string) => string(value),
        [b'-' | b'0'..=b'9', ..] => {
            number(value).and_then(|(length, is_whole)| is_copied(node.of_number(is_whole)).then_some(length))
        }
        [first @ (b't' | b'f'), ..] if is_copied(node.boolean) => word(value, first),
        [b'n', ..] if (node.any || node.null) && !known.drop_null => word(value, b'n'),
        _ => None,
    };
    match length.and_then(|length| value.split_at_checked(length)) {
        Some((lexeme, after)) => {
            written(known, &mut frame.comma, lexeme, out);
            Done::Ended(after)
        }
        None => Done::Value(value),
    }
}

/// The index of the member whose name `rest` begins with, `NONE` where it is not listed, and its value.
fn named<'i>(object: &Object, rest: &'i [u8]) -> Option<(u32, &'i [u8])> {
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
fn trimmed(text: &[u8]) -> &[u8] {
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
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // Most are plain integers.
    if !matches!(text.get(digits)?, b'.' | b'e' | b'E' | b'-') && (text[0] != b'0' || digits == 1) {
        return Some((digits, true));
    }
    let mut number = Number::START;
    let end = number.take(text, 0);
    (end < text.len() && number.is_complete()).then_some((end, number.whole))
}

/// The length of `true`, `false` or `null`, by its first letter.
#[inline(always)]
fn word(text: &[u8], first: u8) -> Option<usize> {
    let word = literal(first)?;
    text.starts_with(word).then_some(word.len())
}
