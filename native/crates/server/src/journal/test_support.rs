//! Folders and journals for tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portazgo_core::ids::Id;
use portazgo_core::time::WallTime;

use super::{Config, Personal, WhenFull};

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A number that no other test of this process has.
pub(super) fn unique() -> u64 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A folder that is removed with its owner.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("portazgo-journal-{}-{}", std::process::id(), unique()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn now() -> WallTime {
    WallTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64)
}

pub(super) fn new_epoch() -> Id {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&unique().to_be_bytes());
    Id::version_7(now().0 as u64 / 1000, random)
}

pub(super) fn config(folder: &Folder) -> Config {
    Config {
        folder: folder.path().to_owned(),
        node: Id([5; 16]),
        epoch: new_epoch(),
        threads: 2,
        slots_per_thread: 64,
        seal_after: Duration::from_mins(1),
        seal_bytes: 1 << 20,
        sync_every: Duration::from_millis(5),
        when_full: WhenFull::Refuse,
        clock: Arc::new(now),
        personal: Personal::default(),
    }
}
