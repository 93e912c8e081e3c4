//! A data thread: one runtime, its connections, its pool, its slab, its copy of the snapshot.

use crate::connection;
use crate::deadlines::{self, Deadlines};
use crate::journal::{Journal, ThreadJournal};
use crate::metrics::{ThreadMetrics, add, subtract};
use crate::pool::{self, Pool};
use crate::random::Random;
use crate::shared::Shared;
use portazgo_core::ids::Id;
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::Snapshot;
use portazgo_core::time::WallTime;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::LocalSet;

/// What a data thread is told.
pub(crate) enum Command {
    /// Serve a connection.
    Connection(std::net::TcpStream, std::net::SocketAddr),
    /// Load the newest snapshot and say so.
    Load(mpsc::Sender<()>),
    /// End idle connections, finish what is under way, then end and say so.
    Drain(mpsc::Sender<()>),
}

/// What everything on a data thread shares. Never leaves the thread.
pub(crate) struct Thread {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) journal: ThreadJournal,
    pub(crate) pool: Pool,
    pub(crate) random: Random,
    pub(crate) deadlines: Deadlines,
    loaded: RefCell<Loaded>,
    generation: Cell<u64>,
    draining: watch::Sender<bool>,
}

/// A thread's own handles, so that a request clones no shared counter but its own.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    pub(crate) lane: Arc<SecurityLane>,
}

impl Thread {
    fn new(index: usize, shared: Arc<Shared>, journal: ThreadJournal) -> Self {
        Self {
            index,
            journal,
            pool: Pool::default(),
            random: Random::new(),
            deadlines: Deadlines::default(),
            loaded: RefCell::new(Loaded { snapshot: None, lane: Arc::default() }),
            generation: Cell::new(0),
            draining: watch::Sender::new(false),
            shared,
        }
    }

    pub(crate) fn metrics(&self) -> &ThreadMetrics {
        &self.shared.threads[self.index]
    }

    /// The newest snapshot and lane: one atomic load when nothing changed.
    pub(crate) fn loaded(&self) -> Loaded {
        self.refresh();
        self.loaded.borrow().clone()
    }

    pub(crate) fn new_request_id(&self, now: WallTime) -> Id {
        Id::version_7((now.0 / 1000).max(0) as u64, self.random.bytes())
    }

    /// Resolves when the node drains.
    pub(crate) fn drain_signal(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    fn refresh(&self) {
        let newest = self.shared.generation.load(Ordering::Acquire);
        if self.generation.replace(newest) != newest {
            let snapshot = self.shared.snapshot.load_full().as_ref().clone();
            *self.loaded.borrow_mut() = Loaded { snapshot, lane: self.shared.lane.load_full() };
        }
    }
}

/// The way to talk to a running data thread.
pub(crate) struct Handle {
    pub(crate) commands: UnboundedSender<Command>,
    join: Option<std::thread::JoinHandle<()>>,
}

impl Handle {
    /// Start a data thread.
    pub(crate) fn start(index: usize, shared: Arc<Shared>, journal: Arc<Journal>) -> std::io::Result<Self> {
        let (commands, inbox) = unbounded_channel();
        let join = std::thread::Builder::new().name(format!("data-{index}")).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime needs only file descriptors");
            let thread = Rc::new(Thread::new(index, shared, journal.thread(index)));
            drop(journal);
            LocalSet::new().block_on(&runtime, run(thread, inbox));
            runtime.shutdown_timeout(Duration::from_millis(100));
        })?;
        Ok(Self { commands, join: Some(join) })
    }

    /// Close the thread's inbox and wait for its end.
    pub(crate) fn close(&mut self) {
        self.commands = unbounded_channel().0;
        if let Some(join) = self.join.take() {
            let _ = join.join();
        }
    }
}

async fn run(thread: Rc<Thread>, mut inbox: UnboundedReceiver<Command>) {
    tokio::task::spawn_local(deadlines::watch(Rc::clone(&thread)));
    tokio::task::spawn_local(pool::sweep(Rc::clone(&thread)));
    while let Some(command) = inbox.recv().await {
        match command {
            Command::Connection(stream, peer) => accept(&thread, stream, peer),
            Command::Load(done) => {
                thread.refresh();
                let _ = done.send(());
            }
            Command::Drain(done) => {
                thread.draining.send_replace(true);
                tokio::task::spawn_local(report_when_idle(Rc::clone(&thread), done));
            }
        }
    }
}

fn accept(thread: &Rc<Thread>, stream: std::net::TcpStream, peer: std::net::SocketAddr) {
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else {
        return;
    };
    let thread = Rc::clone(thread);
    tokio::task::spawn_local(async move {
        let _open = Open(Rc::clone(&thread));
        connection::serve(thread, stream, peer).await;
    });
}

/// A connection that counts as open until it ends, by a panic too: a drain waits for it, and the next one is dealt by it.
struct Open(Rc<Thread>);

impl Drop for Open {
    fn drop(&mut self) {
        subtract(&self.0.metrics().connections);
    }
}

/// Count a connection before it is handed over, so that the next one sees it.
pub(crate) fn count_connection(metrics: &ThreadMetrics) {
    add(&metrics.connections);
}

async fn report_when_idle(thread: Rc<Thread>, done: mpsc::Sender<()>) {
    while thread.metrics().connections.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let _ = done.send(());
}
