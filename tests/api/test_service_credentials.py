"""Service credentials: what logins at a backend are made with, who may set them, and that they never come out again."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from support.admin import AdminAPI
from support.world import World, body_of, pointers, refusal, resource

from portazgo.accounts.domain import SYSTEM
from portazgo.accounts.service import create_token
from portazgo.audit.models import AuditRow
from portazgo.backends.models import ServiceCredential
from portazgo.control.provider import wrapper
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.snapshot.models import ChangeRow, ResourceRow

pytestmark = pytest.mark.usefixtures("database")

CANARY = "canary-5c1b-password"
VALUES = {"username": "portazgo", "password": CANARY}


def caller(*scopes: str) -> AdminAPI:
    return AdminAPI(create_token(SYSTEM, "test", frozenset(scopes), clock=SYSTEM_CLOCK)[1].reveal())


def put(api: AdminAPI, backend: dict[str, Any], **members: Any) -> Any:
    return api.put(f"/backends/{backend['id']}/credentials/live", {"values": VALUES, **members})


def test_a_credential_is_sealed_for_nodes_and_shown_to_nobody(api: AdminAPI, world: World) -> None:
    backend = world.login_backend()
    made = put(api, backend)
    assert made.status == 200
    assert (made.body["names"], made.body["partner"], made.body["environment"]) == (
        ["password", "username"],
        None,
        "live",
    )
    told = body_of("credential", made.body["id"])
    assert (told["backend"], told["environment"], told["partner"]) == (backend["id"], "live", None)
    assert json.loads(wrapper().unwrap(f"credential/{made.body['id']}", told["wrapped"])) == VALUES
    listed = api.every(f"/backends/{backend['id']}/credentials")
    assert listed == [made.body]
    rows = [row.details for row in AuditRow.objects.filter(action="service_credential.set")]
    seen = json.dumps([made.body, listed, rows, api.get(f"/backends/{backend['id']}").body])
    kept = " ".join(
        [*ResourceRow.objects.values_list("line", flat=True), *ChangeRow.objects.values_list("line", flat=True)]
    )
    assert CANARY not in seen + kept + "".join(ServiceCredential.objects.values_list("wrapped", flat=True))


def test_setting_it_again_replaces_it_and_removing_it_tells_nodes(api: AdminAPI, world: World) -> None:
    backend = world.login_backend()
    first = put(api, backend).body
    second = put(api, backend, values={**VALUES, "password": "another"}).body
    assert first["id"] == second["id"]
    wrapped = body_of("credential", first["id"])["wrapped"]
    assert json.loads(wrapper().unwrap(f"credential/{first['id']}", wrapped))["password"] == "another"
    assert api.delete(f"/service-credentials/{first['id']}").status == 204
    assert resource("credential", first["id"]) is None


def test_a_backend_takes_its_credentials_along_and_a_partner_with_one_stays(api: AdminAPI, world: World) -> None:
    backend = world.login_backend(credentials="partner")
    partner = world.partner()
    made = put(api, backend, partner=partner["id"]).body
    assert refusal(api.delete(f"/partners/{partner['id']}")) == (409, "in_use")
    assert api.delete(f"/backends/{backend['id']}").status == 204
    assert resource("credential", made["id"]) is None
    assert api.delete(f"/partners/{partner['id']}").status == 204


def test_values_are_those_that_the_login_reads(api: AdminAPI, world: World) -> None:
    backend = world.login_backend()
    assert pointers(put(api, backend, values={"username": "x"})) == {"/values"}
    assert pointers(put(api, backend, values={**VALUES, "pin": "1"})) == {"/values/pin"}
    assert pointers(put(api, backend, partner=world.partner()["id"])) == {"/partner"}
    assert pointers(put(api, world.login_backend(credentials="partner"))) == {"/partner"}
    assert put(api, world.backend()).status == 422


def test_only_who_may_set_a_credential_may_send_it_elsewhere(api: AdminAPI, world: World) -> None:
    backend = world.login_backend()
    put(api, backend)
    credential = {"kind": "exchange", "login": {"url": "https://thief.example/"}}
    elsewhere = {"live": {"targets": ["http://127.0.0.1:9"], "credential": credential}}
    other_target = {
        "live": {"targets": ["http://127.0.0.1:8"], "credential": backend["environments"]["live"]["credential"]}
    }
    # A refresh may read the credential too: it is a place like the login.
    refresh = {"url": "https://thief.example/", "body": {"p": "{credential.password}", "r": "{refresh_token}"}}
    by_refresh = {
        "live": {
            "targets": ["http://127.0.0.1:9"],
            "credential": {
                "kind": "exchange",
                "login": {"path": "/api/token/"},
                "refresh": {"refresh_token": "/refresh", **refresh},
            },
        }
    }
    for environments in (by_refresh, elsewhere, other_target):
        few = caller("backends:write")
        assert refusal(few.patch(f"/backends/{backend['id']}", {"environments": environments})) == (
            403,
            "scope_missing",
        )
        both = caller("backends:write", "service_credentials:change")
        assert both.patch(f"/backends/{backend['id']}", {"environments": environments}).status == 200
    assert caller("backends:write").patch(f"/backends/{backend['id']}", {"name": "renamed"}).status == 200


@pytest.mark.parametrize(
    ("credential", "pointer"),
    [
        ({"login": {}}, "/environments/live/credential/login"),
        (
            {"login": {"path": "/x", "body": {"password": "hunter2"}}},
            "/environments/live/credential/login/body",
        ),
        (
            {"login": {"path": "/x", "body": {"user": "{partner.nonsense}"}}},
            "/environments/live/credential/login/body",
        ),
        (
            {"login": {"path": "/x"}, "attach": {"value": "Bearer"}},
            "/environments/live/credential/attach/value",
        ),
        (
            {"login": {"path": "/x"}, "attach": {"header": "Host"}},
            "/environments/live/credential/attach/header",
        ),
        ({"login": {"path": "/x"}, "token": "access"}, "/environments/live/credential/token"),
        (
            {"login": {"path": "/x", "content_type": "form", "body": {"in": {"user": "{credential.username}"}}}},
            "/environments/live/credential/login",
        ),
        (
            {"login": {"path": "/x"}, "refresh": {"path": "/y", "content_type": "form", "body": {"in": ["a"]}}},
            "/environments/live/credential/refresh",
        ),
    ],
)
def test_a_login_that_can_not_work_is_refused(api: AdminAPI, credential: dict[str, Any], pointer: str) -> None:
    live = {"targets": ["http://127.0.0.1:9"], "credential": {"kind": "exchange", **credential}}
    answer = api.post("/backends", {"name": "x", "environments": {"live": live}})
    assert answer.status == 422
    assert pointers(answer) == {pointer}


def test_whose_a_token_is_follows_from_what_the_login_reads(world: World) -> None:
    def per(**members: Any) -> tuple[str, str]:
        told = body_of("backend", world.login_backend(**members)["id"])["environments"]["live"]["credential"]
        return told["per"], told["service"]

    body = {"password": "{credential.password}"}
    assert per() == ("backend", "shared")
    assert per(credentials="partner") == ("partner", "partner")
    assert per(login={"path": "/x", "body": {**body, "u": "{partner.name}"}}) == ("partner", "shared")
    assert per(login={"path": "/x", "body": {**body, "u": "{application.id}"}}) == ("application", "shared")
    assert per(login={"path": "/x", "body": {**body, "u": "{key.kid}"}}) == ("key", "shared")
    assert per(login={"path": "/x", "body": {"u": "{application.id}"}}) == ("application", "none")
    world.issuer()
    live = {"targets": ["http://127.0.0.1:9"]}
    exchange = {"kind": "token_exchange", "login": {"path": "/x"}, "subject": {"audience": "a"}}
    by_key = {**exchange, "subject": {"audience": "a", "claims": {"scopes": "{key.scopes}"}}}
    for credential, whose in ((exchange, "application"), (by_key, "key")):
        made = world.backend(environments={"live": {**live, "credential": credential}})
        told = body_of("backend", made["id"])["environments"]["live"]["credential"]
        assert (told["per"], told["service"]) == (whose, "none")
        assert str(UUID(told["subject"]["issuer"])) == told["subject"]["issuer"]
