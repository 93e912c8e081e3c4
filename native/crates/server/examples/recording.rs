//! What recording a request costs, alone: processor time of the request's thread, and of all threads with the journal's.
//!
//!     recording FOLDER COUNT PER_SECOND
//!
//! COUNT records go through a journal in FOLDER as a data thread sends them: admitted, filled, answered, finished. They
//! come in bursts of 32 at `PER_SECOND`, so that the writer works as it does under load. Prints one JSON object.

use portazgo_core::ids::{Id, Kid};
use portazgo_core::record::{DATA_KEY, DataKey, DataKeys, Delivery, Environment, Method, Phase, Record, SecretSlot};
use portazgo_core::secret::Secret;
use portazgo_core::time::WallTime;
use portazgo_server::journal::{Config, Journal, Personal, ThreadJournal, WhenFull};
use rustix::time::{ClockId, clock_gettime};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const BURST: u64 = 32;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, count, per_second] = &words[..] else { panic!("recording FOLDER COUNT PER_SECOND") };
    let count: u64 = count.parse().expect("COUNT is a number");
    let per_second: u64 = per_second.parse().expect("PER_SECOND is a number");
    let journal = Journal::open(config(PathBuf::from(folder))).expect("the journal opens");
    let thread = journal.thread(0);
    let pause = Duration::from_nanos(1_000_000_000 * BURST / per_second);
    let began = Instant::now();
    let mut on_thread = 0;
    let mut recorded = 0;
    for burst in 0..count / BURST {
        let due = began + pause * u32::try_from(burst).expect("few bursts");
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let from = spent(ClockId::ThreadCPUTime);
        recorded += (0..BURST).map(|number| u64::from(record(&thread, burst * BURST + number))).sum::<u64>();
        on_thread += spent(ClockId::ThreadCPUTime) - from;
    }
    let took = began.elapsed();
    drop(thread);
    let closed = journal.close().expect("the journal closes");
    // Without this thread's own sleeping and waking.
    let all_threads = on_thread + spent(ClockId::ProcessCPUTime) - spent(ClockId::ThreadCPUTime);
    println!(
        "{{\"records\": {recorded}, \"refused\": {}, \"on_thread_ns\": {}, \"all_threads_ns\": {}, \"took_ms\": {}, \
        \"closed\": \"{closed:?}\"}}",
        count / BURST * BURST - recorded,
        on_thread / recorded.max(1),
        all_threads / recorded.max(1),
        took.as_millis(),
    );
}

/// Processor time so far, nanoseconds.
fn spent(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn config(folder: PathBuf) -> Config {
    Config {
        folder,
        node: Id([5; 16]),
        epoch: Id::version_7(now().0 as u64 / 1000, [7; 10]),
        threads: 1,
        slots_per_thread: 4096,
        seal_after: Duration::from_secs(1),
        seal_bytes: 1 << 20,
        sync_every: Duration::from_millis(5),
        when_full: WhenFull::Refuse,
        clock: Arc::new(now),
        personal: personal(),
    }
}

/// With the partner's data key, as a node has it.
fn personal() -> Personal {
    let personal = Personal::default();
    let mut keys = DataKeys::default();
    keys.put(Id([1; 16]), DataKey::new(Id([6; 16]), Secret::new(vec![3; DATA_KEY])).expect("of this length"));
    personal.keys.store(Arc::new(keys));
    personal
}

fn now() -> WallTime {
    WallTime(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as i64)
}

/// Whether there was a slot.
fn record(thread: &ThreadJournal, number: u64) -> bool {
    let at = WallTime(1_795_536_000_000_000 + number as i64);
    let mut id = [0; 10];
    id[2..].copy_from_slice(&number.to_be_bytes());
    let mut record = Record::request(Id::version_7(at.0 as u64 / 1000, id), at);
    record.client = Some(SocketAddr::from(([203, 0, 113, 7], 40_000)));
    let Some(mut slot) = thread.admit(record) else { return false };
    let record = slot.record();
    record.method = Method::Get;
    record.kid = Kid(*b"Kid0000001");
    record.claimed_kid = record.kid;
    record.secret_slot = SecretSlot::Current;
    record.partner = Id([1; 16]);
    record.application = Id([2; 16]);
    record.route = Id([3; 16]);
    record.plan = Id([4; 16]);
    record.environment = Environment::Live;
    record.trace_id = record.request_id;
    record.bytes_in = 180;
    record.bytes_out = 420;
    record.backend_bytes_out = 700;
    record.backend_bytes_in = 290;
    record.status_sent = 200;
    record.backend_status = 200;
    record.attempts = 1;
    for (after, phase) in [Phase::Framing, Phase::Route, Phase::Authenticate, Phase::Limit].into_iter().enumerate() {
        record.phases.reach(phase, after as u64);
    }
    slot.answered();
    slot.record().delivery = Delivery::Complete;
    slot.record().finished_at = WallTime(at.0 + 200);
    slot.finish();
    true
}
