//! An allocator that counts, so that what something takes is a number and not a guess from the process's size.
//!
//! What was asked for is counted, not what the allocator behind it rounds it to.
#![allow(unsafe_code, reason = "an allocator is an unsafe trait: each call is handed on as it came")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

pub(crate) struct Counted<A = System> {
    held: AtomicIsize,
    allocator: A,
}

impl<A> Counted<A> {
    pub(crate) const fn new(allocator: A) -> Self {
        Self { held: AtomicIsize::new(0), allocator }
    }

    /// Bytes that are held now.
    pub(crate) fn held(&self) -> isize {
        self.held.load(Ordering::Relaxed)
    }

    fn count(&self, bytes: isize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: another allocator does the work, with the arguments of the caller.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counted<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size() as isize);
        // SAFETY: the caller's promises are those that are asked for here.
        unsafe { self.allocator.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        self.count(-(layout.size() as isize));
        // SAFETY: likewise.
        unsafe { self.allocator.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.count(size as isize - layout.size() as isize);
        // SAFETY: likewise.
        unsafe { self.allocator.realloc(place, layout, size) }
    }
}
