//! Which version of a contract a call is served by: what its application, its partner, its plan or its route says, the nearest
//! first. A version that is not here is an error of this node, and never a reason to pass something else.

use super::{Application, Document, Known, Partner, Plan, Route, RouteAction, Shape, Snapshot};
use crate::contract::pins::Views;
use crate::contract::{Edition, View};
use crate::fault::Fault;
use crate::ids::Id;
use crate::route::RouteIndex;
use std::sync::Arc;

/// Whose call it is, as far as pins go.
#[derive(Clone, Copy)]
pub struct Pinned<'s> {
    /// Its application.
    pub application: &'s Application,
    /// And partner.
    pub partner: &'s Partner,
    /// And plan.
    pub plan: &'s Plan,
}

impl Pinned<'_> {
    /// The version for this API that a caller is pinned to.
    fn version(self, api: Id) -> Option<Id> {
        let own = self.application.contracts.version(api);
        own.or_else(|| self.partner.contracts.version(api)).or_else(|| self.plan.contracts.version(api))
    }
}

impl Snapshot {
    /// How a route looks to a caller; None: bodies pass as they are.
    ///
    /// `RouteUnknown` where the route does not exist for this caller, `NodeOutdated` where the version is not here.
    pub fn view(
        &self,
        index: RouteIndex,
        action: &RouteAction,
        pinned: Pinned<'_>,
    ) -> Result<Option<&Arc<View>>, Fault> {
        let Shape::Contract(own) = action.shape else {
            return Ok(None);
        };
        let index = index.0 as usize;
        let api = self.routes.by_index[index].api;
        let version = pinned.version(api).or(own).ok_or(Fault::RouteUnknown)?;
        match self.routes.views[index].in_version(version) {
            Some(view) => Ok(Some(view)),
            None => Err(self.why_missing(version)),
        }
    }

    fn why_missing(&self, version: Id) -> Fault {
        match self.contracts.get(&version) {
            Some(Known::Yes(_)) => Fault::RouteUnknown,
            Some(Known::Outdated) | None => Fault::NodeOutdated,
        }
    }

    /// How a route looks in the versions that have it. One of another API has it only by mistake.
    pub(super) fn views_of(&self, route: &Route) -> Views<Arc<View>> {
        let known = self.contracts.values().filter_map(Known::understood);
        let of_api = known.filter(|version| version.edition.api == route.api);
        let views = of_api.filter_map(|version| Some((version.edition.id, Arc::clone(version.views.get(&route.id)?))));
        Views::new(views.collect())
    }

    /// How a route looks in a version, by its number in records. None: this node has no such version, or it has no such route.
    pub fn view_of(&self, number: u32, route: Id) -> Option<&View> {
        let mut known = self.contracts.values().filter_map(Known::understood);
        known.find(|version| version.edition.number == number)?.views.get(&route).map(Arc::as_ref)
    }

    /// The editions that a caller is served by, each with the name of its API: what documents it may read.
    /// A version of which it may call no route is none of its affair.
    pub fn editions(&self, pinned: Pinned<'_>, may_call: impl Fn(&Route) -> bool) -> Vec<(&str, &Arc<Edition>)> {
        let mut editions: Vec<(&str, &Arc<Edition>)> = Vec::new();
        for (index, route) in self.routes.by_index.iter().enumerate() {
            let Some(action) = route.action.as_ref().filter(|_| pinned.plan.apis.contains(&route.api)) else {
                continue;
            };
            if let Ok(Some(view)) = self.view(RouteIndex(index as u32), action, pinned)
                && !editions.iter().any(|(_, known)| known.id == view.edition.id)
                && may_call(route)
            {
                editions.push((&action.api_name, &view.edition));
            }
        }
        editions
    }

    /// What a caller reads of a version: of the routes that it may call.
    ///
    /// `RouteUnknown` where there is nothing to read, `NodeOutdated` where this node can't tell what of it is for this caller.
    pub fn contract_document(&self, version: Id, may_call: impl Fn(&Route) -> bool) -> Result<Document, Fault> {
        let document = match self.contract_documents.get(&version) {
            Some(Known::Yes(document)) => document,
            Some(Known::Outdated) => return Err(Fault::NodeOutdated),
            None => return Err(Fault::RouteUnknown),
        };
        let may_call = |route| self.routes_by_id.get(&route).is_some_and(|route| may_call(route));
        let may_call_all = || {
            let version = self.contracts.get(&version).and_then(Known::understood);
            version.is_some_and(|version| version.views.keys().all(|route| may_call(*route)))
        };
        document.cut(may_call, may_call_all).ok_or(Fault::NodeOutdated)
    }
}
