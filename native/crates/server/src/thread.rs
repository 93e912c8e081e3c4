//! A data thread: one runtime, its connections, its pool, its slab, its copy of the snapshot.

use crate::connection;
use crate::deadlines::{self, Deadlines};
use crate::drain::Step;
use crate::headers::SpareMaps;
use crate::journal::{Journal, ThreadJournal};
use crate::metrics::{ThreadMetrics, add, subtract};
use crate::overload::Load;
use crate::pool::{self, Pool};
use crate::random::Random;
use crate::shared::Shared;
use portazgo_core::ids::Id;
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::Snapshot;
use portazgo_core::time::WallTime;
use portazgo_core::transform::answer::{Masks, Workspace};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::LocalSet;

/// How often a thread notes that it runs, and how late it is.
const BEAT: Duration = Duration::from_millis(200);
/// A thread that falls this often within the time has something that won't go away by itself.
const MOST_FALLS: usize = 5;
/// Selections that a thread keeps compiled.
const MOST_MASKS: usize = 1024;
const FALLS_WITHIN: Duration = Duration::from_secs(10);

/// How connections are to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leave {
    /// They stay.
    Stay,
    /// Those that can be told without cutting off a request on its way: HTTP/2 says so; HTTP/1.1 with each answer.
    Politely,
    /// All, idle ones too.
    Now,
}

/// What a data thread is told.
pub(crate) enum Command {
    /// Serve a connection.
    Connection(std::net::TcpStream, std::net::SocketAddr),
    /// Load the newest snapshot and say so.
    Load(mpsc::Sender<()>),
    /// Tell connections of HTTP/2 that somebody else serves from now on.
    Leave,
    /// End idle connections, finish what is under way, then end and say so.
    Drain(mpsc::Sender<()>),
}

/// What a selection of fields is compiled for: version, route, root and text.
pub(crate) type MaskKey = (Id, Id, u32, Box<str>);

/// What everything on a data thread shares. Never leaves the thread.
pub(crate) struct Thread {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) journal: ThreadJournal,
    pub(crate) pool: Pool,
    pub(crate) random: Random,
    pub(crate) deadlines: Deadlines,
    pub(crate) spare_maps: SpareMaps,
    pub(crate) load: Load,
    /// Programs for selections that came lately.
    pub(crate) masks: RefCell<Masks<MaskKey>>,
    /// What projecting an answer takes, for one at a time.
    pub(crate) workspace: RefCell<Workspace>,
    /// Where it is written to; empty between two answers.
    pub(crate) projected: RefCell<Vec<u8>>,
    loaded: RefCell<Loaded>,
    generation: Cell<u64>,
    leave: watch::Sender<Leave>,
    /// Whether it says `Now`, for those who ask at every call.
    leaves_now: Cell<bool>,
    #[cfg(feature = "provoke-panic")]
    provoked: Cell<bool>,
}

/// A thread's own handles, so that a request clones no shared counter but its own.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    pub(crate) lane: Arc<SecurityLane>,
}

impl Thread {
    fn new(index: usize, shared: Arc<Shared>, journal: ThreadJournal) -> Self {
        let ends = shared.drain.step() == Step::Ending;
        Self {
            index,
            journal,
            pool: Pool::default(),
            random: Random::new(),
            deadlines: Deadlines::default(),
            spare_maps: SpareMaps::default(),
            load: Load::new(&shared, index),
            masks: RefCell::new(Masks::new(MOST_MASKS)),
            workspace: RefCell::default(),
            projected: RefCell::default(),
            loaded: RefCell::new(Loaded { snapshot: None, lane: Arc::default() }),
            generation: Cell::new(0),
            leave: watch::Sender::new(if ends { Leave::Now } else { Leave::Stay }),
            leaves_now: Cell::new(ends),
            #[cfg(feature = "provoke-panic")]
            provoked: Cell::new(false),
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

    /// Which state of the node `loaded` has given last.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// Which state `loaded` would give now.
    pub(crate) fn newest_generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    pub(crate) fn new_request_id(&self, now: WallTime) -> Id {
        Id::version_7((now.0 / 1000).max(0) as u64, self.random.bytes())
    }

    /// Tells how connections are to leave.
    pub(crate) fn leave_signal(&self) -> watch::Receiver<Leave> {
        self.leave.subscribe()
    }

    /// Whether all connections are to leave, idle ones too.
    pub(crate) fn ends_connections(&self) -> bool {
        self.leaves_now.get()
    }

    /// Whether each answer is to be its connection's last.
    pub(crate) fn is_leaving(&self) -> bool {
        self.shared.drain.step() != Step::Serving
    }

    /// Have this thread panic outside any request.
    #[cfg(feature = "provoke-panic")]
    pub(crate) fn provoke_fall(&self) {
        self.provoked.set(true);
    }

    /// Note that the thread runs, and how late it came to say so.
    fn beat(&self, due: tokio::time::Instant) {
        #[cfg(feature = "provoke-panic")]
        assert!(!self.provoked.replace(false), "{}", crate::PROVOKED);
        let metrics = self.metrics();
        metrics.loop_lag_us.store(due.elapsed().as_micros() as u64, Ordering::Relaxed);
        metrics.beat_ms.store(self.shared.clock.uptime_ms().max(1), Ordering::Relaxed);
    }

    fn refresh(&self) {
        let newest = self.newest_generation();
        if self.generation.replace(newest) != newest {
            let snapshot = self.shared.snapshot.load_full().as_ref().clone();
            self.masks.borrow_mut().retain(|_| false);
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
            let slots = journal.thread(index);
            drop(journal);
            live(index, &shared, slots, inbox);
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

/// Run until the inbox is closed. A panic outside any connection costs nobody anything: the runtime, with all connections
/// and calls of the thread, goes on as soon as its own work is taken up again.
fn live(index: usize, shared: &Arc<Shared>, slots: ThreadJournal, mut inbox: UnboundedReceiver<Command>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs only file descriptors");
    let connections = LocalSet::new();
    let thread = Rc::new(Thread::new(index, Arc::clone(shared), slots));
    let mut falls: Vec<Instant> = Vec::new();
    loop {
        let work = run(Rc::clone(&thread), &mut inbox);
        if catch_unwind(AssertUnwindSafe(|| connections.block_on(&runtime, work))).is_ok() {
            drop(connections);
            runtime.shutdown_timeout(Duration::from_millis(100));
            return;
        }
        add(&shared.threads[index].restarts);
        falls.retain(|fall| fall.elapsed() < FALLS_WITHIN);
        falls.push(Instant::now());
        if falls.len() >= MOST_FALLS {
            eprintln!("data thread {index} panics again and again: the node can't go on");
            // Whoever supervises the process starts another; the slabs keep every record, as after a kill.
            std::process::abort();
        }
    }
}

/// The thread's own work: what it is told, its deadlines, its pool. What panics in any of it is begun anew.
async fn run(thread: Rc<Thread>, inbox: &mut UnboundedReceiver<Command>) {
    tokio::select! {
        () = obey(&thread, inbox) => {}
        () = deadlines::watch(Rc::clone(&thread)) => {}
        () = pool::sweep(Rc::clone(&thread)) => {}
    }
}

async fn obey(thread: &Rc<Thread>, inbox: &mut UnboundedReceiver<Command>) {
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let command = tokio::select! {
            command = inbox.recv() => command,
            due = beats.tick() => {
                thread.beat(due);
                continue;
            }
        };
        let Some(command) = command else { return };
        match command {
            Command::Connection(stream, peer) => accept(thread, stream, peer),
            Command::Load(done) => {
                thread.refresh();
                let _ = done.send(());
            }
            Command::Leave => {
                thread.leave.send_replace(Leave::Politely);
            }
            Command::Drain(done) => {
                thread.leaves_now.set(true);
                thread.leave.send_replace(Leave::Now);
                tokio::task::spawn_local(report_when_idle(Rc::clone(thread), done));
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
    add(&metrics.accepted);
    add(&metrics.connections);
}

async fn report_when_idle(thread: Rc<Thread>, done: mpsc::Sender<()>) {
    while thread.metrics().connections.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let _ = done.send(());
}
