//! Contracts in snapshots: which version a call is served by, and what a node refuses.

mod support;

use http::HeaderValue;
use portazgo_core::contract::{Body, Hold, MediaType, check_route, media};
use portazgo_core::fault::Fault;
use portazgo_core::ids::Id;
use portazgo_core::route::Match;
use portazgo_core::security::SecurityLane;
use portazgo_core::snapshot::{Pinned, Snapshot, validate};
use serde_json::{Value, json};
use support::{
    API, APPLICATION, ROUTE, application, apply_change, apply_snapshot, deployment_but, enter, partner, plan,
    requiring, resource, route, snapshot_of, understood, with,
};

const NEWER: &str = "01990000-0000-7000-8000-0000000000c1";
const OLDER: &str = "01990000-0000-7000-8000-0000000000c2";
const MISSING: &str = "01990000-0000-7000-8000-0000000000c3";
const OTHER_API: &str = "01990000-0000-7000-8000-0000000000c4";

fn route_view() -> Value {
    json!({
        "request": {"body": null, "program": {"nodes": [], "depth": 8}, "path": [], "query": [], "headers": [],
            "query_unknown": "refuse", "fill": []},
        "answers": [
            {"status": "200", "send": null, "body": {"kind": "json", "root": 0, "hold": 65536}, "headers": [],
                "content_types": ["application/json"]},
            {"status": "4XX", "send": null, "body": {"kind": "problem", "detail": null, "errors": null}, "headers": [],
                "content_types": []},
            {"status": "default", "send": null, "body": {"kind": "empty"}, "headers": [], "content_types": []},
        ],
        "program": {"nodes": [{"object": {"members": [{"in": "id", "out": "id", "node": 1}]}}, {"integer": true}], "depth": 8},
        "fields": null,
    })
}

#[allow(clippy::needless_pass_by_value, reason = "callers make the routes in place")]
fn contract(id: &str, date: &str, routes: Value) -> Value {
    let body = json!({"api": API, "contract": "badges-basic", "version": date, "deprecated_at_us": null, "sunset_at_us": null,
        "link": null, "routes": routes});
    requiring(resource("contract", id, body), "contract.1")
}

/// Two versions, and a route that has the newer one.
fn published() -> Vec<Value> {
    let views = json!({ ROUTE: route_view() });
    deployment_but([
        contract(NEWER, "2026-11-26", views.clone()),
        contract(OLDER, "2026-01-01", views),
        with(route(), json!({"passthrough": false, "contract": NEWER})),
    ])
}

/// The date of the version that the deployment's key is served by.
fn served(snapshot: &Snapshot) -> Result<Option<String>, Fault> {
    let lane = SecurityLane::default();
    let (_, caller) = enter(snapshot, &lane);
    let Match::Route(index, _) = snapshot.router().find("api.example", "GET", "/v1/badges/7") else {
        panic!("the route is there");
    };
    let plan = understood(snapshot.plan(caller.application.plan.unwrap()));
    let pinned = Pinned { application: caller.application, partner: caller.partner, plan: &plan };
    let action = snapshot.route(index).action.as_ref().unwrap();
    snapshot.view(index, action, pinned).map(|view| view.map(|view| view.edition.version.clone()))
}

fn pinned_to(resource: Value, version: &str) -> Value {
    with(resource, json!({"contracts": { API: version }}))
}

#[test]
fn the_nearest_pin_says_the_version() {
    let base = snapshot_of(&published());
    assert_eq!(served(&base), Ok(Some("2026-11-26".to_owned())));
    let by_plan = apply_change(&base, &[pinned_to(plan(), OLDER)], &[]).unwrap();
    assert_eq!(served(&by_plan), Ok(Some("2026-01-01".to_owned())));
    let by_partner = apply_change(&by_plan, &[pinned_to(partner(), NEWER)], &[]).unwrap();
    assert_eq!(served(&by_partner), Ok(Some("2026-11-26".to_owned())));
    let by_application = apply_change(&by_partner, &[pinned_to(application(), OLDER)], &[]).unwrap();
    assert_eq!(served(&by_application), Ok(Some("2026-01-01".to_owned())));
    // A pin for another API is none for this one.
    let elsewhere = with(application(), json!({"contracts": { OTHER_API: OLDER }}));
    let elsewhere = apply_change(&by_application, &[elsewhere], &[]).unwrap();
    assert_eq!(served(&elsewhere), Ok(Some("2026-11-26".to_owned())));
}

#[test]
fn a_version_that_is_not_here_is_no_reason_for_another() {
    let base = snapshot_of(&published());
    let to_nothing = apply_change(&base, &[pinned_to(application(), MISSING)], &[]).unwrap();
    assert_eq!(served(&to_nothing), Err(Fault::NodeOutdated));
    let came =
        apply_change(&to_nothing, &[contract(MISSING, "2026-12-01", json!({ ROUTE: route_view() }))], &[]).unwrap();
    assert_eq!(served(&came), Ok(Some("2026-12-01".to_owned())));
    let went = apply_change(&base, &[], &[("contract", NEWER)]).unwrap();
    assert_eq!(served(&went), Err(Fault::NodeOutdated));
    let from_the_future = requiring(contract(NEWER, "2026-11-26", json!({})), "contract.99");
    let outdated = apply_change(&base, &[from_the_future], &[]).unwrap();
    assert_eq!(served(&outdated), Err(Fault::NodeOutdated));
}

#[test]
fn a_route_that_a_version_does_not_have_does_not_exist_for_who_is_pinned_to_it() {
    let base = snapshot_of(&published());
    let without = apply_change(&base, &[contract(NEWER, "2026-11-26", json!({}))], &[]).unwrap();
    assert_eq!(served(&without), Err(Fault::RouteUnknown));
    let none = apply_change(&base, &[with(route(), json!({"passthrough": false}))], &[]).unwrap();
    assert_eq!(served(&none), Err(Fault::RouteUnknown));
    let foreign = with(contract(NEWER, "2026-11-26", json!({ ROUTE: route_view() })), json!({"api": OTHER_API}));
    let foreign = apply_change(&base, &[foreign], &[]).unwrap();
    assert_eq!(served(&foreign), Err(Fault::RouteUnknown));
}

#[test]
fn a_route_that_passes_all_through_ignores_pins() {
    let resources = deployment_but([pinned_to(application(), MISSING)]);
    assert_eq!(served(&snapshot_of(&resources)), Ok(None));
}

#[test]
fn the_first_answer_whose_status_fits_counts() {
    let snapshot = snapshot_of(&published());
    let lane = SecurityLane::default();
    let (_, caller) = enter(&snapshot, &lane);
    let Match::Route(index, _) = snapshot.router().find("api.example", "GET", "/v1/badges/7") else { panic!() };
    let plan = understood(snapshot.plan(caller.application.plan.unwrap()));
    let pinned = Pinned { application: caller.application, partner: caller.partner, plan: &plan };
    let action = snapshot.route(index).action.as_ref().unwrap();
    let view = snapshot.view(index, action, pinned).unwrap().unwrap();
    let body = |status: u16| view.answer(http::StatusCode::from_u16(status).unwrap()).map(|answer| &answer.body);
    assert!(matches!(body(200), Some(Body::Json { root: 0, hold: Hold::Bytes(65536) })));
    assert!(matches!(body(404), Some(Body::Problem { .. })) && matches!(body(201), Some(Body::Empty)));
    assert_eq!(view.accept.as_ref().unwrap(), "application/json");
}

#[test]
fn what_a_contract_must_not_say_is_refused_with_its_place() {
    let change = |pointer: &str, value: Value| {
        let mut view = route_view();
        *view.pointer_mut(pointer).unwrap() = value;
        view
    };
    let with_member = |pointer: &str, name: &str, value: Value| {
        let mut view = route_view();
        view.pointer_mut(pointer).unwrap()[name] = value;
        view
    };
    let header = |name: &str| json!([{"in": name, "out": name, "url": false}]);
    let wrong = [
        (with_member("", "extra", json!(1)), "extra"),
        (with_member("/answers/0", "extra", json!(1)), "extra"),
        (with_member("/answers/0/body", "extra", json!(1)), "extra"),
        (change("/answers/0/status", json!("2xx")), "answers/0/status"),
        (change("/answers/0/send", json!(101)), "answers/0/send"),
        (change("/answers/0/body/root", json!(9)), "answers/0/body/root"),
        (change("/answers/0/body/hold", json!(0)), "answers/0/body/hold"),
        (change("/answers/0/body/hold", json!("all")), "answers/0/body/hold"),
        (change("/answers/0/content_types", json!([])), "answers/0/content_types"),
        (change("/answers/0/content_types", json!(["json"])), "answers/0/content_types"),
        (change("/answers/0/headers", header("content-length")), "answers/0/headers"),
        (change("/answers/0/headers", header("set-cookie")), "answers/0/headers"),
        (change("/answers/0/headers", header("X-Upper")), "answers/0/headers"),
        (change("/program/nodes/0/object/members/0/node", json!(7)), "program"),
        (change("/request/program/depth", json!("x")), "request"),
    ];
    for (view, place) in wrong {
        let why = check_route(view.to_string().as_bytes()).unwrap_err();
        assert!(why.contains(place), "{place}: {why}");
        let line = contract(NEWER, "2026-11-26", json!({ ROUTE: view })).to_string();
        let refused = validate(line.as_bytes(), false).unwrap_err();
        assert!(refused.place.starts_with(&format!("contract/{NEWER}/routes/{ROUTE}/")), "{refused}");
    }
    assert_eq!(check_route(route_view().to_string().as_bytes()), Ok(()));
}

#[test]
fn what_a_route_can_not_be_beside_a_contract_is_refused() {
    let refused = |members: Value| {
        let why = apply_snapshot(&deployment_but([with(route(), members)]), None).map(|_| ()).unwrap_err();
        why.place
    };
    assert_eq!(refused(json!({"passthrough": true, "contract": NEWER})), format!("route/{ROUTE}/contract"));
    assert_eq!(refused(json!({"passthrough": false, "upgrades": ["websocket"]})), format!("route/{ROUTE}/upgrades"));
    assert_eq!(refused(json!({"passthrough": false, "contract": "none"})), format!("route/{ROUTE}/contract"));
    let pins = with(application(), json!({"contracts": {"items": NEWER}}));
    let refused = apply_snapshot(&deployment_but([pins]), None).map(|_| ()).unwrap_err();
    assert_eq!(refused.place, format!("application/{APPLICATION}/contracts"));
}

/// What is read of a document by who may call only routes that `may_call` names; `body` is the resource's.
fn read(body: Value, may_call: &[&str]) -> Result<String, Fault> {
    let document = requiring(resource("contract_document", NEWER, body), "contract.document.1");
    let mut resources = published();
    resources.push(document);
    let snapshot = snapshot_of(&resources);
    let version = Id::parse(NEWER).unwrap();
    let read = snapshot.contract_document(version, |route| may_call.contains(&route.id.to_string().as_str()));
    read.map(|document| document.text.to_string())
}

fn parts(operations: &[u32]) -> Value {
    json!({"parts": {
        "before": "{\"openapi\":\"3.1.0\"",
        "paths": [{"name": "\"/v1/badges/{id}\"", "operations": [
            {"route": ROUTE, "member": "\"get\":{}"}, {"route": MISSING, "member": "\"put\":{}"},
        ]}],
        "components": [{"name": "\"schemas\"", "members": [
            {"member": "\"Always\":{}"}, {"member": "\"Some\":{}", "operations": operations},
        ]}],
    }})
}

#[test]
fn a_document_has_what_its_reader_may_call_and_what_that_leads_to() {
    let head = "{\"openapi\":\"3.1.0\",\"paths\":";
    let nothing = format!("{head}{{}},\"components\":{{\"schemas\":{{\"Always\":{{}}}}}}}}");
    assert_eq!(read(parts(&[0, 1]), &[]), Ok(nothing));
    let path = "{\"/v1/badges/{id}\":{\"get\":{}}}";
    let shown = format!("{head}{path},\"components\":{{\"schemas\":{{\"Always\":{{}},\"Some\":{{}}}}}}}}");
    assert_eq!(read(parts(&[0, 1]), &[ROUTE]), Ok(shown));
    // What only a route that is not here leads to is nobody's.
    let shown = format!("{head}{path},\"components\":{{\"schemas\":{{\"Always\":{{}}}}}}}}");
    assert_eq!(read(parts(&[1]), &[ROUTE, MISSING]), Ok(shown));
}

#[test]
fn a_document_of_earlier_control_planes_is_for_who_may_call_all_of_it() {
    assert_eq!(read(json!({"document": "{}"}), &[ROUTE]), Ok("{}".to_owned()));
    assert_eq!(read(json!({"document": "{}"}), &[]), Err(Fault::NodeOutdated));
}

#[test]
fn a_document_that_can_not_be_cut_is_refused_with_its_place() {
    let mut both = parts(&[0]);
    both["document"] = json!("{}");
    let mut nobody = parts(&[0]);
    nobody["parts"]["paths"][0]["operations"][0]["route"] = json!("show");
    let mut strange = parts(&[0]);
    strange["parts"]["paths"][0]["for"] = json!(1);
    for (body, place) in [
        (parts(&[2]), "parts/components"),
        (both, "parts"),
        (json!({}), "parts"),
        (nobody, "parts/paths"),
        (strange, "parts/paths/for"),
    ] {
        let line = requiring(resource("contract_document", NEWER, body), "contract.document.1").to_string();
        let refused = validate(line.as_bytes(), false).unwrap_err();
        assert!(refused.place.starts_with(&format!("contract_document/{NEWER}")), "{refused}");
        assert!(refused.to_string().contains(place.rsplit('/').next().unwrap()), "{place}: {refused}");
    }
}

#[test]
fn a_type_is_found_as_it_is_chosen_however_it_is_said() {
    let types: Vec<MediaType> =
        ["image/*", "image/png", "application/json"].into_iter().map(|text| MediaType::parse(text).unwrap()).collect();
    let said =
        ["image/*", "image/png", "IMAGE/png", "application/json", "application/json; charset=utf-8", "text/plain", ""];
    for said in said {
        for types in [&types[..], &types[1..], &types[2..], &[]] {
            for choose in [media::choose, media::choose_opaque] {
                assert_eq!(media::said(types, &said.parse().unwrap(), choose), choose(types, said), "{said}");
            }
        }
    }
    let unreadable = HeaderValue::from_bytes(b"application/json; name=\xff").unwrap();
    assert_eq!(media::said(&types, &unreadable, media::choose), None);
}
