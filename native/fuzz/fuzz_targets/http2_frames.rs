//! Frames are found alike however their bytes arrive, and the budgets' verdicts are the same: of a client, and of a backend.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::fault::Fault;
use portazgo_core::framing::http2::{AnswerBudget, Budget, FrameHead, FrameScan, Sent};
use portazgo_core::time::Monotonic;

fuzz_target!(|data: &[u8]| {
    let Some((&step, bytes)) = data.split_first() else { return };
    let whole = follow(bytes, bytes.len().max(1));
    let in_pieces = follow(bytes, 1 + step as usize);
    assert_eq!(in_pieces, whole);
    assert_eq!(answered(bytes, 1 + step as usize), answered(bytes, bytes.len().max(1)));
    let (frames, _) = whole;
    let payloads: u64 = frames.iter().map(|frame| u64::from(frame.length)).sum();
    // All frames but the last one are there with their payloads.
    let last = frames.last().map_or(0, |frame| u64::from(frame.length));
    assert!(payloads - last + 9 * frames.len() as u64 <= bytes.len() as u64);
});

fn follow(bytes: &[u8], step: usize) -> (Vec<FrameHead>, Result<(), Fault>) {
    let mut scan = FrameScan::new(0);
    let mut budget = Budget::new(Monotonic(0));
    let mut frames = Vec::new();
    for piece in bytes.chunks(step) {
        let outcome = scan.advance(piece, |frame| {
            frames.push(frame);
            // Both directions share a budget's counters; what we send is a client's doing too.
            budget.received(frame, Monotonic(frames.len() as u64)).and_then(|()| budget.sent(frame))
        });
        if outcome.is_err() {
            return (frames, outcome);
        }
    }
    (frames, Ok(()))
}

/// A backend's frames, with a request of ours before every eighth. What became of the first few requests, and what ended it.
fn answered(bytes: &[u8], step: usize) -> (Vec<Sent>, Result<(), Fault>) {
    let mut scan = FrameScan::new(0);
    let mut budget = AnswerBudget::new(Monotonic(0));
    let mut outcome = Ok(());
    let mut frames = 0;
    for piece in bytes.chunks(step) {
        outcome = scan.advance(piece, |frame| {
            if frames % 8 == 0 {
                let stream = frames / 4 + 1;
                budget.sent(FrameHead { length: 10, kind: FrameHead::HEADERS, flags: 5, stream, error: 0 });
                assert_eq!(budget.request(stream), Sent::Unanswered);
            }
            frames += 1;
            budget.received(frame, Monotonic(u64::from(frames)))
        });
        if outcome.is_err() {
            break;
        }
    }
    if outcome.is_ok() && frames > 0 {
        assert!(budget.is_settled());
    }
    ((0..8).map(|number| budget.request(2 * number + 1)).collect(), outcome)
}
