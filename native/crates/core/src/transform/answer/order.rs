//! In what order the members of an object came before: the answers of a backend are alike, and so are the items of a list. Where
//! the next name is the one that came there last time, it need not be read and looked up again.
//!
//! Nothing depends on it but time: what stands here was read once as any other name, and is compared with all of its bytes.

use super::program::{AnswerProgram, Base};
use std::sync::{Arc, Weak};

/// Names of members are remembered with their quotes, the colon and what white space follows: so many bytes at most.
const LONGEST: usize = 32;
/// Of one program's objects together, and the objects that may have some.
const MOST_NAMES: usize = 256;
const MOST_OBJECTS: usize = 64;
/// Members that are left out at times.
const LEFT_OUT: usize = 3;
/// Programs whose answers a thread remembers.
const MOST_PROGRAMS: usize = 8;

/// A name as it came, and what it means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spelt {
    bytes: [u128; 2],
    masks: [u128; 2],
    length: usize,
    /// The member's index, or `NONE`.
    pub(super) member: u32,
}

impl Spelt {
    fn of(name: &[u8], member: u32) -> Option<Self> {
        let mut padded = [0; LONGEST];
        padded.get_mut(..name.len())?.copy_from_slice(name);
        let word = |from: usize| u128::from_le_bytes(padded[from..from + 16].try_into().expect("sixteen bytes"));
        let mask = |bytes: usize| if bytes == 0 { 0 } else { u128::MAX >> (128 - 8 * bytes) };
        let masks = [mask(name.len().min(16)), mask(name.len().saturating_sub(16))];
        Some(Self { bytes: [word(0), word(16)], masks, length: name.len(), member })
    }

    fn is(&self, other: &Self) -> bool {
        (self.length, self.bytes) == (other.length, other.bytes)
    }

    /// What follows this name, where it stands here.
    #[inline(always)]
    fn after<'i>(&self, rest: &'i [u8]) -> Option<&'i [u8]> {
        let (first, second) = rest.split_first_chunk::<16>()?;
        let mut differs = (u128::from_le_bytes(*first) ^ self.bytes[0]) & self.masks[0];
        if self.masks[1] != 0 {
            differs |= (u128::from_le_bytes(*second.first_chunk()?) ^ self.bytes[1]) & self.masks[1];
        }
        if differs == 0 { rest.get(self.length..) } else { None }
    }
}

/// The members of one object.
#[derive(Debug, Default)]
pub(super) struct Order(Vec<Spelt>);

impl Order {
    /// The member whose name stands here, if it is the one that comes next, and what follows the name.
    #[inline(always)]
    pub(super) fn next<'i>(&self, at: &mut u32, rest: &'i [u8]) -> Option<(u32, &'i [u8])> {
        let spelt = self.0.get(*at as usize)?;
        let after = spelt.after(rest)?;
        *at += 1;
        Some((spelt.member, after))
    }

    /// Another one came. `spares`: how many more names may be remembered.
    #[inline(never)]
    pub(super) fn note(&mut self, at: &mut u32, name: &[u8], member: u32, spares: &mut usize) {
        let Some(spelt) = Spelt::of(name, member) else { return };
        let from = *at as usize;
        let left_out = self.0.iter().skip(from).take(LEFT_OUT + 1).position(|known| known.is(&spelt));
        if let Some(left_out) = left_out {
            *at += left_out as u32 + 1;
            return;
        }
        match self.0.get_mut(from) {
            Some(known) => *known = spelt,
            None if *spares > 0 => {
                *spares -= 1;
                self.0.push(spelt);
            }
            None => return,
        }
        *at += 1;
    }
}

/// The objects of one program.
#[derive(Debug)]
struct Orders {
    /// Held so that no other can come to stand in its place.
    program: Weak<Base>,
    /// Of those that a mask made nothing is remembered.
    objects: Vec<Order>,
    /// How many more names.
    spares: usize,
}

/// What is remembered of some programs, the last one first.
#[derive(Debug, Default)]
pub(super) struct Remembered(Vec<Orders>);

impl Remembered {
    /// An answer of this program is read from here on.
    pub(super) fn begin(&mut self, program: &AnswerProgram) {
        let base = Arc::as_ptr(&program.base);
        match self.0.iter().position(|orders| std::ptr::eq(orders.program.as_ptr(), base)) {
            Some(0) => {}
            Some(place) => self.0[..=place].rotate_right(1),
            None => {
                self.0.truncate(MOST_PROGRAMS - 1);
                let objects = (0..program.base.objects.len().min(MOST_OBJECTS)).map(|_| Order::default()).collect();
                self.0.insert(0, Orders { program: Arc::downgrade(&program.base), objects, spares: MOST_NAMES });
            }
        }
    }

    /// The members of an object of the program that has begun, and how many more names may be remembered.
    pub(super) fn of(&mut self, object: u32) -> Option<(&mut Order, &mut usize)> {
        let Orders { objects, spares, .. } = self.0.first_mut()?;
        Some((objects.get_mut(object as usize)?, spares))
    }
}
