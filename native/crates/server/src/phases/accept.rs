//! One listening socket per port; an accepted connection goes to the data thread with the fewest.
//!
//! No `SO_REUSEPORT`: a second instance would bind silently, and the kernel's hash would leave cores idle.

use crate::drain::Step;
use crate::metrics::{add, value};
use crate::overload;
use crate::panics::Vital;
use crate::shared::Shared;
use crate::thread::{Command, Handle, count_connection};
use std::cell::Cell;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::UnboundedSender;

/// Connections that may be told at once why they are turned away; further ones are reset.
const MOST_TURNED_AWAY: usize = 256;
/// How long that may take each.
const FAREWELL: Duration = Duration::from_secs(1);

/// Accepts until the node drains.
pub(crate) struct Acceptor {
    join: Option<std::thread::JoinHandle<()>>,
}

impl Acceptor {
    pub(crate) fn start(listener: TcpListener, shared: Arc<Shared>, threads: &[Handle]) -> io::Result<Self> {
        let inboxes: Vec<UnboundedSender<Command>> = threads.iter().map(|thread| thread.commands.clone()).collect();
        listener.set_nonblocking(true)?;
        overload::raise_descriptors();
        let join = std::thread::Builder::new().name("accept".to_owned()).spawn(move || {
            let _vital = Vital("accept");
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime needs only file descriptors");
            tokio::task::LocalSet::new().block_on(&runtime, async {
                tokio::spawn(overload::watch(Arc::clone(&shared)));
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
    let turned_away = Rc::new(Cell::new(0));
    let mut spare = spare_descriptor();
    let mut look = tokio::time::interval(Duration::from_millis(20));
    while shared.drain.step() < Step::Closed {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = look.tick() => continue,
        };
        if let Ok((stream, peer)) = accepted {
            let Ok(stream) = stream.into_std() else { continue };
            deal(stream, peer, shared, inboxes, &turned_away);
        } else {
            // Out of file descriptors, most likely. Who waits in the kernel's queue is told now, by a close, and not when
            // its patience ends; then a pause, so that the loop doesn't burn the core that could free some.
            if spare.take().is_some() && accept_one_that_waits(listener).await.is_some() {
                add(&shared.threads[0].without_slot);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            spare = spare_descriptor();
        }
    }
}

/// Closing a listening socket resets whoever waits in its queue: take them all first.
fn empty_queue(listener: tokio::net::TcpListener, shared: &Shared, inboxes: &[UnboundedSender<Command>]) {
    let Ok(listener) = listener.into_std() else { return };
    // Nobody is told why: the thread ends with this.
    let turned_away = Rc::new(Cell::new(MOST_TURNED_AWAY));
    while let Ok((stream, peer)) = listener.accept() {
        if stream.set_nonblocking(true).is_ok() {
            deal(stream, peer, shared, inboxes, &turned_away);
        }
    }
}

/// Say why, and wait until the client has read it: closing over what it has sent would reset the connection, and many
/// clients try again at once after a reset, while they wait as long as `Retry-After` says after a 503.
async fn turn_away(stream: std::net::TcpStream) -> io::Result<()> {
    let mut stream = tokio::net::TcpStream::from_std(stream)?;
    stream.write_all(overload::refusal("connection: close\r\n").as_bytes()).await?;
    stream.shutdown().await?;
    let mut left = [0; 4096];
    while stream.read(&mut left).await? > 0 {}
    Ok(())
}

async fn accept_one_that_waits(listener: &tokio::net::TcpListener) -> Option<tokio::net::TcpStream> {
    std::future::poll_fn(|context| match listener.poll_accept(context) {
        Poll::Ready(Ok((stream, _))) => Poll::Ready(Some(stream)),
        Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// What can be given up, for a moment, to take a connection and close it.
fn spare_descriptor() -> Option<std::fs::File> {
    std::fs::File::open("/dev/null").ok()
}

fn deal(
    stream: std::net::TcpStream,
    peer: std::net::SocketAddr,
    shared: &Shared,
    inboxes: &[UnboundedSender<Command>],
    turned_away: &Rc<Cell<usize>>,
) {
    let open: u64 = shared.threads.iter().map(|thread| value(&thread.connections)).sum();
    let (index, metrics) = shared
        .threads
        .iter()
        .enumerate()
        .min_by_key(|(_, thread)| value(&thread.connections))
        .expect("a node has at least one data thread");
    let out_of_descriptors = shared.levels.is_out_of_descriptors(&stream);
    if out_of_descriptors || open >= shared.config.limits.connections as u64 {
        add(&metrics.without_slot);
        // Inside TLS there is no cheaper way to say no than to close; and what is short can't be lent.
        if !out_of_descriptors && shared.tls.is_none() && turned_away.get() < MOST_TURNED_AWAY {
            turned_away.set(turned_away.get() + 1);
            let turned_away = Rc::clone(turned_away);
            tokio::task::spawn_local(async move {
                let _ = tokio::time::timeout(FAREWELL, turn_away(stream)).await;
                turned_away.set(turned_away.get() - 1);
            });
        }
        return;
    }
    count_connection(metrics);
    let _ = inboxes[index].send(Command::Connection(stream, peer));
}
