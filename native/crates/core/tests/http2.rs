//! Requests of HTTP/2 on their way to HTTP/1.1: the golden cases that are this crate's to decide. The others are refused by
//! the HTTP/2 library; `tests/blackbox/test_http2_in.py` sends all of them.

use portazgo_core::fault::Fault;
use portazgo_core::framing::http2::{RequestHead, judge};
use portazgo_core::framing::{BodyLength, Limits};
use serde_json::Value;
use std::path::Path;

type Fields = Vec<(String, String)>;

fn cases() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/cases/http2_requests.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    document["cases"].as_array().unwrap().clone()
}

/// Pseudo-headers and fields of a case.
fn parts(case: &Value) -> (Fields, Fields) {
    let pair = |value: &Value| (value[0].as_str().unwrap().to_owned(), value[1].as_str().unwrap().to_owned());
    let all: Fields = case["fields"].as_array().unwrap().iter().map(pair).collect();
    let (pseudo, mut fields): (Fields, Fields) = all.into_iter().partition(|(name, _)| name.starts_with(':'));
    for _ in 0..case["repeat"].as_u64().unwrap_or(0) {
        fields.push(("accept".to_owned(), "x".to_owned()));
    }
    (pseudo, fields)
}

#[test]
fn a_head_of_http_2_is_judged_as_the_head_of_http_1_that_it_becomes() {
    let mut judged = 0;
    for case in cases().iter().filter(|case| case["library"] != true) {
        let (pseudo, fields) = parts(case);
        let named = |name: &str| pseudo.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_bytes());
        let head = RequestHead {
            method: named(":method").unwrap(),
            path: named(":path").unwrap_or_default(),
            authority: named(":authority"),
            has_body: case["data"].is_string(),
        };
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let outcome = judge(&head, fields, &Limits::default());
        match case["fault"].as_str() {
            // Faults of later phases are no business of framing's.
            None | Some("key_ambiguous") => {
                let (accepted, host) = outcome.unwrap_or_else(|fault| panic!("{}: {case}", fault.code()));
                assert!(host.eq_ignore_ascii_case(b"gate.example"), "{case}");
                let length = case["fields"].as_array().unwrap().iter().find(|field| field[0] == "content-length");
                let expected = match (length, case["data"].is_string()) {
                    (Some(length), _) if length[1] == "0" => BodyLength::None,
                    (Some(length), _) => BodyLength::Fixed(length[1].as_str().unwrap().parse().unwrap()),
                    (None, true) => BodyLength::Chunked,
                    (None, false) => BodyLength::None,
                };
                assert_eq!(accepted.body, expected, "{case}");
            }
            Some(code) => assert_eq!(outcome.err().map(Fault::code), Some(code), "{case}"),
        }
        judged += 1;
    }
    assert!(judged > 20, "only {judged} cases");
}

#[test]
fn a_head_that_is_too_large_is_refused_whatever_its_fields_are() {
    let head = RequestHead { method: b"GET", path: b"/", authority: Some(b"gate.example"), has_body: false };
    let value = vec![b'a'; 40_000];
    let twice = [(&b"accept"[..], &value[..]), (b"accept-language", &value)];
    assert_eq!(judge(&head, twice.into_iter(), &Limits::default()).err(), Some(Fault::HeadTooLarge));
}
