"""`Idempotency-Key`: the same request sent again gets the first answer, and nothing is done twice."""

from __future__ import annotations

import base64
import concurrent.futures
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.core import serializers
from support.admin import AdminAPI
from support.control import ControlProcess
from support.world import World, refusal

from portazgo.applications.models import Application
from portazgo.control.idempotency import KEPT, forget_old
from portazgo.control.models import IdempotentRequest
from portazgo.keys.models import Key
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret
from portazgo.partners.models import Partner

pytestmark = pytest.mark.usefixtures("database")

AT_ONCE = 8


def test_the_same_request_gets_the_same_answer_and_is_done_once(api: AdminAPI) -> None:
    answers = [api.post("/partners", {"name": "acme"}, Idempotency_Key="one") for _ in range(3)]
    assert [answer.status for answer in answers] == [201] * 3
    assert answers[0].body == answers[1].body == answers[2].body
    assert "Idempotent-Replayed" not in answers[0].headers
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert Partner.objects.count() == 1


def test_a_key_that_is_made_again_is_the_same_key_and_stored_sealed(api: AdminAPI, world: World) -> None:
    path = f"/applications/{world.application()['id']}/keys"
    first, second = (api.post(path, {}, Idempotency_Key="one") for _ in range(2))
    assert first.body == second.body
    assert first.body["api_key"]
    assert Key.objects.count() == 1
    stored = serializers.serialize("json", IdempotentRequest.objects.all())
    assert first.body["api_key"] not in stored
    assert first.body["kid"] not in stored


def test_who_reads_the_database_can_t_try_guesses_at_what_a_body_held(api: AdminAPI, admin_token: str) -> None:
    body = {"name": "acme", "metadata": {"pin": "1234"}}
    assert api.post("/partners", body, Idempotency_Key="one").status == 201
    (row,) = IdempotentRequest.objects.all()
    assert row.fingerprint.startswith("h:")
    # All that a dump holds, and every digest of it that a guesser could make without the token.
    head = b"POST /api/v1/partners\n"
    sent = json.dumps(body).encode()
    known = [b"", *(str(getattr(row, name)).encode() for name in ("actor_id", "key", "id"))]
    known += [hashlib.sha256(admin_token.encode()).hexdigest().encode(), hashlib.sha256(admin_token.encode()).digest()]
    for text in (sent, head + sent):
        for key in known:
            for guess in (hashlib.sha256(key + text).digest(), hmac.digest(key or b"\0", text, "sha256")):
                assert guess.hex() not in row.fingerprint
                assert base64.urlsafe_b64encode(guess).decode() not in row.fingerprint
    # That it is made of these very bytes, under the token: otherwise the above could not fail.
    made = hmac.digest(admin_token.encode(), head + sent, "sha256")
    assert row.fingerprint == "h:" + base64.urlsafe_b64encode(made).decode()


def test_what_an_earlier_version_kept_still_gets_its_answer(api: AdminAPI) -> None:
    first = api.post("/partners", {"name": "acme"}, Idempotency_Key="one")
    bare = hashlib.sha256(b"POST /api/v1/partners\n" + json.dumps({"name": "acme"}).encode()).hexdigest()
    IdempotentRequest.objects.update(fingerprint=bare)
    again = api.post("/partners", {"name": "acme"}, Idempotency_Key="one")
    assert (again.body, again.headers.get("Idempotent-Replayed")) == (first.body, "true")
    assert refusal(api.post("/partners", {"name": "other"}, Idempotency_Key="one")) == (422, "idempotency_key_reused")


def test_an_answer_without_a_body_is_given_again_too(api: AdminAPI, world: World) -> None:
    path = f"/partners/{world.partner()['id']}"
    assert [api.delete(path, Idempotency_Key="one").status for _ in range(2)] == [204, 204]
    assert api.delete(path, Idempotency_Key="two").status == 404


@pytest.mark.parametrize(("path", "body"), [("/partners", {"name": "other"}), ("/apis", {"name": "acme"})])
def test_a_key_belongs_to_one_request(api: AdminAPI, path: str, body: dict[str, str]) -> None:
    assert api.post("/partners", {"name": "acme"}, Idempotency_Key="one").status == 201
    assert refusal(api.post(path, body, Idempotency_Key="one")) == (422, "idempotency_key_reused")
    assert Partner.objects.count() == 1


def test_a_key_belongs_to_one_token(api: AdminAPI, world: World) -> None:
    theirs = AdminAPI(world.token()["token"])
    assert api.post("/partners", {"name": "acme"}, Idempotency_Key="one").status == 201
    assert theirs.post("/partners", {"name": "other"}, Idempotency_Key="one").status == 201


def test_what_did_nothing_gives_its_key_back(api: AdminAPI, world: World) -> None:
    partner = world.partner(name="acme")
    assert api.post("/partners", {"name": "acme"}, Idempotency_Key="one").status == 409
    assert api.post("/partners", {"name": "Bad Name"}, Idempotency_Key="one").status == 422
    api.delete(f"/partners/{partner['id']}")
    assert api.post("/partners", {"name": "acme"}, Idempotency_Key="one").status == 201


def test_an_outcome_that_is_not_known_is_not_repeated(api: AdminAPI, world: World) -> None:
    assert api.post("/partners", {"name": "acme"}, Idempotency_Key="one").status == 201
    # As a process that died after its commit leaves it.
    IdempotentRequest.objects.update(answer=None, status=None)
    refused = api.post("/partners", {"name": "acme"}, Idempotency_Key="one")
    assert refusal(refused) == (409, "idempotency_unknown")
    assert "another key" in refused.body["remedy"]


def test_a_key_is_forgotten_after_a_day(api: AdminAPI) -> None:
    assert api.post("/partners", {"name": "acme"}, Idempotency_Key="one").status == 201
    IdempotentRequest.objects.update(begun_at=SYSTEM_CLOCK.now() - KEPT - timedelta(seconds=1))
    assert refusal(api.post("/partners", {"name": "acme"}, Idempotency_Key="one")) == (409, "name_taken")
    assert api.post("/partners", {"name": "new"}, Idempotency_Key="two").status == 201
    assert forget_old(SYSTEM_CLOCK.now()) == 0
    assert forget_old(SYSTEM_CLOCK.now() + KEPT + timedelta(seconds=1)) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "ñ", "tab\tbed"])
def test_what_cannot_be_a_key_is_told_so(api: AdminAPI, key: str) -> None:
    assert refusal(api.post("/partners", {"name": "acme"}, Idempotency_Key=key)) == (422, "idempotency_key_invalid")
    assert not Partner.objects.exists()


def test_a_read_takes_no_notice_of_a_key(api: AdminAPI) -> None:
    assert [api.get("/partners", None, Idempotency_Key="one").status for _ in range(2)] == [200, 200]
    assert not IdempotentRequest.objects.exists()


def test_without_a_token_a_key_changes_nothing(api: AdminAPI) -> None:
    assert AdminAPI(None).post("/partners", {"name": "acme"}, Idempotency_Key="one").status == 401
    assert AdminAPI("ptza_nobody").post("/partners", {"name": "acme"}, Idempotency_Key="one").status == 401
    assert not IdempotentRequest.objects.exists()


def test_a_replay_still_asks_who_is_calling(api: AdminAPI, world: World) -> None:
    made = world.token()
    theirs = AdminAPI(made["token"])
    assert theirs.post("/partners", {"name": "acme"}, Idempotency_Key="one").status == 201
    api.post(f"/tokens/{made['id']}/revoke")
    assert theirs.post("/partners", {"name": "acme"}, Idempotency_Key="one").status == 401


def test_of_many_at_once_one_is_done(control: ControlProcess, admin_token: str, world: World) -> None:
    application = world.application()
    path = f"/api/v1/applications/{application['id']}/keys"

    def create(_: int) -> tuple[int, str]:
        client = JsonClient(control.control_url, Secret(admin_token))
        answer = client.request("POST", path, body={"name": "one"}, headers={"Idempotency-Key": "one"})
        client.close()
        return answer.status, answer.json().get("api_key") or answer.json()["code"]

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as threads:
        outcomes = set(threads.map(create, range(AT_ONCE)))
    made = {outcome for outcome in outcomes if outcome[0] == 201}
    assert len(made) == 1
    assert outcomes - made <= {(409, "idempotency_unknown")}
    assert Key.objects.count() == 1
    assert create(0) in made


def test_of_many_that_want_one_name_one_gets_it(control: ControlProcess, admin_token: str, world: World) -> None:
    partner = world.partner()
    body = {"partner": partner["id"], "name": "orders", "environment": "live"}

    def create(_: int) -> tuple[int, str]:
        client = JsonClient(control.control_url, Secret(admin_token))
        answer = client.request("POST", "/api/v1/applications", body=body)
        client.close()
        return answer.status, answer.json().get("code", "")

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as threads:
        outcomes = sorted(threads.map(create, range(AT_ONCE)))
    assert outcomes[0] == (201, "")
    assert set(outcomes[1:]) <= {(409, "name_taken"), (409, "overtaken")}
    assert Application.objects.count() == 1
