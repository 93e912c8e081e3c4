//! From one resource as it arrives to its compiled form, without a look at any other resource or secret.

mod access;
mod backend;
mod contract;
mod forwarding;
mod login;
mod route;
mod tls;

use super::types::{Backend, Issuer, Plan, ServicePlace, SigningState};
use super::update::Refused;
use super::wire::{PepperBody, ResourceLine};
use super::{Application, Key, Known, Partner, Route, Tag, TaggedRoutes, Version};
use crate::FEATURES;
use crate::contract::{ContractVersion, PartnerDocument};
use crate::credential::Algorithm;
use crate::ids::{Id, Kid};
use aws_lc_rs::digest;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A resource that is understood, or marked as one from the future.
pub(super) enum Resource {
    Partner(Id, Known<Partner>),
    Application(Id, Known<Application>),
    Key(Kid, Known<Key>),
    Plan(Id, Known<Plan>),
    Backend(Id, Known<Backend>),
    /// None: from the future, and not even its place can be read; then its path is unknown, as if it weren't there.
    Route(Id, Option<Arc<Route>>),
    RouteTag(Tag, Known<TaggedRoutes>),
    Contract(Id, Known<ContractVersion>),
    ContractDocument(Id, Known<PartnerDocument>),
    Pepper(u32, Understood),
    LookupKey(Understood),
    Issuer(Id, Known<Issuer>),
    SigningKey(Box<SigningKeyDraft>),
    /// None: from the future; what needs it is as well.
    Credential(Id, Option<ServiceDraft>),
    /// Whose it is; `Id::NONE`: of callers that no key was proven for. None: from the future, and no key of ours.
    DataKey(Id, Option<Id>),
    /// A kind from the future: whatever depends on it names its feature, and is answered with `node_outdated`.
    Unknown,
}

/// Whether this node has all features that a resource requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Understood {
    Yes,
    No,
}

/// A signing key before its secret is there. `public` is None where it comes from the future and can't be read.
pub(super) struct SigningKeyDraft {
    pub(super) kid: String,
    pub(super) public: Option<PublicPart>,
    pub(super) understood: Understood,
}

/// A service credential before its secret is there.
pub(super) struct ServiceDraft {
    pub(super) place: ServicePlace,
}

pub(super) struct PublicPart {
    pub(super) issuer: Id,
    /// None: a word from the future.
    pub(super) algorithm: Option<Algorithm>,
    /// None: a shared secret has no public half.
    pub(super) jwk: Option<serde_json::Value>,
    pub(super) state: SigningState,
}

/// Compile one resource; beside it, the wrapped secret that it brings.
pub(super) fn compile(line: &ResourceLine<'_>) -> Result<(Resource, Option<String>), Refused> {
    let known = line.requires.iter().all(|feature| FEATURES.contains(&feature.as_str()));
    let understood = if known { Understood::Yes } else { Understood::No };
    let resource = match line.kind.as_str() {
        "partner" => Resource::Partner(id_of(line)?, if_known(known, || access::partner(line))?),
        "application" => Resource::Application(id_of(line)?, if_known(known, || access::application(line))?),
        "key" => Resource::Key(kid_of(line)?, if_known(known, || access::key(line))?),
        "plan" => Resource::Plan(id_of(line)?, if_known(known, || access::plan(line))?),
        "backend" => Resource::Backend(id_of(line)?, if_known(known, || backend::backend(line))?),
        "issuer" => Resource::Issuer(id_of(line)?, if_known(known, || backend::issuer(line))?),
        "route" if known => Resource::Route(id_of(line)?, Some(Arc::new(route::route(line)?))),
        "route" => Resource::Route(id_of(line)?, route::outdated(line).ok().map(Arc::new)),
        "route_tag" => Resource::RouteTag(Tag::of(&line.id), if_known(known, || access::tagged_routes(line))?),
        "contract" => Resource::Contract(id_of(line)?, if_known(known, || contract::contract(line))?),
        "contract_document" => Resource::ContractDocument(id_of(line)?, if_known(known, || contract::document(line))?),
        "pepper" => {
            let version = pepper_version(&line.id).ok_or_else(|| refused(line, "id", "not a number"))?;
            let wrapped = if known { Some(body_of::<PepperBody>(line)?.wrapped) } else { None };
            return Ok((Resource::Pepper(version, understood), wrapped));
        }
        "lookup_key" => {
            if line.id != LOOKUP_KEY {
                return Err(refused(line, "id", "there is one look-up key"));
            }
            let wrapped = if known { Some(body_of::<PepperBody>(line)?.wrapped) } else { None };
            return Ok((Resource::LookupKey(understood), wrapped));
        }
        "signing_key" => {
            let (public, wrapped) = if known { backend::signing_key(line)? } else { (backend::outline(line), None) };
            let draft = SigningKeyDraft { kid: line.id.clone(), public, understood };
            return Ok((Resource::SigningKey(Box::new(draft)), wrapped));
        }
        "credential" => {
            let draft = if known { Some(login::service(line)?) } else { None };
            let (draft, wrapped) = draft.unzip();
            return Ok((Resource::Credential(id_of(line)?, draft), wrapped));
        }
        "data_key" => {
            let body = if known { Some(access::data_key(line)?) } else { None };
            let (owner, wrapped) = body.unzip();
            return Ok((Resource::DataKey(id_of(line)?, owner), wrapped));
        }
        _ => Resource::Unknown,
    };
    Ok((resource, None))
}

/// The id of the look-up key.
pub(super) const LOOKUP_KEY: &str = "1";

/// The version in the id of a pepper.
pub(super) fn pepper_version(id: &str) -> Option<u32> {
    id.parse().ok()
}

fn if_known<T>(known: bool, compile: impl FnOnce() -> Result<T, Refused>) -> Result<Known<T>, Refused> {
    if known { Ok(Known::Yes(Arc::new(compile()?))) } else { Ok(Known::Outdated) }
}

/// A refusal that names kind, id and member.
fn refused(line: &ResourceLine<'_>, member: &str, why: impl Into<String>) -> Refused {
    Refused::new(format!("{}/{}/{member}", line.kind, line.id), why)
}

fn body_of<'l, T: Deserialize<'l>>(line: &ResourceLine<'l>) -> Result<T, Refused> {
    serde_json::from_str(line.body.get()).map_err(|error| {
        let member = member_at(line.body, error.column()).unwrap_or_else(|| "body".to_owned());
        refused(line, &member, error.to_string())
    })
}

/// The member of a body, name or value, that a column lies in; bodies are written in one line.
fn member_at(body: &RawValue, column: usize) -> Option<String> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(body.get()).ok()?;
    let start = body.get().as_ptr() as usize;
    let end = |value: &RawValue| value.get().as_ptr() as usize - start + value.get().len();
    let ends = members.into_iter().map(|(name, value)| (end(value), name));
    ends.filter(|(end, _)| *end >= column).min().map(|(_, name)| name)
}

fn version_of(line: &ResourceLine<'_>) -> Version {
    version_of_bytes(line.body.get().as_bytes())
}

/// The version of what these bytes say.
pub(super) fn version_of_bytes(bytes: &[u8]) -> Version {
    let hash = digest::digest(&digest::SHA256, bytes);
    let start: [u8; 8] = hash.as_ref()[..8].try_into().expect("a SHA-256 has 32 bytes");
    Version(u64::from_be_bytes(start))
}

fn id_of(line: &ResourceLine<'_>) -> Result<Id, Refused> {
    parse_id(&line.id, line, "id")
}

fn kid_of(line: &ResourceLine<'_>) -> Result<Kid, Refused> {
    Kid::parse(line.id.as_bytes()).ok_or_else(|| refused(line, "id", "not a kid of 10 base62 characters"))
}

fn parse_id(text: &str, line: &ResourceLine<'_>, member: &str) -> Result<Id, Refused> {
    Id::parse(text).ok_or_else(|| refused(line, member, format!("{text:?} is not an id")))
}
