"""The demo shows what partners see, and finds its data again, also when its ports are others than before."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from support.group import Group, wait_for
from support.ports import free_port

from portazgo.client.admin import AdminClient
from portazgo.kit.secret import Secret


def run_demo(folder: Path) -> tuple[dict[str, Any], str, bytes]:
    """Run it on ports that are free now, and make the promised call. Returns what it tells programs, and people, and it."""
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
        wait_for(lambda: "trace list" in demo.log.read_text(), "the text for people")
        printed = demo.log.read_text()
        body = fetch(document, document["try_url"])
        versions = fetch_admin(document, "/contracts")["items"][0]["versions"]
        assert len(versions) == 1, "nothing is published because a port is another"
        described = json.loads(fetch(document, f"{document['gateway_url']}/.well-known/portazgo/openapi.json"))
        assert described["info"]["title"] == "partner-api"
        assert demo.end(signal.SIGTERM)[0] == 0
    return document, printed, body


def fetch(document: dict[str, Any], url: str) -> bytes:
    with urlopen(Request(url, headers={"X-Api-Key": document["api_key"]}), timeout=10) as answer:  # noqa: S310 - our own URL
        body: bytes = answer.read()
    return body


def fetch_admin(document: dict[str, Any], path: str) -> Any:
    return AdminClient(document["control_url"], Secret(document["admin_token"])).get(path)


def test_a_second_run_on_other_ports_serves_the_same_key_and_the_same_data(tmp_path: Path) -> None:
    first, printed, first_body = run_demo(tmp_path)
    second, again, second_body = run_demo(tmp_path)
    assert second["gateway_url"] != first["gateway_url"]
    assert (second["api_key"], second["kid"]) == (first["api_key"], first["kid"])
    # The lists hold the gateway's address, and that has moved.
    first_titles, second_titles = (
        [one["title"] for one in json.loads(body)["results"]] for body in (first_body, second_body)
    )
    assert first_titles == second_titles
    assert first_titles
    for text, document, body in ((printed, first, first_body), (again, second, second_body)):
        assert "see 14 of the 46 fields that the backend has there" in text
        assert f"{document['gateway_url']}/.well-known/portazgo/openapi.json" in text
        shown = json.loads(body)
        assert len(shown) + len(shown["results"][0]) - 1 == 14
        assert shown["next"].startswith(f"{document['gateway_url']}/v1/badges/?")
        assert b"audit_trail" not in body
        assert document["backend_url"].encode() not in body
