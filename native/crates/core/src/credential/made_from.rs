//! What a token was made from.

use super::{MintPolicy, Minting};
use crate::snapshot::{Issuer, Plan, SigningKey, Version};
use std::sync::Arc;

/// The versions of everything that a token says or is signed with, but for the application, which holds it.
///
/// A token made from anything else is worth nothing, so that revocation, new claims and rotated signing keys need no code
/// that goes and drops tokens.
#[derive(Default)]
pub(super) struct MadeFrom {
    partner: Option<Version>,
    backend: Option<Version>,
    issuer: Option<Version>,
    /// Only where the claims read the key.
    key: Option<Version>,
    /// Only where the claims read the key: a key without scopes of its own has the plan's.
    plan: Option<Version>,
    signing_key: Option<Arc<SigningKey>>,
}

impl MadeFrom {
    pub(super) fn new(
        policy: &MintPolicy,
        minting: &Minting<'_>,
        plan: Option<&Arc<Plan>>,
        issuer: &Issuer,
        signing_key: &Arc<SigningKey>,
    ) -> Self {
        let reads_key = policy.claims.reads_key;
        Self {
            partner: Some(minting.caller.partner.version),
            backend: Some(minting.backend.version),
            issuer: Some(issuer.version),
            key: reads_key.then_some(minting.identity.key.version),
            plan: plan.filter(|_| reads_key).map(|plan| plan.version),
            signing_key: Some(Arc::clone(signing_key)),
        }
    }
}

impl PartialEq for MadeFrom {
    fn eq(&self, other: &Self) -> bool {
        let kids = [self, other].map(|made_from| made_from.signing_key.as_ref().map(|key| &key.kid));
        (self.partner, self.backend, self.issuer, self.key, self.plan)
            == (other.partner, other.backend, other.issuer, other.key, other.plan)
            && kids[0] == kids[1]
    }
}
