//! Answers that are projected in tests.
#![allow(dead_code, reason = "each test program uses some of it")]

use portazgo_core::transform::answer::{AnswerProgram, Projector, Violation};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const BASE: &str = "https://gate.example";

pub(crate) fn program(nodes: &Value) -> Arc<AnswerProgram> {
    whole(&json!({"nodes": nodes, "depth": 64}))
}

pub(crate) fn whole(program: &Value) -> Arc<AnswerProgram> {
    Arc::new(AnswerProgram::parse(program.to_string().as_bytes()).unwrap_or_else(|refused| panic!("{refused}")))
}

pub(crate) fn feed<'p>(
    program: &Arc<AnswerProgram>,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Result<String, Violation> {
    let mut projector = Projector::new(program, 0, BASE);
    let mut out = Vec::new();
    for piece in pieces {
        projector.feed(piece, &mut out)?;
    }
    projector.finish(&mut out)?;
    Ok(String::from_utf8(out).expect("what is written is UTF-8"))
}

/// What is written; or what is wrong, the byte, and where.
pub(crate) fn told(outcome: Result<String, Violation>) -> String {
    match outcome {
        Ok(text) => text,
        Err(Violation { offset, why, place, .. }) => format!("{} {offset} {place}", why.as_str()),
    }
}

/// What is written for this document, however it is cut in two; or what is wrong, where, and the byte.
pub(crate) fn shown(program: &Arc<AnswerProgram>, document: &[u8]) -> String {
    let expected = told(feed(program, [document]));
    for at in 0..=document.len() {
        let (head, tail) = document.split_at(at);
        assert_eq!(told(feed(program, [head, tail])), expected, "{} cut at {at}", String::from_utf8_lossy(document));
    }
    assert_eq!(told(feed(program, document.chunks(1))), expected, "byte by byte");
    expected
}

pub(crate) fn check(program: &Arc<AnswerProgram>, cases: &[(&str, &str)]) {
    for (document, expected) in cases {
        assert_eq!(shown(program, document.as_bytes()), *expected, "{document}");
    }
}
