//! Whose call it is. Calls that last, be they tunnels, downloads, event streams or uploads, end with their caller's access.

use crate::thread::{Loaded, Thread};
use portazgo_core::authenticate::{self, Identity, Proof};
use portazgo_core::authorize::{self, Peer};
use portazgo_core::fault::Fault;
use portazgo_core::ids::Id;
use portazgo_core::snapshot::Fingerprint;
use portazgo_core::time::Monotonic;
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// How often it is looked at whether a call may go on.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What ends by the clock, a key or the node's lease, is looked at again when a call was held up for so long, nanoseconds.
const HELD_UP: u64 = 50_000_000;

/// Who calls what, and from where. Holds nothing of the snapshot that the call began with.
pub(crate) struct Holder {
    thread: Rc<Thread>,
    proof: Proof,
    route: Id,
    address: IpAddr,
    certificate: Option<Fingerprint>,
}

impl Holder {
    pub(crate) fn new(thread: &Rc<Thread>, identity: &Identity<'_>, route: Id, peer: Peer<'_>) -> Self {
        Self {
            thread: Rc::clone(thread),
            proof: identity.proof(),
            route,
            address: peer.address,
            certificate: peer.certificate.copied(),
        }
    }

    /// Whether the call would be let in now: its key, application and partner stand, it may come from here, and the route is
    /// there and in its plan and scopes.
    pub(crate) fn may_stay(&self) -> bool {
        self.look().is_ok()
    }

    /// The error says why it would not, as one that came now would be told.
    fn look(&self) -> Result<(), Fault> {
        let shared = &self.thread.shared;
        let Loaded { snapshot, lane } = self.thread.loaded();
        let snapshot = snapshot.ok_or(Fault::NodeNotReady)?;
        if shared.lease_ended() {
            return Err(Fault::NodeStale);
        }
        let identity = authenticate::again(&self.proof, &snapshot, &lane, shared.clock.wall())?;
        let route = snapshot.route_of(self.route).ok_or(Fault::RouteUnknown)?;
        let peer = Peer { address: self.address, certificate: self.certificate.as_ref() };
        let caller = authorize::caller(&identity, &snapshot)?;
        authorize::authorize(&caller, &identity, route, &snapshot, &lane, peer).map(|_| ())
    }
}

/// Who was let in, and by which state of the node: asked again before anything goes to a backend after a wait.
pub(crate) struct Admission<'a> {
    thread: &'a Thread,
    /// What was loaded when the caller was proven.
    generation: u64,
    at: Monotonic,
    holder: &'a dyn Fn() -> Holder,
    ended: Cell<bool>,
}

impl<'a> Admission<'a> {
    /// `generation`: of what the caller was proven by.
    pub(crate) fn new(thread: &'a Thread, generation: u64, at: Monotonic, holder: &'a dyn Fn() -> Holder) -> Self {
        Self { thread, generation, at, holder, ended: Cell::new(false) }
    }

    /// Whether a call may go to its backend now. One that nothing has held up, and since whose proof nothing has changed, pays
    /// for two comparisons.
    pub(crate) fn stands(&self, now: Monotonic) -> Result<(), Fault> {
        if self.thread.newest_generation() == self.generation && now.0.saturating_sub(self.at.0) < HELD_UP {
            return Ok(());
        }
        (self.holder)().look().inspect_err(|_| self.ended.set(true))
    }

    /// Whether it was found that the call may go to no backend any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get()
    }
}
