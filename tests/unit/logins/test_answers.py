"""How a token endpoint's answer is read: the token, its life, and why there is none; and never a secret."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from portazgo.logins.answers import LONGEST_LIFE_SECONDS, Granted, LoginFailed, granted
from portazgo.logins.calling import Reply

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
JWT = {"token": "/access", "expires": "jwt"}
OAUTH = {"token": "/access_token", "expires": "/expires_in", "otherwise_seconds": 300}
CANARY = "canary/pass word"


def token(seconds: float) -> str:
    return jwt.encode({"exp": NOW.timestamp() + seconds}, "a secret of thirty-two bytes, shared", algorithm="HS256")


def read(document: object, login: dict[str, Any], status: int = 200, **headers: str) -> Granted:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return granted(
        Reply(status, {"content-type": "application/json", **headers}, body), login, "http://b/t", [CANARY], NOW
    )


def failure(document: object, login: dict[str, Any] = JWT, status: int = 200, **headers: str) -> LoginFailed:
    with pytest.raises(LoginFailed) as failed:
        read(document, login, status, **headers)
    assert CANARY not in str(failed.value)
    return failed.value


@pytest.mark.parametrize(
    ("document", "login", "seconds"),
    [
        ({"access": token(90)}, JWT, 90),
        ({"access": "x", "in": 60}, {**JWT, "expires": "/in"}, 60),
        ({"access": "x", "in": "60"}, {**JWT, "expires": "/in"}, 60),
        ({"access": "x", "at": NOW.timestamp() + 7}, {**JWT, "expires": "/at"}, 7),
        ({"access": "x", "at": (NOW.timestamp() + 7) * 1000}, {**JWT, "expires": "/at"}, 7),
        ({"access": "x", "at": "2026-11-26T12:01:00Z"}, {**JWT, "expires": "/at"}, 60),
        ({"access": "x"}, {**JWT, "life_seconds": 30}, 30),
        ({"access_token": "x", "expires_in": 20}, OAUTH, 20),
        ({"access_token": token(40)}, OAUTH, 40),
        ({"access_token": "x"}, OAUTH, 300),
        ({"access": token(10**9)}, JWT, LONGEST_LIFE_SECONDS),
        ([{"a/b": {"~": token(90)}}], {**JWT, "token": "/0/a~1b/~0"}, 90),
    ],
)
def test_a_life_is_read_wherever_it_is_said(document: object, login: dict[str, Any], seconds: float) -> None:
    assert read(document, login).life_seconds == pytest.approx(seconds)


def test_the_clock_that_counts_is_that_of_who_wrote_the_token() -> None:
    ahead = (NOW + timedelta(seconds=600)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert read({"access": token(690)}, JWT, date=ahead).life_seconds == pytest.approx(89)
    near = (NOW - timedelta(seconds=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert read({"access": token(90)}, JWT, date=near).life_seconds == pytest.approx(90)


def test_a_refresh_token_comes_along_where_it_is_looked_for() -> None:
    document = {"access": token(90), "refresh": "r"}
    assert read(document, JWT).refresh_token is None
    found = read(document, {**JWT, "refresh_token": "/refresh"}).refresh_token
    assert found is not None
    assert found.reveal() == "r"


@pytest.mark.parametrize(
    ("document", "login", "said"),
    [
        (b"<html>", JWT, "no JSON"),
        ({"token": "x"}, JWT, "has the members token"),
        ({"access": 7}, JWT, "is empty or no text"),
        ({"access": "opaque"}, JWT, "no JWT with an `exp`"),
        ({"access": "x", "in": True}, {**JWT, "expires": "/in"}, "no number and no time"),
        ({"access": token(-60)}, JWT, "has ended already, 60 s ago"),
        ({"access": "a.b.c"}, JWT, "no JWT"),
    ],
)
def test_an_answer_without_a_usable_token_says_what_it_lacks(
    document: object, login: dict[str, Any], said: str
) -> None:
    assert said in failure(document, login).why


@pytest.mark.parametrize(
    ("status", "document", "said", "refused"),
    [
        (401, {"detail": f"no {CANARY}"}, "It says: no [secret]", True),
        (400, {"error": "invalid_client"}, "invalid_client", True),
        (400, {"username": ["This field is required."]}, "username: This field is required.", True),
        (404, {}, "There is no login", True),
        (302, {}, "not followed", True),
        (429, {"detail": "later"}, "throttled", False),
        (503, b"<html>down</html>", "failed: 503", False),
    ],
)
def test_a_refusal_says_whether_another_try_would_be_refused_too(
    status: int, document: object, said: str, refused: bool
) -> None:
    failed = failure(document, status=status)
    assert said in failed.why
    assert (failed.refused, failed.status) == (refused, status)
