//! A map in copy-on-write shards, so that one change is cheap at a million entries.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

const SHARDS: usize = 4096;

/// A map whose copy shares every shard until one of them is written.
#[derive(Clone)]
pub struct Shards<K, V> {
    parts: Vec<Arc<HashMap<K, V>>>,
    spread: RandomState,
    entries: usize,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let empty = Arc::new(HashMap::new());
        Self { parts: vec![empty; SHARDS], spread: RandomState::new(), entries: 0 }
    }
}

impl<K, V> Shards<K, V> {
    /// How many entries.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flat_map(|shard| shard.iter())
    }
}

impl<K: Copy + Eq + Hash, V: Clone> Shards<K, V> {
    /// An entry.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.parts[self.shard_of(key)].get(key)
    }

    /// Whether there is such an entry.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        let shard = self.shard_of(&key);
        if Arc::make_mut(&mut self.parts[shard]).insert(key, value).is_none() {
            self.entries += 1;
        }
    }

    pub(super) fn delete(&mut self, key: &K) -> bool {
        let shard = self.shard_of(key);
        let deleted = self.contains(key) && Arc::make_mut(&mut self.parts[shard]).remove(key).is_some();
        self.entries -= usize::from(deleted);
        deleted
    }

    fn shard_of(&self, key: &K) -> usize {
        (self.spread.hash_one(key) as usize) % SHARDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_shares_every_shard_but_the_one_that_was_written() {
        let mut before = Shards::default();
        for key in 0..100_000_u32 {
            before.put(key, key);
        }
        let mut after = before.clone();
        after.put(7, 70);
        assert_eq!((before.get(&7), after.get(&7)), (Some(&7), Some(&70)));
        let shared = before.parts.iter().zip(&after.parts).filter(|(one, other)| Arc::ptr_eq(one, other)).count();
        assert_eq!(shared, SHARDS - 1);
    }

    #[test]
    fn entries_are_counted_once() {
        let mut shards = Shards::default();
        shards.put(1, 'a');
        shards.put(1, 'b');
        assert!(!shards.delete(&2));
        assert_eq!(shards.len(), 1);
        assert!(shards.delete(&1));
        assert!(shards.is_empty());
    }
}
