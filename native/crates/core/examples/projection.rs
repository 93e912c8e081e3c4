//! What it costs to project an answer, alone: by its size, against copying it.
//!
//!     projection ROUNDS
//!
//! The document is a list of orders, 11 of whose some 40 paths are listed, in arrays at two levels (docs/decisions/0045).
//! A small one comes whole, as most do, and is projected where the one before was; others come in pieces of 64 KiB, as from a
//! socket, and what is written is taken away after each. Prints one JSON object: for each size the bytes in and out, the
//! nanoseconds of processor time for one document as the median of ROUNDS, and what checking its UTF-8 and copying it take on
//! the same machine. With `callgrind` in place of ROUNDS, one document of 1.7 KB is projected 1,000 times.

use portazgo_core::transform::answer::{AnswerProgram, Projector, Workspace};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::hint::black_box;
use std::sync::Arc;

const PIECE: usize = 64 * 1024;
/// Whole, up to so many bytes.
const SMALL: usize = 16 * 1024;
/// Orders in the list: some 1.7 KB, 84 KB and 8 MB.
const SIZES: [usize; 3] = [1, 60, 5_900];
const BASE: &str = "https://gate.example";
/// A round takes about so many bytes, so that the clock's grain is nothing to it.
const ROUND: usize = 2_000_000;

fn main() {
    let word = std::env::args().nth(1).expect("projection ROUNDS");
    let program = Arc::new(AnswerProgram::parse(program().to_string().as_bytes()).expect("it is a program"));
    if word == "callgrind" {
        let document = document(1);
        let (mut workspace, mut out) = (Workspace::default(), Vec::with_capacity(document.len()));
        (0..1_000).for_each(|_| _ = project(&program, &mut workspace, &document, &mut out));
        return;
    }
    let rounds: usize = word.parse().expect("ROUNDS is a number");
    let measured: Vec<Value> = SIZES.iter().map(|&orders| measure(&program, &document(orders), rounds)).collect();
    println!("{}", json!(measured));
}

fn measure(program: &Arc<AnswerProgram>, document: &[u8], rounds: usize) -> Value {
    let (mut workspace, mut out) = (Workspace::default(), Vec::with_capacity(document.len()));
    let mut written = 0;
    let projected = median(document.len(), rounds, || written = project(program, &mut workspace, document, &mut out));
    let copied = median(document.len(), rounds, || {
        out.clear();
        out.extend_from_slice(document);
        black_box(&out);
    });
    let checked = median(document.len(), rounds, || _ = black_box(std::str::from_utf8(document).is_ok()));
    json!({"bytes_in": document.len(), "bytes_out": written, "project_ns": projected, "copy_ns": copied, "utf8_ns": checked})
}

/// One document, from the first piece to the last. Returns how much was written.
fn project(program: &Arc<AnswerProgram>, workspace: &mut Workspace, document: &[u8], out: &mut Vec<u8>) -> usize {
    if document.len() <= SMALL {
        out.clear();
        let whole = workspace.project(program, 0, BASE, black_box(document), SMALL, out);
        assert_eq!(whole, Ok(true), "the document fits");
        return black_box(&*out).len();
    }
    let mut projector = Projector::new(program, 0, BASE);
    let mut written = 0;
    for piece in document.chunks(PIECE) {
        out.clear();
        projector.feed(black_box(piece), out).expect("the document fits");
        written += black_box(&*out).len();
    }
    projector.finish(out).expect("the document is whole");
    written
}

fn median(bytes: usize, rounds: usize, mut once: impl FnMut()) -> u64 {
    let count = (ROUND / bytes).max(1);
    let mut times: Vec<u64> = (0..rounds.max(1))
        .map(|_| {
            let began = spent();
            (0..count).for_each(|_| once());
            (spent() - began) / count as u64
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// Processor time of this thread so far, nanoseconds: others may be busy on this machine.
fn spent() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn program() -> Value {
    let member = |name: &str, node: u32| json!({"in": name, "node": node, "out": name});
    json!({"depth": 64, "nodes": [
        {"object": {"members": [member("data", 1), member("meta", 7)]}},
        {"array": 2},
        {"object": {"members": [
            member("id", 8), {"in": "order_no", "node": 9, "out": "number"}, member("status", 9), member("customer", 3),
            member("lines", 5), member("total", 9), member("currency", 9),
        ]}},
        {"object": {"members": [member("name", 9), member("address", 4)]}},
        {"object": {"members": [member("city", 9)]}},
        {"array": 6},
        {"object": {"members": [
            member("sku", 9), member("qty", 8), {"in": "unit_price", "node": 10, "out": "price"},
        ]}},
        {"object": {"members": [member("page", 8)]}},
        {"integer": true},
        {"string": true},
        {"number": true},
    ]})
}

fn document(orders: usize) -> Vec<u8> {
    let meta = json!({"page": 1, "debug": {"sql": "select ".repeat(30)}});
    // In this order: which members come first decides what a projector may have to keep.
    let orders: Vec<String> = (0..orders as u64).map(order).collect();
    format!("{{\"data\":[{}],\"meta\":{meta},\"_internal\":{{\"node\":\"b-3\"}}}}", orders.join(",")).into_bytes()
}

fn order(number: u64) -> String {
    let line = |line: u64| {
        let some = (number * 7 + line) * 9_973 % 99_991;
        format!(
            "{{\"sku\":\"SKU-{some:05}\",\"qty\":{},\"unit_price\":{}.{:02},\"cost_price\":{}.{:02},\
            \"warehouse\":{{\"id\":{},\"bin\":\"A-{}\"}},\"tags\":[\"x\",\"y\"]}}",
            1 + some % 9,
            some % 100,
            some % 89,
            some % 60,
            some % 97,
            some % 50,
            some % 500
        )
    };
    let audit = |step: u64| {
        format!("{{\"by\":\"u{step}\",\"at\":\"2026-08-01T10:00:00Z\",\"what\":\"changed something internal\"}}")
    };
    let lines: Vec<String> = (0..4).map(line).collect();
    let audits: Vec<String> = (0..3).map(audit).collect();
    format!(
        "{{\"id\":{},\"order_no\":\"ORD-{number:08}\",\"status\":\"shipped\",\"internal_flags\":{{\"risk\":0.{:016},\
        \"reviewer\":\"ops-{}\",\"notes\":\"{}\",\"legacy\":{{\"a\":1,\"b\":[1,2,3,{{\"c\":null}}]}}}},\
        \"customer\":{{\"id\":{},\"name\":\"Jörg Müller \\\"JM\\\" {number}\",\"email\":\"user{number}@shop.example\",\
        \"ssn\":\"123-45-{:04}\",\"address\":{{\"street\":\"Main St {number}\",\"city\":\"Göteborg\",\"zip\":\"41101\",\
        \"geo\":{{\"lat\":57.7089,\"lng\":11.9746}}}}}},\"lines\":[{}],\"total\":\"{}.{:02}\",\"currency\":\"SEK\",\
        \"created_at\":\"2026-08-01T10:00:00Z\",\"updated_at\":\"2026-08-02T10:00:00Z\",\"tenant\":\"t-42\",\
        \"etag\":\"W/\\\"{:032x}\\\"\",\"audit\":[{}]}}",
        1_234_567_890_123_456_789 + number,
        number * 8_460_656_306 % 10_000_000_000_000_000 + 1,
        number % 17,
        "lorem ipsum dolor sit amet ".repeat(4),
        number % 997,
        number % 10_000,
        lines.join(","),
        number % 1_000,
        number % 100,
        u128::from(number) * 0x9e37_79b9_7f4a_7c15_f39c,
        audits.join(",")
    )
}
