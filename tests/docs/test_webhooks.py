"""docs/webhooks.md and docs/kill-a-leaked-key.md: what they show works as it stands there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.documents import PROJECT, fenced_lines
from support.reader import Reader

from portazgo.kit.secret import Secret
from portazgo.notifications.domain import new_secret, payload, signed_headers
from portazgo.notifications.events import CATALOGUE

WEBHOOKS = PROJECT / "docs" / "webhooks.md"
LEAKS = PROJECT / "docs" / "kill-a-leaked-key.md"

Receive = Callable[[str, dict[str, str], bytes], dict[str, Any]]


def receivers() -> list[Receive]:
    """The functions that the page shows, as a reader would copy them."""
    blocks = re.findall(r"^```python\n(.*?)^```$", WEBHOOKS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    found = []
    for block in blocks:
        names: dict[str, Any] = {}
        exec(block, names)  # noqa: S102 - the example of our own page
        found.append(names["receive"])
    return found


@pytest.mark.parametrize("receive", receivers(), ids=["with the library", "without one"])
def test_the_receivers_take_what_is_signed_and_nothing_else(receive: Receive) -> None:
    now = datetime.now(UTC)
    old, new = (new_secret(bytes([number]) * 32) for number in (1, 2))
    body = payload("key.revoked", now, {"kid": "7hK2mQ9xTb", "name": "números"})
    headers = signed_headers("01a21650-5a3c-7d70-8a2f-3f6f0f8f2c11", body, [new, old], now)
    for secret in (old, new):
        assert receive(secret.reveal(), headers, body)["data"]["kid"] == "7hK2mQ9xTb"
    late = signed_headers("x", body, [new], now - timedelta(minutes=6))
    wrong: list[tuple[Secret, dict[str, str], bytes]] = [
        (new_secret(bytes(32)), headers, body),
        (new, headers, body.replace(b"revoked", b"created")),
        (new, {**headers, "webhook-id": "another"}, body),
        (new, late, body),
    ]
    for secret, sent, content in wrong:
        with pytest.raises(Exception, match="."):
            receive(secret.reveal(), sent, content)


def test_both_receivers_are_shown() -> None:
    assert len(receivers()) == 2


def test_every_event_that_the_pages_name_exists() -> None:
    text = WEBHOOKS.read_text("utf-8") + LEAKS.read_text("utf-8")
    named = set(re.findall(r"\b((?:key|webhook)\.[a-z_]+)\b", text))
    assert named <= set(CATALOGUE)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path, LEAKS) as reader:
        yield reader


def consoles(page: Path) -> list[str]:
    lines = [line.text for line in fenced_lines(page) if line.language == "console"]
    return [text.removeprefix("$ ") for text in lines if text.startswith("$ ")]


def arrived(reader: Reader, command: str) -> list[dict[str, Any]]:
    """Ask until there is something: a record is there about a second after its answer."""
    deadline = time.monotonic() + 60
    while not (found := json.loads(reader.types(command))):
        assert time.monotonic() < deadline, command
        time.sleep(0.5)
    listed: list[dict[str, Any]] = found
    return listed


def test_the_commands_of_both_pages_do_what_the_pages_say(reader: Reader) -> None:
    reader.starts("portazgo up", "/health", "8081")
    reader.types("portazgo partner create acme")
    reader.types("portazgo application create orders --partner acme --environment live")
    report, revoke, prove, tag, tried, canary = consoles(LEAKS)
    made = json.loads(reader.types("portazgo key create --application acme/orders --json"))
    reader.shown |= {"KID": made["kid"], "KEY": made["api_key"]}
    reader.types('printf "%s\\n" "$KEY" > leaked-key')
    told = json.loads(reader.types(f"{report} --json"))
    assert (told["right"], told["response"]) == (True, "retire_in_1h")
    reader.types(revoke)
    reader.types(prove)
    reader.types('curl --silent --header "X-Api-Key: $KEY" http://127.0.0.1:8080/.well-known/portazgo/whoami')
    reader.shown["TAG"] = reader.types(tag).strip()
    (call,) = arrived(reader, f"{tried} --json")
    assert (call["fault"], call["kid"], call["secret_tag"]) == ("key_revoked", made["kid"], reader.shown["TAG"])
    assert json.loads(reader.types(f"{canary} --json"))["canary"]
    ours, theirs, try_it, look, dead, again = consoles(WEBHOOKS)
    assert json.loads(reader.types(f"{ours} --json"))["secret"].startswith("whsec_")
    assert json.loads(reader.types(f"{theirs} --json"))["partner"] is not None
    reader.types(try_it)
    (delivery,) = json.loads(reader.types(f"{look} --json"))
    assert delivery["type"] == "webhook.test"
    assert json.loads(reader.types(f"{dead} --json")) == []
    reader.types(re.sub(r"[0-9a-f-]{36}", delivery["id"], again))
