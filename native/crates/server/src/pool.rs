//! A data thread's keep-alive connections to backends.
//!
//! Backends close idle connections when they like (gunicorn after 2 s), so a connection lives 1.5 s idle, and a request
//! that must not be repeated takes only one that was used within the last second, or a new one.

use crate::answers::{Answers, Exchange};
use crate::metrics::{ThreadMetrics, add, subtract};
use crate::resolve::Resolver;
use crate::tls;
use crate::transport::Transport;
use crate::upstream::RequestBody;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use portazgo_core::fault::Fault;
use portazgo_core::snapshot::Target;
use portazgo_core::time::Monotonic;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout_at;

/// Nanoseconds, as all times of this pool.
const IDLE_LIFE: u64 = 1_500_000_000;
const FRESH: u64 = 1_000_000_000;
/// Idle connections kept per target and thread.
const MOST_IDLE: usize = 512;

/// A connection that can take a request.
pub(crate) struct Lease {
    pub(crate) sender: SendRequest<RequestBody>,
    pub(crate) address: SocketAddr,
    /// What its transport sees.
    pub(crate) exchange: Rc<Exchange>,
    /// It has carried a request before: the backend may be closing it at this very moment.
    pub(crate) reused: bool,
}

struct Idle {
    sender: SendRequest<RequestBody>,
    address: SocketAddr,
    exchange: Rc<Exchange>,
    since: Monotonic,
}

/// The idle connections of one target.
struct Shelf {
    target: Arc<Target>,
    idle: Vec<Idle>,
}

/// All idle connections of a thread, by target.
#[derive(Default)]
pub(crate) struct Pool {
    kept: RefCell<Vec<Shelf>>,
    resolver: Resolver,
    tls: tls::Outgoing,
    turn: Cell<usize>,
}

impl Pool {
    /// The next of a backend's targets, in turn.
    pub(crate) fn next_target(&self, targets: &[Arc<Target>]) -> Arc<Target> {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        Arc::clone(&targets[turn % targets.len()])
    }

    /// An idle connection that is still good for this kind of request.
    pub(crate) fn take(
        &self,
        target: &Arc<Target>,
        repeatable: bool,
        now: Monotonic,
        metrics: &ThreadMetrics,
    ) -> Option<Lease> {
        let mut kept = self.kept.borrow_mut();
        let idle = &mut shelf_of(&mut kept, target)?.idle;
        let longest = if repeatable { IDLE_LIFE } else { FRESH };
        while let Some(candidate) = idle.pop() {
            subtract(&metrics.backend_idle);
            let age = now.0.saturating_sub(candidate.since.0);
            if age < longest && candidate.exchange.is_clean() && candidate.sender.is_ready() {
                add(&metrics.backend_reuses);
                let Idle { sender, address, exchange, .. } = candidate;
                return Some(Lease { sender, address, exchange, reused: true });
            }
            if age >= longest {
                // The newest was too old, so the rest is too.
                for _ in idle.drain(..) {
                    subtract(&metrics.backend_idle);
                }
            }
        }
        None
    }

    /// Keep a connection whose answer was read to its end. One that said more than it was asked is never used again.
    pub(crate) fn give(&self, target: Arc<Target>, lease: Lease, now: Monotonic, metrics: &ThreadMetrics) {
        if lease.sender.is_closed() || !lease.exchange.is_clean() {
            return;
        }
        let Lease { sender, address, exchange, .. } = lease;
        let idle = Idle { sender, address, exchange, since: now };
        let mut kept = self.kept.borrow_mut();
        match shelf_of(&mut kept, &target) {
            Some(shelf) if shelf.idle.len() >= MOST_IDLE => return,
            Some(shelf) => shelf.idle.push(idle),
            None => kept.push(Shelf { target, idle: vec![idle] }),
        }
        add(&metrics.backend_idle);
    }

    /// A new connection.
    pub(crate) async fn connect(
        &self,
        target: &Target,
        within: Duration,
        metrics: &ThreadMetrics,
    ) -> Result<Lease, Fault> {
        let ends = tokio::time::Instant::now() + within;
        let Ok(outcome) = timeout_at(ends, self.connect_now(&target.address)).await else {
            return Err(Fault::ConnectTimeout);
        };
        let (stream, address) = outcome?;
        add(&metrics.backend_connects);
        let _ = stream.set_nodelay(true);
        let transport = match &target.tls {
            None => Transport::Plain(stream),
            Some(rules) => timeout_at(ends, self.tls.shake_hands(rules, &target.address, stream))
                .await
                .unwrap_or(Err(Fault::TlsBackendHandshakeTimeout))?,
        };
        let exchange = Rc::new(Exchange::default());
        let answers = Answers::new(transport, Rc::clone(&exchange));
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(answers)).await.map_err(|_| Fault::ConnectFailed)?;
        tokio::task::spawn_local(connection);
        sender.ready().await.map_err(|_| Fault::ConnectFailed)?;
        Ok(Lease { sender, address, exchange, reused: false })
    }

    async fn connect_now(&self, target: &str) -> Result<(TcpStream, SocketAddr), Fault> {
        let addresses = self.resolver.resolve(target).await.map_err(|_| Fault::DnsFailure)?;
        let mut last = Fault::ConnectFailed;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok((stream, address)),
                Err(error) => last = connect_fault(&error),
            }
        }
        Err(last)
    }
}

/// The shelf of a target. It is nearly always the very object of the last call; another snapshot may have made it anew.
fn shelf_of<'s>(kept: &'s mut [Shelf], target: &Arc<Target>) -> Option<&'s mut Shelf> {
    if let Some(index) = kept.iter().position(|shelf| Arc::ptr_eq(&shelf.target, target)) {
        return Some(&mut kept[index]);
    }
    let shelf = kept.iter_mut().find(|shelf| shelf.target.key == target.key)?;
    shelf.target = Arc::clone(target);
    Some(shelf)
}

fn connect_fault(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Fault::ConnectRefused,
        io::ErrorKind::TimedOut => Fault::ConnectTimeout,
        _ => Fault::ConnectFailed,
    }
}
