"""Issuers and their signing keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from support.admin import AdminAPI
from support.clock import FakeClock
from support.world import NOBODY, World, lane, pointers, refusal, resource

from portazgo.accounts.domain import Actor
from portazgo.kit.wrapping import KeyWrapper
from portazgo.signing.algorithms import thumbprint
from portazgo.signing.domain import SigningState
from portazgo.signing.models import SigningKey

pytestmark = pytest.mark.usefixtures("database")


def key_set() -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = Client().get("/.well-known/jwks.json").json()["keys"]
    return keys


def test_an_issuer_comes_with_a_key_that_signs_at_once(api: AdminAPI) -> None:
    made = api.post("/issuers", {"name": "partners", "url": "https://gateway.example/"})
    assert (made.status, made.body["url"]) == (201, "https://gateway.example")
    assert made.body.pop("secret") is None
    assert api.every("/issuers") == [made.body]
    assert api.get(f"/issuers/{made.body['id']}").body == made.body
    (key,) = api.every("/signing-keys")
    assert (key["issuer"], key["state"]) == (made.body["id"], "signing")
    assert key_set() == [key["public_jwk"]]
    members = {name: key["public_jwk"][name] for name in ("crv", "kty", "x", "y")}
    assert key["kid"] == key["public_jwk"]["kid"] == thumbprint(members)


def test_nothing_private_of_a_key_is_ever_shown(api: AdminAPI, world: World) -> None:
    issuer = world.issuer()
    added = api.post(f"/issuers/{issuer['id']}/signing-keys")
    assert (added.status, added.body["state"]) == (201, "published")
    told = json.dumps([api.get("/signing-keys").body, added.body, api.get("/audit").body, key_set()])
    for row in SigningKey.objects.all():
        assert row.wrapped not in told
    assert '"d"' not in told
    # The audit says that there is a sealed half, and keeps none of it.
    assert told.count("wrapped") == told.count('"wrapped": "(not kept)"')


def test_a_name_and_a_url_belong_to_one_issuer(api: AdminAPI, world: World) -> None:
    issuer = world.issuer()
    assert refusal(api.post("/issuers", {"name": issuer["name"], "url": "https://x.example"})) == (409, "name_taken")
    assert refusal(api.post("/issuers", {"name": "other", "url": issuer["url"] + "/"})) == (409, "name_taken")
    assert len(api.every("/signing-keys")) == 1


@pytest.mark.parametrize("url", ["gateway.example", "ftp://x", "https://x/?a=b", "https://user@x", "https://x#y", 5])
def test_what_cannot_be_an_issuer_is_told_so(api: AdminAPI, url: object) -> None:
    assert pointers(api.post("/issuers", {"name": "partners", "url": url})) == {"/url"}


def test_a_withdrawn_key_is_gone_from_nodes_and_key_set_at_once(api: AdminAPI, world: World) -> None:
    issuer = world.issuer()
    kid = api.post(f"/issuers/{issuer['id']}/signing-keys").body["kid"]
    assert len(key_set()) == 2
    withdrawn = api.post(f"/signing-keys/{kid}/withdraw")
    assert (withdrawn.status, withdrawn.body["state"]) == (200, "withdrawn")
    assert resource("signing_key", kid) is None
    assert kid not in {key["kid"] for key in key_set()}
    assert api.post(f"/signing-keys/{kid}/withdraw").body == withdrawn.body
    assert lane() == [("withdraw_signing_key", kid)]


def test_the_only_key_that_signs_cannot_be_withdrawn(api: AdminAPI, world: World) -> None:
    issuer = world.issuer()
    api.post(f"/issuers/{issuer['id']}/signing-keys")
    kid = SigningKey.objects.get(state=SigningState.SIGNING).kid
    assert refusal(api.post(f"/signing-keys/{kid}/withdraw")) == (409, "last_signing_key")
    assert lane() == []
    assert resource("signing_key", kid) is not None


def test_unknown_ones_are_told_so(api: AdminAPI) -> None:
    assert refusal(api.post(f"/issuers/{NOBODY}/signing-keys")) == (404, "issuer_unknown")
    assert refusal(api.post(f"/signing-keys/{'a' * 43}/withdraw")) == (404, "signing_key_unknown")
    assert pointers(api.post("/signing-keys/short/withdraw")) == {"/kid"}


def test_a_private_key_opens_with_the_provider_only(world: World, wrapper: KeyWrapper, actor: Actor) -> None:
    world.issuer()
    row = SigningKey.objects.get()
    der = wrapper.unwrap(f"signing_key/{row.kid}", row.wrapped)
    assert der[:1] == b"\x30"
    assert der.hex() not in row.wrapped


def test_keys_are_listed_page_by_page(api: AdminAPI, world: World, clock: FakeClock) -> None:
    issuer = world.issuer()
    for _ in range(3):
        api.post(f"/issuers/{issuer['id']}/signing-keys")
    kids = [key["kid"] for key in api.every("/signing-keys", {"limit": 2})]
    assert kids == sorted(kids)
    assert len(set(kids)) == 4
