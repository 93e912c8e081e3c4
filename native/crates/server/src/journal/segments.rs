//! Writes one epoch's segment files.
//!
//! A chunk of frames is written as a whole or, as far as any reader can tell, not at all: after a failed write the file is
//! cut back to its last whole frame and the same chunk can be tried again.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use portazgo_core::ids::Id;
use portazgo_core::record::segment::{self, Footer, HEADER_BYTES, Header, Origin, append_footer, append_frame};
use portazgo_core::time::WallTime;

use super::shelf::SealedSegment;
use super::syncer::Unsynced;

const FOOTER_BYTES: u64 = segment::FOOTER_BYTES as u64;

/// Frames that wait to be written, with gap-free sequence numbers.
pub(super) struct Chunk {
    bytes: Vec<u8>,
    origins: Vec<Origin>,
    first: u64,
}

impl Chunk {
    /// The chunk that begins with this sequence number.
    pub(super) fn beginning_with(first: u64) -> Self {
        Self { bytes: Vec::new(), origins: Vec::new(), first }
    }

    /// Add a record's bytes.
    pub(super) fn push(&mut self, origin: Origin, record: &[u8]) {
        let sequence = self.next();
        append_frame(&mut self.bytes, sequence, origin, record);
        self.origins.push(origin);
    }

    /// Forget what was written and go on with the next number.
    pub(super) fn clear(&mut self) {
        self.first = self.next();
        self.bytes.clear();
        self.origins.clear();
    }

    /// Where the records came from, in order.
    pub(super) fn origins(&self) -> &[Origin] {
        &self.origins
    }

    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// The number that the next record gets.
    pub(super) fn next(&self) -> u64 {
        self.first + self.origins.len() as u64
    }
}

/// The segment that is being written.
struct Current {
    file: Arc<File>,
    path: PathBuf,
    header: Header,
    digest: Context,
    whole_bytes: u64,
    count: u64,
    /// Something was written since `take_unsynced`.
    news: bool,
    /// The disk has been asked to hold the file's name.
    named: bool,
}

/// A segment that has its footer, and that the disk may not hold yet.
pub(super) struct Unsealed {
    file: Arc<File>,
    path: PathBuf,
    sealed: SealedSegment,
}

/// One epoch's folder of segments.
pub(super) struct Segments {
    folder: PathBuf,
    node: Id,
    epoch: Id,
    seal_bytes: u64,
    current: Option<Current>,
}

impl Segments {
    /// Write to `<root>/<epoch>/`, which is created when the first record comes.
    pub(super) fn new(root: &Path, node: Id, epoch: Id, seal_bytes: u64) -> Self {
        Self { folder: root.join(epoch.to_string()), node, epoch, seal_bytes, current: None }
    }

    /// Whether the chunk would make the segment larger than it may be; then it is to be sealed first.
    pub(super) fn is_full_for(&self, chunk: &Chunk) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| current.whole_bytes + chunk.size() as u64 + FOOTER_BYTES > self.seal_bytes)
    }

    /// Whether something was written that nobody has asked the disk to hold.
    pub(super) fn has_news(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.news)
    }

    /// Write a chunk. After an error nothing of it counts as written, and it may be tried again.
    pub(super) fn append(&mut self, chunk: &Chunk, now: WallTime) -> io::Result<()> {
        if self.current.is_none() {
            self.current = Some(self.begin(chunk.first, now)?);
        }
        let current = self.current.as_mut().expect("begun above");
        current.write(&chunk.bytes)?;
        current.digest.update(&chunk.bytes);
        current.whole_bytes += chunk.bytes.len() as u64;
        current.count += chunk.origins.len() as u64;
        current.news = true;
        Ok(())
    }

    /// What the disk is to be asked to hold; None: there is no news.
    pub(super) fn take_unsynced(&mut self) -> Option<Unsynced> {
        let current = self.current.as_mut().filter(|current| current.news)?;
        current.news = false;
        let folder = (!std::mem::replace(&mut current.named, true)).then(|| self.folder.clone());
        Some(Unsynced { file: Arc::clone(&current.file), folder })
    }

    /// Write the segment's footer. Ok(None): nothing was written. After an error it may be tried again.
    pub(super) fn close(&mut self) -> io::Result<Option<Unsealed>> {
        let Some(current) = self.current.as_ref().filter(|current| current.count > 0) else {
            return Ok(None);
        };
        let unsealed = current.close(self.epoch)?;
        self.current = None;
        Ok(Some(unsealed))
    }

    fn begin(&self, first: u64, started_at: WallTime) -> io::Result<Current> {
        if !self.folder.exists() {
            fs::create_dir_all(&self.folder)?;
            sync_folder(self.folder.parent().unwrap_or(&self.folder))?;
        }
        let header = Header { node: self.node, epoch: self.epoch, first, started_at };
        let path = self.folder.join(format!("{first:020}.open"));
        // An earlier attempt at this very file may have failed on a full disk: nothing in it counts.
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        let bytes = header.encode();
        let mut digest = Context::new(&SHA256);
        digest.update(&bytes);
        let file = Arc::new(file);
        let current = Current { file, path, header, digest, whole_bytes: 0, count: 0, news: false, named: false };
        current.write(&bytes)?;
        Ok(Current { whole_bytes: HEADER_BYTES as u64, ..current })
    }
}

impl Current {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.whole_bytes).inspect_err(|_| {
            // Best effort: the next attempt writes to the same place, and a reader stops at a torn frame anyway.
            let _ = self.file.set_len(self.whole_bytes);
        })
    }

    fn close(&self, epoch: Id) -> io::Result<Unsealed> {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.digest.clone().finish().as_ref());
        write_footer(&self.file, self.whole_bytes, &self.header, self.count, sha256)?;
        let sealed = SealedSegment {
            path: self.path.with_extension("seg"),
            epoch,
            first: self.header.first,
            count: self.count,
            bytes: self.whole_bytes + FOOTER_BYTES,
            started_at: self.header.started_at,
        };
        Ok(Unsealed { file: Arc::clone(&self.file), path: self.path.clone(), sealed })
    }
}

impl Unsealed {
    /// Wait for the disk; then the segment has its final name. After an error it may be tried again.
    pub(super) fn finish(&self) -> io::Result<SealedSegment> {
        finish_file(&self.file, &self.path)?;
        Ok(self.sealed.clone())
    }
}

/// Put the footer behind the whole frames.
pub(super) fn write_footer(
    file: &File,
    whole_bytes: u64,
    header: &Header,
    count: u64,
    sha256: [u8; 32],
) -> io::Result<()> {
    let mut footer = Vec::with_capacity(FOOTER_BYTES as usize);
    append_footer(&mut footer, &Footer { count, last: header.first + count - 1, sha256 });
    file.write_all_at(&footer, whole_bytes)?;
    file.set_len(whole_bytes + FOOTER_BYTES)
}

/// Have the disk hold all of a segment, and give it its final name.
pub(super) fn finish_file(file: &File, path: &Path) -> io::Result<()> {
    file.sync_data()?;
    fs::rename(path, path.with_extension("seg"))?;
    // Should the host lose the new name, a recovery finds the old one with its footer, and renames again.
    let _ = sync_folder(path.parent().unwrap_or(path));
    Ok(())
}

/// Have the disk hold a folder's names.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
