"""Algorithms of issuers and backends, and secrets that one backend shares."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from django.test import Client
from support.admin import AdminAPI
from support.world import World, body_of, pointers, refusal, resource

from portazgo.kit.wrapping import KeyWrapper
from portazgo.signing.minting import mint
from portazgo.signing.models import SigningKey

pytestmark = pytest.mark.usefixtures("database")

SECRET = "a secret of thirty-two bytes, or more"


def environments(issuer: dict[str, Any], **credential: Any) -> dict[str, Any]:
    terms = {"kind": "mint", "audience": "a", "issuer": issuer["id"], **credential}
    return {"live": {"targets": ["http://127.0.0.1:9"], "credential": terms}}


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_a_token_of_an_issuer_is_verified_by_its_key_set(world: World, wrapper: KeyWrapper, algorithm: str) -> None:
    issuer = world.issuer(algorithm=algorithm)
    backend = world.backend(environments=environments(issuer))
    credential = backend["environments"]["live"]["credential"]
    assert (credential["algorithm"], credential["life_seconds"]) == (algorithm, 120)
    found = resource("backend", backend["id"])
    assert found is not None
    assert f"credential.mint-{algorithm.lower()}.1" in found["requires"]
    minted = mint(issuer["id"], algorithm, {"aud": "a"}, wrapper=wrapper)
    keys = jwt.PyJWKSet.from_dict(Client().get("/.well-known/jwks.json").json())
    assert jwt.decode(minted.token.reveal(), keys[minted.kid], algorithms=[algorithm], audience="a") == {"aud": "a"}
    discovery = Client().get("/.well-known/openid-configuration").json()
    assert discovery["id_token_signing_alg_values_supported"] == [algorithm]


def test_a_shared_secret_is_shown_once_and_stands_nowhere_else(
    api: AdminAPI, world: World, wrapper: KeyWrapper
) -> None:
    made = world.issuer(algorithm="HS256")
    secret = made["secret"]
    minted = mint(made["id"], "HS256", {"aud": "a"}, wrapper=wrapper)
    assert jwt.decode(minted.token.reveal(), secret, algorithms=["HS256"], audience="a") == {"aud": "a"}
    told = [api.get("/issuers").body, api.get("/signing-keys").body, api.get("/audit").body]
    assert secret not in json.dumps(told) + SigningKey.objects.get().wrapped
    assert "public_jwk" not in body_of("signing_key", minted.kid)
    assert Client().get("/.well-known/jwks.json").json() == {"keys": []}


def test_the_operator_s_own_secret_is_taken_and_not_repeated(api: AdminAPI, world: World, wrapper: KeyWrapper) -> None:
    issuer = world.issuer(algorithm="HS256", secret=SECRET)
    assert issuer["secret"] is None
    minted = mint(issuer["id"], "HS256", {"aud": "a"}, wrapper=wrapper)
    assert jwt.decode(minted.token.reveal(), SECRET, algorithms=["HS256"], audience="a") == {"aud": "a"}
    short = api.post("/issuers", {"name": "x", "url": "https://x.example", "algorithm": "HS256", "secret": "too short"})
    assert pointers(short) == {"/secret"}
    assert "too short" not in json.dumps(short.body)
    public = api.post("/issuers", {"name": "x", "url": "https://x.example", "secret": SECRET})
    assert pointers(public) == {"/secret"}
    assert SECRET not in json.dumps(public.body)


def test_one_secret_belongs_to_one_backend(api: AdminAPI, world: World) -> None:
    issuer = world.issuer(algorithm="HS256")
    backend = world.backend(environments=environments(issuer))
    second = {"name": "second", "environments": environments(issuer)}
    assert refusal(api.post("/backends", second)) == (409, "secret_shared")
    both = {**environments(issuer), "test": environments(issuer)["live"]}
    assert api.patch(f"/backends/{backend['id']}", {"environments": both}).status == 200


def test_a_new_secret_signs_when_it_is_told_to(api: AdminAPI, world: World) -> None:
    issuer = world.issuer(algorithm="HS256")
    (first,) = api.every("/signing-keys")
    added = api.post(f"/issuers/{issuer['id']}/rotate").body
    assert (added["state"], len(added["secret"])) == ("published", 43)
    assert api.post(f"/signing-keys/{added['kid']}/sign").body["state"] == "signing"
    states = {key["kid"]: key["state"] for key in api.every("/signing-keys")}
    assert states == {first["kid"]: "retired", added["kid"]: "signing"}
    assert refusal(api.post(f"/signing-keys/{added['kid']}/sign")) == (409, "not_published")


def test_what_is_published_signs_by_itself(api: AdminAPI, world: World) -> None:
    added = api.post(f"/issuers/{world.issuer()['id']}/rotate").body
    assert added["secret"] is None
    assert refusal(api.post(f"/signing-keys/{added['kid']}/sign")) == (409, "signs_by_itself")


def test_a_backend_takes_no_algorithm_that_nothing_signs_with(api: AdminAPI, world: World) -> None:
    issuer = world.issuer()
    body = {"name": "x", "environments": environments(issuer, algorithm="EdDSA")}
    assert pointers(api.post("/backends", body)) == {"/environments/live/credential/algorithm"}
    # A further algorithm is no first key: caches hold the key set without it.
    assert api.post(f"/issuers/{issuer['id']}/signing-keys", {"algorithm": "EdDSA"}).body["state"] == "published"
    assert pointers(api.post("/backends", body)) == {"/environments/live/credential/algorithm"}


def test_a_schedule_is_set_and_taken_away_and_none_is_for_secrets(api: AdminAPI, world: World) -> None:
    path = f"/issuers/{world.issuer(rotate_every_seconds=7_776_000)['id']}"
    assert api.get(path).body["rotate_every_seconds"] == 7_776_000
    assert api.patch(path, {}).body["rotate_every_seconds"] == 7_776_000
    assert api.patch(path, {"without_rotation": True}).body["rotate_every_seconds"] is None
    assert pointers(api.patch(path, {"rotate_every_seconds": 60})) == {"/rotate_every_seconds"}
    shared = world.issuer(algorithm="HS256")
    assert api.patch(f"/issuers/{shared['id']}", {"rotate_every_seconds": 7_776_000}).status == 422


def test_published_documents_are_for_caches_and_by_issuer_under_its_path(world: World) -> None:
    one, two = (world.issuer(url=f"https://gate.example/{name}") for name in ("one", "two"))
    client = Client()
    whole = client.get("/.well-known/jwks.json")
    assert (whole["Cache-Control"], len(whole.json()["keys"])) == ("public, max-age=300", 2)
    same = client.get("/.well-known/jwks.json", headers={"If-None-Match": f"W/{whole['ETag']}"})
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", whole["ETag"])
    head = client.head("/.well-known/jwks.json")
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", whole["ETag"])
    for issuer, name in ((one, "one"), (two, "two")):
        found = client.get(f"/{name}/.well-known/openid-configuration").json()
        assert (found["issuer"], found["jwks_uri"]) == (issuer["url"], f"{issuer['url']}/.well-known/jwks.json")
        (jwk,) = client.get(f"/{name}/.well-known/jwks.json").json()["keys"]
        assert SigningKey.objects.get(kid=jwk["kid"]).issuer.name == issuer["name"]
    assert client.get("/three/.well-known/jwks.json").status_code == 404
    assert client.post("/.well-known/jwks.json").status_code == 405
