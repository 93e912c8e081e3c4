//! What a token was made from.

use super::{MintPolicy, Minting};
use crate::snapshot::{Issuer, Plan, SigningKey, Version};
use std::sync::Arc;

/// What a token was made from: a token made from anything else is worth nothing, so that revocation, new claims and rotated
/// signing keys need no code that goes and drops tokens.
pub(super) struct MadeFrom {
    pub(super) versions: Versions,
    pub(super) signing_key: Arc<SigningKey>,
}

/// The versions of everything that a token says, but for the application, which holds it.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Versions {
    partner: Option<Version>,
    backend: Option<Version>,
    issuer: Option<Version>,
    /// Only where the claims read the key.
    key: Option<Version>,
    /// Only where the claims read the key: a key without scopes of its own has the plan's.
    plan: Option<Version>,
}

impl MadeFrom {
    /// Whether it was made from the same.
    pub(super) fn is(&self, versions: &Versions, signing_key: &Arc<SigningKey>) -> bool {
        self.versions == *versions
            && (Arc::ptr_eq(&self.signing_key, signing_key) || self.signing_key.kid == signing_key.kid)
    }
}

impl Versions {
    pub(super) fn of(policy: &MintPolicy, minting: &Minting<'_>, plan: Option<&Arc<Plan>>, issuer: &Issuer) -> Self {
        let reads_key = policy.claims.reads_key;
        Self {
            partner: Some(minting.caller.partner.version),
            backend: Some(minting.backend.version),
            issuer: Some(issuer.version),
            key: reads_key.then_some(minting.identity.key.version),
            plan: plan.filter(|_| reads_key).map(|plan| plan.version),
        }
    }
}
