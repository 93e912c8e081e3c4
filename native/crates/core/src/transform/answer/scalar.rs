//! Scalars that are complete: checked by their node, changed by its action.

use super::action::{Kind, LONGEST_SCALAR, Outcome};
use super::cut::Fate;
use super::machine::{State, Step};
use super::program::{AnswerProgram, Node, Scalar};
use super::text::{self, Number};
use super::violation::{Fail, Why};
use super::wire::Otherwise;

impl State {
    #[inline(always)]
    pub(super) fn scalar(
        &mut self,
        program: &AnswerProgram,
        scalar: Scalar,
        lexeme: &[u8],
        kind: Kind,
        out: &mut Vec<u8>,
    ) -> Result<(), Why> {
        match scalar {
            Scalar::Refuse => Err(Why::Type),
            Scalar::Copy => {
                self.open(program, out);
                out.extend_from_slice(lexeme);
                self.close(program, out)
            }
            Scalar::Act(action) => self.act(program, action, lexeme, kind, out),
        }
    }

    #[inline(always)]
    pub(super) fn whole_number(
        &mut self,
        program: &AnswerProgram,
        lexeme: &[u8],
        number: Number,
        node: &Node,
        out: &mut Vec<u8>,
    ) -> Result<(), Why> {
        let acts = matches!(node.integer, Scalar::Act(_)) || matches!(node.number, Scalar::Act(_));
        if acts && lexeme.len() > LONGEST_SCALAR {
            return Err(Why::Size);
        }
        let kind = if number.whole { Kind::Integer } else { Kind::Number };
        self.scalar(program, node.of_number(number.whole), lexeme, kind, out)
    }

    /// A string with an action begins with this quote.
    pub(super) fn acted_text(
        &mut self,
        program: &AnswerProgram,
        input: &[u8],
        at: usize,
        action: u32,
        out: &mut Vec<u8>,
    ) -> Result<usize, Fail> {
        let fail = |why| Fail::new(why, at);
        let stop = text::text(input, at + 1)?;
        if !stop.closed {
            self.scratch.clear();
            self.scratch.push(b'"');
            let end = self.cut_text(input, at + 1, stop.at, Fate::Act(action));
            self.take(program, b"", out).map_err(fail)?;
            return Ok(end);
        }
        let lexeme = &input[at..=stop.at];
        if lexeme.len() > LONGEST_SCALAR {
            if self.beyond(program, action, out).map_err(fail)? == Otherwise::Copy {
                out.extend_from_slice(lexeme);
                self.close(program, out).map_err(fail)?;
            }
        } else {
            self.act(program, action, lexeme, Kind::String, out).map_err(fail)?;
        }
        Ok(stop.at + 1)
    }

    pub(super) fn act(
        &mut self,
        program: &AnswerProgram,
        action: u32,
        lexeme: &[u8],
        kind: Kind,
        out: &mut Vec<u8>,
    ) -> Result<(), Why> {
        let outcome = program.base.actions[action as usize].apply(lexeme, kind, &program.base.urls, &self.base);
        match outcome {
            Outcome::Write(bytes) => {
                self.open(program, out);
                out.extend_from_slice(&bytes);
                self.close(program, out)
            }
            Outcome::Null => self.write_null(program, out),
            Outcome::Omit => self.omit(),
            Outcome::Fail => Err(Why::Value),
        }
    }

    /// A string is too long for its action: do what there is to do instead. `Copy` has begun to write it.
    pub(super) fn beyond(&mut self, program: &AnswerProgram, action: u32, out: &mut Vec<u8>) -> Result<Otherwise, Why> {
        let otherwise = program.base.actions[action as usize].beyond(&program.base.urls);
        match otherwise {
            Otherwise::Fail => return Err(Why::Size),
            Otherwise::Copy => self.open(program, out),
            Otherwise::Null => self.write_null(program, out)?,
            Otherwise::Omit => self.omit()?,
        }
        Ok(otherwise)
    }

    fn write_null(&mut self, program: &AnswerProgram, out: &mut Vec<u8>) -> Result<(), Why> {
        self.open(program, out);
        out.extend_from_slice(b"null");
        self.close(program, out)
    }

    /// The value is left out. It has come: it is neither missing nor replaced by a default. At the root nothing would be left.
    fn omit(&mut self) -> Result<(), Why> {
        self.step = Step::More;
        if self.frames.is_empty() { Err(Why::Value) } else { Ok(()) }
    }
}
