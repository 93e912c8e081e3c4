//! What a backend says of forwarding is checked whole, and what it leaves out has its default.

mod support;

use portazgo_core::forward::{
    Balance, BreakerPolicy, CheckPolicy, DnsPolicy, EjectionPolicy, Forwarding, Http2, PoolPolicy, RetryPolicy,
};
use portazgo_core::ids::Id;
use portazgo_core::snapshot::{Place, Refused, Snapshot};
use serde_json::{Value, json};
use support::{BACKEND, apply_snapshot, backend, deployment_but, understood};

fn with_forwarding(targets: &Value, forwarding: &Value) -> Result<Snapshot, Refused> {
    let mut backend = backend();
    let live = &mut backend["body"]["environments"]["live"];
    live["targets"] = targets.clone();
    live["forwarding"] = forwarding.clone();
    apply_snapshot(&deployment_but([backend]), None)
}

fn compiled(targets: &Value, forwarding: &Value) -> Forwarding {
    let snapshot = with_forwarding(targets, forwarding).unwrap_or_else(|refused| panic!("{forwarding}: {refused}"));
    let backend = understood(snapshot.backend(Id::parse(BACKEND).unwrap()));
    backend.live.as_ref().unwrap().forwarding.clone()
}

#[test]
fn what_is_left_out_has_its_default() {
    let (one, two) = (json!(["http://a:1"]), json!(["http://a:1", "http://b:1"]));
    let of_one = Forwarding {
        balance: Balance::RoundRobin,
        weights: Vec::new(),
        http2: Http2::Off,
        pool: PoolPolicy { connections: None, waiting: 100, wait_ms: 1000, idle_ms: 1500 },
        ejection: None,
        check: None,
        breaker: None,
        retry: RetryPolicy { attempts: 3, budget_percent: 20, least_per_second: 3 },
        dns: DnsPolicy { most_ttl_seconds: 30 },
    };
    let usual = EjectionPolicy { failures: 5, first_ms: 10_000, most_ms: 300_000, most_percent: 50 };
    for nothing in [json!(null), json!({})] {
        assert_eq!(compiled(&one, &nothing), of_one);
        assert_eq!(compiled(&two, &nothing), Forwarding { ejection: Some(usual), ..of_one.clone() });
    }
    assert_eq!(compiled(&two, &json!({"ejection": null})), of_one);
    assert_eq!(compiled(&one, &json!({"ejection": {}})).ejection, Some(usual));
    let some = json!({"weights": [1, 3], "balance": "least_in_flight", "http2": "off",
        "pool": {"connections": 8}, "ejection": {"failures": 2}, "check": {"path": "/health?full=1"},
        "breaker": {"open_ms": 10}, "retry": {"attempts": 1}, "dns": {"most_ttl_seconds": 5}});
    assert_eq!(
        compiled(&two, &some),
        Forwarding {
            balance: Balance::LeastInFlight,
            weights: vec![1, 3],
            http2: Http2::Off,
            pool: PoolPolicy { connections: Some(8), ..PoolPolicy::default() },
            ejection: Some(EjectionPolicy { failures: 2, ..usual }),
            check: Some(CheckPolicy {
                path: "/health?full=1".to_owned(),
                interval_ms: 5000,
                timeout_ms: 1000,
                healthy: 2,
                unhealthy: 3
            }),
            breaker: Some(BreakerPolicy { failure_percent: 50, least_calls: 20, window_ms: 10_000, open_ms: 10 }),
            retry: RetryPolicy { attempts: 1, ..RetryPolicy::default() },
            dns: DnsPolicy { most_ttl_seconds: 5 },
        }
    );
}

#[test]
fn what_can_not_work_is_refused_with_its_member_and_a_reason() {
    for (member, value, why) in [
        ("weights", json!([1]), "1 weights for 2 targets"),
        ("weights", json!([1, 0]), "a weight: 0 is not within 1 to 100"),
        ("weights", json!([1, 101]), "a weight: 101 is not within 1 to 100"),
        ("pool", json!({"connections": 0}), "no call through"),
        ("pool", json!({"wait_ms": 600_001}), "wait_ms"),
        ("pool", json!({"idle_ms": 600_001}), "idle_ms"),
        ("ejection", json!({"failures": 0}), "failures"),
        ("ejection", json!({"first_ms": 0}), "first_ms"),
        ("ejection", json!({"first_ms": 1000, "most_ms": 999}), "most_ms: 999 is not within 1000 to 3600000"),
        ("ejection", json!({"most_percent": 101}), "most_percent"),
        ("check", json!({"path": "health"}), "is no path"),
        ("check", json!({"path": "/a b"}), "is no path"),
        ("check", json!({"path": "/", "interval_ms": 99}), "interval_ms"),
        ("check", json!({"path": "/", "timeout_ms": 0}), "timeout_ms"),
        ("check", json!({"path": "/", "healthy": 0}), "healthy"),
        ("check", json!({"path": "/", "unhealthy": 0}), "unhealthy"),
        ("breaker", json!({"failure_percent": 0}), "failure_percent"),
        ("breaker", json!({"least_calls": 0}), "least_calls"),
        ("breaker", json!({"window_ms": 99}), "window_ms"),
        ("breaker", json!({"open_ms": 0}), "open_ms"),
        ("retry", json!({"attempts": 0}), "attempts"),
        ("retry", json!({"budget_percent": 101}), "budget_percent"),
        ("dns", json!({"most_ttl_seconds": 0}), "most_ttl_seconds"),
        ("http2", json!("alpn"), "no target begins with https://"),
    ] {
        let mut forwarding = json!({});
        forwarding[member] = value.clone();
        let Err(refused) = with_forwarding(&json!(["http://a:1", "http://b:1"]), &forwarding) else {
            panic!("{member} {value} was accepted");
        };
        assert_eq!(refused.place, format!("backend/{BACKEND}/environments.live.forwarding.{member}"), "{value}");
        assert!(refused.why.contains(why), "{member} {value}: {}", refused.why);
    }
    for unknown in
        [json!({"balance": "random"}), json!({"pools": {}}), json!({"check": {}}), json!({"pool": {"size": 1}})]
    {
        let refused = with_forwarding(&json!(["http://a:1"]), &unknown).err().map(|refused| refused.place);
        assert_eq!(refused, Some(format!("backend/{BACKEND}/environments")), "{unknown}");
    }
}

#[test]
fn each_target_knows_whether_it_is_spoken_to_by_http_2() {
    for (targets, said, expected) in [
        (json!(["http://a:1", "https://b:1"]), "alpn", Http2::Alpn),
        (json!(["http://a:1", "unix:/run/app.sock", "https://b:1"]), "prior_knowledge", Http2::PriorKnowledge),
        (json!(["https://b:1"]), "off", Http2::Off),
    ] {
        let snapshot = with_forwarding(&targets, &json!({"http2": said})).unwrap_or_else(|refused| panic!("{refused}"));
        let backend = understood(snapshot.backend(Id::parse(BACKEND).unwrap()));
        let live = backend.live.as_ref().unwrap();
        assert!(live.targets.iter().all(|target| target.http2 == expected), "{targets} {said}");
    }
}

#[test]
fn targets_are_hosts_or_sockets_and_not_too_many() {
    let snapshot = with_forwarding(&json!(["http://a.example", "unix:/run/app.sock"]), &json!(null))
        .unwrap_or_else(|refused| panic!("{refused}"));
    let backend = understood(snapshot.backend(Id::parse(BACKEND).unwrap()));
    let places: Vec<Place> = backend.live.as_ref().unwrap().targets.iter().map(|target| target.place.clone()).collect();
    assert_eq!(places, [Place::Tcp("a.example".to_owned(), 80), Place::Unix("/run/app.sock".into())]);
    let many: Vec<String> = (0..65).map(|number| format!("http://a{number}:1")).collect();
    let refused = with_forwarding(&json!(many), &json!(null)).err().map(|refused| refused.why);
    assert_eq!(refused.as_deref(), Some("there are 65, more than 64"));
}
