//! A panic ends one request: answered 500, recorded with blame gateway, counted; the connection's neighbours don't notice.

use portazgo_core::fault::{Blame, Fault};
use portazgo_core::record::{Delivery, decode_segment};
use portazgo_server::{Gateway, PROVOKED};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn open(folder: &Path) -> Gateway {
    let config = json!({
        "folder": folder, "label": "test", "listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "threads": 1,
        "key_prefix": "ptz", "max_staleness_seconds": null, "trusted_proxies": [],
        "limits": {"head_bytes": 65536, "head_lines": 100, "head_seconds": 10, "keep_alive_seconds": 75,
            "connections": 100, "slots_per_thread": 64},
        "journal": {"seal_ms": 1000, "seal_bytes": 1_048_576, "sync_ms": 5},
    });
    Gateway::open(&config.to_string()).unwrap()
}

/// Send a request over a connection that stays open, and read one answer's status and body.
fn ask(connection: &mut TcpStream, fields: &str) -> (u16, String) {
    write!(connection, "GET /v1/items HTTP/1.1\r\nHost: gate.example\r\n{fields}\r\n").unwrap();
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let bytes = connection.read(&mut piece).unwrap();
        received.extend_from_slice(&piece[..bytes]);
        let text = String::from_utf8_lossy(&received).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
            if body.len() >= length || bytes == 0 {
                return (text[9..12].parse().unwrap(), body.to_owned());
            }
        }
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    connection
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let epochs = std::fs::read_dir(folder.join("segments")).unwrap().map(|entry| entry.unwrap().path());
    let files = epochs.filter(|path| path.is_dir()).flat_map(|epoch| std::fs::read_dir(epoch).unwrap());
    files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "seg")).collect()
}

#[test]
fn a_panic_ends_one_request_and_is_answered_recorded_and_counted() {
    let folder = std::env::temp_dir().join(format!("portazgo-panics-{}", std::process::id()));
    let gateway = open(&folder);
    gateway.start().unwrap();

    let mut neighbour = connect(gateway.gateway_address());
    assert_eq!(ask(&mut neighbour, "").0, 503, "a node without a snapshot");
    let mut panicking = connect(gateway.gateway_address());
    let (status, body) = ask(&mut panicking, "X-Provoke-Panic: now\r\n");
    assert_eq!(status, 500);
    assert!(body.contains(Fault::GatewayPanic.description().public_code) && !body.contains(PROVOKED), "{body}");
    assert_eq!(panicking.read(&mut [0; 1]).unwrap(), 0, "nobody knows what state the connection is in");
    assert_eq!(ask(&mut neighbour, "").0, 503, "the thread goes on");
    drop((neighbour, panicking));

    let mut metrics = String::new();
    let mut admin = connect(gateway.admin_address());
    write!(admin, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    admin.read_to_string(&mut metrics).unwrap();
    assert!(metrics.contains("portazgo_requests_total{fault=\"gateway_panic\"} 1\n"), "{metrics}");

    assert!(gateway.drain(Duration::from_secs(5)), "no connection is left behind");
    gateway.stop().unwrap();
    let records: Vec<_> = segments(&folder)
        .iter()
        .flat_map(|path| decode_segment(&std::fs::read(path).unwrap()).unwrap().frames)
        .map(|frame| frame.record)
        .collect();
    let panics: Vec<_> = records.iter().filter(|record| record.fault == Some(Fault::GatewayPanic)).collect();
    assert_eq!((records.len(), panics.len()), (3, 1));
    assert_eq!((panics[0].status_sent, panics[0].delivery), (500, Delivery::Complete));
    assert_eq!(Fault::GatewayPanic.description().blame, Blame::Gateway);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_thread_that_falls_outside_any_request_costs_its_connections_and_serves_again() {
    let folder = std::env::temp_dir().join(format!("portazgo-falls-{}", std::process::id()));
    let gateway = open(&folder);
    gateway.start().unwrap();

    let mut on_it = connect(gateway.gateway_address());
    assert_eq!(ask(&mut on_it, "").0, 503);
    let mut provoking = connect(gateway.gateway_address());
    let _ = write!(provoking, "GET / HTTP/1.1\r\nHost: x\r\nX-Provoke-Panic: thread\r\n\r\n");
    // The only thread falls at its next beat, and everything that it had open with it.
    assert!(matches!(on_it.read(&mut [0; 1]), Ok(0) | Err(_)), "its connections end");
    let mut after = connect(gateway.gateway_address());
    assert_eq!(ask(&mut after, "").0, 503, "the same thread serves again");

    // A call is over a moment after its answer is here.
    let now = || {
        let stats = gateway.stats();
        (stats["connections"].clone(), stats["in_flight"].clone())
    };
    let patience = Instant::now() + Duration::from_secs(5);
    while now() != (json!(1), json!(0)) && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(now(), (json!(1), json!(0)), "nothing of what fell is still counted");
    let mut metrics = String::new();
    let mut admin = connect(gateway.admin_address());
    write!(admin, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    admin.read_to_string(&mut metrics).unwrap();
    assert!(metrics.contains("portazgo_thread_restarts_total{thread=\"0\"} 1\n"), "{metrics}");
    drop(after);

    assert!(gateway.drain(Duration::from_secs(5)));
    assert_eq!(gateway.stop().unwrap(), portazgo_server::journal::Closed::Clean, "its slots went on to the next");
    let records =
        segments(&folder).into_iter().map(|path| decode_segment(&std::fs::read(path).unwrap()).unwrap().frames.len());
    assert_eq!(records.sum::<usize>(), 3, "each request left one record");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_hook_shows_in_a_library_that_holds_it() {
    // The other half of the check of what is shipped: the words that it looks for are there when the hook is.
    let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    assert!(this.windows(PROVOKED.len()).any(|window| window == PROVOKED.as_bytes()));
}
