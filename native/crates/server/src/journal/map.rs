//! A file seen as atomic words. The only unsafe code of the data plane.
#![allow(unsafe_code, reason = "mmap has no safe form; each block says why it is sound")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// A shared mapping of the first words of a file, for as long as it lives.
///
/// All access goes through atomics, so that neither another thread nor another process that maps the same file can make
/// a data race of it. The mapping is never synced: what is stored is seen by whoever maps the file later on this kernel,
/// whatever becomes of this process. A file that somebody truncates meanwhile ends the process with SIGBUS.
pub(super) struct Map {
    words: NonNull<AtomicU64>,
    count: usize,
}

impl Map {
    /// Map `count` words. The file must be that long already, or touching them would raise SIGBUS.
    pub(super) fn of(file: &File, count: usize) -> io::Result<Self> {
        let bytes = count * size_of::<AtomicU64>();
        if count == 0 || file.metadata()?.len() < bytes as u64 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a slab is shorter than its slots"));
        }
        // SAFETY: a null hint lets the kernel choose a free range, so no memory of ours is replaced. The descriptor is
        // open for the whole call. Failure is MAP_FAILED, checked below.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let words = NonNull::new(address.cast()).ok_or_else(|| io::Error::other("mmap returned null"))?;
        Ok(Self { words, count })
    }

    /// The words.
    pub(super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: `words` points to `count` words that stay mapped, readable and writable, until drop; the borrow ends
        // before. mmap aligns to pages, hence to words. AtomicU64 has the layout of u64, any bits are valid, and all
        // access to the range is atomic: nothing else in this process holds a reference into it.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), self.count) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: exactly the range that `of` mapped, once; no slice of `words` outlives `self`.
        unsafe {
            libc::munmap(self.words.as_ptr().cast(), self.count * size_of::<AtomicU64>());
        }
    }
}

// SAFETY: the mapping belongs to the process, not to a thread, and is reached only through `&[AtomicU64]`, which is Sync.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}
