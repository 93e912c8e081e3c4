//! A panic ends one request: answered 500, recorded with blame gateway, counted; the connection's neighbours don't notice.

use portazgo_core::fault::{Blame, Fault};
use portazgo_core::record::{Delivery, decode_segment};
use portazgo_core::snapshot::Update;
use portazgo_server::{Gateway, PROVOKED};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const EMPTY_SNAPSHOT: &str = concat!(
    r#"{"format": 1, "history": "01a20e60-e200-7018-af02-628cc3d9f17f", "revision": 1, "hash": ""#,
    "0000000000000000000000000000000000000000000000000000000000000000\"}\n",
    "{\"end\": true, \"count\": 0}\n",
);
const CLIENTS: usize = 4;
/// Fewer than those that end a node.
const FALLS: usize = 3;

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
    ask_for("/v1/items", connection, fields)
}

fn ask_for(path: &str, connection: &mut TcpStream, fields: &str) -> (u16, String) {
    write!(connection, "GET {path} HTTP/1.1\r\nHost: gate.example\r\n{fields}\r\n").unwrap();
    read_answer(connection)
}

fn read_answer(connection: &mut TcpStream) -> (u16, String) {
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

fn metrics(gateway: &Gateway) -> String {
    let mut text = String::new();
    let mut admin = connect(gateway.admin_address());
    write!(admin, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    admin.read_to_string(&mut text).unwrap();
    text
}

fn wait_until(so: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < patience, "it did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
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

    let metrics = metrics(&gateway);
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
fn a_thread_that_falls_outside_any_connection_costs_no_call_of_those_that_it_carries() {
    let folder = std::env::temp_dir().join(format!("portazgo-falls-{}", std::process::id()));
    let gateway = open(&folder);
    let mut nothing = Update::snapshot();
    nothing.push(EMPTY_SNAPSHOT.as_bytes()).unwrap();
    nothing.finish().unwrap();
    gateway.start().unwrap();
    gateway.apply(&nothing).unwrap();
    let address = gateway.gateway_address();
    let restarts = || {
        let metrics = metrics(&gateway);
        let line =
            metrics.lines().find(|line| line.starts_with("portazgo_thread_restarts_total{thread=\"0\"}")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
    };

    let mut between = connect(address);
    write!(between, "GET /.well-known/jwks.json HTTP/1.1\r\n").unwrap();
    let stopping = AtomicBool::new(false);
    let answered: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = connect(address);
                    let mut answers = 0;
                    while !stopping.load(Ordering::Relaxed) {
                        assert_eq!(ask_for("/.well-known/jwks.json", &mut connection, "").0, 200);
                        answers += 1;
                    }
                    answers
                })
            })
            .collect();
        for fall in 1..=FALLS {
            assert_eq!(ask_for("/.well-known/jwks.json", &mut connect(address), "X-Provoke-Panic: thread\r\n").0, 200);
            // It falls at its next beat.
            wait_until(|| restarts() == fall);
            std::thread::sleep(Duration::from_millis(100));
        }
        stopping.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    write!(between, "Host: gate.example\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut between).0, 200, "who was in the middle of a head is served too");
    drop(between);

    // A call is over a moment after its answer is here.
    let open = || (gateway.stats()["connections"].clone(), gateway.stats()["in_flight"].clone());
    wait_until(|| open() == (json!(0), json!(0)));
    assert!(gateway.drain(Duration::from_secs(5)));
    assert_eq!(gateway.stop().unwrap(), portazgo_server::journal::Closed::Clean);
    let mut records: Vec<_> = segments(&folder)
        .iter()
        .flat_map(|path| decode_segment(&std::fs::read(path).unwrap()).unwrap().frames)
        .map(|frame| (frame.record.request_id, frame.record.status_sent, frame.record.delivery))
        .collect();
    assert!(records.iter().all(|(_, status, delivery)| (*status, *delivery) == (200, Delivery::Complete)));
    records.sort();
    records.dedup_by_key(|(id, ..)| *id);
    assert_eq!(records.len(), answered + FALLS + 1, "each call left one record");
    assert!(answered > 10 * CLIENTS, "{answered} calls are no load");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_hook_shows_in_a_library_that_holds_it() {
    // The other half of the check of what is shipped: the words that it looks for are there when the hook is.
    let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    assert!(this.windows(PROVOKED.len()).any(|window| window == PROVOKED.as_bytes()));
}
