//! The life of one node process, on disk: its lock, its birth certificate, and the report of its end.
//!
//! ```text
//! <folder>/lock                       held while a process uses the folder
//! <folder>/slabs/<epoch>/lock         held while that epoch lives
//! <folder>/slabs/<epoch>/epoch.json   {"node", "boot_id", "started_at_us"}
//! <folder>/slabs/<epoch>/<n>.slab     one per data thread
//! <folder>/slabs/<epoch>.draft/       the same before it is whole: an epoch begins by one rename
//! <folder>/ended/<epoch>.json         how it ended; deleted once the control plane knows
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use portazgo_core::ids::Id;
use portazgo_core::time::WallTime;
use serde::{Deserialize, Serialize};

use super::segments::sync_folder;

const DRAFT: &str = "draft";

/// How an epoch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It closed its journal: every record is in a segment.
    Clean,
    /// The process died; its slabs were drained, nothing is missing.
    Killed,
    /// The host went down: what was not synced yet is gone.
    HostLost,
}

impl End {
    /// The word of docs/wire.md, section 3.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Killed => "killed",
            Self::HostLost => "host_lost",
        }
    }
}

/// The report of an epoch's end.
#[derive(Clone, Debug, PartialEq)]
pub struct EndedEpoch {
    /// Which.
    pub epoch: Id,
    /// Of which node.
    pub node: Id,
    /// How.
    pub end: End,
    /// The last sequence number; None: it wrote nothing, or, where the host was lost, nothing is left to tell.
    pub last_sequence: Option<u64>,
    /// How many records it owed by its own count; None: not known, the host was lost. Of one that was killed, a request that
    /// was just taking its slot in each data thread may not be counted yet.
    pub accepted: Option<u64>,
    /// When it began.
    pub started_at: WallTime,
    /// When it ended, as well as can be told.
    pub ended_at: WallTime,
    /// For how long records may be missing: 0 unless the host was lost, then the time from the last durable record to
    /// the host's next start, which the loss can't exceed.
    pub seconds_at_risk: f64,
}

/// What an epoch notes of itself when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Birth {
    pub(super) node: Id,
    pub(super) boot_id: String,
    pub(super) started_at: WallTime,
}

#[derive(Serialize, Deserialize)]
struct BirthFile {
    node: String,
    boot_id: String,
    started_at_us: i64,
}

#[derive(Serialize, Deserialize)]
struct EndFile {
    node: String,
    end: End,
    last_sequence: Option<u64>,
    #[serde(default)]
    accepted: Option<u64>,
    started_at_us: i64,
    ended_at_us: i64,
    seconds_at_risk: f64,
}

/// Where everything of a node's journal lies.
#[derive(Clone)]
pub(super) struct Folders {
    pub(super) root: PathBuf,
}

impl Folders {
    pub(super) fn slabs(&self) -> PathBuf {
        self.root.join("slabs")
    }

    pub(super) fn slabs_of(&self, epoch: Id) -> PathBuf {
        self.slabs().join(epoch.to_string())
    }

    /// Where an epoch's slabs are made ready. No recovery looks there: it would take a folder that is not locked yet for one
    /// that its owner has left.
    pub(super) fn draft_of(&self, epoch: Id) -> PathBuf {
        self.slabs().join(format!("{epoch}.{DRAFT}"))
    }

    /// Remove what processes left that died before their epoch began. Nobody else may be beginning one.
    pub(super) fn remove_drafts(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.slabs())? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == DRAFT) {
                fs::remove_dir_all(&path)?;
            }
        }
        Ok(())
    }

    pub(super) fn segments(&self) -> PathBuf {
        self.root.join("segments")
    }

    pub(super) fn segments_of(&self, epoch: Id) -> PathBuf {
        self.segments().join(epoch.to_string())
    }

    fn ended(&self) -> PathBuf {
        self.root.join("ended")
    }

    /// Create what is missing.
    pub(super) fn create(&self) -> io::Result<()> {
        [self.slabs(), self.segments(), self.ended()].iter().try_for_each(fs::create_dir_all)
    }

    /// Note how an epoch ended, durably.
    pub(super) fn write_end(&self, end: &EndedEpoch) -> io::Result<()> {
        let text = serde_json::to_vec(&EndFile {
            node: end.node.to_string(),
            end: end.end,
            last_sequence: end.last_sequence,
            accepted: end.accepted,
            started_at_us: end.started_at.0,
            ended_at_us: end.ended_at.0,
            seconds_at_risk: end.seconds_at_risk,
        })?;
        write_whole(&self.end_file(end.epoch), &text)
    }

    /// The ends that nobody has reported yet, oldest first.
    pub(super) fn ends(&self) -> io::Result<Vec<EndedEpoch>> {
        let mut ends = Vec::new();
        for entry in fs::read_dir(self.ended())? {
            let path = entry?.path();
            let epoch = path.file_stem().and_then(|name| Id::parse(name.to_str()?));
            if let Some(epoch) = epoch.filter(|_| path.extension().is_some_and(|kind| kind == "json")) {
                ends.push(read_end(&path, epoch)?);
            }
        }
        ends.sort_by_key(|end| end.epoch);
        Ok(ends)
    }

    /// Forget an end that was reported.
    pub(super) fn remove_end(&self, epoch: Id) -> io::Result<()> {
        match fs::remove_file(self.end_file(epoch)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn end_file(&self, epoch: Id) -> PathBuf {
        self.ended().join(format!("{epoch}.json"))
    }
}

/// Note that an epoch begins, durably, in its folder of slabs.
pub(super) fn write_birth(folder: &Path, birth: &Birth) -> io::Result<()> {
    let text = serde_json::to_vec(&BirthFile {
        node: birth.node.to_string(),
        boot_id: birth.boot_id.clone(),
        started_at_us: birth.started_at.0,
    })?;
    write_whole(&folder.join("epoch.json"), &text)
}

/// What an epoch noted when it began. Ok(None): it died before, so that it has no record either.
pub(super) fn read_birth(folder: &Path) -> io::Result<Option<Birth>> {
    let text = match fs::read(folder.join("epoch.json")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        result => result?,
    };
    let file: BirthFile = serde_json::from_slice(&text)?;
    let node = Id::parse(&file.node).unwrap_or(Id::NONE);
    Ok(Some(Birth { node, boot_id: file.boot_id, started_at: WallTime(file.started_at_us) }))
}

fn read_end(path: &Path, epoch: Id) -> io::Result<EndedEpoch> {
    let file: EndFile = serde_json::from_slice(&fs::read(path)?)?;
    Ok(EndedEpoch {
        epoch,
        node: Id::parse(&file.node).unwrap_or(Id::NONE),
        end: file.end,
        last_sequence: file.last_sequence,
        accepted: file.accepted,
        started_at: WallTime(file.started_at_us),
        ended_at: WallTime(file.ended_at_us),
        seconds_at_risk: file.seconds_at_risk,
    })
}

/// Write a file so that, whatever happens, it is there whole or not at all.
fn write_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, text)?;
    File::open(&draft)?.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder(path.parent().unwrap_or(path))
}

/// Take a lock file's lock until the file is dropped. Ok(None): a living process holds it.
pub(super) fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Who has a lock file.
pub(super) enum Holder {
    /// There is no such file.
    NoFile,
    /// A living process.
    Other,
    /// We, until the file is dropped.
    Ours(#[allow(dead_code, reason = "held, not read")] File),
}

/// Take the lock of a file that is there.
pub(super) fn lock_existing(path: &Path) -> io::Result<Holder> {
    let file = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Holder::NoFile),
        result => result?,
    };
    match file.try_lock() {
        Ok(()) => Ok(Holder::Ours(file)),
        Err(TryLockError::WouldBlock) => Ok(Holder::Other),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The kernel's id of this start of the host: the page cache, and so the slabs, live as long as it does.
pub(super) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// When the host was started, by its own clock.
pub(super) fn host_started_at() -> io::Result<WallTime> {
    let statistics = fs::read_to_string("/proc/stat")?;
    let seconds = statistics.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<i64>().ok());
    seconds
        .map(|seconds| WallTime(seconds * 1_000_000))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/stat has no btime"))
}
