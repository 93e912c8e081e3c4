//! A table in copy-on-write shards, so that one change is cheap at a million entries.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

const SHARDS: usize = 4096;
/// The bits of a hash that name its shard. Inside a shard the table tells entries apart by the others: its lowest name the
/// bucket, its highest seven are the tag.
const SHARD_BITS_AT: u32 = 40;

/// What is looked up by a part of itself.
pub trait Keyed: Clone {
    /// By what.
    type Key: Copy + Eq + Hash;

    /// The part.
    fn key(&self) -> Self::Key;
}

impl<K: Copy + Eq + Hash, V: Clone> Keyed for (K, V) {
    type Key = K;

    fn key(&self) -> K {
        self.0
    }
}

impl Keyed for crate::ids::Kid {
    type Key = Self;

    fn key(&self) -> Self {
        *self
    }
}

/// A table whose copy is one counter, and shares every shard until one of them is written. Keys are hashed once per look-up.
#[derive(Clone, Debug)]
pub struct Shards<E> {
    parts: Arc<[Arc<HashTable<E>>]>,
    hasher: DefaultHashBuilder,
    entries: usize,
}

/// Values by what names them.
pub type ShardedMap<K, V> = Shards<(K, V)>;

impl<E> Default for Shards<E> {
    fn default() -> Self {
        let empty = Arc::new(HashTable::new());
        Self { parts: vec![empty; SHARDS].into(), hasher: DefaultHashBuilder::default(), entries: 0 }
    }
}

impl<E> Shards<E> {
    /// How many entries.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.parts.iter().flat_map(|shard| shard.iter())
    }
}

impl<E: Keyed> Shards<E> {
    /// An entry.
    pub fn find(&self, key: &E::Key) -> Option<&E> {
        let hash = self.hasher.hash_one(key);
        self.parts[shard_of(hash)].find(hash, |known| known.key() == *key)
    }

    /// Whether there is such an entry.
    pub fn contains(&self, key: &E::Key) -> bool {
        self.find(key).is_some()
    }

    /// Returns what it takes the place of.
    pub(crate) fn put(&mut self, entry: E) -> Option<E> {
        let hash = self.hasher.hash_one(entry.key());
        let shard = self.shard(hash);
        if let Some(known) = shard.find_mut(hash, |known| known.key() == entry.key()) {
            return Some(std::mem::replace(known, entry));
        }
        let hasher = self.hasher.clone();
        self.shard(hash).insert_unique(hash, entry, |known| hasher.hash_one(known.key()));
        self.entries += 1;
        None
    }

    /// Returns what was there.
    pub(crate) fn delete(&mut self, key: &E::Key) -> Option<E> {
        if self.is_empty() || !self.contains(key) {
            return None;
        }
        let hash = self.hasher.hash_one(key);
        let (entry, _) = self.shard(hash).find_entry(hash, |known| known.key() == *key).ok()?.remove();
        self.entries -= 1;
        Some(entry)
    }

    /// A shard to write; what others share of it is copied.
    fn shard(&mut self, hash: u64) -> &mut HashTable<E> {
        Arc::make_mut(&mut Arc::make_mut(&mut self.parts)[shard_of(hash)])
    }
}

impl<K: Copy + Eq + Hash, V: Clone> ShardedMap<K, V> {
    /// The value under this key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.find(key).map(|(_, value)| value)
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
        let mut before = ShardedMap::default();
        for key in 0..100_000_u32 {
            before.put((key, key));
        }
        let mut after = before.clone();
        assert!(Arc::ptr_eq(&before.parts, &after.parts));
        after.put((7, 70));
        assert_eq!((before.get(&7), after.get(&7)), (Some(&7), Some(&70)));
        let shared = before.parts.iter().zip(after.parts.iter()).filter(|(one, other)| Arc::ptr_eq(one, other)).count();
        assert_eq!(shared, SHARDS - 1);
    }

    #[test]
    fn entries_are_counted_once() {
        let mut shards = ShardedMap::default();
        assert_eq!(shards.put((1, 'a')), None);
        assert_eq!(shards.put((1, 'b')), Some((1, 'a')));
        assert_eq!(shards.delete(&2), None);
        assert_eq!(shards.len(), 1);
        assert_eq!(shards.delete(&1), Some((1, 'b')));
        assert!(shards.is_empty());
    }
}
