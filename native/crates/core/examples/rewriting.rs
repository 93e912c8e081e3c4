//! What rewriting a request body costs: `rewriting [ROUNDS]` prints nanoseconds for bodies of some sizes. With a folder of
//! JSON Test Suite's `test_parsing` instead, which of its files are read otherwise than their names say.

use portazgo_core::time::WallTime;
use portazgo_core::transform::json;
use portazgo_core::transform::request::{Errors, Filling, RequestProgram};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

/// An order as a partner sends it: names of its own, rules on most members, three values filled in.
const PROGRAM: &str = r#"{"depth": 16, "nodes": [
    {"object": {"unknown": "refuse", "members": [
        {"in": "reference", "node": 1, "out": "client_ref", "required": true},
        {"in": "currency", "node": 2, "out": "currency", "required": true},
        {"in": "placedOn", "node": 3, "out": "ordered_at"},
        {"in": "recipient", "node": 4, "out": "ship_to", "required": true},
        {"in": "lines", "node": 5, "out": "items", "required": true},
        {"in": "note", "node": 6, "out": "remark", "drop_null": true}],
      "fill": [{"out": "tenant", "value": {"template": "{partner.metadata.tenant}", "type": "string"}},
        {"out": "source", "value": {"const": "partner-api"}}, {"out": "priority", "value": {"const": 3}}]}},
    {"string": {"min_length": 1, "max_length": 64, "pattern": "^[A-Za-z0-9-]+$"}},
    {"string": {"enum": ["CHF", "EUR", "USD"]}},
    {"string": {"format": "date-time"}},
    {"object": {"unknown": "refuse", "members": [
        {"in": "name", "node": 6, "out": "full_name", "required": true}, {"in": "email", "node": 7, "out": "email"},
        {"in": "street", "node": 6, "out": "street"}, {"in": "city", "node": 6, "out": "city"}, {"in": "country", "node": 8, "out": "country_code"}]}},
    {"array": {"items": 9, "min": 1, "max": 100000}},
    {"string": {"max_length": 200}, "null": true},
    {"string": {"format": "email"}},
    {"string": {"min_length": 2, "max_length": 2}},
    {"object": {"unknown": "refuse", "members": [
        {"in": "sku", "node": 1, "out": "article", "required": true}, {"in": "quantity", "node": 10, "out": "qty", "required": true},
        {"in": "unitPrice", "node": 11, "out": "unit_price"}, {"in": "description", "node": 6, "out": "text"}]}},
    {"integer": {"min": "1", "max": "10000"}},
    {"number": {"above": "0", "multiple_of": "0.01"}}]}"#;

fn main() {
    match std::env::args().nth(1).map(|argument| (argument.parse::<u32>(), argument)) {
        Some((Err(_), folder)) => compare_with_suite(Path::new(&folder)),
        Some((Ok(rounds), _)) => measure(rounds),
        None => measure(200_000),
    }
}

fn body(lines: usize) -> Vec<u8> {
    let line = |number: usize| json!({"sku": format!("ART-{number:06}"), "quantity": number % 9 + 1, "unitPrice": 19.95, "description": "Aluminium frame, 40 x 60 cm, anodised"});
    let recipient = json!({"name": "Ana Sample", "email": "ana@example.com", "street": "1 Example Street", "city": "Sampleton", "country": "CH"});
    json!({"reference": "ORDER-2026-000123", "currency": "CHF", "placedOn": "2026-11-26T15:37:12Z", "recipient": recipient,
        "lines": (0..lines).map(line).collect::<Vec<Value>>(), "note": null})
    .to_string()
    .into_bytes()
}

fn measure(rounds: u32) {
    let program = RequestProgram::compile(PROGRAM).expect("the program can run");
    let values = json!({"partner": {"metadata": {"tenant": "t-17"}}});
    for lines in [1, 6, 60, 600] {
        let body = body(lines);
        let rounds = (rounds / lines as u32).max(20);
        let mut best = [f64::MAX; 2];
        for _ in 0..5 {
            let took = |each: &mut dyn FnMut()| {
                let began = spent();
                (0..rounds).for_each(|_| each());
                spent().saturating_sub(began).as_secs_f64() * 1e9 / f64::from(rounds)
            };
            let reading = took(&mut || drop(black_box(json::read(black_box(&body), 16))));
            let whole = took(&mut || {
                let mut errors = Errors::default();
                let mut filling = Filling { values: &values, now: WallTime(0), random: &mut || 0 };
                let written = program.rewrite(0, black_box(&body), &mut filling, &mut errors);
                assert!(errors.is_empty() && black_box(written).is_ok());
            });
            best = [best[0].min(reading), best[1].min(whole)];
        }
        println!("{:>7} bytes: reading {:>9.0} ns, rewriting {:>9.0} ns", body.len(), best[0], best[1]);
    }
}

/// Processor time of this thread so far, nanoseconds: others may be busy on this machine.
fn spent() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("time that was spent is not negative")
}

fn compare_with_suite(folder: &Path) {
    let (mut agreed, mut open) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).expect("a folder of JSON files") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).expect("its bytes");
        let read = json::read(&bytes, json::DEEPEST);
        let outcome = read.map_or_else(
            |refused| format!("refused: {} at {}", refused.why.word(), refused.offset),
            |_| "read".to_owned(),
        );
        match (name.as_bytes()[0], outcome == "read") {
            (b'y', true) | (b'n', false) => agreed += 1,
            (b'i', _) => open.push(format!("{name} {outcome}")),
            _ => println!("OTHERWISE {name} {outcome}"),
        }
    }
    open.sort_unstable();
    println!("{agreed} as their names say; those that are left open:\n{}", open.join("\n"));
}
