//! The framing vectors that the black-box tests send over sockets (tests/cases/framing), judged here at every split.

use portazgo_core::fault::Fault;
use portazgo_core::framing::{AnswerTracker, BodyTracker, HeadScan, Limits, Verdict};
use serde_json::Value;
use std::path::Path;

/// What the framing layer makes of one connection's bytes.
#[derive(Debug, PartialEq, Eq)]
struct Judged {
    /// Per head that was begun: `None` accepted, `Some(code)` refused or broken off.
    heads: Vec<Option<&'static str>>,
    /// Whether anything that follows can still be a request.
    open: bool,
}

/// Feed a connection's bytes in pieces, as `server/src/phases/framing.rs` does.
fn judge<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Judged {
    let limits = Limits::default();
    let mut judged = Judged { heads: Vec::new(), open: true };
    let mut received: Vec<u8> = Vec::new();
    let mut scan = HeadScan::default();
    let mut body: Option<(BodyTracker, bool)> = None;
    for piece in pieces {
        received.extend_from_slice(piece);
        while judged.open && !received.is_empty() {
            if let Some((tracker, last)) = &mut body {
                match tracker.advance(&received) {
                    Ok(taken) => {
                        received.drain(..taken);
                        if tracker.is_done() {
                            judged.open = !*last;
                            body = None;
                        }
                    }
                    Err(fault) => {
                        *judged.heads.last_mut().unwrap() = Some(fault.code());
                        judged.open = false;
                    }
                }
                continue;
            }
            match scan.judge(&received, &limits) {
                Verdict::Incomplete => break,
                Verdict::Refused(fault) => {
                    judged.heads.push(Some(fault.code()));
                    judged.open = false;
                }
                // Framing leaves it to the route, and none of these allows it.
                Verdict::Accepted(head) if head.upgrades => {
                    judged.heads.push(Some(Fault::UpgradeRefused.code()));
                    judged.open = false;
                }
                Verdict::Accepted(head) => {
                    judged.heads.push(None);
                    received.drain(..head.bytes);
                    scan = HeadScan::default();
                    let tracker = BodyTracker::new(head.body);
                    if tracker.is_done() {
                        judged.open = !head.last;
                    } else {
                        body = Some((tracker, head.last));
                    }
                }
            }
        }
    }
    if judged.open && !received.is_empty() {
        judged.heads.push(Some("head_incomplete"));
    }
    judged
}

struct Vector {
    name: String,
    bytes: Vec<u8>,
    heads: Vec<Option<String>>,
    closed: bool,
}

/// Each character of a vector's text is one byte; `$KEY` and `$OTHER` stand for keys, whose bytes don't matter here.
fn bytes_of(send: &Value) -> Vec<u8> {
    let pieces = match send {
        Value::Array(pieces) => pieces.clone(),
        whole => vec![whole.clone()],
    };
    let mut text = String::new();
    for piece in &pieces {
        match piece {
            Value::String(plain) => text += plain,
            repeated => {
                let times = repeated["times"].as_u64().unwrap() as usize;
                text += &repeated["text"].as_str().unwrap().repeat(times);
            }
        }
    }
    let text = text.replace("$KEY", "ptz_live_key").replace("$OTHER", "ptz_live_other");
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

/// Faults of later phases are faults of requests that framing accepted.
fn framing_only(fault: &Value) -> Option<String> {
    let code = fault.as_str()?;
    let of_framing = code.starts_with("head_")
        || ["body_framing_invalid", "upgrade_refused", "protocol_version_unsupported"].contains(&code);
    of_framing.then(|| code.to_owned())
}

fn vectors() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/cases/framing");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut vectors = Vec::new();
    for file in files {
        let document: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for vector in document["vectors"].as_array().unwrap() {
            vectors.push(Vector {
                name: format!("{}: {}", document["title"].as_str().unwrap(), vector["name"].as_str().unwrap()),
                bytes: bytes_of(&vector["send"]),
                heads: vector["faults"].as_array().unwrap().iter().map(framing_only).collect(),
                closed: vector["closed"] == true,
            });
        }
    }
    vectors
}

#[test]
fn every_vector_is_judged_as_it_says() {
    let vectors = vectors();
    assert!(vectors.len() >= 150, "{} vectors", vectors.len());
    let mut wrong = Vec::new();
    for vector in vectors {
        let judged = judge([vector.bytes.as_slice()]);
        let heads: Vec<Option<String>> = judged.heads.iter().map(|code| code.map(str::to_owned)).collect();
        // A connection that framing has ended can't stay open; a later phase may end it too.
        if heads != vector.heads || !(judged.open || vector.closed) {
            wrong.push(format!("{}: {judged:?}", vector.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_split_of_a_vector_changes_its_verdict() {
    for vector in vectors() {
        let whole = judge([vector.bytes.as_slice()]);
        // The long ones are long by repetition: their splits are sampled.
        let stride = vector.bytes.len().div_ceil(600).max(1);
        for cut in (0..=vector.bytes.len()).step_by(stride) {
            let (front, back) = vector.bytes.split_at(cut);
            assert_eq!(judge([front, back]), whole, "{} split at {cut}", vector.name);
        }
        for length in [1, 2, 3, 7] {
            assert_eq!(judge(vector.bytes.chunks(length)), whole, "{} in pieces of {length}", vector.name);
        }
    }
}

/// What becomes of an answer: the bytes that are released, or the fault.
fn follow<'p>(pieces: impl IntoIterator<Item = &'p [u8]>, head_request: bool) -> Result<(Vec<u8>, bool), Fault> {
    let mut tracker = AnswerTracker::new(head_request);
    let (mut received, mut released, mut complete) = (Vec::new(), Vec::new(), false);
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        if complete {
            // The transport has no request under way: any further byte spoils the connection.
            return Err(Fault::BackendBadResponse);
        }
        received.extend_from_slice(piece);
        let answer = tracker.look(&received, &Limits::default())?;
        received.drain(..answer.dropped);
        released.extend(received.drain(..answer.released));
        complete = answer.complete;
    }
    Ok((released, complete))
}

#[test]
fn answers_of_backends_are_judged_alike_at_every_split() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/cases/answers.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in document["cases"].as_array().unwrap() {
        let bytes = bytes_of(&case["send"]);
        let head_request = case["request"] == "HEAD";
        let whole = follow([bytes.as_slice()], head_request);
        let fault = whole.as_ref().err().map(|fault| fault.code());
        assert_eq!(fault, case["fault"].as_str(), "{}", case["name"]);
        if let Ok((_, complete)) = &whole {
            assert!(complete, "{}", case["name"]);
        }
        for length in [1, 2, 3, 7] {
            assert_eq!(follow(bytes.chunks(length), head_request), whole, "{} in pieces of {length}", case["name"]);
        }
        let stride = bytes.len().div_ceil(600).max(1);
        for cut in (0..=bytes.len()).step_by(stride) {
            let (front, back) = bytes.split_at(cut);
            assert_eq!(follow([front, back], head_request), whole, "{} split at {cut}", case["name"]);
        }
    }
}
