//! The golden cases that pytest reads too (tests/cases at the project's root).

mod support;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portazgo_core::authenticate::ParsedKey;
use portazgo_core::credential::{ClaimsTemplate, CredentialPolicy, Minting, authorization};
use portazgo_core::fault::Fault;
use portazgo_core::ids::{Id, base62_crc};
use portazgo_core::route::{Match, Template};
use portazgo_core::security::SecurityLane;
use serde_json::{Map, Value, json};
use std::path::Path;
use support::{NOW, deployment_but, enter, resource, snapshot_of, understood, with};

fn cases(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/cases").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("{member} of {value}"))
}

fn list<'v>(value: &'v Value, member: &str) -> &'v [Value] {
    value[member].as_array().unwrap_or_else(|| panic!("{member} of {value}"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    (0..hexadecimal.len()).step_by(2).map(|at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn keys_have_their_form_and_check_sum() {
    let document = cases("keys.json");
    for case in list(&document, "cases") {
        let parsed = ParsedKey::parse(text(case, "presented").as_bytes(), text(&document, "prefix"));
        let found = parsed.map(|key| (key.environment.as_str(), key.kid.as_str().unwrap().to_owned()));
        let expected = (case["valid"] == true).then(|| (text(case, "environment"), text(case, "kid").to_owned()));
        assert_eq!(found, expected, "{case}");
    }
    for case in list(&document, "checksums") {
        assert_eq!(base62_crc(crc32fast::hash(text(case, "text").as_bytes())), text(case, "crc").as_bytes());
    }
    for case in list(&document, "digests") {
        let inner = digest::digest(&digest::SHA256, text(case, "secret").as_bytes());
        assert_eq!(hexadecimal(inner.as_ref()), text(case, "inner"));
        let pepper = hmac::Key::new(hmac::HMAC_SHA256, &bytes(text(case, "pepper")));
        assert_eq!(hexadecimal(hmac::sign(&pepper, inner.as_ref()).as_ref()), text(case, "digest"));
    }
}

#[test]
fn a_path_leads_where_its_route_says() {
    let document = cases("paths.json");
    let route_id = |index: usize| format!("01990000-0000-7000-8000-0000000001{index:02x}");
    let routes = list(&document, "routes").iter().enumerate().map(|(index, members)| {
        let mut route = with(support::route(), members.clone());
        route["id"] = json!(route_id(index));
        route["body"]["backend_method"] = members["method"].clone();
        route
    });
    let mut all = deployment_but(routes);
    all.retain(|one| one["id"] != support::ROUTE);
    let snapshot = snapshot_of(&all);
    for request in list(&document, "requests") {
        let found = snapshot.router().find(text(request, "host"), text(request, "method"), text(request, "path"));
        let found = match found {
            Match::Route(index, values) => {
                let route = snapshot.route(index);
                let mut path = String::new();
                route.action.as_ref().unwrap().backend_path.write(&values, &mut path);
                json!({"route": route.name, "parameters": values.to_vec(), "backend_path": path})
            }
            Match::MethodNotAllowed(methods) => json!({ "allow": methods }),
            Match::Unknown => json!({}),
        };
        let mut expected = request.as_object().unwrap().clone();
        expected.retain(|name, _| !["host", "method", "path"].contains(&name.as_str()));
        assert_eq!(found, Value::Object(expected), "{request}");
    }
    for refused in list(&document, "refused") {
        assert!(Template::parse(refused.as_str().unwrap()).is_err(), "{refused}");
    }
}

/// The claims that a template adds to a token; Err where none is made.
fn filled(case: &Value, document: &Value) -> Result<Value, Fault> {
    let member = |name: &str| {
        if case.get(name).is_some() { &case[name] } else { &document[name] }
    };
    let (partner, application, key) = (member("partner"), member("application"), member("key"));
    let snapshot = snapshot_of(&deployment_but([
        resource(
            "partner",
            support::PARTNER,
            json!({"name": partner["name"], "status": "active", "metadata": partner["metadata"]}),
        ),
        with(support::application(), json!({"name": application["name"], "metadata": application["metadata"]})),
        with(support::key(), json!({"name": key["name"], "scopes": key["scopes"]})),
        with(support::plan(), json!({"scopes": member("plan_scopes")})),
        support::backend_claiming(&case["claims"]),
    ]));
    let lane = SecurityLane::default();
    let (identity, caller) = enter(&snapshot, &lane);
    let backend = understood(snapshot.backend(Id::parse(support::BACKEND).unwrap()));
    let Some(CredentialPolicy::Mint(policy)) = backend.live.as_ref().map(|live| &live.credential) else { panic!() };
    let minting = Minting { caller: &caller, identity: &identity, backend: &backend, snapshot: &snapshot, lane: &lane };
    let header = authorization(policy, &minting, NOW, || 0)?;
    let claims = header.to_str().unwrap().split('.').nth(1).unwrap();
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap())
}

#[test]
fn claims_come_to_what_the_template_says() {
    let document = cases("claims.json");
    for case in list(&document, "cases") {
        let template: &Map<String, Value> = case["claims"].as_object().unwrap();
        assert_eq!(ClaimsTemplate::compile(template).is_err(), case["refused"] == true, "{case}");
        if case["refused"] == true {
            continue;
        }
        match filled(case, &document) {
            Ok(claims) => {
                for (name, value) in case["filled"].as_object().unwrap_or_else(|| panic!("{case} gave {claims}")) {
                    assert_eq!(&claims[name], value, "{case}");
                }
            }
            Err(fault) => assert_eq!((fault, case["missing"].is_string()), (Fault::TokenMintFailed, true), "{case}"),
        }
    }
}

#[test]
fn the_hash_chain_is_over_canonical_json() {
    let document = cases("history.json");
    let mut before = text(&document, "before").to_owned();
    for link in list(&document, "chain") {
        let canonical = link["line"].to_string();
        assert_eq!(canonical, text(link, "canonical"));
        before = hexadecimal(digest::digest(&digest::SHA256, format!("{before}\n{canonical}").as_bytes()).as_ref());
        assert_eq!(before, text(link, "hash"));
    }
}
