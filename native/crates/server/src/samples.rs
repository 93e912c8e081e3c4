//! Answers that wait to be compared with the backend's schema, and requests that wait to be recorded without their values: a few
//! whole bodies, in memory and bounded. The node process takes them, derives places, types and forms, and drops them; no value
//! leaves this process.

use portazgo_core::contract::{Recording, Taken, View};
use portazgo_core::ids::Id;
use portazgo_core::time::{Monotonic, WallTime};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A larger answer is let go: what of it was kept could not be told from one that ended early.
const MOST_BYTES: usize = 256 * 1024;
/// A larger request is let go: as much is recorded of one, and no more.
const MOST_REQUEST_BYTES: usize = 16 * 1024;
/// So many wait, and no more are begun while they do.
const MOST_WAITING: usize = 16;
const MINUTE_NS: u64 = 60_000_000_000;

/// A backend's answer, decoded, or a partner's request.
pub struct Sample {
    /// By which records name the contract's version.
    pub contract_version: u32,
    /// The route's id.
    pub route: Id,
    /// As the backend said it; None: it is a request, which the contract let pass.
    pub status: Option<u16>,
    /// When it came.
    pub at: WallTime,
    /// What came. None of a request: whether its route records any is not known.
    pub body: Vec<u8>,
    /// Whether that is all of it: an answer that broke the contract may not have been read to its end.
    pub whole: bool,
}

/// One per node.
#[derive(Default)]
pub(crate) struct Samples {
    queue: Mutex<Queue>,
    arrived: Condvar,
    /// Of all routes together; 0: none is taken.
    per_minute: u32,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Sample>,
    minute: u64,
    taken: u32,
}

impl Samples {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute, ..Self::default() }
    }

    /// Whether one more may be begun now.
    fn admits(&self, now: Monotonic) -> bool {
        if self.per_minute == 0 {
            return false;
        }
        let mut queue = self.queue();
        let minute = now.0 / MINUTE_NS;
        if queue.minute != minute {
            (queue.minute, queue.taken) = (minute, 0);
        }
        let admits = queue.taken < self.per_minute && queue.waiting.len() < MOST_WAITING;
        queue.taken += u32::from(admits);
        admits
    }

    fn submit(&self, sample: Sample) {
        let mut queue = self.queue();
        if queue.waiting.len() < MOST_WAITING {
            queue.waiting.push_back(sample);
            drop(queue);
            self.arrived.notify_one();
        }
    }

    /// Take what waits, at most `most`; waits for the first.
    pub(crate) fn take(&self, within: Duration, most: usize) -> Vec<Sample> {
        let queue = self.queue();
        let (mut queue, _) = self
            .arrived
            .wait_timeout_while(queue, within, |queue| queue.waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let count = most.min(queue.waiting.len());
        queue.waiting.drain(..count).collect()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, as the partner sent it; the contract has let it pass.
pub(crate) struct Request<'b> {
    pub(crate) contract_version: u32,
    pub(crate) route: Id,
    pub(crate) body: &'b [u8],
    pub(crate) now: Monotonic,
    pub(crate) at: WallTime,
}

impl Request<'_> {
    /// Take it, if it is one of those that are taken. `chance` is any number.
    pub(crate) fn take(&self, samples: &Samples, recording: &Recording, chance: u32) {
        if self.body.len() > MOST_REQUEST_BYTES || samples.per_minute == 0 {
            return;
        }
        let body = match recording.takes(self.now, chance) {
            Some(Taken::Body) if samples.admits(self.now) => self.body.to_vec(),
            // It takes nothing from what a minute may have.
            Some(Taken::Question) => Vec::new(),
            _ => return,
        };
        let Self { contract_version, route, at, .. } = *self;
        samples.submit(Sample { contract_version, route, status: None, at, body, whole: true });
    }
}

/// Which answer it is.
pub(crate) struct Origin<'v> {
    pub(crate) view: &'v View,
    pub(crate) route: Id,
    pub(crate) status: u16,
    pub(crate) now: Monotonic,
    pub(crate) at: WallTime,
}

impl Origin<'_> {
    /// Begin to keep the answer, if it is one of those that are taken. `chance` is any number.
    pub(crate) fn tap(&self, samples: &Arc<Samples>, chance: u32) -> Option<Box<Tap>> {
        let is_taken = self.view.sampling.takes(self.now, chance) && samples.admits(self.now);
        is_taken.then(|| Box::new(Tap { samples: Arc::clone(samples), sample: Some(self.sample(Vec::new(), false)) }))
    }

    /// One that broke the contract with its first piece, and was not being kept.
    pub(crate) fn submit_misfit(&self, samples: &Samples, piece: &[u8]) {
        if piece.len() <= MOST_BYTES && self.view.sampling.takes_misfit(self.now) && samples.admits(self.now) {
            samples.submit(self.sample(piece.to_vec(), false));
        }
    }

    /// One that came and was worked on in one piece; `kept`: it kept the contract.
    pub(crate) fn note(&self, samples: &Samples, tap: &mut Option<Box<Tap>>, answer: &[u8], kept: bool) {
        match tap {
            Some(tap) => {
                tap.keep(answer);
                tap.end(kept);
            }
            None if kept => {}
            None => self.submit_misfit(samples, answer),
        }
    }

    fn sample(&self, body: Vec<u8>, whole: bool) -> Sample {
        let Self { view, route, status, at, .. } = *self;
        let status = Some(status);
        Sample { contract_version: view.edition.number, route, status, at, body, whole }
    }
}

/// Keeps an answer while it passes. Dropped on the way, it tells nothing.
pub(crate) struct Tap {
    samples: Arc<Samples>,
    /// None: it was too large, or is told.
    sample: Option<Sample>,
}

impl Tap {
    /// What was worked on; mostly nobody keeps it.
    pub(crate) fn pass(tap: &mut Option<Box<Self>>, piece: &[u8]) {
        if let Some(tap) = tap {
            tap.keep(piece);
        }
    }

    /// The rest of what came, of an answer that breaks its contract there.
    pub(crate) fn misfit(tap: &mut Option<Box<Self>>, rest: &[u8]) {
        if let Some(tap) = tap {
            tap.keep(rest);
            tap.end(false);
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        match &mut self.sample {
            Some(sample) if sample.body.len() + piece.len() <= MOST_BYTES => sample.body.extend_from_slice(piece),
            sample => *sample = None,
        }
    }

    /// No more comes: `whole` when that was all.
    pub(crate) fn end(&mut self, whole: bool) {
        if let Some(mut sample) = self.sample.take() {
            sample.whole = whole;
            self.samples.submit(sample);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portazgo_core::contract::Rate;

    fn tap(samples: &Arc<Samples>) -> Tap {
        let sample = Sample {
            contract_version: 7,
            route: Id([1; 16]),
            status: Some(200),
            at: WallTime(5),
            body: Vec::new(),
            whole: false,
        };
        Tap { samples: Arc::clone(samples), sample: Some(sample) }
    }

    fn bodies(samples: &Samples) -> Vec<(Vec<u8>, bool)> {
        samples.take(Duration::ZERO, 100).into_iter().map(|sample| (sample.body, sample.whole)).collect()
    }

    #[test]
    fn what_passes_is_kept_and_told_once_at_its_end() {
        let samples = Arc::new(Samples::new(60));
        let mut kept = tap(&samples);
        kept.keep(b"{\"a\"");
        assert!(bodies(&samples).is_empty());
        kept.keep(b":1}");
        kept.end(true);
        kept.end(false);
        assert_eq!(bodies(&samples), [(b"{\"a\":1}".to_vec(), true)]);
    }

    #[test]
    fn what_is_too_large_or_never_ends_tells_nothing() {
        let samples = Arc::new(Samples::new(60));
        let mut large = tap(&samples);
        large.keep(&vec![b' '; MOST_BYTES]);
        large.keep(b" ");
        large.keep(b"1");
        large.end(true);
        let mut cut_off = tap(&samples);
        cut_off.keep(b"1");
        drop(cut_off);
        assert!(bodies(&samples).is_empty());
    }

    #[test]
    fn as_many_are_begun_as_a_minute_allows_and_none_while_many_wait() {
        let samples = Arc::new(Samples::new(20));
        let begun = |minute: u64| (0..40).filter(|_| samples.admits(Monotonic(minute * MINUTE_NS))).count();
        assert_eq!((begun(0), begun(0), begun(1)), (20, 0, 20));
        for _ in 0..40 {
            tap(&samples).end(true);
        }
        assert_eq!(begun(2), 0);
        assert_eq!(bodies(&samples).len(), MOST_WAITING);
        assert_eq!((begun(2), Samples::new(0).admits(Monotonic(0))), (20, false));
    }

    #[test]
    fn a_request_is_asked_about_without_its_body_then_taken_unless_it_is_large() {
        let (samples, recording) = (Samples::new(1), Recording::new(Rate { one_in: 1, per_minute: 60 }));
        let send = |body: &[u8]| {
            let request = Request { contract_version: 7, route: Id([1; 16]), body, now: Monotonic(0), at: WallTime(5) };
            request.take(&samples, &recording, 0);
            bodies(&samples)
        };
        assert_eq!(send(b"{}"), [(Vec::new(), true)]);
        recording.tell(true);
        assert_eq!(send(&vec![b' '; MOST_REQUEST_BYTES + 1]), []);
        assert_eq!(send(&vec![b' '; MOST_REQUEST_BYTES]), [(vec![b' '; MOST_REQUEST_BYTES], true)]);
        // That was all that a minute may have.
        assert_eq!(send(b"{}"), []);
    }
}
