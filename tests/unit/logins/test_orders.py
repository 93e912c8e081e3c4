"""What is sent to a token endpoint, and where."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from portazgo.kit.secret import Secret
from portazgo.logins.orders import MissingValue, Order, composed, places

CANARY = "pass:wörd &1"


def order(login: dict[str, Any] | None = None, **members: Any) -> Order:
    service = {"client_id": Secret("the client"), "client_secret": Secret(CANARY), "password": Secret(CANARY)}
    told = {"targets": ["http://a:1", "http://b:2"], **(login or {})}
    values = {"key.scopes": ["read"], "partner.name": "acme"}
    return Order(
        backend="b", environment="live", whose="all calls", login=told, values=values, service=service, **members
    )


def request(body: dict[str, Any], content_type: str = "json") -> dict[str, Any]:
    return {"method": "POST", "path": "/t", "content_type": content_type, "body": body}


def test_a_body_is_filled_with_values_and_keeps_their_types() -> None:
    body = {"p": "{credential.password}", "scopes": "{key.scopes}", "n": 1, "in": {"user": "x-{partner.name}"}}
    sent = composed(order(), request(body), "/t")
    assert json.loads(sent.body or b"") == {"p": CANARY, "scopes": ["read"], "n": 1, "in": {"user": "x-acme"}}
    assert CANARY not in repr(sent)


def test_a_form_is_encoded() -> None:
    sent = composed(order(), request({"p": "{credential.password}", "s": "{key.scopes}"}, "form"), "/t")
    assert parse_qs((sent.body or b"").decode()) == {"p": [CANARY], "s": ['["read"]']}


def test_a_client_proves_itself_as_rfc_6749_has_it() -> None:
    basic = composed(order({"authentication": "client_secret_basic"}), request({}, "form"), "/t")
    # "the+client:pass%3Aw%C3%B6rd+%261" in Base64.
    assert basic.headers["Authorization"] == "Basic dGhlK2NsaWVudDpwYXNzJTNBdyVDMyVCNnJkKyUyNjE="
    posted = composed(order({"authentication": "client_secret_post"}), request({}, "form"), "/t")
    assert parse_qs((posted.body or b"").decode()) == {"client_id": ["the client"], "client_secret": [CANARY]}
    assert "Authorization" not in posted.headers


def test_a_value_that_is_missing_is_named() -> None:
    for path in ("credential.other", "refresh_token", "subject_token", "partner.id"):
        with pytest.raises(MissingValue) as missing:
            composed(order(), request({"x": f"{{{path}}}"}), "/t")
        assert missing.value.path == path


def test_a_login_goes_to_the_targets_or_to_the_url_that_is_named() -> None:
    rules = {"ca": "PEM"}
    there = order({"tls": rules})
    assert places(there, {"path": "/t"}) == [("http://a:1", "/t", rules), ("http://b:2", "/t", rules)]
    assert places(there, {"url": "https://idp.example/t?x=1"}) == [("https://idp.example:443", "/t?x=1", None)]
    assert places(there, {"url": "http://b:2/t"}) == [("http://b:2", "/t", rules)]


def test_every_spelling_of_a_secret_is_known_for_scrubbing() -> None:
    known = order({"authentication": "client_secret_basic"}).secrets
    assert {CANARY, "pass%3Aw%C3%B6rd+%261", json.dumps(CANARY)[1:-1]} <= set(known)
    assert "dGhlK2NsaWVudDpwYXNzJTNBdyVDMyVCNnJkKyUyNjE=" in known
