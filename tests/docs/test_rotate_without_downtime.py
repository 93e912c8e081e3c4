"""docs/rotate-without-downtime.md, command by command, on the demo."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.documents import PROJECT, fenced_lines
from support.reader import Reader

from portazgo.roles.ports import free_port

PAGE = PROJECT / "docs" / "rotate-without-downtime.md"
SECONDS = 60


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path) as reader:
        reader.environment["PORTAZGO_BACKEND_PORT"] = str(free_port())
        yield reader


def commands_of_the_page() -> list[str]:
    return [line.text.removeprefix("$ ") for line in fenced_lines(PAGE) if line.language == "console"]


def shown_on_the_page() -> list[str]:
    return [line.text for line in fenced_lines(PAGE) if line.language == ""]


def test_the_page_leads_through_a_rotation_and_its_second_thoughts(reader: Reader) -> None:
    rotate, with_old, with_new, show, extend, end, cancel, by_program, change_plan, due, soon = commands_of_the_page()
    reader.starts("portazgo demo", "/health", "8081")
    demo = wait_for_the_demo(reader)
    reader.shown |= {"KID": demo["kid"], "OLD": demo["api_key"]}
    rotated = json.loads(reader.types(rotate))
    reader.shown["NEW"] = rotated["api_key"]
    reader.types("portazgo key propagation $KID --wait")
    assert [reader.types(with_old), reader.types(with_new)] == ["200\n", "200\n"]
    reader.types(f'curl -s -A nightly-batch/3 -H "X-Api-Key: $OLD" {demo["try_url"]}')
    wait_for(lambda: "nightly-batch/3" in reader.types(show), "the record of the call")
    assert {shape(line) for line in shown_on_the_page()} - {
        shape(line) for line in reader.types(show).splitlines()
    } == set()
    before = ends_at(reader)
    reader.types(extend)
    assert ends_at(reader) > before
    assert "nightly-batch/3" in reader.types(f"{end} 2>&1", exit_code=6)
    reader.types(cancel)
    reader.types("portazgo key propagation $KID --wait")
    assert [reader.types(with_old), reader.types(with_new)] == ["200\n", "401\n"]
    assert secrets(reader) == [("current", 1)]
    assert json.loads(reader.types(by_program))["kid"] == demo["kid"]
    assert secrets(reader) == [("current", 3), ("retiring", 1)]
    assert json.loads(reader.types(by_program))["code"] == "secret_moved"
    plan = json.loads(reader.types("portazgo plan list --json"))[0]["name"]
    reader.types(change_plan.replace("standard", plan))
    assert json.loads(reader.types(f"{due} --json")) == json.loads(reader.types(soon)) == []


def shape(line: str) -> str:
    """A line without what is another each time."""
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "TIME", line)
    line = re.sub(r"\d+\.\d+\.\d+\.\d+", "ADDRESS", re.sub(r", [\w-]+/[\w-]+$", ", ROUTE", line))
    return re.sub(r" +", " ", re.sub(r"\d+ (d|h|min|s) ago", "AGO", re.sub(r"\d+ calls", "CALLS", line)))


def secrets(reader: Reader) -> list[tuple[str, int]]:
    key = json.loads(reader.types("portazgo key show $KID --json"))
    return [(one["slot"], one["number"]) for one in key["secrets"]]


def ends_at(reader: Reader) -> str:
    key = json.loads(reader.types("portazgo key show $KID --json"))
    (end,) = [one["ends_at"] for one in key["secrets"] if one["slot"] == "retiring"]
    return str(end)


def wait_for_the_demo(reader: Reader) -> dict[str, str]:
    file = reader.folder / ".portazgo" / "demo.json"
    wait_for(lambda: file.exists() and json.loads(file.read_text()).get("ready"), "the demo")
    found: dict[str, str] = json.loads(file.read_text())
    return found


def wait_for(so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not so():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.2)
