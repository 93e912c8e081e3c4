//! The slots of one partner or application. They end with the object: what replaces it begins without.

use super::slot::Slot;
use crate::ids::{Id, Kid};
use crate::snapshot::Environment;
use hashbrown::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Slots kept. Beyond it those go that hold nothing, then any: whoever needs one logs in again.
const MOST_SLOTS: usize = 4096;

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
            slots.retain(|_, slot| slot.holds_something());
            let surplus: Vec<Place> =
                slots.keys().take((slots.len() + 1).saturating_sub(MOST_SLOTS)).copied().collect();
            for place in surplus {
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
}
