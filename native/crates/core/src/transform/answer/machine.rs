//! The machine under a projector. There is no tree of the document: what is open is a frame, and what is written goes out
//! at once, but for what a hold keeps.

use super::action::Kind;
use super::cut::{Cut, Fate};
use super::frame::{Form, Frame, Hold, OTHERS, Slots};
use super::order::Remembered;
use super::program::{AnswerProgram, Member, NONE, Node, Scalar, Target};
use super::skip::{Passed, Skip};
use super::text::{self, Number, Stop, literal, past_space, unescaped};
use super::violation::{Fail, Violation, Why};
use std::sync::Arc;

/// The name of a member that a map copies is kept until its value comes; a longer one is too large.
pub(super) const LONGEST_NAME: usize = 8_192;

/// What of a room is kept for the next answer, and how many of those that holds had.
const KEPT: usize = 16 * 1024;
const MOST_SPARE: usize = 4;

/// Where it stands, between two pieces and within one.
#[derive(Debug)]
pub(super) struct State {
    pub(super) frames: Vec<Frame>,
    /// What came of members beyond a frame's 64.
    pub(super) more: Vec<u8>,
    pub(super) holds: Vec<Hold>,
    /// Buffers of holds that have ended, and their slots.
    pub(super) spare: Vec<(Vec<u8>, Slots)>,
    pub(super) step: Step,
    /// Of the value that comes next.
    pub(super) node: u32,
    pub(super) role: Role,
    pub(super) cut: Cut,
    pub(super) skip: Skip,
    /// Whether what `skip` passes is written.
    copies: bool,
    /// A token that is read whole, as far as it came in earlier pieces.
    pub(super) scratch: Vec<u8>,
    /// The name of the map's member under way, as it is written.
    pub(super) name: Vec<u8>,
    /// What addresses begin with; empty where the program writes none.
    pub(super) base: Box<str>,
    /// The member that is missing, for the place of a violation.
    pub(super) missing: Option<Arc<[Arc<str>]>>,
    pub(super) remembered: Remembered,
    /// What computed values have taken so far.
    pub(super) steps: usize,
    pub(super) consumed: u64,
    pub(super) broken: Option<Box<Violation>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Value,
    /// The first item, or the array's end.
    ItemOrEnd,
    /// The first member, or the object's end.
    NameOrEnd,
    Name,
    Colon,
    /// A comma or an end.
    More,
    /// Within a value of which nothing is decided.
    Skip,
    /// Within a token that the last piece cut off.
    Cut,
    Done,
}

/// What is special about the value that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    /// Null is as if it were absent.
    DropNull,
    Inline,
    Scatter,
    /// Nothing of it is shown.
    Skipped,
}

impl Role {
    #[inline(always)]
    pub(super) fn of(member: &Member) -> Self {
        match member.target {
            Target::Inline => Self::Inline,
            Target::Scatter => Self::Scatter,
            Target::Drop => Self::Skipped,
            _ if member.drop_null => Self::DropNull,
            _ => Self::Plain,
        }
    }
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            frames: Vec::with_capacity(8),
            more: Vec::new(),
            holds: Vec::new(),
            spare: Vec::new(),
            step: Step::Value,
            node: NONE,
            role: Role::Plain,
            cut: Cut::default(),
            skip: Skip::START,
            copies: false,
            scratch: Vec::new(),
            name: Vec::new(),
            base: Box::default(),
            missing: None,
            steps: 0,
            remembered: Remembered::default(),
            consumed: 0,
            broken: None,
        }
    }

    /// As new, but with the room that was taken before, where that is not much.
    pub(super) fn clear(&mut self, root: u32) {
        self.frames.clear();
        self.holds.clear();
        self.spare.retain(|(room, _)| room.capacity() <= KEPT);
        self.spare.truncate(MOST_SPARE);
        for room in [&mut self.more, &mut self.scratch, &mut self.name] {
            room.clear();
            if room.capacity() > KEPT {
                *room = Vec::new();
            }
        }
        (self.step, self.node, self.role) = (Step::Value, root, Role::Plain);
        (self.missing, self.steps, self.consumed, self.broken) = (None, 0, 0, None);
    }

    /// Read a piece, or as much of it as fills `out` to `most` bytes. Returns how much was read.
    pub(super) fn run(
        &mut self,
        program: &AnswerProgram,
        input: &[u8],
        most: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, Fail> {
        let mut at = 0;
        loop {
            if matches!(self.step, Step::Skip | Step::Cut) {
                let on = if self.step == Step::Cut {
                    self.resume(program, input, at, out)?
                } else {
                    self.pass(program, input, at, out)?
                };
                match on {
                    Some(next) => at = next,
                    None => return Ok(input.len()),
                }
                continue;
            }
            at = past_space(input, at);
            let Some(&byte) = input.get(at) else { return Ok(input.len()) };
            match (self.step, byte) {
                (Step::Value, _) => at = self.value(program, input, at, byte, out)?,
                (Step::Name | Step::NameOrEnd, b'"') => {
                    let next = self.members(program, input, at, most, out);
                    at = if next == at { self.name(program, input, at)? } else { next };
                }
                (Step::Colon, b':') => {
                    at += 1;
                    self.step = Step::Value;
                }
                // What a hold keeps has a bound of its own.
                (Step::More, b',') if out.len() >= most && self.holds.is_empty() => return Ok(at),
                (Step::More, b',') => {
                    at += 1;
                    self.next(program);
                }
                (Step::More | Step::NameOrEnd, b'}') if self.in_object() => {
                    self.end_object(program, out).map_err(|why| Fail::new(why, at))?;
                    at += 1;
                }
                (Step::More | Step::ItemOrEnd, b']') if !self.in_object() => {
                    self.frames.pop();
                    out.push(b']');
                    self.close(program, out).map_err(|why| Fail::new(why, at))?;
                    at += 1;
                }
                (Step::ItemOrEnd, _) => {
                    self.next(program);
                    at = self.value(program, input, at, byte, out)?;
                }
                (Step::Done, _) => return Err(Fail::new(Why::Trailing, at)),
                _ => return Err(Fail::new(Why::Json, at)),
            }
        }
    }

    fn in_object(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.form != Form::Array)
    }

    /// Another item or member comes.
    #[inline(always)]
    pub(super) fn next(&mut self, program: &AnswerProgram) {
        let frame = self.frames.last_mut().expect("the root has no comma");
        if frame.form == Form::Array {
            frame.member = frame.member.wrapping_add(1);
            self.node = program.node(frame.of).array;
            self.role = Role::Plain;
            self.step = Step::Value;
        } else {
            self.step = Step::Name;
        }
    }

    /// A member's name, which begins with this quote.
    #[inline(always)]
    fn name(&mut self, program: &AnswerProgram, input: &[u8], from: usize) -> Result<usize, Fail> {
        let Stop { at, closed, escaped } = text::text(input, from + 1)?;
        if !closed {
            self.scratch.clear();
            return Ok(self.cut_text(input, from + 1, at, Fate::Name));
        }
        self.named(program, &input[from + 1..at], escaped, from as isize)?;
        if input.get(at + 1) == Some(&b':') {
            self.step = Step::Value;
            return Ok(at + 2);
        }
        Ok(at + 1)
    }

    /// A name is complete: decide what becomes of its value.
    #[inline(always)]
    pub(super) fn named(
        &mut self,
        program: &AnswerProgram,
        name: &[u8],
        escaped: bool,
        began: isize,
    ) -> Result<(), Fail> {
        self.step = Step::Colon;
        let frame = self.frames.last_mut().expect("names are in objects");
        let object = program.object(frame.of);
        // A lone surrogate is in no name that can be listed.
        let meant = if escaped && name.len() <= LONGEST_NAME { unescaped(name) } else { None };
        let known = if escaped { meant.as_ref().map_or(&b"\xff"[..], |name| name.as_bytes()) } else { name };
        let Some(index) = object.names.find(known) else {
            if object.others == NONE {
                frame.member = NONE;
                self.role = Role::Skipped;
                return Ok(());
            }
            frame.member = OTHERS;
            if name.len() > LONGEST_NAME {
                return Err(Fail { at: began, why: Why::Size });
            }
            if object.written.find(known).is_some() {
                return Err(Fail { at: began, why: Why::Duplicate });
            }
            self.node = object.others;
            self.role = Role::Plain;
            self.name.clear();
            for piece in [&b",\""[..], name, b"\":"] {
                self.name.extend_from_slice(piece);
            }
            return Ok(());
        };
        frame.member = index as u32;
        if frame.mark(index, &mut self.more) {
            return Err(Fail { at: began, why: Why::Duplicate });
        }
        let member = &object.members[index];
        self.node = member.node;
        self.role = Role::of(member);
        Ok(())
    }

    /// A value begins with this byte.
    #[inline(always)]
    fn value(
        &mut self,
        program: &AnswerProgram,
        input: &[u8],
        at: usize,
        byte: u8,
        out: &mut Vec<u8>,
    ) -> Result<usize, Fail> {
        if self.role == Role::Skipped {
            return Ok(self.pass_value(false, at));
        }
        let node = if self.node == NONE { &NOTHING } else { program.node(self.node) };
        let refused = Err(Fail::new(Why::Type, at));
        match byte {
            _ if node.any && !(byte == b'n' && self.role != Role::Plain) => {
                self.open(program, out);
                Ok(self.pass_value(true, at))
            }
            b'"' => match node.string {
                Scalar::Refuse => refused,
                Scalar::Copy => {
                    self.open(program, out);
                    let stop = text::text(input, at + 1)?;
                    if !stop.closed {
                        out.push(b'"');
                        out.extend_from_slice(&input[at + 1..stop.at]);
                        return Ok(self.cut_text(input, at + 1, stop.at, Fate::Write));
                    }
                    out.extend_from_slice(&input[at..=stop.at]);
                    self.close(program, out).map_err(|why| Fail::new(why, at))?;
                    Ok(stop.at + 1)
                }
                Scalar::Act(action) => self.acted_text(program, input, at, action, out),
            },
            b'-' | b'0'..=b'9' => self.number(program, input, at, node, out),
            b'{' => {
                if node.object == NONE {
                    return refused;
                }
                self.deeper(program, at)?;
                self.begin_object(program, node.object, out);
                self.step = Step::NameOrEnd;
                Ok(at + 1)
            }
            b'[' => {
                if node.array == NONE {
                    return refused;
                }
                self.deeper(program, at)?;
                self.open(program, out);
                out.push(b'[');
                self.frames.push(Frame::array(self.node));
                self.step = Step::ItemOrEnd;
                Ok(at + 1)
            }
            b't' | b'f' | b'n' => {
                let word = literal(byte).expect("it begins one");
                let there = &input[at..input.len().min(at + word.len())];
                if !word.starts_with(there) {
                    return Err(Fail::new(Why::Json, at));
                }
                if there.len() < word.len() {
                    self.cut_literal(there);
                    return Ok(input.len());
                }
                self.literal(program, word, out).map_err(|why| Fail::new(why, at))?;
                Ok(at + word.len())
            }
            _ => Err(Fail::new(Why::Json, at)),
        }
    }

    /// `true`, `false` or `null` is complete.
    pub(super) fn literal(&mut self, program: &AnswerProgram, word: &[u8], out: &mut Vec<u8>) -> Result<(), Why> {
        let node = if self.node == NONE { &NOTHING } else { program.node(self.node) };
        if word != b"null" {
            return self.scalar(program, node.boolean, word, Kind::Boolean, out);
        }
        match self.role {
            Role::DropNull => {
                self.forget();
                self.step = Step::More;
                Ok(())
            }
            Role::Inline | Role::Scatter => {
                self.step = Step::More;
                self.void_member(program, out)
            }
            _ if node.null || node.any => {
                self.open(program, out);
                out.extend_from_slice(b"null");
                self.close(program, out)
            }
            _ => Err(Why::Type),
        }
    }

    #[inline(always)]
    fn number(
        &mut self,
        program: &AnswerProgram,
        input: &[u8],
        at: usize,
        node: &Node,
        out: &mut Vec<u8>,
    ) -> Result<usize, Fail> {
        // Before its grammar: how much of it has come must not decide what is told.
        if node.integer == Scalar::Refuse && node.number == Scalar::Refuse {
            return Err(Fail::new(Why::Type, at));
        }
        let mut number = Number::START;
        let end = number.take(input, at);
        if end == input.len() {
            return self
                .cut_number(program, &input[at..], number, node, out)
                .map_err(|why| Fail::new(why, at))
                .map(|()| end);
        }
        if !number.is_complete() {
            return Err(Fail::new(Why::Json, end));
        }
        self.whole_number(program, &input[at..end], number, node, out).map_err(|why| Fail::new(why, at))?;
        Ok(end)
    }

    /// Nothing is decided of this value.
    fn pass_value(&mut self, copies: bool, at: usize) -> usize {
        (self.skip, self.copies, self.step) = (Skip::START, copies, Step::Skip);
        at
    }

    fn pass(
        &mut self,
        program: &AnswerProgram,
        input: &[u8],
        at: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, Fail> {
        let most = program.base.depth - self.frames.len();
        let passed = if self.copies {
            self.skip.pass::<true>(input, at, most, out)?
        } else {
            self.skip.pass::<false>(input, at, most, out)?
        };
        match passed {
            Passed::Ended(next) => {
                self.passed(program, out).map_err(|why| Fail::new(why, at))?;
                Ok(Some(next))
            }
            Passed::Open => Ok(None),
            Passed::Cut(begins) => {
                self.cut_passed(input, begins, if self.copies { Fate::PassWrite } else { Fate::PassDrop }, out)?;
                Ok(None)
            }
        }
    }

    /// A value of which nothing was decided is complete.
    pub(super) fn passed(&mut self, program: &AnswerProgram, out: &mut Vec<u8>) -> Result<(), Why> {
        if self.copies {
            return self.close(program, out);
        }
        self.step = Step::More;
        Ok(())
    }

    fn deeper(&self, program: &AnswerProgram, at: usize) -> Result<(), Fail> {
        (self.frames.len() < program.base.depth).then_some(()).ok_or(Fail::new(Why::Depth, at))
    }

    /// Begin an object where its role says.
    #[inline(always)]
    fn begin_object(&mut self, program: &AnswerProgram, index: u32, out: &mut Vec<u8>) {
        let object = program.object(index);
        let mut frame = Frame::object(index, self.more.len());
        if object.members.len() > 64 {
            self.more.resize(self.more.len() + object.members.len() - 64, 0);
        }
        match self.role {
            Role::Inline => {
                frame.form = if object.hold.is_some() { Form::InlineHold } else { Form::Inline };
                frame.comma = self.frames.last().is_some_and(|around| around.comma);
            }
            Role::Scatter => frame.form = Form::Scatter,
            _ => {
                self.open(program, out);
                if object.hold.is_some() {
                    frame.form = Form::Hold;
                } else {
                    out.push(b'{');
                }
            }
        }
        if let Some(template) = &object.hold {
            self.begin_hold(template, out);
        }
        self.frames.push(frame);
    }
}

/// No type of value may stand here.
const NOTHING: Node = Node {
    null: false,
    any: false,
    boolean: Scalar::Refuse,
    integer: Scalar::Refuse,
    number: Scalar::Refuse,
    string: Scalar::Refuse,
    array: NONE,
    object: NONE,
};
