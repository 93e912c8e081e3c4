//! Large bodies are read and written anew away from the data threads: the calls that share a thread would wait for them.

use portazgo_core::fault::Fault;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// What is shorter is done where it is: going elsewhere takes longer.
pub(crate) const LARGE: usize = 64 * 1024;
/// Bodies that may wait for their turn; more are refused.
const MOST_WAITING: usize = 32;

/// Whose turn it is. One per node.
pub(crate) struct Reshaping {
    turns: Arc<Semaphore>,
    /// Those that wait, and those under way.
    begun: AtomicUsize,
    most: usize,
}

impl Reshaping {
    /// As many at once as there are data threads: each may take some eight times the body's memory.
    pub(crate) fn new(at_once: usize) -> Self {
        let turns = Arc::new(Semaphore::new(at_once));
        Self { turns, begun: AtomicUsize::new(0), most: at_once + MOST_WAITING }
    }

    /// Do it elsewhere, when it is its turn. A caller that leaves gives its place up; work that has begun is finished.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
        let _place = Place::take(&self.begun, self.most).ok_or(Fault::GatewayOverloaded)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Fault::GatewayPanic)?;
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        working.await.map_err(|_panic| Fault::GatewayPanic)
    }
}

struct Place<'p>(&'p AtomicUsize);

impl<'p> Place<'p> {
    fn take(begun: &'p AtomicUsize, most: usize) -> Option<Self> {
        let place = Self(begun);
        // Who finds it full has counted itself, and is let go again.
        (begun.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn others_go_on_while_one_works_and_too_many_are_refused() {
        let reshaping = Arc::new(Reshaping::new(1));
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let first = {
            let reshaping = Arc::clone(&reshaping);
            tokio::spawn(async move { reshaping.run(move || held.recv().is_ok()).await })
        };
        let waiting: Vec<_> = (0..MOST_WAITING)
            .map(|number| {
                let reshaping = Arc::clone(&reshaping);
                tokio::spawn(async move { reshaping.run(move || number).await })
            })
            .collect();
        // This runtime has one thread, and it is free.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(reshaping.run(|| ()).await, Err(Fault::GatewayOverloaded));
        let_go.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        for (number, done) in waiting.into_iter().enumerate() {
            assert_eq!(done.await.unwrap(), Ok(number));
        }
        assert_eq!(reshaping.run(|| 7).await, Ok(7));
        assert_eq!(reshaping.run(|| panic!("broken")).await, Err::<(), _>(Fault::GatewayPanic));
    }
}
