//! Addresses of targets. Names are looked up off the data thread and kept for a short while.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Long enough to spare the resolver, short enough to follow a backend that moves.
const KEPT: Duration = Duration::from_secs(5);

/// A data thread's memory of names.
#[derive(Default)]
pub(crate) struct Resolver {
    known: RefCell<HashMap<String, (Instant, Vec<SocketAddr>)>>,
}

impl Resolver {
    /// The addresses of `host:port`, in the resolver's order.
    pub(crate) async fn resolve(&self, target: &str) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = target.parse() {
            return Ok(vec![address]);
        }
        if let Some((when, addresses)) = self.known.borrow().get(target)
            && when.elapsed() < KEPT
        {
            return Ok(addresses.clone());
        }
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host(target).await?.collect();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        self.known.borrow_mut().insert(target.to_owned(), (Instant::now(), addresses.clone()));
        Ok(addresses)
    }
}
