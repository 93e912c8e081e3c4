//! In what order the members of an object came before: the answers of a backend are alike, and so are the items of a list. Where
//! the next name is the one that came there last time, it need not be read and looked up again; nor need the comma before it.
//!
//! Nothing depends on it but time: what stands here was read once as any other name, and is compared with all of its bytes.

use super::program::{AnswerProgram, Base};
use crate::transform::lanes::Word;
use std::sync::{Arc, Weak};

/// Of one program's objects together, and the objects that may have some.
const MOST_NAMES: usize = 256;
const MOST_OBJECTS: usize = 64;
/// Members that are left out at times.
const LEFT_OUT: usize = 3;
/// Programs whose answers a thread remembers.
const MOST_PROGRAMS: usize = 8;

/// A name as it came, with all from the end of the value before it to the value that follows (the comma, quotes, the colon, white
/// space), and what it means.
#[derive(Clone, Copy, Debug)]
struct Spelt {
    word: Word,
    /// No comma comes before it: it is its object's first, or the machine has passed the comma.
    is_first: bool,
    /// The member's index, or `NONE`.
    member: u32,
}

impl Spelt {
    fn of(name: &[u8], member: u32) -> Option<Self> {
        Some(Self { word: Word::of(name)?, is_first: name.first() == Some(&b'"'), member })
    }

    /// What follows this name, where it stands here; `is_first` where no comma has to come before it.
    #[inline(always)]
    fn after<'i>(&self, rest: &'i [u8], is_first: bool) -> Option<&'i [u8]> {
        let after = self.word.after(rest)?;
        if is_first == self.is_first { Some(after) } else { None }
    }
}

/// The members of one object.
#[derive(Debug, Default)]
pub(super) struct Order(Vec<Spelt>);

impl Order {
    /// The member whose name stands here, if it is the one that comes next, and where its value is to begin.
    #[inline(always)]
    pub(super) fn next<'i>(&self, at: &mut u32, rest: &'i [u8], is_first: bool) -> Option<(u32, &'i [u8])> {
        let spelt = self.0.get(*at as usize)?;
        let after = spelt.after(rest, is_first)?;
        *at += 1;
        Some((spelt.member, after))
    }

    /// Another one came. `spares`: how many more names may be remembered.
    #[inline(never)]
    pub(super) fn note(&mut self, at: &mut u32, name: &[u8], member: u32, spares: &mut usize) {
        let Some(spelt) = Spelt::of(name, member) else { return };
        let from = *at as usize;
        let left_out = self.0.iter().skip(from).take(LEFT_OUT + 1).position(|known| known.word.is(&spelt.word));
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
