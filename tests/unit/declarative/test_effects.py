"""A diff says what a change exposes and to whom, what it breaks and for whom, then the rest."""

from __future__ import annotations

from typing import Any

import pytest
from support.certificates import Identity
from support.declared import DOCUMENT, Tree, changed, planned, state_of, told

LIVE = ("backends", "depot", "environments", "live")
LIST = ("apis", "parcels", "routes", "list")
BASIC = ("plans", "basic")
ERP = ("partners", "acme", "applications", "erp")
TIER = {"tier": "{partner.metadata.tier}"}
EVERYBODY = "[acme/crm, acme/erp, globex/shop]"
LIVE_ONES = "[acme/erp, globex/shop]"


def lines(*path_and_value: Any, before: Tree = DOCUMENT) -> list[str]:
    return told(planned(changed(*path_and_value, document=before), state_of(before)))


def test_nothing_changed_nothing_told() -> None:
    made = planned(DOCUMENT, state_of(DOCUMENT))
    assert (made.is_empty, made.is_guarded, told(made), list(made.takes_over)) == (True, False, [], [])


def test_from_nothing() -> None:
    made = planned(DOCUMENT, state_of({"portazgo": 1, "name": "example"}))
    assert told(made) == [
        f"exposes + route parcels/list: GET /v1/parcels/ → depot GET /v1/parcels/ {EVERYBODY}",
        f"exposes + route parcels/show: GET /v1/parcels/{{id}} → depot GET /v1/parcels/{{id}} {EVERYBODY}",
        "exposes + application acme/crm: new, test, on plan basic: 2 routes of parcels, 60/min [acme/crm]",
        "exposes + application acme/erp: new, live, on plan basic: 2 routes of parcels, 60/min [acme/erp]",
        "exposes + application globex/shop: new, live, on plan basic: 2 routes of parcels, 60/min [globex/shop]",
        "rest + issuer default: signs as https://issuer.example, with a key that signs at once",
        "rest + backend depot: live: http://127.0.0.1:9000; test: http://127.0.0.1:9001",
        "rest + API parcels: new",
        "rest + plan basic: 2 routes of parcels, 60/min",
        "rest + partner acme: new",
        "rest + partner globex: new",
    ]
    assert made.is_guarded


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ((*LIST,), ..., [f"breaks - route parcels/list: GET /v1/parcels/ is gone {EVERYBODY}"]),
        (
            (*LIST, "path"),
            "/v2/parcels",
            [
                f"exposes ~ route parcels/list: is found at GET /v2/parcels {EVERYBODY}",
                f"exposes ~ route parcels/list: leads to depot GET /v2/parcels, was depot GET /v1/parcels/ {EVERYBODY}",
                f"breaks ~ route parcels/list: is no longer found at GET /v1/parcels/ {EVERYBODY}",
            ],
        ),
        (
            (*LIST, "hosts"),
            ["api.example"],
            [
                f"exposes ~ route parcels/list: is found at GET /v1/parcels/ on api.example {EVERYBODY}",
                f"breaks ~ route parcels/list: is no longer found at GET /v1/parcels/ {EVERYBODY}",
            ],
        ),
        ((*LIST, "environments"), ["live"], ["breaks ~ route parcels/list: closes to test keys [acme/crm]"]),
        (
            (*LIST, "max_request_bytes"),
            1024,
            [f"breaks ~ route parcels/list: requests of up to 1 KiB, was 10 MiB {EVERYBODY}"],
        ),
        (
            (*LIST, "max_response_bytes"),
            1025,
            [f"breaks ~ route parcels/list: answers of up to 1025 bytes, was any {EVERYBODY}"],
        ),
        (
            (*LIST, "query"),
            ["page"],
            [f"breaks ~ route parcels/list: query parameters no longer pass: all of them {EVERYBODY}"],
        ),
        (
            (*LIST, "response_headers"),
            ["X-Total"],
            [f"exposes ~ route parcels/list: response headers pass: x-total {EVERYBODY}"],
        ),
        (
            (*BASIC, "scopes"),
            ["read"],
            [f"breaks ~ plan basic: takes all scopes but read {EVERYBODY}"],
        ),
        ((*BASIC, "apis"), [], [f"breaks ~ plan basic: closes the API parcels (2 routes) {EVERYBODY}"]),
        ((*BASIC, "rates"), ["120/min"], [f"exposes ~ plan basic: per-minute: 120/min, was 60/min {EVERYBODY}"]),
        ((*BASIC, "rates"), ["30/min"], [f"breaks ~ plan basic: per-minute: 30/min, was 60/min {EVERYBODY}"]),
        (
            (*BASIC, "rates"),
            ["60/min", "1000/day"],
            [f"breaks ~ plan basic: throttles to 1000/day (per-day) {EVERYBODY}"],
        ),
        ((*BASIC, "rates"), [], [f"exposes ~ plan basic: no longer throttles to 60/min (per-minute) {EVERYBODY}"]),
        (
            (*BASIC, "rates"),
            [{"rate": "90/min", "burst": 10}],
            [
                f"exposes ~ plan basic: per-minute: 90/min, 10 at once, was 60/min {EVERYBODY}",
                f"breaks ~ plan basic: per-minute: 90/min, 10 at once, was 60/min {EVERYBODY}",
            ],
        ),
        (
            (*BASIC, "rates"),
            [{"rate": "60/min", "burst": 60}],
            ["rest ~ plan basic: per-minute: 60/min, 60 at once, was 60/min"],
        ),
        ((*BASIC, "rotation"), {"every": "90d"}, ["rest ~ plan basic: keys are to be rotated every 90d"]),
        (
            (*BASIC, "rotation"),
            {"every": "90d", "end_after": "14d"},
            [f"breaks ~ plan basic: keys are to be rotated every 90d; secrets end 14d after they were due {EVERYBODY}"],
        ),
        (
            (*LIVE, "targets"),
            ["http://127.0.0.1:9009"],
            [
                f"exposes ~ backend depot: live: calls and their tokens go to http://127.0.0.1:9009 {LIVE_ONES}",
                "rest ~ backend depot: live: no calls go to http://127.0.0.1:9000",
            ],
        ),
        (
            (*LIVE, "credential", "life"),
            "5m",
            [f"exposes ~ backend depot: live: tokens live 5m, was 2m {LIVE_ONES}"],
        ),
        ((*LIVE, "credential", "life"), "1m", ["rest ~ backend depot: live: tokens live 1m, was 2m"]),
        (
            (*LIVE, "credential", "algorithm"),
            "RS256",
            [
                f"exposes ~ backend depot: live: tokens are signed with RS256, was the issuer's own algorithm {LIVE_ONES}"
            ],
        ),
        (("issuers", "default", "rotate_every"), "90d", ["rest ~ issuer default: keys are rotated every 90d"]),
        (
            (*LIVE, "credential", "claims", "admin"),
            True,
            [f"exposes ~ backend depot: live: tokens say admin: true, was none {LIVE_ONES}"],
        ),
        (
            (*LIVE, "credential"),
            {"kind": "none"},
            [f"breaks ~ backend depot: live: calls carry no token {LIVE_ONES}"],
        ),
        (
            (*LIVE, "timeouts"),
            {"first_byte": "250ms", "total": "2m"},
            [
                f"breaks ~ backend depot: live: first_byte 250ms, was 30s {LIVE_ONES}",
                "rest ~ backend depot: live: total 2m, was 1m",
            ],
        ),
        (
            ("backends", "depot", "environments", "test"),
            ...,
            ["breaks ~ backend depot: test: calls are answered environment_unavailable [acme/crm]"],
        ),
        (("partners", "acme", "status"), "suspended", ["breaks ~ partner acme: suspended [acme/crm, acme/erp]"]),
        (
            ("partners", "acme", "metadata", "tier"),
            "gold",
            [
                "exposes ~ partner acme: metadata tier: gold, was silver; tokens tell it to depot [acme/crm, acme/erp]",
            ],
        ),
        (("partners", "acme", "metadata", "city"), "Lima", ["rest ~ partner acme: metadata city: Lima, was Bogotá"]),
        ((*ERP, "status"), "suspended", ["breaks ~ application acme/erp: suspended [acme/erp]"]),
        ((*ERP, "plan"), ..., ["breaks ~ application acme/erp: no plan, was basic: it may call nothing [acme/erp]"]),
        (
            ("partners", "globex"),
            ...,
            ["breaks - application globex/shop: deleted [globex/shop]", "rest - partner globex: deleted"],
        ),
    ],
)
def test_one_change_says_what_it_means_and_its_way_back_the_opposite(
    path: tuple[str, ...], value: object, expected: list[str]
) -> None:
    assert lines(*path, value) == expected
    there = state_of(changed(*path, value))
    back = planned(DOCUMENT, there)
    assert not back.is_empty
    # What breaks one way is exposed on the way back.
    if all(line.startswith("breaks") for line in expected):
        assert told(back)[0].startswith("exposes")


BY_TWO = changed(*LIVE, "targets", ["http://127.0.0.1:9000", "unix:/run/depot.sock"])


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, {"pool": {"connections": 8}}, ["breaks pool connections 8, was any"]),
        ({"pool": {"connections": 8}}, {"pool": {"connections": 9}}, ["rest pool connections 9, was 8"]),
        (
            None,
            {"pool": {"waiting": 0, "wait": "2s", "idle": "1s"}},
            ["breaks pool waiting 0, was 100", "rest pool idle 1s, was 1500ms", "rest pool wait 2s, was 1s"],
        ),
        (
            None,
            {"weights": [3, 1], "balance": "least_in_flight", "http2": "prior_knowledge"},
            [
                "rest balance least_in_flight, was round_robin",
                "rest http2 prior_knowledge, was off",
                "rest calls are spread 3:1, was evenly",
            ],
        ),
        (None, {"ejection": "off"}, ["rest no ejection"]),
        (
            {"ejection": "off"},
            None,
            ["rest ejection: failures 5, first 10s, most 5m, most_percent 50"],
        ),
        (None, {"ejection": {"failures": 2}}, ["rest ejection failures 2 (was 5)"]),
        (
            None,
            {"check": {"path": "/health"}},
            ["rest check: path /health, interval 5s, timeout 1s, healthy 2, unhealthy 3"],
        ),
        (
            None,
            {"breaker": {}},
            ["breaks breaker: failure_percent 50, least_calls 20, window 10s, open 5s"],
        ),
        ({"breaker": {}}, None, ["rest no breaker"]),
        ({"breaker": {}}, {"breaker": {"open": "1m"}}, ["breaks breaker open 1m (was 5s)"]),
        ({"breaker": {}}, {"breaker": {"failure_percent": 90}}, ["rest breaker failure_percent 90 (was 50)"]),
        (None, {"retry": {"attempts": 1}}, ["breaks retry attempts 1, was 3"]),
        (None, {"dns": {"most_ttl": "5s"}}, ["rest dns most_ttl 5s (was 30s)"]),
        (None, {"ejection": "usual", "retry": {}}, []),
    ],
)
def test_how_targets_are_called_is_told(before: Tree | None, after: Tree | None, expected: list[str]) -> None:
    old, new = (changed(*LIVE, "forwarding", said, document=BY_TWO) for said in (before, after))
    lines = planned(new, state_of(old)).lines
    assert [f"{line.effect} {line.sentence.removeprefix('live: ')}" for line in lines] == expected
    assert {line.affects for line in lines if line.effect == "breaks"} <= {("acme/erp", "globex/shop")}


def test_a_second_target_switches_ejection_on_and_says_so() -> None:
    assert told(planned(BY_TWO, state_of(DOCUMENT))) == [
        f"exposes ~ backend depot: live: calls and their tokens go to unix:/run/depot.sock {LIVE_ONES}",
        "rest ~ backend depot: live: ejection: failures 5, first 10s, most 5m, most_percent 50",
    ]


def test_of_a_new_backend_it_is_told_what_is_not_as_usual() -> None:
    forwarding = {
        "weights": [3, 1],
        "balance": "least_in_flight",
        "pool": {"connections": 8},
        "ejection": "off",
        "check": {"path": "/health"},
        "breaker": {"open": "1m"},
    }
    told_of_it = [
        "rest test: balance least_in_flight",
        "rest test: breaker: failure_percent 50, least_calls 20, window 10s, open 1m",
        "rest test: check: path /health, interval 5s, timeout 1s, healthy 2, unhealthy 3",
        "rest test: no ejection",
        "rest test: pool connections 8",
        "rest test: calls are spread 3:1",
    ]
    targets = ["http://127.0.0.1:9001", "http://127.0.0.1:9002"]
    test = {"targets": targets, "credential": {"kind": "none"}, "forwarding": forwarding}
    new = changed("backends", "depot", "environments", "test", test)
    without = changed("backends", "depot", "environments", "test", ..., document=new)

    def sentences(before: Tree) -> list[str]:
        return [
            f"{line.effect} {line.sentence}"
            for line in planned(new, state_of(before)).lines
            if line.ref.name == "depot"
        ]

    assert sentences({"portazgo": 1, "name": "example"}) == [
        f"rest live: http://127.0.0.1:9000; test: {', '.join(targets)}",
        *told_of_it,
    ]
    assert sentences(without) == [f"exposes test: calls reach {', '.join(targets)}", *told_of_it]


POST = changed(*LIST, "method", "POST")


@pytest.mark.parametrize(
    ("member", "before", "after", "expected"),
    [
        ("upgrades", [], ["websocket"], [f"exposes upgrades pass: websocket {EVERYBODY}"]),
        ("upgrades", ["websocket"], [], [f"breaks upgrades no longer pass: websocket {EVERYBODY}"]),
        ("idempotency_key", False, True, [f"exposes calls with an Idempotency-Key may be repeated {EVERYBODY}"]),
        ("idempotency_key", True, False, [f"breaks calls with an Idempotency-Key are not repeated {EVERYBODY}"]),
        ("timeouts", None, {"total": "none"}, ["rest total none, was the backend's"]),
        ("timeouts", {"total": "none"}, None, [f"breaks total the backend's, was none {EVERYBODY}"]),
        ("timeouts", None, {"first_byte": "5s"}, [f"breaks first_byte 5s, was the backend's {EVERYBODY}"]),
        ("timeouts", {"first_byte": "5s"}, {"first_byte": "6s"}, ["rest first_byte 6s, was 5s"]),
        ("timeouts", None, {"idle": "30s"}, ["rest idle 30s, was the backend's"]),
    ],
)
def test_what_a_route_allows_and_how_long_it_waits_is_told(
    member: str, before: Any, after: Any, expected: list[str]
) -> None:
    document = DOCUMENT if member == "upgrades" else POST
    old, new = (changed(*LIST, member, said, document=document) for said in (before, after))
    lines = told(planned(new, state_of(old)))
    assert [line.replace("~ route parcels/list: ", "") for line in lines] == expected


def test_of_a_new_route_it_is_told_what_it_allows_and_how_long_it_waits() -> None:
    without = changed(*LIST, ...)
    stream = changed(*LIST, "upgrades", ["websocket"])
    assert told(planned(stream, state_of(without))) == [
        f"exposes + route parcels/list: GET /v1/parcels/ → depot GET /v1/parcels/, upgrades to websocket {EVERYBODY}"
    ]
    order = changed(*LIST, "timeouts", {"first_byte": "5s", "total": "none"}, document=POST)
    repeated = True
    order = changed(*LIST, "idempotency_key", repeated, document=order)
    assert told(planned(order, state_of(without))) == [
        (
            "exposes + route parcels/list: POST /v1/parcels/ → depot POST /v1/parcels/, "
            f"repeats calls with an Idempotency-Key, first_byte 5s, total none {EVERYBODY}"
        )
    ]


PIN, OTHER_PIN = "A" * 43 + "=", "B" * 42 + "A="


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, {"server_name": "Depot.example"}, ["exposes TLS asks for the name depot.example"]),
        ({"server_name": "depot.example"}, None, ["exposes TLS asks for the name of the target"]),
        (None, {"pins_sha256": [PIN]}, [f"rest TLS takes {PIN}"]),
        ({"pins_sha256": [PIN]}, {"pins_sha256": [OTHER_PIN, PIN]}, [f"exposes TLS takes {PIN}, {OTHER_PIN}"]),
        ({"pins_sha256": [PIN, OTHER_PIN]}, {"pins_sha256": [PIN]}, [f"rest TLS takes {PIN}"]),
        ({"pins_sha256": [PIN]}, None, ["exposes TLS takes any key, was pinned"]),
    ],
)
def test_what_the_gateway_believes_of_a_backend_is_told(
    before: Tree | None, after: Tree | None, expected: list[str]
) -> None:
    by_tls = changed(*LIVE, "targets", ["https://127.0.0.1:9000"])
    old, new = (changed(*LIVE, "tls", rules, document=by_tls) for rules in (before, after))
    lines = planned(new, state_of(old)).lines
    assert [f"{line.effect} {line.sentence.removeprefix('live: ')}" for line in lines] == expected
    assert {line.affects for line in lines if line.effect == "exposes"} <= {("acme/erp", "globex/shop")}


def test_authorities_and_revocation_lists_are_told_and_not_printed() -> None:
    authority = Identity.authority()
    by_tls = changed(*LIVE, "targets", ["https://127.0.0.1:9000"])
    rules = {"ca": authority.pem, "crl": authority.revoke()}
    believing = changed(*LIVE, "tls", rules, document=by_tls)
    assert told(planned(believing, state_of(by_tls))) == [
        f"exposes ~ backend depot: live: TLS believes other authorities {LIVE_ONES}",
        "rest ~ backend depot: live: TLS looks at other revocation lists",
    ]
    assert told(planned(by_tls, state_of(believing))) == [
        f"exposes ~ backend depot: live: TLS believes the public authorities {LIVE_ONES}",
        f"exposes ~ backend depot: live: TLS looks at no revocation lists {LIVE_ONES}",
    ]


def test_a_suspended_partner_comes_back_to_what_it_had() -> None:
    suspended = changed("partners", "acme", "status", "suspended")
    assert told(planned(DOCUMENT, state_of(suspended))) == [
        "exposes ~ partner acme: resumed [acme/crm, acme/erp]",
    ]


def test_a_removed_route_names_only_those_who_could_call_it() -> None:
    scoped = changed(*LIST, "scopes", ["read"], document=changed("plans", "bare", {"apis": ["parcels"], "scopes": []}))
    scoped = changed(*ERP, "plan", "bare", document=scoped)
    assert told(planned(changed(*LIST, ..., document=scoped), state_of(scoped))) == [
        "breaks - route parcels/list: GET /v1/parcels/ is gone [acme/crm, globex/shop]"
    ]


def test_what_nobody_could_call_breaks_nothing_and_is_guarded_as_a_deletion() -> None:
    alone = changed("partners", ...)
    made = planned(changed(*LIST, ..., document=alone), state_of(alone))
    assert told(made) == ["rest - route parcels/list: GET /v1/parcels/ is gone"]
    assert made.is_guarded


def test_moving_to_another_plan_compares_the_two() -> None:
    gold = changed("plans", "gold", {"apis": [], "rates": ["600/min"]})
    assert told(planned(changed(*ERP, "plan", "gold", document=gold), state_of(gold))) == [
        "exposes ~ application acme/erp: plan gold, was basic: per-minute: 600/min, was 60/min [acme/erp]",
        "breaks ~ application acme/erp: plan gold, was basic: closes the API parcels (2 routes) [acme/erp]",
    ]


def test_scopes_of_a_route_open_and_close_to_those_whose_plans_have_them() -> None:
    before = changed(*LIST, "scopes", ["read"], document=changed(*BASIC, "scopes", ["write"]))
    assert told(planned(changed(*LIST, "scopes", ["write"], document=before), state_of(before))) == [
        f"exposes ~ route parcels/list: asks for the scope write, asked for the scope read {EVERYBODY}"
    ]


def test_true_and_one_are_two_values() -> None:
    one = changed(*LIVE, "credential", "claims", "admin", 1)
    assert told(planned(changed(*LIVE, "credential", "claims", {**TIER, "admin": True}), state_of(one))) == [
        f"exposes ~ backend depot: live: tokens say admin: true, was 1 {LIVE_ONES}"
    ]
