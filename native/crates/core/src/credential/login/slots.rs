//! The slots of one partner or application. They end with the object: what replaces it begins without.

use super::slot::{Slot, Worth};
use crate::ids::{Id, Kid};
use crate::snapshot::Environment;
use hashbrown::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Slots kept. Beyond it some go at once, those with which the least is lost first: whoever needs one logs in again.
const MOST_SLOTS: usize = 4096;
/// So many, so that not each call looks through all of them.
const ROOM: usize = MOST_SLOTS / 8;

/// For which backend, in which environment, and of which key where that matters.
pub(super) type Place = (Id, Environment, Option<Kid>);

/// Nothing, for the many that never call a backend which has logins.
#[derive(Default)]
pub struct Slots(OnceLock<Box<Table>>);

type Table = Mutex<HashMap<Place, Arc<Slot>>>;

impl Slots {
    /// The slot of a place, made where there is none.
    pub(super) fn of(&self, place: Place) -> Arc<Slot> {
        let slots = self.0.get_or_init(Box::default);
        let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&place) {
            return Arc::clone(slot);
        }
        if slots.len() >= MOST_SLOTS {
            let mut worths: Vec<(Worth, Place)> = slots.iter().map(|(place, slot)| (slot.worth(), *place)).collect();
            worths.sort_unstable_by_key(|(worth, _)| *worth);
            for (_, place) in worths.into_iter().take(ROOM) {
                slots.remove(&place);
            }
        }
        Arc::clone(slots.entry(place).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_have_a_bound_and_one_place_has_one_slot() {
        let slots = Slots::default();
        let place = |number: u64| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&number.to_be_bytes());
            (Id(id), Environment::Live, None)
        };
        let first = slots.of(place(0));
        assert!(Arc::ptr_eq(&first, &slots.of(place(0))));
        for number in 1..10_000 {
            slots.of(place(number));
            assert!(slots.0.get().unwrap().lock().unwrap().len() <= MOST_SLOTS);
        }
    }

    #[test]
    fn what_waits_after_a_failure_is_the_last_to_go() {
        let slots = Slots::default();
        let place = |number: u64| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&number.to_be_bytes());
            (Id(id), Environment::Live, None)
        };
        let paused: Vec<_> = (0..100).map(|number| slots.of(place(number))).collect();
        for slot in &paused {
            slot.has_failed();
        }
        for number in 100..20_000 {
            slots.of(place(number));
        }
        assert!((0..100).zip(&paused).all(|(number, slot)| Arc::ptr_eq(slot, &slots.of(place(number)))));
    }
}
