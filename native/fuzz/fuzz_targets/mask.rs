//! A mask is refused or narrows: what it leaves is in what there was, and a program is refused or compiled, never more.
//!
//! The input: a mask, a newline, and a document; without a newline, a program.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::transform::answer::{AnswerProgram, Mask, Projector, Why};
use serde_json::Value;
use std::sync::{Arc, LazyLock};

static PROGRAM: LazyLock<Arc<AnswerProgram>> = LazyLock::new(|| {
    let program = br#"{"depth": 12, "nodes": [
        {"object": {"members": [
            {"in": "a", "node": 1, "out": "a"}, {"in": "b", "node": 2, "out": "b"}, {"in": "c", "node": 3, "inline": true},
            {"in": "d", "node": 4, "out": "d"}, {"in": "e", "node": 1, "out": "e", "wrap": ["w"], "default": {"a": 1, "b": [2]}},
            {"in": "m", "node": 6, "out": "m"}
        ], "consts": [["k", {"a": [{"b": 1}, 2], "c": "d"}]]}},
        {"null": true, "boolean": true, "number": true, "string": true},
        {"array": 2, "object": {"members": [{"in": "a", "node": 0, "out": "a"}, {"in": "b", "node": 2, "out": "b"}]}},
        {"null": true, "object": {"members": [{"in": "f", "node": 1, "out": "f"}, {"in": "g", "node": 2, "out": "g"}]}},
        {"object": {"members": [{"in": "x", "node": 2, "slot": 0}, {"in": "s", "node": 5, "scatter": true}], "hold": {"bytes": 4096, "members": [
            {"out": "r", "members": [{"out": "y", "slot": 1}, {"out": "k", "const": {"a": 1, "b": 2}}]}, {"out": "x", "slot": 0}]}}},
        {"null": true, "object": {"members": [{"in": "y", "node": 0, "slot": 1}]}},
        {"object": {"members": [], "others": 0}}
    ]}"#;
    Arc::new(AnswerProgram::parse(program).expect("it is a program"))
});

fn project(program: &Arc<AnswerProgram>, root: u32, document: &[u8]) -> Result<Vec<u8>, Why> {
    let mut projector = Projector::new(program, root, "");
    let mut out = Vec::new();
    projector.feed(document, &mut out).map_err(|violation| violation.why)?;
    projector.finish(&mut out).map_err(|violation| violation.why)?;
    Ok(out)
}

/// Whether all of `part` is in `whole`.
fn within(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|other| within(value, other)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(value, other)| within(value, other))
        }
        _ => part == whole,
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(line) = data.iter().position(|&byte| byte == b'\n') else {
        // Roots are checked before anything is done with them.
        if let Ok(program) = AnswerProgram::parse(data)
            && program.check_root(0).is_ok()
        {
            let _ = program.masked(0, &[], &Mask::parse("a(b),c").expect("it is a mask"));
        }
        return;
    };
    let (text, document) = (&data[..line], &data[line + 1..]);
    let Ok(mask) = std::str::from_utf8(text).map_err(drop).and_then(|text| Mask::parse(text).map_err(drop)) else {
        return;
    };
    let Ok(masked) = PROGRAM.masked(0, &[], &mask) else { return };
    let Ok(whole) = project(&PROGRAM, 0, document) else { return };
    let part = match project(&masked.program, masked.root, document) {
        Ok(part) => part,
        // The key of a map that a mask names is a listed member.
        Err(why) => return assert_eq!(why, Why::Duplicate),
    };
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    if let (Some(part), Some(whole)) = (read(&part), read(&whole)) {
        assert!(within(&part, &whole), "{part} is not in {whole}");
    }
});
