//! A connection that waits for its client holds no buffers, and serves again as before.

#[path = "../../core/tests/support/counted.rs"]
mod counted;

use counted::Counted;
use portazgo_core::snapshot::Update;
use portazgo_server::Gateway;
use serde_json::json;
use std::alloc::System;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counted = Counted::new(System);

/// One at a time: what one gateway takes is not to be counted for the other's connections.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const CONNECTIONS: usize = 300;
/// The stated figure is 20 KB of the process's memory; this is what was asked for, on both the thread's and the runtime's side.
const MOST_BYTES: isize = 4 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_SECONDS: u64 = 60;

fn open(folder: &Path, keep_alive_seconds: u64) -> Gateway {
    let config = json!({
        "folder": folder, "label": "test", "listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "threads": 1,
        "key_prefix": "ptz", "max_staleness_seconds": null, "trusted_proxies": [],
        "limits": {"head_bytes": 65536, "head_lines": 100, "head_seconds": 10, "keep_alive_seconds": keep_alive_seconds,
            "write_seconds": 10, "connections": 1000, "slots_per_thread": 4096},
        "journal": {"seal_ms": 1000, "seal_bytes": 1_048_576, "sync_ms": 5},
    });
    let gateway = Gateway::open(&config.to_string()).unwrap();
    gateway.start().unwrap();
    let mut update = Update::snapshot();
    let head = json!({"format": 1, "history": "01990000-0000-7000-8000-0000000000ff", "revision": 1, "hash": ""});
    update.push(format!("{head}\n{}\n", json!({"end": true, "count": 0})).as_bytes()).unwrap();
    update.finish().unwrap();
    gateway.apply(&update).unwrap();
    gateway
}

fn connect(gateway: &Gateway) -> TcpStream {
    let client = TcpStream::connect(gateway.gateway_address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn call(mut client: &TcpStream) {
    client.write_all(b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: gate.example\r\n\r\n").unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(b"{\"keys\":[]}") {
        let bytes = client.read(&mut piece).unwrap();
        assert!(bytes > 0, "the connection was closed");
        answer.extend_from_slice(&piece[..bytes]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

/// Wait until so many connections hold no more than they may. Returns what each of them holds.
fn settled(before: isize) -> isize {
    let began = Instant::now();
    loop {
        let each = (ALLOCATOR.held() - before) / CONNECTIONS as isize;
        if each <= MOST_BYTES || began.elapsed() > PATIENCE {
            return each;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn idle_connections_hold_little_serve_again_and_end() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = std::env::temp_dir().join(format!("portazgo-idle-{}", std::process::id()));
    let gateway = open(&folder, KEEP_ALIVE_SECONDS);
    // What the first calls bring into memory is no connection's.
    let first: Vec<TcpStream> = (0..10).map(|_| connect(&gateway)).collect();
    first.iter().for_each(call);
    let before = ALLOCATOR.held();

    let clients: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect(&gateway)).collect();
    for round in 0..3 {
        clients.iter().for_each(call);
        let each = settled(before);
        println!("round {round}: an idle connection holds {each} bytes");
        assert!(each <= MOST_BYTES, "an idle connection holds {each} bytes");
    }
    // Half of them leave while they rest, the others are told to.
    drop(clients.into_iter().step_by(2).collect::<Vec<_>>());
    assert!(gateway.drain(Duration::from_secs(10)), "no connection is left behind");
    gateway.stop().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_resting_connection_is_closed_when_its_time_is_over() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = std::env::temp_dir().join(format!("portazgo-idle-end-{}", std::process::id()));
    let gateway = open(&folder, 2);
    let mut client = connect(&gateway);
    let silent = connect(&gateway);
    for _ in 0..2 {
        call(&client);
        // Beyond the time after which it rests, within that after which it ends.
        std::thread::sleep(Duration::from_secs(1));
    }
    call(&client);
    let began = Instant::now();
    assert_eq!(client.read(&mut [0; 16]).unwrap(), 0);
    assert!(began.elapsed() > Duration::from_millis(1500), "it was closed too soon");
    assert_eq!((&silent).read(&mut [0; 16]).unwrap(), 0);
    gateway.stop().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
