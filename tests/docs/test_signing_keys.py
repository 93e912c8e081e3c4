"""docs/signing-keys.md, command by command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.documents import PROJECT, fenced_lines
from support.reader import Reader

PAGE = PROJECT / "docs" / "signing-keys.md"
OWN_SECRET = "0123456789abcdef0123456789abcdef0123456789a"
REFUSED = 2


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path) as reader:
        reader.starts("portazgo up", "/health", "8081")
        reader.types("portazgo backend create insignia --target http://127.0.0.1:8090 --audience insignia")
        reader.shown["OWN"] = OWN_SECRET
        yield reader


def as_json(command: str) -> str:
    """The same, for programs; what the page remarks stays behind it."""
    before, _, remark = command.partition("#")
    return f"{before.rstrip()} --json #{remark}"


def commands_of_the_page() -> list[str]:
    return [line.text for line in fenced_lines(PAGE) if line.language == "sh"]


def listed(reader: Reader, noun: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(reader.types(f"portazgo {noun} list --json"))
    return found


def the_key_set(reader: Reader) -> set[str]:
    document = json.loads(reader.types("curl -s http://127.0.0.1:8081/.well-known/jwks.json"))
    return {key["kid"] for key in document["keys"]}


def test_the_page_leads_through_algorithms_shared_secrets_and_the_life_of_a_key(reader: Reader) -> None:
    create, take, add, change, legacy, older, rotate, schedule, withdraw = commands_of_the_page()
    reader.types(create)
    reader.types(take)
    further = json.loads(reader.types(as_json(add)))
    assert (further["algorithm"], further["state"]) == ("RS256", "published")
    # It does not sign before every cache has it: the page says when.
    reader.types(change, REFUSED)

    shared = json.loads(reader.types(as_json(legacy)))
    own = json.loads(reader.types(as_json(f"printf %s $OWN | {older}")))
    assert shared["secret"]
    assert own["secret"] in {None, ""}
    following = json.loads(reader.types("portazgo issuer rotate legacy --json"))
    assert following["state"] == "published"
    signing = json.loads(reader.types(f"portazgo issuer key sign {following['kid']} --json"))
    assert signing["state"] == "signing"

    made = json.loads(reader.types(as_json(rotate)))
    reader.types(schedule)
    (issuer,) = [one for one in listed(reader, "issuer") if one["name"] == "partners"]
    assert issuer["rotate_every_seconds"] == 90 * 86_400
    assert made["kid"] in the_key_set(reader)
    reader.types(withdraw.replace("KID", made["kid"]).replace(" #", " --yes #"))
    states = {key["kid"]: key["state"] for key in listed(reader, "issuer key")}
    assert states[made["kid"]] == "withdrawn"
    assert made["kid"] not in the_key_set(reader)
    assert not the_key_set(reader) & {following["kid"]}
