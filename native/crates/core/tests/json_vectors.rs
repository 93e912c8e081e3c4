//! What is JSON to the gateway (tests/cases/rfc8259.json, which pytest can read too): wherever it stands, at every split.

use portazgo_core::transform::answer::{AnswerProgram, Projector, Violation, Why};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// A vector's document is cut everywhere up to this length; a longer one in pieces of some lengths.
const CUT_EVERYWHERE: usize = 200;

fn program(nodes: &Value) -> Arc<AnswerProgram> {
    Arc::new(AnswerProgram::parse(json!({"nodes": nodes, "depth": 64}).to_string().as_bytes()).unwrap())
}

fn project(program: &Arc<AnswerProgram>, document: &[u8], piece: usize) -> Result<Vec<u8>, Violation> {
    let mut projector = Projector::new(program, 0, "");
    let mut out = Vec::new();
    for piece in document.chunks(piece.max(1)) {
        projector.feed(piece, &mut out)?;
    }
    projector.finish(&mut out)?;
    Ok(out)
}

fn bytes(vector: &Value) -> Vec<u8> {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{vector}")).as_bytes().to_vec();
    if let Some(hexadecimal) = vector["hex"].as_str() {
        let digits = |at: usize| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap();
        return (0..hexadecimal.len()).step_by(2).map(digits).collect();
    }
    let Some(pieces) = vector["pieces"].as_array() else { return text(&vector["text"]) };
    pieces.iter().flat_map(|piece| text(&piece["text"]).repeat(piece["times"].as_u64().unwrap() as usize)).collect()
}

/// A document without white space between its tokens.
fn compact(document: &[u8]) -> Vec<u8> {
    let (mut in_text, mut escaped) = (false, false);
    let mut compact = Vec::new();
    for &byte in document {
        if in_text || !b" \t\r\n".contains(&byte) {
            compact.push(byte);
        }
        (in_text, escaped) = match byte {
            _ if escaped => (in_text, false),
            b'\\' => (in_text, true),
            b'"' => (!in_text, false),
            _ => (in_text, false),
        };
    }
    compact
}

fn judge(vector: &Value, accepted: bool) {
    let document = bytes(vector);
    let everything = program(&json!([{"any": true}]));
    // Every type is looked at, none is changed.
    let looked_at = program(&json!([{"null": true, "boolean": true, "integer": true, "number": true, "string": true,
        "array": 0, "object": {"members": [], "others": 0}}]));
    // One level deeper is what stands in a member.
    let skipped = Arc::new(
        AnswerProgram::parse(br#"{"nodes": [{"object": {"members": []}}], "depth": 65}"#).expect("it is a program"),
    );
    let hidden = [&br#"{"hidden":"#[..], &document, br#","more":1}"#].concat();
    let longest = if document.len() <= CUT_EVERYWHERE { document.len() + 20 } else { 3 };
    for piece in (1..=longest).chain([64, 1000, usize::MAX]) {
        for program in [&everything, &looked_at] {
            let out = project(program, &document, piece);
            assert_eq!(out.is_ok(), accepted, "{vector} in pieces of {piece}: {out:?}");
            if let Ok(out) = out {
                assert_eq!(out, compact(&document), "{vector} in pieces of {piece}");
            }
        }
        let out = project(&skipped, &hidden, piece);
        assert_eq!(
            out.as_deref().ok(),
            accepted.then_some(&b"{}"[..]),
            "{vector} skipped, in pieces of {piece}: {out:?}"
        );
    }
}

#[test]
fn json_is_what_rfc_8259_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/cases/rfc8259.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for (list, accepted) in [("accepted", Some(true)), ("refused", Some(false)), ("decided", None)] {
        let vectors = document[list].as_array().unwrap();
        assert!(vectors.len() >= 50, "{list}");
        for vector in vectors {
            judge(vector, accepted.unwrap_or(vector["accepted"] == true));
        }
    }
}

#[test]
fn a_value_that_is_skipped_can_not_close_what_is_around_it() {
    let program = program(&json!([{"object": {"members": [{"in": "a", "node": 0, "out": "a"}]}}]));
    for hidden in [r#"{"x":1}}"#, "[1]]", "{]", "[}", r#""x"","a":{}"#] {
        let document = format!(r#"{{"x":{hidden},"a":{{}}}}"#);
        let why = project(&program, document.as_bytes(), 7).map_err(|violation| violation.why);
        assert!(matches!(why, Err(Why::Json | Why::Duplicate | Why::Trailing)), "{document}: {why:?}");
    }
}
