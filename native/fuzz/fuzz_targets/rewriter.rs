//! A program and a body, both of any bytes: what is written is JSON with no name twice and none but the program's; what is
//! wrong is told the same each time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::time::WallTime;
use portazgo_core::transform::json::{self, At, Document, Kind, ROOT};
use portazgo_core::transform::request::{Errors, Filling, MOST, RequestProgram};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::LazyLock;

/// The programs of the golden cases; an input may name one of them, or bring its own.
static CASES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../tests/cases/requests.json")).unwrap());

fuzz_target!(|data: &[u8]| {
    let Some(line) = data.iter().position(|&byte| byte == b'\n') else { return };
    let Ok(first) = std::str::from_utf8(&data[..line]) else { return };
    let body = &data[line + 1..];
    let text = CASES["programs"].get(first).map_or_else(|| first.to_owned(), Value::to_string);
    let Ok(program) = RequestProgram::compile(&text) else { return };
    let (written, errors) = run(&program, body);
    assert_eq!((written.clone(), errors.clone()), run(&program, body));
    let Some(written) = written else { return };
    let document = json::read(&written, json::DEEPEST).unwrap();
    let mut compact = Vec::new();
    json::write_compact(&document, ROOT, &mut compact);
    assert_eq!(compact, written);
    let known: Value = serde_json::from_str(&text).unwrap();
    let mut names = HashSet::new();
    if listed(&known, &mut names) {
        only_known(&document, ROOT, &names);
    }
});

fn run(program: &RequestProgram, body: &[u8]) -> (Option<Vec<u8>>, String) {
    let mut errors = Errors::default();
    let mut filling = Filling { values: &CASES["values"], now: WallTime(0), random: &mut || 7 };
    let written = match program.rewrite(0, body, &mut filling, &mut errors) {
        Ok(Ok(written)) => written,
        _ => return (None, String::new()),
    };
    assert!(errors.iter().count() <= MOST && errors.iter().all(|error| error.at.len() <= 1024));
    (errors.is_empty().then_some(written), errors.json())
}

/// All texts of a program; false where it copies members under the partner's names.
fn listed(value: &Value, names: &mut HashSet<Vec<u8>>) -> bool {
    match value {
        Value::String(text) => {
            names.insert(text.clone().into_bytes());
            true
        }
        Value::Array(items) => items.iter().all(|item| listed(item, names)),
        Value::Object(members) => members.iter().all(|(name, value)| {
            names.insert(name.clone().into_bytes());
            let is_open = name == "any" || (name == "unknown" && value.is_number());
            !is_open && listed(value, names)
        }),
        _ => true,
    }
}

fn only_known(document: &Document<'_>, at: At, names: &HashSet<Vec<u8>>) {
    match document.kind(at) {
        Kind::Array => document.items(at).for_each(|item| only_known(document, item, names)),
        Kind::Object => {
            for (name, value) in document.members(at) {
                assert!(names.contains(document.content(name)), "a name that the program does not have");
                only_known(document, value, names);
            }
        }
        _ => {}
    }
}
