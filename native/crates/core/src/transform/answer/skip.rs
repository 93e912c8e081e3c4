//! Values of which nothing is decided: skipped, or copied as they stand. Either way all of them is checked.

use super::text::{self, Number, literal, past_space};
use super::violation::{Fail, Why};

/// A value that is not looked into, as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skip {
    /// One bit for each container that is open, the innermost lowest: 1 is an object.
    kinds: u128,
    depth: u32,
    wants: Wants,
}

/// More containers in each other than a program may allow would not fit into the bits.
pub(super) const MOST_DEPTH: usize = 128;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Value,
    ItemOrEnd,
    NameOrEnd,
    Name,
    Colon,
    /// A comma or an end.
    More,
}

/// How far a piece led.
pub(super) enum Passed {
    /// The value ended before this place.
    Ended(usize),
    /// The piece ended between two tokens.
    Open,
    /// The piece ended within a token that begins here.
    Cut(usize),
}

impl Skip {
    pub(super) const START: Self = Self { kinds: 0, depth: 0, wants: Wants::Value };

    /// The token that a piece cut off is complete. Returns whether the value is.
    pub(super) fn token_ended(&mut self) -> bool {
        self.wants = match self.wants {
            Wants::Name | Wants::NameOrEnd => Wants::Colon,
            _ => Wants::More,
        };
        self.wants == Wants::More && self.depth == 0
    }

    /// Go on from `from`; `most` containers may be open. With `COPY` what is passed is written, without white space.
    pub(super) fn pass<const COPY: bool>(
        &mut self,
        input: &[u8],
        from: usize,
        most: usize,
        out: &mut Vec<u8>,
    ) -> Result<Passed, Fail> {
        let Self { mut kinds, mut depth, mut wants } = *self;
        let mut at = from;
        // What was not yet written begins here.
        let mut unwritten = from;
        let passed = loop {
            let token = past_space(input, at);
            if COPY && token != at {
                out.extend_from_slice(&input[unwritten..at]);
                unwritten = token;
            }
            at = token;
            let Some(&byte) = input.get(at) else { break Passed::Open };
            // Each arm knows what comes next, so that the compiler can lead from one to the other.
            match wants {
                Wants::Name | Wants::NameOrEnd => {
                    if byte == b'"' {
                        let stop = text::text(input, at + 1)?;
                        if !stop.closed {
                            break Passed::Cut(at);
                        }
                        at = stop.at + 1;
                        wants = Wants::Colon;
                        if input.get(at) == Some(&b':') {
                            at += 1;
                            wants = Wants::Value;
                        }
                        continue;
                    }
                    if byte != b'}' || wants == Wants::Name {
                        return Err(Fail::new(Why::Json, at));
                    }
                    at += 1;
                    (kinds, depth) = (kinds >> 1, depth - 1);
                }
                Wants::Colon => {
                    if byte != b':' {
                        return Err(Fail::new(Why::Json, at));
                    }
                    at += 1;
                    wants = Wants::Value;
                    continue;
                }
                Wants::More => {
                    let in_object = kinds & 1 == 1;
                    if byte == b',' {
                        at += 1;
                        wants = if in_object { Wants::Name } else { Wants::Value };
                        continue;
                    }
                    if byte != if in_object { b'}' } else { b']' } {
                        return Err(Fail::new(Why::Json, at));
                    }
                    at += 1;
                    (kinds, depth) = (kinds >> 1, depth - 1);
                }
                Wants::ItemOrEnd if byte == b']' => {
                    at += 1;
                    (kinds, depth) = (kinds >> 1, depth - 1);
                }
                Wants::Value | Wants::ItemOrEnd if byte == b'{' || byte == b'[' => {
                    if depth as usize >= most {
                        return Err(Fail::new(Why::Depth, at));
                    }
                    at += 1;
                    kinds = (kinds << 1) | u128::from(byte == b'{');
                    depth += 1;
                    wants = if byte == b'{' { Wants::NameOrEnd } else { Wants::ItemOrEnd };
                    continue;
                }
                Wants::Value | Wants::ItemOrEnd => match scalar(input, at, byte)? {
                    Some(end) => at = end,
                    None => break Passed::Cut(at),
                },
            }
            // A value is complete.
            wants = Wants::More;
            if depth == 0 {
                break Passed::Ended(at);
            }
        };
        if COPY {
            out.extend_from_slice(&input[unwritten..at]);
        }
        *self = Self { kinds, depth, wants };
        Ok(passed)
    }
}

/// Where the scalar ends that begins with this byte; None where the piece ends before.
#[inline(always)]
fn scalar(input: &[u8], at: usize, byte: u8) -> Result<Option<usize>, Fail> {
    if byte == b'"' {
        let stop = text::text(input, at + 1)?;
        return Ok(stop.closed.then_some(stop.at + 1));
    }
    if let Some(word) = literal(byte) {
        let there = &input[at..input.len().min(at + word.len())];
        if !word.starts_with(there) {
            return Err(Fail::new(Why::Json, at));
        }
        return Ok((there.len() == word.len()).then_some(at + word.len()));
    }
    let mut number = Number::START;
    let end = number.take(input, at);
    if end == input.len() && end != at {
        return Ok(None);
    }
    if number.is_complete() { Ok(Some(end)) } else { Err(Fail::new(Why::Json, end)) }
}
