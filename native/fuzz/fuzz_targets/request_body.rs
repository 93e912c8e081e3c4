//! A body ends at the same byte however it arrives, and what is accepted is framed as RFC 9112 says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::fault::Fault;
use portazgo_core::framing::{BodyLength, BodyTracker};

fn follow<'p>(length: BodyLength, pieces: impl Iterator<Item = &'p [u8]>) -> Result<(usize, bool), Fault> {
    let mut tracker = BodyTracker::new(length);
    let mut taken = 0;
    for piece in pieces {
        taken += tracker.advance(piece)?;
        if tracker.is_done() {
            break;
        }
    }
    Ok((taken, tracker.is_done()))
}

fuzz_target!(|data: &[u8]| {
    let Some((&step, body)) = data.split_first() else { return };
    for length in [BodyLength::Chunked, BodyLength::Fixed(u64::from(step) + 1)] {
        let whole = follow(length, std::iter::once(body));
        assert_eq!(follow(length, body.chunks(1 + step as usize)), whole);
        assert_eq!(follow(length, body.chunks(1)), whole);
    }
    if let Ok((end, true)) = follow(BodyLength::Chunked, std::iter::once(body)) {
        read_again(&body[..end]);
    }
});

/// A second reading, by another parser: every chunk where it should be, and nothing behind the last.
fn read_again(mut body: &[u8]) {
    loop {
        let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(body) else {
            panic!("httparse reads no chunk here");
        };
        body = &body[line..];
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).unwrap();
        assert_eq!(&body[size..size + 2], b"\r\n");
        body = &body[size + 2..];
    }
    let mut trailers = [httparse::EMPTY_HEADER; 128];
    assert!(
        matches!(httparse::parse_headers(body, &mut trailers), Ok(httparse::Status::Complete((end, _))) if end == body.len())
    );
}
