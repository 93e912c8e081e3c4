//! Seals the personal members of records under data keys: to erase a key is to erase what it sealed, in every file.
//!
//! AES-256-GCM-SIV (RFC 8452) under a key for each epoch and day, `HKDF-SHA-256(data key, salt = epoch)`, with a constant
//! nonce: it is an authenticated encryption of which nothing but the equality of two plain texts shows, so there is no
//! counter to lose and no randomness to trust. Whoever holds a segment and no key sees that two calls of one partner on
//! one day at one node came from the same place, and no more (ADR 42). It also makes sealing cheap: what a caller's
//! members are sealed to is remembered.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use hashbrown::HashMap;

use super::personal::{AddressForm, AddressForms, CallerAddress, MOST_PLAIN, Personal, TAG};
use super::retiring::place_of;
use super::secret_tag::{SecretTag, SecretTagger};
use super::{Record, SecretSlot, Text};
use crate::ids::Id;
use crate::secret::Secret;
use crate::time::WallTime;

const DAY_US: i64 = 86_400_000_000;
const SEAL_INFO: &[u8] = b"portazgo personal 1";
const TAG_SALT: &[u8] = b"portazgo address tag 1";
/// What of a tag's key is told apart from other uses of the same salt.
const TAG_INFO: &[u8] = b"";
/// Bytes that sealing adds.
const OVERHEAD: usize = 16;
/// Remembered at most; then all is forgotten. A flood from ever new addresses costs time, never memory.
const REMEMBERED: usize = 16_384;
/// Bytes of a data key.
pub const DATA_KEY: usize = 32;

/// No sealed members are longer.
pub(super) const MOST_SEALED: usize = MOST_PLAIN + OVERHEAD;

/// Sealed personal members; mostly none. What is cloned is the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealed(Option<Arc<[u8]>>);

impl Sealed {
    /// The sealed bytes; empty: there are none.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// These bytes; None where they are too many to be sealed members.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            0 => Some(Self(None)),
            1..=MOST_SEALED => Some(Self(Some(bytes.into()))),
            _ => None,
        }
    }
}

/// What one partner's personal members are sealed under, or those of callers that no key was proven for.
pub struct DataKey {
    /// Stands beside what it sealed.
    pub id: Id,
    secret: Secret,
}

impl DataKey {
    /// None where the secret has not the length of a data key.
    pub fn new(id: Id, secret: Secret) -> Option<Self> {
        (secret.reveal().len() == DATA_KEY).then_some(Self { id, secret })
    }

    /// What seals in this epoch on this day.
    fn sealing_key(&self, epoch: Id, day: i64) -> LessSafeKey {
        let key = Salt::new(HKDF_SHA256, &epoch.0).extract(self.secret.reveal());
        let day = day.to_le_bytes();
        let info = [SEAL_INFO, &day];
        let key = key.expand(&info, &AES_256_GCM_SIV).expect("32 bytes are fewer than HKDF gives");
        LessSafeKey::new(UnboundKey::from(key))
    }

    /// The tag of an address: the same for as long as the data key lives, in every epoch and on every node.
    fn tag(&self, address: IpAddr) -> [u8; TAG] {
        let key = Salt::new(HKDF_SHA256, TAG_SALT).extract(self.secret.reveal());
        let key = key.expand(&[TAG_INFO], hmac::HMAC_SHA256).expect("32 bytes are fewer than HKDF gives");
        let key = hmac::Key::from(key);
        let tag = match address {
            IpAddr::V4(address) => hmac::sign(&key, &address.octets()),
            IpAddr::V6(address) => hmac::sign(&key, &address.octets()),
        };
        *tag.as_ref().first_chunk().expect("a tag of 32 bytes begins with 8")
    }
}

/// The data keys of a snapshot, by whose they are; [`Id::NONE`]: of callers that no key was proven for.
#[derive(Clone, Default)]
pub struct DataKeys {
    by_owner: HashMap<Id, Arc<DataKey>>,
    /// Of the key of callers that no key was proven for.
    tagger: Option<SecretTagger>,
    owners: HashMap<Id, Id>,
}

impl DataKeys {
    /// The key of a partner.
    pub fn of(&self, owner: Id) -> Option<&Arc<DataKey>> {
        self.by_owner.get(&owner)
    }

    /// Take a key in; another of the same owner goes.
    pub fn put(&mut self, owner: Id, key: DataKey) {
        self.delete(&key.id);
        if owner.is_none() {
            self.tagger = Some(SecretTagger::of(&key.secret));
        }
        self.owners.insert(key.id, owner);
        self.by_owner.insert(owner, Arc::new(key));
    }

    /// Let a key go, by its id. One that has taken its place meanwhile stays.
    pub fn delete(&mut self, id: &Id) {
        if let Some(owner) = self.owners.remove(id)
            && self.by_owner.get(&owner).is_some_and(|key| key.id == *id)
        {
            self.by_owner.remove(&owner);
            if owner.is_none() {
                self.tagger = None;
            }
        }
    }

    /// The tag of a secret that is refused; none while there is no key for callers that no key was proven for.
    pub fn secret_tag(&self, presented: &[u8]) -> SecretTag {
        self.tagger.as_ref().map_or(SecretTag::NONE, |tagger| tagger.tag(presented))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_owner.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_owner.is_empty()
    }
}

/// The data keys as they are now; replaced with the snapshot.
pub type KeyRing = ArcSwap<DataKeys>;

/// A caller of one partner on one day.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Caller {
    owner: Id,
    day: i64,
    address: Option<IpAddr>,
    user_agent: Text<64>,
    form: AddressForm,
}

/// Seals the records of one epoch, one after the other.
pub struct Sealer {
    ring: Arc<KeyRing>,
    keys: Arc<DataKeys>,
    forms: AddressForms,
    epoch: Id,
    /// By owner and day.
    sealing: HashMap<(Id, i64), LessSafeKey>,
    callers: HashMap<Caller, (Id, Sealed)>,
    plain: Vec<u8>,
}

impl Sealer {
    /// For records of this epoch.
    pub fn new(ring: Arc<KeyRing>, forms: AddressForms, epoch: Id) -> Self {
        let keys = ring.load_full();
        Self {
            ring,
            keys,
            forms,
            epoch,
            sealing: HashMap::new(),
            callers: HashMap::new(),
            plain: Vec::with_capacity(MOST_SEALED),
        }
    }

    /// Look whether the keys have changed: what is remembered of an erased one goes.
    pub fn look_again(&mut self) {
        if !Arc::ptr_eq(&self.keys, &self.ring.load()) {
            self.keys = self.ring.load_full();
            self.forget();
        }
    }

    /// Take the personal members out of a record that is about to leave the slabs, and put them back sealed. Without a key for
    /// its owner they are gone: nothing of them is ever written in clear.
    pub fn seal(&mut self, record: &mut Record) {
        let caller = Caller {
            owner: record.owner(),
            day: day_of(record.started_at),
            address: record.client.take().map(|client| client.ip()),
            user_agent: std::mem::take(&mut record.user_agent),
            form: self.forms.of(record.environment),
        };
        (record.caller, record.personal_key, record.personal) = (0, Id::NONE, Sealed::default());
        if record.secret_slot == SecretSlot::Retiring {
            record.caller = 1 + place_of(caller.address, &caller.user_agent);
        }
        let says_nothing = caller.address.is_none() || caller.form == AddressForm::None;
        if says_nothing && caller.user_agent.is_empty() {
            return;
        }
        if let Some((key, sealed)) = self.sealed(&caller) {
            (record.personal_key, record.personal) = (key, sealed);
        }
    }

    fn sealed(&mut self, caller: &Caller) -> Option<(Id, Sealed)> {
        if let Some(known) = self.callers.get(caller) {
            return Some(known.clone());
        }
        if self.keys.of(caller.owner).is_none() {
            // The call was answered by a snapshot that came while this round was under way.
            self.look_again();
        }
        let key = Arc::clone(self.keys.of(caller.owner)?);
        if self.callers.len() >= REMEMBERED {
            self.forget();
        }
        let address = match (caller.address, caller.form) {
            (None, _) | (_, AddressForm::None) => CallerAddress::Absent,
            (Some(address), AddressForm::Whole) => CallerAddress::Whole(address),
            (Some(address), AddressForm::Truncated) => CallerAddress::network(address),
            (Some(address), AddressForm::Tag) => CallerAddress::Tag(key.tag(address)),
        };
        self.plain.clear();
        Personal { address, user_agent: caller.user_agent }.encode(&mut self.plain);
        let sealing =
            self.sealing.entry((caller.owner, caller.day)).or_insert_with(|| key.sealing_key(self.epoch, caller.day));
        sealing.seal_in_place_append_tag(nonce(), Aad::empty(), &mut self.plain).ok()?;
        let found = (key.id, Sealed::of(&self.plain)?);
        self.callers.insert(*caller, found.clone());
        Some(found)
    }

    fn forget(&mut self) {
        self.sealing.clear();
        self.callers.clear();
    }
}

impl Record {
    /// Whose data key seals its personal members. A key that was proven and refused names its partner here, and nowhere else.
    fn owner(&self) -> Id {
        if self.partner.is_none() { self.personal_key } else { self.partner }
    }
}

/// The tag that nodes record in an address's place under this data key; None where the secret is no data key.
pub fn address_tag(secret: Secret, address: IpAddr) -> Option<CallerAddress> {
    Some(CallerAddress::Tag(DataKey::new(Id::NONE, secret)?.tag(address)))
}

/// Open the personal members of a record; None: they were sealed under another key, or are no such thing.
pub fn unseal(secret: Secret, epoch: Id, started_at: WallTime, sealed: &[u8]) -> Option<Personal> {
    let key = DataKey::new(Id::NONE, secret)?.sealing_key(epoch, day_of(started_at));
    let mut bytes = sealed.to_vec();
    let plain = key.open_in_place(nonce(), Aad::empty(), &mut bytes).ok()?;
    Personal::decode(plain).ok()
}

fn day_of(moment: WallTime) -> i64 {
    moment.0.div_euclid(DAY_US)
}

/// Always the same: RFC 8452 is made for that, and what it shows is said above.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests;
