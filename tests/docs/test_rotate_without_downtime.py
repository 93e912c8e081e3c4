"""docs/rotate-without-downtime.md, command by command."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.documents import PROJECT, fenced_lines
from support.reader import Reader

from portazgo.notifications.events import CATALOGUE

PAGE = PROJECT / "docs" / "rotate-without-downtime.md"
IN_USE, PENDING = 6, 5


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path, PAGE) as reader:
        reader.starts("portazgo up", "/health", "8081")
        reader.types("portazgo partner create acme")
        reader.types("portazgo plan create standard")
        reader.types("portazgo application create orders --partner acme --environment live --plan standard")
        made = json.loads(reader.types("portazgo key create --application acme/orders --json"))
        reader.shown |= {"KID": made["kid"], "OLD": made["api_key"]}
        yield reader


def commands_of_the_page() -> list[str]:
    text = "\n".join(line.text for line in fenced_lines(PAGE) if line.language == "console")
    return [command.removeprefix("$ ") for command in text.replace("\\\n", " ").split("\n")]


def answered(reader: Reader, command: str, status: str) -> None:
    """Type it until the node has heard of what was changed."""
    deadline = time.monotonic() + 30
    while (found := reader.types(command).strip()) != status:
        assert time.monotonic() < deadline, f"{command} answers {found}"
        time.sleep(0.2)


def test_the_page_leads_through_a_rotation_and_a_schedule(reader: Reader) -> None:
    rotate, call_old, call_new, show, extend, end, cancel, by_api, schedule, due, due_soon = commands_of_the_page()
    rotated = json.loads(reader.types(rotate))
    reader.shown["NEW"] = rotated["api_key"]
    answered(reader, call_new, "200")
    answered(reader, call_old, "200")
    deadline = time.monotonic() + 30
    while "curl/" not in (shown := reader.types(show)):
        assert time.monotonic() < deadline, shown
        time.sleep(0.2)
    assert re.search(r"^current secret +number 2, since ", shown, re.MULTILINE)
    assert re.search(r"^retiring secret +number 1, works until ", shown, re.MULTILINE)
    assert re.search(r"^used by +127\.0\.0\.1 \(curl/\S+\): [1-9]\d* calls, 0 refused; last ", shown, re.MULTILINE)
    reader.types(extend)
    reader.types(end, IN_USE)
    reader.types(rotate, PENDING)
    reader.types(cancel)
    answered(reader, call_new, "401")
    answered(reader, call_old, "200")
    again: dict[str, Any] = json.loads(reader.types(by_api))
    numbers = {one["slot"]: one["number"] for one in again["secrets"]}
    assert numbers == {"current": 3, "retiring": 1}
    reader.types(schedule)
    assert rotation_of_the_plan(reader) == {"every": "90d", "grace": "14d", "end_after": "30d"}
    assert reader.shown["KID"] not in reader.types(due)
    assert json.loads(reader.types(due_soon)) == []
    (listed,) = json.loads(reader.types("portazgo key list --rotation-due-before 91d --json"))
    assert (listed["kid"], listed["rotation_state"]) == (reader.shown["KID"], "scheduled")
    # The part of a file says the same as the command.
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    reader.writes("portazgo.yaml", f"portazgo: 1\nname: schedule\n{block}")
    reader.types("portazgo plan change standard --no-rotation")
    assert rotation_of_the_plan(reader) is None
    reader.types("portazgo apply --adopt --yes")
    assert rotation_of_the_plan(reader) == {"every": "90d", "grace": "14d", "end_after": "30d"}


def rotation_of_the_plan(reader: Reader) -> Any:
    return json.loads(reader.types("portazgo plan show standard --json"))["rotation"]


def test_every_event_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(key\.[a-z_]+)`", PAGE.read_text("utf-8")))
    assert {"key.rotation_due", "key.secret_ending"} <= named <= set(CATALOGUE)
