"""What nodes tell of logins at backends that fail, and for how long it is believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from support.admin import AdminAPI
from support.control import ControlProcess, FeedClient
from support.world import NOBODY, World, refusal

from portazgo.kit.ids import uuid7
from portazgo.nodes.logins import FORGOTTEN_AFTER
from portazgo.nodes.models import Node

pytestmark = pytest.mark.usefixtures("database")

SINCE, AT = "2026-11-26T09:00:00.000000Z", "2026-11-26T09:10:00.000000Z"


@pytest.fixture
def node(control: ControlProcess, world: World) -> Iterator[FeedClient]:
    client = FeedClient(control.internal_url, world.node_token(label="madrid")["token"])
    assert client.snapshot().status == 200
    yield client
    client.close()


def failing(backend: str, **further: Any) -> dict[str, Any]:
    about = {"environment": "live", "whose": "all calls", "why": "It was refused: 401."}
    return {"backend": backend, **about, "since": SINCE, "at": AT, "next_at": None, **further}


def at_backend(api: AdminAPI, backend: dict[str, Any]) -> list[dict[str, Any]]:
    answer = api.get(f"/backends/{backend['id']}/logins")
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.body["failing"]
    return found


def test_what_a_node_tells_is_seen_at_the_node_and_at_the_backend(
    api: AdminAPI, node: FeedClient, world: World
) -> None:
    backend, other = world.login_backend(), world.backend()
    later = failing(backend["name"], whose="the partner acme", since=AT, next_at=AT)
    assert node.logins(later, failing(backend["name"])).status == 204
    first, second = at_backend(api, backend)
    assert first == {
        "node": "madrid",
        "backend": backend["name"],
        "environment": "live",
        "whose": "all calls",
        "since": "2026-11-26T09:00:00Z",
        "last_at": "2026-11-26T09:10:00Z",
        "next_at": None,
        "why": "It was refused: 401.",
    }
    assert (second["whose"], second["next_at"]) == ("the partner acme", "2026-11-26T09:10:00Z")
    assert api.get(f"/nodes/{node.node}").body["failing_logins"] == [first, second]
    assert at_backend(api, other) == []
    assert node.logins().status == 204
    assert at_backend(api, backend) == []
    assert refusal(api.get(f"/backends/{NOBODY}/logins")) == (404, "backend_unknown")


def test_what_is_not_told_again_is_forgotten(api: AdminAPI, node: FeedClient, world: World) -> None:
    backend = world.login_backend()
    node.logins(failing(backend["name"]))
    Node.objects.filter(id=UUID(node.node)).update(
        logins_told_at=datetime.now(UTC) - FORGOTTEN_AFTER - timedelta(seconds=1)
    )
    assert at_backend(api, backend) == []
    assert api.get(f"/nodes/{node.node}").body["failing_logins"] == []


def test_a_new_process_begins_without_any_and_the_old_one_speaks_no_more(
    api: AdminAPI, node: FeedClient, world: World
) -> None:
    backend = world.login_backend()
    node.logins(failing(backend["name"]))
    before, node.epoch = node.epoch, str(uuid7())
    refused = node.logins(failing(backend["name"]))
    assert (refused.status, refused.json()["code"]) == (409, "node_epoch_differs")
    assert node.snapshot().status == 200
    assert at_backend(api, backend) == []
    assert node.logins(failing(backend["name"], why="It is away.")).status == 204
    node.epoch = before
    assert node.logins().status == 409
    (known,) = at_backend(api, backend)
    assert known["why"] == "It is away."


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"environment": "staging"}, "/failing/0/environment"),
        ({"why": "x" * 501}, "/failing/0/why"),
        ({"since": "yesterday"}, "/failing/0/since"),
    ],
)
def test_what_is_no_report_is_refused(node: FeedClient, wrong: dict[str, Any], where: str) -> None:
    answer = node.logins(failing("insignia", **wrong))
    assert answer.status == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [where]


def test_what_no_database_keeps_and_no_terminal_shall_see_is_escaped(
    api: AdminAPI, node: FeedClient, world: World
) -> None:
    backend = world.login_backend()
    assert node.logins(failing(backend["name"], why="It said \x00\x1b[31m no.")).status == 204
    (known,) = at_backend(api, backend)
    assert known["why"] == "It said \\x00\\x1b[31m no."


def test_a_later_node_may_say_more(api: AdminAPI, node: FeedClient, world: World) -> None:
    backend = world.login_backend()
    assert node.logins(failing(backend["name"], how_often=3)).status == 204
    assert len(at_backend(api, backend)) == 1
