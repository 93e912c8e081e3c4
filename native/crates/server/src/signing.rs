//! Signs tokens away from the data threads: what is dear, and what is only to be there in time.
//!
//! One thread, and a queue with an end: nobody who calls can have more signed than one machine signs.

use crate::metrics::{add, value};
use crate::panics::Vital;
use portazgo_core::credential::Order;
use portazgo_core::fault::Fault;
use portazgo_core::time::Monotonic;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Orders that may wait: less than half a second of RS256.
const MOST_ORDERS: usize = 1024;
/// Troubles that are kept for people; the oldest go.
const MOST_TROUBLES: usize = 20;
/// A trouble that did not come again for so long is over, nanoseconds.
const TROUBLE_LASTS: u64 = 300 * 1_000_000_000;

/// The way to the thread that signs, and what became of tokens. One per node.
#[derive(Default)]
pub(crate) struct Signing {
    orders: OnceLock<SyncSender<Option<Order>>>,
    /// Signatures made.
    signed: AtomicU64,
    /// Tokens that a backend refused, and that were let go for a new one.
    refused: AtomicU64,
    troubles: Mutex<VecDeque<Trouble>>,
}

/// Why tokens can't be made.
struct Trouble {
    backend: String,
    application: String,
    why: String,
    last: Monotonic,
}

impl Signing {
    /// Sign here and now.
    pub(crate) fn carry_out(&self, order: Order) -> Result<http::HeaderValue, Fault> {
        add(&self.signed);
        order.carry_out()
    }

    /// Have it signed elsewhere. False: there is no room; the order is gone, and whoever asks next gets another.
    pub(crate) fn order(&self, order: Order) -> bool {
        let Some(orders) = self.orders.get() else {
            return false;
        };
        match orders.try_send(Some(order)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// A backend refused a token, and it was let go.
    pub(crate) fn note_refused(&self) {
        add(&self.refused);
    }

    /// Signatures made, and tokens let go since a backend refused them.
    pub(crate) fn counts(&self) -> [u64; 2] {
        [value(&self.signed), value(&self.refused)]
    }

    /// No token could be made: said to people while it lasts.
    pub(crate) fn note_trouble(&self, backend: &str, application: &str, why: &str, now: Monotonic) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |one: &&mut Trouble| one.backend == backend && one.application == application && one.why == why;
        if let Some(known) = troubles.iter_mut().find(same) {
            known.last = now;
            return;
        }
        if troubles.len() >= MOST_TROUBLES {
            troubles.pop_front();
        }
        let [backend, application, why] = [backend, application, why].map(str::to_owned);
        troubles.push_back(Trouble { backend, application, why, last: now });
    }

    /// What people should know.
    pub(crate) fn warnings(&self, now: Monotonic) -> Vec<String> {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.retain(|trouble| now.0.saturating_sub(trouble.last.0) < TROUBLE_LASTS);
        let sentence = |Trouble { backend, application, why, .. }: &Trouble| {
            format!("no token for the backend {backend} can be made for the application {application}: {why}")
        };
        troubles.iter().map(sentence).collect()
    }
}

/// The thread.
pub(crate) struct SigningThread {
    orders: SyncSender<Option<Order>>,
    join: Option<std::thread::JoinHandle<()>>,
}

impl SigningThread {
    pub(crate) fn start(shared: Arc<crate::shared::Shared>) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(MOST_ORDERS);
        let _ = shared.signing.orders.set(orders.clone());
        let join = std::thread::Builder::new().name("signing".to_owned()).spawn(move || {
            let _vital = Vital("signing");
            sign(&shared.signing, &inbox);
        })?;
        Ok(Self { orders, join: Some(join) })
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.orders.send(None);
        if let Some(join) = self.join.take() {
            let _ = join.join();
        }
    }
}

fn sign(signing: &Signing, inbox: &Receiver<Option<Order>>) {
    while let Ok(Some(order)) = inbox.recv() {
        // What fails leaves its turn to whoever asks next, and that one is told.
        let _ = signing.carry_out(order);
    }
}
