//! The backend's token: what it says, who signed it, how long it is held, when it is dropped.

mod support;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portazgo_core::credential::{CredentialPolicy, Found, Minting, authorization, find, refused};
use portazgo_core::fault::Fault;
use portazgo_core::security::{Entry, SecurityLane};
use portazgo_core::snapshot::Snapshot;
use portazgo_core::time::WallTime;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{
    APPLICATION, FURTHER, KID, NEXT_SIGNING, NOW, OTHER_SECRET, application, apply_change, apply_snapshot, backend,
    backend_claiming, deployment, deployment_but, enter, issuer, key, key_named, lane_of, partner, plan, requiring,
    security, signing_key, signing_key_of, signing_key_with, snapshot_of, understood, with,
};

fn mint_at(snapshot: &Snapshot, lane: &SecurityLane, now: WallTime) -> Result<Arc<str>, Fault> {
    let (identity, caller) = enter(snapshot, lane);
    let backend = understood(snapshot.backend(portazgo_core::ids::Id::parse(support::BACKEND).unwrap()));
    let Some(CredentialPolicy::Mint(policy)) = backend.live.as_ref().map(|live| &live.credential) else {
        panic!("the backend mints")
    };
    let minting = Minting { caller: &caller, identity: &identity, backend: &backend, snapshot, lane };
    let header = authorization(policy, &minting, now, || 7)?;
    assert!(header.is_sensitive(), "a log that shows headers would show the token");
    Ok(header.to_str().unwrap().into())
}

fn mint(snapshot: &Snapshot) -> Arc<str> {
    mint_at(snapshot, &SecurityLane::default(), NOW).unwrap()
}

fn later(seconds: i64) -> WallTime {
    WallTime(NOW.0 + seconds * 1_000_000)
}

/// Header and claims, after checking the signature against the JWKS of the snapshot as a backend would.
fn verified(header: &str, snapshot: &Snapshot) -> (Value, Value) {
    let token = header.strip_prefix("Bearer ").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let json = |part: &str| serde_json::from_slice::<Value>(&decode(part)).unwrap();
    let head = json(head);
    let keys: Value = serde_json::from_str(&snapshot.jwks(&SecurityLane::default()).text).unwrap();
    let jwk = keys["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == head["kid"]).unwrap().clone();
    let mut point = vec![4];
    point.extend(["x", "y"].into_iter().flat_map(|name| decode(jwk[name].as_str().unwrap())));
    let signature = decode(signature);
    assert_eq!(signature.len(), 64, "a JWS signature is r and s, not DER");
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature).unwrap();
    (head, json(claims))
}

#[test]
fn a_token_says_what_the_backend_checks() {
    let snapshot = snapshot_of(&deployment());
    let (head, claims) = verified(&mint(&snapshot), &snapshot);
    assert_eq!(head, json!({"alg": "ES256", "kid": "signing-1", "typ": "JWT"}));
    let now = NOW.seconds();
    let expected = json!({"iss": "https://gate.example", "aud": "insignia", "sub": APPLICATION, "tier": "gold",
        "iat": now - 5, "nbf": now - 5, "exp": now + 300, "jti": "00000000000000000000000000000007"});
    assert_eq!(claims, expected);
}

#[test]
fn a_token_is_held_for_four_fifths_of_its_life() {
    let snapshot = snapshot_of(&deployment());
    let lane = SecurityLane::default();
    let first = mint(&snapshot);
    assert_eq!(mint_at(&snapshot, &lane, later(239)).unwrap(), first);
    let second = mint_at(&snapshot, &lane, later(240)).unwrap();
    assert_ne!(second, first);
    // A clock that was set back must not hand out a token that is not valid yet.
    assert_ne!(mint_at(&snapshot, &lane, NOW).unwrap(), second);
}

#[test]
fn a_whole_snapshot_of_the_same_drops_no_token() {
    let before = snapshot_of(&deployment());
    let token = mint(&before);
    let after = apply_snapshot(&deployment(), Some(&before)).unwrap();
    assert_eq!(mint(&after), token);
}

#[test]
fn a_change_of_anything_that_the_token_depends_on_drops_it() {
    let changes = [
        with(partner(), json!({"metadata": {"tier": "silver"}})),
        with(application(), json!({"name": "erp"})),
        backend_claiming(&json!({"tier": "fixed"})),
        with(issuer(), json!({"url": "https://other.example"})),
    ];
    for change in changes {
        let before = snapshot_of(&deployment());
        let token = mint(&before);
        let after = apply_change(&before, std::slice::from_ref(&change), &[]).unwrap();
        let new = mint(&after);
        assert_ne!(new, token, "{change}");
        verified(&new, &after);
    }
}

#[test]
fn a_change_of_something_else_keeps_it() {
    let changes = [with(key(), json!({"name": "renamed"})), with(plan(), json!({"name": "renamed"}))];
    for change in changes {
        let before = snapshot_of(&deployment());
        let token = mint(&before);
        let after = apply_change(&before, std::slice::from_ref(&change), &[]).unwrap();
        assert_eq!(mint(&after), token, "{change}");
    }
}

#[test]
fn a_token_that_reads_the_key_belongs_to_the_key() {
    let reads_key = backend_claiming(&json!({"kid": "{key.kid}", "scopes": "{key.scopes}"}));
    let scoped = with(plan(), json!({"scopes": ["a"]}));
    let snapshot = snapshot_of(&deployment_but([reads_key, scoped, key_named("Kid0000002", OTHER_SECRET)]));
    let token = mint(&snapshot);
    assert_eq!(verified(&token, &snapshot).1["kid"], KID);
    for change in [with(key(), json!({"name": "renamed"})), with(plan(), json!({"scopes": ["a", "b"]}))] {
        let after = apply_change(&snapshot, std::slice::from_ref(&change), &[]).unwrap();
        assert_ne!(mint(&after), token, "{change}");
    }
}

#[test]
fn the_next_signing_key_signs_when_it_is_told_to() {
    let published = signing_key_of("signing-2", &NEXT_SIGNING, "published");
    let before = snapshot_of(&deployment_but([published]));
    let first = mint(&before);
    assert_eq!(verified(&first, &before).0["kid"], "signing-1");
    let retired = with(signing_key(), json!({"state": "retired"}));
    let after = apply_change(&before, &[retired, signing_key_of("signing-2", &NEXT_SIGNING, "signing")], &[]).unwrap();
    assert_eq!(verified(&mint(&after), &after).0["kid"], "signing-2");
    // What the old one signed can still be checked.
    verified(&first, &after);
}

#[test]
fn a_withdrawn_signing_key_signs_no_more_and_is_not_published() {
    let snapshot = snapshot_of(&deployment());
    mint(&snapshot);
    let lane = lane_of(&[security(2, "withdraw_signing_key", "signing-1")]);
    assert_eq!(mint_at(&snapshot, &lane, NOW), Err(Fault::TokenMintFailed));
    assert_eq!(&*snapshot.jwks(&lane).text, r#"{"keys":[]}"#);
    let none: &[Entry] = &[];
    assert!(snapshot.jwks(&lane_of(none)).text.contains("signing-1"));
}

#[test]
fn no_token_is_made_from_what_is_missing_or_not_understood() {
    let lane = SecurityLane::default();
    let cases = [
        (backend_claiming(&json!({"x": "{partner.metadata.absent}"})), Fault::TokenMintFailed),
        (with(signing_key(), json!({"state": "published"})), Fault::TokenMintFailed),
        (requiring(signing_key(), "signing.eddsa.9"), Fault::NodeOutdated),
        (requiring(issuer(), "issuer.tree.9"), Fault::NodeOutdated),
    ];
    for (resource, fault) in cases {
        let name = resource.to_string();
        let snapshot = snapshot_of(&deployment_but([resource]));
        assert_eq!(mint_at(&snapshot, &lane, NOW), Err(fault), "{name}");
    }
}

#[test]
fn a_signing_key_from_the_future_is_published_although_it_is_not_understood() {
    let future = requiring(signing_key_of("signing-2", &NEXT_SIGNING, "published"), "signing.hsm.9");
    let snapshot = snapshot_of(&deployment_but([future]));
    let kids: Vec<Value> = {
        let keys: Value = serde_json::from_str(&snapshot.jwks(&SecurityLane::default()).text).unwrap();
        keys["keys"].as_array().unwrap().iter().map(|jwk| jwk["kid"].clone()).collect()
    };
    assert_eq!(kids, ["signing-1", "signing-2"]);
    assert_eq!(verified(&mint(&snapshot), &snapshot).0["kid"], "signing-1");
}

#[test]
fn a_backend_may_want_no_credential() {
    let mut open = backend();
    open["body"]["environments"]["live"]["credential"] = json!({"kind": "none"});
    let snapshot = snapshot_of(&deployment_but([open]));
    let backend = understood(snapshot.backend(portazgo_core::ids::Id::parse(support::BACKEND).unwrap()));
    assert!(matches!(backend.live.as_ref().unwrap().credential, CredentialPolicy::None));
}

#[test]
fn discovery_is_told_by_the_issuer_of_the_host() {
    let other = support::resource(
        "issuer",
        "01990000-0000-7000-8000-0000000000aa",
        json!({"url": "https://a.example/x", "name": "a"}),
    );
    let snapshot = snapshot_of(&deployment_but([other]));
    let issuer = |host, path| {
        let document: Value = serde_json::from_str(&snapshot.discovery(host, path).unwrap().text).unwrap();
        (document["issuer"].clone(), document["jwks_uri"].clone())
    };
    let own = (json!("https://gate.example"), json!("https://gate.example/.well-known/jwks.json"));
    let first = (json!("https://a.example/x"), json!("https://a.example/x/.well-known/jwks.json"));
    assert_eq!(issuer("gate.example", ""), own);
    assert_eq!(issuer("a.example", "/x"), first);
    // By an address that no issuer is named after.
    assert_eq!(issuer("127.0.0.1:8080", ""), own);
    assert_eq!(issuer("127.0.0.1:8080", "/x"), first);
    assert!(snapshot.discovery("a.example", "/y").is_none());
    assert!(Snapshot::default().discovery("gate.example", "").is_none());
    let of_first = snapshot.jwks_under("a.example", "/x", &SecurityLane::default()).unwrap();
    assert_eq!(&*of_first.text, r#"{"keys":[]}"#);
    assert!(snapshot.jwks_under("a.example", "/y", &SecurityLane::default()).is_none());
}

/// The deployment with a key of another algorithm, which its backend wants.
fn deployment_with(algorithm: &str) -> Vec<Value> {
    let mut wanting = backend();
    wanting["body"]["environments"]["live"]["credential"]["algorithm"] = json!(algorithm);
    deployment_but([wanting, signing_key_with(algorithm)])
}

#[test]
fn a_token_is_signed_with_the_algorithm_that_the_backend_wants() {
    for algorithm in ["EdDSA", "RS256", "HS256"] {
        let snapshot = snapshot_of(&deployment_with(algorithm));
        let header = mint(&snapshot);
        let token = header.strip_prefix("Bearer ").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let head = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().0).unwrap();
        let head: Value = serde_json::from_slice(&head).unwrap();
        assert_eq!(head, json!({"alg": algorithm, "kid": algorithm, "typ": "JWT"}));
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let (secret, jwk) = &FURTHER[algorithm];
        let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk.as_ref().unwrap()[name].as_str().unwrap()).unwrap();
        match algorithm {
            "EdDSA" => UnparsedPublicKey::new(&ED25519, member("x")).verify(signed.as_bytes(), &signature).unwrap(),
            "RS256" => RsaPublicKeyComponents { n: member("n"), e: member("e") }
                .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
                .unwrap(),
            _ => hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes(), &signature).unwrap(),
        }
    }
}

#[test]
fn a_shared_secret_is_in_no_document() {
    let snapshot = snapshot_of(&deployment_with("HS256"));
    let shown = snapshot.jwks(&SecurityLane::default()).text;
    assert!(!shown.contains("HS256") && shown.contains("signing-1"), "{shown}");
    let discovery = &snapshot.discovery("gate.example", "").unwrap().text;
    assert!(discovery.contains(r#""id_token_signing_alg_values_supported":["ES256"]"#), "{discovery}");
}

#[test]
fn a_key_that_would_publish_something_private_or_something_else_is_refused() {
    let changed = |algorithm: &str, member: &str, value: Value| {
        let mut key = signing_key_with(algorithm);
        key["body"]["public_jwk"][member] = value;
        apply_snapshot(&deployment_but([key]), None).err().map(|refused| refused.to_string())
    };
    let cases = [
        ("EdDSA", "d", json!("AAAA")),
        ("RS256", "p", json!("AAAA")),
        ("HS256", "k", json!("AAAA")),
        ("HS256", "kty", json!("oct")),
        ("EdDSA", "crv", json!("Ed448")),
        ("EdDSA", "x", json!("AAAA")),
        ("RS256", "n", json!("AAAA")),
        ("RS256", "e", json!("AAAA")),
        ("RS256", "alg", json!("HS256")),
        ("EdDSA", "kid", json!("another")),
    ];
    for (algorithm, member, value) in cases {
        let refused = changed(algorithm, member, value).unwrap_or_else(|| panic!("{algorithm} {member}"));
        assert!(refused.contains("public_jwk"), "{refused}");
    }
    let swapped = with(signing_key_with("EdDSA"), json!({"algorithm": "RS256"}));
    assert!(apply_snapshot(&deployment_but([swapped]), None).is_err());
}

#[test]
fn one_order_is_given_for_each_renewal_and_the_old_token_goes_on_meanwhile() {
    let snapshot = snapshot_of(&deployment());
    let lane = SecurityLane::default();
    let (identity, caller) = enter(&snapshot, &lane);
    let backend = understood(snapshot.backend(portazgo_core::ids::Id::parse(support::BACKEND).unwrap()));
    let Some(CredentialPolicy::Mint(policy)) = backend.live.as_ref().map(|live| &live.credential) else { panic!() };
    let minting = Minting { caller: &caller, identity: &identity, backend: &backend, snapshot: &snapshot, lane: &lane };
    let find = |now| find(policy, &minting, now, || 7).unwrap();
    let Found::Missing(order) = find(NOW) else { panic!("the first has to be made") };
    assert!(matches!(find(NOW), Found::Awaited(_)), "somebody makes it");
    let first = order.carry_out().unwrap();
    let Found::Ageing(held, order) = find(later(240)) else { panic!("it is to be renewed") };
    assert_eq!(held, first);
    assert!((0..100).all(|_| matches!(find(later(240)), Found::Token(held) if held == first)));
    let second = order.carry_out().unwrap();
    assert!(second != first && matches!(find(later(240)), Found::Token(held) if held == second));
    // The backend refuses it: another is ordered, once.
    assert!(refused(policy, &minting, &second, later(241)));
    let Found::Missing(order) = find(later(241)) else { panic!("it was let go") };
    let third = order.carry_out().unwrap();
    assert!(!refused(policy, &minting, &third, later(242)));
    assert!(refused(policy, &minting, &second, later(242)), "a call that was under way with the one before");
}

#[test]
fn why_no_token_is_made_is_said() {
    let snapshot = snapshot_of(&deployment_but([backend_claiming(&json!({"x": "{partner.metadata.absent}"}))]));
    let lane = SecurityLane::default();
    let (identity, caller) = enter(&snapshot, &lane);
    let backend = understood(snapshot.backend(portazgo_core::ids::Id::parse(support::BACKEND).unwrap()));
    let Some(CredentialPolicy::Mint(policy)) = backend.live.as_ref().map(|live| &live.credential) else { panic!() };
    let minting = Minting { caller: &caller, identity: &identity, backend: &backend, snapshot: &snapshot, lane: &lane };
    let Err(not_made) = find(policy, &minting, NOW, || 7) else { panic!("a claim has no value") };
    assert_eq!(not_made.why, "the claim x reads {partner.metadata.absent}, which has no value here");
}
