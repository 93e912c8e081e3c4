//! Keys are proven or refused for the right reason, and the reason is told only in the record.

mod support;

use portazgo_core::authenticate::{Denied, Proof, again, presented as presented_key};
use portazgo_core::fault::Fault;
use portazgo_core::ids::Kid;
use portazgo_core::record::SecretTag;
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::{SecretSlot, Snapshot};
use portazgo_core::time::WallTime;
use serde_json::json;
use support::{
    KID, NOW, OTHER_SECRET, SECRET, authenticate, deployment, deployment_but, key, lane_of, presented, requiring,
    secret, security, snapshot_of, with, wrapped_pepper,
};

fn kid() -> Kid {
    Kid::parse(KID.as_bytes()).unwrap()
}

fn denial(snapshot: &Snapshot, lane: &SecurityLane, presented: &str, now: WallTime) -> Denied {
    match authenticate(snapshot, lane, presented, now) {
        Ok(_) => panic!("{presented} was let in"),
        Err(denied) => denied,
    }
}

fn unproven(fault: Fault) -> Denied {
    Denied { fault, claimed: Some(kid()), proven: None, tag: SecretTag::NONE }
}

fn proven(fault: Fault, slot: SecretSlot) -> Denied {
    Denied { fault, claimed: Some(kid()), proven: Some((kid(), slot)), tag: SecretTag::NONE }
}

#[test]
fn a_key_with_its_secret_is_let_in() {
    let snapshot = snapshot_of(&deployment());
    let text = presented("live", KID, SECRET);
    let identity = authenticate(&snapshot, &SecurityLane::default(), &text, NOW).ok().unwrap();
    assert_eq!((identity.key.kid, identity.slot), (kid(), SecretSlot::Current));
}

#[test]
fn a_wrong_secret_proves_nothing() {
    let snapshot = snapshot_of(&deployment());
    let denied = denial(&snapshot, &SecurityLane::default(), &presented("live", KID, OTHER_SECRET), NOW);
    assert_eq!(denied, unproven(Fault::KeyUnknown));
}

#[test]
fn every_refusal_has_the_tag_of_what_was_presented_and_no_reason_shows_in_it() {
    let month = "0198f000-0000-7000-8000-00000000da7a";
    let revoked = with(key(), json!({"status": "revoked"}));
    let refusing = snapshot_of(&deployment_but([support::data_key(month, None), revoked]));
    let accepting = snapshot_of(&deployment_but([support::data_key(month, None)]));
    let lane = SecurityLane::default();
    let tag = |snapshot: &Snapshot, text: &str| denial(snapshot, &lane, text, NOW).tag;
    let right = presented("live", KID, SECRET);
    let unlike = ["live_x".to_owned(), presented("live", KID, OTHER_SECRET), presented("live", "Kid0000002", SECRET)];
    let tags: Vec<_> = unlike.iter().chain([&right]).map(|text| tag(&refusing, text)).collect();
    for (place, one) in tags.iter().enumerate() {
        assert_ne!(*one, SecretTag::NONE);
        assert!(!tags[..place].contains(one));
    }
    // Whether a key is unknown or revoked: it is the same text.
    let other_kids = snapshot_of(&deployment_but([support::data_key(month, None)]));
    assert_eq!(tag(&other_kids, &unlike[2]), tags[2]);
    assert_eq!(tag(&accepting, &unlike[0]), tags[0]);
}

#[test]
fn an_unknown_kid_is_claimed_only() {
    let snapshot = snapshot_of(&deployment());
    let denied = denial(&snapshot, &SecurityLane::default(), &presented("live", "Kid0000002", SECRET), NOW);
    assert_eq!(
        denied,
        Denied { fault: Fault::KeyUnknown, claimed: Kid::parse(b"Kid0000002"), proven: None, tag: SecretTag::NONE }
    );
}

#[test]
fn a_key_of_another_environment_is_unknown() {
    let snapshot = snapshot_of(&deployment());
    let denied = denial(&snapshot, &SecurityLane::default(), &presented("test", KID, SECRET), NOW);
    assert_eq!(denied, unproven(Fault::KeyUnknown));
}

#[test]
fn two_secrets_live_side_by_side_until_grace_ends() {
    let ends = NOW.0 + 1_000_000;
    let secrets = json!([secret("current", SECRET, 2, None), secret("retiring", OTHER_SECRET, 1, Some(ends))]);
    let snapshot = snapshot_of(&deployment_but([with(key(), json!({"secrets": secrets})), wrapped_pepper(2)]));
    let lane = SecurityLane::default();
    let slot = |secret, now| {
        authenticate(&snapshot, &lane, &presented("live", KID, secret), now).map(|identity| identity.slot)
    };
    assert_eq!(slot(SECRET, NOW), Ok(SecretSlot::Current));
    assert_eq!(slot(OTHER_SECRET, NOW), Ok(SecretSlot::Retiring));
    assert_eq!(slot(OTHER_SECRET, WallTime(ends)), Err(proven(Fault::KeyExpired, SecretSlot::Retiring)));
    assert_eq!(slot(SECRET, WallTime(ends)), Ok(SecretSlot::Current));
}

#[test]
fn a_dead_key_is_refused_for_its_own_reason() {
    let lane = SecurityLane::default();
    let cases = [
        (json!({"status": "revoked", "expires_at_us": 1}), Fault::KeyRevoked),
        (json!({"status": "disabled", "expires_at_us": 1}), Fault::KeyDisabled),
        (json!({"expires_at_us": NOW.0}), Fault::KeyExpired),
    ];
    for (members, fault) in cases {
        let snapshot = snapshot_of(&deployment_but([with(key(), members)]));
        let denied = denial(&snapshot, &lane, &presented("live", KID, SECRET), NOW);
        assert_eq!(denied, proven(fault, SecretSlot::Current));
        // Nothing is told to who doesn't know the secret.
        let guessed = denial(&snapshot, &lane, &presented("live", KID, OTHER_SECRET), NOW);
        assert_eq!(guessed, unproven(Fault::KeyUnknown));
    }
}

#[test]
fn the_security_lane_kills_a_key_at_once() {
    let snapshot = snapshot_of(&deployment());
    for (operation, fault) in [("revoke_key", Fault::KeyRevoked), ("disable_key", Fault::KeyDisabled)] {
        let lane = lane_of(&[security(2, operation, KID)]);
        let denied = denial(&snapshot, &lane, &presented("live", KID, SECRET), NOW);
        assert_eq!(denied, proven(fault, SecretSlot::Current));
    }
}

#[test]
fn what_this_node_does_not_understand_is_its_own_fault() {
    let lane = SecurityLane::default();
    let from_the_future = [
        requiring(key(), "key.hmac-sha512.9"),
        requiring(wrapped_pepper(1), "pepper.sealed.9"),
        requiring(support::application(), "application.shared.9"),
    ];
    for resource in from_the_future {
        let snapshot = snapshot_of(&deployment_but([resource]));
        assert_eq!(denial(&snapshot, &lane, &presented("live", KID, SECRET), NOW).fault, Fault::NodeOutdated);
    }
}

/// `X-Api-Key` lines, `Authorization` lines, and what is presented.
type Case<'c> = (&'c [&'c str], &'c [String], Result<&'c str, Fault>);

#[test]
fn a_request_presents_one_key() {
    let key = presented("live", KID, SECRET);
    let other = presented("live", KID, OTHER_SECRET);
    let bearer = |token: &str| format!("Bearer {token}");
    let cases: [Case<'_>; 15] = [
        (&[], &[], Err(Fault::KeyMissing)),
        (&[&key], &[], Ok(&key)),
        (&[], &[bearer(&key)], Ok(&key)),
        (&[], &[format!("bearer   {key} ")], Ok(&key)),
        (&[], &["Basic eDp5".to_owned()], Err(Fault::KeyMissing)),
        (&[], &["Api-Key abc.def".to_owned()], Ok("abc.def")),
        (&[], &["aPI-kEY  abc.def ".to_owned()], Ok("abc.def")),
        (&[&key], &["Api-Key abc.def".to_owned()], Ok(&key)),
        (&[&key, &key], &[bearer(&key)], Ok(&key)),
        (&[&key], &["Basic eDp5".to_owned()], Ok(&key)),
        (&[&key], &[bearer("a.foreign.token")], Ok(&key)),
        (&[&key], &[bearer(&other)], Err(Fault::KeyAmbiguous)),
        (&[&key, &other], &[], Err(Fault::KeyAmbiguous)),
        (&[], &[bearer(&key), bearer(&other)], Err(Fault::KeyAmbiguous)),
        (&[], &[bearer(&key), bearer("a.foreign.token")], Err(Fault::KeyAmbiguous)),
    ];
    for (api_keys, authorizations, expected) in cases {
        let found = presented_key(
            api_keys.iter().map(|value| value.as_bytes()),
            authorizations.iter().map(std::string::String::as_bytes),
        );
        let found = found.map(|key| std::str::from_utf8(key).unwrap()).map_err(|denied| denied.fault);
        assert_eq!(found, expected, "{api_keys:?} {authorizations:?}");
    }
}

/// Secrets as (slot, text, pepper).
fn holding(secrets: &[(&str, &str, u32)]) -> Snapshot {
    let secrets: Vec<_> = secrets.iter().map(|(slot, text, pepper)| secret(slot, text, *pepper, None)).collect();
    snapshot_of(&deployment_but([with(key(), json!({"secrets": secrets})), wrapped_pepper(2)]))
}

#[test]
fn a_call_that_lasts_goes_on_by_the_very_secret_that_it_was_let_in_with() {
    let lane = SecurityLane::default();
    let before = holding(&[("current", SECRET, 1)]);
    let text = presented("live", KID, SECRET);
    let proof = authenticate(&before, &lane, &text, NOW).ok().unwrap().proof();
    let found = |proof: &Proof, snapshot: &Snapshot| again(proof, snapshot, &lane, NOW).map(|identity| identity.slot);
    assert_eq!(found(&proof, &before), Ok(SecretSlot::Current));
    // Under another pepper, in another place, or both.
    assert_eq!(found(&proof, &holding(&[("current", SECRET, 2)])), Ok(SecretSlot::Current));
    let rotated = holding(&[("current", OTHER_SECRET, 1), ("retiring", SECRET, 1)]);
    assert_eq!(found(&proof, &rotated), Ok(SecretSlot::Retiring));
    let rotated = holding(&[("current", OTHER_SECRET, 2), ("retiring", SECRET, 2)]);
    assert_eq!(found(&proof, &rotated), Ok(SecretSlot::Retiring));
    let next = again(&proof, &rotated, &lane, NOW).ok().unwrap().proof();
    assert_eq!(found(&next, &holding(&[("current", SECRET, 1)])), Ok(SecretSlot::Current));
    // What stands in its place is not it, whatever pepper it is kept under.
    for pepper in [1, 2] {
        assert_eq!(found(&proof, &holding(&[("current", OTHER_SECRET, pepper)])), Err(Fault::KeyUnknown));
    }
    let revoked = lane_of(&[security(1, "revoke_key", KID)]);
    assert_eq!(again(&proof, &before, &revoked, NOW).map(|_| ()), Err(Fault::KeyRevoked));
}
