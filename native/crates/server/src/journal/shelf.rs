//! What waits to be taken away: sealed segments and the ends of epochs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use portazgo_core::ids::Id;
use portazgo_core::record::segment::{self, HEADER_BYTES};
use portazgo_core::time::WallTime;

/// A segment that is whole and on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    /// Its file.
    pub path: PathBuf,
    /// Whose life.
    pub epoch: Id,
    /// Sequence of its first record.
    pub first: u64,
    /// Number of records.
    pub count: u64,
    /// Size of the file.
    pub bytes: u64,
    /// When it was begun.
    pub started_at: WallTime,
}

/// The sealed segments, oldest epoch first (epochs are ordered by time), then by sequence.
#[derive(Default)]
pub(super) struct Shelf {
    segments: BTreeMap<(Id, u64), SealedSegment>,
    damaged: usize,
}

impl Shelf {
    pub(super) fn put(&mut self, segment: SealedSegment) {
        self.segments.insert((segment.epoch, segment.first), segment);
    }

    /// Keep a file that can't be read any more, under a name that says so, and go on without it.
    pub(super) fn set_aside(&mut self, path: &Path) -> io::Result<()> {
        self.damaged += 1;
        fs::rename(path, path.with_extension("damaged"))
    }

    pub(super) fn damaged(&self) -> usize {
        self.damaged
    }

    pub(super) fn all(&self) -> Vec<SealedSegment> {
        self.segments.values().cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.segments.len()
    }

    pub(super) fn records(&self) -> u64 {
        self.segments.values().map(|segment| segment.count).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.values().map(|segment| segment.bytes).sum()
    }

    pub(super) fn oldest(&self) -> Option<WallTime> {
        self.segments.values().map(|segment| segment.started_at).min()
    }

    /// Delete a segment that somebody else holds now. `InvalidInput`: it is none of ours. Leaves an empty folder behind.
    pub(super) fn take_away(&mut self, path: &Path) -> io::Result<SealedSegment> {
        let place = self.segments.iter().find(|(_, segment)| segment.path == path).map(|(&place, _)| place);
        let Some(place) = place else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no sealed segment of this journal has that path"));
        };
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(self.segments.remove(&place).expect("found above")),
        }
    }

    /// Whether an epoch has segments here.
    pub(super) fn holds(&self, epoch: Id) -> bool {
        self.segments.range((epoch, 0)..=(epoch, u64::MAX)).next().is_some()
    }
}

/// Read a sealed segment's ends, not what is between: the collector verifies all of it.
pub(super) fn read_ends(path: &Path) -> io::Result<SealedSegment> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("{} is no sealed segment", path.display()));
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let (mut head, mut tail) = ([0; HEADER_BYTES], [0; segment::FOOTER_BYTES]);
    if bytes < (head.len() + tail.len()) as u64 {
        return Err(damaged());
    }
    file.read_exact(&mut head)?;
    file.seek(SeekFrom::End(-(tail.len() as i64)))?;
    file.read_exact(&mut tail)?;
    let header = segment::read_header(&head).map_err(|_| damaged())?;
    let footer = segment::read_footer(&tail).ok_or_else(damaged)?;
    let (epoch, first, started_at) = (header.epoch, header.first, header.started_at);
    Ok(SealedSegment { path: path.to_owned(), epoch, first, count: footer.count, bytes, started_at })
}
