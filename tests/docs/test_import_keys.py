"""docs/import-keys.md: what it shows works as it stands there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documents import PROJECT, fenced_lines
from support.reader import Reader

PAGE = PROJECT / "docs" / "import-keys.md"
WHOAMI = "http://127.0.0.1:8080/.well-known/portazgo/whoami"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path) as reader:
        yield reader


def test_the_files_and_commands_of_the_page_do_what_it_says(reader: Reader) -> None:
    text = PAGE.read_text("utf-8")
    aws, ours = re.findall(r"^```csv\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (refused,) = re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    consoles = [line.text.removeprefix("$ ") for line in fenced_lines(PAGE) if line.language == "console"]
    tried, done, deleted, rotated, shown = consoles
    plain = aws.splitlines()[1].split(",")[1]
    reader.starts("portazgo up", "/health", "8081")
    wait_for_the_node(reader)
    reader.types("portazgo partner create acme")
    reader.types("portazgo application create orders --partner acme --environment live")
    reader.writes("keys.csv", aws)
    reader.writes("ours.csv", ours)
    assert [row["kid"] for row in json.loads(reader.types(f"{tried} --json"))["keys"]] == [None]
    (made,) = json.loads(reader.types(f"{done} --json"))["keys"]
    assert (made["name"], made["status"], made["already_there"]) == ("crm", "active", False)
    reader.shown["KID"] = made["kid"]
    reader.types("portazgo key propagation $KID --wait")
    assert status(reader, f"X-Api-Key: {plain}") == status(reader, f"Authorization: Api-Key {plain}") == "200"
    again = json.loads(reader.types(f"{done} --json"))
    assert (again["made"], again["already_there"]) == (0, 1)
    reader.types("portazgo key import ours.csv --format portazgo --application acme/orders")
    assert json.loads(reader.types("portazgo key show $KID --json"))["expires_at"] is None
    api_key = json.loads(reader.types(rotated))["api_key"]
    reader.types("portazgo key propagation $KID --wait")
    assert re.search("^retiring secret .*; imported, sha256$", reader.types(shown), re.MULTILINE)
    assert [status(reader, f"X-Api-Key: {key}") for key in (plain, api_key)] == ["200", "200"]
    reader.types("portazgo key revoke $KID --yes --wait")
    assert [status(reader, f"X-Api-Key: {key}") for key in (plain, api_key)] == ["401", "401"]
    said = reader.types(f"{done} 2>&1", exit_code=2)
    assert [as_told(line) for line in said.splitlines()[:2]] == [as_told(line) for line in refused.splitlines()]
    reader.types(deleted)
    assert not (reader.folder / "keys.csv").exists()


def wait_for_the_node(reader: Reader) -> None:
    """The control plane may answer before the node has its first snapshot, and of no node everything is proven."""
    deadline = time.monotonic() + 30
    while (found := status(reader, "X-Api-Key: nobody")) != "401":
        assert time.monotonic() < deadline, f"the gateway answers {found}"
        time.sleep(0.1)


def status(reader: Reader, header: str) -> str:
    """Ask the gateway who calls."""
    return reader.types(f"curl -s -o answer -w '%{{http_code}}' -H '{header}' {WHOAMI}")


def as_told(line: str) -> str:
    """A line of a refusal without what is another each time."""
    return re.sub(r"kid \w{10}", "kid KID", re.sub(r"\d{4}-\d\d-\d\d", "DAY", line))
