//! Reads an answer in pieces and writes what partners may see of it.

use super::machine::{State, Step};
use super::program::{AnswerProgram, NONE};
use super::violation::{Fail, Place, Violation, Why};
use std::sync::Arc;

/// One answer on its way to a partner.
#[derive(Debug)]
pub struct Projector {
    program: Arc<AnswerProgram>,
    state: State,
}

impl Projector {
    /// Begin with the first byte of an answer. `base` is scheme and authority that the call came to: addresses begin with it.
    /// `root` is one that `AnswerProgram::check_root` takes; nothing passes through any other.
    pub fn new(program: &Arc<AnswerProgram>, root: u32, base: &str) -> Self {
        let mut state = State::new();
        state.begin(program, root, base);
        Self { program: Arc::clone(program), state }
    }

    /// Take the next piece; what partners may see is added to `out`. After a violation there is no way on: each further call
    /// returns the same.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        self.feed_until(piece, usize::MAX, out).map(|_| ())
    }

    /// As `feed`, but stop before the next member or item once `out` has `most` bytes or more. Returns how much of the piece was
    /// taken; the rest is to be fed again when `out` has been taken away.
    ///
    /// Constants and defaults can make much of little: an array of empty objects says nothing of how much is written.
    pub fn feed_until(&mut self, piece: &[u8], most: usize, out: &mut Vec<u8>) -> Result<usize, Violation> {
        self.state.feed(&self.program, piece, most, out)
    }

    /// The answer has ended. Only now is it known to be whole.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Violation> {
        self.state.finish(&self.program, out)
    }

    /// How the answer broke its contract; None: it did not, so far.
    pub fn violation(&self) -> Option<&Violation> {
        self.state.broken.as_deref()
    }

    /// Whether the whole value has come.
    pub fn is_done(&self) -> bool {
        self.state.step == Step::Done
    }
}

/// What projecting takes beside the program, to be used for one whole answer after the other.
#[derive(Debug)]
pub struct Workspace(State);

impl Default for Workspace {
    fn default() -> Self {
        Self(State::new())
    }
}

impl Workspace {
    /// Project an answer of which all is here, as a `Projector` would. False: it makes `most` bytes or more, and what was added
    /// to `out` is not all of it.
    pub fn project(
        &mut self,
        program: &AnswerProgram,
        root: u32,
        base: &str,
        whole: &[u8],
        most: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, Violation> {
        let state = &mut self.0;
        state.begin(program, root, base);
        let taken = state.feed(program, whole, most, out)?;
        if taken < whole.len() || out.len() >= most {
            return Ok(false);
        }
        state.finish(program, out)?;
        Ok(true)
    }
}

impl State {
    /// Before the first byte of an answer.
    fn begin(&mut self, program: &AnswerProgram, root: u32, base: &str) {
        self.clear(if program.check_root(root).is_ok() { root } else { NONE });
        self.remembered.begin(program);
        let base = if program.writes_addresses() { base } else { "" };
        if *self.base != *base {
            self.base = base.into();
        }
    }

    fn feed(
        &mut self,
        program: &AnswerProgram,
        piece: &[u8],
        most: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, Violation> {
        self.going_on()?;
        self.swap_holds(out);
        let outcome = self.run(program, piece, most.max(1), out);
        let outcome = outcome.and_then(|taken| self.bound_hold(taken, out).map(|()| taken));
        self.swap_holds(out);
        let taken = outcome.map_err(|fail| self.breaks(program, fail))?;
        self.consumed += taken as u64;
        Ok(taken)
    }

    fn finish(&mut self, program: &AnswerProgram, out: &mut Vec<u8>) -> Result<(), Violation> {
        self.going_on()?;
        // Nothing but the end says that a number at the root is complete. There is no hold around the root.
        let outcome = match self.step {
            Step::Cut if self.frames.is_empty() && self.cut.ends_here() => {
                self.token_ended(program, self.cut.began(), out)
            }
            _ => Ok(()),
        };
        let outcome = outcome.and_then(|()| match self.step {
            Step::Done => Ok(()),
            _ => Err(Fail::new(Why::Truncated, 0)),
        });
        outcome.map_err(|fail| self.breaks(program, fail))
    }

    fn going_on(&self) -> Result<(), Violation> {
        self.broken.as_deref().map_or(Ok(()), |violation| Err(violation.clone()))
    }

    /// Say where the machine stopped, and never go on.
    fn breaks(&mut self, program: &AnswerProgram, fail: Fail) -> Violation {
        let mut place = Place::default();
        for frame in &self.frames {
            frame.tell(program, &mut place);
        }
        for name in self.missing.take().iter().flat_map(|names| names.iter()) {
            place.push(name);
        }
        let offset = self.consumed.saturating_add_signed(fail.at as i64);
        let (place, field) = place.into_texts();
        let violation = Violation { offset, why: fail.why, place, field };
        self.broken = Some(Box::new(violation.clone()));
        violation
    }
}
