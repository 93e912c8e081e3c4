"""What a key reads of a contract at the node: the operations that it may call, what these lead to, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from support import served_contracts as contracts
from support.bare_gateway import Origin
from support.command import entered
from support.deployment import Deployment, Reply
from support.served_contracts import OPEN, SHOW, ask

from portazgo.contracts.document.building import render

PATH = "/.well-known/portazgo/openapi.json"
NAMES = ("parcel", "ledger", "lantern")
"""Operations of the backend, and of the API; each has a schema and a tag of its own."""


def schema() -> dict[str, Any]:
    """What the backend says: operations of which none shares anything with another."""

    def operation(name: str) -> dict[str, Any]:
        given = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name.title()}"}}}
        return {
            "operationId": f"{name}_retrieve",
            "tags": [f"tag-of-{name}"],
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": {"200": {"description": "ok", "content": given}},
        }

    def component(name: str) -> dict[str, Any]:
        part = {"$ref": f"#/components/schemas/{name.title()}Part"}
        return {"type": "object", "properties": {f"{name}_id": {"type": "integer"}, "part": part}}

    whole = {name.title(): component(name) for name in NAMES}
    parts = {f"{name.title()}Part": {"type": "object", "properties": {"id": {"type": "integer"}}} for name in NAMES}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Depot", "version": "1"},
        "paths": {f"/api/{name}/{{id}}/": {"get": operation(name)} for name in NAMES},
        "components": {"schemas": whole | parts},
    }


@dataclass
class Depot:
    """A contract over three routes, of which one asks for no scope."""

    deployment: Deployment
    routes: dict[str, str]
    application: str

    @classmethod
    def of(cls, deployment: Deployment) -> Depot:
        admin = deployment.admin
        credential = {"kind": "mint", "audience": "depot"}
        live = {"targets": [deployment.backend_url], "credential": credential}
        backend = admin.post("/backends", {"name": "depot", "environments": {"live": live}})["id"]
        api = admin.post("/apis", {"name": "depot"})["id"]
        routes = {}
        for name in NAMES:
            body = {"name": name, "backend": backend, "method": "GET", "path": f"/v1/{name}/{{id}}"}
            scopes = [] if name == "lantern" else [f"{name}:read"]
            more = {"backend_path": f"/api/{name}/{{id}}/", "passthrough": True, "environments": ["live"]}
            routes[name] = admin.post(f"/apis/{api}/routes", {**body, **more, "scopes": scopes})["id"]
        kept = admin.post("/schemas", {"name": "depot", "backend": backend, "document": json.dumps(schema())})["id"]
        shown = {name: {"answers": {"200": [{"select": [f"{name}_id", "part"]}]}} for name in NAMES}
        made = admin.post("/contracts", {"name": "depot", "api": api, "schema": kept, "routes": shown})["id"]
        admin.post(f"/contracts/{made}/publish", {"default": True})
        plan = admin.post("/plans", {"name": "depot", "apis": [api]})["id"]
        partner = admin.post("/partners", {"name": "depot"})["id"]
        wanted = {"partner": partner, "name": "depot", "environment": "live", "plan": plan}
        return cls(deployment, routes, admin.post("/applications", wanted)["id"])

    def key(self, **members: Any) -> dict[str, Any]:
        """Make a key that the node knows."""
        made = self.deployment.admin.post(f"/applications/{self.application}/keys", members)
        self.settle()
        return made

    def settle(self) -> None:
        """Wait until the node serves the newest revision."""
        admin = self.deployment.admin
        self.deployment.wait_for(lambda: admin.get("/nodes")["items"][0]["current"], "the newest revision")

    def read(self, key: dict[str, Any], **headers: str) -> Reply:
        """Ask the node."""
        return self.deployment.call(PATH, X_Api_Key=key["api_key"], **headers)

    def printed(self, key: dict[str, Any]) -> bytes:
        """Ask the control plane, by the command line, which indents it."""
        words = ("contract", "document", "depot", "--key", key["kid"])
        done = entered(self.deployment.environment, self.deployment.folder, *words)
        assert done.returncode == 0, done.stderr
        return render(json.loads(done.stdout)).encode()


@pytest.fixture(scope="module")
def depot(deployment: Deployment) -> Depot:
    return Depot.of(deployment)


def operations(document: Any) -> set[str]:
    return {one["operationId"] for item in document["paths"].values() for one in item.values()}


def assert_of(reply: Reply, names: set[str]) -> None:
    """It is a valid document of these operations, and says nothing of any other."""
    assert reply.status == 200, reply.body
    document = reply.json()
    OpenAPIV31SpecValidator(document).validate()
    assert operations(document) == names
    text = reply.body.decode().lower()
    assert {name for name in NAMES if name in text} == names
    assert {f"{name.title()}Part" for name in names} <= document["components"]["schemas"].keys()


def test_each_key_reads_what_it_may_call_as_the_control_plane_says_it(depot: Depot) -> None:
    routes = depot.routes
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({}, set(NAMES)),
        ({"scopes": ["parcel:read"]}, {"parcel", "lantern"}),
        ({"scopes": ["ledger:read"]}, {"ledger", "lantern"}),
        ({"scopes": ["other:read"]}, {"lantern"}),
        ({"scopes": ["ledger:read", "parcel:read"], "routes": [routes["ledger"]]}, {"ledger"}),
    ]
    tags: set[str] = set()
    for members, names in cases:
        key = depot.key(**members)
        got = depot.read(key)
        assert_of(got, names)
        assert got.body == depot.printed(key)
        # One of another key's documents is never taken for this one's, by whoever keeps it.
        assert got.headers["vary"] == "authorization, x-api-key"
        assert got.headers["cache-control"] == "private, max-age=300"
        for tag in tags:
            assert depot.read(key, If_None_Match=tag).body == got.body
        again = depot.read(key, If_None_Match=got.headers["etag"])
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", got.headers["etag"])
        tags.add(got.headers["etag"])
    assert len(tags) == len(cases)


def test_a_key_that_may_call_no_route_reads_nothing(depot: Depot) -> None:
    nothing = depot.key(scopes=["parcel:read"], routes=[depot.routes["ledger"]])
    got = depot.read(nothing)
    assert (got.status, got.json()["code"]) == (404, "route_unknown")
    assert not [name for name in (*NAMES, "depot") if name in got.body.decode()]
    assert json.loads(depot.printed(nothing))["paths"] == {}


def test_the_document_follows_the_key_and_ends_with_it(depot: Depot) -> None:
    admin = depot.deployment.admin
    key = depot.key(scopes=["parcel:read", "ledger:read"])
    before = depot.read(key)
    assert_of(before, set(NAMES))
    admin.patch(f"/keys/{key['kid']}", {"scopes": ["ledger:read"]})
    depot.settle()
    narrowed = depot.read(key, If_None_Match=before.headers["etag"])
    assert_of(narrowed, {"ledger", "lantern"})
    admin.patch(f"/routes/{depot.routes['ledger']}", {"scopes": ["ledger:audit"]})
    depot.settle()
    assert_of(depot.read(key), {"lantern"})
    admin.patch(f"/routes/{depot.routes['ledger']}", {"scopes": ["ledger:read"]})
    depot.settle()
    assert depot.read(key).body == narrowed.body
    admin.post(f"/keys/{key['kid']}/revoke")
    depot.deployment.wait_for(lambda: depot.read(key).status == 401, "the revocation")
    refused = depot.read(key, If_None_Match=narrowed.headers["etag"])
    assert (refused.status, refused.headers["cache-control"]) == (401, "no-store")


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


def served_to(folder: Path, origin: Origin, scopes: list[str], document: dict[str, Any]) -> contracts.Got:
    """What a key reads whose plan has these scopes, of a version with two routes."""
    views = {SHOW: contracts.shown(origin.url), OPEN: contracts.shown(origin.url)}
    resources = [
        contracts.version(views),
        document,
        contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}", scopes=["items:read"]),
        contracts.route(OPEN, "GET", "/v1/open/{id}", "/api/items/{id}"),
    ]
    node = contracts.node(folder, origin.port, resources)
    (plan,) = [one for one in node._resources if one["kind"] == "plan"]
    plan["body"]["scopes"] = scopes
    with node:
        return ask(node.port, PATH)


def test_a_document_that_nobody_can_cut_is_for_those_who_may_call_all_of_it(tmp_path: Path, origin: Origin) -> None:
    whole = contracts.document('{"openapi":"3.1.0"}')
    assert served_to(tmp_path / "all", origin, ["items:read"], whole).document == {"openapi": "3.1.0"}
    some = served_to(tmp_path / "some", origin, [], whole)
    assert (some.status, some.code) == (503, "gateway_unavailable")
    later = {**whole, "requires": ["contract.document.of-later"]}
    assert served_to(tmp_path / "later", origin, ["items:read"], later).status == 503


def test_parts_of_what_the_node_does_not_know_are_left_out(tmp_path: Path, origin: Origin) -> None:
    gone = "01990000-0000-7000-8000-0000000000bf"
    operations = {
        '"/v1/items/{id}"': [(SHOW, '"get":{"operationId":"show"}')],
        '"/v1/open/{id}"': [(OPEN, '"get":{"operationId":"open"}'), (gone, '"put":{"operationId":"gone"}')],
    }
    parts = {
        "before": '{"openapi":"3.1.0"',
        "paths": [
            {"name": path, "operations": [{"route": route, "member": member} for route, member in told]}
            for path, told in operations.items()
        ],
        "components": [
            {
                "name": '"schemas"',
                "members": [
                    {"member": '"Both":1', "operations": [0, 1]},
                    {"member": '"Gone":1', "operations": [2]},
                    {"member": '"Open":1', "operations": [1, 2]},
                ],
            },
            {"name": '"headers"', "members": []},
            {"name": '"securitySchemes"', "members": [{"member": '"apiKey":{}'}]},
        ],
    }
    document = {**contracts.document(""), "requires": ["contract.document.1"], "body": {"parts": parts}}
    assert served_to(tmp_path, origin, [], document).body == (
        b'{"openapi":"3.1.0","paths":{"/v1/open/{id}":{"get":{"operationId":"open"}}},'
        b'"components":{"schemas":{"Both":1,"Open":1},"headers":{},"securitySchemes":{"apiKey":{}}}}'
    )
