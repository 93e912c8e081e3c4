//! The admin listener: `/health/live`, `/health/ready`, `/metrics`. Loopback by default; nothing of a partner's ever passes here.

use crate::drain::Step;
use crate::exposition;
use crate::journal::{Journal, Stats, WhenFull};
use crate::metrics::value;
use crate::panics::Vital;
use crate::shared::Shared;
use crate::targets;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A poll or a shipment that is older means that the host process hangs or is cut off.
const STALE_MS: u64 = 30_000;
/// A data thread that has not run for so long is stuck in something.
const STUCK_MS: u64 = 5_000;
/// A clock that is further off would refuse or honour keys at the wrong time.
const FAR_OFF_US: i64 = 60_000_000;

/// Runs on a thread of its own: health must answer while data threads are busy.
pub(crate) struct AdminListener {
    stop: watch::Sender<bool>,
    join: Option<std::thread::JoinHandle<()>>,
}

impl AdminListener {
    pub(crate) fn start(listener: TcpListener, shared: Arc<Shared>, journal: Arc<Journal>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let (stop, mut stopped) = watch::channel(false);
        let join = std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            let _vital = Vital("admin");
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime needs only file descriptors");
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                tokio::select! {
                    () = serve(listener, shared, journal) => {}
                    _ = stopped.wait_for(|stopped| *stopped) => {}
                }
            });
        })?;
        Ok(Self { stop, join: Some(join) })
    }

    pub(crate) fn stop(&mut self) {
        self.stop.send_replace(true);
        if let Some(join) = self.join.take() {
            let _ = join.join();
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, shared: Arc<Shared>, journal: Arc<Journal>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (shared, journal) = (Arc::clone(&shared), Arc::clone(&journal));
        let service = service_fn(move |request: Request<Incoming>| {
            let response = respond(request.uri().path(), &shared, &journal);
            async move { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(async move {
            let connection = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(Duration::from_secs(10), connection).await;
        });
    }
}

fn respond(path: &str, shared: &Shared, journal: &Journal) -> Response<Full<Bytes>> {
    match path {
        "/health/live" => document(StatusCode::OK, "application/json", json!({"live": true}).to_string()),
        "/health/ready" => {
            let reasons = not_ready(shared, &journal.stats());
            let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            let warnings = warnings(shared, &journal.stats());
            let text = json!({"ready": reasons.is_empty(), "reasons": reasons, "warnings": warnings}).to_string();
            document(status, "application/json", text)
        }
        "/metrics" => {
            let text = exposition::metrics(shared, journal, not_ready(shared, &journal.stats()).is_empty());
            document(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        _ => document(
            StatusCode::NOT_FOUND,
            "application/json",
            json!({"title": "not here", "paths": ["/health/live", "/health/ready", "/metrics"]}).to_string(),
        ),
    }
}

fn document(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// What people should know though the node gets traffic.
fn warnings(shared: &Shared, journal: &Stats) -> Vec<String> {
    let mut warnings = shared.warnings();
    if let Some(trouble) = journal.trouble.as_ref().filter(|_| shared.config.journal.when_full == WhenFull::Serve) {
        warnings.push(format!(
            "the journal can't be written: {trouble}; {} requests were served without a record",
            journal.unrecorded
        ));
    }
    warnings.extend(shared.signing.warnings(shared.clock.monotonic()));
    warnings.extend(targets::warnings(shared));
    warnings.extend(shared.logins.warnings(shared.clock.wall()));
    warnings
}

/// Why this node should get no traffic. Empty: it should.
fn not_ready(shared: &Shared, journal: &Stats) -> Vec<String> {
    let mut reasons = Vec::new();
    if shared.drain.step() != Step::Serving {
        reasons.push("the node is draining".to_owned());
    }
    if shared.snapshot.load().is_none() {
        reasons.push("no snapshot has been applied yet".to_owned());
    }
    if shared.lease_ended() {
        reasons
            .push("the contact lease has ended: the node refuses calls until it reaches the control plane".to_owned());
    }
    // Silence counts from the start: a node that serves what it knew last is as deaf as one that lost the contact.
    let silent = |age: Option<u64>| {
        shared.config.follows_control_plane && age.unwrap_or_else(|| shared.clock.uptime_ms()) > STALE_MS
    };
    if silent(shared.clock.contact_age_ms()) {
        reasons.push("the last contact with the control plane is older than 30 s".to_owned());
    }
    if silent(shared.clock.shipment_age_ms()) {
        reasons.push("the last shipment of usage records is older than 30 s".to_owned());
    }
    if shared.clock.offset_us().abs() > FAR_OFF_US {
        reasons.push("this host's clock is more than 60 s off the control plane's".to_owned());
    }
    for (index, thread) in shared.threads.iter().enumerate() {
        let beat = value(&thread.beat_ms);
        if beat > 0 && shared.clock.uptime_ms().saturating_sub(beat) > STUCK_MS {
            reasons.push(format!("data thread {index} has not run for more than 5 s"));
        }
    }
    // Who declared that a full disk is no reason to refuse wants the load balancer to think so too.
    if let Some(trouble) = journal.trouble.as_ref().filter(|_| shared.config.journal.when_full == WhenFull::Refuse) {
        reasons.push(format!("the journal can't be written: {trouble}"));
    }
    reasons
}

/// The same facts for programs (`Node.stats()`).
pub(crate) fn state(shared: &Shared, journal: &Stats) -> Value {
    let snapshot = shared.snapshot.load_full();
    let snapshot = snapshot.as_ref().as_ref();
    let sum = |pick: fn(&crate::metrics::ThreadMetrics) -> u64| shared.threads.iter().map(pick).sum::<u64>();
    json!({
        "not_ready": not_ready(shared, journal),
        "history": snapshot.map(|snapshot| snapshot.history.clone()),
        "revision": snapshot.map(|snapshot| snapshot.revision),
        "hash": snapshot.map(|snapshot| snapshot.hash.clone()),
        "security": shared.lane.load().sequence(),
        "threads": shared.threads.len(),
        "connections": sum(|thread| value(&thread.connections)),
        "in_flight": sum(|thread| value(&thread.in_flight)),
        "accepted": journal.accepted,
        "aggregates": journal.aggregates,
        "written": journal.written,
        "synced": journal.synced,
        "refused": journal.refused,
        "segments_damaged": journal.segments_damaged,
        "acknowledged": journal.acknowledged,
        "at_risk": journal.at_risk,
        "at_risk_since_us": journal.at_risk_since.map(|since| since.0),
        "segments_waiting": journal.segments_waiting,
        "bytes_waiting": journal.bytes_waiting,
        "apply_us": shared.applies.last_us(),
        "contact_age_ms": shared.clock.contact_age_ms(),
        "shipment_age_ms": shared.clock.shipment_age_ms(),
        "clock_offset_us": shared.clock.offset_us(),
        "tokens_signed": shared.signing.counts()[0],
        "backends": targets::document(shared),
        "logins": shared.logins.document(),
        "time_us": shared.clock.wall().0,
        "drain": shared.drain.step().as_str(),
        "warnings": warnings(shared, journal),
    })
}
