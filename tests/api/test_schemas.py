"""OpenAPI documents of backends: kept as they were imported, version by version."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from support.admin import AdminAPI
from support.documents_server import documents_server
from support.small_document import SMALL_DOCUMENT
from support.world import NOBODY, World, pointers, refusal

from portazgo.contracts.models import BackendSchema, SchemaVersion
from portazgo.contracts.storing import VERSIONS_KEPT

pytestmark = pytest.mark.usefixtures("database")


def with_title(title: str) -> str:
    document: dict[str, Any] = copy.deepcopy(SMALL_DOCUMENT)
    document["info"]["title"] = title
    return json.dumps(document)


def test_a_document_is_kept_under_a_name_and_given_back_as_it_came(api: AdminAPI, world: World) -> None:
    backend = world.backend()
    text = json.dumps(SMALL_DOCUMENT, indent=3)
    report = world.schema(backend, name="things", document=text)
    assert {**report, "id": None} == {
        "name": "things",
        "id": None,
        "outcome": "created",
        "version": 1,
        "operations": 1,
        "changes": [],
        "effects": [],
        "warnings": [],
    }
    assert api.get(f"/schemas/{report['id']}/document").body == {"version": 1, "document": text}
    assert api.get(f"/schemas/{report['id']}/operations").body["operations"] == [
        {"operation_id": "showThing", "method": "GET", "path": "/api/things/{id}/", "tags": []}
    ]
    shown = api.get(f"/schemas/{report['id']}").body
    assert (shown["name"], shown["backend"], len(shown["versions"])) == ("things", backend["id"], 1)
    assert api.every(f"/schemas?backend={backend['id']}") == [shown]
    assert api.every(f"/schemas?backend={NOBODY}") == []


def test_an_import_again_is_the_next_version_and_the_same_document_is_none(api: AdminAPI, world: World) -> None:
    backend = world.backend()
    first = world.schema(backend, name="things", document=with_title("one"))
    assert world.schema(backend, name="things", document=with_title("one"))["outcome"] == "unchanged"
    second = world.schema(backend, name="things", document=with_title("two"))
    assert (second["id"], second["outcome"], second["version"]) == (first["id"], "changed", 2)
    assert json.loads(api.get(f"/schemas/{first['id']}/document?version=1").body["document"])["info"]["title"] == "one"
    assert json.loads(api.get(f"/schemas/{first['id']}/document").body["document"])["info"]["title"] == "two"
    assert refusal(api.get(f"/schemas/{first['id']}/document?version=3")) == (404, "schema_version_unknown")


def test_a_dry_run_says_what_would_be_and_keeps_nothing(api: AdminAPI, world: World) -> None:
    backend = world.backend()
    order = {"name": "things", "backend": backend["id"], "document": with_title("one"), "dry_run": True}
    assert (api.post("/schemas", order).body["outcome"], BackendSchema.objects.count()) == ("created", 0)
    world.schema(backend, name="things", document=with_title("one"))
    again = api.post("/schemas", {**order, "document": with_title("two")}).body
    assert (again["outcome"], again["version"], SchemaVersion.objects.count()) == ("changed", 2, 1)


def test_old_versions_are_forgotten(api: AdminAPI, world: World) -> None:
    backend = world.backend()
    schema = world.schema(backend, name="things", document=with_title("0"))
    for number in range(1, VERSIONS_KEPT + 2):
        world.schema(backend, name="things", document=with_title(str(number)))
    numbers = [version["number"] for version in api.get(f"/schemas/{schema['id']}").body["versions"]]
    assert numbers == list(range(VERSIONS_KEPT + 2, 2, -1))


def test_a_document_is_fetched_by_its_url(api: AdminAPI, world: World) -> None:
    backend = world.backend()
    with documents_server() as server:
        server.documents["/openapi.json"] = SMALL_DOCUMENT
        url = f"{server.url}/openapi.json"
        report = world.schema(backend, url=url)
    assert api.get(f"/schemas/{report['id']}").body["versions"][0]["source"] == url
    with documents_server() as server:
        server.documents["/openapi.json?token=canary-7741"] = json.loads(with_title("of a query"))
        url = f"{server.url}/openapi.json"
        world.schema(backend, name="queried", url=f"{url}?token=canary-7741#part")
    [queried] = api.get("/schemas?name=queried").body["items"]
    # A document behind a token: who may read schemas, or the audit, is not told it.
    assert queried["versions"][0]["source"] == f"{url}?…"
    assert "canary-7741" not in json.dumps(api.get("/audit").body)
    order = {"name": "other", "backend": backend["id"], "url": "http://169.254.169.254/latest/meta-data/"}
    refused = api.post("/schemas", order)
    assert (refusal(refused), pointers(refused)) == ((422, "document_unreachable"), {"/url"})


@pytest.mark.parametrize("document", ["{", '{"openapi": "2.0"}', '{"openapi": "3.1.0", "paths": []}', ""])
def test_what_is_no_openapi_document_is_refused(api: AdminAPI, world: World, document: str) -> None:
    refused = api.post("/schemas", {"name": "x", "backend": world.backend()["id"], "document": document})
    assert (refusal(refused), pointers(refused)) == ((422, "document_invalid"), {"/document"})


def test_a_name_belongs_to_one_backend(api: AdminAPI, world: World) -> None:
    world.schema(name="things")
    order = {"name": "things", "backend": world.backend()["id"], "document": with_title("two")}
    assert refusal(api.post("/schemas", order)) == (409, "name_taken")
    unknown = api.post("/schemas", {**order, "backend": NOBODY})
    assert (refusal(unknown), pointers(unknown)) == ((422, "backend_unknown"), {"/backend"})


def test_a_backend_with_a_schema_stays(api: AdminAPI, world: World) -> None:
    backend = world.backend()
    schema = world.schema(backend)
    assert refusal(api.delete(f"/backends/{backend['id']}")) == (409, "in_use")
    assert api.delete(f"/schemas/{schema['id']}").status == 204
    assert api.delete(f"/backends/{backend['id']}").status == 204
    assert [row["action"] for row in api.every("/audit")].count("schema.deleted") == 1
