"""docs/when-a-node-dies.md: its walk is typed on the demo, and each bound names a test that exists."""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documents import PROJECT, fenced_lines
from support.ports import free_port
from support.reader import Reader

PAGE = PROJECT / "docs" / "when-a-node-dies.md"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path) as reader:
        reader.environment["PORTAZGO_BACKEND_PORT"] = str(free_port())
        yield reader


def test_on_the_demo_nothing_is_missing_after_the_gateway_was_killed(reader: Reader) -> None:
    reader.starts("portazgo demo", "/health", "8081")
    ready = reader.folder / ".portazgo" / "demo.json"
    deadline = time.monotonic() + 60
    while not (ready.exists() and json.loads(ready.read_text()).get("ready")):
        assert time.monotonic() < deadline, "the demo is not ready"
        time.sleep(0.2)
    commands = [line.text.removeprefix("$ ") for line in fenced_lines(PAGE) if line.language == "console"]
    *before, balance = commands
    assert (len(before), balance) == (7, "portazgo usage balance --wait")
    # One shell, as a reader has it: variables and what runs in the background go on from line to line.
    printed = reader.types("\n".join([*before, f"{balance} --timeout 60s --json"]))
    report = json.loads(printed)
    assert report["balanced"]
    states = {one["state"]: one for one in report["items"]}
    assert states.keys() == {"polls", "killed"}
    killed = states["killed"]
    assert killed["verdict"] == "whole"
    assert killed["journaled"] == killed["collected"] == killed["rolled_up"] > 0
    assert killed["accepted"] in {killed["journaled"], killed["journaled"] - 1}
    assert (report["records"]["missing"], report["records"]["under_way"]) == (0, 0)
    table = reader.types("portazgo usage balance 2>&1")
    assert "whole" in table
    assert "Every record is accounted for." in table or "records are under way" in table


def test_each_bound_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text())
    rows = re.findall(r"^\| [^|]+ \| [^|]+ \| `tests/.*$", PAGE.read_text(), re.MULTILINE)
    assert len(named) == len(rows) >= 10
    for file, function in named:
        tree = ast.parse((PROJECT / file).read_text("utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (file, function)
