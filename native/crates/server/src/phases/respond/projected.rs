//! A backend's body under a contract, on its way to the partner: decoded, projected, and never further ahead of the partner than
//! a few pieces. What breaks a rule ends it: nothing more is written.

use super::Stream;
use crate::coding::Decoder;
use crate::coding::encoder::Encoder;
use crate::samples::Tap;
use crate::thread::Thread;
use bytes::{Buf as _, Bytes};
use portazgo_core::contract::Hold;
use portazgo_core::fault::Fault;
use portazgo_core::transform::answer::{Projector, Violation};
use std::future::poll_fn;
use std::ops::Range;
use std::task::{Context, Poll, ready};

/// Output that is handed on in one piece, where there is so much.
pub(crate) const PIECE: usize = 16 * 1024;
/// Input that is looked at in one step, however large a piece of the backend's is. Of a contract's constants and defaults it can
/// make far more: a projector stops when there is as much output as is wanted.
pub(crate) const STEP: usize = 16 * 1024;
/// Of an answer that is held whole.
const MOST_HELD: usize = 16 * 1024 * 1024;
/// Output that is coded before others have their turn.
const MOST_CODED: usize = 64 * 1024;
/// While memory is short, no more than this of an answer is held.
const SMALL_BYTES: usize = 64 * 1024;

/// What becomes of the decoded bytes.
pub(crate) enum Work {
    Project(Box<Projector>),
    /// They pass, up to so many.
    Copy(u64),
    /// Nobody wants them.
    Drop,
}

/// The body.
pub(crate) struct Projected {
    pub(crate) stream: Stream,
    decoder: Option<Decoder>,
    /// Where the decoder writes; empty without one.
    space: Box<[u8]>,
    /// What of `space` was decoded, and not yet worked on.
    decoded: Range<usize>,
    work: Work,
    /// Received, and not yet looked at.
    piece: Bytes,
    /// The decoder has more of what it took than there was room for.
    undecoded: bool,
    /// What the partner gets next.
    output: Vec<u8>,
    /// Bytes that came from the backend, not yet counted by whoever asks.
    received: u64,
    /// Keeps what is projected, where it is to be compared with the schema.
    pub(crate) tap: Option<Box<Tap>>,
    done: bool,
    /// What the output is coded by on its way to the partner; None: it goes as it is.
    encoder: Option<Encoder>,
    /// Output that is not yet coded.
    uncoded: Bytes,
}

impl Projected {
    pub(crate) fn new(stream: Stream, decoder: Option<Decoder>, work: Work) -> Self {
        let space = if decoder.is_some() { vec![0; STEP].into() } else { Box::default() };
        Self {
            stream,
            decoder,
            space,
            decoded: 0..0,
            work,
            piece: Bytes::new(),
            undecoded: false,
            output: Vec::new(),
            received: 0,
            tap: None,
            done: false,
            encoder: None,
            uncoded: Bytes::new(),
        }
    }

    /// Go on until the answer is whole, or there is as much output as is held back. Until then its head can still become a
    /// problem. Returns whether it is whole.
    pub(crate) async fn hold(&mut self, thread: &Thread, hold: Hold) -> Result<bool, Fault> {
        let most = match hold {
            Hold::Bytes(most) => most,
            Hold::Whole => MOST_HELD,
        };
        loop {
            let wanted = most.min(self.output.len() + PIECE);
            poll_fn(|context| self.poll_until(wanted, context)).await?;
            if self.done {
                return Ok(true);
            }
            if self.output.len() >= most {
                return if hold == Hold::Whole { Err(Fault::BackendResponseTooLarge) } else { Ok(false) };
            }
            if self.output.len() > SMALL_BYTES && thread.shared.levels.is_memory_short() {
                return Err(Fault::GatewayOverloaded);
            }
        }
    }

    /// The next piece for the partner; empty only when there is none any more.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Fault>> {
        if let Some(encoder) = self.encoder.take() {
            return self.poll_coded(encoder, context);
        }
        match self.poll_until(PIECE, context) {
            Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
            Poll::Pending if self.output.is_empty() => return Poll::Pending,
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        Poll::Ready(Ok(Bytes::from(std::mem::take(&mut self.output))))
    }

    /// From here on the partner gets it coded.
    pub(crate) fn code(&mut self, encoder: Encoder) {
        self.encoder = Some(encoder);
    }

    /// Bytes of output that nobody has taken.
    pub(crate) fn made(&self) -> usize {
        self.output.len()
    }

    /// All of an answer that is whole, coded.
    pub(crate) fn take_coded(&mut self) -> Result<Bytes, Fault> {
        let text = self.take_output();
        match self.encoder.take() {
            None => Ok(text),
            Some(mut encoder) => {
                encoder.write(&text).and_then(|()| encoder.finish()).map_err(|_| Fault::GatewayOverloaded)
            }
        }
    }

    /// The next piece of what is coded. Where the backend pauses, what was coded so far goes out: the partner does not wait for
    /// the rest.
    fn poll_coded(&mut self, mut encoder: Encoder, context: &mut Context<'_>) -> Poll<Result<Bytes, Fault>> {
        let mut looked_at = 0;
        loop {
            let mut pauses = false;
            if self.uncoded.is_empty() {
                pauses = match self.poll_until(PIECE, context) {
                    Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                    Poll::Ready(Ok(())) => false,
                    Poll::Pending => true,
                };
                self.uncoded = self.take_output();
            }
            let next = self.uncoded.split_to(self.uncoded.len().min(STEP));
            looked_at += next.len();
            let coded = encoder.write(&next).and_then(|()| {
                if self.done && self.uncoded.is_empty() {
                    return encoder.finish().map(Some);
                }
                if pauses {
                    encoder.flush()?;
                }
                Ok(None)
            });
            match coded {
                // A coder's only errors are of memory.
                Err(_) => return Poll::Ready(Err(Fault::GatewayOverloaded)),
                Ok(Some(last)) => return Poll::Ready(Ok(last)),
                Ok(None) => {}
            }
            let has_looked_at_much = looked_at >= MOST_CODED;
            if pauses || has_looked_at_much || encoder.made() >= PIECE {
                let piece = encoder.take();
                self.encoder = Some(encoder);
                if piece.is_empty() && has_looked_at_much {
                    context.waker().wake_by_ref();
                }
                return if piece.is_empty() { Poll::Pending } else { Poll::Ready(Ok(piece)) };
            }
        }
    }

    /// All that there is.
    pub(crate) fn take_output(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.output))
    }

    /// Whether the backend's body has ended as it should.
    pub(crate) fn is_done(&self) -> bool {
        self.done && self.encoder.is_none()
    }

    /// Whether nothing more comes.
    pub(crate) fn is_at_end(&self) -> bool {
        self.is_done() && self.output.is_empty()
    }

    /// All that came, where nothing of it has been worked on.
    pub(crate) fn untouched(&self) -> Option<&[u8]> {
        (self.decoder.is_none() && self.received == self.piece.len() as u64).then_some(&self.piece)
    }

    /// How it broke its contract, where that is what ended it.
    pub(crate) fn violation(&self) -> Option<&Violation> {
        match &self.work {
            Work::Project(projector) => projector.violation(),
            Work::Copy(_) | Work::Drop => None,
        }
    }

    /// Bytes that came from the backend since this was asked last.
    pub(crate) fn take_received(&mut self) -> u64 {
        std::mem::take(&mut self.received)
    }

    fn poll_until(&mut self, wanted: usize, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        while !self.done && self.output.len() < wanted {
            if !self.piece.is_empty() || self.undecoded || !self.decoded.is_empty() {
                self.step(wanted)?;
            } else if self.stream.is_at_end() {
                self.finish()?;
            } else {
                match ready!(self.stream.poll(context))? {
                    Some(piece) => {
                        self.received += piece.len() as u64;
                        self.piece = piece;
                    }
                    None => self.finish()?,
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn step(&mut self, wanted: usize) -> Result<(), Fault> {
        let Self { decoder, space, decoded, work, piece, undecoded, output, tap, .. } = self;
        let next = &piece[..piece.len().min(STEP)];
        let Some(decoder) = decoder else {
            let taken = work.on(next, wanted, output).inspect_err(|_| Tap::misfit(tap, &piece[..]))?;
            Tap::pass(tap, &next[..taken]);
            piece.advance(taken);
            return Ok(());
        };
        if Range::is_empty(decoded) {
            let (taken, made) = decoder.step(next, space)?;
            piece.advance(taken);
            *undecoded = made == space.len();
            *decoded = 0..made;
        }
        let next = &space[decoded.clone()];
        let taken = work.on(next, wanted, output).inspect_err(|_| Tap::misfit(tap, next))?;
        Tap::pass(tap, &next[..taken]);
        decoded.start += taken;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Fault> {
        if let Some(decoder) = &self.decoder {
            decoder.finish()?;
        }
        if let Work::Project(projector) = &mut self.work {
            projector.finish(&mut self.output).map_err(|_| Fault::ContractViolationResponse)?;
        }
        if let Some(tap) = &mut self.tap {
            tap.end(true);
        }
        self.done = true;
        Ok(())
    }
}

impl Work {
    /// Work on what came, until there is as much output as is wanted. Returns how much of it was taken.
    fn on(&mut self, piece: &[u8], wanted: usize, output: &mut Vec<u8>) -> Result<usize, Fault> {
        match self {
            Self::Project(projector) => {
                // What is shown is seldom more than what came.
                if output.capacity() == 0 {
                    output.reserve(piece.len());
                }
                projector.feed_until(piece, wanted, output).map_err(|_| Fault::ContractViolationResponse)
            }
            Self::Copy(left) => {
                *left = left.checked_sub(piece.len() as u64).ok_or(Fault::BackendResponseTooLarge)?;
                output.extend_from_slice(piece);
                Ok(piece.len())
            }
            Self::Drop => Ok(piece.len()),
        }
    }
}
