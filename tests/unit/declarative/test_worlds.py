"""What nodes get of a thing, a file can say; and numbers are compared as JSON means them."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from support.declared import DOCUMENT, changed

from portazgo.backends.logins import for_nodes
from portazgo.declarative.domain import Kind, Ref, canonical
from portazgo.declarative.judging import judge
from portazgo.declarative.worlds import document_of, world_of
from portazgo.snapshot import wire

# The names and ids of a thing are where it stands; the rest is decided elsewhere.
NOT_IN_TERMS = {
    "issuer": {"name"},
    "backend": {"name"},
    "route": {"name", "api", "api_name"},
    "plan": {"name"},
    "partner": {"name"},
    "application": {"name", "partner"},
}
# What the worker does by, or what nodes get in another form (tags of a route: `route_tag`).
NOT_FOR_NODES: dict[Kind, set[str]] = {
    "issuer": {"algorithm", "rotate_every_seconds"},
    "route": {"tags"},
    "plan": {"rotation"},
}
BODIES: dict[Kind, tuple[type, str]] = {
    "issuer": (wire.IssuerBody, "default"),
    "backend": (wire.BackendBody, "depot"),
    "route": (wire.RouteBody, "parcels/list"),
    "plan": (wire.PlanBody, "basic"),
    "partner": (wire.PartnerBody, "acme"),
    "application": (wire.ApplicationBody, "acme/erp"),
}


def world(tree: Any = DOCUMENT) -> dict[Ref, Any]:
    document, problems = judge(tree, {})
    assert document is not None, problems
    return dict(world_of(document, None))


@pytest.mark.parametrize("kind", BODIES)
def test_every_member_that_nodes_get_stands_in_the_file(kind: Kind) -> None:
    body, name = BODIES[kind]
    assert set(world()[Ref(kind, name)]) == (get_type_hints(body).keys() - NOT_IN_TERMS[kind]) | NOT_FOR_NODES.get(
        kind, set()
    )


def test_so_do_the_members_of_environments_credentials_and_throttles() -> None:
    there = world()
    live = there[Ref("backend", "depot")]["environments"]["live"]
    assert live.keys() == get_type_hints(wire.BackendEnvironmentBody).keys()
    assert live["timeouts"].keys() == get_type_hints(wire.TimeoutsBody).keys()
    assert live["credential"].keys() == get_type_hints(wire.MintBody).keys()
    (throttle,) = there[Ref("plan", "basic")]["throttles"]
    assert throttle.keys() == get_type_hints(wire.ThrottleBody).keys() - {"per"}


FORWARDING = {
    "weights": [3, 1],
    "balance": "least_in_flight",
    "http2": "prior_knowledge",
    "pool": {"connections": 64, "waiting": 0, "wait": "0s", "idle": "250ms"},
    "ejection": {"failures": 2, "first": "1s", "most": "1h", "most_percent": 34},
    "check": {"path": "/health?full=1", "interval": "1s", "timeout": "200ms", "healthy": 1, "unhealthy": 1},
    "breaker": {"failure_percent": 90, "least_calls": 5, "window": "1m", "open": "1500ms"},
    "retry": {"attempts": 1, "budget_percent": 0, "least_per_second": 0},
    "dns": {"most_ttl": "1d"},
}
LIVE = ("backends", "depot", "environments", "live")
BEHIND_TWO = changed(*LIVE, "targets", ["unix:/run/depot.sock", "http://127.0.0.1:9000"])


def test_all_that_a_node_may_be_told_of_forwarding_stands_in_the_file_and_is_written_as_it_stood() -> None:
    there = world(changed(*LIVE, "forwarding", FORWARDING, document=BEHIND_TWO))
    said = there[Ref("backend", "depot")]["environments"]["live"]["forwarding"]
    members = get_type_hints(wire.ForwardingBody)
    assert said.keys() == members.keys()
    policies = {
        "pool": wire.PoolBody,
        "ejection": wire.EjectionBody,
        "check": wire.CheckBody,
        "breaker": wire.BreakerBody,
        "retry": wire.RetryBody,
        "dns": wire.DnsBody,
    }
    assert {name: set(said[name]) for name in policies} == {
        name: set(get_type_hints(body)) for name, body in policies.items()
    }
    assert said["ejection"] == {"failures": 2, "first_ms": 1_000, "most_ms": 3_600_000, "most_percent": 34}
    assert said["dns"] == {"most_ttl_seconds": 86_400}
    written = document_of("example", there)
    assert written["backends"]["depot"]["environments"]["live"]["forwarding"] == FORWARDING


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"pool": {"idle": "1500ms"}, "ejection": "usual", "retry": None, "balance": "round_robin"}, None),
        (None, None),
        ({"ejection": "off"}, {"ejection": "off"}),
        ({"ejection": {}}, {"ejection": {}}),
        ({"check": {"path": "/", "healthy": 2}, "pool": {"wait": "1s"}}, {"check": {"path": "/"}}),
        ({"breaker": {}}, {"breaker": {}}),
    ],
)
def test_what_is_as_usual_is_not_written(said: Any, kept: Any) -> None:
    written = document_of("example", world(changed(*LIVE, "forwarding", said, document=BEHIND_TWO)))
    assert written["backends"]["depot"]["environments"]["live"].get("forwarding") == kept


def test_upgrades_idempotency_keys_and_timeouts_of_a_route_are_read_and_written() -> None:
    route = {"backend": "depot", "method": "POST", "path": "/v1/orders", "passthrough": True}
    said = {**route, "idempotency_key": True, "timeouts": {"first_byte": "5s", "total": "none"}}
    stream = {**route, "method": "GET", "path": "/v1/events", "upgrades": ["websocket"]}
    there = world(changed("apis", "parcels", "routes", {"order": said, "events": stream}))
    order, events = there[Ref("route", "parcels/order")], there[Ref("route", "parcels/events")]
    assert (order["upgrades"], order["idempotency_key"]) == ([], True)
    assert order["timeouts"] == {"first_byte_ms": 5_000, "total_ms": None}
    assert (events["upgrades"], events["idempotency_key"], events["timeouts"]) == (["websocket"], False, None)
    assert document_of("example", there)["apis"]["parcels"]["routes"] == {"events": stream, "order": said}


def test_what_is_written_says_the_same_and_leaves_defaults_out() -> None:
    written = document_of("example", world())
    again, problems = judge(written, {})
    assert again is not None, problems
    assert world_of(again, None) == world()
    assert written["apis"]["parcels"]["routes"]["list"] == {
        "backend": "depot",
        "method": "GET",
        "path": "/v1/parcels/",
        "passthrough": True,
    }
    assert written["plans"] == {"basic": {"apis": ["parcels"], "rates": ["60/min"]}}


@pytest.mark.parametrize(
    "rotation", [{"every": "90d"}, {"every": "1d", "grace": "0s", "end_after": "14d"}, {"every": "48h", "grace": "30d"}]
)
def test_how_often_keys_are_rotated_stands_in_the_file(rotation: dict[str, str]) -> None:
    there = world(changed("plans", "basic", "rotation", rotation))
    (document, problems) = judge(document_of("example", there), {})
    assert document is not None, problems
    assert world_of(document, None) == there
    assert document_of("example", there)["plans"]["basic"]["rotation"]["every"] == rotation["every"].replace(
        "48h", "2d"
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (-0.0, 0, True),
        (1e300, 10**300, True),
        (True, 1, False),
        ("1", 1, False),
        ({"a": [1.0]}, {"a": [1]}, True),
        (1.5, 1, False),
        (2**53 - 1, 2**53 - 2, False),
    ],
)
def test_numbers_are_the_same_when_json_means_the_same(one: object, other: object, same: bool) -> None:
    assert (canonical(one) == canonical(other)) is same


OWN_PLACE = {"url": "https://idp.example/token", "tls": {"server_name": "idp.internal"}}
ATTACHED = {"header": "X-Auth", "value": "Token {token}"}
LOGINS: dict[str, dict[str, Any]] = {
    "exchange, as usual": {"kind": "exchange", "login": {"path": "/api/token/"}},
    "exchange, with everything": {
        "kind": "exchange",
        "login": {**OWN_PLACE, "method": "PUT", "content_type": "form", "body": {"p": "{credential.password}", "n": 1}},
        "token": "/data/jwt",
        "expires": "/data/expires_in",
        "life": "10m",
        "refresh": {
            "path": "/api/refresh/",
            "method": "PUT",
            "content_type": "form",
            "body": {"r": "{refresh_token}", "of": "{partner.name}"},
            "refresh_token": "/data/refresh",
        },
        "attach": ATTACHED,
        "credentials": "partner",
    },
    "client credentials, as usual": {"kind": "client_credentials", "login": {"path": "/oauth/token"}},
    "client credentials, with everything": {
        "kind": "client_credentials",
        "login": OWN_PLACE,
        "authentication": "client_secret_post",
        "scope": "read write",
        "audience": "things",
        "life": "1m",
        "attach": ATTACHED,
        "credentials": "partner",
    },
    "token exchange, as usual": {
        "kind": "token_exchange",
        "login": {"path": "/oauth/token"},
        "subject": {"issuer": "default", "audience": "idp", "life": "1m"},
    },
    "token exchange, with everything": {
        "kind": "token_exchange",
        "login": OWN_PLACE,
        "subject": {"issuer": "default", "audience": "idp", "life": "2m", "claims": {"who": "{partner.name}"}},
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "authentication": "client_secret_basic",
        "scope": "read",
        "audience": "things",
        "resource": "https://things.example/",
        "life": "1m",
        "attach": ATTACHED,
        "credentials": "partner",
    },
}


@pytest.mark.parametrize("credential", LOGINS.values(), ids=LOGINS)
def test_each_kind_of_login_is_read_as_nodes_get_it_and_written_as_it_stood(credential: dict[str, Any]) -> None:
    there = world(changed(*LIVE, "credential", credential))
    live = there[Ref("backend", "depot")]["environments"]["live"]
    assert for_nodes(live).keys() == get_type_hints(wire.LoginBody).keys()
    written = document_of("example", there)
    assert written["backends"]["depot"]["environments"]["live"]["credential"] == credential
    again, problems = judge(written, {})
    assert again is not None, problems
    assert world_of(again, None) == there


@pytest.mark.parametrize("where", ["login", "refresh"])
@pytest.mark.parametrize("value", [{"user": "{credential.username}"}, ["{credential.username}"]])
def test_a_form_is_flat(where: str, value: Any) -> None:
    place = {"path": "/t", "content_type": "form", "body": {"in": value}}
    credential = {"kind": "exchange", "login": {"path": "/t"}, where: place}
    document, problems = judge(changed(*LIVE, "credential", credential), {})
    assert document is None
    assert ["a form has plain values only" in problem.message for problem in problems] == [True]
