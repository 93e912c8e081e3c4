"""docs/claims.md names what templates may read and what is ours, no more and no less; its commands make such tokens."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.documents import PROJECT, command_lines
from support.ports import free_port
from support.reader import Reader
from support.telling_backend import TellingBackend

from portazgo.backends.claims import METADATA_PREFIXES, PLAIN_PATHS, RESERVED
from portazgo.signing.domain import DEFAULT_TOKEN_LIFE_SECONDS, TOKEN_LIFE_SECONDS

PAGE = PROJECT / "docs" / "claims.md"
TEXT = PAGE.read_text("utf-8")
MADE_BEFORE_SECONDS = 5


def test_the_reference_names_every_path() -> None:
    named = set(re.findall(r"^\| `((?:partner|application|key)\.[a-zA-Z.]+)` \|", TEXT, re.MULTILINE))
    assert named == PLAIN_PATHS | {f"{prefix}NAME" for prefix in METADATA_PREFIXES}


def test_the_reference_names_what_can_t_be_chosen_and_how_long_tokens_live() -> None:
    sentence = next(line for line in TEXT.splitlines() if "can't be chosen" in line)
    assert set(re.findall(r"`([a-z]+)`", sentence)) == RESERVED
    bounds = f"{TOKEN_LIFE_SECONDS.start} to {TOKEN_LIFE_SECONDS.stop - 1} s, default {DEFAULT_TOKEN_LIFE_SECONDS}"
    assert bounds in TEXT


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path, PAGE) as reader:
        reader.environment["PORTAZGO_BACKEND_PORT"] = str(free_port())
        yield reader


def test_the_command_of_the_page_makes_tokens_that_a_backend_takes_and_that_say_it(reader: Reader) -> None:
    reader.starts("portazgo demo", "/health", "8081")
    demo = reader.demo()
    reader.shown = {"KEY": demo["api_key"], "KID": demo["kid"]}
    partner = json.loads(reader.types("portazgo partner show demo-partner --json"))
    application = json.loads(reader.types("portazgo application show demo-partner/demo --json"))
    reader.types("portazgo key change $KID --scope badges:read")
    (command,) = command_lines(PAGE)
    reader.types(command.text)
    # The demo's own backend verifies it with simplejwt, which wants the claim token_type.
    assert called(reader, "200", "/v1/badges/")[0] == "200"
    # What a backend tells of its token fits no contract: it takes a route that passes answers.
    route = "--method get --path /v1/told/ --backend insignia --backend-path /api/badges/ --passthrough"
    reader.types(f"portazgo route create told --api insignia {route}")
    with TellingBackend() as telling:
        reader.types(f"portazgo backend change insignia --target {telling.url}")
        token = told(reader)
        claims = token["claims"]
        assert claims | {"iat": 0, "nbf": 0, "exp": 0, "jti": ""} == {
            "iss": json.loads(reader.types("portazgo issuer list --json"))[0]["url"],
            "aud": "insignia",
            "sub": application["id"],
            "iat": 0,
            "nbf": 0,
            "exp": 0,
            "jti": "",
            "application": application["name"],  # the demo's own
            "token_type": "access",
            "partner": partner["name"],
            "scopes": ["badges:read"],
        }
        assert claims["iat"] == claims["nbf"]
        assert claims["exp"] - claims["iat"] == DEFAULT_TOKEN_LIFE_SECONDS + MADE_BEFORE_SECONDS
        assert (token["header"]["alg"], token["header"]["typ"]) == ("ES256", "JWT")
        assert claims["jti"]
        # All paths at once, alone and within a text; and one that is missing.
        reader.types("portazgo partner change demo-partner --metadata tier=gold")
        reader.types("portazgo application change demo-partner/demo --metadata account=7")
        paths = sorted(PLAIN_PATHS) + [f"{prefix}{name}" for prefix, name in METADATA]
        given = " ".join(f"--claim c{number}={{{path}}}" for number, path in enumerate(paths))
        reader.types(f"portazgo backend change insignia {given} --claim both=of-{{partner.name}}")
        claims = told(reader)["claims"]
        values = {path: claims[f"c{number}"] for number, path in enumerate(paths)}
        assert values == {
            "partner.id": partner["id"],
            "partner.name": partner["name"],
            "partner.metadata.tier": "gold",
            "application.id": application["id"],
            "application.name": application["name"],
            "application.environment": "live",
            "application.metadata.account": 7,
            "key.kid": demo["kid"],
            "key.name": json.loads(reader.types("portazgo key show $KID --json"))["name"],
            "key.scopes": ["badges:read"],
        }
        assert claims["both"] == f"of-{partner['name']}"
        reader.types("portazgo backend change insignia --claim tier={partner.metadata.missing}")
        status, body = called(reader, "502")
        assert (status, json.loads(body)["blame"]) == ("502", "gateway")


METADATA = [("partner.metadata.", "tier"), ("application.metadata.", "account")]


def called(reader: Reader, status: str, path: str = "/v1/told/") -> tuple[str, str]:
    """Call until the node has heard of what was changed. Returns status and body."""
    command = f"curl -s -w '\\n%{{http_code}}' -H \"X-Api-Key: $KEY\" http://127.0.0.1:8080{path}"
    deadline = time.monotonic() + 30
    while True:
        body, _, found = reader.types(command).rpartition("\n")
        if found == status:
            return found, body
        assert time.monotonic() < deadline, (found, body)
        time.sleep(0.2)


def told(reader: Reader) -> dict[str, Any]:
    """What the token said, once the backend is the one that tells."""
    reader.settles()
    found: dict[str, Any] = json.loads(called(reader, "200")[1])
    return found
