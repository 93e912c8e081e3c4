//! An allocator that counts, so that what something takes is a number and not a guess from the process's size.
//!
//! What was asked for is counted, not what the allocator behind it rounds it to.
#![allow(unsafe_code, reason = "an allocator is an unsafe trait: each call is handed on as it came")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

pub(crate) struct Counted(AtomicIsize);

impl Counted {
    pub(crate) const fn new() -> Self {
        Self(AtomicIsize::new(0))
    }

    /// Bytes that are held now.
    pub(crate) fn held(&self) -> isize {
        self.0.load(Ordering::Relaxed)
    }

    fn count(&self, bytes: isize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: the system's allocator does the work, with the arguments of the caller.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size() as isize);
        // SAFETY: the caller's promises are those that are asked for here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        self.count(-(layout.size() as isize));
        // SAFETY: likewise.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.count(size as isize - layout.size() as isize);
        // SAFETY: likewise.
        unsafe { System.realloc(place, layout, size) }
    }
}
