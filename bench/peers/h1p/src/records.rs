//! Usage records: gathered in memory, committed by another thread every 10 ms. No answer waits for it.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write as _;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const RECORD_BYTES: usize = 128;
const COMMIT_EVERY: Duration = Duration::from_millis(10);

thread_local! {
    static GATHERED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What is noted of a call.
pub(crate) struct Record {
    pub(crate) key: u32,
    pub(crate) began_ns: u64,
    pub(crate) trace: [u8; 24],
    pub(crate) path_bytes: u64,
    pub(crate) started: Instant,
    pub(crate) status: u16,
    pub(crate) body_bytes: u64,
}

impl Record {
    /// The call has ended: gather its record.
    pub(crate) fn gather(&self) {
        let took = self.started.elapsed().as_nanos() as u64 - self.began_ns;
        let mut bytes = [0; RECORD_BYTES];
        bytes[..8].copy_from_slice(&self.began_ns.to_le_bytes());
        bytes[8..16].copy_from_slice(&took.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.key.to_le_bytes());
        bytes[20..22].copy_from_slice(&self.status.to_le_bytes());
        bytes[24..48].copy_from_slice(&self.trace);
        bytes[48..56].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.path_bytes.to_le_bytes());
        GATHERED.with_borrow_mut(|gathered| gathered.extend_from_slice(&bytes));
    }
}

/// Commit what this thread gathers to a file, from now on.
pub(crate) fn commit_to(path: &str) {
    let file = File::create(path).expect("the usage file");
    let (sender, receiver) = channel();
    std::thread::spawn(move || write(file, &receiver));
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(COMMIT_EVERY);
        loop {
            ticks.tick().await;
            let records = GATHERED.with_borrow_mut(|gathered| {
                let next = Vec::with_capacity(gathered.len() * 2);
                std::mem::replace(gathered, next)
            });
            if !records.is_empty() {
                sender.send(records).expect("the writer lives");
            }
        }
    });
}

fn write(mut file: File, receiver: &Receiver<Vec<u8>>) {
    while let Ok(records) = receiver.recv() {
        file.write_all(&records).expect("room on the disk");
        while let Ok(more) = receiver.try_recv() {
            file.write_all(&more).expect("room on the disk");
        }
        file.sync_data().expect("room on the disk");
    }
}
