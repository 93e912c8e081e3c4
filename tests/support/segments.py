"""Real records: a native node in a process of its own answers a few calls, and its sealed segments are read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from support import sealed

from portazgo.keys.domain import Kid, digest, format_key, inner
from portazgo.kit.secret import Secret
from portazgo.snapshot.compile import canonical, last_line, snapshot_head

PARTNER, APPLICATION, PLAN, API, BACKEND, ROUTE = (f"01a20e60-e200-7018-af02-{number:012d}" for number in range(1, 7))
KID = "Record0001"
PATH = "/v1/things"

_PEPPER = bytes(range(32))
_SECRET, _OLD_SECRET = Secret("s" * 32), Secret("o" * 32)
KEY = format_key("ptz", "live", Kid(KID), _SECRET)
OLD_KEY = format_key("ptz", "live", Kid(KID), _OLD_SECRET)
"""The same key by a secret that is retiring."""

Call = tuple[str, dict[str, str]]

# Makes the calls one after the other, each on a connection of its own, so that records come in this order.
_PROGRAM = """
import http.client, json, sys, time
from portazgo import _native

given = json.load(sys.stdin)
node = _native.Node(json.dumps(given["configuration"]))
node.start()
update = _native.Update.snapshot()
update.push(given["snapshot"].encode())
update.finish()
for context, _ in update.wrapped():
    update.provide(context, bytes.fromhex(given["secrets"][context]))
node.apply(update)
node.contact(0, int(time.time() * 1e6), 0)
ids = []
for path, headers in given["calls"]:
    connection = http.client.HTTPConnection("127.0.0.1", node.gateway_port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    ids.append(answer.headers["X-Request-Id"])
    connection.close()
node.drain(5.0)
node.stop()
json.dump({"node": node.node_id, "epoch": node.epoch, "ids": ids}, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a node recorded: its segments in order, and the request ids that its callers were told, in theirs."""

    node: UUID
    epoch: UUID
    segments: list[tuple[int, bytes]]
    ids: list[str]


@dataclass(frozen=True, slots=True)
class RefusedUses:
    """Calls with a disabled key: twice as it is, once with another secret."""

    kid: str
    records: Recorded


@cache
def recorded() -> Recorded:
    """Record four calls: two with the key (the backend is not there), one without a key, one to no route."""
    calls: list[Call] = [
        (PATH, {"X-Api-Key": KEY, "X-Request-Id": "theirs-1"}),
        (PATH, {"X-Api-Key": KEY}),
        (PATH, {}),
        ("/v1/nowhere", {}),
    ]
    return record(calls)


@cache
def refused_uses() -> RefusedUses:
    """Record calls with a key that nodes know as disabled."""
    wrong = format_key("ptz", "live", Kid(KID), Secret("t" * 32))
    calls = [(PATH, {"X-Api-Key": key}) for key in (KEY, wrong, KEY)]
    return RefusedUses(KID, record(calls, key_status="disabled"))


def record(
    calls: list[Call],
    old_ends_at_us: int | None = None,
    *,
    key_status: str = "active",
    address_forms: Mapping[str, str] | None = None,
) -> Recorded:
    """Record these calls, by a node of their own; with an end for it, the key has an old secret too.

    `address_forms`: in which form callers' addresses are recorded, by environment; None: whole.
    """
    with TemporaryDirectory(prefix="portazgo-segments-") as folder:
        given = {
            "configuration": _configuration(folder, address_forms),
            "snapshot": _snapshot(old_ends_at_us, key_status),
            "secrets": {"pepper/1": _PEPPER.hex()}
            | {f"data_key/{identifier}": key.hex() for identifier, key in sealed.KEYS.items()},
            "calls": calls,
        }
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], input=json.dumps(given), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        files = sorted(
            (Path(folder) / "node" / "segments" / told["epoch"]).glob("*.seg"), key=lambda one: int(one.stem)
        )
        segments = [(int(file.stem), file.read_bytes()) for file in files]
    return Recorded(UUID(told["node"]), UUID(told["epoch"]), segments, told["ids"])


def _configuration(folder: str, address_forms: Mapping[str, str] | None) -> dict[str, Any]:
    return {
        "folder": f"{folder}/node",
        "label": "recorder",
        "listen": "127.0.0.1:0",
        "admin_listen": "127.0.0.1:0",
        "threads": 1,
        "key_prefix": "ptz",
        "max_staleness_seconds": None,
        "trusted_proxies": [],
        "limits": {
            "head_bytes": 65_536,
            "head_lines": 100,
            "head_seconds": 10,
            "keep_alive_seconds": 75,
            "connections": 100,
            "slots_per_thread": 64,
        },
        "journal": {
            "seal_ms": 1000,
            "seal_bytes": 1_048_576,
            "sync_ms": 5,
            **({} if address_forms is None else {"client_address": dict(address_forms)}),
        },
    }


def _snapshot(old_ends_at_us: int | None, key_status: str) -> str:
    timeouts = {"connect_ms": 500, "first_byte_ms": 500, "idle_ms": 500, "total_ms": 1000}
    # Port 9 (discard) of loopback: nobody listens, so that the call fails at once and for a known reason.
    live = {"targets": ["http://127.0.0.1:9"], "timeouts": timeouts, "credential": {"kind": "none"}}
    secrets = [{"slot": "current", "digest": digest(_PEPPER, inner(_SECRET)), "pepper": 1, "ends_at_us": None}]
    if old_ends_at_us is not None:
        old = {"slot": "retiring", "digest": digest(_PEPPER, inner(_OLD_SECRET)), "pepper": 1}
        secrets.append({**old, "ends_at_us": old_ends_at_us})
    bodies: list[tuple[str, str, list[str], dict[str, Any]]] = [
        ("partner", PARTNER, [], {"name": "acme", "status": "active", "metadata": {}}),
        (
            "application",
            APPLICATION,
            [],
            {
                "name": "orders",
                "partner": PARTNER,
                "environment": "live",
                "status": "active",
                "plan": PLAN,
                "metadata": {},
            },
        ),
        ("pepper", "1", [], {"wrapped": "given by hand"}),
        ("data_key", sealed.OF_PARTNER, ["data_key.1"], {"partner": PARTNER, "wrapped": "given by hand"}),
        ("data_key", sealed.OF_NOBODY, ["data_key.1"], {"partner": None, "wrapped": "given by hand"}),
        (
            "key",
            KID,
            ["key.hmac-sha256.1"],
            {
                "application": APPLICATION,
                "status": key_status,
                "name": "",
                "secrets": secrets,
                "expires_at_us": None,
                "scopes": None,
                "networks": None,
            },
        ),
        (
            "backend",
            BACKEND,
            ["backend.http1.1", "credential.none.1"],
            {"name": "things", "environments": {"live": live}},
        ),
        (
            "plan",
            PLAN,
            ["plan.throttle.1"],
            {"name": "basic", "apis": [API], "scopes": None, "throttles": []},
        ),
        (
            "route",
            ROUTE,
            ["route.passthrough.1"],
            {
                "api": API,
                "api_name": "things",
                "name": "things-list",
                "hosts": None,
                "method": "GET",
                "path": PATH,
                "backend": BACKEND,
                "backend_method": "GET",
                "backend_path": "/api/things/",
                "environments": ["live"],
                "scopes": [],
                "passthrough": True,
                "max_request_bytes": 1024,
                "max_response_bytes": None,
                "query": "all",
                "request_headers": [],
                "response_headers": [],
            },
        ),
    ]
    lines = [
        canonical({"kind": kind, "id": identifier, "requires": requires, "body": body})
        for kind, identifier, requires, body in bodies
    ]
    head = snapshot_head(PARTNER, 1, "0" * 64)
    return "".join(f"{line}\n" for line in [head, *lines, last_line(len(lines))])
