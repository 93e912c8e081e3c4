//! Whose call it is. Calls that last, be they tunnels, downloads, event streams or uploads, end with their caller's access.

use crate::thread::{Loaded, Thread};
use portazgo_core::authenticate::{self, Identity, Proof};
use portazgo_core::authorize::{self, Peer};
use portazgo_core::ids::Id;
use portazgo_core::snapshot::Fingerprint;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// How often it is looked at whether a call may go on.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(500);

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
        let shared = &self.thread.shared;
        let Loaded { snapshot: Some(snapshot), lane } = self.thread.loaded() else {
            return false;
        };
        if shared.lease_ended() {
            return false;
        }
        let Some(identity) = authenticate::again(&self.proof, &snapshot, &lane, shared.clock.wall()) else {
            return false;
        };
        let Some(route) = snapshot.route_of(self.route) else {
            return false;
        };
        let peer = Peer { address: self.address, certificate: self.certificate.as_ref() };
        authorize::caller(&identity, &snapshot)
            .is_ok_and(|caller| authorize::authorize(&caller, &identity, route, &snapshot, &lane, peer).is_ok())
    }
}
