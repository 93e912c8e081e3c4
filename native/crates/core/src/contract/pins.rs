//! Which version of a contract a call is served by.

use crate::ids::Id;

/// The versions that somebody is pinned to, by API. Mostly there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(Box<[(Id, Id)]>);

impl Pins {
    /// Of an application, partner or plan: version by API.
    pub fn new(pins: impl IntoIterator<Item = (Id, Id)>) -> Self {
        Self(pins.into_iter().collect())
    }

    /// The version for this API.
    pub fn version(&self, api: Id) -> Option<Id> {
        self.0.iter().find(|(pinned, _)| *pinned == api).map(|(_, version)| *version)
    }
}

/// How a route looks in each version that has it.
#[derive(Default)]
pub(crate) struct Views<V>(Box<[(Id, V)]>);

impl<V> Views<V> {
    pub(crate) fn new(views: Vec<(Id, V)>) -> Self {
        Self(views.into())
    }

    pub(crate) fn in_version(&self, version: Id) -> Option<&V> {
        self.0.iter().find(|(known, _)| *known == version).map(|(_, view)| view)
    }
}
