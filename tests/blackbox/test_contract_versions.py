"""Which version of a contract a call is served by, what partners can read of it, and how they hear that it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import served_contracts as contracts
from support.bare_gateway import API, APPLICATION, PARTNER, PLAN, BareGateway, Origin
from support.hostile_backend import HostileBackend, bytes_then
from support.served_contracts import OLDER, OPEN, SHOW, VERSION, ask

ANSWER = {"id": 7, "name": "seven"}
GONE = "01990000-0000-7000-8000-0000000000c9"
SECOND_API, SECOND_VERSION, SECOND_ROUTE = (f"01990000-0000-7000-8000-0000000000a{n}" for n in range(1, 4))
# 2026-11-01 and 2027-05-01, midnight UTC.
DEPRECATED_US, SUNSET_US = 1_793_491_200_000_000, 1_809_129_600_000_000
LINK = "https://docs.example/items"


def renamed(backend: str, name: str) -> dict[str, Any]:
    """ROUTE that calls `name` something else."""
    view = contracts.shown(backend)
    view["program"]["nodes"][0]["object"]["members"][1]["out"] = name
    return view


@contextmanager
def serving(
    folder: Path, pins: Mapping[str, str] = {}, *, own: str | None = VERSION, more: tuple[dict[str, Any], ...] = ()
) -> Iterator[BareGateway]:
    """A node with two versions; `pins`: which version somebody is pinned to, by the kind of who."""
    with Origin(answer=json.dumps(ANSWER).encode()) as origin:
        older = contracts.version(
            {SHOW: renamed(origin.url, "label")},
            identifier=OLDER,
            version="2026-01-01",
            number=3,
            deprecated_at_us=DEPRECATED_US,
            sunset_at_us=SUNSET_US,
            link=LINK,
        )
        resources = [
            contracts.version({SHOW: contracts.shown(origin.url)}),
            contracts.document('{"openapi":"3.1.0","info":{"title":"new"}}'),
            older,
            contracts.document('{"openapi":"3.1.0","info":{"title":"old"}}', identifier=OLDER),
            contracts.version({}, identifier=SECOND_VERSION, api=SECOND_API, contract="others"),
            contracts.route(
                SHOW, "GET", "/v1/items/{id}", "/api/items/{id}", **({"contract": own} if own else {"contract": None})
            ),
            contracts.route(OPEN, "GET", "/v1/open/{id}", "/api/items/{id}", passthrough=True, contract=None),
            *more,
        ]
        node = contracts.node(folder, origin.port, resources)
        for kind, version in pins.items():
            pin(node, kind, {API: version})
        with node:
            yield node


def pin(node: BareGateway, kind: str, pins: Mapping[str, str]) -> None:
    """Pin who is of this kind."""
    identifier = {"application": APPLICATION, "partner": PARTNER, "plan": PLAN}[kind]
    (resource,) = [one for one in node._resources if one["kind"] == kind and one["id"] == identifier]
    resource["body"]["contracts"] = dict(pins)


@pytest.mark.parametrize(
    ("pins", "own", "sees"),
    [
        ({}, VERSION, "title"),
        ({"plan": OLDER}, VERSION, "label"),
        ({"plan": OLDER, "partner": VERSION}, None, "title"),
        ({"plan": VERSION, "partner": VERSION, "application": OLDER}, VERSION, "label"),
        ({}, None, "route_unknown"),
        ({"partner": SECOND_VERSION}, VERSION, "route_unknown"),
        ({"application": GONE, "plan": VERSION}, VERSION, "node_outdated"),
        ({}, GONE, "node_outdated"),
    ],
    ids=[
        "route",
        "plan",
        "partner before plan",
        "application first",
        "none",
        "of another api",
        "pin to nothing",
        "route to nothing",
    ],
)
def test_the_nearest_says_the_version_and_none_is_ever_guessed(
    tmp_path: Path, pins: dict[str, str], own: str | None, sees: str
) -> None:
    with serving(tmp_path, pins, own=own) as node:
        got = ask(node.port, "/v1/items/7")
        if sees in {"route_unknown", "node_outdated"}:
            told = {"route_unknown": (404, "route_unknown"), "node_outdated": (503, "gateway_unavailable")}
            assert (got.status, got.code) == told[sees]
            assert node.record_of(got.request_id)["fault"] == sees
        else:
            assert got.document == {"id": 7, sees: "seven"}
        # A route that passes all through ignores every pin.
        assert ask(node.port, "/v1/open/7").document == ANSWER


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BareGateway, BareGateway]]:
    """A node that serves the newer version, and one that serves the older."""
    folder = tmp_path_factory.mktemp("versions")
    with serving(folder / "new") as new, serving(folder / "old", {"partner": OLDER}) as old:
        yield new, old


def test_the_end_of_a_version_is_told_in_every_answer(both: tuple[BareGateway, BareGateway]) -> None:
    new, old = both
    got = ask(old.port, "/v1/items/7")
    assert got.header("deprecation") == f"@{DEPRECATED_US // 1_000_000}"
    assert old.record_of(got.request_id)["contract_version"] == 3
    assert got.header("sunset") == "Sat, 01 May 2027 00:00:00 GMT"
    assert (
        got.header("link") == f'<{LINK}>; rel="deprecation"; type="text/html", <{LINK}>; rel="sunset"; type="text/html"'
    )
    assert ask(old.port, "/.well-known/portazgo/openapi.json").header("deprecation") is not None
    got = ask(new.port, "/v1/items/7")
    assert got.header("deprecation") is got.header("sunset") is got.header("link") is None


def test_a_key_reads_the_document_of_the_version_that_it_is_served_by(both: tuple[BareGateway, BareGateway]) -> None:
    new, old = both
    path = "/.well-known/portazgo/openapi.json"
    assert [ask(node.port, path).document["info"]["title"] for node in both] == ["new", "old"]
    got = ask(new.port, path)
    assert (got.header("content-type"), got.header("cache-control")) == ("application/json", "private, max-age=300")
    assert got.header("vary") == "authorization, x-api-key"
    again = ask(new.port, path, f"If-None-Match: {got.header('etag')}")
    assert (again.status, again.body) == (304, b"")
    assert ask(old.port, path, f"If-None-Match: {got.header('etag')}").status == 200
    assert ask(new.port, path, key="ptz_live_nobody").status == 401
    assert ask(new.port, path, method="HEAD").status == 200
    assert ask(new.port, path, method="POST").status == 404
    assert [ask(new.port, f"{path}?api={name}").status for name in ("things", "items", "others")] == [200, 200, 404]


def test_where_there_are_several_documents_a_key_is_told_which(tmp_path: Path) -> None:
    second = contracts.route(
        SECOND_ROUTE,
        "GET",
        "/v1/others/{id}",
        "/api/items/{id}",
        api=SECOND_API,
        api_name="others",
        contract=SECOND_VERSION,
    )
    with Origin(answer=json.dumps(ANSWER).encode()) as origin:
        resources = [
            contracts.version({SHOW: contracts.shown(origin.url)}),
            contracts.document('{"openapi":"3.1.0"}'),
            contracts.version(
                {SECOND_ROUTE: contracts.shown(origin.url)},
                identifier=SECOND_VERSION,
                api=SECOND_API,
                contract="others-basic",
            ),
            contracts.document('{"openapi":"3.1.1"}', identifier=SECOND_VERSION),
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}"),
            second,
        ]
        node = contracts.node(tmp_path, origin.port, resources)
        (plan,) = [one for one in node._resources if one["kind"] == "plan"]
        plan["body"]["apis"] = [API, SECOND_API]
        with node:
            path = "/.well-known/portazgo/openapi.json"
            got = ask(node.port, path)
            assert (got.status, {one["api"] for one in got.document["choices"]}) == (300, {"things", "others"})
            found = [ask(node.port, one["document"]).document["openapi"] for one in got.document["choices"]]
            assert sorted(found) == ["3.1.0", "3.1.1"]


def test_a_document_counts_against_the_plan_and_is_for_those_who_may_call(tmp_path: Path) -> None:
    path = "/.well-known/portazgo/openapi.json"
    with Origin(answer=json.dumps(ANSWER).encode()) as origin:
        resources = [
            contracts.version({SHOW: contracts.shown(origin.url)}),
            contracts.document('{"openapi":"3.1.0"}'),
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}", scopes=["items:read"]),
        ]
        for scopes, statuses in ((["items:read"], [200, 200, 429]), (["items:write"], [404, 404, 429])):
            node = contracts.node(tmp_path / scopes[0], origin.port, resources)
            (plan,) = [one for one in node._resources if one["kind"] == "plan"]
            throttle = {"name": "few", "per": "key", "quota": 2, "window_seconds": 3600, "burst": None}
            plan["body"] |= {"scopes": scopes, "throttles": [throttle]}
            with node:
                got = [ask(node.port, path) for _ in statuses]
                assert [one.status for one in got] == statuses
                assert got[0].status == 404 or got[0].header("ratelimit") is not None
                # A call of the same key finds nothing left.
                assert ask(node.port, "/v1/items/7").status == (429 if statuses[0] == 200 else 403)


def test_no_tag_of_the_backends_comes_out_and_none_is_asked_for(tmp_path: Path) -> None:
    """A tag is often a digest of the whole document, what is hidden included."""
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\nVary: Cookie, Accept-Language\r\n"
        b'ETag: "v,1"\r\nLast-Modified: x\r\nDigest: a=b\r\nAccept-Ranges: bytes\r\n\r\n{"id":1}'
    )
    with HostileBackend() as backend:
        heads: list[bytes] = []
        backend.scripts["tagged"] = bytes_then(answer)
        whole = backend._body

        async def noting(head: bytes, reader: Any) -> None:
            heads.append(head.lower())
            await whole(head, reader)

        backend._body = noting  # type: ignore[method-assign]
        inside = f"http://127.0.0.1:{backend.port}"
        dated = contracts.shown(inside)
        dated["answers"][0]["headers"].append({"in": "last-modified", "out": "last-modified", "url": False})
        resources = [
            contracts.version({SHOW: contracts.shown(inside), OPEN: dated}),
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}"),
            contracts.route(OPEN, "GET", "/v1/dated/{id}", "/api/items/{id}"),
        ]
        with contracts.node(tmp_path, backend.port, resources) as node:
            got = ask(node.port, "/v1/items/tagged")
            assert got.header("vary") == "authorization, x-api-key, accept-language"
            assert [got.header(name) for name in ("etag", "digest", "accept-ranges", "last-modified")] == [None] * 4
            ask(node.port, "/v1/items/tagged", 'If-None-Match: "v,1"', 'If-Match: "v,1"', "Range: bytes=0-1")
            assert b"if-none-match" not in heads[-1]
            assert b"range" not in heads[-1]
            # Whoever asks for a state by its tag has none of ours: it must not be changed.
            assert b'\r\nif-match: "portazgo-of-nothing"\r\n' in heads[-1]
            ask(node.port, "/v1/items/tagged", "If-None-Match: *", "If-Match: *")
            assert b"\r\nif-none-match: *\r\n" in heads[-1]
            assert b"\r\nif-match: *\r\n" in heads[-1]
            # Nor a time, but where the contract shows it.
            since = "If-Unmodified-Since: Sun, 06 Nov 2044 08:49:37 GMT"
            ask(node.port, "/v1/items/tagged", since)
            assert b"\r\nif-unmodified-since: thu, 01 jan 1970 00:00:00 gmt\r\n" in heads[-1]
            assert ask(node.port, "/v1/dated/tagged", since).header("last-modified") == "x"
            assert f"\r\n{since.lower()}\r\n".encode() in heads[-1]


def test_an_address_of_the_backends_leaves_under_no_name(tmp_path: Path) -> None:
    with HostileBackend() as backend:
        inside = f"http://127.0.0.1:{backend.port}"
        names = {
            "location": "location",
            "x-redirect": "content-location",
            "content-location": "x-where",
            "x-note": "cache-control",
        }
        headers = [{"in": inward, "out": outward, "url": False} for inward, outward in names.items()]
        view = contracts.shown(inside)
        view["answers"][0]["headers"] = headers
        told = "".join(f"{name}: {inside}/admin\r\n" for name in ("Location", "X-Redirect", "Content-Location"))
        moved = "".join(f"{name}: {inside}/api/items/8\r\n" for name in ("Location", "X-Redirect", "Content-Location"))
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n"
        head += "Cache-Control: public\r\nX-Note: private\r\n"
        backend.scripts |= {
            "elsewhere": bytes_then(f'{head}{told}\r\n{{"id":1}}'.encode()),
            "ours": bytes_then(f'{head}{moved}\r\n{{"id":1}}'.encode()),
        }
        resources = [contracts.version({SHOW: view}), contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}")]
        with contracts.node(tmp_path, backend.port, resources) as node:
            got = ask(node.port, "/v1/items/elsewhere")
            assert [got.header(name) for name in ("location", "content-location", "x-where", "x-redirect")] == [
                None
            ] * 4
            got = ask(node.port, "/v1/items/ours")
            wanted = "http://gate.example/v1/items/8"
            assert [got.header(name) for name in ("location", "content-location", "x-where")] == [wanted] * 3
            assert got.header("cache-control") == "private"
