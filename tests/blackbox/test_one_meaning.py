"""A request means the same to the gateway and to its backend: it is judged by the route that the backend would answer it by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.bare_gateway import API, API_KEY, BACKEND, BareGateway, Origin, backend_to
from support.served_contracts import Got, ask

EXPORT = "01990000-0000-7000-8000-0000000000aa"


def literal() -> dict[str, Any]:
    """A route beside `/v1/things/{id}` that wants more of its caller."""
    body = {
        "api": API, "api_name": "things", "name": "export", "hosts": None, "method": "GET",
        "path": "/v1/things/export", "backend": BACKEND, "backend_method": "GET", "backend_path": "/api/things/export",
        "environments": ["live"], "scopes": ["things:export"], "passthrough": True, "max_request_bytes": 1000,
        "max_response_bytes": None, "query": "all", "request_headers": [], "response_headers": [],
    }  # fmt: skip
    return {"kind": "route", "id": EXPORT, "requires": ["route.passthrough.1"], "body": body}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, origin: Origin) -> Iterator[BareGateway]:
    with BareGateway(
        tmp_path_factory.mktemp("meaning"),
        backend_to(origin.url),
        key={"scopes": ["things:read"]},
        get={"scopes": ["things:read"], "query": ["q"]},
        further=[literal()],
    ) as running:
        yield running


def call(gateway: BareGateway, target: str) -> Got:
    """Ask with the node's own key."""
    return ask(gateway.port, target, key=API_KEY)


def test_the_route_of_a_literal_wants_its_own_scope(gateway: BareGateway, origin: Origin) -> None:
    origin.seen.clear()
    got = call(gateway, "/v1/things/export")
    record = gateway.record_of(got.request_id)
    assert (got.status, got.code, record["route"], origin.seen) == (403, "scope_missing", EXPORT, [])


@pytest.mark.parametrize("spelling", ["%65xport", "ex%70ort", "export;a=b", "%65xport%3Ba", "export;"])
def test_another_spelling_of_a_literal_segment_is_no_way_round_its_route(
    gateway: BareGateway, origin: Origin, spelling: str
) -> None:
    """Backends undo percent-encoding, and some drop what stands behind a semicolon, before they look for their operation."""
    origin.seen.clear()
    got = call(gateway, f"/v1/things/{spelling}")
    assert (got.status, got.code) == (404, "route_unknown")
    assert (gateway.record_of(got.request_id)["fault"], origin.seen) == ("route_unknown", [])


@pytest.mark.parametrize("value", ["7", "%37", "exports", "%65xports", "7;export", "caf%C3%A9", "EXPORT"])
def test_other_values_of_a_parameter_pass_as_they_are_spelt(gateway: BareGateway, origin: Origin, value: str) -> None:
    origin.seen.clear()
    assert call(gateway, f"/v1/things/{value}").status == 200
    assert [seen.path for seen in origin.seen] == [f"/api/things/{value}"]


def test_a_listed_parameter_brings_no_other_one_along(gateway: BareGateway, origin: Origin) -> None:
    """Some backends end a parameter at a semicolon, too (Rack before version 3, Python before 3.9.2)."""
    origin.seen.clear()
    assert call(gateway, "/v1/things/7?q=1;admin=2&r=3&q;admin=4").status == 200
    assert [seen.path for seen in origin.seen] == ["/api/things/7?q=1%3Badmin=2"]


def test_what_depends_on_the_key_says_so_to_caches(gateway: BareGateway) -> None:
    """A backend varies by the Authorization that it gets; what stands before the gateway sees the partner's key."""
    assert call(gateway, "/v1/things/7").header("vary") == "authorization, x-api-key"
