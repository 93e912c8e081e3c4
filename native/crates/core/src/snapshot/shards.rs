//! A map in copy-on-write shards, so that one change is cheap at a million entries.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

const SHARDS: usize = 4096;
/// The bits of a hash that name its shard. Inside a shard the table tells entries apart by the others: its lowest name the
/// bucket, its highest seven are the tag.
const SHARD_BITS_AT: u32 = 40;

/// A map whose copy shares every shard until one of them is written. Keys are hashed once per look-up.
#[derive(Clone)]
pub struct Shards<K, V> {
    parts: Vec<Arc<HashTable<(K, V)>>>,
    hasher: DefaultHashBuilder,
    entries: usize,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let empty = Arc::new(HashTable::new());
        Self { parts: vec![empty; SHARDS], hasher: DefaultHashBuilder::default(), entries: 0 }
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
        self.parts.iter().flat_map(|shard| shard.iter()).map(|(key, value)| (key, value))
    }
}

impl<K: Copy + Eq + Hash, V: Clone> Shards<K, V> {
    /// An entry.
    pub fn get(&self, key: &K) -> Option<&V> {
        let hash = self.hasher.hash_one(key);
        self.parts[shard_of(hash)].find(hash, |(known, _)| known == key).map(|(_, value)| value)
    }

    /// Whether there is such an entry.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        let hash = self.hasher.hash_one(key);
        let shard = Arc::make_mut(&mut self.parts[shard_of(hash)]);
        if let Some((_, known)) = shard.find_mut(hash, |(known, _)| *known == key) {
            *known = value;
            return;
        }
        shard.insert_unique(hash, (key, value), |(key, _)| self.hasher.hash_one(key));
        self.entries += 1;
    }

    pub(super) fn delete(&mut self, key: &K) -> bool {
        if !self.contains(key) {
            return false;
        }
        let hash = self.hasher.hash_one(key);
        let shard = Arc::make_mut(&mut self.parts[shard_of(hash)]);
        if let Ok(entry) = shard.find_entry(hash, |(known, _)| known == key) {
            entry.remove();
            self.entries -= 1;
        }
        true
    }
}

fn shard_of(hash: u64) -> usize {
    (hash >> SHARD_BITS_AT) as usize % SHARDS
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
