//! What is written: members in their places, what an object ends with, and what a hold has kept.

use super::compile::MOST_HELD;
use super::frame::{Form, Hold, OTHERS};
use super::machine::{State, Step};
use super::program::{AnswerProgram, NONE, Object, Part, PartValue, Target, Template};
use super::violation::{Fail, Why};
use crate::transform::compute::{Compute, Failed};
use std::sync::Arc;

/// Write what stands before a value or a name, its comma first if there is something before it.
#[inline(always)]
fn separated(comma: &mut bool, prefix: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(if *comma { prefix } else { &prefix[1..] });
    *comma = true;
}

impl State {
    /// The value that comes is written: what has to stand before it.
    #[inline(always)]
    pub(super) fn open(&mut self, program: &AnswerProgram, out: &mut Vec<u8>) {
        let Some(frame) = self.frames.last_mut() else { return };
        match frame.form {
            Form::Array => {
                if frame.comma {
                    out.push(b',');
                }
                frame.comma = true;
            }
            Form::Object | Form::Inline if frame.member == OTHERS => separated(&mut frame.comma, &self.name, out),
            Form::Object | Form::Inline => {
                let member = &program.object(frame.of).members[frame.member as usize];
                separated(&mut frame.comma, &member.prefix, out);
            }
            Form::Hold | Form::InlineHold | Form::Scatter => {
                self.holds.last_mut().expect("a hold is around it").begins = out.len();
            }
        }
    }

    /// The value that `open` began is complete.
    #[inline(always)]
    pub(super) fn close(&mut self, program: &AnswerProgram, out: &mut Vec<u8>) -> Result<(), Why> {
        self.step = Step::More;
        let Some(frame) = self.frames.last() else {
            self.step = Step::Done;
            return Ok(());
        };
        if frame.form == Form::Array || frame.member == OTHERS {
            return Ok(());
        }
        let member = &program.object(frame.of).members[frame.member as usize];
        for _ in 0..member.braces {
            out.push(b'}');
        }
        if let Target::Slot(slot) = member.target {
            return self.keep(slot, out);
        }
        Ok(())
    }

    /// A slot of the innermost hold is complete.
    fn keep(&mut self, slot: u16, out: &[u8]) -> Result<(), Why> {
        let hold = self.holds.last_mut().expect("a hold is around it");
        hold.slots[usize::from(slot)] = Some((hold.begins, out.len()));
        if out.len() > hold.bytes || self.held(out) > MOST_HELD { Err(Why::Size) } else { Ok(()) }
    }

    /// What all holds that are open keep. `around` of the outermost is not kept, but written.
    fn held(&self, out: &[u8]) -> usize {
        self.holds.iter().skip(1).fold(out.len(), |sum, hold| sum + hold.around.len())
    }

    /// The member under way is null, and as if it were absent.
    pub(super) fn forget(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.forget(&mut self.more);
        }
    }

    /// An object is complete.
    #[inline(always)]
    pub(super) fn end_object(&mut self, program: &AnswerProgram, out: &mut Vec<u8>) -> Result<(), Why> {
        let mut frame = self.frames.pop().expect("an object is open");
        let object = program.object(frame.of);
        if object.ends || frame.lacks(object.required) {
            frame.member = NONE;
            let mut comma = frame.comma;
            let ended = self.end_members(program, object, &mut comma, out, |member, more| frame.got(member, more));
            frame.comma = comma;
            if let Err(why) = ended {
                // The place of what is missing begins in this object.
                self.frames.push(frame);
                return Err(why);
            }
        }
        frame.forget_all(&mut self.more);
        match frame.form {
            Form::Object => {
                out.push(b'}');
                return self.close(program, out);
            }
            Form::Hold => {
                self.end_hold(object, &mut false, out, true)?;
                return self.close(program, out);
            }
            Form::InlineHold => self.end_hold(object, &mut frame.comma, out, false)?,
            Form::Inline | Form::Scatter | Form::Array => {}
        }
        if frame.form != Form::Scatter {
            self.frames.last_mut().expect("it is written into another").comma = frame.comma;
        }
        self.step = Step::More;
        Ok(())
    }

    /// What stands at an object's end: defaults, what objects that are absent would have written, and constants.
    fn end_members(
        &mut self,
        program: &AnswerProgram,
        object: &Object,
        comma: &mut bool,
        out: &mut Vec<u8>,
        got: impl Fn(usize, &[u8]) -> bool,
    ) -> Result<(), Why> {
        for (index, member) in object.members.iter().enumerate() {
            if got(index, &self.more) {
                continue;
            }
            if member.required {
                self.missing = Some(Arc::clone(&member.place));
                return Err(Why::Missing);
            }
            match (member.target, &member.default) {
                (Target::Inline | Target::Scatter, _) => self.void(program, member.node, comma, out)?,
                (Target::Out, Some(default)) => {
                    separated(comma, &member.prefix, out);
                    out.extend_from_slice(default);
                    out.extend(std::iter::repeat_n(b'}', usize::from(member.braces)));
                }
                (Target::Slot(slot), Some(default)) => {
                    self.holds.last_mut().expect("a hold is around it").begins = out.len();
                    out.extend_from_slice(default);
                    self.keep(slot, out)?;
                }
                (Target::Drop, _) | (_, None) => {}
            }
        }
        for constant in &object.consts {
            separated(comma, &constant.bytes, out);
        }
        Ok(())
    }

    /// An object whose members go elsewhere is null or absent. None of them is asked for; the rest is as at its end.
    fn void(&mut self, program: &AnswerProgram, node: u32, comma: &mut bool, out: &mut Vec<u8>) -> Result<(), Why> {
        let object = program.object(program.node(node).object);
        if let Some(template) = &object.hold {
            self.begin_hold(template, out);
        }
        let required = |index: usize, _: &[u8]| object.members[index].required;
        self.end_members(program, object, comma, out, required)?;
        if object.hold.is_some() {
            self.end_hold(object, comma, out, false)?;
        }
        Ok(())
    }

    /// As `void`, for the member under way.
    pub(super) fn void_member(&mut self, program: &AnswerProgram, out: &mut Vec<u8>) -> Result<(), Why> {
        let frame = self.frames.last().expect("a member is in an object");
        let member = &program.object(frame.of).members[frame.member as usize];
        if member.drop_null {
            self.forget();
            return Ok(());
        }
        let mut comma = frame.comma;
        self.void(program, member.node, &mut comma, out)?;
        self.frames.last_mut().expect("a member is in an object").comma = comma;
        Ok(())
    }

    /// From here on what is written is kept.
    pub(super) fn begin_hold(&mut self, template: &Template, out: &mut Vec<u8>) {
        let (room, mut slots) = self.spare.pop().unwrap_or_default();
        let around = std::mem::replace(out, room);
        slots.resize(template.slots, None);
        self.holds.push(Hold { around, slots, begins: 0, bytes: template.bytes });
    }

    /// Write what was kept, as the template says.
    fn end_hold(&mut self, object: &Object, comma: &mut bool, out: &mut Vec<u8>, braces: bool) -> Result<(), Why> {
        let (Some(mut hold), Some(template)) = (self.holds.pop(), &object.hold) else { unreachable!("it began") };
        let mut kept = std::mem::replace(out, std::mem::take(&mut hold.around));
        if braces {
            out.push(b'{');
        }
        let written = write_parts(&template.parts, &kept, &hold.slots, comma, &mut self.steps, out);
        if braces {
            out.push(b'}');
        }
        kept.clear();
        hold.slots.clear();
        self.spare.push((kept, hold.slots));
        written.map_err(|Unwritten { mut names, why }| {
            names.reverse();
            self.missing = Some(names.into());
            why
        })
    }

    /// Between pieces, what is written and what the innermost hold has kept change places: the caller must find his own.
    pub(super) fn swap_holds(&mut self, out: &mut Vec<u8>) {
        if let Some(outermost) = self.holds.first_mut() {
            std::mem::swap(&mut outermost.around, out);
        }
    }

    /// A value may still be under way in a hold that has enough of it.
    pub(super) fn bound_hold(&self, piece: usize, out: &[u8]) -> Result<(), Fail> {
        match self.holds.last() {
            Some(hold) if out.len() > hold.bytes || self.held(out) > MOST_HELD => Err(Fail::new(Why::Size, piece)),
            _ => Ok(()),
        }
    }
}

/// A part that can't be written.
struct Unwritten {
    /// Innermost first.
    names: Vec<Arc<str>>,
    why: Why,
}

impl Unwritten {
    fn new(part: &Part, why: Why) -> Self {
        Self { names: vec![Arc::clone(&part.name)], why }
    }
}

impl From<Failed> for Why {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Json => Self::Json,
            Failed::Duplicate => Self::Duplicate,
            Failed::Depth => Self::Depth,
            Failed::Type => Self::Type,
            Failed::Value => Self::Value,
            Failed::Size => Self::Size,
        }
    }
}

/// Write what is computed of slots.
fn write_computed(
    compute: &Compute,
    inputs: &[u16],
    kept: &[u8],
    slots: &[Option<(usize, usize)>],
    steps: &mut usize,
    out: &mut Vec<u8>,
) -> Result<(), Why> {
    let inputs = inputs.iter().map(|slot| slots[usize::from(*slot)].map(|(from, to)| &kept[from..to]));
    Ok(compute.write(&inputs.collect::<Vec<_>>(), steps, out)?)
}

/// Write the parts of a template.
fn write_parts(
    parts: &[Part],
    kept: &[u8],
    slots: &[Option<(usize, usize)>],
    comma: &mut bool,
    steps: &mut usize,
    out: &mut Vec<u8>,
) -> Result<(), Unwritten> {
    for part in parts {
        match &part.value {
            PartValue::Slot { slot, required, drop_null, default } => {
                let got = slots[usize::from(*slot)].map(|(from, to)| &kept[from..to]);
                let value = match (got.filter(|got| !(*drop_null && *got == b"null")), default) {
                    (Some(got), _) => got,
                    (None, Some(default)) => default,
                    (None, None) if *required => return Err(Unwritten::new(part, Why::Missing)),
                    (None, None) => continue,
                };
                separated(comma, &part.prefix, out);
                out.extend_from_slice(value);
            }
            PartValue::Const(value) => {
                separated(comma, &part.prefix, out);
                out.extend_from_slice(value);
            }
            PartValue::Compute { compute, inputs } => {
                separated(comma, &part.prefix, out);
                write_computed(compute, inputs, kept, slots, steps, out).map_err(|why| Unwritten::new(part, why))?;
            }
            PartValue::Members { parts, always } => {
                let (before, had_comma) = (out.len(), *comma);
                separated(comma, &part.prefix, out);
                out.push(b'{');
                let mut written = false;
                write_parts(parts, kept, slots, &mut written, steps, out).map_err(|mut unwritten| {
                    unwritten.names.push(Arc::clone(&part.name));
                    unwritten
                })?;
                if written || *always {
                    out.push(b'}');
                } else {
                    out.truncate(before);
                    *comma = had_comma;
                }
            }
        }
    }
    Ok(())
}
