"""`POST /backends/{id}/test`: what it refuses and leaves behind; tests/blackbox/test_backend_test.py has what it explains."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.admin import AdminAPI
from support.ports import free_port
from support.world import NOBODY, World, pointers, refusal

from portazgo.signing.models import SigningKey

pytestmark = pytest.mark.usefixtures("database")


def silent(world: World, **credential: object) -> str:
    """Make a backend where nobody listens. Returns its id."""
    told = {"kind": "mint", "audience": "api", **credential}
    live = {"targets": [f"http://127.0.0.1:{free_port()}"], "credential": told}
    return str(world.backend(environments={"live": live})["id"])


def test_it_asks_for_the_right_to_change_backends(api_with: Callable[..., AdminAPI], world: World) -> None:
    world.issuer()
    path = f"/backends/{silent(world)}/test"
    assert refusal(api_with("backends:read").post(path)) == (403, "scope_missing")
    assert refusal(api_with("keys:write").post(path)) == (403, "scope_missing")
    assert api_with("backends:write").post(path).status == 200


def test_as_an_application_it_asks_for_the_right_to_read_applications_before_it_looks(
    api_with: Callable[..., AdminAPI], world: World
) -> None:
    world.issuer()
    path = f"/backends/{silent(world)}/test"
    for application in (world.application(environment="live")["id"], NOBODY):
        answer = api_with("backends:*").post(path, {"application": application})
        assert refusal(answer) == (403, "scope_missing")
        assert answer.body["scope"] == "applications:read"
    known = {"application": world.application(environment="live")["id"]}
    assert api_with("backends:change", "applications:read").post(path, known).status == 200
    assert refusal(api_with("applications:read").post(path, known)) == (403, "scope_missing")


def test_it_leaves_an_audit_row_and_no_revision(api: AdminAPI, world: World) -> None:
    world.issuer()
    backend = silent(world)
    assert api.post(f"/backends/{backend}/test", {"path": "/api/", "environment": "live"}).status == 200
    row = api.get("/audit", {"action": "backend.tested"}).body["items"][0]
    assert (row["subject"], row["revision"]) == (backend, None)
    assert row["details"] == {"path": "/api/", "environment": "live"}


def test_what_does_not_fit_is_refused_with_its_place(api: AdminAPI, world: World) -> None:
    world.issuer()
    path = f"/backends/{silent(world)}/test"
    for body, place in (
        ({"environment": "test"}, "/environment"),
        ({"application": NOBODY}, "/application"),
        ({"path": "no-slash"}, "/path"),
        ({"path": "/a b"}, "/path"),
        ({"path": "/\u00e9#x"}, "/path"),
    ):
        answer = api.post(path, body)
        assert (answer.status, pointers(answer)) == (422, {place})
    assert refusal(api.post(f"/backends/{NOBODY}/test")) == (404, "backend_unknown")


def test_an_application_is_tested_in_its_own_environment(api: AdminAPI, world: World) -> None:
    world.issuer()
    application = world.application(environment="test")
    answer = api.post(f"/backends/{silent(world)}/test", {"application": application["id"]})
    assert (answer.status, pointers(answer)) == (422, {"/environment"})


def test_the_claims_are_those_of_the_application_even_where_nobody_answers(api: AdminAPI, world: World) -> None:
    issuer = world.issuer()
    application = world.application(environment="live", metadata={"tenant": "t-9"})
    backend = silent(world, claims={"tenant": "{application.metadata.tenant}", "sub": "app:{application.name}"})
    outcome = api.post(f"/backends/{backend}/test", {"application": application["id"]}).body
    assert (outcome["ok"], outcome["status"]) == (False, None)
    claims = outcome["claims"]
    assert (claims["tenant"], claims["sub"], claims["iss"], claims["aud"]) == (
        "t-9",
        f"app:{application['name']}",
        issuer["url"],
        "api",
    )


def test_an_issuer_that_does_not_sign_is_a_finding(api: AdminAPI, world: World) -> None:
    issuer = world.issuer()
    backend = silent(world)
    SigningKey.objects.filter(issuer=issuer["id"]).update(state="published")
    outcome = api.post(f"/backends/{backend}/test").body
    assert outcome["findings"] == [f"No token can be made: no key of the issuer {issuer['name']} signs with ES256."]
