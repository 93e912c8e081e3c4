//! One listening socket per port; an accepted connection goes to the data thread with the fewest.
//!
//! No `SO_REUSEPORT`: a second instance would bind silently, and the kernel's hash would leave cores idle.

use crate::drain::Step;
use crate::metrics::{add, value};
use crate::panics::Vital;
use crate::shared::Shared;
use crate::thread::{Command, Handle, count_connection};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// Accepts until the node drains.
pub(crate) struct Acceptor {
    join: Option<std::thread::JoinHandle<()>>,
}

impl Acceptor {
    pub(crate) fn start(listener: TcpListener, shared: Arc<Shared>, threads: &[Handle]) -> io::Result<Self> {
        let inboxes: Vec<UnboundedSender<Command>> = threads.iter().map(|thread| thread.commands.clone()).collect();
        listener.set_nonblocking(true)?;
        let join = std::thread::Builder::new().name("accept".to_owned()).spawn(move || {
            let _vital = Vital("accept");
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime needs only file descriptors");
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                accept_all(&listener, &shared, &inboxes).await;
                if !shared.drain.has_heir() {
                    empty_queue(listener, &shared, &inboxes);
                }
            });
        })?;
        Ok(Self { join: Some(join) })
    }

    pub(crate) fn join(&mut self) {
        if let Some(join) = self.join.take() {
            let _ = join.join();
        }
    }
}

async fn accept_all(listener: &tokio::net::TcpListener, shared: &Shared, inboxes: &[UnboundedSender<Command>]) {
    let mut look = tokio::time::interval(Duration::from_millis(20));
    while shared.drain.step() < Step::Closed {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = look.tick() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Ok(stream) = stream.into_std() else { continue };
                deal(stream, peer, shared, inboxes);
            }
            // Out of file descriptors, most likely: a pause, so that the loop doesn't burn the core that could free some.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Closing a listening socket resets whoever waits in its queue: take them all first.
fn empty_queue(listener: tokio::net::TcpListener, shared: &Shared, inboxes: &[UnboundedSender<Command>]) {
    let Ok(listener) = listener.into_std() else { return };
    while let Ok((stream, peer)) = listener.accept() {
        if stream.set_nonblocking(true).is_ok() {
            deal(stream, peer, shared, inboxes);
        }
    }
}

fn deal(
    stream: std::net::TcpStream,
    peer: std::net::SocketAddr,
    shared: &Shared,
    inboxes: &[UnboundedSender<Command>],
) {
    let open: u64 = shared.threads.iter().map(|thread| value(&thread.connections)).sum();
    let (index, metrics) = shared
        .threads
        .iter()
        .enumerate()
        .min_by_key(|(_, thread)| value(&thread.connections))
        .expect("a node has at least one data thread");
    if open >= shared.config.limits.connections as u64 {
        // Dropping the stream resets it: shed before collapse.
        add(&metrics.without_slot);
        return;
    }
    count_connection(metrics);
    let _ = inboxes[index].send(Command::Connection(stream, peer));
}
