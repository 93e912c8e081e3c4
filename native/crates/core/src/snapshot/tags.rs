//! Routes by tag, for keys that are restricted to tags.

use super::key::Key;
use super::{Known, Snapshot};
use crate::fault::Fault;
use crate::ids::Id;
use aws_lc_rs::digest;

/// A tag as a number: the start of its SHA-256, so that nothing is compared by its text while calls wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag([u8; 16]);

impl Tag {
    pub(super) fn of(text: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        Self(hash.as_ref()[..16].try_into().expect("a SHA-256 has 32 bytes"))
    }
}

/// The routes that bear a tag, in the order of their ids.
pub struct TaggedRoutes(pub(super) Box<[Id]>);

/// What a key opens of what its plan opens: these routes, and those that bear one of these tags.
#[derive(Default)]
pub struct RouteLimits {
    /// In the order of their ids.
    pub(super) routes: Box<[Id]>,
    pub(super) tags: Box<[Tag]>,
}

impl RouteLimits {
    pub(super) fn new(mut routes: Vec<Id>, tags: &[String]) -> Self {
        routes.sort_unstable();
        Self { routes: routes.into(), tags: tags.iter().map(|tag| Tag::of(tag)).collect() }
    }
}

impl Snapshot {
    /// Does this key open the route? One that is restricted to no routes opens all of its plan.
    pub(crate) fn opens(&self, key: &Key, route: Id) -> Result<(), Fault> {
        key.route_limits().map_or(Ok(()), |limits| self.within(limits, route))
    }

    /// A tag that no route bears opens nothing; one that this node does not understand might open the route.
    fn within(&self, limits: &RouteLimits, route: Id) -> Result<(), Fault> {
        if limits.routes.binary_search(&route).is_ok() {
            return Ok(());
        }
        let mut denied = Fault::KeyRouteDenied;
        for tag in &limits.tags {
            match self.route_tags.get(tag) {
                Some(Known::Yes(tagged)) if tagged.0.binary_search(&route).is_ok() => return Ok(()),
                Some(Known::Outdated) => denied = Fault::NodeOutdated,
                Some(Known::Yes(_)) | None => {}
            }
        }
        Err(denied)
    }
}
