//! Programs that masks were made to, kept for the next call that asks for the same.

use super::masked::Masked;
use hashbrown::HashMap;
use std::hash::Hash;

/// The masked programs that were used last, up to a number of them. `K` names program, root and mask; it is the text of
/// what callers sent, so what is refused is never kept.
#[derive(Debug)]
pub struct Masks<K> {
    most: usize,
    /// With the use that was the last of each.
    kept: HashMap<K, (Masked, u64)>,
    uses: u64,
}

impl<K: Clone + Eq + Hash> Masks<K> {
    /// For at most so many; design.md says 1,024.
    pub fn new(most: usize) -> Self {
        Self { most, kept: HashMap::new(), uses: 0 }
    }

    /// The program of this mask, where it was made already.
    pub fn find(&mut self, key: &K) -> Option<Masked> {
        let (masked, last) = self.kept.get_mut(key)?;
        self.uses += 1;
        *last = self.uses;
        Some(masked.clone())
    }

    /// Keep a program. Where there is no room, the one goes that was used longest ago: that costs a look at all of them, but
    /// less than the making of one.
    pub fn keep(&mut self, key: K, masked: Masked) {
        if self.most == 0 {
            return;
        }
        if self.kept.len() >= self.most && !self.kept.contains_key(&key) {
            let oldest = self.kept.iter().min_by_key(|(_, (_, last))| *last).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| self.kept.remove(&oldest));
        }
        self.uses += 1;
        self.kept.insert(key, (masked, self.uses));
    }

    /// Forget those that are not of what is served any longer.
    pub fn retain(&mut self, mut is_served: impl FnMut(&K) -> bool) {
        self.kept.retain(|key, _| is_served(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::answer::{AnswerProgram, Mask};
    use std::sync::Arc;

    #[test]
    fn the_one_that_was_used_longest_ago_goes() {
        let program = AnswerProgram::parse(br#"{"nodes": [{"any": true}], "depth": 1}"#).unwrap();
        let masked = |root| Masked { root, ..program.masked(0, &[], &Mask::default()).unwrap() };
        let mut masks: Masks<Arc<str>> = Masks::new(2);
        masks.keep("a".into(), masked(1));
        masks.keep("b".into(), masked(2));
        assert_eq!(masks.find(&"a".into()).map(|masked| masked.root), Some(1));
        masks.keep("c".into(), masked(3));
        let mut kept = |key: &str| masks.find(&key.into()).map(|masked| masked.root);
        assert_eq!((kept("a"), kept("b"), kept("c")), (Some(1), None, Some(3)));
        masks.retain(|key| &**key == "c");
        assert_eq!((masks.find(&"a".into()).is_none(), masks.find(&"c".into()).is_some()), (true, true));
    }
}
