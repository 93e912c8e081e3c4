//! Keys in copy-on-write shards, so that one change is cheap at a million keys.

use super::{Key, Known};
use crate::ids::Kid;
use std::collections::HashMap;
use std::sync::Arc;

const SHARDS: usize = 4096;

type Shard = HashMap<Kid, Known<Key>>;

/// All keys by kid. A copy shares every shard until one of them is written.
#[derive(Clone)]
pub struct KeyTable {
    shards: Vec<Arc<Shard>>,
    keys: usize,
}

impl Default for KeyTable {
    fn default() -> Self {
        let empty = Arc::new(Shard::new());
        Self { shards: vec![empty; SHARDS], keys: 0 }
    }
}

impl KeyTable {
    /// A key.
    pub fn get(&self, kid: Kid) -> Option<&Known<Key>> {
        self.shards[shard_of(kid)].get(&kid)
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.keys
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys == 0
    }

    pub(super) fn put(&mut self, kid: Kid, key: Known<Key>) {
        if Arc::make_mut(&mut self.shards[shard_of(kid)]).insert(kid, key).is_none() {
            self.keys += 1;
        }
    }

    pub(super) fn delete(&mut self, kid: Kid) {
        if Arc::make_mut(&mut self.shards[shard_of(kid)]).remove(&kid).is_some() {
            self.keys -= 1;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Kid, &Known<Key>)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }
}

/// Kids are random, so any of their characters spread well.
fn shard_of(kid: Kid) -> usize {
    let [a, b, c, ..] = kid.0;
    (usize::from(a) ^ (usize::from(b) << 4) ^ (usize::from(c) << 7)) % SHARDS
}
