//! A backend's answer is judged alike however it arrives, and what is accepted no HTTP library above may refuse. What is
//! accepted of it as HTTP/2 is accepted as HTTP/1.1 too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::fault::Fault;
use portazgo_core::framing::http2::judge_answer;
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

/// Lines of `name:value`, as HTTP/2 has them; where they pass, the head of HTTP/1.1 that they make must pass.
fn judged_as_http2(bytes: &[u8]) {
    let pair = |line: &'_ [u8]| {
        let at = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        (line[..at].to_vec(), line[(at + 1).min(line.len())..].to_vec())
    };
    let fields: Vec<(Vec<u8>, Vec<u8>)> = bytes.split(|&byte| byte == b'\n').map(pair).collect();
    let status = 200 + u16::from(bytes.len() as u8);
    let borrowed = fields.iter().map(|(name, value)| (&name[..], &value[..]));
    if judge_answer(status, borrowed, &Limits::default()).is_err() {
        return;
    }
    let mut head = format!("HTTP/1.1 {status} OK\r\n").into_bytes();
    for (name, value) in &fields {
        for piece in [&name[..], b": ", value, b"\r\n"] {
            head.extend_from_slice(piece);
        }
    }
    head.extend_from_slice(b"\r\n");
    let roomy = Limits { head_bytes: Limits::default().head_bytes + 64, ..Limits::default() };
    AnswerTracker::new(true).look(&head, &roomy).expect("it passed as HTTP/2");
}

fuzz_target!(|data: &[u8]| {
    let Some((&step, bytes)) = data.split_first() else { return };
    judged_as_http2(bytes);
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
