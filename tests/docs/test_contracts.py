"""The three pages about contracts, command by command, on one demo: each goes on where the one before it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documents import PROJECT, fenced_lines
from support.reader import Reader

from portazgo.roles.ports import free_port

HIDE = PROJECT / "docs" / "hide-and-rename.md"
PUBLISH = PROJECT / "docs" / "publish-a-new-version.md"
CHANGES = PROJECT / "docs" / "when-the-backend-changes.md"
DIFFERENCES = 3
ASSIGNED = re.compile(r"(OLD)=\$\((.+)\)")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path, HIDE, PUBLISH, CHANGES) as reader:
        reader.ports["8082"] = str(free_port())
        reader.environment["PORTAZGO_BACKEND_PORT"] = reader.ports["8082"]
        yield reader


def _commands(page: Path) -> list[str]:
    lines = [line.text for line in fenced_lines(page) if line.language == "console"]
    return [text.removeprefix("$ ") for text in lines if text.startswith("$ ")]


def _files(reader: Reader, page: Path) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        reader.writes(block.splitlines()[0].removeprefix("# "), block)


def _typed(reader: Reader, commands: list[str]) -> dict[str, str]:
    printed = {}
    for command in commands:
        assigned = ASSIGNED.fullmatch(command)
        differs = command.startswith("portazgo contract diff")
        output = reader.types(assigned[2] if assigned else command, DIFFERENCES if differs else 0)
        if assigned:
            reader.shown[assigned[1]] = output.strip()
        printed[command] = output
    return printed


def test_the_pages_lead_from_a_document_to_versions_and_their_end(reader: Reader) -> None:
    demo, *rest = _commands(HIDE)
    reader.starts(demo, "/health", "8081")
    reader.demo()
    drafted = rest.index("portazgo contract check badges.yaml")
    printed = _typed(reader, rest[: drafted + 1])
    counts = [int(line.split()[-1]) for line in printed["portazgo contract check badges.yaml"].splitlines()[1:]]
    assert len(counts) == 3
    assert all(count > 40 for count in counts)
    _files(reader, HIDE)
    printed = _typed(reader, rest[drafted + 1 :])
    fields = printed["portazgo contract fields badges"]
    assert "difficulty" in fields
    assert "costs" not in fields
    document = (reader.folder / "openapi.json").read_text()
    assert json.loads(document)["paths"].keys() == {"/v1/badges/", "/v1/badges/{id}/", "/v1/issuers/{id}/"}
    assert "audit_trail" not in document

    reader.writes("wrong.yaml", (reader.folder / "badges.yaml").read_text().replace("title, description", "titel"))
    refused = reader.types("portazgo contract check wrong.yaml 2>&1", 2)
    assert re.search(r'^wrong\.yaml:6:\d+: .*titel.*; did you mean "title"\?$', refused, re.MULTILINE)
    assert "problems in wrong.yaml" in refused

    _files(reader, PUBLISH)
    printed = _typed(reader, _commands(PUBLISH))
    told = printed["portazgo contract diff badges"]
    assert re.search(r"^breaks .*difficulty", told, re.MULTILINE)
    assert re.search(r"^exposes .*image_url", told, re.MULTILINE)
    users = printed["portazgo contract users badges@$OLD"]
    assert "demo-partner" in users

    # The third page, too, goes on where the first one ends.
    reader.types("portazgo contract change badges --file badges.yaml")
    reader.types("portazgo contract publish badges --default")
    _files(reader, CHANGES)
    printed = _typed(reader, _commands(CHANGES))
    dry, done = (
        output for command, output in printed.items() if command.startswith("portazgo schema import insignia-api")
    )
    assert dry == done
    assert re.search(r"^fails .*criteria", dry, re.MULTILINE)
    assert re.search(r"^hidden .*requirements", dry, re.MULTILINE)
    told = printed["portazgo contract diff badges"]
    assert "comes from requirements" in told
    assert "breaks" not in told
