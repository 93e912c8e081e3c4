"""The demo finds its data again, also when its ports are others than before."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from support.group import Group, wait_for

from portazgo.roles.ports import free_port


def run_demo(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Run it on ports that are free now, and make the promised call. Returns what it tells, and the answer."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PORTAZGO_")},
        "PORTAZGO_DATA_DIR": str(folder / "data"),
        **{f"PORTAZGO_{part}_PORT": str(free_port()) for part in ("GATEWAY", "CONTROL", "BACKEND")},
    }
    told = folder / "data" / "demo.json"
    told.unlink(missing_ok=True)
    with Group("demo", environment, folder) as demo:
        wait_for(lambda: told.exists() or demo.process.poll() is not None, "the demo")
        assert demo.process.poll() is None, demo.log.read_text()[-3000:]
        document = json.loads(told.read_text())
        with urlopen(Request(document["try_url"], headers={"X-Api-Key": document["api_key"]}), timeout=10) as answer:  # noqa: S310 - our own URL
            body: bytes = answer.read()
        assert demo.end(signal.SIGTERM)[0] == 0
    return document, body


def test_a_second_run_on_other_ports_serves_the_same_key_and_the_same_data(tmp_path: Path) -> None:
    first, first_body = run_demo(tmp_path)
    second, second_body = run_demo(tmp_path)
    assert second["gateway_url"] != first["gateway_url"]
    assert (second["api_key"], second["kid"]) == (first["api_key"], first["kid"])
    # Passed through, the lists hold the backend's address, and that has moved.
    first_titles, second_titles = (
        [one["title"] for one in json.loads(body)["results"]] for body in (first_body, second_body)
    )
    assert first_titles == second_titles
    assert first_titles
