//! Which keys sign, found by issuer and algorithm: asked at every call.

use super::{SigningKey, SigningState};
use crate::credential::Algorithm;
use crate::ids::Id;
use hashbrown::HashMap;
use std::sync::Arc;

/// The keys that sign.
#[derive(Default)]
pub(super) struct Signers(HashMap<(Id, Algorithm), Vec<Arc<SigningKey>>>);

impl Signers {
    pub(super) fn of<'a>(keys: impl Iterator<Item = &'a Arc<SigningKey>>) -> Self {
        let mut signers: HashMap<_, Vec<Arc<SigningKey>>> = HashMap::new();
        for key in keys.filter(|key| key.state == SigningState::Signing) {
            // One that signs in a way that nobody here knows is nobody's: its backends require that too.
            if let Some(algorithm) = key.algorithm {
                signers.entry((key.issuer, algorithm)).or_default().push(Arc::clone(key));
            }
        }
        for keys in signers.values_mut() {
            keys.sort_unstable_by(|one, other| other.kid.cmp(&one.kid));
        }
        Self(signers)
    }

    /// Where there are several, all nodes choose the same: the last by kid comes first.
    pub(super) fn get(&self, issuer: Id, algorithm: Algorithm) -> &[Arc<SigningKey>] {
        self.0.get(&(issuer, algorithm)).map_or(&[], Vec::as_slice)
    }
}
