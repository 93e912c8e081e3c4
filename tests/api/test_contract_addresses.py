"""Where a backend is, nodes know of each version over it: as it is now, and as it was when the version was published."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.admin import AdminAPI
from support.contracts import Contracts
from support.small_document import SMALL_DOCUMENT
from support.world import World, body_of, refusal, resource, snapshot_lines

from portazgo.contracts.models import ContractVersion

pytestmark = pytest.mark.usefixtures("database")

FIRST = "http://127.0.0.1:9"
ROUTES = {"show": {"answers": {"200": [{"select": ["id", "url"]}, {"rewrite_url": ["url"]}]}}}


@pytest.fixture
def contracts(world: World) -> Contracts:
    made = Contracts(world)
    document: dict[str, Any] = copy.deepcopy(SMALL_DOCUMENT)
    document["components"]["schemas"]["Thing"]["properties"]["url"] = {"type": "string", "format": "uri"}
    made.import_again(document)
    return made


def move(api: AdminAPI, backend: str, *targets: str, **more: Any) -> None:
    live = {"targets": list(targets), "credential": {"kind": "none"}, **more}
    answer = api.patch(f"/backends/{backend}", {"environments": {"live": live}})
    assert answer.status == 200, answer


def known(version: str) -> list[str]:
    """What nodes take for the backend's addresses."""
    (view,) = body_of("contract", version)["routes"].values()
    (urls,) = view["program"]["urls"]
    prefixes: list[str] = urls["prefixes"]
    return prefixes


def test_nodes_are_told_where_the_backend_is_and_the_version_stays_as_it_was(
    api: AdminAPI, contracts: Contracts
) -> None:
    made, version = contracts.published(routes=ROUTES, default=True)
    backend = contracts.backend["id"]
    assert known(version["id"]) == [FIRST, ""]
    path = f"/contracts/{made['id']}/versions/{version['name']}"
    shown, kept = api.get(path).body, ContractVersion.objects.get(id=version["id"]).compiled
    move(api, backend, "https://b.example", "http://c.example:8000")
    assert known(version["id"]) == ["https://b.example:443", "http://c.example:8000", FIRST, ""]
    move(api, backend, "http://c.example:8000", FIRST)
    assert known(version["id"]) == ["http://c.example:8000", FIRST, ""]
    assert api.get(path).body == shown
    assert ContractVersion.objects.get(id=version["id"]).compiled == kept


def test_there_is_nothing_to_publish_because_a_backend_moved(api: AdminAPI, contracts: Contracts) -> None:
    made, _ = contracts.published(routes=ROUTES)
    move(api, contracts.backend["id"], "https://b.example")
    publish = f"/contracts/{made['id']}/publish"
    assert refusal(api.post(publish, {})) == (409, "contract_unchanged")
    api.patch(f"/contracts/{made['id']}", {"routes": {"show": {"answers": {"200": [{"select": ["url"]}]}}}})
    # Not named by rewrite_url, an address is a text like others.
    second = api.post(publish, {}).body
    (view,) = body_of("contract", second["id"])["routes"].values()
    assert "urls" not in view["program"]


def test_only_versions_over_the_backend_are_told_and_only_of_addresses(api: AdminAPI, contracts: Contracts) -> None:
    _, version = contracts.published(routes=ROUTES)
    made, retired = contracts.published(name="retired", routes=ROUTES)
    api.post(f"/contracts/{made['id']}/versions/{retired['name']}/retire")
    before = resource("contract", version["id"])
    move(api, contracts.world.backend()["id"], "https://other.example")
    move(api, contracts.backend["id"], FIRST, timeouts={"connect_ms": 1234})
    assert resource("contract", version["id"]) == before
    move(api, contracts.backend["id"], "https://b.example")
    assert [line["id"] for line in snapshot_lines() if line.get("kind") == "contract"] == [version["id"]]
    told = api.every("/audit")
    changes = next(row["changes"] for row in told if row["action"] == "backend.changed")
    assert {one["kind"] for one in changes} == {"backend", "contract"}
    assert known(version["id"]) == ["https://b.example:443", FIRST, ""]


def test_a_socket_is_called_localhost(api: AdminAPI, contracts: Contracts) -> None:
    _, version = contracts.published(routes=ROUTES)
    move(api, contracts.backend["id"], "unix:/run/app/web.sock")
    assert known(version["id"]) == ["http://localhost", FIRST, ""]
    _, second = contracts.published(name="second", routes=ROUTES)
    assert known(second["id"]) == ["http://localhost", ""]
