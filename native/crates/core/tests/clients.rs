//! Clients' addresses: the golden cases of forwarding headers and of the PROXY protocol.

use portazgo_core::client::{ForwardingHeader, client};
use portazgo_core::fault::Fault;
use portazgo_core::framing::proxy_protocol::{Preamble, judge};
use portazgo_core::network::Network;
use serde_json::Value;
use std::path::Path;

fn cases(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/cases").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

#[test]
fn a_client_is_who_the_believed_header_says() {
    let document = cases("clients.json");
    let networks: Vec<Network> =
        texts(&document["trusted"]).into_iter().map(|text| Network::parse(text).unwrap()).collect();
    for case in document["cases"].as_array().unwrap() {
        let found = client(
            case["peer"].as_str().unwrap().parse().unwrap(),
            ForwardingHeader::of(case["header"].as_str().unwrap()).unwrap(),
            texts(&case["lines"]).into_iter().map(str::as_bytes),
            texts(&case["protocols"]).into_iter(),
            |address| networks.iter().any(|network| network.contains(address)),
        );
        assert_eq!(found.address.to_string(), case["address"].as_str().unwrap(), "{case}");
        assert_eq!(found.secure, case["secure"].as_bool(), "{case}");
    }
}

/// What a reader that takes no byte more than it is asked to makes of a header.
fn read(bytes: &[u8]) -> Option<Result<Preamble, Fault>> {
    let mut taken = 0;
    loop {
        match judge(&bytes[..taken]) {
            Ok(Preamble::Needs(_)) if taken == bytes.len() => return None,
            Ok(Preamble::Needs(more)) => taken = (taken + more).min(bytes.len()),
            verdict => {
                // A header that is accepted was read to its very end: what follows belongs to TLS or HTTP.
                assert!(verdict.is_err() || taken == bytes.len(), "{} of {} bytes", taken, bytes.len());
                return Some(verdict);
            }
        }
    }
}

#[test]
fn a_proxy_header_is_read_strictly() {
    for case in cases("proxy_protocol.json")["cases"].as_array().unwrap() {
        let bytes = match case["text"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => hexadecimal(case["hex"].as_str().unwrap()),
        };
        let expected = if case["incomplete"] == true {
            None
        } else if case["refused"] == true {
            Some(Err(Fault::ProxyProtocolInvalid))
        } else {
            let source = case["source"].as_str().map(|text| text.parse().unwrap());
            Some(Ok(Preamble::Complete { source }))
        };
        assert_eq!(read(&bytes), expected, "{case}");
    }
}

fn hexadecimal(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
