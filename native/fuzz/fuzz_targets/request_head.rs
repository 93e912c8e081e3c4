//! A head is judged alike however it arrives, and what is accepted no HTTP library above may refuse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::framing::{BodyLength, HeadScan, Limits, Verdict};

fuzz_target!(|data: &[u8]| {
    let Some((&step, head)) = data.split_first() else { return };
    let limits = Limits::default();
    let whole = HeadScan::default().judge(head, &limits);
    let mut scan = HeadScan::default();
    let mut end = 0;
    let in_pieces = loop {
        end = (end + 1 + step as usize).min(head.len());
        let verdict = scan.judge(&head[..end], &limits);
        if verdict != Verdict::Incomplete || end == head.len() {
            break verdict;
        }
    };
    assert_eq!(in_pieces, whole);
    if let Verdict::Accepted(accepted) = whole {
        let text = &head[..accepted.bytes];
        let mut fields = [httparse::EMPTY_HEADER; 256];
        let mut request = httparse::Request::new(&mut fields);
        assert_eq!(request.parse(text), Ok(httparse::Status::Complete(accepted.bytes)));
        let target = request.path.unwrap();
        let uri: http::Uri = target.parse().unwrap();
        assert!(uri.path().starts_with('/') && !uri.path().split('/').any(|segment| matches!(segment, "." | "..")));
        http::Method::from_bytes(request.method.unwrap().as_bytes()).unwrap();
        let named = |name: &str| request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).count();
        assert_eq!(named("host"), 1);
        assert!(named("content-length") + named("transfer-encoding") <= 1);
        assert_eq!(named("transfer-encoding") == 1, accepted.body == BodyLength::Chunked);
        for field in request.headers.iter() {
            http::HeaderName::from_bytes(field.name.as_bytes()).unwrap();
            http::HeaderValue::from_bytes(field.value).unwrap();
        }
    }
});
