//! Forwarding headers of any text: an untrusted peer is the client itself, and nobody is believed past an untrusted address.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::client::{Client, ForwardingHeader, client};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 80);

fuzz_target!(|data: &str| {
    let lines: Vec<&str> = data.split('\n').collect();
    for header in [ForwardingHeader::XForwardedFor, ForwardingHeader::Forwarded, ForwardingHeader::None] {
        let ask = |trusted: fn(IpAddr) -> bool| {
            client(PEER, header, lines.iter().copied(), lines.iter().copied().take(1), trusted)
        };
        assert_eq!(ask(|_| false), Client { address: PEER, secure: None });
        let found = ask(private);
        if header == ForwardingHeader::None {
            assert_eq!(found.address, PEER);
        }
        if found.address != PEER {
            let address = found.address.ip();
            let named = lines.iter().any(|line| line.bytes().any(|byte| byte.is_ascii_hexdigit() || byte == b':'));
            assert!(named, "{address} comes from nowhere");
        }
        // What a client writes before the entry of the last trusted proxy changes nothing.
        if header == ForwardingHeader::XForwardedFor {
            let mut forged = lines.clone();
            forged.push("203.0.113.5, 10.0.0.2");
            let found = client(PEER, header, forged.iter().copied(), std::iter::empty(), private);
            assert_eq!(found.address, SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5)), 0));
        }
    }
});

fn private(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.octets()[0] == 10)
}
