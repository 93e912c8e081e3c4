//! A node's native half, from its first breath to its last: open, start, apply, drain, stop.

use crate::admin::AdminListener;
use crate::config::Config;
use crate::drain::Step;
use crate::handover::{self, Inherited};
use crate::health::Checker;
use crate::identity::{new_id, node_id};
use crate::journal::{self, Closed, EndedEpoch, Journal, Personal, SealedSegment};
use crate::logins::LoginRequest;
use crate::metrics::value;
use crate::phases::accept::Acceptor;
use crate::samples::Sample;
use crate::shared::Shared;
use crate::signing::SigningThread;
use crate::thread::{Command, Handle};
use portazgo_core::credential::login::Failure;
use portazgo_core::ids::{Id, Kid};
use portazgo_core::secret::Secret;
use portazgo_core::security::{Entry, SecurityLane};
use portazgo_core::snapshot::{Refused, Update};
use serde_json::{Value, json};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// Connections that may wait to be accepted; the kernel bounds it by its own limit (`net.core.somaxconn`, 4,096).
const ACCEPT_QUEUE: i32 = 4096;

/// How long `apply` waits for a data thread; one that takes longer is stuck, and saying "applied" would be a lie.
const LOAD_TIME: Duration = Duration::from_secs(5);

/// Why a node can't begin.
#[derive(Debug)]
pub enum StartError {
    /// The configuration is wrong.
    Config(String),
    /// An address can't be bound.
    Bind(SocketAddr, io::Error),
    /// The folder or its journal can't be used.
    Journal(io::Error),
    /// The running node behind this socket hands nothing over.
    HandOver(PathBuf, io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(why) => formatter.write_str(why),
            Self::Bind(address, error) => write!(formatter, "can't listen on {address}: {error}"),
            Self::Journal(error) => write!(formatter, "the node's folder can't be used: {error}"),
            Self::HandOver(socket, error) => write!(formatter, "{} hands nothing over: {error}", socket.display()),
        }
    }
}

impl std::error::Error for StartError {}

/// One node in this process.
pub struct Gateway {
    /// The node's id, kept in its folder.
    pub node_id: Id,
    /// This process life.
    pub epoch: Id,
    partner_side: SocketAddr,
    admin_side: SocketAddr,
    shared: Arc<Shared>,
    journal: Arc<Journal>,
    running: Mutex<Running>,
    /// One update at a time.
    applying: Mutex<()>,
}

#[derive(Default)]
struct Running {
    /// Kept beside what the threads have of them, to be handed to a successor.
    gateway: Option<TcpListener>,
    admin_side: Option<TcpListener>,
    started: bool,
    threads: Vec<Handle>,
    acceptor: Option<Acceptor>,
    admin: Option<AdminListener>,
    checker: Option<Checker>,
    signing: Option<SigningThread>,
}

impl Gateway {
    /// Bind, take the folder, recover what a predecessor left. Nothing is served yet.
    pub fn open(config: &str) -> Result<Self, StartError> {
        let config = Config::parse(config).map_err(StartError::Config)?;
        let (gateway, admin, folder_lock) = match &config.take_over {
            None => (bind(config.listen)?, bind(config.admin_listen)?, None),
            Some(socket) => {
                let Inherited { gateway, admin, folder_lock } =
                    handover::receive(socket).map_err(|error| StartError::HandOver(socket.clone(), error))?;
                let gateway = if is_at(&gateway, config.listen) { gateway } else { bind(config.listen)? };
                let admin = if is_at(&admin, config.admin_listen) { admin } else { bind(config.admin_listen)? };
                (gateway, admin, Some(folder_lock))
            }
        };
        let shared = Arc::new(Shared::new(config).map_err(StartError::Config)?);
        let node_id = node_id(&shared.config.folder, shared.clock.wall()).map_err(StartError::Journal)?;
        let epoch = new_id(shared.clock.wall());
        let journal = Journal::open_under(journal_config(&shared, node_id, epoch), folder_lock);
        let journal = journal.map_err(StartError::Journal)?;
        let address =
            |listener: &TcpListener, wanted| listener.local_addr().map_err(|error| StartError::Bind(wanted, error));
        Ok(Self {
            node_id,
            epoch,
            partner_side: address(&gateway, shared.config.listen)?,
            admin_side: address(&admin, shared.config.admin_listen)?,
            journal: Arc::new(journal),
            running: Mutex::new(Running { gateway: Some(gateway), admin_side: Some(admin), ..Running::default() }),
            applying: Mutex::new(()),
            shared,
        })
    }

    /// Serve: 503 until a snapshot is applied.
    pub fn start(&self) -> io::Result<()> {
        let mut running = self.running();
        let again = || io::Error::other("this node was started before");
        if std::mem::replace(&mut running.started, true) {
            return Err(again());
        }
        let gateway = running.gateway.as_ref().ok_or_else(again)?.try_clone()?;
        let admin = running.admin_side.as_ref().ok_or_else(again)?.try_clone()?;
        running.signing = Some(SigningThread::start(Arc::clone(&self.shared))?);
        for index in 0..self.shared.threads.len() {
            running.threads.push(Handle::start(index, Arc::clone(&self.shared), Arc::clone(&self.journal))?);
        }
        running.acceptor = Some(Acceptor::start(gateway, Arc::clone(&self.shared), &running.threads)?);
        running.checker = Some(Checker::start(Arc::clone(&self.shared))?);
        running.admin = Some(AdminListener::start(admin, Arc::clone(&self.shared), Arc::clone(&self.journal))?);
        Ok(())
    }

    /// Apply an update, all or nothing. Returns the revision when every data thread has loaded it.
    pub fn apply(&self, update: &Update) -> Result<u64, Refused> {
        let _one_at_a_time = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        // Security first: it counts even where the rest is refused.
        let history = update.position().map_or("", |(history, ..)| history);
        self.change_lane(|lane| lane.take_all(history, update.security_entries()));
        let base = self.shared.snapshot.load_full();
        let next = update.apply(base.as_deref())?;
        let revision = next.revision;
        let keys = self.journal.data_keys();
        if !Arc::ptr_eq(&keys.load(), next.data_keys()) {
            // Before the snapshot: no call is recorded whose partner's key the writer can't find.
            keys.store(Arc::clone(next.data_keys()));
        }
        if let Some(old) = self.shared.snapshot.swap(Arc::new(Some(Arc::new(next)))).as_ref() {
            self.shared.retired.keep(Arc::clone(old));
        }
        drop(base);
        // A new history's lane replaces the old one's only together with its snapshot.
        self.change_lane(|lane| {
            lane.enter(history);
            lane.take_all(history, update.security_entries())
        });
        if let Some(checker) = &self.running().checker {
            checker.look_again();
        }
        self.wait_until_loaded().map_err(|why| Refused { place: "data threads".to_owned(), why })?;
        self.shared.applies.note(began.elapsed());
        if let Some(snapshot) = self.shared.snapshot.load().as_ref() {
            self.shared.logins.forget(|backend| snapshot.backend(backend).is_some());
        }
        self.shared.retired.sweep();
        Ok(revision)
    }

    /// Apply lines of the security lane alone. Returns the highest sequence; what can't be read is returned beside it, and the rest counts.
    pub fn apply_security(&self, lines: &[u8]) -> (u64, Vec<String>) {
        let _one_at_a_time = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let mut trouble = Vec::new();
        let mut entries = Vec::new();
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<SecurityLine>(line) {
                Ok(line) => entries.push(line.security),
                Err(error) => trouble.push(error.to_string()),
            }
        }
        trouble.extend(self.change_lane(|lane| entries.iter().filter_map(|entry| lane.take(entry).err()).collect()));
        if let Err(why) = self.wait_until_loaded() {
            trouble.push(why);
        }
        self.shared.retired.sweep();
        (self.shared.lane.load().sequence(), trouble)
    }

    /// Mark kids dead for ever (from the node's own file, at its start).
    pub fn revoke_for_ever(&self, kids: impl Iterator<Item = Kid>) {
        let mut lane = SecurityLane::clone(&self.shared.lane.load());
        kids.for_each(|kid| lane.revoke(kid));
        self.replace_lane(lane);
    }

    /// Read the certificates' files again; connections keep what they began with. Where one is bad, all of the old stay.
    pub fn reload_certificates(&self) -> Result<(), String> {
        self.shared.tls.as_ref().map_or(Ok(()), crate::tls::Incoming::reload)
    }

    /// Replace what `/health/ready` warns of though the node is ready.
    pub fn warn(&self, warnings: Vec<String>) {
        self.shared.warn(warnings);
    }

    /// Say whether a first snapshot can't be applied because the provider that unwraps its secrets is away: calls that come are told
    /// so by their fault.
    pub fn wait_for_wrapping(&self, waits: bool) {
        self.shared.wait_for_wrapping(waits);
    }

    /// What a successor takes over: partners' socket, admin socket, lock of the folder. `NotConnected`: it is too late for
    /// that.
    ///
    /// They are copies: this node may close its own while they are on their way, and a number would name something else then.
    pub fn sockets(&self) -> io::Result<[OwnedFd; 3]> {
        let running = self.running();
        let (Some(gateway), Some(admin)) = (&running.gateway, &running.admin_side) else {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the sockets are closed"));
        };
        let lock = self.journal.folder_lock();
        Ok([gateway.try_clone()?.into(), admin.try_clone()?.into(), lock.try_clone()?.into()])
    }

    /// Take in what processes of this folder left that have ended meanwhile. Returns how many still live.
    pub fn adopt(&self) -> io::Result<usize> {
        self.journal.adopt()
    }

    /// A poll that was sent `age_ms` ago has been answered. What was replaced while a call still read it goes now at the latest.
    pub fn contact(&self, age_ms: u64, server_time_us: i64, round_trip_us: i64) {
        self.shared.clock.contact(age_ms, server_time_us, round_trip_us);
        self.shared.retired.sweep();
    }

    /// A shipment succeeded, or there was nothing to ship.
    pub fn shipped(&self) {
        self.shared.clock.shipped();
    }

    /// Logins that calls wait for, at most `most`; waits for the first. Each must be answered.
    pub fn token_requests(&self, within: Duration, most: usize) -> Vec<LoginRequest> {
        self.shared.logins.take(within, most, &self.shared)
    }

    /// A login brought a token. The error says what is wrong with it; then the login has failed.
    pub fn provide_token(
        &self,
        ticket: u64,
        token: &str,
        life: Duration,
        refresh: Option<Vec<u8>>,
    ) -> Result<(), &'static str> {
        self.shared.logins.arrived(ticket, token, life, refresh.map(Secret::new), &self.shared)
    }

    /// A login brought no token; `refused`: the endpoint said no, and would again.
    pub fn refuse_token(&self, ticket: u64, why: &str, refused: bool) {
        let failure = if refused { Failure::Refused } else { Failure::Failed };
        self.shared.logins.failed(ticket, why, failure, &self.shared);
    }

    /// Answers to be compared with backends' schemas, and requests to be recorded, at most `most`; waits for the first.
    pub fn samples(&self, within: Duration, most: usize) -> Vec<Sample> {
        self.shared.samples.take(within, most)
    }

    /// Whether requests of a version's route are recorded. False: no node of this kind has such a route now.
    pub fn record_requests(&self, contract_version: u32, route: Id, recorded: bool) -> bool {
        let snapshot = self.shared.snapshot.load();
        let view = snapshot.as_ref().as_ref().and_then(|snapshot| snapshot.view_of(contract_version, route));
        view.inspect(|view| view.recording.tell(recorded)).is_some()
    }

    /// Segments that wait to be shipped, oldest first.
    pub fn sealed_segments(&self) -> Vec<SealedSegment> {
        self.journal.sealed()
    }

    /// A segment is safe elsewhere: delete it.
    pub fn acknowledge(&self, path: &Path) -> io::Result<()> {
        self.journal.acknowledge(path)
    }

    /// How predecessors ended.
    pub fn ended_epochs(&self) -> Vec<EndedEpoch> {
        self.journal.ended_epochs()
    }

    /// An ended epoch has been reported.
    pub fn epoch_reported(&self, epoch: Id) -> io::Result<()> {
        self.journal.epoch_reported(epoch)
    }

    /// Where partners connect.
    pub fn gateway_address(&self) -> SocketAddr {
        self.partner_side
    }

    /// Where health and metrics are.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_side
    }

    /// What the node says of itself.
    pub fn stats(&self) -> Value {
        let journal = self.journal.stats();
        let mut document = crate::admin::state(&self.shared, &journal);
        document["node"] = json!(self.node_id.to_string());
        document["epoch"] = json!(self.epoch.to_string());
        document
    }

    /// Turn the ready light red; go on accepting, and end each connection with its next answer.
    pub fn leave(&self) {
        self.shared.drain.reach(Step::Leaving);
    }

    /// Stop accepting. Without an heir, who waits in the listening socket's queue is still served; with one, the queue and
    /// the admin listener are the heir's, and clients that can be told to go there are told.
    pub fn close(&self, has_heir: bool) {
        let mut running = self.running();
        self.stop_accepting(&mut running, has_heir);
        if has_heir {
            for thread in &running.threads {
                let _ = thread.commands.send(Command::Leave);
            }
            Self::stop_admin(&mut running);
        }
    }

    /// Stop accepting, answer what is in flight within the time, seal. Returns whether everything was answered.
    pub fn drain(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut running = self.running();
        self.stop_accepting(&mut running, false);
        self.shared.drain.reach(Step::Ending);
        let (sender, done) = mpsc::channel();
        let told = running
            .threads
            .iter()
            .filter(|thread| thread.commands.send(Command::Drain(sender.clone())).is_ok())
            .count();
        // What is revoked meanwhile must reach the calls that are still under way.
        drop(running);
        let all = (0..told).all(|_| done.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok());
        // A connection that asked for nothing is nobody's call.
        let all = all || self.shared.threads.iter().all(|thread| value(&thread.in_flight) == 0);
        // A disk that doesn't let us seal shows in the journal's trouble; the records stay in their slots for the next start.
        let _ = self.journal.seal_now();
        all
    }

    /// End the threads and close the journal: the epoch ends clean when everything was answered.
    pub fn stop(&self) -> io::Result<Closed> {
        let mut running = self.running();
        self.stop_accepting(&mut running, false);
        self.shared.drain.reach(Step::Ending);
        for thread in &mut std::mem::take(&mut running.threads) {
            // Closing its inbox ends the thread; what is still in flight is dropped, and its records say so.
            thread.close();
        }
        if let Some(mut checker) = running.checker.take() {
            checker.stop();
        }
        if let Some(mut signing) = running.signing.take() {
            signing.stop();
        }
        Self::stop_admin(&mut running);
        self.journal.close()
    }

    fn stop_accepting(&self, running: &mut Running, has_heir: bool) {
        if has_heir {
            self.shared.drain.leave_queue_to_heir();
        }
        // The acceptor's own hold of the socket is the last one then: nobody gets into its queue when it has emptied it.
        running.gateway = None;
        self.shared.drain.reach(Step::Closed);
        if let Some(mut acceptor) = running.acceptor.take() {
            acceptor.join();
        }
    }

    fn stop_admin(running: &mut Running) {
        running.admin_side = None;
        if let Some(mut admin) = running.admin.take() {
            admin.stop();
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what the change could not take.
    fn change_lane(&self, change: impl FnOnce(&mut SecurityLane) -> Vec<String>) -> Vec<String> {
        let mut lane = SecurityLane::clone(&self.shared.lane.load());
        let trouble = change(&mut lane);
        self.replace_lane(lane);
        trouble
    }

    fn replace_lane(&self, lane: SecurityLane) {
        self.shared.retired.keep(self.shared.lane.swap(Arc::new(lane)));
        self.shared.bump();
    }

    /// Applied means that every data thread has it; an idle one is woken.
    fn wait_until_loaded(&self) -> Result<(), String> {
        let (sender, done) = mpsc::channel();
        let told = self
            .running()
            .threads
            .iter()
            .filter(|thread| thread.commands.send(Command::Load(sender.clone())).is_ok())
            .count();
        for _ in 0..told {
            done.recv_timeout(LOAD_TIME)
                .map_err(|_| "a data thread did not load the revision within 5 s".to_owned())?;
        }
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct SecurityLine {
    security: Entry,
}

/// Whether a socket listens where it should; any port will do where any was wished for.
fn is_at(listener: &TcpListener, wanted: SocketAddr) -> bool {
    let any_port = wanted.port() == 0;
    listener.local_addr().is_ok_and(|at| at.ip() == wanted.ip() && (any_port || at.port() == wanted.port()))
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    // std sets SO_REUSEADDR (a restart isn't hindered by TIME_WAIT) and never SO_REUSEPORT.
    TcpListener::bind(address)
        .and_then(|listener| {
            // std asks for 128: of a burst of new connections the rest would wait a second for their next SYN.
            rustix::net::listen(&listener, ACCEPT_QUEUE)?;
            Ok(listener)
        })
        .map_err(|error| StartError::Bind(address, error))
}

fn journal_config(shared: &Arc<Shared>, node: Id, epoch: Id) -> journal::Config {
    let config = &shared.config;
    let clock = Arc::clone(shared);
    journal::Config {
        folder: config.folder.clone(),
        node,
        epoch,
        threads: shared.threads.len(),
        slots_per_thread: config.limits.slots_per_thread,
        seal_after: Duration::from_millis(config.journal.seal_ms),
        seal_bytes: config.journal.seal_bytes,
        sync_every: Duration::from_millis(config.journal.sync_ms),
        when_full: config.journal.when_full,
        clock: Arc::new(move || clock.clock.wall()),
        personal: Personal { address: config.journal.client_address, ..Personal::default() },
    }
}
