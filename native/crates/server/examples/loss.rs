//! How long an answered call is at the mercy of its host: from `answered` until the disk has its record.
//!
//!     loss FOLDER SECONDS PER_SECOND
//!
//! Records go through a journal in FOLDER as one data thread sends them, in bursts at `PER_SECOND`, while a second thread
//! looks what is synced. Prints one JSON object: percentiles in microseconds, and how many records a second came to the disk.

use portazgo_core::ids::Id;
use portazgo_core::record::{Delivery, Record};
use portazgo_core::time::WallTime;
use portazgo_server::journal::{Config, Journal, Personal, WhenFull};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const BURST: u64 = 32;
const LOOK: Duration = Duration::from_micros(200);

#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, seconds, per_second] = &words[..] else { panic!("loss FOLDER SECONDS PER_SECOND") };
    let seconds: f64 = seconds.parse().expect("SECONDS is a number");
    let per_second: u64 = per_second.parse().expect("PER_SECOND is a number");
    let journal = Arc::new(Journal::open(config(PathBuf::from(folder))).expect("the journal opens"));
    // One data thread: the n-th call that was finished has the number n.
    let answered: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let ending = Arc::new(AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let (journal, answered, ending) = (Arc::clone(&journal), Arc::clone(&answered), Arc::clone(&ending));
        move || watch(&journal, &answered, &ending)
    });
    let thread = journal.thread(0);
    let began = Instant::now();
    let pause = Duration::from_nanos(1_000_000_000 * BURST / per_second);
    let mut burst = 0;
    let mut refused = 0_u64;
    while began.elapsed().as_secs_f64() < seconds {
        std::thread::sleep((began + pause * burst).saturating_duration_since(Instant::now()));
        burst += 1;
        for number in 0..BURST {
            let at = now();
            let mut id = [0; 16];
            id[8..].copy_from_slice(&(u64::from(burst) * BURST + number).to_be_bytes());
            let Some(mut slot) = thread.admit(Record::request(Id(id), at)) else {
                refused += 1;
                continue;
            };
            slot.record().status_sent = 200;
            slot.answered();
            answered.lock().expect("nobody panics").push(Instant::now());
            slot.record().delivery = Delivery::Complete;
            slot.finish();
        }
    }
    let took = began.elapsed();
    journal.seal_now().expect("the disk takes it");
    ending.store(true, Ordering::Release);
    let mut waited = watcher.join().expect("nobody panics");
    waited.sort_unstable();
    let part = |percent: usize| waited.get(waited.len() * percent / 100).or(waited.last()).copied().unwrap_or(0);
    let count = answered.lock().expect("nobody panics").len();
    println!(
        "{{\"records\": {count}, \"refused\": {refused}, \"measured\": {}, \"per_second\": {}, \
        \"p50_us\": {}, \"p99_us\": {}, \"max_us\": {}}}",
        waited.len(),
        count as u128 * 1_000_000 / took.as_micros(),
        part(50),
        part(99),
        part(100),
    );
}

/// Look again and again what is on the disk. Returns how long each record took to get there, microseconds.
fn watch(journal: &Journal, answered: &Mutex<Vec<Instant>>, ending: &AtomicBool) -> Vec<u64> {
    let mut waited = Vec::new();
    loop {
        let last = ending.load(Ordering::Acquire);
        let synced = journal.stats().synced as usize;
        let now = Instant::now();
        let times = answered.lock().expect("nobody panics");
        let due = &times[waited.len().min(times.len())..synced.min(times.len()).max(waited.len().min(times.len()))];
        waited.extend(due.iter().map(|&at| now.saturating_duration_since(at).as_micros() as u64));
        drop(times);
        if last {
            return waited;
        }
        std::thread::sleep(LOOK);
    }
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
        personal: Personal::default(),
    }
}

fn now() -> WallTime {
    WallTime(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as i64)
}
