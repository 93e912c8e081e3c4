//! Keys that another system made go on working, under a kid of ours, and open nothing else.

mod support;

use portazgo_core::authenticate::{Denied, again};
use portazgo_core::fault::Fault;
use portazgo_core::ids::Kid;
use portazgo_core::record::SecretTag;
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::{SecretSlot, Snapshot};
use portazgo_core::time::WallTime;
use serde_json::{Value, json};
use support::{
    KID, NOW, SECRET, apply_change, apply_snapshot, authenticate, deployment, deployment_but, imported_secret,
    key_named, lane_of, lookup_key, presented, requiring, secret, security, snapshot_of, with,
};

const FOREIGN: &str = "Ab3dEf7h.NotARealSecretOfAnotherSystem000";
const OTHER: &str = "Zz3dEf7h.NotARealSecretOfAnotherSystem111";
const FOREIGN_KID: &str = "Kid000000F";

fn imported(kid: &str, secrets: &Value) -> Value {
    with(key_named(kid, SECRET), json!({"secrets": secrets}))
}

fn importing(scheme: &str) -> Snapshot {
    let secrets = json!([imported_secret("current", FOREIGN, scheme)]);
    snapshot_of(&deployment_but([lookup_key(), imported(FOREIGN_KID, &secrets)]))
}

fn kid(text: &str) -> Kid {
    Kid::parse(text.as_bytes()).unwrap()
}

fn outcome(snapshot: &Snapshot, text: &str) -> Result<Kid, Denied> {
    authenticate(snapshot, &SecurityLane::default(), text, NOW).map(|identity| identity.key.kid)
}

fn malformed() -> Result<Kid, Denied> {
    Err(Denied { fault: Fault::KeyMalformed, claimed: None, proven: None, tag: SecretTag::NONE })
}

#[test]
fn a_key_of_another_system_is_let_in_by_its_whole_text_in_each_scheme() {
    for scheme in ["sha256", "sha512", "drf"] {
        let snapshot = importing(scheme);
        assert_eq!(outcome(&snapshot, FOREIGN), Ok(kid(FOREIGN_KID)), "{scheme}");
        assert_eq!(outcome(&snapshot, &presented("live", KID, SECRET)), Ok(kid(KID)));
        for wrong in [OTHER, &FOREIGN[1..], &format!("{FOREIGN}x"), "", "ptz_live_cut"] {
            assert_eq!(outcome(&snapshot, wrong), malformed(), "{scheme} {wrong}");
        }
    }
}

#[test]
fn what_no_header_carries_as_one_word_is_not_looked_up() {
    let odd =
        ["with a space".to_owned(), "tab\t".to_owned(), "\u{e9}".to_owned(), "x".repeat(513), "\u{7f}".to_owned()];
    for text in odd {
        let secrets = json!([imported_secret("current", &text, "sha256")]);
        let snapshot = snapshot_of(&deployment_but([lookup_key(), imported(FOREIGN_KID, &secrets)]));
        assert_eq!(outcome(&snapshot, &text), malformed());
    }
    let longest = "x".repeat(512);
    let secrets = json!([imported_secret("current", &longest, "sha256")]);
    let snapshot = snapshot_of(&deployment_but([lookup_key(), imported(FOREIGN_KID, &secrets)]));
    assert_eq!(outcome(&snapshot, &longest), Ok(kid(FOREIGN_KID)));
}

#[test]
fn an_imported_digest_is_no_secret_part_of_ours_nor_the_other_way_round() {
    let secrets = json!([imported_secret("current", SECRET, "sha256")]);
    let snapshot = snapshot_of(&deployment_but([lookup_key(), imported(FOREIGN_KID, &secrets)]));
    let unknown =
        Denied { fault: Fault::KeyUnknown, claimed: Some(kid(FOREIGN_KID)), proven: None, tag: SecretTag::NONE };
    assert_eq!(outcome(&snapshot, &presented("live", FOREIGN_KID, SECRET)), Err(unknown));
    // The deployment's own key has the same secret part, but was never imported: its text alone finds the other one.
    assert_eq!(outcome(&snapshot, SECRET), Ok(kid(FOREIGN_KID)));
}

#[test]
fn after_a_rotation_both_forms_work_under_one_kid_until_the_old_one_is_gone() {
    let both = json!([secret("current", SECRET, 1, None), imported_secret("retiring", FOREIGN, "drf")]);
    let before = snapshot_of(&deployment_but([lookup_key(), imported(FOREIGN_KID, &both)]));
    let ours = presented("live", FOREIGN_KID, SECRET);
    let slot = |text: &str| authenticate(&before, &SecurityLane::default(), text, NOW).ok().map(|found| found.slot);
    assert_eq!([slot(&ours), slot(FOREIGN)], [Some(SecretSlot::Current), Some(SecretSlot::Retiring)]);
    let alone = imported(FOREIGN_KID, &json!([secret("current", SECRET, 1, None)]));
    let after = apply_change(&before, &[alone], &[]).unwrap();
    assert_eq!(outcome(&after, FOREIGN), malformed());
    assert_eq!(outcome(&after, &ours), Ok(kid(FOREIGN_KID)));
    assert_eq!((before.keys().has_imported(), after.keys().has_imported()), (true, false));
}

#[test]
fn a_dead_imported_key_is_refused_for_its_own_reason() {
    let snapshot = importing("drf");
    for (operation, fault) in [("revoke_key", Fault::KeyRevoked), ("disable_key", Fault::KeyDisabled)] {
        let lane = lane_of(&[security(2, operation, FOREIGN_KID)]);
        let denied = authenticate(&snapshot, &lane, FOREIGN, NOW).err().unwrap();
        let proven = Some((kid(FOREIGN_KID), SecretSlot::Current));
        assert_eq!(denied, Denied { fault, claimed: Some(kid(FOREIGN_KID)), proven, tag: SecretTag::NONE });
    }
    let secrets = json!([imported_secret("current", FOREIGN, "drf")]);
    let ended = with(imported(FOREIGN_KID, &secrets), json!({"expires_at_us": NOW.0}));
    let snapshot = snapshot_of(&deployment_but([lookup_key(), ended]));
    assert_eq!(outcome(&snapshot, FOREIGN).unwrap_err().fault, Fault::KeyExpired);
    assert!(authenticate(&snapshot, &SecurityLane::default(), FOREIGN, WallTime(NOW.0 - 1)).is_ok());
}

#[test]
fn a_key_that_came_by_two_digests_under_two_kids_is_dead_where_one_of_them_is() {
    for (first, second) in [("sha256", "drf"), ("sha512", "sha256")] {
        let under = |name: &str, scheme| imported(name, &json!([imported_secret("current", FOREIGN, scheme)]));
        let one = under(FOREIGN_KID, first);
        let snapshot = snapshot_of(&deployment_but([lookup_key(), one, under("Kid000000G", second)]));
        assert!(outcome(&snapshot, FOREIGN).is_ok());
        for dead in [FOREIGN_KID, "Kid000000G"] {
            let lane = lane_of(&[security(2, "revoke_key", dead)]);
            let denied = authenticate(&snapshot, &lane, FOREIGN, NOW).err().unwrap();
            assert_eq!((denied.fault, denied.claimed), (Fault::KeyRevoked, Some(kid(dead))), "{first} {second}");
        }
    }
}

#[test]
fn a_deleted_key_takes_its_lookup_along() {
    let after = apply_change(&importing("sha512"), &[], &[("key", FOREIGN_KID)]).unwrap();
    assert!(!after.keys().has_imported());
    assert_eq!(outcome(&after, FOREIGN), malformed());
}

#[test]
fn a_secret_of_two_keys_or_without_the_look_up_key_is_refused() {
    let secrets = json!([imported_secret("current", FOREIGN, "sha256")]);
    let twice = deployment_but([lookup_key(), imported(FOREIGN_KID, &secrets), imported("Kid000000G", &secrets)]);
    let refused = apply_snapshot(&twice, None).err().unwrap();
    assert_eq!(refused.why, "another key has the same imported secret");
    let without = deployment_but([imported(FOREIGN_KID, &secrets)]);
    assert_eq!(apply_snapshot(&without, None).err().unwrap().why, "there is no lookup_key 1");
    let gone = apply_change(&importing("sha256"), &[], &[("lookup_key", "1")]);
    assert_eq!(gone.err().unwrap().why, "there is no lookup_key 1");
    // A secret may go from one key to another in one change, whichever comes first.
    let before = importing("sha256");
    let freed = imported(FOREIGN_KID, &json!([secret("current", SECRET, 1, None)]));
    let taken = imported("Kid000000G", &secrets);
    for order in [[freed.clone(), taken.clone()], [taken, freed]] {
        let after = apply_change(&before, &order, &[]).unwrap();
        assert_eq!(outcome(&after, FOREIGN), Ok(kid("Kid000000G")));
    }
}

#[test]
fn a_node_that_lacks_a_feature_of_it_lets_nobody_in() {
    let secrets = json!([imported_secret("current", FOREIGN, "sha256")]);
    let key = requiring(imported(FOREIGN_KID, &secrets), "key.imported.9");
    let snapshot = snapshot_of(&deployment_but([lookup_key(), key]));
    assert_eq!(outcome(&snapshot, FOREIGN), malformed());
    let later = requiring(lookup_key(), "lookup.sealed.9");
    let snapshot = snapshot_of(&deployment_but([later, imported(FOREIGN_KID, &secrets)]));
    assert_eq!(outcome(&snapshot, FOREIGN).unwrap_err().fault, Fault::NodeOutdated);
}

#[test]
fn where_nothing_was_imported_no_text_is_looked_up() {
    let snapshot = snapshot_of(&deployment());
    assert!(!snapshot.keys().has_imported());
    assert_eq!(outcome(&snapshot, FOREIGN), malformed());
}

#[test]
fn a_call_that_lasts_goes_on_by_the_text_that_another_system_made() {
    let lane = SecurityLane::default();
    for scheme in ["sha256", "sha512", "drf"] {
        let before = importing(scheme);
        let proof = authenticate(&before, &lane, FOREIGN, NOW).ok().unwrap().proof();
        let slot = |snapshot: &Snapshot| again(&proof, snapshot, &lane, NOW).map(|identity| identity.slot);
        assert_eq!(slot(&before), Ok(SecretSlot::Current));
        let secrets = json!([secret("current", SECRET, 1, None), imported_secret("retiring", FOREIGN, scheme)]);
        let rotated = snapshot_of(&deployment_but([lookup_key(), imported(FOREIGN_KID, &secrets)]));
        assert_eq!(slot(&rotated), Ok(SecretSlot::Retiring));
        let secrets = json!([imported_secret("current", OTHER, scheme)]);
        let replaced = snapshot_of(&deployment_but([lookup_key(), imported(FOREIGN_KID, &secrets)]));
        assert_eq!(slot(&replaced), Err(Fault::KeyUnknown));
    }
}
