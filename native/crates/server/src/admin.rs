//! The admin listener: `/health/live`, `/health/ready`, `/metrics`. Loopback by default; nothing of a partner's ever passes here.

use crate::journal::{Journal, Stats};
use crate::metrics::value;
use crate::shared::Shared;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portazgo_core::fault::Fault;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

/// A poll or a shipment that is older means that the host process hangs or is cut off.
const STALE_MS: u64 = 30_000;
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
            document(status, "application/json", json!({"ready": reasons.is_empty(), "reasons": reasons}).to_string())
        }
        "/metrics" => document(StatusCode::OK, "text/plain; version=0.0.4", metrics(shared, &journal.stats())),
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

/// Why this node should get no traffic. Empty: it should.
fn not_ready(shared: &Shared, journal: &Stats) -> Vec<String> {
    let mut reasons = Vec::new();
    if shared.draining.load(Ordering::Acquire) {
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
    if let Some(trouble) = &journal.trouble {
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
        "written": journal.written,
        "synced": journal.synced,
        "refused": journal.refused,
        "segments_damaged": journal.segments_damaged,
        "segments_waiting": journal.segments_waiting,
        "bytes_waiting": journal.bytes_waiting,
        "apply_us": shared.last_apply_us.load(Ordering::Relaxed),
        "contact_age_ms": shared.clock.contact_age_ms(),
        "shipment_age_ms": shared.clock.shipment_age_ms(),
        "clock_offset_us": shared.clock.offset_us(),
        "backends": crate::targets::document(shared),
    })
}

/// Prometheus text. Every label is bounded: data threads and the catalogue's faults.
fn metrics(shared: &Shared, journal: &Stats) -> String {
    let mut text = String::with_capacity(4096);
    let mut gauge = |name: &str, help: &str, rows: &[(String, u64)]| {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in rows {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let one = |value: u64| vec![(String::new(), value)];
    let by_thread = |pick: fn(&crate::metrics::ThreadMetrics) -> u64| -> Vec<(String, u64)> {
        shared
            .threads
            .iter()
            .enumerate()
            .map(|(index, thread)| (format!("{{thread=\"{index}\"}}"), pick(thread)))
            .collect()
    };
    gauge("portazgo_connections", "Open connections from partners.", &by_thread(|thread| value(&thread.connections)));
    gauge("portazgo_requests_in_flight", "Requests being answered.", &by_thread(|thread| value(&thread.in_flight)));
    gauge(
        "portazgo_requests_refused_total",
        "Requests refused for want of a record slot.",
        &by_thread(|thread| value(&thread.without_slot)),
    );
    gauge(
        "portazgo_library_refusals_total",
        "Requests and answers that passed our framing and that the HTTP library refused; more than 0 is a bug.",
        &by_thread(|thread| value(&thread.library_refusals)),
    );
    gauge(
        "portazgo_backend_connects_total",
        "Connections opened to backends.",
        &by_thread(|thread| value(&thread.backend_connects)),
    );
    gauge(
        "portazgo_backend_reuses_total",
        "Requests that took an idle backend connection.",
        &by_thread(|thread| value(&thread.backend_reuses)),
    );
    gauge("portazgo_backend_idle", "Idle backend connections.", &by_thread(|thread| value(&thread.backend_idle)));
    for family in crate::targets::families(shared) {
        gauge(family.name, family.help, &family.rows);
    }
    let mut outcomes =
        vec![("{fault=\"none\"}".to_owned(), shared.threads.iter().map(|thread| value(&thread.succeeded)).sum())];
    for fault in Fault::all() {
        let count: u64 = shared.threads.iter().map(|thread| thread.faulted(fault)).sum();
        if count > 0 {
            outcomes.push((format!("{{fault=\"{}\"}}", fault.code()), count));
        }
    }
    gauge("portazgo_requests_total", "Requests by outcome; fault=\"none\" went well.", &outcomes);
    let mut ended = Vec::new();
    for fault in Fault::all() {
        let count: u64 = shared.threads.iter().map(|thread| value(thread.connection_fault(fault))).sum();
        if count > 0 {
            ended.push((format!("{{fault=\"{}\"}}", fault.code()), count));
        }
    }
    gauge("portazgo_connections_failed_total", "Connections that ended without a request, by fault.", &ended);
    gauge("portazgo_records_accepted_total", "Records that were opened.", &one(journal.accepted));
    gauge("portazgo_records_written_total", "Records in segment files.", &one(journal.written));
    gauge("portazgo_segments_waiting", "Sealed segments not yet acknowledged.", &one(journal.segments_waiting as u64));
    gauge("portazgo_segment_bytes_waiting", "Bytes of those segments.", &one(journal.bytes_waiting));
    let snapshot = shared.snapshot.load_full();
    gauge(
        "portazgo_snapshot_revision",
        "Revision that is served.",
        &one(snapshot.as_ref().as_ref().map_or(0, |snapshot| snapshot.revision)),
    );
    gauge(
        "portazgo_snapshot_apply_microseconds",
        "Time the last revision took until every thread had it.",
        &one(shared.last_apply_us.load(Ordering::Relaxed)),
    );
    if let Some(age) = shared.clock.contact_age_ms() {
        gauge("portazgo_contact_age_milliseconds", "Age of the last contact with the control plane.", &one(age));
    }
    if let Some(age) = shared.clock.shipment_age_ms() {
        gauge("portazgo_shipment_age_milliseconds", "Age of the last shipment.", &one(age));
    }
    let offset = shared.clock.offset_us();
    let _ = write!(
        text,
        "# HELP portazgo_clock_offset_microseconds Control plane's clock minus this host's.\n\
         # TYPE portazgo_clock_offset_microseconds gauge\nportazgo_clock_offset_microseconds {offset}\n"
    );
    text
}
