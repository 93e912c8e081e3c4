//! The security lane: what must take effect even while a node refuses a snapshot (docs/wire.md, section 4).
//!
//! Its lines never change their form. `revoke_key` is final: no snapshot, and no later line, lifts it. Every other entry
//! counts until a snapshot at or past its revision speaks for itself; the stricter of the two wins until then.

use crate::fault::Fault;
use crate::ids::{Id, Kid};
use crate::network::Network;
use crate::snapshot::Shards;
use hashbrown::HashMap;
use serde::Deserialize;
use std::net::IpAddr;

const REVOKE: &str = "revoke_key";

/// One line of the lane.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// A counter of its own, monotonic within a history.
    pub sequence: u64,
    /// The revision of the transaction that wrote it.
    pub revision: u64,
    /// What is to be done.
    pub operation: String,
    /// To what: a kid, or the id of a partner, application or signing key.
    pub id: String,
    /// For `narrow_networks`.
    #[serde(default)]
    pub networks: Option<Vec<String>>,
}

/// What the lane has said so far. Cheap to ask; a new one is made for each batch of entries.
#[derive(Clone, Debug, Default)]
pub struct SecurityLane {
    history: String,
    sequence: u64,
    /// It only grows: a copy shares it.
    revoked: Shards<Kid>,
    disabled: HashMap<Kid, u64>,
    suspended: HashMap<Id, u64>,
    withdrawn: HashMap<String, u64>,
    narrowed: HashMap<Kid, (u64, Vec<Network>)>,
}

impl SecurityLane {
    /// The highest sequence seen.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The kids that are dead for ever.
    pub fn revoked(&self) -> impl Iterator<Item = &Kid> {
        self.revoked.iter()
    }

    /// Go on in this history, with its snapshot. Revisions and sequences of another one mean nothing there, so all but the
    /// revocations goes.
    pub fn enter(&mut self, history: &str) {
        if !self.is_in(history) {
            let revoked = std::mem::take(&mut self.revoked);
            *self = Self { revoked, ..Self::default() };
        }
        history.clone_into(&mut self.history);
    }

    /// Take the entries that came with an update of this history, whatever becomes of the update. Of a history that was not
    /// entered only the revocations count: they're final everywhere. Returns what could not be taken.
    pub fn take_all(&mut self, history: &str, entries: &[Entry]) -> Vec<String> {
        if self.is_in(history) {
            return entries.iter().filter_map(|entry| self.take(entry).err()).collect();
        }
        let own = self.sequence;
        let revocations = entries.iter().filter(|entry| entry.operation == REVOKE);
        let trouble = revocations.filter_map(|entry| self.take(entry).err()).collect();
        self.sequence = own;
        trouble
    }

    /// A lane that was in no history yet goes on in any.
    fn is_in(&self, history: &str) -> bool {
        self.history.is_empty() || self.history == history
    }

    /// Take an entry. One that was taken before changes nothing, in whatever order entries come again. An operation that this build does not know, or one that can't be read, is an error: the caller says so and goes on with the rest.
    pub fn take(&mut self, entry: &Entry) -> Result<(), String> {
        if entry.sequence <= self.sequence && entry.operation != REVOKE {
            return Ok(());
        }
        self.sequence = self.sequence.max(entry.sequence);
        let kid = || {
            Kid::parse(entry.id.as_bytes())
                .ok_or_else(|| format!("security {}: {:?} is no kid", entry.sequence, entry.id))
        };
        let id = || Id::parse(&entry.id).ok_or_else(|| format!("security {}: {:?} is no id", entry.sequence, entry.id));
        match entry.operation.as_str() {
            REVOKE => _ = self.revoked.put(kid()?),
            "disable_key" => _ = self.disabled.insert(kid()?, entry.revision),
            "enable_key" => _ = self.disabled.remove(&kid()?),
            "suspend_partner" | "suspend_application" => _ = self.suspended.insert(id()?, entry.revision),
            "resume_partner" | "resume_application" => _ = self.suspended.remove(&id()?),
            "withdraw_signing_key" => _ = self.withdrawn.insert(entry.id.clone(), entry.revision),
            "narrow_networks" => {
                let texts = entry.networks.as_deref().unwrap_or_default();
                // A network that can't be read admits nobody: the stricter reading.
                let networks = texts.iter().filter_map(|text| Network::parse(text)).collect();
                self.narrowed.insert(kid()?, (entry.revision, networks));
            }
            other => return Err(format!("security {}: unknown operation {other:?}", entry.sequence)),
        }
        Ok(())
    }

    /// Mark a kid dead for ever (from the node's own grow-only file).
    pub fn revoke(&mut self, kid: Kid) {
        self.revoked.put(kid);
    }

    /// Whether the key is dead for ever.
    pub fn is_revoked(&self, kid: Kid) -> bool {
        !self.revoked.is_empty() && self.revoked.contains(&kid)
    }

    /// Why this key must not pass although the snapshot at `revision` may say so.
    pub fn key_denial(&self, kid: Kid, revision: u64) -> Option<Fault> {
        if self.is_revoked(kid) {
            return Some(Fault::KeyRevoked);
        }
        self.disabled.get(&kid).is_some_and(|&since| since > revision).then_some(Fault::KeyDisabled)
    }

    /// Why these callers must not pass although the snapshot at `revision` may say so.
    pub fn caller_denial(
        &self,
        partner: Id,
        application: Id,
        kid: Kid,
        address: IpAddr,
        revision: u64,
    ) -> Option<Fault> {
        let newer = |since: Option<&u64>| since.is_some_and(|&since| since > revision);
        if newer(self.suspended.get(&partner)) {
            return Some(Fault::PartnerSuspended);
        }
        if newer(self.suspended.get(&application)) {
            return Some(Fault::ApplicationSuspended);
        }
        let (since, networks) = self.narrowed.get(&kid)?;
        (*since > revision && !networks.iter().any(|network| network.contains(address)))
            .then_some(Fault::KeyNetworkDenied)
    }

    /// Whether a signing key must not sign although the snapshot at `revision` may say so.
    pub fn is_withdrawn(&self, signing_key: &str, revision: u64) -> bool {
        self.withdrawn.get(signing_key).is_some_and(|&since| since > revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64, operation: &str, id: &str) -> Entry {
        Entry { sequence, revision: sequence, operation: operation.into(), id: id.into(), networks: None }
    }

    #[test]
    fn a_revocation_is_final_and_the_rest_yields_to_a_newer_snapshot() {
        let mut lane = SecurityLane::default();
        lane.take(&entry(1, "revoke_key", "aaaaaaaaaa")).unwrap();
        lane.take(&entry(2, "disable_key", "bbbbbbbbbb")).unwrap();
        lane.take(&entry(3, "enable_key", "aaaaaaaaaa")).unwrap();
        let (dead, off) = (Kid(*b"aaaaaaaaaa"), Kid(*b"bbbbbbbbbb"));
        assert_eq!(lane.key_denial(dead, 99), Some(Fault::KeyRevoked));
        assert_eq!(lane.key_denial(off, 1), Some(Fault::KeyDisabled));
        assert_eq!(lane.key_denial(off, 2), None);
        assert_eq!(lane.sequence(), 3);
    }

    #[test]
    fn entries_that_come_again_undo_nothing() {
        let mut lane = SecurityLane::default();
        let entries = [
            entry(1, "disable_key", "bbbbbbbbbb"),
            entry(2, "enable_key", "bbbbbbbbbb"),
            entry(3, "disable_key", "bbbbbbbbbb"),
        ];
        assert_eq!(lane.take_all("one", &entries), Vec::<String>::new());
        assert_eq!(lane.take_all("one", &entries[..2]), Vec::<String>::new());
        assert_eq!(lane.key_denial(Kid(*b"bbbbbbbbbb"), 0), Some(Fault::KeyDisabled));
    }

    #[test]
    fn of_another_history_only_revocations_count_until_it_is_entered() {
        let mut lane = SecurityLane::default();
        lane.enter("one");
        lane.take_all("one", &[entry(9, "disable_key", "bbbbbbbbbb"), entry(10, "revoke_key", "aaaaaaaaaa")]);
        lane.take_all("two", &[entry(1, "revoke_key", "cccccccccc"), entry(2, "disable_key", "dddddddddd")]);
        let denial = |lane: &SecurityLane| {
            [b"aaaaaaaaaa", b"bbbbbbbbbb", b"cccccccccc", b"dddddddddd"].map(|kid| lane.key_denial(Kid(*kid), 0))
        };
        let (revoked, disabled) = (Some(Fault::KeyRevoked), Some(Fault::KeyDisabled));
        assert_eq!(denial(&lane), [revoked, disabled, revoked, None]);
        assert_eq!(lane.sequence(), 10);
        lane.enter("two");
        lane.take_all("two", &[entry(1, "revoke_key", "cccccccccc"), entry(2, "disable_key", "dddddddddd")]);
        assert_eq!(denial(&lane), [revoked, None, revoked, disabled]);
        assert_eq!(lane.sequence(), 2);
    }

    #[test]
    fn an_unknown_operation_is_said_and_the_sequence_goes_on() {
        let mut lane = SecurityLane::default();
        assert!(lane.take(&entry(7, "explode", "x")).is_err());
        assert_eq!(lane.sequence(), 7);
    }
}
