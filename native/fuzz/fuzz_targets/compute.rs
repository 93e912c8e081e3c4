//! An expression is refused or compiled; what it comes to is JSON of the declared type and within its bounds, or nothing.
//!
//! The input: a byte of what is declared, a line with an expression, and lines with what it reads; `-` is absent. With the
//! highest bit of the byte the line stands for an expression, part for part: so most are well formed, whatever they mean.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::transform::compute::{Compute, Failed};
use serde_json::{Value, json};

const LITERALS: [&str; 5] = ["int", "double", "true", "false", "null"];
const KINDS: [&str; 4] = ["string", "integer", "number", "boolean"];
const TYPES: [&str; 5] = ["int", "double", "string", "bool", "any"];
const ONE: [&str; 9] = ["not", "neg", "size", "string", "to_int", "to_double", "lower", "upper", "trim"];
const TWO: [&str; 18] = [
    "add",
    "sub",
    "mul",
    "div",
    "mod",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "contains",
    "starts_with",
    "ends_with",
    "join",
    "and",
    "or",
    "list",
];
const OVER: [&str; 5] = ["all", "exists", "exists_one", "map", "filter"];
const TEXTS: [&str; 6] = ["", "a", ", ", "é", "1.5", "name"];
const NUMBERS: [&str; 6] = ["0", "1", "-1", "9223372036854775807", "-9223372036854775808", "10"];
/// Of a value, and what is read of an input beside.
const MOST_STEPS: usize = 100_000 + 65_536;
const MOST_OUTPUT: usize = 16_384;

/// An expression that bytes stand for.
fn expression(bytes: &mut impl Iterator<Item = u8>, depth: usize) -> Value {
    let byte = usize::from(bytes.next().unwrap_or(0));
    let number = byte / 16;
    let kind = TYPES[number % TYPES.len()];
    if depth > 12 {
        return json!(["input", kind, number % 3]);
    }
    let mut inner = || expression(bytes, depth + 1);
    match byte % 16 {
        0 => json!(["input", kind, number % 3]),
        1 => json!(["has_input", number % 3]),
        2 => json!(["text", TEXTS[number % TEXTS.len()]]),
        3 => json!([LITERALS[number % 2], NUMBERS[number % NUMBERS.len()]]),
        4 => json!([LITERALS[2 + number % 3]]),
        5 => json!(["item", kind]),
        6 => json!(["field", kind, inner(), TEXTS[number % TEXTS.len()]]),
        7 => json!(["has", inner(), "name"]),
        8 => json!(["index", kind, inner(), inner()]),
        9 => json!(["in", kind, inner(), inner()]),
        10 => json!(["if", inner(), inner(), inner()]),
        11 => json!([OVER[number % OVER.len()], inner(), inner()]),
        12 => json!([ONE[number % ONE.len()], inner()]),
        13 => json!(["list", inner(), inner(), inner()]),
        _ => json!([TWO[number % TWO.len()], inner(), inner()]),
    }
}

fn is_declared(value: &Value, kind: &str, list: bool, null: bool) -> bool {
    match value {
        Value::Null => null,
        Value::Array(items) if list => items.iter().all(|item| is_declared(item, kind, false, false)),
        _ if list => false,
        Value::String(_) => kind == "string",
        Value::Number(_) => kind == "number" || kind == "integer",
        Value::Bool(_) => kind == "boolean",
        _ => false,
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&told, rest)) = data.split_first() else { return };
    let mut lines = rest.splitn(5, |&byte| byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let inputs: Vec<Option<&[u8]>> = lines.map(|line| (line != b"-").then_some(line)).collect();
    let (kind, list, null) = (KINDS[usize::from(told % 4)], told & 4 != 0, told & 8 != 0);
    let expr = if told & 128 == 0 {
        String::from_utf8_lossy(first).into_owned()
    } else {
        expression(&mut first.iter().copied(), 0).to_string()
    };
    let Ok(compute) = Compute::compile(&expr, kind, list, null, inputs.len()) else { return };
    let (mut steps, mut out) = (0, b"before".to_vec());
    let outcome = compute.write(&inputs, &mut steps, &mut out);
    assert!(steps <= MOST_STEPS, "{steps}");
    let written = out.strip_prefix(b"before").expect("what stood there is not touched");
    let (mut again, mut other) = (0, Vec::new());
    assert_eq!(compute.write(&inputs, &mut again, &mut other), outcome);
    assert_eq!((again, &*other), (steps, written));
    assert_eq!(compute.write(&inputs, &mut 250_000, &mut Vec::new()), Err(Failed::Size));
    match outcome {
        Err(_) => assert!(written.is_empty()),
        // serde_json refuses lone surrogates, which we pass on.
        Ok(()) => {
            assert!(written.len() <= MOST_OUTPUT);
            assert!(kind != "integer" || !written.iter().any(|byte| matches!(byte, b'e' | b'E')));
            if let Ok(value) = serde_json::from_slice::<Value>(written) {
                assert!(is_declared(&value, kind, list, null), "{value} is no {kind}");
            }
        }
    }
});
