"""docs/traces.md, command by command, on the demo."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documents import PROJECT, fenced_lines
from support.ports import free_port
from support.reader import Reader

PAGE = PROJECT / "docs" / "traces.md"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path) as reader:
        reader.environment["PORTAZGO_BACKEND_PORT"] = str(free_port())
        yield reader


def test_the_commands_of_the_page_find_the_call(reader: Reader) -> None:
    reader.starts("portazgo demo", "/health", "8081")
    shown = _the_demo(reader)
    answer = reader.types(f"curl --silent --fail --include --header 'X-Api-Key: {shown['api_key']}' {shown['try_url']}")
    (request_id,) = [
        line.split(":")[1].strip() for line in answer.splitlines() if line.lower().startswith("x-request-id")
    ]
    nowhere = shown["try_url"].rpartition("/v1/")[0] + "/v1/nowhere"
    over = threading.Event()

    def calls() -> None:
        # Whoever follows sees what comes from then on, and nothing says when it began.
        while not over.wait(1.0):
            reader.types(f"curl --silent {nowhere}")

    calling = threading.Thread(target=calls, daemon=True)
    told: dict[str, str] = {}
    for line in fenced_lines(PAGE):
        if line.language == "console":
            command = line.text.removeprefix("$ ")
            if "tail" in command:
                calling.start()
            told[command] = reader.types(command.replace("$ID", request_id))
            if "tail" in command:
                over.set()
    calling.join(60)
    assert request_id in told["portazgo trace show $ID"]
    assert request_id in told["portazgo trace list --since 24h"]
    assert request_id in told["portazgo trace list --partner demo-partner --status 200 --since 1h --count"]
    (followed,) = [json.loads(one) for command, one in told.items() if "tail" in command]
    assert followed["fault"] == "route_unknown"
    assert request_id in told["portazgo partner-view list --partner demo-partner"]
    assert request_id in told["portazgo partner-view show $ID --partner demo-partner"]
    assert "ptza_" in told["portazgo token create portal --partner demo-partner"]


def _the_demo(reader: Reader) -> dict[str, str]:
    file = reader.folder / ".portazgo" / "demo.json"
    deadline = time.monotonic() + 60
    while not (file.exists() and json.loads(file.read_text()).get("ready")):
        assert time.monotonic() < deadline, "the demo is not ready"
        time.sleep(0.2)
    shown: dict[str, str] = json.loads(file.read_text())
    return shown
