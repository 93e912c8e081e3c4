"""What nodes get of a thing, a file can say; and numbers are compared as JSON means them."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from support.declared import DOCUMENT

from portazgo.declarative.domain import Kind, Ref, canonical
from portazgo.declarative.judging import judge
from portazgo.declarative.worlds import document_of, world_of
from portazgo.snapshot import wire

# The names and ids of a thing are where it stands; the rest is decided elsewhere.
NOT_IN_TERMS = {
    "issuer": {"name"},
    "backend": {"name"},
    "route": {"name", "api", "api_name", "passthrough"},
    "plan": {"name"},
    "partner": {"name"},
    "application": {"name", "partner"},
}
BODIES: dict[Kind, tuple[type, str]] = {
    "issuer": (wire.IssuerBody, "default"),
    "backend": (wire.BackendBody, "depot"),
    "route": (wire.RouteBody, "parcels/list"),
    "plan": (wire.PlanBody, "basic"),
    "partner": (wire.PartnerBody, "acme"),
    "application": (wire.ApplicationBody, "acme/erp"),
}


def world() -> dict[Ref, Any]:
    document, problems = judge(DOCUMENT, {})
    assert document is not None, problems
    return dict(world_of(document, None))


@pytest.mark.parametrize("kind", BODIES)
def test_every_member_that_nodes_get_stands_in_the_file(kind: Kind) -> None:
    body, name = BODIES[kind]
    assert set(world()[Ref(kind, name)]) == get_type_hints(body).keys() - NOT_IN_TERMS[kind]


def test_so_do_the_members_of_environments_credentials_and_throttles() -> None:
    there = world()
    live = there[Ref("backend", "depot")]["environments"]["live"]
    assert live.keys() == get_type_hints(wire.BackendEnvironmentBody).keys()
    assert live["timeouts"].keys() == get_type_hints(wire.TimeoutsBody).keys()
    assert live["credential"].keys() == get_type_hints(wire.MintBody).keys() - {"algorithm"}
    (throttle,) = there[Ref("plan", "basic")]["throttles"]
    assert throttle.keys() == get_type_hints(wire.ThrottleBody).keys() - {"per"}


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
