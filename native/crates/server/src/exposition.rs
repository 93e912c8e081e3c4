//! `/metrics` in Prometheus' text format 0.0.4. Every label is bounded: data threads, the catalogue's faults, fixed words.
//! docs/metrics.md has each of them; a test compares the two.

use crate::drain::Step;
use crate::journal::{Journal, Stats};
use crate::metrics::{ApplyTimes, ThreadMetrics, value};
use crate::shared::Shared;
use portazgo_core::fault::Fault;
use portazgo_core::snapshot::Environment;
use std::fmt::Write as _;

/// Everything, as text.
pub(crate) fn metrics(shared: &Shared, journal: &Journal, ready: bool) -> String {
    let mut page = Page(String::with_capacity(8192));
    node(&mut page, shared, ready);
    traffic(&mut page, shared);
    backends(&mut page, shared);
    tokens(&mut page, shared);
    records(&mut page, shared, journal, &journal.stats());
    snapshot(&mut page, shared);
    page.0
}

fn node(page: &mut Page, shared: &Shared, ready: bool) {
    page.family("portazgo_build_info", "gauge", "Always 1; its label says what runs.");
    page.row("portazgo_build_info", &format!("version=\"{}\"", crate::VERSION), 1);
    page.one("portazgo_ready", "gauge", "1 when the node should get traffic, as /health/ready says.", u64::from(ready));
    page.family("portazgo_drain_state", "gauge", "1 for the step at which the node is on its way out.");
    for step in Step::ALL {
        let here = u64::from(step == shared.drain.step());
        page.row("portazgo_drain_state", &format!("state=\"{}\"", step.as_str()), here);
    }
    let help = "Memory of the process, without files; what PORTAZGO_MAX_MEMORY bounds.";
    page.one("portazgo_memory_bytes", "gauge", help, shared.levels.memory_bytes());
    let short = u64::from(shared.levels.is_memory_short());
    page.one("portazgo_memory_short", "gauge", "1 while requests are refused for want of memory.", short);
}

fn tokens(page: &mut Page, shared: &Shared) {
    let [signed, refused] = shared.signing.counts();
    page.one("portazgo_tokens_signed_total", "counter", "Signatures made for tokens of backends.", signed);
    let help = "Tokens that a backend refused with 401, and that were let go for a new one.";
    page.one("portazgo_tokens_refused_total", "counter", help, refused);
}

fn traffic(page: &mut Page, shared: &Shared) {
    let threads = &shared.threads;
    page.by_thread("portazgo_connections", "gauge", "Open connections from partners.", threads, |thread| {
        value(&thread.connections)
    });
    let help = "Connections from partners that were dealt to a data thread.";
    page.by_thread("portazgo_connections_accepted_total", "counter", help, threads, |thread| value(&thread.accepted));
    let ended = |fault| threads.iter().map(|thread| value(thread.connection_fault(fault))).sum();
    let help = "Connections that ended without a request, by fault; TLS handshakes that failed are here.";
    page.by_fault("portazgo_connections_failed_total", help, None, ended);
    let outcomes = |fault| threads.iter().map(|thread| thread.faulted(fault)).sum();
    let succeeded = threads.iter().map(|thread| value(&thread.succeeded)).sum();
    let help = "Requests by outcome; fault=\"none\" went well.";
    page.by_fault("portazgo_requests_total", help, Some(succeeded), outcomes);
    page.by_thread("portazgo_requests_in_flight", "gauge", "Requests being answered.", threads, |thread| {
        value(&thread.in_flight)
    });
    page.by_thread(
        "portazgo_requests_refused_total",
        "counter",
        "Requests refused because the node was overloaded or had no record slot, and connections beyond the most.",
        threads,
        |thread| value(&thread.without_slot),
    );
    page.by_thread(
        "portazgo_library_refusals_total",
        "counter",
        "Requests and answers that passed our framing and that the HTTP library refused; more than 0 is a bug.",
        threads,
        |thread| value(&thread.library_refusals),
    );
    let help = "Requests that a data thread has ended.";
    page.by_thread("portazgo_thread_requests_total", "counter", help, threads, ThreadMetrics::requests);
    page.seconds_by_thread(
        "portazgo_thread_loop_lag_seconds",
        "How late the data thread's clock tick was last: so long a request that comes waits for its turn.",
        threads,
        |thread| value(&thread.loop_lag_us),
    );
    page.seconds_by_thread(
        "portazgo_thread_backlog_seconds",
        "How much work stood in the data thread's queue last; some requests are refused while it stands above its bound.",
        threads,
        |thread| value(&thread.backlog_us),
    );
    page.by_thread(
        "portazgo_thread_restarts_total",
        "counter",
        "How often the data thread was started again after a panic outside any request; more than 0 is a bug.",
        threads,
        |thread| value(&thread.restarts),
    );
}

fn backends(page: &mut Page, shared: &Shared) {
    let threads = &shared.threads;
    let help = "Connections opened to backends.";
    page.by_thread("portazgo_backend_connects_total", "counter", help, threads, |thread| {
        value(&thread.backend_connects)
    });
    let help = "Requests that took a backend connection that was there.";
    page.by_thread("portazgo_backend_reuses_total", "counter", help, threads, |thread| value(&thread.backend_reuses));
    page.by_thread("portazgo_backend_idle", "gauge", "Idle backend connections.", threads, |thread| {
        value(&thread.backend_idle)
    });
    for family in crate::targets::families(shared) {
        let kind = if family.name.ends_with("_total") { "counter" } else { "gauge" };
        page.family(family.name, kind, family.help);
        for (labels, value) in &family.rows {
            page.row(family.name, labels.trim_matches(['{', '}']), value);
        }
    }
    let name = "portazgo_logins_total";
    page.family(name, "counter", "Logins at backends' token endpoints, by outcome; where a backend has them.");
    let counts = shared.logins.counts();
    // A backend's name is a slug: it needs no escaping.
    let labels = |backend: &str, environment: Environment| {
        format!("backend=\"{backend}\",environment=\"{}\"", environment.as_str())
    };
    for (backend, environment, succeeded, failed, _) in &counts {
        let labels = labels(backend, *environment);
        page.row(name, &format!("{labels},outcome=\"succeeded\""), succeeded);
        page.row(name, &format!("{labels},outcome=\"failed\""), failed);
    }
    let name = "portazgo_logins_failing";
    page.family(name, "gauge", "Those whose last login at a backend failed, up to 100; where a backend has logins.");
    for (backend, environment, _, _, failing) in &counts {
        page.row(name, &labels(backend, *environment), failing);
    }
}

fn records(page: &mut Page, shared: &Shared, journal: &Journal, stats: &Stats) {
    let (used, all) = journal.slots();
    page.family(
        "portazgo_record_slots",
        "gauge",
        "Slots for records of requests in flight and of records to be written.",
    );
    page.row("portazgo_record_slots", "state=\"used\"", used);
    page.row("portazgo_record_slots", "state=\"free\"", all - used);
    page.one("portazgo_records_accepted_total", "counter", "Records that were opened.", stats.accepted);
    let help = "Requests served without a record, since the disk was full and PORTAZGO_DISK_FULL says serve.";
    page.one("portazgo_requests_unrecorded_total", "counter", help, stats.unrecorded);
    page.one("portazgo_records_written_total", "counter", "Records in segment files.", stats.written);
    page.one(
        "portazgo_records_unwritten",
        "gauge",
        "Finished records that wait in their slots for the segment file.",
        journal.unwritten(),
    );
    page.one(
        "portazgo_records_unsynced",
        "gauge",
        "Records in segment files that the disk is not known to hold: what the host's death would lose.",
        stats.written.saturating_sub(stats.synced),
    );
    let help = "Records of this epoch that the collector has acknowledged.";
    page.one("portazgo_records_shipped_total", "counter", help, stats.acknowledged);
    let help = "Records that are on this host only: what the death of host and disk would lose.";
    page.one("portazgo_records_at_risk", "gauge", help, stats.at_risk);
    let since = stats.at_risk_since.map_or(0, |since| shared.clock.wall().0.saturating_sub(since.0).max(0));
    page.seconds(
        "portazgo_records_at_risk_seconds",
        "For how long the oldest of them have been; 0: there is none.",
        since,
    );
    page.one(
        "portazgo_segments_waiting",
        "gauge",
        "Sealed segments that the collector has not acknowledged.",
        stats.segments_waiting,
    );
    page.one("portazgo_segment_bytes_waiting", "gauge", "Bytes of those segments.", stats.bytes_waiting);
    let oldest = stats.oldest_waiting.map_or(0, |began| shared.clock.wall().0.saturating_sub(began.0).max(0));
    page.seconds("portazgo_segments_oldest_seconds", "Age of the oldest of them; 0: there is none.", oldest);
    page.one(
        "portazgo_segments_damaged",
        "gauge",
        "Segment files that the start found damaged and set aside.",
        stats.segments_damaged,
    );
    page.one(
        "portazgo_journal_trouble",
        "gauge",
        "1 while records can't be written.",
        u64::from(stats.trouble.is_some()),
    );
}

fn snapshot(page: &mut Page, shared: &Shared) {
    let snapshot = shared.snapshot.load_full();
    let revision = snapshot.as_ref().as_ref().map_or(0, |snapshot| snapshot.revision);
    page.one("portazgo_snapshot_revision", "gauge", "Revision that is served.", revision);
    let name = "portazgo_snapshot_apply_seconds";
    page.family(name, "histogram", "Time a revision took until every data thread had it.");
    let counts = shared.applies.cumulative();
    for (bound, count) in ApplyTimes::BOUNDS_US.iter().zip(&counts) {
        page.row(&format!("{name}_bucket"), &format!("le=\"{}\"", in_seconds(*bound as i64)), count);
    }
    let count = counts.last().copied().unwrap_or(0);
    page.row(&format!("{name}_bucket"), "le=\"+Inf\"", count);
    page.row(&format!("{name}_sum"), "", in_seconds(shared.applies.sum_us() as i64));
    page.row(&format!("{name}_count"), "", count);
    if let Some(age) = shared.clock.contact_age_ms() {
        let help = "Age of the last contact with the control plane; absent before the first.";
        page.seconds("portazgo_contact_age_seconds", help, age as i64 * 1000);
    }
    if let Some(age) = shared.clock.shipment_age_ms() {
        let help = "Age of the last shipment of records; absent before the first.";
        page.seconds("portazgo_shipment_age_seconds", help, age as i64 * 1000);
    }
    let help = "Control plane's clock minus this host's.";
    page.seconds("portazgo_clock_offset_seconds", help, shared.clock.offset_us());
}

/// The text, as it grows.
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn row(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = if labels.is_empty() {
            writeln!(self.0, "{name} {value}")
        } else {
            writeln!(self.0, "{name}{{{labels}}} {value}")
        };
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.row(name, "", value);
    }

    fn seconds(&mut self, name: &str, help: &str, us: i64) {
        self.one(name, "gauge", help, in_seconds(us));
    }

    fn by_thread(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        threads: &[ThreadMetrics],
        pick: fn(&ThreadMetrics) -> u64,
    ) {
        self.family(name, kind, help);
        for (index, thread) in threads.iter().enumerate() {
            self.row(name, &format!("thread=\"{index}\""), pick(thread));
        }
    }

    fn seconds_by_thread(&mut self, name: &str, help: &str, threads: &[ThreadMetrics], us: fn(&ThreadMetrics) -> u64) {
        self.family(name, "gauge", help);
        for (index, thread) in threads.iter().enumerate() {
            self.row(name, &format!("thread=\"{index}\""), in_seconds(us(thread) as i64));
        }
    }

    /// One row per fault that has happened, so that the page stays short.
    fn by_fault(&mut self, name: &str, help: &str, none: Option<u64>, count: impl Fn(Fault) -> u64) {
        self.family(name, "counter", help);
        if let Some(none) = none {
            self.row(name, "fault=\"none\"", none);
        }
        for fault in Fault::all() {
            let count = count(fault);
            if count > 0 {
                self.row(name, &format!("fault=\"{}\"", fault.code()), count);
            }
        }
    }
}

/// Microseconds as seconds, without the rounding of floats.
fn in_seconds(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    format!("{sign}{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::in_seconds;

    #[test]
    fn seconds_are_written_exactly() {
        assert_eq!([0, 250, -1_500_000].map(in_seconds), ["0.000000", "0.000250", "-1.500000"]);
    }
}
