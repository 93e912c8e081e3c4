//! An answer is projected alike however it arrives; what is written is JSON, and nothing that is not listed is in it.
//!
//! The input: how many bytes are fed at once, and a document. The program is fixed and has something of everything; all that
//! it lists has other names than the backend's, so that a name of the backend's in what is written is a leak.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::transform::answer::{AnswerProgram, Projector, Why, Workspace};
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::{Arc, LazyLock};

/// Names of the program's output; anything else is a leak.
const WRITTEN: [&str; 17] = [
    "ID", "NUMBER", "LIST", "HELD", "FREE", "MAP", "WRAP", "AT", "LINK", "FLAG", "KIND", "X", "Y", "REST", "TEXT",
    "CODE", "IN",
];

static PROGRAM: LazyLock<Arc<AnswerProgram>> = LazyLock::new(|| {
    let program = br#"{"depth": 12, "nodes": [
        {"object": {"members": [
            {"in": "id", "node": 1, "out": "ID"}, {"in": "n", "node": 2, "out": "NUMBER", "wrap": ["WRAP"], "default": 0},
            {"in": "list", "node": 3, "out": "LIST"}, {"in": "held", "node": 4, "out": "HELD"}, {"in": "free", "node": 6, "out": "FREE"},
            {"in": "map", "node": 7, "out": "MAP"}, {"in": "at", "node": 8, "out": "AT", "drop_null": true}, {"in": "link", "node": 9, "out": "LINK"},
            {"in": "flag", "node": 10, "out": "FLAG"}, {"in": "in", "node": 11, "inline": true}, {"in": "code", "node": 12, "out": "CODE"}
        ], "consts": [["KIND", "k"]]}},
        {"integer": true, "null": true},
        {"number": true, "string": {"to": "number"}},
        {"array": 3, "object": {"members": [{"in": "list", "node": 3, "out": "LIST"}, {"in": "id", "node": 1, "out": "ID", "required": true}]}},
        {"null": true, "object": {"members": [{"in": "x", "node": 13, "slot": 0}, {"in": "s", "node": 5, "scatter": true}], "hold": {"bytes": 60, "members": [
            {"out": "REST", "members": [{"out": "Y", "slot": 1}]}, {"out": "X", "slot": 0, "default": 1}]}}},
        {"null": true, "object": {"members": [{"in": "y", "node": 4, "slot": 1}]}},
        {"any": true},
        {"object": {"members": [], "others": 2}},
        {"string": {"date": {"from": "date-time", "to": "unix-ms"}}, "number": {"date": {"from": "unix", "to": "date"}}},
        {"string": {"url": 0}},
        {"boolean": {"to": "string"}, "string": {"map": [["yes", true]], "otherwise": "omit"}},
        {"null": true, "object": {"members": [{"in": "t", "node": 13, "out": "IN", "default": "-"}]}},
        {"integer": {"map": [[1, "one"]], "otherwise": "copy"}, "number": true, "string": {"map": [], "otherwise": "null"}},
        {"string": true, "number": {"to": "string"}}
    ], "urls": [{"prefixes": ["http://b.example"], "routes": [{"from": "/a/{id}/", "to": "/v1/{id}"}], "query": [["p", "q"]], "otherwise": "null"}]}"#;
    Arc::new(AnswerProgram::parse(program).expect("it is a program"))
});

/// What is written, or what is wrong and at which byte.
fn project<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> Result<Vec<u8>, (Why, u64)> {
    let mut projector = Projector::new(&PROGRAM, 0, "https://gate.example");
    let mut out = Vec::new();
    let mut fed = 0;
    for piece in pieces {
        fed += piece.len() as u64;
        if let Err(violation) = projector.feed(piece, &mut out) {
            assert!(violation.offset <= fed && violation.place.len() <= 256);
            return Err((violation.why, violation.offset));
        }
    }
    projector.finish(&mut out).map_err(|violation| (violation.why, violation.offset))?;
    Ok(out)
}

/// The same, in one piece; what is remembered of the first answer changes nothing of the second.
fn project_twice(document: &[u8]) -> [Result<Vec<u8>, (Why, u64)>; 2] {
    let mut workspace = Workspace::default();
    [(); 2].map(|()| {
        let mut out = Vec::new();
        let outcome = workspace.project(&PROGRAM, 0, "https://gate.example", document, usize::MAX, &mut out);
        outcome.map(|_| out).map_err(|violation| (violation.why, violation.offset))
    })
}

/// Names in what is written; what is free-form, or a map of the backend's, has its own.
fn listed(value: &Value) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            assert!(WRITTEN.contains(&name.as_str()), "{name:?} is not listed");
            if name != "FREE" && name != "MAP" {
                listed(value);
            }
        }),
        Value::Array(items) => items.iter().for_each(listed),
        _ => {}
    }
}

/// By the grammar alone: numbers of any size and lone surrogates are passed on.
fn is_json(document: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(document).is_ok()
}

/// What serde_json can hold: it refuses those.
fn readable(document: &[u8]) -> Option<Value> {
    serde_json::from_slice(document).ok()
}

fuzz_target!(|data: &[u8]| {
    let Some((&step, document)) = data.split_first() else { return };
    let whole = project(std::iter::once(document));
    let pieces = project(document.chunks(1 + step as usize));
    assert_eq!(project_twice(document), [whole.clone(), whole.clone()]);
    match (&whole, &pieces) {
        // When a hold is too large may be noticed before or after something else that is wrong.
        (Err((why, _)), Err((other, _))) if *why == Why::Size || *other == Why::Size => {}
        _ => assert_eq!(whole, pieces),
    }
    match whole {
        Ok(out) => {
            assert!(is_json(&out), "what is written is no JSON");
            readable(&out).iter().for_each(listed);
        }
        Err((Why::Json | Why::Truncated | Why::Trailing, _)) => assert!(!is_json(document)),
        Err(_) => {}
    }
});
