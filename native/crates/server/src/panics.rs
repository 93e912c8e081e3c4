//! A panic ends one request, never a thread.

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
