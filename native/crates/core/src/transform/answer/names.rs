//! Which member a name means: one multiplication and one comparison, for few members and for many.

/// Nobody.
const NONE: u16 = u16::MAX;
/// So many hash functions are tried for one without a collision.
const TRIES: u64 = 64;
/// Odd, with its bits well mixed (the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Names, and the number of each in the list that they came in.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Indices of `entries`, by hash; as many as a power of two.
    slots: Box<[u16]>,
    entries: Box<[Entry]>,
    multiplier: u64,
    shift: u32,
}

#[derive(Debug)]
struct Entry {
    print: Print,
    name: Box<[u8]>,
    /// Another name with the same hash.
    next: u16,
}

/// Length, first and last bytes of a name. Up to 16 bytes these are all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Print {
    length: usize,
    first: u64,
    last: u64,
}

impl Print {
    #[inline(always)]
    fn of(name: &[u8]) -> Self {
        let length = name.len();
        if let (Some(first), Some(last)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            return Self { length, first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last) };
        }
        // The two halves overlap where there are fewer bytes; with the length they still tell all.
        let first = match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
            (Some(head), Some(tail)) => {
                u64::from(u32::from_le_bytes(*head)) | (u64::from(u32::from_le_bytes(*tail)) << 32)
            }
            _ => name.iter().fold(0, |bytes, byte| (bytes << 8) | u64::from(*byte)),
        };
        Self { length, first, last: 0 }
    }

    #[inline(always)]
    fn hash(self, multiplier: u64) -> u64 {
        (self.first ^ self.last.rotate_left(29) ^ ((self.length as u64) << 56)).wrapping_mul(multiplier)
    }
}

impl Names {
    /// Of names that differ from each other.
    pub(super) fn new<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> Self {
        let mut entries: Vec<Entry> = names
            .map(|name| Entry { print: Print::of(name.as_bytes()), name: name.as_bytes().into(), next: NONE })
            .collect();
        assert!(entries.len() < usize::from(NONE), "the program is checked before");
        // Half empty at most: most names of an answer mean no member, and should meet nobody.
        let bits = (entries.len().max(1) * 2).next_power_of_two().trailing_zeros() + 1;
        let shift = 64 - bits;
        let collisions = |multiplier: u64| {
            let mut taken = vec![false; 1 << bits];
            entries
                .iter()
                .filter(|entry| std::mem::replace(&mut taken[slot(entry.print, multiplier, shift)], true))
                .count()
        };
        let candidates = (0..TRIES).map(|number| MULTIPLIER.wrapping_mul(2 * number + 1) | 1);
        // Most need one try; the rest take the best of all.
        let without = candidates.clone().find(|&candidate| collisions(candidate) == 0);
        let best = || candidates.min_by_key(|&candidate| collisions(candidate));
        let multiplier = without.or_else(best).unwrap_or(MULTIPLIER);
        let mut slots = vec![NONE; 1 << bits].into_boxed_slice();
        for (index, entry) in entries.iter_mut().enumerate() {
            let first = &mut slots[slot(entry.print, multiplier, shift)];
            entry.next = std::mem::replace(first, index as u16);
        }
        Self { slots, entries: entries.into(), multiplier, shift }
    }

    /// The number of a name.
    #[inline(always)]
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        let print = Print::of(name);
        let mut index = *self.slots.get(slot(print, self.multiplier, self.shift))?;
        while let Some(entry) = self.entries.get(usize::from(index)) {
            if entry.print == print && (print.length <= 16 || *entry.name == *name) {
                return Some(usize::from(index));
            }
            index = entry.next;
        }
        None
    }
}

#[inline(always)]
fn slot(print: Print, multiplier: u64, shift: u32) -> usize {
    (print.hash(multiplier) >> (shift & 63)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_found_and_no_other() {
        let mut names: Vec<String> = (0..300).map(|number| format!("member_{number}")).collect();
        // Equal in length, beginning and end: only the middle differs.
        names.extend((0..40).map(|number| format!("a long name {number:03} with the same end")));
        names.extend(["", "a", "b", "ab", "ba", "abc", "abcd", "abcde", "abcdefgh", "naïve"].map(str::to_owned));
        for count in [0, 1, 2, 3, 9, 64, 65, names.len()] {
            let known = Names::new(names[..count].iter().map(String::as_str));
            for (number, name) in names.iter().enumerate() {
                assert_eq!(known.find(name.as_bytes()), (number < count).then_some(number), "{name} of {count}");
            }
            for other in ["member_1x", "Member_1", "a long name 999 with the same end", "\0", "aa", "abcdefg", "x"] {
                assert_eq!(known.find(other.as_bytes()), None, "{other}");
            }
        }
    }

    #[test]
    fn few_names_do_not_collide() {
        let names: Vec<String> = (0..24).map(|number| format!("field_{number}")).collect();
        let known = Names::new(names.iter().map(String::as_str));
        assert!(known.entries.iter().all(|entry| entry.next == NONE));
    }
}
