//! Who is calling, or why we don't say.

mod imported;

use crate::fault::Fault;
use crate::ids::{Kid, base62_crc};
use crate::record::SecretTag;
use crate::security::SecurityLane;
use crate::snapshot::{
    Application, Environment, FoundKey, ImportedScheme, Key, KeyStatus, Known, SecretDigest, SecretSlot, Snapshot,
};
use crate::time::WallTime;
use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::hmac;
use std::sync::LazyLock;

const SECRET: usize = 32;
const CRC: usize = 6;
const KID: usize = 10;

/// A call whose key was proven.
pub struct Identity<'s> {
    /// The key.
    pub key: &'s Key,
    /// The application of the key.
    pub application: &'s Application,
    /// Which of its secrets was used.
    pub slot: SecretSlot,
    secret: &'s SecretDigest,
    inner: Inner<'s>,
}

/// What peppers are applied to: SHA-256 of the secret part, or another system's digest of a key's whole text.
#[derive(Clone, Copy)]
enum Inner<'s> {
    /// Of this text. Few calls need it a second time, so it is made anew for them rather than carried by all.
    Of(&'s [u8]),
    Made(&'s Digest),
}

/// What outlasts the snapshot that a key was proven by: which secret of which key it was, whatever pepper it is kept under.
pub struct Proof {
    kid: Kid,
    digest: [u8; 32],
    inner: Digest,
    scheme: Option<ImportedScheme>,
}

impl Identity<'_> {
    /// To ask with later whether the caller may still call.
    pub fn proof(&self) -> Proof {
        let scheme = self.key.imported_scheme(self.slot);
        let inner = match self.inner {
            Inner::Of(text) => digest::digest(scheme.map_or(&digest::SHA256, ImportedScheme::digest), text),
            Inner::Made(digest) => *digest,
        };
        Proof { kid: self.key.kid, digest: self.secret.digest, inner, scheme }
    }
}

/// A call that is refused. `claimed` is what it said of itself; nothing proves it.
#[derive(Debug, PartialEq, Eq)]
pub struct Denied {
    /// The true reason, for the record.
    pub fault: Fault,
    /// The kid that was presented, in an acceptable form.
    pub claimed: Option<Kid>,
    /// The kid, where its secret matched although the call is refused.
    pub proven: Option<(Kid, SecretSlot)>,
    /// Follows what was presented, whatever the reason.
    pub tag: SecretTag,
}

impl Denied {
    fn unproven(fault: Fault, claimed: Option<Kid>) -> Self {
        Self { fault, claimed, proven: None, tag: SecretTag::NONE }
    }

    fn proven(fault: Fault, claimed: Option<Kid>, kid: Kid, slot: SecretSlot) -> Self {
        Self { proven: Some((kid, slot)), ..Self::unproven(fault, claimed) }
    }
}

/// The one key of a request: `X-Api-Key`, or `Authorization: Bearer` (`Api-Key`, as djangorestframework-api-key has it) where
/// there is no `X-Api-Key`.
///
/// Two different keys are refused; the same key twice is not. Beside X-Api-Key any other Authorization is none of ours: only
/// a token with the form of a key counts there.
pub fn presented<'h>(
    api_keys: impl Iterator<Item = &'h [u8]>,
    authorizations: impl Iterator<Item = &'h [u8]>,
) -> Result<&'h [u8], Denied> {
    let mut found = the_one(None, api_keys)?;
    let beside = found.is_some();
    found = the_one(found, authorizations.filter_map(token).filter(|token| !beside || resembles_key(token)))?;
    found.ok_or_else(|| Denied::unproven(Fault::KeyMissing, None))
}

fn the_one<'h>(found: Option<&'h [u8]>, keys: impl Iterator<Item = &'h [u8]>) -> Result<Option<&'h [u8]>, Denied> {
    keys.into_iter().try_fold(found, |found, key| match found {
        Some(known) if known != key => Err(Denied::unproven(Fault::KeyAmbiguous, None)),
        _ => Ok(Some(key)),
    })
}

/// Whether a token ends like an API key of any deployment: `…_<live|test>_<kid>_<secret><crc>`.
fn resembles_key(token: &[u8]) -> bool {
    let mut parts = token.rsplit(|&byte| byte == b'_');
    let lengths = [parts.next(), parts.next()].map(|part| part.map_or(0, <[u8]>::len));
    lengths == [SECRET + CRC, KID] && matches!(parts.next(), Some(b"live" | b"test"))
}

/// The token of an `Authorization` whose scheme carries keys.
fn token(value: &[u8]) -> Option<&[u8]> {
    let after = |scheme: &[u8]| {
        let (found, token) = value.split_at_checked(scheme.len())?;
        found.eq_ignore_ascii_case(scheme).then(|| token.trim_ascii())
    };
    after(b"bearer ").or_else(|| after(b"api-key "))
}

/// A key that has the form and the checksum of this deployment's keys.
#[derive(Debug, PartialEq, Eq)]
pub struct ParsedKey<'k> {
    /// Test or live, as its prefix says.
    pub environment: Environment,
    /// Public id.
    pub kid: Kid,
    secret: &'k [u8],
}

impl<'k> ParsedKey<'k> {
    /// Read `<prefix>_<live|test>_<kid>_<secret><crc>`; None when form or checksum is wrong.
    pub fn parse(presented: &'k [u8], prefix: &str) -> Option<Self> {
        let rest = presented.strip_prefix(prefix.as_bytes())?.strip_prefix(b"_")?;
        let (environment, rest) = if let Some(rest) = rest.strip_prefix(b"live_") {
            (Environment::Live, rest)
        } else {
            (Environment::Test, rest.strip_prefix(b"test_")?)
        };
        if rest.len() != KID + 1 + SECRET + CRC || rest[KID] != b'_' {
            return None;
        }
        let (body, crc) = presented.split_at(presented.len() - CRC);
        if base62_crc(crc32fast::hash(body)) != crc {
            return None;
        }
        let secret = &rest[KID + 1..KID + 1 + SECRET];
        is_base62(secret).then_some(())?;
        Some(Self { environment, kid: Kid::parse(&rest[..KID])?, secret })
    }
}

/// Without a branch for each byte: how letters and digits are mixed must not show in the time.
#[allow(clippy::needless_bitwise_bool, reason = "lazy operators are branches")]
fn is_base62(text: &[u8]) -> bool {
    text.iter().fold(true, |all, &byte| {
        let (letter, digit) = ((byte | 0x20).wrapping_sub(b'a') < 26, byte.wrapping_sub(b'0') < 10);
        all & (letter | digit)
    })
}

/// Prove a presented key.
///
/// Constant time in the secret. An unknown kid pays for a comparison too, so that known and unknown kids take the same time;
/// and every refusal for the tag of what was presented.
pub fn authenticate<'s>(
    presented: &'s [u8],
    prefix: &str,
    snapshot: &'s Snapshot,
    lane: &SecurityLane,
    now: WallTime,
) -> Result<Identity<'s>, Denied> {
    prove(presented, prefix, snapshot, lane, now)
        .map_err(|denied| Denied { tag: snapshot.data_keys().secret_tag(presented), ..denied })
}

fn prove<'s>(
    presented: &'s [u8],
    prefix: &str,
    snapshot: &'s Snapshot,
    lane: &SecurityLane,
    now: WallTime,
) -> Result<Identity<'s>, Denied> {
    let Some(parsed) = ParsedKey::parse(presented, prefix) else {
        return imported::authenticate(presented, snapshot, lane, now);
    };
    let claimed = Some(parsed.kid);
    let inner = digest::digest(&digest::SHA256, parsed.secret);
    let key = match snapshot.keys().get(&parsed.kid) {
        Some(FoundKey::Understood(key)) => key,
        Some(FoundKey::Outdated) => return Err(Denied::unproven(Fault::NodeOutdated, claimed)),
        None => {
            let _ = matches(&DECOY_PEPPER, inner.as_ref(), &[0; 32]);
            return Err(Denied::unproven(Fault::KeyUnknown, claimed));
        }
    };
    let secret = match matching_secret(key, inner.as_ref(), None, snapshot) {
        Ok(Some(secret)) => secret,
        Ok(None) => return Err(Denied::unproven(Fault::KeyUnknown, claimed)),
        Err(fault) => return Err(Denied::unproven(fault, claimed)),
    };
    let denied = |fault| Denied::proven(fault, claimed, parsed.kid, secret.slot);
    if let Some(fault) = key_fault(key, secret, snapshot, lane, now) {
        return Err(denied(fault));
    }
    let Some(Known::Yes(application)) = snapshot.application(key.application) else {
        return Err(denied(Fault::NodeOutdated));
    };
    if application.environment != parsed.environment {
        return Err(Denied::unproven(Fault::KeyUnknown, claimed));
    }
    Ok(Identity { key, application, slot: secret.slot, secret, inner: Inner::Of(parsed.secret) })
}

/// Who a caller is by the newest snapshot: the very secret counts that it once proved. The error says why it may call no more.
pub fn again<'s>(
    proof: &'s Proof,
    snapshot: &'s Snapshot,
    lane: &SecurityLane,
    now: WallTime,
) -> Result<Identity<'s>, Fault> {
    let key = match snapshot.keys().get(&proof.kid) {
        Some(FoundKey::Understood(key)) => key,
        Some(FoundKey::Outdated) => return Err(Fault::NodeOutdated),
        None => return Err(Fault::KeyUnknown),
    };
    // Another pepper gives another digest to the same secret.
    let secret = match key.secrets().find(|secret| secret.digest == proof.digest) {
        Some(secret) => Some(secret),
        None => matching_secret(key, proof.inner.as_ref(), proof.scheme, snapshot)?,
    };
    let secret = secret.ok_or(Fault::KeyUnknown)?;
    if let Some(fault) = key_fault(key, secret, snapshot, lane, now) {
        return Err(fault);
    }
    let application = snapshot.application(key.application).and_then(Known::understood).ok_or(Fault::NodeOutdated)?;
    Ok(Identity { key, application, slot: secret.slot, secret, inner: Inner::Made(&proof.inner) })
}

/// The pepper that unknown kids are compared under.
static DECOY_PEPPER: LazyLock<hmac::Key> = LazyLock::new(|| hmac::Key::new(hmac::HMAC_SHA256, &[0x5a; 32]));

/// All secrets are compared, whichever matches first. `NodeOutdated` where a pepper is one that this node does not understand.
///
/// A secret counts only in the form that it was handed out in (`scheme`; None: ours): a digest that was imported proves no
/// secret part of ours, nor the other way round.
fn matching_secret<'k>(
    key: &'k Key,
    inner: &[u8],
    scheme: Option<ImportedScheme>,
    snapshot: &Snapshot,
) -> Result<Option<&'k SecretDigest>, Fault> {
    let mut found = None;
    for secret in key.secrets() {
        let pepper = snapshot.pepper(secret.pepper()).and_then(Known::understood).ok_or(Fault::NodeOutdated)?;
        if matches(pepper, inner, &secret.digest) && key.imported_scheme(secret.slot) == scheme {
            found = Some(secret);
        }
    }
    Ok(found)
}

fn matches(pepper: &hmac::Key, inner: &[u8], digest: &[u8; 32]) -> bool {
    // `verify` compares in constant time.
    hmac::verify(pepper, inner, digest).is_ok()
}

fn key_fault(
    key: &Key,
    secret: &SecretDigest,
    snapshot: &Snapshot,
    lane: &SecurityLane,
    now: WallTime,
) -> Option<Fault> {
    if let Some(fault) = lane.key_denial(key.kid, snapshot.revision) {
        return Some(fault);
    }
    match key.status {
        KeyStatus::Revoked => Some(Fault::KeyRevoked),
        KeyStatus::Disabled => Some(Fault::KeyDisabled),
        KeyStatus::Active if key.ends_at.is_past(now) || secret.ends_at().is_past(now) => Some(Fault::KeyExpired),
        KeyStatus::Active => None,
    }
}
