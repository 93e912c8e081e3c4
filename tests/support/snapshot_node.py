"""A gateway node without a control plane: `portazgo gateway --snapshot FILE` in front of one backend, and its records."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.request import urlopen

from support.ports import free_port
from support.sealed import data_keys, opened

from portazgo._native import decode_segment
from portazgo.keys.domain import Kid, digest, format_key, inner, new_secret
from portazgo.kit.ids import uuid7
from portazgo.kit.wrapping import open_wrapper
from portazgo.roles.parts import portazgo_command
from portazgo.roles.ports import answers

START_SECONDS = 20.0
STOP_SECONDS = 15.0
PEPPER = b"pepper of a test".ljust(32, b".")
TIMEOUTS = {"connect_ms": 2000, "first_byte_ms": 10_000, "idle_ms": 10_000, "total_ms": 30_000}
ROUTES = [
    *((method, "/v1/items/{id}", "/api/items/{id}") for method in ("GET", "HEAD", "PUT", "DELETE")),
    *((method, "/v1/items", "/api/items") for method in ("GET", "POST")),
]


class SnapshotNode:
    """Start it with `with`; its records can be read when it has ended."""

    def __init__(
        self,
        folder: Path,
        target: str,
        *,
        timeouts: Mapping[str, int] = TIMEOUTS,
        most_request_bytes: int = 1 << 20,
        most_response_bytes: int | None = None,
        threads: int = 2,
        further: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Backends beside the one, each by its live environment, are called under `/v1/NAME/{id}`; `keyed…` count on keys."""
        self.folder = folder
        self._threads = threads
        self.port, self.admin_port = free_port(), free_port()
        secret, stranger = new_secret(), new_secret()
        kid = Kid("Kid0000001")
        self.key = format_key("ptz", "live", kid, secret)
        self.stranger = format_key("ptz", "live", kid, stranger)
        folder.mkdir(parents=True, exist_ok=True)
        wrapper = open_wrapper("local:", folder, create=True)
        wrapped = wrapper.wrap("pepper/1", PEPPER)
        most = (most_request_bytes, most_response_bytes)
        resources = _resources(kid, digest(PEPPER, inner(secret)), wrapped, target, timeouts, most)
        partner = next(one["id"] for one in resources if one["kind"] == "partner")
        resources += data_keys(wrapper, partner)
        for name, live in (further or {}).items():
            resources += _further(resources, name, live)
        self._snapshot = folder / "snapshot.ndjson"
        head = {"format": 1, "history": str(uuid7()), "revision": 1, "hash": "0" * 64}
        lines = [head, *resources, {"end": True, "count": len(resources)}]
        self._snapshot.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def paths(self) -> dict[str, str]:
        """The partner's path of each route, by its id."""
        lines = [json.loads(line) for line in self._snapshot.read_text().splitlines()]
        return {line["id"]: line["body"]["path"] for line in lines if line.get("kind") == "route"}

    def __enter__(self) -> Self:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PORTAZGO_")},
            "PORTAZGO_DATA_DIR": str(self.folder),
            "PORTAZGO_GATEWAY_PORT": str(self.port),
            "PORTAZGO_THREADS": str(self._threads),
            "PORTAZGO_ADMIN_LISTEN": f"127.0.0.1:{self.admin_port}",
        }
        with (self.folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                portazgo_command("gateway", "--snapshot", str(self._snapshot)),
                env=environment,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"http://127.0.0.1:{self.admin_port}/health/ready"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise RuntimeError(f"the gateway did not start: {(self.folder / 'gateway.log').read_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the gateway's process."""
        return self._process.pid

    def stop(self) -> int:
        """End it by SIGTERM. Returns its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        finally:
            self._process.kill()

    def metric(self, name: str) -> int:
        """Read a counter, all labels together."""
        with urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def records(self) -> list[dict[str, Any]]:
        """Read all records of a node that has ended, in the order of their sequence."""
        assert self._process.poll() is not None
        found: list[dict[str, Any]] = []
        for path in sorted((self.folder / "node" / "segments").rglob("*.seg")):
            found += opened(decode_segment(path.read_bytes()))
        return sorted(found, key=lambda record: record["sequence"])


def _resources(
    kid: str,
    secret_digest: str,
    wrapped: str,
    target: str,
    timeouts: Mapping[str, int],
    most: tuple[int, int | None],
) -> list[dict[str, Any]]:
    partner, application, plan, backend, api = (str(uuid7()) for _ in range(5))

    def resource(kind: str, identifier: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"kind": kind, "id": identifier, "requires": [], "body": body}

    secrets = [{"slot": "current", "digest": secret_digest, "pepper": 1, "ends_at_us": None}]
    live = {"targets": [f"http://{target}"], "timeouts": dict(timeouts), "credential": {"kind": "none"}}
    route = {
        "api": api,
        "api_name": "items",
        "hosts": None,
        "backend": backend,
        "environments": ["live"],
        "scopes": [],
        "passthrough": True,
        "max_request_bytes": most[0],
        "max_response_bytes": most[1],
        "query": "all",
        "request_headers": [],
        "response_headers": [],
    }
    return [
        resource("partner", partner, {"name": "northwind", "status": "active", "metadata": {}}),
        resource(
            "application",
            application,
            {
                "name": "crm",
                "partner": partner,
                "environment": "live",
                "status": "active",
                "plan": plan,
                "metadata": {},
            },
        ),
        resource(
            "key",
            kid,
            {
                "application": application,
                "status": "active",
                "name": "server",
                "secrets": secrets,
                "expires_at_us": None,
                "scopes": None,
                "networks": None,
            },
        ),
        resource("pepper", "1", {"wrapped": wrapped}),
        resource("backend", backend, {"name": "items", "environments": {"live": live}}),
        resource("plan", plan, {"name": "basic", "apis": [api], "scopes": None, "throttles": []}),
        *(
            resource(
                "route",
                str(uuid7()),
                {
                    **route,
                    "name": f"{method.lower()}-{len(path)}",
                    "method": method,
                    "path": path,
                    "backend_method": method,
                    "backend_path": backend_path,
                },
            )
            for method, path, backend_path in ROUTES
        ),
    ]


def _further(resources: list[dict[str, Any]], name: str, live: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give one more backend and its routes, made like those of the first."""
    backend = str(uuid7())
    model = next(one["body"] for one in resources if one["kind"] == "route")
    requires = ["backend.forwarding.1"] if live.get("forwarding") is not None else []
    environment = {"timeouts": TIMEOUTS, "credential": {"kind": "none"}, **live}
    found = [
        {
            "kind": "backend",
            "id": backend,
            "requires": requires,
            "body": {"name": name, "environments": {"live": environment}},
        }
    ]
    for method in ("GET", "HEAD", "POST", "PUT"):
        body = {
            **model,
            "name": f"{name}-{method.lower()}",
            "method": method,
            "path": f"/v1/{name}/{{id}}",
            "backend": backend,
            "backend_method": method,
            "backend_path": "/api/items/{id}",
        }
        if name.startswith("keyed"):
            body["idempotency_key"] = True
        found.append({"kind": "route", "id": str(uuid7()), "requires": [], "body": body})
    return found
