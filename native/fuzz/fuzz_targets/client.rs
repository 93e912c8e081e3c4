//! Forwarding headers of any bytes: an untrusted peer is the client itself, and nobody is believed past an untrusted address.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::client::{Client, ForwardingHeader, client};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 80);

fuzz_target!(|data: &[u8]| {
    let lines: Vec<&[u8]> = data.split(|&byte| byte == b'\n').collect();
    let protocol = std::str::from_utf8(lines[0]).unwrap_or_default();
    for header in [ForwardingHeader::XForwardedFor, ForwardingHeader::Forwarded, ForwardingHeader::None] {
        let ask = |trusted: fn(IpAddr) -> bool| {
            client(PEER, header, lines.iter().copied(), std::iter::once(protocol), trusted)
        };
        assert_eq!(ask(|_| false), Client { address: PEER, secure: None });
        let found = ask(private);
        if header == ForwardingHeader::None {
            assert_eq!(found.address, PEER);
        }
        if found.address != PEER {
            let address = found.address.ip();
            let named = lines.iter().any(|line| line.iter().any(|byte| byte.is_ascii_hexdigit() || *byte == b':'));
            assert!(named, "{address} comes from nowhere");
        }
        // What a client writes before the entries of trusted proxies changes nothing, in their line or in one of its own.
        let appended: &[u8] = match header {
            ForwardingHeader::XForwardedFor => b"203.0.113.5, 10.0.0.2",
            ForwardingHeader::Forwarded => b"for=203.0.113.5, for=\"10.0.0.2:99\"",
            ForwardingHeader::None => continue,
        };
        let joined = [data, b", ", appended].concat();
        for forged in [[data, appended], [b"", &joined]] {
            let found = client(PEER, header, forged.into_iter(), std::iter::empty(), private);
            assert_eq!(found.address, SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5)), 0));
        }
    }
});

fn private(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.octets()[0] == 10)
}
