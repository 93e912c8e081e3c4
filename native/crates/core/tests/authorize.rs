//! Who may use which route, and what a denial names.

mod support;

use portazgo_core::authorize::Peer;
use portazgo_core::fault::Fault;
use portazgo_core::security::SecurityLane;
use serde_json::{Value, json};
use support::{
    APPLICATION, KID, PARTNER, ROUTE, application, decide, deployment, deployment_but, key, lane_of, partner, plan,
    requiring, resource, route, security, snapshot_of, with,
};

const HERE: &str = "198.51.100.7";

fn decided(others: impl IntoIterator<Item = Value>, address: &str) -> Result<(), Fault> {
    decide(&snapshot_of(&deployment_but(others)), &SecurityLane::default(), address)
}

#[test]
fn a_caller_in_order_passes() {
    assert_eq!(decided([], HERE), Ok(()));
}

#[test]
fn each_denial_has_its_fault() {
    let suspended = json!({"status": "suspended"});
    let cases = [
        (with(partner(), suspended.clone()), Fault::PartnerSuspended),
        (with(application(), suspended), Fault::ApplicationSuspended),
        (with(application(), json!({"plan": null})), Fault::PlanMissing),
        (with(plan(), json!({"apis": []})), Fault::PlanMissing),
        (with(route(), json!({"environments": ["test"]})), Fault::EnvironmentUnavailable),
        (with(key(), json!({"networks": ["10.0.0.0/8"]})), Fault::KeyNetworkDenied),
        (with(key(), json!({"networks": []})), Fault::KeyNetworkDenied),
        (requiring(partner(), "partner.tree.9"), Fault::NodeOutdated),
        (requiring(plan(), "plan.quota.9"), Fault::NodeOutdated),
        (requiring(support::backend(), "backend.http2.9"), Fault::NodeOutdated),
        (requiring(route(), "route.contract.9"), Fault::NodeOutdated),
    ];
    for (resource, fault) in cases {
        let name = format!("{} {}", resource["kind"], resource["body"]);
        assert_eq!(decided([resource], HERE), Err(fault), "{name}");
    }
}

#[test]
fn a_backend_without_the_environment_answers_test_keys_with_that() {
    let snapshot = snapshot_of(&deployment_but([with(application(), json!({"environment": "test"}))]));
    let lane = SecurityLane::default();
    let key = support::presented("test", KID, support::SECRET);
    let identity = support::authenticate(&snapshot, &lane, &key, support::NOW).ok().unwrap();
    let caller = portazgo_core::authorize::caller(&identity, &snapshot).unwrap();
    let route = support::found_route(&snapshot, "/v1/badges/7");
    let decided =
        portazgo_core::authorize::authorize(&caller, &identity, &route, &snapshot, &lane, support::peer(HERE));
    assert_eq!(decided.err(), Some(Fault::EnvironmentUnavailable));
}

#[test]
fn plan_and_key_together_reach_no_further_than_each() {
    let needs = |scopes: Value| with(route(), json!({"scopes": scopes}));
    let plan_has = |scopes: Value| with(plan(), json!({"scopes": scopes}));
    let key_has = |scopes: Value| with(key(), json!({"scopes": scopes}));
    let null = Value::Null;
    let cases = [
        (json!(["a"]), null.clone(), null.clone(), Ok(())),
        (json!(["a"]), json!(["a", "b"]), null.clone(), Ok(())),
        (json!(["a"]), null.clone(), json!(["a"]), Ok(())),
        (json!([]), json!([]), json!([]), Ok(())),
        (json!(["a"]), json!(["b"]), null.clone(), Err(Fault::ScopeMissing)),
        (json!(["a"]), null.clone(), json!([]), Err(Fault::ScopeMissing)),
        (json!(["a", "b"]), json!(["a", "b"]), json!(["a"]), Err(Fault::ScopeMissing)),
        // Plan and key each have one of the two: no one has both.
        (json!(["a", "b"]), json!(["a"]), json!(["b"]), Err(Fault::ScopeMissing)),
    ];
    for (wanted, of_plan, of_key, expected) in cases {
        let name = format!("{wanted} {of_plan} {of_key}");
        assert_eq!(decided([needs(wanted), plan_has(of_plan), key_has(of_key)], HERE), expected, "{name}");
    }
}

#[test]
fn networks_hold_for_both_families() {
    let listed = || with(key(), json!({"networks": ["10.1.0.0/16", "2001:db8::/32"]}));
    for (address, expected) in [
        ("10.1.2.3", Ok(())),
        ("::ffff:10.1.2.3", Ok(())),
        ("2001:db8::1", Ok(())),
        ("10.2.0.1", Err(Fault::KeyNetworkDenied)),
        ("2001:db9::1", Err(Fault::KeyNetworkDenied)),
    ] {
        assert_eq!(decided([listed()], address), expected, "{address}");
    }
}

#[test]
fn a_key_that_is_bound_to_certificates_works_with_one_of_them_only() {
    let fingerprints = json!(["11".repeat(32), "22".repeat(32)]);
    let bound = requiring(with(key(), json!({"client_certificates": fingerprints})), "key.client-certificate.1");
    let snapshot = snapshot_of(&deployment_but([bound]));
    let decided = |certificate: Option<&[u8; 32]>| {
        support::decide_peer(&snapshot, &SecurityLane::default(), Peer { certificate, ..support::peer(HERE) })
    };
    assert_eq!(decided(Some(&[0x11; 32])), Ok(()));
    assert_eq!(decided(Some(&[0x22; 32])), Ok(()));
    assert_eq!(decided(Some(&[0x33; 32])), Err(Fault::KeyCertificateDenied));
    assert_eq!(decided(None), Err(Fault::KeyCertificateDenied));
}

#[test]
fn a_key_that_is_restricted_to_routes_opens_those_and_the_routes_of_its_tags() {
    let other = "01990000-0000-7000-8000-000000000017";
    let limited = |routes: Value, tags: Value| {
        requiring(with(key(), json!({"routes": routes, "route_tags": tags})), "key.routes.1")
    };
    let tag = |name: &str, routes: Value| resource("route_tag", name, json!({"routes": routes}));
    let denied = Err(Fault::KeyRouteDenied);
    let cases = [
        (limited(json!([ROUTE]), json!([])), vec![], Ok(())),
        (limited(json!([other, ROUTE]), json!([])), vec![], Ok(())),
        (limited(json!([other]), json!([])), vec![], denied),
        (limited(json!([]), json!([])), vec![], denied),
        (limited(json!([]), Value::Null), vec![], denied),
        (limited(Value::Null, json!([])), vec![], denied),
        (limited(Value::Null, Value::Null), vec![], Ok(())),
        // A tag that no route bears, one that another route bears, one that this route bears beside others.
        (limited(json!([]), json!(["badges"])), vec![], denied),
        (limited(json!([]), json!(["badges"])), vec![tag("badges", json!([other]))], denied),
        (limited(json!([]), json!(["badges"])), vec![tag("badges", json!([other, ROUTE]))], Ok(())),
        (limited(json!([]), json!(["Badges"])), vec![tag("badges", json!([ROUTE]))], denied),
        (limited(json!([other]), json!(["x", "Diseño, no"])), vec![tag("Diseño, no", json!([ROUTE]))], Ok(())),
        // Whoever does not understand a tag can't say that it opens nothing.
        (
            limited(json!([]), json!(["badges"])),
            vec![requiring(tag("badges", json!([ROUTE])), "tag.tree.9")],
            Err(Fault::NodeOutdated),
        ),
        (limited(json!([ROUTE]), json!(["badges"])), vec![requiring(tag("badges", json!([])), "tag.tree.9")], Ok(())),
    ];
    for (key, tags, expected) in cases {
        let name = format!("{} {tags:?}", key["body"]);
        let resources: Vec<Value> = deployment_but([key]).into_iter().chain(tags).collect();
        assert_eq!(decide(&snapshot_of(&resources), &SecurityLane::default(), HERE), expected, "{name}");
    }
}

#[test]
fn a_tag_opens_and_closes_routes_by_changes_of_its_own() {
    let limited = with(key(), json!({"routes": [], "route_tags": ["badges"]}));
    let lane = SecurityLane::default();
    let before = snapshot_of(&deployment_but([requiring(limited, "key.routes.1")]));
    assert_eq!(decide(&before, &lane, HERE), Err(Fault::KeyRouteDenied));
    let tagged = resource("route_tag", "badges", json!({"routes": [ROUTE]}));
    let opened = support::apply_change(&before, &[tagged], &[]).unwrap();
    assert_eq!(decide(&opened, &lane, HERE), Ok(()));
    let closed = support::apply_change(&opened, &[], &[("route_tag", "badges")]).unwrap();
    assert_eq!(decide(&closed, &lane, HERE), Err(Fault::KeyRouteDenied));
    assert_eq!(decide(&opened, &lane, HERE), Ok(()), "a snapshot never changes");
}

#[test]
fn routes_and_tags_that_are_no_ids_are_refused_with_their_place() {
    let limited = requiring(with(key(), json!({"routes": ["badges/list"], "route_tags": []})), "key.routes.1");
    let tagged = resource("route_tag", "badges", json!({"routes": ["x"]}));
    for (resource, place) in [(limited, format!("key/{KID}/routes")), (tagged, "route_tag/badges/routes".to_owned())] {
        let refused = support::apply_snapshot(&deployment_but([resource]), None).err().unwrap();
        assert_eq!(refused.place, place);
    }
}

#[test]
fn the_security_lane_counts_until_a_snapshot_has_caught_up() {
    let snapshot = snapshot_of(&deployment()); // revision 1
    let narrowed = {
        let mut entry = security(2, "narrow_networks", KID);
        entry.networks = Some(vec!["10.0.0.0/8".to_owned()]);
        entry
    };
    let cases = [
        (security(2, "suspend_partner", PARTNER), Fault::PartnerSuspended),
        (security(2, "suspend_application", APPLICATION), Fault::ApplicationSuspended),
        (narrowed, Fault::KeyNetworkDenied),
    ];
    for (entry, fault) in cases {
        let lane = lane_of(std::slice::from_ref(&entry));
        assert_eq!(decide(&snapshot, &lane, HERE), Err(fault));
        let caught_up = support::apply_change(&snapshot, &[], &[]).unwrap();
        assert_eq!(caught_up.revision, 2);
        assert_eq!(decide(&caught_up, &lane, HERE), Ok(()));
    }
}

#[test]
fn the_stricter_of_snapshot_and_lane_wins() {
    let suspended = snapshot_of(&deployment_but([with(partner(), json!({"status": "suspended"}))]));
    let lane = lane_of(&[security(2, "suspend_partner", PARTNER), security(3, "resume_partner", PARTNER)]);
    assert_eq!(decide(&suspended, &lane, HERE), Err(Fault::PartnerSuspended));
}
