//! Sealed segments as a busy node leaves them, made ahead: the journal's own writer fills FOLDER with COUNT records.
//!
//!     segments FOLDER NODE EPOCH COUNT PER_SECOND KEYS START_US
//!
//! The records are of a node that began at `START_US` and answers `PER_SECOND`: some of the KEYS call much, most little
//! (Zipf's law), each key on four routes; one call in fifty is refused by a throttle. Segments are full: at such a rate
//! they are sealed by size. Prints how many records were written.

use portazgo_core::fault::Fault;
use portazgo_core::ids::{Id, Kid};
use portazgo_core::record::{Delivery, Environment, Method, Phase, Record, SecretSlot};
use portazgo_core::time::WallTime;
use portazgo_server::journal::{Config, Journal, Personal, ThreadJournal, WhenFull};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const KEYS_PER_APPLICATION: u64 = 5;
const ROUTES: u64 = 4;
const ONE_THROTTLED_IN: u64 = 50;
const NO_SLOT: Duration = Duration::from_micros(200);
/// By size only: so many records are written at once that their age is not what a node would see.
const NEVER: Duration = Duration::from_hours(1);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, node, epoch, numbers @ ..] = &words[..] else { panic!("segments FOLDER NODE EPOCH …") };
    let numbers: Vec<u64> = numbers.iter().map(|word| word.parse().expect("a number")).collect();
    let [count, per_second, keys, start_us] = numbers[..] else { panic!("… COUNT PER_SECOND KEYS START_US") };
    let id = |text: &str| Id::parse(text).expect("an id");
    let now = Arc::new(AtomicI64::new(start_us as i64));
    let journal = Journal::open(config(PathBuf::from(folder), id(node), id(epoch), &now)).expect("the journal opens");
    let thread = journal.thread(0);
    for number in 0..count {
        let at = start_us + number * 1_000_000 / per_second;
        now.store(at as i64, Ordering::Relaxed);
        let call = Call::of(number, keys);
        while !record(&thread, number, at, &call) {
            std::thread::sleep(NO_SLOT);
        }
    }
    drop(thread);
    journal.close().expect("the journal closes");
    println!("{count}");
}

fn config(folder: PathBuf, node: Id, epoch: Id, now: &Arc<AtomicI64>) -> Config {
    let now = Arc::clone(now);
    Config {
        folder,
        node,
        epoch,
        threads: 1,
        slots_per_thread: 4096,
        seal_after: NEVER,
        seal_bytes: 1 << 20,
        sync_every: Duration::from_millis(100),
        when_full: WhenFull::Refuse,
        clock: Arc::new(move || WallTime(now.load(Ordering::Relaxed))),
        personal: Personal::default(),
    }
}

/// Who calls what.
struct Call {
    key: u64,
    route: u64,
    throttled: bool,
}

impl Call {
    fn of(number: u64, keys: u64) -> Self {
        let random = mixed(number);
        // Evenly spread over the logarithms of the places: the place's share is one part of its number.
        let part = f64::from((random >> 32) as u32) / f64::from(u32::MAX);
        let place = f64::from(keys as u32).powf(part) as u64;
        Self {
            key: place.min(keys - 1),
            route: random % ROUTES,
            throttled: (random >> 8).is_multiple_of(ONE_THROTTLED_IN),
        }
    }
}

/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014): `SplitMix64`.
fn mixed(number: u64) -> u64 {
    let mut mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Whether there was a slot.
fn record(thread: &ThreadJournal, number: u64, at_us: u64, call: &Call) -> bool {
    let at = WallTime(at_us as i64);
    let Some(mut slot) = thread.admit(Record::request(request_id(at_us, number), at)) else { return false };
    let record = slot.record();
    record.client = Some(SocketAddr::from(([203, 0, 113, 7], 40_000)));
    record.method = Method::Get;
    record.kid = Kid::parse(format!("Kid{:07}", call.key).as_bytes()).expect("a kid");
    record.claimed_kid = record.kid;
    record.secret_slot = SecretSlot::Current;
    record.partner = numbered(1, call.key / KEYS_PER_APPLICATION / 2);
    record.application = numbered(2, call.key / KEYS_PER_APPLICATION);
    record.route = numbered(3, call.route);
    record.plan = numbered(4, 0);
    record.environment = Environment::Live;
    record.trace_id = record.request_id;
    record.bytes_in = 180;
    if call.throttled {
        record.fault = Some(Fault::Throttled);
        record.status_sent = 429;
        record.bytes_out = 380;
    } else {
        record.status_sent = 200;
        record.bytes_out = 420;
        record.backend_bytes_out = 700;
        record.backend_bytes_in = 290;
        record.backend_status = 200;
        record.attempts = 1;
    }
    for (after, phase) in [Phase::Framing, Phase::Route, Phase::Authenticate, Phase::Limit].into_iter().enumerate() {
        record.phases.reach(phase, after as u64);
    }
    slot.answered();
    slot.record().delivery = Delivery::Complete;
    slot.record().finished_at = WallTime(at.0 + 1_200);
    slot.finish();
    true
}

fn request_id(at_us: u64, number: u64) -> Id {
    let mut rest = [0; 10];
    rest[2..].copy_from_slice(&number.to_be_bytes());
    Id::version_7(at_us / 1000, rest)
}

fn numbered(kind: u8, number: u64) -> Id {
    let mut bytes = [kind; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    Id(bytes)
}
