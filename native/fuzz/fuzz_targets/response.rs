//! A backend's answer is judged alike however it arrives, and what is accepted no HTTP library above may refuse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::fault::Fault;
use portazgo_core::framing::{AnswerTracker, Limits};

fn follow<'p>(pieces: impl Iterator<Item = &'p [u8]>, head_request: bool) -> Result<(Vec<u8>, bool), Fault> {
    let mut tracker = AnswerTracker::new(head_request);
    let (mut received, mut released, mut complete) = (Vec::new(), Vec::new(), false);
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        if complete {
            return Err(Fault::BackendBadResponse);
        }
        received.extend_from_slice(piece);
        let answer = tracker.look(&received, &Limits::default())?;
        received.drain(..answer.dropped);
        released.extend(received.drain(..answer.released));
        complete = answer.complete;
    }
    Ok((released, complete))
}

fuzz_target!(|data: &[u8]| {
    let Some((&step, bytes)) = data.split_first() else { return };
    let head_request = step & 1 == 1;
    let whole = follow(std::iter::once(bytes), head_request);
    assert_eq!(follow(bytes.chunks(1 + step as usize), head_request), whole);
    let Ok((released, _)) = whole else { return };
    if !released.is_empty() {
        let mut fields = [httparse::EMPTY_HEADER; 100];
        let mut response = httparse::Response::new(&mut fields);
        let Ok(httparse::Status::Complete(_)) = response.parse(&released) else {
            panic!("httparse reads no head here");
        };
        assert!((200..600).contains(&response.code.unwrap()));
        for field in response.headers.iter() {
            http::HeaderName::from_bytes(field.name.as_bytes()).unwrap();
            http::HeaderValue::from_bytes(field.value).unwrap();
        }
    }
});
