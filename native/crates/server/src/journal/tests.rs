use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portazgo_core::fault::Fault;
use portazgo_core::ids::Id;
use portazgo_core::record::{
    BillableReason, DATA_KEY, DataKey, DataKeys, Delivery, Kind, Record, SecretSlot, Segment, Text, decode_segment,
    unseal,
};
use portazgo_core::secret::Secret;

use super::test_support::{Folder, config, new_epoch, now, unique};
use super::{Closed, Config, End, Journal};

fn request() -> Record {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&unique().to_be_bytes());
    Record::request(Id(id), now())
}

fn segments(journal: &Journal) -> Vec<Segment> {
    journal.sealed().iter().map(|sealed| decode_segment(&fs::read(&sealed.path).unwrap()).unwrap()).collect()
}

fn records(journal: &Journal) -> Vec<Record> {
    segments(journal).into_iter().flat_map(|segment| segment.frames).map(|frame| frame.record).collect()
}

/// The same folder, opened by a new process life.
fn next_life(config: &Config) -> Journal {
    Journal::open(Config { epoch: new_epoch(), ..config.clone() }).unwrap()
}

#[test]
fn finished_requests_come_out_numbered_without_gaps() {
    let folder = Folder::new();
    let journal = Journal::open(config(&folder)).unwrap();
    let threads = [journal.thread(0), journal.thread(1)];
    let mut ids = HashSet::new();
    for number in 0..1000 {
        let mut slot = loop {
            // The writer frees slots in its own time.
            if let Some(slot) = threads[number % 2].admit(request()) {
                break slot;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        ids.insert(slot.record().request_id);
        slot.record().status_sent = 200;
        slot.answered();
        slot.record().delivery = Delivery::Complete;
        slot.finish();
    }
    journal.seal_now().unwrap();
    let segments = segments(&journal);
    let sequences: Vec<u64> = segments.iter().flat_map(|segment| &segment.frames).map(|frame| frame.sequence).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
    let requests: Vec<Record> = records(&journal).into_iter().filter(|record| record.kind == Kind::Request).collect();
    assert_eq!(requests.len(), 1000);
    assert_eq!(requests.iter().map(|record| record.request_id).collect::<HashSet<_>>(), ids);
    assert!(requests.iter().all(|record| record.delivery == Delivery::Complete));
    let stats = journal.stats();
    assert_eq!((stats.accepted, stats.finished, stats.synced), (1000, 1000, stats.written));
    assert_eq!((stats.at_risk, stats.acknowledged), (stats.written, 0));
    assert!(stats.at_risk_since.is_some());
    for sealed in journal.sealed() {
        journal.acknowledge(&sealed.path).unwrap();
    }
    let stats = journal.stats();
    assert_eq!((stats.at_risk, stats.at_risk_since, stats.acknowledged), (0, None, stats.written));
    assert_eq!(journal.close().unwrap(), Closed::Clean);
    let end = &journal.ended_epochs()[0];
    assert_eq!((end.end, end.accepted, end.last_sequence), (End::Clean, Some(stats.written), Some(stats.written)));
}

#[test]
fn a_request_that_is_dropped_leaves_its_record() {
    let folder = Folder::new();
    let journal = Journal::open(config(&folder)).unwrap();
    let thread = journal.thread(0);
    drop(thread.admit(request()).unwrap());
    let mut sending = thread.admit(request()).unwrap();
    sending.record().status_sent = 200;
    drop(sending);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut slot = thread.admit(request()).unwrap();
        slot.record().status_sent = 200;
        std::panic::resume_unwind(Box::new("a request panics"));
    }));
    assert!(panicked.is_err());
    journal.seal_now().unwrap();
    let outcomes: Vec<_> = records(&journal).into_iter().map(|record| (record.fault, record.delivery)).collect();
    assert_eq!(
        outcomes,
        [
            (Some(Fault::ClientAborted), Delivery::None),
            (Some(Fault::ClientAborted), Delivery::Aborted),
            (Some(Fault::GatewayPanic), Delivery::Aborted),
        ]
    );
    assert!(thread.admit(request()).is_some(), "the slab goes on after a panic");
}

#[test]
fn requests_without_a_slot_are_counted_in_one_record() {
    let folder = Folder::new();
    let journal = Journal::open(Config { slots_per_thread: 2, ..config(&folder) }).unwrap();
    let thread = journal.thread(0);
    let taken = [thread.admit(request()), thread.admit(request())];
    for _ in 0..5 {
        assert!(thread.admit(request()).is_none());
    }
    assert_eq!(thread.refused(), 5);
    journal.seal_now().unwrap();
    let aggregates: Vec<Record> = records(&journal);
    assert_eq!(aggregates.len(), 1);
    assert_eq!((aggregates[0].kind, aggregates[0].count), (Kind::RefusedAggregate, 5));
    assert_eq!((aggregates[0].fault, aggregates[0].billable), (Some(Fault::GatewayOverloaded), false));
    let stats = journal.stats();
    assert_eq!((stats.accepted, stats.aggregates), (2, 1));
    drop(taken);
    journal.seal_now().unwrap();
    assert!(thread.admit(request()).is_some());
}

#[test]
fn what_a_dead_process_left_is_recovered_once() {
    let folder = Folder::new();
    let config = config(&folder);
    let journal = Journal::open(config.clone()).unwrap();
    let thread = journal.thread(0);
    let open = thread.admit(request()).unwrap();
    let mut answered = thread.admit(request()).unwrap();
    answered.record().status_sent = 200;
    answered.record().application = Id([1; 16]);
    answered.record().route = Id([2; 16]);
    answered.record().environment = portazgo_core::record::Environment::Live;
    answered.record().backend_status = 200;
    answered.answered();
    drop(thread.admit(request()).unwrap());
    journal.seal_now().unwrap();
    // The guards are leaked: for what lies on disk, the process died here.
    std::mem::forget((open, answered));
    assert_eq!(journal.close().unwrap(), Closed::Unfinished(2));
    drop(journal);

    let journal = next_life(&config);
    let recovered = records(&journal);
    let outcomes: Vec<_> =
        recovered.iter().map(|record| (record.fault, record.delivery, record.billable_reason)).collect();
    assert_eq!(
        outcomes,
        [
            (Some(Fault::ClientAborted), Delivery::None, BillableReason::Refused),
            (Some(Fault::Interrupted), Delivery::Unknown, BillableReason::Undecided),
            (None, Delivery::Unknown, BillableReason::Served),
        ]
    );
    let ended = journal.ended_epochs();
    assert_eq!((ended.len(), ended[0].epoch, ended[0].end), (1, config.epoch, End::Killed));
    assert_eq!((ended[0].last_sequence, ended[0].accepted, ended[0].seconds_at_risk), (Some(3), Some(3), 0.0));
    journal.epoch_reported(config.epoch).unwrap();
    drop(journal);

    let journal = next_life(&config);
    assert_eq!(records(&journal), recovered, "a second recovery adds nothing");
    assert!(journal.ended_epochs().iter().all(|end| end.epoch != config.epoch));
}

#[test]
fn a_record_that_was_written_but_not_freed_is_not_written_again() {
    let folder = Folder::new();
    let config = config(&folder);
    let journal = Journal::open(config.clone()).unwrap();
    let thread = journal.thread(0);
    drop(thread.admit(request()).unwrap());
    journal.seal_now().unwrap();
    let slab = folder.path().join("slabs").join(config.epoch.to_string()).join("0.slab");
    // Put the slot back to what it was just before the writer freed it: the state word's lowest bits say final.
    let mut bytes = fs::read(&slab).unwrap();
    let first_slot = 64 * 8;
    let word = u64::from_le_bytes(bytes[first_slot..first_slot + 8].try_into().unwrap());
    bytes[first_slot..first_slot + 8].copy_from_slice(&(word | 3).to_le_bytes());
    drop((thread, journal));
    fs::write(&slab, bytes).unwrap();

    let journal = next_life(&config);
    assert_eq!(records(&journal).len(), 1);
    assert_eq!(journal.ended_epochs()[0].last_sequence, Some(1));
}

#[test]
fn a_torn_end_is_cut_and_the_rest_sealed() {
    let folder = Folder::new();
    let config = config(&folder);
    let journal = Journal::open(config.clone()).unwrap();
    let thread = journal.thread(0);
    for _ in 0..3 {
        drop(thread.admit(request()).unwrap());
    }
    journal.seal_now().unwrap();
    let sealed = journal.sealed()[0].path.clone();
    drop((thread, journal));
    // As the process would have left it: not sealed yet, and a frame half written.
    let bytes = fs::read(&sealed).unwrap();
    let open: PathBuf = sealed.with_extension("open");
    fs::rename(&sealed, &open).unwrap();
    let mut file = OpenOptions::new().write(true).truncate(true).open(&open).unwrap();
    file.write_all(&bytes[..bytes.len() - 72]).unwrap();
    file.write_all(&bytes[64..200]).unwrap();

    let journal = next_life(&config);
    assert_eq!(fs::read(&sealed).unwrap(), bytes, "the cut and sealed segment is what the writer would have sealed");
    assert_eq!(records(&journal).len(), 3);
}

#[test]
fn after_a_restart_of_the_host_slabs_are_not_trusted() {
    let folder = Folder::new();
    let config = config(&folder);
    let journal = Journal::open(config.clone()).unwrap();
    let thread = journal.thread(0);
    drop(thread.admit(request()).unwrap());
    journal.seal_now().unwrap();
    std::mem::forget(thread.admit(request()).unwrap());
    drop((thread, journal));
    let birth = folder.path().join("slabs").join(config.epoch.to_string()).join("epoch.json");
    let text = fs::read_to_string(&birth).unwrap();
    let boot_id = super::epoch::boot_id().unwrap();
    fs::write(&birth, text.replace(&boot_id, "another start of this host")).unwrap();

    let journal = next_life(&config);
    assert_eq!(records(&journal).len(), 1);
    let end = &journal.ended_epochs()[0];
    assert_eq!((end.end, end.last_sequence), (End::HostLost, Some(1)));
}

#[test]
fn an_epoch_that_begins_is_never_taken_for_one_that_was_left() {
    let folder = Folder::new();
    let first = Journal::open(config(&folder)).unwrap();
    let begun = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !begun.load(Ordering::Relaxed) {
                first.adopt().unwrap();
            }
        });
        for _ in 0..50 {
            let mut config = config(&folder);
            (config.threads, config.slots_per_thread) = (1, 1);
            let lock = first.folder_lock().try_clone().unwrap();
            let next = Journal::open_under(config.clone(), Some(lock));
            let is_there = folder.path().join("slabs").join(config.epoch.to_string()).join("0.slab").exists();
            if next.is_err() || !is_there {
                begun.store(true, Ordering::Relaxed);
            }
            let next = next.unwrap();
            assert!(is_there, "a record that waits in its slot would be lost by a kill");
            assert_eq!(next.close().unwrap(), Closed::Clean);
        }
        begun.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_died_before_its_epoch_began_is_removed_by_the_next_start() {
    let folder = Folder::new();
    let draft = folder.path().join("slabs").join(format!("{}.draft", new_epoch()));
    std::fs::create_dir_all(&draft).unwrap();
    std::fs::write(draft.join("lock"), "").unwrap();
    let journal = Journal::open(config(&folder)).unwrap();
    assert!(!draft.exists());
    assert_eq!(journal.ended_epochs(), []);
}

#[test]
fn no_two_processes_share_a_folder() {
    let folder = Folder::new();
    let _journal = Journal::open(config(&folder)).unwrap();
    let refused = Journal::open(config(&folder)).err().unwrap();
    assert_eq!(refused.kind(), std::io::ErrorKind::ResourceBusy);
}

#[test]
fn only_what_was_sealed_can_be_acknowledged() {
    let folder = Folder::new();
    let journal = Journal::open(config(&folder)).unwrap();
    let thread = journal.thread(0);
    drop(thread.admit(request()).unwrap());
    journal.seal_now().unwrap();
    let other = folder.path().join("lock");
    assert_eq!(journal.acknowledge(&other).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    let path = journal.sealed()[0].path.clone();
    assert_eq!(journal.stats().segments_waiting, 1);
    journal.acknowledge(&path).unwrap();
    assert!(!path.exists());
    assert_eq!((journal.stats().segments_waiting, journal.stats().bytes_waiting), (0, 0));
}

#[test]
fn no_segment_exceeds_its_size() {
    let folder = Folder::new();
    let journal = Journal::open(Config { seal_bytes: 8192, slots_per_thread: 1024, ..config(&folder) }).unwrap();
    let thread = journal.thread(0);
    for _ in 0..500 {
        drop(thread.admit(request()).unwrap());
    }
    journal.seal_now().unwrap();
    assert!(journal.sealed().iter().all(|segment| segment.bytes <= 8192));
    assert_eq!(records(&journal).len(), 500);
    let firsts: Vec<u64> = journal.sealed().iter().map(|segment| segment.first).collect();
    assert!(firsts.is_sorted() && firsts.len() > 10);
}

#[test]
fn a_damaged_segment_is_set_aside_and_the_node_starts() {
    let folder = Folder::new();
    let config = config(&folder);
    let journal = Journal::open(config.clone()).unwrap();
    let thread = journal.thread(0);
    drop(thread.admit(request()).unwrap());
    journal.seal_now().unwrap();
    let path = journal.sealed()[0].path.clone();
    drop((thread, journal));
    fs::write(&path, b"not a segment").unwrap();

    let journal = next_life(&config);
    assert_eq!((journal.sealed().len(), journal.stats().segments_damaged), (0, 1));
    assert!(path.with_extension("damaged").exists());
}

const PARTNER: Id = Id([1; 16]);
const DATA_KEY_ID: Id = Id([2; 16]);
const CALLER: [u8; 4] = [203, 0, 113, 77];

fn personal_request() -> Record {
    let mut record = request();
    record.partner = PARTNER;
    record.client = Some((CALLER, 4711).into());
    record.secret_slot = SecretSlot::Retiring;
    record.user_agent = Text::cut(b"nightly-batch/3");
    record
}

fn take_key(journal: &Journal, byte: u8) {
    let mut keys = DataKeys::default();
    keys.put(PARTNER, DataKey::new(DATA_KEY_ID, Secret::new(vec![byte; DATA_KEY])).unwrap());
    journal.data_keys().store(std::sync::Arc::new(keys));
}

/// What stands in the segment files of a folder, byte for byte.
fn segment_bytes(config: &Config) -> Vec<u8> {
    let mut found = Vec::new();
    for epoch in fs::read_dir(config.folder.join("segments")).unwrap() {
        for file in fs::read_dir(epoch.unwrap().path()).unwrap() {
            found.extend(fs::read(file.unwrap().path()).unwrap());
        }
    }
    found
}

fn assert_nothing_in_clear(config: &Config) {
    let bytes = segment_bytes(config);
    assert!(bytes.len() > 500, "there are records");
    assert!(!bytes.windows(4).any(|window| window == CALLER));
    assert!(!bytes.windows(7).any(|window| window == b"nightly"));
}

#[test]
fn a_segment_file_has_no_address_in_clear_and_its_key_opens_what_it_has() {
    let folder = Folder::new();
    let config = config(&folder);
    let journal = Journal::open(config.clone()).unwrap();
    let thread = journal.thread(0);
    // Without a key, as before a first snapshot: what is personal is left out.
    thread.admit(personal_request()).unwrap().finish();
    journal.seal_now().unwrap();
    take_key(&journal, 9);
    thread.admit(personal_request()).unwrap().finish();
    journal.seal_now().unwrap();
    assert_nothing_in_clear(&config);
    let records = records(&journal);
    assert_eq!((records[0].personal_key, records[0].personal.is_empty()), (Id::NONE, true));
    assert_eq!(records[1].personal_key, DATA_KEY_ID);
    let secret = Secret::new(vec![9; DATA_KEY]);
    let opened = unseal(secret, config.epoch, records[1].started_at, records[1].personal.as_bytes()).unwrap();
    assert_eq!((opened.address.to_string().as_str(), opened.user_agent.as_str()), ("203.0.113.77", "nightly-batch/3"));
    drop(thread);
    journal.close().unwrap();
}

#[test]
fn what_a_recovery_brings_into_segments_is_not_in_clear_either() {
    let folder = Folder::new();
    let config = config(&folder);
    let journal = Journal::open(config.clone()).unwrap();
    let thread = journal.thread(0);
    let mut answered = thread.admit(personal_request()).unwrap();
    answered.answered();
    let open = thread.admit(personal_request()).unwrap();
    std::mem::forget((answered, open));
    drop((thread, journal)); // A kill, for what lies on disk.
    let next = next_life(&config);
    let records = records(&next);
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|record| record.client.is_none() && record.personal.is_empty() && record.caller > 0));
    assert_nothing_in_clear(&config);
}
