//! A client that never reads its answers is given up: it can't hold its record and its connection for ever.

use portazgo_core::record::{Delivery, decode_segment};
use portazgo_server::Gateway;
use serde_json::json;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

const WRITE_SECONDS: u64 = 1;

fn open(folder: &Path) -> Gateway {
    let config = json!({
        "folder": folder, "label": "test", "listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "threads": 1,
        "key_prefix": "ptz", "max_staleness_seconds": null, "trusted_proxies": [],
        "limits": {"head_bytes": 65536, "head_lines": 100, "head_seconds": 10, "keep_alive_seconds": 75,
            "write_seconds": WRITE_SECONDS, "connections": 100, "slots_per_thread": 20_000},
        "journal": {"seal_ms": 1000, "seal_bytes": 1_048_576, "sync_ms": 5},
    });
    Gateway::open(&config.to_string()).unwrap()
}

#[test]
fn who_takes_nothing_of_an_answer_is_given_up_after_the_write_time() {
    let folder = std::env::temp_dir().join(format!("portazgo-slow-reader-{}", std::process::id()));
    let gateway = open(&folder);
    gateway.start().unwrap();

    // Requests without end, and no answer is ever read: the answers fill both sockets' buffers, then the gateway waits.
    let mut client = TcpStream::connect(gateway.gateway_address()).unwrap();
    client.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    let requests = "GET /v1/items HTTP/1.1\r\nHost: gate.example\r\n\r\n".repeat(1000);
    let began = Instant::now();
    while client.write_all(requests.as_bytes()).is_ok() {
        assert!(began.elapsed() < Duration::from_mins(1), "nobody gave the client up");
    }
    assert!(began.elapsed() >= Duration::from_secs(WRITE_SECONDS));

    assert!(gateway.drain(Duration::from_secs(5)), "no connection is left behind");
    gateway.stop().unwrap();
    let cut_off = std::fs::read_dir(folder.join("segments"))
        .unwrap()
        .flat_map(|epoch| std::fs::read_dir(epoch.unwrap().path()).unwrap())
        .flat_map(|file| decode_segment(&std::fs::read(file.unwrap().path()).unwrap()).unwrap().frames)
        .filter(|frame| frame.record.delivery == Delivery::Aborted)
        .count();
    assert!(cut_off >= 1, "the answer under way is recorded as cut off");
    std::fs::remove_dir_all(&folder).unwrap();
}
