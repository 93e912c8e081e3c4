//! Tokens that a piece cut off: what is left of them comes with the next one.

use super::action::{Kind, LONGEST_SCALAR};
use super::machine::{LONGEST_NAME, State, Step};
use super::program::{AnswerProgram, Node, Scalar};
use super::text::{self, Atom, LONGEST_ATOM, Number, atom, literal};
use super::violation::{Fail, Why};
use super::wire::Otherwise;

/// A token of which the beginning has come.
#[derive(Debug, Default)]
pub(super) struct Cut {
    token: Token,
    fate: Fate,
    /// Of a string, the beginning of an escape or of a letter; all that came of a literal.
    carried: [u8; LONGEST_ATOM],
    length: usize,
    /// Of a name, whether an escape came.
    escaped: bool,
    /// How many bytes of it came in earlier pieces: what is wrong with all of it began there.
    before: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum Token {
    #[default]
    Text,
    Number(Number),
    Literal,
}

/// What becomes of the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// Read whole; it's a member's name.
    Name,
    /// Read whole, for the action of this index.
    Act(u32),
    /// Read whole; which action is meant is known at its end.
    Number,
    /// Written as it comes; what is no integer is refused at its end.
    Integer,
    /// Written as it comes.
    Write,
    /// Left out, or something was written in its place.
    #[default]
    Drop,
    /// A literal, which decides when it is whole.
    Literal,
    /// Of a value of which nothing is decided.
    PassWrite,
    PassDrop,
}

impl Cut {
    /// Whether the token may end where the answer does.
    pub(super) fn ends_here(&self) -> bool {
        matches!(self.token, Token::Number(number) if number.is_complete())
    }

    /// Where it began, seen from the piece after all that came of it.
    pub(super) fn began(&self) -> isize {
        -(self.before as isize)
    }

    fn carry(&mut self, bytes: &[u8]) {
        self.carried[..bytes.len()].copy_from_slice(bytes);
        self.length = bytes.len();
    }
}

impl State {
    /// A string's content came from `from` on, and breaks off in the atom that begins at `at`.
    pub(super) fn cut_text(&mut self, input: &[u8], from: usize, at: usize, fate: Fate) -> usize {
        if !matches!(fate, Fate::Write) {
            self.scratch.extend_from_slice(&input[from..at]);
        }
        let escaped = input[from..].contains(&b'\\');
        self.cut = Cut { token: Token::Text, fate, escaped, before: input.len() + 1 - from, ..Cut::default() };
        self.cut.carry(&input[at..]);
        self.step = Step::Cut;
        input.len()
    }

    pub(super) fn cut_literal(&mut self, there: &[u8]) {
        self.cut = Cut { token: Token::Literal, fate: Fate::Literal, before: there.len(), ..Cut::default() };
        self.cut.carry(there);
        self.step = Step::Cut;
    }

    /// A number may go on in the next piece.
    pub(super) fn cut_number(
        &mut self,
        program: &AnswerProgram,
        lexeme: &[u8],
        number: Number,
        node: &Node,
        out: &mut Vec<u8>,
    ) -> Result<(), Why> {
        let fate = match (node.integer, node.number) {
            (Scalar::Copy | Scalar::Refuse, Scalar::Copy) => Fate::Write,
            (Scalar::Copy, Scalar::Refuse) => Fate::Integer,
            _ => Fate::Number,
        };
        self.cut = Cut { token: Token::Number(number), fate, before: lexeme.len(), ..Cut::default() };
        self.step = Step::Cut;
        if fate == Fate::Number {
            self.scratch.clear();
        } else {
            self.open(program, out);
        }
        self.take(program, lexeme, out)
    }

    /// A token of a value of which nothing is decided begins at `begins` and is not whole.
    pub(super) fn cut_passed(
        &mut self,
        input: &[u8],
        begins: usize,
        fate: Fate,
        out: &mut Vec<u8>,
    ) -> Result<(), Fail> {
        let there = &input[begins..];
        let writes = fate == Fate::PassWrite;
        self.cut = Cut { fate, before: there.len(), ..Cut::default() };
        self.step = Step::Cut;
        let mut whole = there.len();
        if there[0] == b'"' {
            let stop = text::text(input, begins + 1)?;
            self.cut.carry(&input[stop.at..]);
            whole = stop.at - begins;
        } else if literal(there[0]).is_some() {
            self.cut.token = Token::Literal;
            self.cut.carry(there);
            whole = 0;
        } else {
            let mut number = Number::START;
            number.take(input, begins);
            self.cut.token = Token::Number(number);
        }
        if writes {
            out.extend_from_slice(&there[..whole]);
        }
        Ok(())
    }

    /// Go on with the token. Returns where it ended, or None where it still goes on.
    pub(super) fn resume(
        &mut self,
        program: &AnswerProgram,
        input: &[u8],
        from: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, Fail> {
        let began = from as isize - self.cut.before as isize;
        let whole = |why| Fail { at: began, why };
        let ended = match self.cut.token {
            Token::Text => self.resume_text(program, input, from, began, out)?,
            Token::Literal => self.resume_literal(input, from, out).map_err(whole)?,
            Token::Number(mut number) => {
                let end = number.take(input, from);
                self.cut.token = Token::Number(number);
                if end < input.len() && !number.is_complete() {
                    return Err(Fail::new(Why::Json, end));
                }
                self.take(program, &input[from..end], out).map_err(whole)?;
                (end < input.len()).then_some(end)
            }
        };
        match ended {
            Some(_) => self.token_ended(program, began, out)?,
            None => self.cut.before += input.len() - from,
        }
        Ok(ended)
    }

    fn resume_literal(&mut self, input: &[u8], from: usize, out: &mut Vec<u8>) -> Result<Option<usize>, Why> {
        let before = self.cut.length;
        let word = literal(self.cut.carried[0]).expect("it began as one");
        let rest = &word[before..];
        let there = &input[from..input.len().min(from + rest.len())];
        if !rest.starts_with(there) {
            return Err(Why::Json);
        }
        self.cut.carried[before..before + there.len()].copy_from_slice(there);
        self.cut.length += there.len();
        if self.cut.length < word.len() {
            return Ok(None);
        }
        if self.cut.fate == Fate::PassWrite {
            out.extend_from_slice(word);
        }
        Ok(Some(from + there.len()))
    }

    fn resume_text(
        &mut self,
        program: &AnswerProgram,
        input: &[u8],
        from: usize,
        began: isize,
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, Fail> {
        let whole = |why| Fail { at: began, why };
        let mut at = from;
        while self.cut.length > 0 {
            let Some(&byte) = input.get(at) else { return Ok(None) };
            at += 1;
            self.cut.carried[self.cut.length] = byte;
            self.cut.length += 1;
            let carried = self.cut.carried;
            match atom(&carried[..self.cut.length]) {
                Atom::Whole(length) => {
                    self.cut.length = 0;
                    self.take(program, &carried[..length], out).map_err(whole)?;
                }
                Atom::Unfinished => {}
                Atom::Wrong => {
                    return Err(Fail { at: at as isize - self.cut.length as isize, why: Why::Json });
                }
            }
        }
        let stop = text::text(input, at)?;
        self.cut.escaped |= stop.escaped;
        self.take(program, &input[at..stop.at], out).map_err(whole)?;
        if !stop.closed {
            self.cut.carry(&input[stop.at..]);
            return Ok(None);
        }
        if self.cut.fate != Fate::Name {
            self.take(program, b"\"", out).map_err(whole)?;
        }
        Ok(Some(stop.at + 1))
    }

    /// More of the token has come.
    pub(super) fn take(&mut self, program: &AnswerProgram, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Why> {
        match self.cut.fate {
            Fate::Write | Fate::Integer | Fate::PassWrite => out.extend_from_slice(bytes),
            Fate::Drop | Fate::PassDrop | Fate::Literal => {}
            Fate::Name => {
                // What is longer can't be listed, and a map refuses it when it is complete.
                let room = (LONGEST_NAME + 1).saturating_sub(self.scratch.len());
                self.scratch.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Fate::Act(action) => {
                self.scratch.extend_from_slice(bytes);
                if self.scratch.len() > LONGEST_SCALAR {
                    return self.too_long(program, action, out);
                }
            }
            Fate::Number => {
                self.scratch.extend_from_slice(bytes);
                if self.scratch.len() > LONGEST_SCALAR {
                    return Err(Why::Size);
                }
            }
        }
        Ok(())
    }

    /// A string is too long for its action: what was kept of it is written, or all of it is dropped.
    fn too_long(&mut self, program: &AnswerProgram, action: u32, out: &mut Vec<u8>) -> Result<(), Why> {
        let scratch = std::mem::take(&mut self.scratch);
        let otherwise = self.beyond(program, action, out)?;
        self.cut.fate = Fate::Drop;
        if otherwise == Otherwise::Copy {
            out.extend_from_slice(&scratch);
            self.cut.fate = Fate::Write;
        }
        self.step = Step::Cut;
        Ok(())
    }

    /// The token, which began at `began`, is complete.
    pub(super) fn token_ended(&mut self, program: &AnswerProgram, began: isize, out: &mut Vec<u8>) -> Result<(), Fail> {
        let whole = |why| Fail { at: began, why };
        if self.cut.fate == Fate::Name {
            let name = std::mem::take(&mut self.scratch);
            let named = self.named(program, &name, self.cut.escaped, began);
            self.scratch = name;
            return named;
        }
        self.value_ended(program, out).map_err(whole)
    }

    fn value_ended(&mut self, program: &AnswerProgram, out: &mut Vec<u8>) -> Result<(), Why> {
        match (self.cut.fate, self.cut.token) {
            (Fate::PassWrite | Fate::PassDrop, _) => {
                self.step = Step::Skip;
                if self.skip.token_ended() { self.passed(program, out) } else { Ok(()) }
            }
            (Fate::Literal, _) => {
                let (word, length) = (self.cut.carried, self.cut.length);
                self.literal(program, &word[..length], out)
            }
            (Fate::Integer, Token::Number(number)) if !number.whole => Err(Why::Type),
            (Fate::Write | Fate::Integer, _) => self.close(program, out),
            (Fate::Number, Token::Number(number)) => {
                let lexeme = std::mem::take(&mut self.scratch);
                let done = self.whole_number(program, &lexeme, number, program.node(self.node), out);
                self.scratch = lexeme;
                done
            }
            (Fate::Act(action), _) => {
                let lexeme = std::mem::take(&mut self.scratch);
                let done = self.act(program, action, &lexeme, Kind::String, out);
                self.scratch = lexeme;
                done
            }
            (Fate::Drop | Fate::Name | Fate::Number, _) => {
                self.step = if self.frames.is_empty() { Step::Done } else { Step::More };
                Ok(())
            }
        }
    }
}
