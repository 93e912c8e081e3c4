//! From compiled resources, over the snapshot before them, to the next snapshot. All or nothing.

use super::compile::{
    LOOKUP_KEY, PublicPart, Resource, ServiceDraft, SigningKeyDraft, Understood, pepper_version, version_of_bytes,
};
use super::documents::Documents;
use super::signers::Signers;
use super::types::Pepper;
use super::update::{Form, Refused, Step, Update};
use super::wire::Deletion;
use super::{
    Application, Backend, Known, Partner, Route, Routes, ServiceCredential, SigningKey, SigningState, Snapshot, Tag,
};
use crate::credential::{Algorithm, Signer};
use crate::ids::{Id, Kid};
use crate::record::DataKey;
use crate::route::{RouteIndex, Router};
use crate::secret::Secret;
use aws_lc_rs::hmac;
use std::sync::Arc;

mod references;

use references::{Kind, Touched};

/// Whether secrets must be there. The control plane checks what it is about to commit and has no node's secrets at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrets {
    /// As on a node.
    Required,
    /// As in a check.
    Absent,
}

impl Update {
    /// The snapshot after this update. `base` is the one before; a whole snapshot takes nothing from it but throttle
    /// cells and the tokens of what has not changed.
    pub fn apply(&self, base: Option<&Snapshot>) -> Result<Snapshot, Refused> {
        let (history, revision, hash) = match self.position() {
            Some(position) if self.is_whole() => position,
            _ => return Err(Refused::new("last line", "the stream is not whole")),
        };
        let mut next = match (self.from(), base) {
            (None, _) => Snapshot::default(),
            (Some(from), Some(base)) if base.revision == from && base.history == history => base.clone(),
            (Some(from), _) => {
                return Err(Refused::new(
                    "line 1",
                    format!("this node is not at revision {from} of the history {history}"),
                ));
            }
        };
        history.clone_into(&mut next.history);
        hash.clone_into(&mut next.hash);
        next.revision = revision;
        let mut apply = Apply { update: self, base, next, secrets: Secrets::Required, touched: Touched::default() };
        apply.steps()?;
        references::check(&apply.next, &apply.touched)?;
        Ok(apply.next)
    }

    /// What can be said of the update without secrets and without the snapshot before it.
    pub(super) fn check(&self) -> Result<(), Refused> {
        let next = Snapshot::default();
        let mut apply = Apply { update: self, base: None, next, secrets: Secrets::Absent, touched: Touched::default() };
        apply.steps()?;
        match self.form {
            Form::Snapshot => references::check(&apply.next, &apply.touched),
            Form::Changes => Ok(()),
        }
    }
}

struct Apply<'a> {
    update: &'a Update,
    base: Option<&'a Snapshot>,
    next: Snapshot,
    secrets: Secrets,
    touched: Touched,
}

impl Apply<'_> {
    fn steps(&mut self) -> Result<(), Refused> {
        for step in &self.update.steps {
            match step {
                Step::Put(resource) => self.put(resource)?,
                Step::Delete(deletion) => self.delete(deletion)?,
            }
        }
        if self.touched.routes {
            self.next.routes = Arc::new(routes(&self.next)?);
        }
        if self.touched.signing {
            let issuers = self.next.issuers.iter().filter_map(|(id, issuer)| Some((*id, issuer.understood()?)));
            self.next.documents = Arc::new(Documents::new(&self.next.signing_keys, issuers));
            self.next.signers = Arc::new(Signers::of(self.next.signing_keys.values()));
        }
        Ok(())
    }

    fn put(&mut self, resource: &Resource) -> Result<(), Refused> {
        match resource {
            Resource::Partner(id, partner) => {
                let partner = self.with_its_cells(*id, partner);
                _ = self.next.partners.put((*id, partner));
            }
            Resource::Application(id, application) => {
                let application = self.with_its_tokens(*id, application);
                _ = self.next.applications.put((*id, application));
                self.touched.applications.push(*id);
            }
            Resource::Key(kid, key) => {
                self.next.keys.put(*kid, key);
                self.touched.keys.push(*kid);
            }
            Resource::Plan(id, plan) => _ = Arc::make_mut(&mut self.next.plans).insert(*id, plan.clone()),
            Resource::Backend(id, backend) => {
                let backend = self.with_what_was_learned(*id, backend);
                Arc::make_mut(&mut self.next.backends).insert(*id, backend);
                self.touched.backends.push(*id);
            }
            Resource::Route(id, route) => self.put_route(*id, route.as_ref()),
            Resource::RouteTag(tag, routes) => {
                _ = Arc::make_mut(&mut self.next.route_tags).insert(*tag, routes.clone());
            }
            Resource::Pepper(version, understood) => {
                let pepper = self.pepper("pepper", &version.to_string(), *understood)?;
                Arc::make_mut(&mut self.next.peppers).insert(*version, pepper);
            }
            Resource::LookupKey(understood) => {
                self.next.lookup_key = Some(self.pepper("lookup_key", LOOKUP_KEY, *understood)?);
            }
            Resource::Issuer(id, issuer) => {
                Arc::make_mut(&mut self.next.issuers).insert(*id, issuer.clone());
                self.touched.signing = true;
            }
            Resource::SigningKey(draft) => self.put_signing_key(draft)?,
            Resource::Credential(id, draft) => self.put_credential(*id, draft.as_ref())?,
            Resource::DataKey(id, owner) => self.put_data_key(*id, *owner)?,
            Resource::Contract(id, contract) => {
                Arc::make_mut(&mut self.next.contracts).insert(*id, contract.clone());
                self.touched.routes = true;
            }
            Resource::ContractDocument(id, document) => {
                Arc::make_mut(&mut self.next.contract_documents).insert(*id, document.clone());
            }
            Resource::Unknown => {}
        }
        Ok(())
    }

    /// A partner that changes keeps its throttle cells: a rename is no fresh burst.
    fn with_its_cells(&self, id: Id, partner: &Known<Partner>) -> Known<Partner> {
        let before = self.next.partners.get(&id).or_else(|| self.base?.partners.get(&id)).and_then(Known::understood);
        match (partner, before) {
            (Known::Yes(partner), Some(before)) if partner.version == before.version => Known::Yes(Arc::clone(before)),
            (Known::Yes(partner), Some(before)) => {
                Known::Yes(Arc::new(Partner { cells: Arc::clone(&before.cells), ..Partner::clone(partner) }))
            }
            _ => partner.clone(),
        }
    }

    /// An application that did not change stays the same object, so that a whole snapshot drops no tokens.
    fn with_its_tokens(&self, id: Id, application: &Known<Application>) -> Known<Application> {
        let before =
            self.next.applications.get(&id).or_else(|| self.base?.applications.get(&id)).and_then(Known::understood);
        match (application, before) {
            (Known::Yes(application), Some(before)) if application.version == before.version => {
                Known::Yes(Arc::clone(before))
            }
            _ => application.clone(),
        }
    }

    /// A backend that changes keeps what the node knows of its targets: those that are left out stay so.
    fn with_what_was_learned(&self, id: Id, backend: &Known<Backend>) -> Known<Backend> {
        let before = self.next.backends.get(&id).or_else(|| self.base?.backends.get(&id)).and_then(Known::understood);
        match (backend, before) {
            (Known::Yes(backend), Some(before)) if backend.version == before.version => Known::Yes(Arc::clone(before)),
            (Known::Yes(backend), Some(before)) => Known::Yes(Arc::new(backend.with_what_was_learned(before))),
            _ => backend.clone(),
        }
    }

    fn put_route(&mut self, id: Id, route: Option<&Arc<Route>>) {
        let routes = Arc::make_mut(&mut self.next.routes_by_id);
        match route {
            Some(route) => _ = routes.insert(id, Arc::clone(route)),
            None => _ = routes.remove(&id),
        }
        self.touched.placed_routes.push(id);
        self.touched.routes = true;
    }

    fn pepper(&self, kind: &str, id: &str, understood: Understood) -> Result<Known<Pepper>, Refused> {
        if understood == Understood::No || self.secrets == Secrets::Absent {
            return Ok(Known::Outdated);
        }
        let secret = self.secret(kind, id)?;
        Ok(Known::Yes(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret))))
    }

    fn put_signing_key(&mut self, draft: &SigningKeyDraft) -> Result<(), Refused> {
        let compiled = match &draft.public {
            Some(public) => Some(Arc::new(self.signing_key(draft, public)?)),
            None => None,
        };
        let keys = Arc::make_mut(&mut self.next.signing_keys);
        match compiled {
            Some(key) => _ = keys.insert(draft.kid.clone(), key),
            None => _ = keys.remove(&draft.kid),
        }
        self.touched.signing_keys.push(draft.kid.clone());
        self.touched.signing = true;
        Ok(())
    }

    fn signing_key(&self, draft: &SigningKeyDraft, public: &PublicPart) -> Result<SigningKey, Refused> {
        let signer = match public.algorithm.filter(|_| draft.understood == Understood::Yes) {
            Some(algorithm) if public.state != SigningState::Retired && self.secrets == Secrets::Required => {
                Some(self.signer(&draft.kid, algorithm, public.jwk.as_ref())?)
            }
            _ => None,
        };
        Ok(SigningKey {
            kid: draft.kid.clone(),
            issuer: public.issuer,
            algorithm: public.algorithm,
            public_jwk: public.jwk.clone(),
            state: public.state,
            signer,
            outdated: draft.understood == Understood::No,
        })
    }

    fn signer(&self, kid: &str, algorithm: Algorithm, jwk: Option<&serde_json::Value>) -> Result<Signer, Refused> {
        let refuse = |why| Refused::new(format!("signing_key/{kid}/wrapped"), why);
        let signer = Signer::new(algorithm, kid, self.secret("signing_key", kid)?).map_err(refuse)?;
        let belongs = signer.belongs_to(jwk);
        if belongs { Ok(signer) } else { Err(refuse("the private key does not belong to public_jwk")) }
    }

    fn put_credential(&mut self, id: Id, draft: Option<&ServiceDraft>) -> Result<(), Refused> {
        let made = match draft {
            Some(draft) if self.secrets == Secrets::Required => {
                let secret = Secret::new(self.secret("credential", &id.to_string())?.to_vec());
                // Of the secret itself: to wrap it anew changes nothing, and drops no token.
                let version = version_of_bytes(secret.reveal());
                Some((draft.place, Arc::new(ServiceCredential { secret, version })))
            }
            _ => None,
        };
        let services = Arc::make_mut(&mut self.next.services);
        services.delete(&id);
        if let Some((place, service)) = made {
            services.put(id, place, service);
        }
        Ok(())
    }

    /// A partner that an older version of this key was of has none any more.
    fn put_data_key(&mut self, id: Id, owner: Option<Id>) -> Result<(), Refused> {
        let keys = Arc::make_mut(&mut self.next.data_keys);
        let (Some(owner), Secrets::Required) = (owner, self.secrets) else {
            keys.delete(&id);
            return Ok(());
        };
        let secret = Secret::new(self.secret("data_key", &id.to_string())?.to_vec());
        let refuse = || Refused::new(format!("data_key/{id}/wrapped"), "a data key has 32 bytes");
        let key = DataKey::new(id, secret).ok_or_else(refuse)?;
        Arc::make_mut(&mut self.next.data_keys).put(owner, key);
        Ok(())
    }

    fn secret(&self, kind: &str, id: &str) -> Result<&[u8], Refused> {
        let secret = self.update.secret(&format!("{kind}/{id}"));
        secret
            .map(crate::secret::Secret::reveal)
            .ok_or_else(|| Refused::new(format!("{kind}/{id}/wrapped"), "it was not unwrapped"))
    }

    fn delete(&mut self, deletion: &Deletion) -> Result<(), Refused> {
        let refuse = |why| Refused::new(format!("{}/{}", deletion.kind, deletion.id), why);
        let id = || Id::parse(&deletion.id).ok_or_else(|| refuse("not an id"));
        let next = &mut self.next;
        let (went, kind) = match deletion.kind.as_str() {
            "key" => {
                let kid = Kid::parse(deletion.id.as_bytes()).ok_or_else(|| refuse("not a kid"))?;
                next.keys.delete(&kid);
                return Ok(());
            }
            "route" => {
                self.touched.routes |= Arc::make_mut(&mut next.routes_by_id).remove(&id()?).is_some();
                return Ok(());
            }
            "route_tag" => {
                _ = Arc::make_mut(&mut next.route_tags).remove(&Tag::of(&deletion.id));
                return Ok(());
            }
            "contract" => {
                self.touched.routes |= Arc::make_mut(&mut next.contracts).remove(&id()?).is_some();
                return Ok(());
            }
            "contract_document" => {
                Arc::make_mut(&mut next.contract_documents).remove(&id()?);
                return Ok(());
            }
            "signing_key" => {
                self.touched.signing |= Arc::make_mut(&mut next.signing_keys).remove(&deletion.id).is_some();
                return Ok(());
            }
            "credential" => {
                Arc::make_mut(&mut next.services).delete(&id()?);
                return Ok(());
            }
            "data_key" => {
                Arc::make_mut(&mut next.data_keys).delete(&id()?);
                return Ok(());
            }
            "application" => {
                let id = id()?;
                if next.applications.delete(&id).is_some() {
                    self.touched.gone_applications.push(id);
                }
                return Ok(());
            }
            "partner" => (next.partners.delete(&id()?).is_some(), Kind::Partner),
            "plan" => (Arc::make_mut(&mut next.plans).remove(&id()?).is_some(), Kind::Plan),
            "backend" => (Arc::make_mut(&mut next.backends).remove(&id()?).is_some(), Kind::Backend),
            "issuer" => (Arc::make_mut(&mut next.issuers).remove(&id()?).is_some(), Kind::Issuer),
            "pepper" => {
                let version = pepper_version(&deletion.id).ok_or_else(|| refuse("not a number"))?;
                (Arc::make_mut(&mut next.peppers).remove(&version).is_some(), Kind::Pepper)
            }
            "lookup_key" => (next.lookup_key.take().is_some(), Kind::LookupKey),
            // A kind from the future: there is nothing of it here.
            _ => return Ok(()),
        };
        if went {
            self.touched.gone.insert(kind);
            self.touched.signing |= kind == Kind::Issuer;
        }
        Ok(())
    }
}

/// The matcher over all routes, in the order of their ids.
fn routes(snapshot: &Snapshot) -> Result<Routes, Refused> {
    let mut by_index: Vec<Arc<Route>> = snapshot.routes_by_id.values().cloned().collect();
    by_index.sort_unstable_by_key(|route| route.id);
    let mut router = Router::default();
    for (index, route) in by_index.iter().enumerate() {
        let hosts: Vec<Option<&str>> = match &route.hosts {
            Some(hosts) => hosts.iter().map(|host| Some(host.as_str())).collect(),
            None => vec![None],
        };
        for host in hosts {
            let added = router.insert(host, &route.method, &route.path, RouteIndex(index as u32));
            added.map_err(|other| {
                let other = &by_index[other.0 as usize];
                let why = format!("route {} ({}) has the same host, method and path", other.name, other.id);
                Refused::new(format!("route/{}/path", route.id), why)
            })?;
        }
    }
    let views = by_index.iter().map(|route| snapshot.views_of(route)).collect();
    Ok(Routes { by_index, views, router })
}
