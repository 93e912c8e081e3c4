"""The three pages about contracts, command by command, on one demo: each goes on where the one before it ends."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.documents import PROJECT, fenced_lines
from support.ports import free_port
from support.reader import Reader

from portazgo.cli.exits import Exit

HIDE = PROJECT / "docs" / "hide-and-rename.md"
PUBLISH = PROJECT / "docs" / "publish-a-new-version.md"
CHANGES = PROJECT / "docs" / "when-the-backend-changes.md"
DIFFERENCES = 3
ASSIGNED = re.compile(r"([A-Z]+)=\$\((.+)\)")
ELLIPSIS = "…"
NODES_SECONDS = 30.0
"""A person who types reaches nodes that have the change; records arrive a second after the answer."""


@dataclass
class Typed:
    """A command of a page, and what the page shows of its output."""

    command: str
    shown: list[str] = field(default_factory=list)

    def is_printed_in(self, output: str) -> bool:
        """Tell whether the lines that are shown stand there, in their order; between them there may be others."""
        lines = iter(re.sub(r" +", " ", line).strip() for line in output.splitlines())
        wanted = [re.sub(r" +", " ", line).strip() for line in self.shown]
        return all(any(line == found for found in lines) for line in wanted if line != ELLIPSIS)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path, HIDE, PUBLISH, CHANGES) as reader:
        reader.ports["8082"] = str(free_port())
        reader.environment["PORTAZGO_BACKEND_PORT"] = reader.ports["8082"]
        yield reader


def _commands(page: Path) -> list[Typed]:
    typed: list[Typed] = []
    for line in fenced_lines(page):
        if line.language == "console":
            typed.append(Typed(line.text.removeprefix("$ ")))
        elif line.language == "text":
            typed[-1].shown.append(line.text)
    return typed


def _files(reader: Reader, page: Path) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        reader.writes(block.splitlines()[0].removeprefix("# "), block)


def _type(reader: Reader, commands: list[Typed]) -> dict[str, str]:
    return {one.command: _type_one(reader, one) for one in commands}


def _type_one(reader: Reader, one: Typed) -> str:
    assigned = ASSIGNED.fullmatch(one.command)
    command = assigned[2] if assigned else one.command
    differs = command.startswith("portazgo contract diff")
    deadline = time.monotonic() + NODES_SECONDS
    output = reader.types(command, DIFFERENCES if differs else 0)
    # What changes nothing can be typed again.
    while command.startswith(("curl", "portazgo trace")) and not (output.strip(" \n[]") and one.is_printed_in(output)):
        if time.monotonic() > deadline or ">" in command:
            break
        time.sleep(0.2)
        output = reader.types(command)
    assert one.is_printed_in(output), f"{command}\n{output}\nis not what the page shows:\n" + "\n".join(one.shown)
    if assigned:
        reader.shown[assigned[1]] = output.strip()
    return output


def _next(version: str) -> str:
    """Name the version that is published after this one on the same day."""
    day, _, number = version.partition(".")
    return f"{day}.{int(number or 1) + 1}"


def test_the_pages_lead_from_a_document_to_versions_and_their_end(reader: Reader) -> None:
    demo, *rest = _commands(HIDE)
    reader.starts(demo.command, "/health", "8081")
    reader.demo()
    drafted = [one.command for one in rest].index("portazgo contract check badges.yaml")
    _type(reader, rest[: drafted + 1])
    _files(reader, HIDE)
    printed = _type(reader, rest[drafted + 1 :])
    fields = printed["portazgo contract fields badges"]
    assert "difficulty" in fields
    assert "costs" not in fields
    document = json.loads((reader.folder / "openapi.json").read_text())
    assert document == json.loads((reader.folder / "partner.json").read_text())
    assert document["paths"].keys() == {"/v2/badges/", "/v2/badges/{id}/", "/v2/issuers/{id}/"}
    assert "audit_trail" not in str(document)

    reader.writes("wrong.yaml", (reader.folder / "badges.yaml").read_text().replace("title, description", "titel"))
    refused = reader.types("portazgo contract check wrong.yaml 2>&1", 2)
    assert re.search(r'^wrong\.yaml:6:\d+: .*titel.*; did you mean "title"\?$', refused, re.MULTILINE)
    assert "problems in wrong.yaml" in refused

    _files(reader, PUBLISH)
    printed = _type(reader, _commands(PUBLISH))
    assert re.search(r"^demo-partner +partner +", printed["portazgo contract show badges"], re.MULTILINE)
    assert re.search(
        r"^catalogue +badges +\S+ +partner ", printed["portazgo application show demo-partner/demo"], re.MULTILINE
    )
    # None of the page's routes records answers.
    reader.types("portazgo contract replay badges", Exit.FAILED)
    users = printed["portazgo contract users badges@$OLD"]
    assert re.search(r"^demo-partner +demo +badges-list +\d{4}-\d\d +[1-9]", users, re.MULTILINE)

    told = printed["portazgo usage fields --partner demo-partner"]
    assert re.search(r"^results.difficulty +results.level +\d+ … [1-9]", told, re.MULTILINE)

    # The third page, too, goes on where the first one ends.
    reader.types("portazgo contract change badges --file badges.yaml")
    reader.types("portazgo contract publish badges --default")
    _files(reader, CHANGES)
    printed = _type(reader, _commands(CHANGES))
    dry, done = (
        output for command, output in printed.items() if command.startswith("portazgo schema import insignia-api")
    )
    assert dry == done
    assert "breaks" not in printed["portazgo contract diff badges"]
    shown = printed["portazgo trace show $ID"]
    assert "contract_violation_response" in shown
    assert "missing /criteria" in shown
    # What the call met was the version that had just been published, and not the one before it.
    assert re.search(rf"^Contract +badges@{re.escape(_next(reader.shown['BEFORE']))}$", shown, re.MULTILINE)
