//! `/.well-known/portazgo/openapi.json`: what a key may call, as partners read it.

use super::record::Call;
use super::respond::Answer;
use super::{Refusal, authenticate, authorize, limit};
use crate::thread::Thread;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use portazgo_core::authorize::Peer;
use portazgo_core::contract::Edition;
use portazgo_core::fault::Fault;
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::{Document, Known, Pinned, Route, Snapshot};
use std::sync::Arc;

/// Another key of the same address may read another document.
const VARY: HeaderValue = HeaderValue::from_static("authorization, x-api-key");
const PRIVATE: HeaderValue = HeaderValue::from_static("private, max-age=300");

/// The document of the version that the caller is served by, of what it may call there. Where there are several versions and
/// `?api=` chooses none, which there are.
pub(super) fn contract(
    thread: &Thread,
    call: &mut Call,
    head: &Parts,
    snapshot: &Snapshot,
    lane: &SecurityLane,
    peer: Peer<'_>,
) -> Result<Answer, Refusal> {
    let identity = authenticate::prove(thread, call, head, snapshot, lane)?;
    let caller = authorize::caller(call, &identity, snapshot)?;
    portazgo_core::authorize::standing(&caller, &identity, snapshot, lane, peer)?;
    let plan = match caller.application.plan.map(|id| snapshot.plan(id)) {
        Some(Some(Known::Yes(plan))) => plan,
        Some(_) => return Err(Fault::NodeOutdated.into()),
        None => return Err(Fault::PlanMissing.into()),
    };
    let pinned = Pinned { application: caller.application, partner: caller.partner, plan };
    // It is asked for by programs, too: what a partner may do counts here as for any call.
    let standing = limit::decide(call, &caller, &identity, plan)?;
    let may_call =
        |route: &Route| portazgo_core::authorize::authorize(&caller, &identity, route, snapshot, lane, peer).is_ok();
    let mut editions = snapshot.editions(pinned, may_call);
    if let Some(wanted) = wanted(head) {
        editions.retain(|(api, edition)| *api == wanted || edition.contract == wanted);
    }
    let mut answer = match editions[..] {
        [] => return Err(Fault::RouteUnknown.into()),
        [(_, edition)] => of_edition(head, edition, &snapshot.contract_document(edition.id, may_call)?),
        _ => choices(&editions),
    };
    answer.headers.insert(header::CACHE_CONTROL, PRIVATE);
    answer.headers.insert(header::VARY, VARY);
    limit::tell(&mut answer.headers, standing);
    Ok(answer)
}

/// What `?api=` says; names of APIs and contracts need no decoding.
fn wanted(head: &Parts) -> Option<&str> {
    head.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("api="))
}

fn of_edition(head: &Parts, edition: &Edition, document: &Document) -> Answer {
    let mut answer = Answer::published(document, &head.headers);
    for (name, value) in &edition.notices {
        answer.headers.append(name.clone(), value.clone());
    }
    answer
}

fn choices(editions: &[(&str, &Arc<Edition>)]) -> Answer {
    let choices: Vec<serde_json::Value> = editions
        .iter()
        .map(|(api, edition)| {
            serde_json::json!({
                "api": api,
                "contract": edition.contract,
                "version": edition.version,
                "document": format!("/.well-known/portazgo/openapi.json?api={}", edition.contract),
            })
        })
        .collect();
    let mut answer = Answer::document(serde_json::json!({ "choices": choices }).to_string(), "application/json");
    answer.status = StatusCode::MULTIPLE_CHOICES;
    answer
}
