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
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

const IDLE_LIFE: Duration = Duration::from_millis(1500);
const FRESH: Duration = Duration::from_secs(1);
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
    since: Instant,
}

/// All idle connections of a thread, by target.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<HashMap<String, Vec<Idle>>>,
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
    pub(crate) fn take(&self, target: &Target, repeatable: bool, metrics: &ThreadMetrics) -> Option<Lease> {
        let mut all = self.idle.borrow_mut();
        let idle = all.get_mut(&target.key)?;
        let longest = if repeatable { IDLE_LIFE } else { FRESH };
        while let Some(candidate) = idle.pop() {
            subtract(&metrics.backend_idle);
            let age = candidate.since.elapsed();
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
    pub(crate) fn give(&self, target: &Target, lease: Lease, metrics: &ThreadMetrics) {
        if lease.sender.is_closed() || !lease.exchange.is_clean() {
            return;
        }
        let mut all = self.idle.borrow_mut();
        let idle =
            if let Some(idle) = all.get_mut(&target.key) { idle } else { all.entry(target.key.clone()).or_default() };
        if idle.len() < MOST_IDLE {
            let Lease { sender, address, exchange, .. } = lease;
            idle.push(Idle { sender, address, exchange, since: Instant::now() });
            add(&metrics.backend_idle);
        }
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
        let (sender, connection) = http1::handshake(TokioIo::new(answers)).await.map_err(|_| Fault::ConnectFailed)?;
        tokio::task::spawn_local(connection);
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

fn connect_fault(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Fault::ConnectRefused,
        io::ErrorKind::TimedOut => Fault::ConnectTimeout,
        _ => Fault::ConnectFailed,
    }
}
