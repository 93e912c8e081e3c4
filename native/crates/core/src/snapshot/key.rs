//! Keys, and the table of them: a node holds a million.

use super::shards::{Keyed, ShardedMap, Shards};
use super::tags::RouteLimits;
use super::{Known, Version};
use crate::ids::{Id, Kid};
use crate::network::Network;
use crate::time::WallTime;
use aws_lc_rs::digest;
use serde::Deserialize;
use std::sync::Arc;

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// It may.
    Active,
    /// Not until it is enabled again.
    Disabled,
    /// Never again.
    Revoked,
}

/// Which of a key's two secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum SecretSlot {
    /// The newest.
    Current = 1,
    /// The one before, until its grace ends.
    Retiring = 2,
}

/// When something ends, microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End(i64);

impl End {
    /// None: never.
    pub(super) fn at(time_us: Option<i64>) -> Self {
        Self(time_us.unwrap_or(i64::MAX))
    }

    /// Whether it has ended.
    pub fn is_past(self, now: WallTime) -> bool {
        now.0 >= self.0
    }
}

/// SHA-256 of a certificate's DER.
pub type Fingerprint = [u8; 32];

/// One of a key's secrets, as the node may know it. Its numbers are bytes, so that no room is lost between them.
#[derive(Clone)]
pub struct SecretDigest {
    /// Current or retiring.
    pub slot: SecretSlot,
    /// HMAC-SHA-256(pepper, inner).
    pub digest: [u8; 32],
    pepper: [u8; 4],
    ends_at_us: [u8; 8],
}

impl SecretDigest {
    pub(super) fn new(slot: SecretSlot, digest: [u8; 32], pepper: u32, grace: End) -> Self {
        Self { slot, digest, pepper: pepper.to_ne_bytes(), ends_at_us: grace.0.to_ne_bytes() }
    }

    /// Which pepper.
    pub fn pepper(&self) -> u32 {
        u32::from_ne_bytes(self.pepper)
    }

    /// End of grace.
    pub fn ends_at(&self) -> End {
        End(i64::from_ne_bytes(self.ends_at_us))
    }
}

/// How another system made the digest that it kept of a key's whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportedScheme {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-512, as djangorestframework-api-key keeps it.
    Drf,
}

impl ImportedScheme {
    /// What makes `inner` of a presented text.
    pub fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 | Self::Drf => &digest::SHA512,
        }
    }
}

/// HMAC-SHA-256(look-up key, `inner`).
pub(super) type Lookup = [u8; 32];

/// That one of a key's secrets was made by another system.
#[derive(Clone, Copy)]
pub(super) struct Imported {
    pub(super) slot: SecretSlot,
    pub(super) scheme: ImportedScheme,
    pub(super) lookup: Lookup,
}

/// An API key. What few keys have lies behind one pointer; the rest fills 128 bytes, counters included.
pub struct Key {
    /// Public id.
    pub kid: Kid,
    /// Whose it is.
    pub application: Id,
    /// Whether it may be used.
    pub status: KeyStatus,
    /// For people and claims.
    pub name: Box<str>,
    /// End of the key.
    pub ends_at: End,
    /// Tokens made from another version are worth nothing, where they read the key.
    pub version: Version,
    pub(super) secret: SecretDigest,
    pub(super) further: Option<Box<Further>>,
}

/// What few keys have.
#[derive(Default)]
pub(super) struct Further {
    pub(super) secret: Option<SecretDigest>,
    pub(super) scopes: Option<Box<[String]>>,
    pub(super) networks: Option<Box<[Network]>>,
    pub(super) client_certificates: Option<Box<[Fingerprint]>>,
    pub(super) imported: Box<[Imported]>,
    pub(super) route_limits: Option<RouteLimits>,
}

impl Further {
    /// None where there is nothing of it.
    pub(super) fn boxed(self) -> Option<Box<Self>> {
        let something = self.secret.is_some()
            || self.scopes.is_some()
            || self.networks.is_some()
            || self.client_certificates.is_some()
            || !self.imported.is_empty()
            || self.route_limits.is_some();
        something.then(|| Box::new(self))
    }
}

impl Key {
    /// One or two.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretDigest> {
        std::iter::once(&self.secret).chain(self.further.as_ref().and_then(|further| further.secret.as_ref()))
    }

    /// None: all of the plan.
    pub fn scopes(&self) -> Option<&[String]> {
        self.further.as_ref()?.scopes.as_deref()
    }

    /// None: from anywhere. Empty: from nowhere.
    pub fn networks(&self) -> Option<&[Network]> {
        self.further.as_ref()?.networks.as_deref()
    }

    /// SHA-256 of the client certificates that it may be used with; None: with any, and with none.
    pub fn client_certificates(&self) -> Option<&[Fingerprint]> {
        self.further.as_ref()?.client_certificates.as_deref()
    }

    /// How another system made the secret in this slot; None: we did.
    pub fn imported_scheme(&self, slot: SecretSlot) -> Option<ImportedScheme> {
        self.imported().iter().find(|one| one.slot == slot).map(|one| one.scheme)
    }

    pub(super) fn imported(&self) -> &[Imported] {
        self.further.as_ref().map_or(&[], |further| &further.imported)
    }

    /// Which routes it opens; None: all of the plan.
    pub fn route_limits(&self) -> Option<&RouteLimits> {
        self.further.as_ref()?.route_limits.as_ref()
    }
}

impl Keyed for Arc<Key> {
    type Key = Kid;

    fn key(&self) -> Kid {
        self.kid
    }
}

/// What a table has under a kid.
#[derive(Clone, Copy)]
pub enum FoundKey<'t> {
    /// A key.
    Understood(&'t Key),
    /// One that requires a feature which this node lacks.
    Outdated,
}

/// All keys by kid. An entry is one pointer: the kid stands in the key, which whoever finds it reads anyway.
#[derive(Clone, Default)]
pub struct KeyTable {
    known: Shards<Arc<Key>>,
    /// How many of them each application has, so that nobody needs to look at all to see whether one may go.
    by_application: ShardedMap<Id, u32>,
    /// Those that require a feature which this node lacks.
    outdated: Shards<Kid>,
    /// Secrets that other systems made: whose they are.
    imported: ShardedMap<Lookup, (Kid, ImportedScheme)>,
}

impl KeyTable {
    /// How many.
    pub fn len(&self) -> usize {
        self.known.len() + self.outdated.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A key.
    pub fn get(&self, kid: &Kid) -> Option<FoundKey<'_>> {
        match self.known.find(kid) {
            Some(key) => Some(FoundKey::Understood(key)),
            None if self.outdated.is_empty() => None,
            None => self.outdated.contains(kid).then_some(FoundKey::Outdated),
        }
    }

    /// Whether any secret was made by another system.
    pub fn has_imported(&self) -> bool {
        !self.imported.is_empty()
    }

    /// Whose secret another system made, by its HMAC under the look-up key, and how.
    pub fn imported(&self, lookup: &[u8]) -> Option<(Kid, ImportedScheme)> {
        self.imported.get(&lookup.try_into().ok()?).copied()
    }

    /// All that are understood, in no order.
    pub(super) fn known(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.known.iter()
    }

    /// Whether any key that is understood is this application's.
    pub(super) fn has_of(&self, application: Id) -> bool {
        self.by_application.contains(&application)
    }

    pub(super) fn put(&mut self, kid: Kid, key: &Known<Key>) {
        match key {
            Known::Yes(key) => {
                self.outdated.delete(&kid);
                let replaced = self.known.put(Arc::clone(key));
                self.move_lookups(replaced.as_deref(), Some(key));
                let before = replaced.map(|before| before.application);
                if before != Some(key.application) {
                    let count = self.by_application.get(&key.application).copied().unwrap_or_default();
                    self.by_application.put((key.application, count + 1));
                    if let Some(application) = before {
                        self.one_less(application);
                    }
                }
            }
            Known::Outdated => {
                self.delete(&kid);
                self.outdated.put(kid);
            }
        }
    }

    pub(super) fn delete(&mut self, kid: &Kid) {
        self.outdated.delete(kid);
        if let Some(key) = self.known.delete(kid) {
            self.move_lookups(Some(&key), None);
            self.one_less(key.application);
        }
    }

    fn move_lookups(&mut self, before: Option<&Key>, after: Option<&Key>) {
        for one in before.into_iter().flat_map(Key::imported) {
            // Another key may have taken it over in the same update.
            if self.imported.get(&one.lookup).is_some_and(|(owner, _)| before.is_some_and(|key| key.kid == *owner)) {
                self.imported.delete(&one.lookup);
            }
        }
        for (key, one) in after.into_iter().flat_map(|key| key.imported().iter().map(move |one| (key, one))) {
            self.imported.put((one.lookup, (key.kid, one.scheme)));
        }
    }

    fn one_less(&mut self, application: Id) {
        match self.by_application.get(&application).copied() {
            Some(count @ 2..) => _ = self.by_application.put((application, count - 1)),
            _ => _ = self.by_application.delete(&application),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a key takes beside its name and its place in the table; the two counters are the `Arc`'s.
    #[test]
    fn a_key_fits_into_128_bytes() {
        assert!(size_of::<Key>() + 2 * size_of::<usize>() <= 128, "{}", size_of::<Key>());
    }

    fn key(kid: u8, application: u8) -> Known<Key> {
        Known::Yes(Arc::new(Key {
            kid: Kid([kid; 10]),
            application: Id([application; 16]),
            status: KeyStatus::Active,
            name: "".into(),
            ends_at: End::at(None),
            version: Version(0),
            secret: SecretDigest::new(SecretSlot::Current, [0; 32], 1, End::at(None)),
            further: None,
        }))
    }

    #[test]
    fn an_application_has_keys_until_its_last_one_goes_or_is_not_understood_any_more() {
        let mut table = KeyTable::default();
        let [one, two] = [1, 2].map(|number| Kid([number; 10]));
        let has = |table: &KeyTable| [7, 8].map(|number| table.has_of(Id([number; 16])));
        table.put(one, &key(1, 7));
        table.put(one, &key(1, 7));
        table.put(two, &key(2, 7));
        assert_eq!(has(&table), [true, false]);
        table.put(two, &key(2, 8));
        assert_eq!(has(&table), [true, true]);
        table.put(one, &Known::Outdated);
        assert_eq!((has(&table), table.len()), ([false, true], 2));
        table.delete(&two);
        table.delete(&one);
        assert_eq!((has(&table), table.len()), ([false, false], 0));
    }

    #[test]
    fn what_never_ends_is_never_past() {
        let at = |time| End::at(time).is_past(WallTime(5));
        assert_eq!([None, Some(6), Some(5), Some(0)].map(at), [false, false, true, true]);
    }
}
