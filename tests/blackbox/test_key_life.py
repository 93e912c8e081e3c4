"""What is said of a key's life holds at the gateway, and on a terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.command import portazgo
from support.deployment import Deployment
from support.terminal import COLUMNS, on_terminal

from portazgo.keys.domain import parse_key

BADGES, ISSUERS = "/v1/badges/?page_size=1", "/v1/issuers/?page_size=1"


@pytest.fixture
def new_key(deployment: Deployment) -> dict[str, Any]:
    application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
    made = deployment.admin.post(f"/applications/{application}/keys", {"name": "life"})
    wait_for(deployment, made, BADGES, 200)
    return made


def wait_for(deployment: Deployment, key: dict[str, Any], path: str, status: int) -> None:
    call = f"{status} on {path}"
    deployment.wait_for(lambda: deployment.call(path, X_Api_Key=key["api_key"]).status == status, call)


def route_of(deployment: Deployment, path: str) -> dict[str, Any]:
    return next(one for one in deployment.admin.pages("/routes") if (one["method"], one["path"]) == ("GET", path))


def test_a_key_opens_the_routes_it_is_restricted_to_and_a_refused_call_takes_from_no_throttle(
    deployment: Deployment, new_key: dict[str, Any]
) -> None:
    admin, kid = deployment.admin, new_key["kid"]
    badges = route_of(deployment, "/v1/badges/")
    admin.patch(f"/keys/{kid}", {"routes": [badges["id"]]})
    wait_for(deployment, new_key, ISSUERS, 403)
    refused = deployment.call(ISSUERS, X_Api_Key=new_key["api_key"])
    assert refused.json()["code"] == "scope_missing"
    assert not [name for name in refused.headers if name.startswith("ratelimit")]
    before = deployment.call(BADGES, X_Api_Key=new_key["api_key"])
    assert before.status == 200
    for _ in range(5):
        assert deployment.call(ISSUERS, X_Api_Key=new_key["api_key"]).status == 403
    after = deployment.call(BADGES, X_Api_Key=new_key["api_key"])
    left = [int(one.headers["ratelimit"].split("r=")[1].split(";")[0]) for one in (before, after)]
    assert left[1] >= left[0] - 1
    trace = deployment.trace(refused.request_id)
    assert (trace["fault"], trace["kid"]) == ("key_route_denied", kid)


def test_tags_of_routes_open_and_close_without_a_change_of_the_key(
    deployment: Deployment, new_key: dict[str, Any]
) -> None:
    admin, kid = deployment.admin, new_key["kid"]
    issuers = route_of(deployment, "/v1/issuers/")
    assert "issuers" in issuers["tags"], "an import takes the operations' tags"
    admin.patch(f"/keys/{kid}", {"route_tags": ["badges", "tomorrow"]})
    wait_for(deployment, new_key, ISSUERS, 403)
    assert deployment.call(BADGES, X_Api_Key=new_key["api_key"]).status == 200
    admin.patch(f"/routes/{issuers['id']}", {"tags": [*issuers["tags"], "tomorrow"]})
    wait_for(deployment, new_key, ISSUERS, 200)
    admin.patch(f"/routes/{issuers['id']}", {"tags": issuers["tags"]})
    wait_for(deployment, new_key, ISSUERS, 403)
    assert deployment.call(ISSUERS).status == 200, "the demo's own key is restricted to nothing"
    admin.patch(f"/keys/{kid}", {"without_routes": True})
    wait_for(deployment, new_key, ISSUERS, 200)


def test_a_deleted_key_is_refused_like_one_that_never_was(deployment: Deployment, new_key: dict[str, Any]) -> None:
    admin, kid = deployment.admin, new_key["kid"]
    admin.post(f"/keys/{kid}/revoke")
    admin.delete(f"/keys/{kid}")
    deployment.wait_for(lambda: all(node["state"] == "confirmed" for node in proofs(deployment, kid)), "the receipts")
    gone = deployment.call(BADGES, X_Api_Key=new_key["api_key"])
    assert (gone.status, gone.json()["code"]) == (401, "key_invalid")
    revoked = (deployment.data / "node" / "revoked.log").read_text()
    assert kid in revoked, "the node's set that nothing shrinks"
    deployment.stop("gateway")
    deployment.start_gateway()
    assert deployment.call(BADGES, X_Api_Key=new_key["api_key"]).status == 401
    assert deployment.call(BADGES).status == 200


def proofs(deployment: Deployment, kid: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = deployment.admin.get(f"/keys/{kid}/propagation")["nodes"]
    return nodes


def test_an_end_that_is_moved_holds_at_the_gateway(deployment: Deployment, new_key: dict[str, Any]) -> None:
    soon = on_terminal(deployment.environment, deployment.folder, "key", "change", new_key["kid"], "--expires", "1s")
    assert soon.code == 0, soon.text
    wait_for(deployment, new_key, BADGES, 401)
    deployment.admin.patch(f"/keys/{new_key['kid']}", {"without_expiry": True})
    wait_for(deployment, new_key, BADGES, 200)


def test_on_a_terminal_the_key_stands_alone_in_its_line(deployment: Deployment) -> None:
    shown = on_terminal(
        deployment.environment, deployment.folder, "key", "create", "--application", "demo", "--name", "n" * 60
    )
    assert shown.code == 0, shown.text
    lines = shown.text.split("\n")
    alone = [line for line in lines if parse_key(line) is not None]
    assert len(alone) == 1
    place = lines.index(alone[0])
    assert (lines[place - 1], lines[place + 1]) == ("", "")
    assert "\x1b" not in alone[0]
    assert len(alone[0]) <= COLUMNS
    assert shown.text.count(alone[0].rsplit("_", 1)[1]) == 1


def test_into_a_pipe_goes_the_key_and_nothing_else(deployment: Deployment) -> None:
    done = portazgo(deployment.environment, deployment.folder, "key", "create", "--application", "demo")
    assert parse_key(done.stdout.removesuffix("\n")) is not None
    assert done.stdout.strip().rsplit("_", 1)[1] not in done.stderr
    as_json = portazgo(deployment.environment, deployment.folder, "key", "create", "--application", "demo", "--json")
    assert parse_key(json.loads(as_json.stdout)["api_key"]) is not None
