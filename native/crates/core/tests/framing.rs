//! Framing: what is accepted, what is refused with which fault, and that no split of the input changes a verdict.

use portazgo_core::fault::Fault;
use portazgo_core::framing::{BodyLength, BodyTracker, HeadScan, Limits, Verdict};
use proptest::prelude::*;

fn judge(head: &[u8]) -> Verdict {
    HeadScan::default().judge(head, &Limits::default())
}

fn body_of(head: &[u8]) -> BodyLength {
    match judge(head) {
        Verdict::Accepted(accepted) => {
            assert_eq!(accepted.bytes, head.len());
            accepted.body
        }
        other => panic!("{}: {other:?}", String::from_utf8_lossy(head)),
    }
}

#[test]
fn ordinary_requests_are_accepted() {
    assert_eq!(body_of(b"GET /v1/badges?page=2 HTTP/1.1\r\nHost: api.example\r\n\r\n"), BodyLength::None);
    assert_eq!(body_of(b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n"), BodyLength::Fixed(12));
    assert_eq!(body_of(b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"), BodyLength::Chunked);
    assert_eq!(body_of(b"GET http://A:80/v1 HTTP/1.1\r\nHost: a:80\r\n\r\n"), BodyLength::None);
    assert_eq!(body_of(b"GET /v1/caf%C3%A9 HTTP/1.0\r\nHost: a\r\nX-Note: \xc3\xa9\r\n\r\n"), BodyLength::None);
}

#[test]
fn each_broken_rule_has_its_fault() {
    let cases: &[(&[u8], Fault)] = &[
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", Fault::HeadLineEndInvalid),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", Fault::HeadLineEndInvalid),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", Fault::HeadLineEndInvalid),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", Fault::HeadMalformed),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", Fault::HeadMalformed),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", Fault::HeadMalformed),
        (b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", Fault::HeadMalformed),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadMalformed),
        (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", Fault::HeadMalformed),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", Fault::ProtocolVersionUnsupported),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadMalformed),
        (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadMalformed),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX_Api_Key: b\r\n\r\n", Fault::HeadFieldForbidden),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent_Length: 3\r\n\r\n", Fault::HeadFieldForbidden),
        (b"GET / HTTP/1.1\r\n\r\n", Fault::HeadHostInvalid),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", Fault::HeadHostInvalid),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Fault::HeadHostInvalid),
        (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", Fault::HeadHostInvalid),
        (b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadHostInvalid),
        (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET /a/. HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET /a%5Cb HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET /a%252fb HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET /a?b=%0 HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", Fault::HeadPathInvalid),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", Fault::UpgradeRefused),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            Fault::HeadConflictingLength,
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", Fault::HeadConflictingLength),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", Fault::HeadConflictingLength),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", Fault::HeadConflictingLength),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n", Fault::HeadConflictingLength),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", Fault::HeadConflictingLength),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", Fault::HeadConflictingLength),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Fault::HeadTransferEncodingInvalid),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            Fault::HeadTransferEncodingInvalid,
        ),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::HeadTransferEncodingInvalid),
    ];
    for (head, fault) in cases {
        assert_eq!(judge(head), Verdict::Refused(*fault), "{}", String::from_utf8_lossy(head));
    }
}

#[test]
fn a_head_has_limits() {
    let limits = Limits { head_bytes: 200, head_lines: 3 };
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(300));
    assert_eq!(HeadScan::default().judge(long.as_bytes(), &limits), Verdict::Refused(Fault::HeadTooLarge));
    let many = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n";
    assert_eq!(HeadScan::default().judge(many.as_bytes(), &limits), Verdict::Refused(Fault::HeadTooManyLines));
    assert_eq!(HeadScan::default().judge(&[b'x'; 200], &limits), Verdict::Refused(Fault::HeadTooLarge));
}

#[test]
fn a_chunked_body_ends_after_its_trailers() {
    let body = b"4;name=value\r\nwiki\r\n0\r\nDigest: x\r\n\r\n";
    let mut tracker = BodyTracker::new(BodyLength::Chunked);
    let mut input = body.to_vec();
    input.extend_from_slice(b"GET / HTTP/1.1\r\n");
    assert_eq!(tracker.advance(&input), Ok(body.len()));
    assert!(tracker.is_done());
}

#[test]
fn malformed_chunks_are_refused() {
    let cases: &[&[u8]] = &[
        b"4 \r\nwiki\r\n0\r\n\r\n",
        b"-4\r\nwiki\r\n0\r\n\r\n",
        b"0x4\r\nwiki\r\n0\r\n\r\n",
        b"\r\nwiki\r\n",
        b"4\nwiki\r\n",
        b"4\r\nwikiX\r\n",
        b"4\r\nwiki\n0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"4;a\nb\r\nwiki\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n bad: 1\r\n\r\n",
    ];
    for body in cases {
        let verdict = BodyTracker::new(BodyLength::Chunked).advance(body);
        assert_eq!(verdict, Err(Fault::BodyFramingInvalid), "{}", String::from_utf8_lossy(body));
    }
}

proptest! {
    #[test]
    fn splitting_a_head_does_not_change_its_verdict(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "GET ", "/", "a", " ", "HTTP/1.1", "\r\n", "\r", "\n", "Host", ":", " a", "Content-Length: 3", "Transfer-Encoding: chunked", "\0", "%2e", "..",
            ]),
            0..24,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let input = pieces.concat().into_bytes();
        let whole = judge(&input);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        ends.push(input.len());
        ends.sort_unstable();
        let mut scan = HeadScan::default();
        let mut verdict = Verdict::Incomplete;
        for end in ends {
            verdict = scan.judge(&input[..end], &Limits::default());
            if verdict != Verdict::Incomplete {
                break;
            }
        }
        prop_assert_eq!(verdict, whole);
    }

    #[test]
    fn a_chunked_body_ends_at_the_same_byte_however_it_arrives(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..5),
        step in 1_usize..17,
    ) {
        let mut body = Vec::new();
        for chunk in &chunks {
            body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\n");
        let mut input = body.clone();
        input.extend_from_slice(b"next");
        let mut tracker = BodyTracker::new(BodyLength::Chunked);
        let mut taken = 0;
        for piece in input.chunks(step) {
            taken += tracker.advance(piece).unwrap();
            if tracker.is_done() {
                break;
            }
        }
        prop_assert_eq!(taken, body.len());
    }

    #[test]
    fn garbage_never_panics(input in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = judge(&input);
        let _ = BodyTracker::new(BodyLength::Chunked).advance(&input);
    }
}
