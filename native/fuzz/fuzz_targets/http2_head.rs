//! What is accepted of an HTTP/2 request is a request that the rules of HTTP/1.1 accept too, with the same path, host and length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::framing::http2::{RequestHead, judge};
use portazgo_core::framing::{BodyLength, HeadScan, Limits, Verdict};

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|&byte| byte == b'\n');
    let (Some(flags), Some(method), Some(path)) = (lines.next(), lines.next(), lines.next()) else { return };
    let authority = lines.next().filter(|authority| !authority.is_empty());
    let has_body = flags.first().is_some_and(|flag| flag & 1 == 1);
    let fields: Vec<(&[u8], &[u8])> = lines
        .map(|line| {
            line.iter().position(|&byte| byte == b':').map_or((line, &b""[..]), |at| (&line[..at], &line[at + 1..]))
        })
        .collect();
    let limits = Limits::default();
    let head = RequestHead { method, path, authority, has_body };
    let Ok((accepted, host)) = judge(&head, fields.iter().copied(), &limits) else { return };
    let mut text = Vec::new();
    for piece in [method, b" ", path, b" HTTP/1.1\r\nhost: ", host, b"\r\n"] {
        text.extend_from_slice(piece);
    }
    let length = fields.iter().any(|(name, _)| *name == b"content-length");
    for (name, value) in fields.iter().filter(|(name, _)| *name != b"host") {
        for piece in [name, &b": "[..], value, b"\r\n"] {
            text.extend_from_slice(piece);
        }
    }
    if accepted.body == BodyLength::Chunked && !length {
        text.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    text.extend_from_slice(b"\r\n");
    // Written out it has a few more bytes and lines than it had as HTTP/2.
    let roomy = Limits { head_bytes: limits.head_bytes + 128, head_lines: limits.head_lines + 2 };
    match HeadScan::default().judge(&text, &roomy) {
        Verdict::Accepted(again) => {
            assert_eq!(again.bytes, text.len());
            assert_eq!(again.body, accepted.body);
        }
        other => panic!("{other:?}: {:?}", String::from_utf8_lossy(&text)),
    }
});
