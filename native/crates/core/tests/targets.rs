//! Which target is next, who is left out, and that a change of the backend forgets none of it.

mod support;

use portazgo_core::forward::{BackendView, BreakerStanding, Flight, Outcome, Permit, TargetView, Targets};
use portazgo_core::ids::Id;
use portazgo_core::snapshot::{Backend, BackendEnvironment, Environment, Snapshot};
use portazgo_core::time::Monotonic;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{BACKEND, apply_change, backend, deployment_but, snapshot_of, understood};

fn body(targets: &[&str], forwarding: &Value) -> Value {
    let mut backend = backend();
    let live = &mut backend["body"]["environments"]["live"];
    live["targets"] = json!(targets);
    live["forwarding"] = forwarding.clone();
    backend
}

fn of(snapshot: &Snapshot) -> Arc<Backend> {
    understood(snapshot.backend(Id::parse(BACKEND).unwrap()))
}

fn backend_with(targets: &[&str], forwarding: &Value) -> Arc<Backend> {
    of(&snapshot_of(&deployment_but([body(targets, forwarding)])))
}

fn live(backend: &Backend) -> &BackendEnvironment {
    backend.live.as_ref().unwrap()
}

fn at(ms: u64) -> Monotonic {
    Monotonic((1_000_000 + ms) * 1_000_000)
}

const THREE: [&str; 3] = ["http://a:1", "http://b:1", "http://c:1"];

fn turns(backend: &BackendEnvironment, count: usize, now: Monotonic) -> Vec<usize> {
    (0..count).map(|_| backend.choose(Targets::default(), now)).collect()
}

fn fail(backend: &BackendEnvironment, index: usize, times: usize, now: Monotonic) -> bool {
    (0..times).fold(false, |out, _| backend.note(index, Outcome::Failed, || now) || out)
}

#[test]
fn targets_take_turns_and_share_those_of_who_is_left_out() {
    let backend = backend_with(&THREE, &json!({}));
    let backend = live(&backend);
    assert_eq!(turns(backend, 6, at(0)), [0, 1, 2, 0, 1, 2]);
    assert!(fail(backend, 1, 5, at(0)));
    assert_eq!(turns(backend, 6, at(1)), [0, 2, 0, 2, 0, 2]);
    // Ten seconds later it is back.
    assert_eq!(turns(backend, 3, at(10_000)), [0, 1, 2]);
}

#[test]
fn failures_count_in_a_row_and_an_absence_doubles_unless_it_was_lived_down() {
    let forwarding = json!({"ejection": {"failures": 2, "first_ms": 100, "most_ms": 250, "most_percent": 100}});
    let backend = backend_with(&["http://a:1", "http://b:1"], &forwarding);
    let backend = live(&backend);
    let until = |now| backend.targets[0].state.ejected_until(now);
    fail(backend, 0, 1, at(0));
    backend.note(0, Outcome::Answered, || panic!("nobody needs the time"));
    backend.note(0, Outcome::Neither, || panic!("nobody needs the time"));
    assert!(!fail(backend, 0, 1, at(0)));
    assert!(fail(backend, 0, 1, at(0)));
    assert_eq!((until(at(0)), until(at(100))), (Some(at(100)), None));
    // What fails while it is out changes nothing.
    assert!(!fail(backend, 0, 10, at(50)));
    assert!(fail(backend, 0, 2, at(110)));
    assert_eq!(until(at(110)), Some(at(310)));
    assert!(fail(backend, 0, 2, at(320)));
    assert_eq!(until(at(320)), Some(at(570)));
    // It stayed in for as long as it was out.
    assert!(fail(backend, 0, 2, at(570 + 250)));
    assert_eq!(until(at(820)), Some(at(920)));
}

#[test]
fn no_more_than_the_share_and_never_the_last_is_left_out() {
    for (percent, most) in [(1, 1), (50, 1), (67, 2), (100, 2)] {
        let backend = backend_with(&THREE, &json!({"ejection": {"most_percent": percent}}));
        let backend = live(&backend);
        let out = (0..3).filter(|&index| fail(backend, index, 50, at(0))).count();
        assert_eq!(out, most, "{percent} %");
    }
    let alone = backend_with(&["http://a:1"], &json!({"ejection": {}}));
    assert!(!fail(live(&alone), 0, 50, at(0)));
    let off = backend_with(&THREE, &json!({"ejection": null}));
    assert!(!fail(live(&off), 0, 50, at(0)));
}

#[test]
fn the_unhealthy_are_left_out_until_nobody_is_left() {
    let backend = backend_with(&THREE, &json!({"check": {"path": "/"}}));
    let backend = live(&backend);
    backend.targets[0].state.set_health(Err("refused".to_owned()));
    assert_eq!(turns(backend, 4, at(0)), [1, 2, 1, 2]);
    // Left out for failures, but healthy: better than who is known to be ill.
    fail(backend, 1, 5, at(0));
    backend.targets[2].state.set_health(Err("refused".to_owned()));
    assert_eq!(turns(backend, 2, at(0)), [1, 1]);
    backend.targets[1].state.set_health(Err("refused".to_owned()));
    let all = turns(backend, 6, at(0));
    assert!((0..3).all(|index| all.iter().filter(|&&one| one == index).count() == 2), "{all:?}");
    // Without a check nobody is ill.
    let unasked = backend_with(&THREE, &json!({}));
    live(&unasked).targets[0].state.set_health(Err("refused".to_owned()));
    assert_eq!(turns(live(&unasked), 3, at(0)), [0, 1, 2]);
}

#[test]
fn a_repeat_goes_to_a_target_that_was_not_tried() {
    let backend = backend_with(&THREE, &json!({}));
    let backend = live(&backend);
    let mut tried = Targets::default();
    for _ in 0..3 {
        assert!(backend.has_another(tried, at(0)));
        tried.add(backend.choose(tried, at(0)));
    }
    assert!(!backend.has_another(tried, at(0)));
    let alone = backend_with(&["http://a:1"], &json!({}));
    assert!(!live(&alone).has_another(Targets::default(), at(0)));
}

#[test]
fn the_fewest_calls_in_flight_by_weight_win() {
    let forwarding = json!({"balance": "least_in_flight", "weights": [2, 1, 1]});
    let backend = backend_with(&THREE, &forwarding);
    let backend = live(&backend);
    let mut flights: Vec<Flight> = Vec::new();
    for _ in 0..40 {
        flights.push(Flight::begin(&backend.targets[backend.choose(Targets::default(), at(0))].state));
    }
    assert_eq!([0, 1, 2].map(|index| backend.targets[index].state.in_flight()), [20, 10, 10]);
    drop(flights);
    assert_eq!(backend.targets[0].state.in_flight(), 0);
}

#[test]
fn a_change_of_the_backend_forgets_nothing_of_targets_that_stay() {
    let forwarding = json!({"breaker": {"least_calls": 1}, "pool": {"connections": 1}});
    let before = snapshot_of(&deployment_but([body(&THREE, &forwarding)]));
    let first = of(&before);
    fail(live(&first), 1, 5, at(0));
    let admitted = live(&first).state.breaker.admit(at(0)).unwrap();
    let policy = live(&first).forwarding.breaker.unwrap();
    live(&first).state.breaker.settle(admitted, Outcome::Failed, &policy, at(0));
    let mut changed = body(&["http://b:1", "http://d:1"], &forwarding);
    changed["body"]["environments"]["live"]["timeouts"]["idle_ms"] = json!(1);
    for after in [
        apply_change(&before, &[changed.clone()], &[]).unwrap(),
        support::apply_snapshot(&deployment_but([changed.clone()]), Some(&before)).unwrap(),
    ] {
        let second = of(&after);
        assert!(Arc::ptr_eq(&live(&second).targets[0].state, &live(&first).targets[1].state));
        assert!(live(&second).targets[1].state.ejected_until(at(0)).is_none());
        assert_eq!(live(&second).state.breaker.look(), BreakerStanding::Open(at(5000)));
    }
    // A breaker of other settings begins anew.
    changed["body"]["environments"]["live"]["forwarding"]["breaker"]["open_ms"] = json!(1);
    let other = of(&apply_change(&before, &[changed], &[]).unwrap());
    assert_eq!(live(&other).state.breaker.look(), BreakerStanding::Closed);
    // A whole snapshot of the same is the same.
    let again = of(&support::apply_snapshot(&deployment_but([body(&THREE, &forwarding)]), Some(&before)).unwrap());
    assert!(Arc::ptr_eq(&again, &first));
}

#[test]
fn targets_that_differ_by_their_scheme_are_told_apart() {
    let snapshot = snapshot_of(&deployment_but([body(&["http://a:1", "https://a:1"], &json!({}))]));
    let views = snapshot.targets(at(0));
    let names: Vec<&str> = views[0].targets.iter().map(|target| target.target.as_str()).collect();
    assert_eq!(names, ["http://a:1", "https://a:1"]);
}

#[test]
fn what_ails_a_target_is_told_while_it_is_ill() {
    let checked = json!({"check": {"path": "/"}});
    let snapshot = snapshot_of(&deployment_but([body(&["http://a:1"], &checked)]));
    let stands = || {
        let target = snapshot.targets(at(0))[0].targets[0].clone();
        (target.healthy, target.ails)
    };
    let state = &live(&of(&snapshot)).targets[0].state.clone();
    assert_eq!(stands(), (Some(true), None));
    state.set_health(Err("status 503".to_owned()));
    assert_eq!(stands(), (Some(false), Some("status 503".to_owned())));
    state.set_health(Ok(()));
    assert_eq!(stands(), (Some(true), None));
}

#[test]
fn how_targets_stand_can_be_read() {
    let forwarding = json!({"breaker": {}, "check": {"path": "/"}, "pool": {"connections": 4}});
    let snapshot = snapshot_of(&deployment_but([body(&["http://a:1", "http://b:1"], &forwarding)]));
    let backend = of(&snapshot);
    fail(live(&backend), 0, 5, at(0));
    let _flight = Flight::begin(&live(&backend).targets[1].state);
    let _permit = Permit::ask(&live(&backend).targets[1].state, 4, 0);
    let target = |target: &str, ejected_ms, in_flight| TargetView {
        target: target.to_owned(),
        healthy: Some(true),
        ails: None,
        ejected_ms,
        in_flight: Some(in_flight),
        pool: Some(portazgo_core::forward::PoolView { most: 4, idle: 0, waiting: 0 }),
    };
    let expected = BackendView {
        backend: "insignia".to_owned(),
        environment: Environment::Live,
        breaker: Some(BreakerStanding::Closed),
        targets: vec![target("http://a:1", Some(9000), 0), target("http://b:1", None, 1)],
    };
    assert_eq!(snapshot.targets(at(1000)), [expected]);
}

proptest! {
    #[test]
    fn over_a_round_every_target_is_called_as_often_as_its_weight_says(weights in prop::collection::vec(1_u32..=20, 2..6)) {
        let targets: Vec<String> = (0..weights.len()).map(|number| format!("http://t{number}:1")).collect();
        let texts: Vec<&str> = targets.iter().map(String::as_str).collect();
        let backend = backend_with(&texts, &json!({"weights": weights}));
        let round = weights.iter().sum::<u32>() as usize;
        let chosen = turns(live(&backend), round, at(0));
        for (index, weight) in weights.iter().enumerate() {
            prop_assert_eq!(chosen.iter().filter(|&&one| one == index).count(), *weight as usize);
        }
    }

    #[test]
    fn whatever_fails_a_target_is_always_chosen_and_one_is_always_in(
        events in prop::collection::vec((0_usize..4, 0_u64..3000, any::<bool>()), 0..200),
        percent in 1_u32..=100,
    ) {
        let forwarding = json!({"ejection": {"failures": 1, "first_ms": 500, "most_percent": percent}});
        let backend = backend_with(&["http://a:1", "http://b:1", "http://c:1", "http://d:1"], &forwarding);
        let backend = live(&backend);
        let mut now = 0;
        for (index, later, failed) in events {
            now += later / 10;
            backend.note(index, if failed { Outcome::Failed } else { Outcome::Answered }, || at(now));
            let out = (0..4).filter(|&one| backend.targets[one].state.ejected_until(at(now)).is_some()).count();
            prop_assert!(out <= (4 * percent as usize / 100).clamp(1, 3));
            let chosen = backend.choose(Targets::default(), at(now));
            prop_assert!(backend.targets[chosen].state.ejected_until(at(now)).is_none());
        }
    }
}
