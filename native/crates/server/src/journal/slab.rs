//! A slab: the fixed slots of one data thread, in a mapped file that outlives the process.
//!
//! ```text
//! words 0–63        magic "PTZSLAB1" · version, thread, slots · words of an area · then live words:
//!                   16 refused · 17 unrecorded · 18 accepted · 24, 27 how many of the first two are written ·
//!                   25 heartbeat (wall time, µs) · 26 last sequence written · 28 records of the first two
//! per slot          state word · area 0 · area 1
//! state word        bits 0–1 state · bit 2 area · bits 8–23 length of the record · bits 32–63 generation
//! area              a record's bytes (core::record::layout), padded to words
//! ```
//!
//! A store goes to the area that is not current; then the state word names it (release). So whoever reads the state word
//! (acquire) finds the record whole, even where the process was killed in the middle of the next store.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use portazgo_core::record::{MAX_ENCODED, Record};

use super::map::Map;
use super::tally::Tally;

const MAGIC: u64 = u64::from_le_bytes(*b"PTZSLAB1");
const VERSION: u64 = 1;
const HEADER_WORDS: usize = 64;
/// What the data thread counts stands on another line of the cache than what the writer notes of it.
const COUNTED: [usize; 2] = [16, 17];
const ACCEPTED: usize = 18;
const WRITTEN: [usize; 2] = [24, 27];
const HEARTBEAT: usize = 25;
const LAST_SEQUENCE: usize = 26;
const AGGREGATES: usize = 28;
/// Words of one area.
pub(super) const AREA_WORDS: usize = MAX_ENCODED.div_ceil(8);

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing.
    Free,
    /// A request under way.
    Open,
    /// The whole answer, before its last byte was given to the transport.
    Answered,
    /// A finished record that the writer has not taken yet.
    Final,
}

/// A state word, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) state: State,
    pub(super) area: usize,
    pub(super) length: usize,
    pub(super) generation: u32,
}

impl Mark {
    const fn to_word(self) -> u64 {
        (self.state as u64) | ((self.area as u64) << 2) | ((self.length as u64) << 8) | ((self.generation as u64) << 32)
    }

    fn from_word(word: u64) -> Self {
        let state = match word & 3 {
            0 => State::Free,
            1 => State::Open,
            2 => State::Answered,
            _ => State::Final,
        };
        let area = ((word >> 2) & 1) as usize;
        Self { state, area, length: usize::from((word >> 8) as u16), generation: (word >> 32) as u32 }
    }
}

/// The slots of one data thread.
pub(super) struct Slab {
    map: Map,
    slots: usize,
    area_words: usize,
}

impl Slab {
    /// Create the file, zero-filled, so that its blocks exist before anything is stored.
    pub(super) fn create(path: &Path, thread: u16, slots: usize) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let words = HEADER_WORDS + slots * slot_words(AREA_WORDS);
        zero_fill(&mut file, words * 8)?;
        let map = Map::of(&file, words)?;
        let header = map.words();
        header[1].store(VERSION | (u64::from(thread) << 16) | ((slots as u64) << 32), Ordering::Relaxed);
        header[2].store(AREA_WORDS as u64, Ordering::Relaxed);
        // The magic last: a slab without it was never used.
        header[0].store(MAGIC, Ordering::Release);
        Ok(Self { map, slots, area_words: AREA_WORDS })
    }

    /// Open a predecessor's slab, whatever the size of its slots. Ok(None): it was never used. Returns it with its thread.
    pub(super) fn open(path: &Path) -> io::Result<Option<(u16, Self)>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let words = (file.metadata()?.len() / 8) as usize;
        if words < HEADER_WORDS {
            return Ok(None);
        }
        let map = Map::of(&file, words)?;
        let header = map.words();
        if header[0].load(Ordering::Acquire) != MAGIC {
            return Ok(None);
        }
        let shape = header[1].load(Ordering::Relaxed);
        let (slots, area_words) = ((shape >> 32) as usize, header[2].load(Ordering::Relaxed) as usize);
        let fits = (1..=4096).contains(&area_words) && HEADER_WORDS + slots * slot_words(area_words) <= words;
        if shape & 0xffff != VERSION || !fits {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a slab of another version, or damaged"));
        }
        Ok(Some(((shape >> 16) as u16, Self { map, slots, area_words })))
    }

    /// Number of slots.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// What a slot holds.
    pub(super) fn mark(&self, slot: usize) -> Mark {
        Mark::from_word(self.state(slot).load(Ordering::Acquire))
    }

    /// Put a record into a slot. Only the slot's owner may: the data thread until `Final`.
    pub(super) fn store(&self, slot: usize, generation: u32, state: State, record: &Record) {
        let mut bytes = [0_u8; AREA_WORDS * 8];
        let encoded = bytes.first_chunk_mut().expect("an area has room for the longest record");
        let length = record.encode(encoded);
        let area = self.mark(slot).area ^ 1;
        let (chunks, _) = bytes.as_chunks::<8>();
        for (word, chunk) in self.area(slot, area).iter().zip(&chunks[..length.div_ceil(8)]) {
            word.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
        }
        self.state(slot).store(Mark { state, area, length, generation }.to_word(), Ordering::Release);
    }

    /// Append the bytes of the record that a mark read before names.
    pub(super) fn load(&self, slot: usize, mark: Mark, to: &mut Vec<u8>) {
        let begin = to.len();
        for word in &self.area(slot, mark.area)[..mark.length.div_ceil(8).min(self.area_words)] {
            to.extend_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        to.truncate(begin + mark.length);
    }

    /// Give a slot back. Only the writer, or a recovery, may.
    pub(super) fn free(&self, slot: usize, generation: u32) {
        let area = self.mark(slot).area;
        self.state(slot).store(Mark { state: State::Free, area, length: 0, generation }.to_word(), Ordering::Release);
    }

    /// Count a request that has no slot. Only the data thread may.
    pub(super) fn count(&self, tally: Tally) {
        let counted = &self.map.words()[COUNTED[tally as usize]];
        counted.store(counted.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// How many there were so far.
    pub(super) fn counted(&self, tally: Tally) -> u64 {
        self.map.words()[COUNTED[tally as usize]].load(Ordering::Acquire)
    }

    /// How many requests took a slot. Only the data thread adds to it; it outlives the process, so that a recovery can show
    /// that each of them left its record.
    pub(super) fn accepted(&self) -> &AtomicU64 {
        &self.map.words()[ACCEPTED]
    }

    /// How many records stand for requests without a slot.
    pub(super) fn aggregates(&self) -> &AtomicU64 {
        &self.map.words()[AGGREGATES]
    }

    /// How many of them stand in records.
    pub(super) fn written(&self, tally: Tally) -> &AtomicU64 {
        &self.map.words()[WRITTEN[tally as usize]]
    }

    /// When the writer was last known to run.
    pub(super) fn heartbeat(&self) -> &AtomicU64 {
        &self.map.words()[HEARTBEAT]
    }

    /// The last sequence that was written; kept in the first thread's slab.
    pub(super) fn last_sequence(&self) -> &AtomicU64 {
        &self.map.words()[LAST_SEQUENCE]
    }

    fn state(&self, slot: usize) -> &AtomicU64 {
        &self.map.words()[HEADER_WORDS + slot * slot_words(self.area_words)]
    }

    fn area(&self, slot: usize, area: usize) -> &[AtomicU64] {
        let begin = HEADER_WORDS + slot * slot_words(self.area_words) + 1 + area * self.area_words;
        &self.map.words()[begin..begin + self.area_words]
    }
}

/// Records that these slabs owe: one for each slot that was taken, and those that stand for requests without one.
pub(super) fn owed<'slabs>(slabs: impl Iterator<Item = &'slabs Slab>) -> u64 {
    let counts = slabs.flat_map(|slab| [slab.accepted(), slab.aggregates()]);
    // A damaged slab may say anything.
    counts.fold(0, |sum, count| sum.saturating_add(count.load(Ordering::Acquire)))
}

/// A state word and two areas, rounded up to cache lines, so that neighbours don't share one.
const fn slot_words(area_words: usize) -> usize {
    (1 + 2 * area_words).next_multiple_of(8)
}

/// Writing zeros reserves the blocks: a full disk is an error here and not a SIGBUS at a store.
fn zero_fill(file: &mut File, bytes: usize) -> io::Result<()> {
    let zeros = vec![0_u8; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let written = left.min(zeros.len());
        file.write_all(&zeros[..written])?;
        left -= written;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use portazgo_core::ids::Id;
    use portazgo_core::time::WallTime;

    #[test]
    fn a_mark_comes_back_from_its_word() {
        let mark = Mark { state: State::Answered, area: 1, length: 424, generation: u32::MAX };
        assert_eq!(Mark::from_word(mark.to_word()), mark);
    }

    #[test]
    fn each_store_leaves_the_record_before_it_untouched() {
        let folder = super::super::test_support::Folder::new();
        let slab = Slab::create(&folder.path().join("0.slab"), 0, 2).unwrap();
        let first = Record::request(Id([1; 16]), WallTime(1));
        let second = Record::request(Id([2; 16]), WallTime(2));
        slab.store(1, 7, State::Open, &first);
        let before = slab.mark(1);
        slab.store(1, 7, State::Final, &second);
        let after = slab.mark(1);
        assert_ne!(before.area, after.area);
        for (mark, record) in [(before, first), (after, second)] {
            let mut bytes = Vec::new();
            slab.load(1, mark, &mut bytes);
            assert_eq!(Record::decode(&bytes), Ok(record));
        }
    }

    #[test]
    fn a_slab_opened_again_has_what_was_stored() {
        let folder = super::super::test_support::Folder::new();
        let path = folder.path().join("3.slab");
        let slab = Slab::create(&path, 3, 4).unwrap();
        slab.store(2, 1, State::Answered, &Record::request(Id([9; 16]), WallTime(1)));
        slab.count(Tally::Refused);
        drop(slab);
        let (thread, slab) = Slab::open(&path).unwrap().unwrap();
        assert_eq!((thread, slab.slots(), slab.counted(Tally::Refused)), (3, 4, 1));
        assert_eq!(slab.mark(2).state, State::Answered);
        assert_eq!(slab.mark(1).state, State::Free);
    }

    /// A slab is what a killed process left: whatever stands in it is read within its bounds, or refused.
    #[test]
    fn a_slab_of_any_words_is_refused_or_read_within_its_bounds() {
        let folder = super::super::test_support::Folder::new();
        let path = folder.path().join("0.slab");
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            seed ^ (seed >> 29)
        };
        let mut read = 0;
        for round in 0..400_u64 {
            let mut words: Vec<u64> = (0..512).map(|_| next()).collect();
            words[0] = MAGIC;
            // Most shapes can't be; every other round has one that could.
            if round % 2 == 0 {
                words[1] = VERSION | (next() % 4) << 32;
                words[2] = next() % 80;
            }
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            std::fs::write(&path, bytes).unwrap();
            let Ok(Some((_, slab))) = Slab::open(&path) else { continue };
            for slot in 0..slab.slots() {
                let mark = slab.mark(slot);
                let mut record = Vec::new();
                slab.load(slot, mark, &mut record);
                assert!(record.len() <= mark.length);
                let _ = Record::decode(&record);
                read += 1;
            }
        }
        assert!(read > 100, "only {read} slots were read");
    }

    #[test]
    fn a_file_that_is_no_slab_is_refused_and_an_unused_one_is_nothing() {
        let folder = super::super::test_support::Folder::new();
        let path = folder.path().join("0.slab");
        std::fs::write(&path, [0; 8192]).unwrap();
        assert!(Slab::open(&path).unwrap().is_none());
        let mut bytes = b"PTZSLAB1".to_vec();
        bytes.extend_from_slice(&[0xff; 8192]);
        std::fs::write(&path, bytes).unwrap();
        assert!(Slab::open(&path).is_err());
    }
}
