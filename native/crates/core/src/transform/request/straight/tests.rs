//! What is written in one pass is what reading, checking and writing make of it.

use super::rewritten;
use crate::time::WallTime;
use crate::transform::request::{Errors, Filling, RequestProgram, step_by_step};
use serde_json::Value;
use std::path::Path;

/// An order: rules on most members, a default, wrappers, actions, null in different places, three values filled in.
const ORDER: &str = r#"{"depth": 4, "nodes": [
    {"object": {"unknown": "refuse", "max": 8, "members": [
        {"in": "ref", "node": 1, "out": "client_ref", "required": true},
        {"in": "currency", "node": 2, "out": "currency", "default": "EUR", "wrap": ["money", "in"]},
        {"in": "at", "node": 3, "out": "ordered_at"},
        {"in": "to", "node": 4, "out": "ship_to", "required": true},
        {"in": "lines", "node": 5, "out": "items", "required": true},
        {"in": "note", "node": 6, "out": "remark", "drop_null": true, "default": "none"},
        {"in": "a\"b", "node": 12, "out": "é"}],
      "fill": [{"out": "tenant", "value": {"template": "{partner.metadata.tenant}", "type": "string"}},
        {"out": "id", "value": {"generate": "uuid"}}, {"out": "priority", "value": {"const": 3}}]}},
    {"string": {"min_length": 1, "max_length": 8, "pattern": "^[A-Za-z0-9-]+$"}},
    {"string": {"enum": ["CHF", "EUR"], "map": [["CHF", 1], ["EUR", "e"]]}},
    {"string": {"format": "date-time", "date": {"from": "date-time", "to": "unix"}}, "integer": true},
    {"object": {"unknown": "drop", "min": 1, "members": [
        {"in": "name", "node": 6, "out": "full_name", "wrap": ["person"]}, {"in": "mail", "node": 7, "out": "email"},
        {"in": "self", "node": 4, "out": "self"}]}, "null": true},
    {"array": {"items": 9, "min": 1, "max": 3}},
    {"string": {"max_length": 4}, "null": true},
    {"string": {"format": "email"}},
    {"boolean": {"enum": [true]}},
    {"object": {"unknown": "refuse", "members": [
        {"in": "sku", "node": 1, "out": "article"}, {"in": "qty", "node": 10, "out": "qty", "required": true},
        {"in": "price", "node": 11, "out": "price"}, {"in": "gift", "node": 8, "out": "gift"}]}},
    {"integer": {"min": "1", "max": "100", "to": "string"}},
    {"number": {"above": "0", "below": "1e3", "multiple_of": "0.01"}},
    {"any": true}]}"#;
const ORDERS: [&str; 4] = [
    r#"{"ref":"A-1","currency":"CHF","at":"2026-11-26T15:37:12Z","to":{"name":"Ana","mail":"a@b.example"},"lines":[{"sku":"x","qty":1,"price":19.95,"gift":true}],"note":null,"a\"b":1.50}"#,
    " { \"lines\" : [ {\"qty\":2.0,\"price\":1e2} ,\r\n{\"qty\":100, \"price\":0.01} ] , \"to\" : null ,\"ref\":\"\\u0041\", \"note\" : \"\\u00e9é\\n\\\"\" }\t",
    r#"{"at":7,"to":{"self":{"self":{"name":null}}},"ref":"R","lines":[{"qty":10}],"note":"né","a\"b":null}"#,
    r#"{"ref":"R","to":null,"lines":[{"qty":1},{"qty":1},{"qty":1}],"note":"x","a\"b":"\ud83d\ude00\\"}"#,
];
/// What is put in the place of each byte.
const BYTES: &[u8] = b"\"\\{}[]:,0 -1.5eEntfu/\n\x00\x1f\x7f\x80\xc3\xff";

fn texts(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/cases").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Whether the body was written in one pass.
fn compare(program: &RequestProgram, values: &Value, body: &[u8]) -> bool {
    let mut random = || 0x0101_0101_0101_0101_0101_0101_0101_0101;
    let mut filling = Filling { values, now: WallTime(1_764_167_832_123_456), random: &mut random };
    let most = body.len() * 4;
    let Some(written) = rewritten(&program.0, 0, body, &mut filling, 0, most) else { return false };
    let mut errors = Errors::default();
    let expected = step_by_step(&program.0, 0, body, &mut filling, &mut errors, 0, most);
    let text = String::from_utf8_lossy(body);
    assert!(errors.is_empty(), "{text}: {}", errors.json());
    assert_eq!(expected.as_deref(), Ok(&*written), "{text}");
    true
}

/// Each body that differs from this one in a place.
fn damaged(body: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..body.len()).flat_map(move |at| {
        let (before, rest) = body.split_at(at);
        let replaced = BYTES.iter().map(move |byte| [before, &[*byte], &rest[1..]].concat());
        let inserted = BYTES.iter().map(move |byte| [before, &[*byte], rest].concat());
        let twice = [before, rest, rest].concat();
        replaced.chain(inserted).chain([before.to_vec(), [before, &rest[1..]].concat(), twice])
    })
}

#[test]
fn one_pass_writes_what_the_steps_write() {
    let order = RequestProgram::compile(ORDER).unwrap();
    let values = serde_json::json!({"partner": {"metadata": {"tenant": "t-17"}}});
    for body in ORDERS {
        assert!(compare(&order, &values, body.as_bytes()), "{body}");
        let straight = damaged(body.as_bytes()).filter(|body| compare(&order, &values, body)).count();
        assert!(straight > 50, "{straight} of {body}");
    }
}

#[test]
fn one_pass_writes_the_golden_cases_or_leaves_them() {
    let texts = texts("requests.json");
    let mut straight = 0;
    for case in texts["cases"].as_array().unwrap() {
        let program = &texts["programs"][case["program"].as_str().unwrap()];
        let program = RequestProgram::compile(&program.to_string()).unwrap();
        let body = case["body"].as_str().unwrap().as_bytes();
        straight += usize::from(compare(&program, &texts["values"], body));
        damaged(body).for_each(|body| _ = compare(&program, &texts["values"], &body));
    }
    assert!(straight > 10, "{straight}");
}

#[test]
fn one_pass_reads_what_is_json_and_nothing_else() {
    let program = RequestProgram::compile(
        r#"{"depth": 8, "nodes": [{"array": {"items": 0}, "string": true, "null": true, "number": true, "boolean": true, "object": {"unknown": "refuse", "members": [{"in": "a", "node": 0, "out": "a"}, {"in": "b", "node": 1, "out": "b"}]}}, {"any": true}]}"#,
    );
    let program = program.unwrap();
    let texts = texts("json.json");
    let accepted = texts["accepted"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
    let refused = texts["refused"].as_array().unwrap().iter().filter_map(|case| case["text"].as_str());
    let mut straight = 0;
    for text in accepted.chain(refused) {
        for text in [text.to_owned(), format!("{{\"a\":{text}}}"), format!("{{\"b\":{text},\"a\":[{text}]}}")] {
            straight += usize::from(compare(&program, &Value::Null, text.as_bytes()));
            damaged(text.as_bytes()).for_each(|text| _ = compare(&program, &Value::Null, &text));
        }
    }
    assert!(straight > 10, "{straight}");
}
