"""Whatever a document says, applying it leads there, and exporting leads back."""

from __future__ import annotations

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.declared import Tree

from portazgo.accounts.domain import SYSTEM
from portazgo.declarative import service
from portazgo.declarative.planning import Takeover
from portazgo.declarative.writing import Hand
from portazgo.snapshot.verify import differing

pytestmark = pytest.mark.usefixtures("database")


SLUGS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,6}", fullmatch=True)
SCOPES = st.lists(st.sampled_from(["read", "write", "a:b"]), unique=True, max_size=2)
METADATA = st.dictionaries(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,5}", fullmatch=True),
    st.booleans() | st.integers(-(2**53), 2**53) | st.sampled_from(["NO", "12:30", "", "Bogotá", "a: b", "~"]),
    max_size=3,
)
TIMEOUT = st.integers(1, 600_000).map(lambda value: f"{value}ms")
CREDENTIALS = st.just({"kind": "none"}) | st.fixed_dictionaries(
    {"kind": st.just("mint"), "issuer": st.just("default"), "audience": st.sampled_from(["a", "a b", "é"])},
    optional={
        "life": st.integers(60, 300).map(lambda value: f"{value}s"),
        "claims": st.dictionaries(
            SLUGS, METADATA | st.sampled_from(["x", 1, True, None, "{partner.name}"]), max_size=2
        ),
    },
)
FORWARDING = st.fixed_dictionaries(
    {},
    optional={
        "balance": st.sampled_from(["round_robin", "least_in_flight"]),
        "http2": st.sampled_from(["off", "prior_knowledge"]),
        "pool": st.fixed_dictionaries(
            {}, optional={"connections": st.none() | st.integers(1, 99), "wait": st.sampled_from(["0s", "1s", "10m"])}
        ),
        "ejection": st.sampled_from(["usual", "off", {}, {"failures": 1, "first": "1ms", "most": "1h"}]),
        "check": st.sampled_from([{"path": "/"}, {"path": "/h?x=1", "interval": "100ms", "healthy": 100}]),
        "breaker": st.sampled_from([{}, {"window": "1m", "least_calls": 1}]),
        "retry": st.fixed_dictionaries({}, optional={"attempts": st.integers(1, 10)}),
        "dns": st.sampled_from([{}, {"most_ttl": "1d"}]),
    },
)
WAITS = st.none() | st.fixed_dictionaries(
    {}, optional={"first_byte": TIMEOUT, "idle": TIMEOUT, "total": TIMEOUT | st.just("none")}
)
ENVIRONMENTS = st.fixed_dictionaries(
    {
        "targets": st.lists(
            st.integers(1, 65_535).map(lambda port: f"http://h:{port}") | st.just("unix:/run/h.sock"),
            min_size=1,
            max_size=3,
            unique=True,
        ),
        "credential": CREDENTIALS,
    },
    optional={
        "forwarding": st.none() | FORWARDING,
        "timeouts": st.fixed_dictionaries({}, optional=dict.fromkeys(["connect", "idle", "total"], TIMEOUT)),
    },
)
BACKENDS = st.fixed_dictionaries(
    {"environments": st.dictionaries(st.sampled_from(["live", "test"]), ENVIRONMENTS, min_size=1)}
)
ROUTES = st.fixed_dictionaries(
    {"method": st.sampled_from(["GET", "POST"]), "passthrough": st.sampled_from([True])},
    optional={
        "hosts": st.lists(st.sampled_from(["a.example", "B.example"]), min_size=1, max_size=2),
        "backend_method": st.sampled_from(["PUT"]),
        "backend_path": st.just("/x/{id}"),
        "environments": st.lists(st.sampled_from(["test", "live"]), min_size=1, max_size=2),
        "scopes": SCOPES,
        "max_request_bytes": st.integers(0, 2**40),
        "max_response_bytes": st.none() | st.integers(0, 2**40),
        "query": st.just("all") | st.lists(st.sampled_from(["a", "b[]"]), max_size=2),
        "request_headers": st.lists(st.sampled_from(["X-A", "x-b"]), max_size=2),
        "response_headers": st.lists(st.sampled_from(["X-A", "x-b"]), max_size=2),
        "timeouts": WAITS,
    },
)
RATES = st.tuples(st.integers(1, 10**6), st.sampled_from(["min", "day", "90s", "10m", "2h", "7d", "second"])).map(
    lambda pair: f"{pair[0]}/{pair[1]}"
)

ROTATIONS = st.fixed_dictionaries(
    {"every": st.sampled_from(["1d", "48h", "90d"])},
    optional={"grace": st.sampled_from(["0s", "14d"]), "end_after": st.sampled_from(["1d", "30d"])},
)


@st.composite
def documents(draw: st.DrawFn) -> Tree:
    """Any document that is right, but for what only names many things."""
    backends = draw(st.dictionaries(SLUGS, BACKENDS, min_size=1, max_size=2))
    apis: Tree = {}
    for number, name in enumerate(draw(st.lists(SLUGS, unique=True, max_size=2))):
        routes = draw(st.dictionaries(SLUGS, ROUTES, max_size=2))
        for place, route in enumerate(routes.values()):
            if route["method"] == "POST":
                route["idempotency_key"] = draw(st.booleans())
            elif "backend_method" not in route:
                route["upgrades"] = draw(st.sampled_from([[], ["websocket"]]))
            route |= {"path": f"/v1/{number}/{place}/{{id}}", "backend": draw(st.sampled_from(sorted(backends)))}
        apis[name] = {"routes": routes}
    plans: Tree = {}
    for name in draw(st.lists(SLUGS, unique=True, max_size=2)):
        plans[name] = {"rates": draw(st.lists(RATES, max_size=2, unique_by=lambda rate: rate.partition("/")[2]))}
        plans[name]["apis"] = draw(st.lists(st.sampled_from(sorted(apis)), unique=True)) if apis else []
        plans[name]["scopes"] = draw(st.none() | SCOPES)
        plans[name]["rotation"] = draw(st.none() | ROTATIONS)
    partners: Tree = draw(st.dictionaries(SLUGS, st.fixed_dictionaries({"metadata": METADATA}), max_size=2))
    for partner in partners.values():
        partner["status"] = draw(st.sampled_from(["active", "suspended"]))
        partner["applications"] = {
            name: {
                "environment": draw(st.sampled_from(["live", "test"])),
                "plan": draw(st.none() | st.sampled_from(sorted(plans))) if plans else None,
                "status": draw(st.sampled_from(["active", "suspended"])),
                "metadata": draw(METADATA),
            }
            for name in draw(st.lists(SLUGS, unique=True, max_size=2))
        }
    return {
        "portazgo": 1,
        "name": "any",
        "issuers": {"default": {"url": "https://issuer.example"}},
        "backends": backends,
        "apis": apis,
        "plans": plans,
        "partners": partners,
    }


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(one=documents(), other=documents())
def test_whatever_is_applied_exports_to_itself_and_anything_leads_to_anything(
    hand: Hand, one: Tree, other: Tree
) -> None:
    for document in (one, other, one):
        order = service.Order(_without_moves(document), confirmed=True)
        service.apply(order, hand=hand)
        assert service.diff(SYSTEM, order.document, Takeover()).is_empty
        exported = service.export(SYSTEM, "any")
        assert service.check(SYSTEM, exported) == []
        assert service.diff(SYSTEM, exported, Takeover()).is_empty
    assert differing() == []


def _without_moves(document: Tree) -> Tree:
    """An application's environment never changes: those of an environment have names of their own."""
    tree = copy.deepcopy(document)
    for partner in tree["partners"].values():
        partner["applications"] = {
            f"{application['environment']}-{name}": application for name, application in partner["applications"].items()
        }
    return tree
