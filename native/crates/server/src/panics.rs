//! A panic ends one request, never a thread; and a thread that the node can't do without ends the process.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs a future; a panic inside it becomes an error.
pub(crate) struct Contained<'f, F>(Pin<&'f mut F>);

impl<'f, F: Future> Contained<'f, F> {
    pub(crate) fn new(future: Pin<&'f mut F>) -> Self {
        Self(future)
    }
}

impl<F: Future> Future for Contained<'_, F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.0.as_mut();
        // The future is dropped after a panic and its call is closed as one; nothing sees what it left half done.
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// Held by a thread whose work nobody else does. A panic of it ends the process at once: whoever supervises it starts
/// another, and the slabs keep every record, as after a kill.
pub(crate) struct Vital(pub(crate) &'static str);

impl Drop for Vital {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the thread `{}` has panicked: the node can't go on", self.0);
            std::process::abort();
        }
    }
}
