//! From headers to a proven identity.

use super::record::Call;
use super::respond::Answer;
use super::{Refusal, authorize};
use crate::thread::Thread;
use http::header::{self, HeaderName};
use http::request::Parts;
use portazgo_core::authenticate::{self, Denied, Identity};
use portazgo_core::authorize::Peer;
use portazgo_core::ids::{Id, Kid};
use portazgo_core::record::{Phase, SecretSlot, Text};
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::{self, FoundKey, Known, Snapshot};
use portazgo_core::whoami;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Prove the key of a request; note in the record what was proven and what was only claimed.
pub(super) fn prove<'s>(
    thread: &Thread,
    call: &mut Call,
    head: &'s Parts,
    snapshot: &'s Snapshot,
    lane: &SecurityLane,
) -> Result<Identity<'s>, Refusal> {
    call.reached_too(Phase::Authenticate);
    let api_keys = head.headers.get_all(API_KEY).iter().map(http::HeaderValue::as_bytes);
    let authorizations = head.headers.get_all(header::AUTHORIZATION).iter().map(http::HeaderValue::as_bytes);
    let now = call.wall();
    let proven = authenticate::presented(api_keys, authorizations)
        .and_then(|key| authenticate::authenticate(key, &thread.shared.config.key_prefix, snapshot, lane, now));
    match proven {
        Ok(identity) => {
            note_proof(call, identity.key.kid, identity.slot, head);
            Ok(identity)
        }
        Err(Denied { fault, claimed, proven, tag }) => {
            call.record().secret_tag = tag;
            if let Some(kid) = claimed {
                call.record().claimed_kid = kid;
            }
            if let Some((kid, slot)) = proven {
                note_proof(call, kid, slot, head);
                call.record().personal_key = owner(kid, snapshot);
            }
            Err(fault.into())
        }
    }
}

fn note_proof(call: &mut Call, kid: Kid, slot: snapshot::SecretSlot, head: &Parts) {
    let record = call.record();
    record.kid = kid;
    record.claimed_kid = kid;
    record.secret_slot = match slot {
        snapshot::SecretSlot::Current => SecretSlot::Current,
        snapshot::SecretSlot::Retiring => SecretSlot::Retiring,
    };
    // Only where it helps the owner find who still uses the old secret.
    if slot == snapshot::SecretSlot::Retiring
        && let Some(agent) = head.headers.get(header::USER_AGENT)
    {
        record.user_agent = Text::cut(agent.as_bytes());
    }
}

/// Whose a key is that was proven and refused: what the record says of the caller is sealed under that partner's data key.
fn owner(kid: Kid, snapshot: &Snapshot) -> Id {
    let Some(FoundKey::Understood(key)) = snapshot.keys().get(&kid) else { return Id::NONE };
    let application = snapshot.application(key.application).and_then(Known::understood);
    application.map_or(Id::NONE, |application| application.partner)
}

/// Tell a key about itself.
pub(super) fn who_am_i(
    thread: &Thread,
    call: &mut Call,
    head: &Parts,
    snapshot: &Snapshot,
    lane: &SecurityLane,
    peer: Peer<'_>,
) -> Result<Answer, Refusal> {
    let identity = prove(thread, call, head, snapshot, lane)?;
    let caller = authorize::caller(call, &identity, snapshot)?;
    portazgo_core::authorize::standing(&caller, &identity, snapshot, lane, peer)?;
    let document = whoami::document(&caller, &identity, snapshot, thread.shared.clock.monotonic());
    let mut answer = Answer::document(document, "application/json");
    answer.headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    Ok(answer)
}
