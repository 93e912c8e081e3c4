"""From a call to its erasure: where it came from is in no file in clear, is shown by its trace, and is gone with its key."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from support.deployment import Deployment

from portazgo.roles.parts import portazgo_command

ADDRESS = "127.77.66.55"
AS_IPV6 = bytes([0xFF, 0xFF, 127, 77, 66, 55])
"""As records of older nodes have it."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment whose partner these tests may erase."""
    with Deployment(tmp_path_factory.mktemp("personal")) as deployment:
        deployment.start_worker()
        yield deployment


def call_from(running: Deployment, address: str) -> str:
    """Make the demo's call from an address of loopback. Returns its request id."""
    connection = HTTPConnection("127.0.0.1", running.gateway_port, timeout=10, source_address=(address, 0))
    connection.request("GET", "/v1/badges/", headers={"X-Api-Key": running.key["api_key"]})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return str(answer.headers["X-Request-Id"])


def trace(running: Deployment, request_id: str) -> dict[str, Any]:
    return running.trace(request_id)


def files(running: Deployment) -> Iterator[tuple[Path, bytes]]:
    """Give everything that lies in the data folder, but for the slabs of the process that runs."""
    for path in running.data.rglob("*"):
        if path.is_file() and path.suffix != ".slab":
            try:
                yield path, path.read_bytes()
            except FileNotFoundError:
                continue


def holding(running: Deployment, *texts: bytes) -> list[str]:
    return [str(path) for path, content in files(running) if any(text in content for text in texts)]


def query(running: Deployment, database: str, statement: str) -> list[Any]:
    connection = sqlite3.connect(f"file:{running.data / database}?mode=ro", uri=True)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def command(running: Deployment, *words: str) -> tuple[int, Any]:
    done = subprocess.run(
        [*portazgo_command(*words), "--json"],
        env=running.environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=running.folder,
    )
    return done.returncode, json.loads(done.stdout or "null") if done.stdout else done.stderr


def test_where_a_call_came_from_is_sealed_shown_and_erased_for_ever(running: Deployment) -> None:
    request_id = call_from(running, ADDRESS)
    told = trace(running, request_id)
    assert (told["client_address"], told["personal"]) == (ADDRESS, "shown")
    assert holding(running, ADDRESS.encode(), AS_IPV6) == []

    partner = told["partner"]
    ((wrapped,),) = query(running, "state.sqlite3", "SELECT wrapped FROM data_key WHERE partner IS NOT NULL")
    assert any("node" in path for path in holding(running, wrapped.encode())), "the node keeps it, sealed"
    evidence = query(running, "ledger.sqlite3", "SELECT epoch, first_sequence, count, sha256 FROM usage_manifest")

    code, refused = command(running, "partner", "erase", partner, "--yes")
    assert (code, "partner suspend" in str(refused)) == (6, True)
    assert command(running, "partner", "suspend", partner)[0] == 0
    code, proof = command(running, "partner", "erase", partner, "--yes", "--wait")
    assert (code, proof["proven"], len(proof["nodes"])) == (0, True, 1)

    # What is proven: on no disk of a node's, and in no table, log or page of the state.
    assert holding(running, wrapped.encode()) == []
    erased = trace(running, request_id)
    assert erased == {**told, "client_address": None, "personal": "erased"}
    still = query(running, "ledger.sqlite3", "SELECT epoch, first_sequence, count, sha256 FROM usage_manifest")
    assert still[: len(evidence)] == evidence
    assert command(running, "usage", "balance")[0] == 0

    # A partner that goes on is recorded under a new key, and stays as it was before for what was erased.
    assert command(running, "partner", "resume", partner)[0] == 0
    running.wait_for(lambda: running.call().status == 200, "the partner to be let in")
    running.wait_for(
        lambda: trace(running, call_from(running, ADDRESS))["personal"] == "shown", "the partner's new data key"
    )
    assert trace(running, request_id)["personal"] == "erased"


@pytest.mark.parametrize(
    ("form", "shown"), [("truncated", "127.77.66.0/24"), ("tag", r"tag:"), ("none", None)], ids=str
)
def test_the_form_of_addresses_is_the_operators_choice(running: Deployment, form: str, shown: str | None) -> None:
    running.stop("gateway")
    running.environment["PORTAZGO_CLIENT_ADDRESS"] = form
    running.start_gateway()
    running.wait_for(lambda: running.call().status == 200, "the gateway")
    first, second = (trace(running, call_from(running, ADDRESS)) for _ in range(2))
    assert first["client_address"] == second["client_address"]
    if form == "tag":
        assert first["client_address"].startswith("tag:")
        assert trace(running, call_from(running, "127.77.66.56"))["client_address"] != first["client_address"]
    else:
        assert first["client_address"] == shown
    assert (first["personal"] == "absent") is (form == "none")
    assert holding(running, ADDRESS.encode(), AS_IPV6) == []
