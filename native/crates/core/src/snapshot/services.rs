//! The service credentials that logins are made with, by what they are for.

use super::types::{ServiceCredential, ServicePlace};
use crate::ids::Id;
use hashbrown::HashMap;
use std::sync::Arc;

#[derive(Clone, Default)]
pub(super) struct Services {
    by_place: HashMap<ServicePlace, (Id, Arc<ServiceCredential>)>,
    places: HashMap<Id, ServicePlace>,
}

impl Services {
    pub(super) fn get(&self, place: &ServicePlace) -> Option<&Arc<ServiceCredential>> {
        self.by_place.get(place).map(|(_, service)| service)
    }

    pub(super) fn put(&mut self, id: Id, place: ServicePlace, service: Arc<ServiceCredential>) {
        self.places.insert(id, place);
        self.by_place.insert(place, (id, service));
    }

    /// One that has taken the place meanwhile stays.
    pub(super) fn delete(&mut self, id: &Id) {
        if let Some(place) = self.places.remove(id)
            && self.by_place.get(&place).is_some_and(|(own, _)| own == id)
        {
            self.by_place.remove(&place);
        }
    }
}
