//! Keys that another system made: found by what their whole text hashes to, since no kid of ours stands in it.
//!
//! Reached by nothing that has the form of our keys, and left at once where no key was ever imported.

use super::{DECOY_PEPPER, Denied, Identity, Inner, key_fault, matches, matching_secret};
use crate::fault::Fault;
use crate::ids::Kid;
use crate::security::SecurityLane;
use crate::snapshot::{FoundKey, ImportedScheme, Known, Snapshot};
use crate::time::WallTime;
use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::hmac;

/// What is longer is no key of anybody, and is not hashed.
const LONGEST: usize = 512;

/// Prove a presented text that is no key of our form. Which scheme would have found it does not show in the time.
pub(super) fn authenticate<'s>(
    presented: &'s [u8],
    snapshot: &'s Snapshot,
    lane: &SecurityLane,
    now: WallTime,
) -> Result<Identity<'s>, Denied> {
    let unproven = |fault, claimed| Err(Denied::unproven(fault, claimed));
    if !snapshot.keys().has_imported() || !is_presentable(presented) {
        return unproven(Fault::KeyMalformed, None);
    }
    let Some(lookup_key) = snapshot.lookup_key().and_then(Known::understood) else {
        return unproven(Fault::NodeOutdated, None);
    };
    let mut proven = None;
    // Two exports may have brought the same key by different digests, under two kids: it is dead where one of them is.
    for found in find(presented, lookup_key, snapshot).into_iter().flatten() {
        proven = Some(prove(presented, &found, snapshot, lane, now)?);
    }
    proven.ok_or_else(|| {
        let _ = matches(&DECOY_PEPPER, &[0; 64], &[0; 32]);
        Denied::unproven(Fault::KeyMalformed, None)
    })
}

type Found = (Kid, ImportedScheme, Digest);

fn prove<'s>(
    presented: &'s [u8],
    &(kid, scheme, inner): &Found,
    snapshot: &'s Snapshot,
    lane: &SecurityLane,
    now: WallTime,
) -> Result<Identity<'s>, Denied> {
    let unproven = |fault, claimed| Err(Denied::unproven(fault, claimed));
    let Some(FoundKey::Understood(key)) = snapshot.keys().get(&kid) else {
        return unproven(Fault::NodeOutdated, Some(kid));
    };
    let secret = match matching_secret(key, inner.as_ref(), Some(scheme), snapshot) {
        Ok(Some(secret)) => secret,
        Ok(None) => return unproven(Fault::KeyUnknown, Some(kid)),
        Err(fault) => return unproven(fault, Some(kid)),
    };
    let denied = |fault| Denied::proven(fault, Some(kid), kid, secret.slot);
    if let Some(fault) = key_fault(key, secret, snapshot, lane, now) {
        return Err(denied(fault));
    }
    match snapshot.application(key.application) {
        Some(Known::Yes(application)) => {
            Ok(Identity { key, application, slot: secret.slot, secret, inner: Inner::Of(presented) })
        }
        _ => Err(denied(Fault::NodeOutdated)),
    }
}

/// Both digests are always made and looked up, whichever finds something.
fn find(presented: &[u8], lookup_key: &hmac::Key, snapshot: &Snapshot) -> [Option<Found>; 2] {
    [&digest::SHA256, &digest::SHA512].map(|algorithm| {
        let inner = digest::digest(algorithm, presented);
        // A table may take any time over a keyed hash: who doesn't know the key can't choose it.
        let (kid, scheme) = snapshot.keys().imported(hmac::sign(lookup_key, inner.as_ref()).as_ref())?;
        (scheme.digest() == algorithm).then_some((kid, scheme, inner))
    })
}

/// What can stand in a header as one word.
fn is_presentable(text: &[u8]) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic)
}
