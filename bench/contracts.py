"""What a contract costs a call: projection against pass-through, by the same node on the same core, in one run.

    python bench/contracts.py [--rounds 15] [--calls 2000]

Rounds alternate between a route that passes all through and one under a contract; both ask the same backend for the same
bytes. What is compared is the processor time of the node's data threads, by the scheduler's own clock. A round that others took
too much of is seen by its spread; the median of the differences is told. The backend and the load share the other core.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from peers import build, deployment
from peers.arena import free_port
from peers.deployment import KEYS_FILE, MASTER_KEY, PEPPER, SNAPSHOT_FILE
from peers.process import LOAD_CORE, PROXY_CORE, Started
from report import Figure, publish

from portazgo.kit.ids import uuid7
from portazgo.kit.wrapping.local import LocalWrapper
from portazgo.snapshot.compile import canonical, last_line, snapshot_head
from portazgo.snapshot.wire import NO_HASH, Resource

SIZES = {"small": 1, "medium": 50, "large": 4_900}
SHOWN = ("id", "number", "status", "total", "currency", "placed_at", "customer", "lines")
SHOWN_OF_CUSTOMER = ("id", "name")
SHOWN_OF_LINES = ("sku", "quantity", "price")
PIPELINED = 8
WARM_CALLS = 200
EXTRA_BYTES = 1 << 20
PAUSE_SECONDS = 0.5


def order(number: int) -> dict[str, Any]:
    """An order of some 40 fields, 11 of which partners see; arrays at two levels."""
    line = {
        "sku": f"SKU-{number:06d}",
        "quantity": 3,
        "price": "12.50",
        "cost": "7.31",
        "warehouse": 12,
        "bin": "A-17-4",
        "tax_code": "GEN21",
        "margin": 0.41,
        "tags": ["fragile", "heavy"],
    }
    customer = {
        "id": 9007199254740993 + number,
        "name": "Comercial Ejemplo, S. L.",
        "tax_id": "B00000000",
        "credit_limit": 150000,
        "risk": "medium",
        "notes": "calls on Mondays; pays late",
        "email": "purchasing@customer.example",
    }
    return {
        "id": 1234567890123456789 + number,
        "number": f"P-2026-{number:06d}",
        "status": "shipped",
        "total": "37.50",
        "currency": "EUR",
        "placed_at": "2026-11-26T10:15:30.123456Z",
        "customer": customer,
        "lines": [line, line, line, line],
        "internal_status": "S-77",
        "margin": 0.41,
        "sales_rep": {"id": 7, "name": "inside", "email": "inside@backend.example"},
        "route_code": "R-12",
        "pick_list": [1, 2, 3, 4, 5, 6, 7, 8],
        "erp_ref": "0000471100815",
        "flags": {"vip": False, "hold": None},
        "created_by": "svc-import",
        "updated_at": "2026-11-26T10:16:30.123456Z",
        "audit": "x" * 300,
    }


def program() -> dict[str, Any]:
    """Show the eleven; a list or one of them."""

    def members(names: tuple[str, ...], nodes: Mapping[str, int]) -> dict[str, Any]:
        return {"object": {"members": [{"in": name, "out": name, "node": nodes.get(name, 0)} for name in names]}}

    scalar = {"string": True, "number": True, "null": True, "boolean": True}
    one = members(SHOWN, {"customer": 2, "lines": 3})
    return {
        "nodes": [scalar, one, members(SHOWN_OF_CUSTOMER, {}), {"array": 4}, members(SHOWN_OF_LINES, {}), {"array": 1}],
        "depth": 16,
    }


def body(count: int) -> bytes:
    """Answer with one order, or a list."""
    orders = [order(number) for number in range(count)]
    return json.dumps(orders[0] if count == 1 else orders).encode()


def view(root: int) -> dict[str, Any]:
    """ROUTE that projects from this node."""
    nothing: dict[str, Any] = {
        "body": None,
        "program": {"nodes": [], "depth": 8},
        "path": [],
        "query": [],
        "headers": [],
        "query_unknown": "refuse",
        "fill": [],
    }
    answer = {
        "status": "200",
        "send": None,
        "body": {"kind": "json", "root": root, "hold": 65536},
        "headers": [],
        "content_types": ["application/json"],
    }
    return {"request": nothing, "answers": [answer], "program": program(), "fields": None}


def write_snapshot(folder: Path, target: str) -> str:
    """Write the deployment. Returns a key."""
    folder.mkdir()
    wrapper = LocalWrapper.open(folder / MASTER_KEY, create=True)
    (issued,) = deployment.issue_keys(1)
    partner, application, plan, backend, api, version = (str(uuid7()) for _ in range(6))
    routes, views = [], {}
    for size, count in SIZES.items():
        for way in ("through", "contract"):
            identifier = str(uuid7())
            more: dict[str, Any] = {"passthrough": True}
            if way == "contract":
                views[identifier] = view(1 if count == 1 else 5)
                more = {"passthrough": False, "contract": version}
            routes.append(
                Resource(
                    "route",
                    identifier,
                    (),
                    {
                        "api": api,
                        "api_name": "orders",
                        "name": f"{size}-{way}",
                        "hosts": None,
                        "method": "GET",
                        "path": f"/v1/{way}/{size}",
                        "backend": backend,
                        "backend_method": "GET",
                        "backend_path": f"/{size}",
                        "environments": ["live"],
                        "scopes": [],
                        "max_request_bytes": 1 << 20,
                        "max_response_bytes": None,
                        "query": "all",
                        "request_headers": [],
                        "response_headers": [],
                        **more,
                    },
                )
            )
    live = {"targets": [target], "timeouts": deployment.TIMEOUTS, "credential": {"kind": "none"}}
    secrets = [{"slot": "current", "digest": issued.digest, "pepper": 1, "ends_at_us": None}]
    resources = [
        Resource("partner", partner, (), {"name": "company", "status": "active", "metadata": {}}),
        Resource(
            "application",
            application,
            (),
            {
                "name": "integration",
                "partner": partner,
                "environment": "live",
                "status": "active",
                "plan": plan,
                "metadata": {},
            },
        ),
        Resource(
            "key",
            issued.kid,
            (),
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
        Resource("pepper", "1", (), {"wrapped": wrapper.wrap("pepper/1", PEPPER)}),
        Resource("plan", plan, (), {"name": "basic", "apis": [api], "scopes": None, "throttles": []}),
        Resource("backend", backend, (), {"name": "orders", "environments": {"live": live}}),
        Resource(
            "contract",
            version,
            ("contract.1",),
            {
                "api": api,
                "contract": "orders",
                "version": "2026-11-26",
                "deprecated_at_us": None,
                "sunset_at_us": None,
                "link": None,
                "routes": views,
            },
        ),
        *routes,
    ]
    lines = [
        snapshot_head(str(uuid7()), 1, NO_HASH),
        *(canonical(one.document()) for one in resources),
        last_line(len(resources)),
    ]
    (folder / SNAPSHOT_FILE).write_text("".join(f"{line}\n" for line in lines))
    (folder / KEYS_FILE).write_text(issued.whole + "\n")
    return issued.whole


class Origin:
    """A backend that has its answers ready, on the load's core; one of them comes with a pause before its end."""

    def __init__(self) -> None:
        self.port = 0
        self.last_sent_at = 0.0
        self.pauses = False
        self._answers = {f"/{size}".encode(): self._whole(body(count)) for size, count in SIZES.items()}

    @staticmethod
    def _whole(answer: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer

    def start(self) -> None:
        """Serve in a thread until the process ends."""
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True).start()
        ready.wait(10)

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                answer = self._answers[head.split(b" ", 2)[1]]
                cut = len(answer) - 1000 if self.pauses else len(answer)
                writer.write(answer[:cut])
                await writer.drain()
                if self.pauses:
                    await asyncio.sleep(PAUSE_SECONDS)
                    self.last_sent_at = time.monotonic()
                    writer.write(answer[cut:])
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def main() -> int:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description="What a contract costs a call.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=2000, help="of the small answer in a round; fewer of larger ones")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    origin = Origin()
    origin.start()
    tools = build.build(with_peers=False)
    with (
        tempfile.TemporaryDirectory() as folder,
        _gateway(Path(folder), tools, f"http://127.0.0.1:{origin.port}") as (node, key),
    ):
        samples = {
            size: _compared(node, key, size, arguments.rounds, max(4, arguments.calls // (1 + count // 4)))
            for size, count in SIZES.items()
        }
        extra = _extra_memory(node, key)
        origin.pauses = True
        lead = _lead(node, key, origin)
    more = {size: [contract - through for through, contract in found] for size, found in samples.items()}
    figures = [
        Figure("projection of 1.7 KB, over pass-through", median(more["small"]), "µs", 1.5),
        Figure("projection of 84 KB, over pass-through", median(more["medium"]), "µs", 120),
        Figure("projection of 8 MB, over pass-through", median(more["large"]), "µs"),
        Figure("a call that passes through with 1.7 KB", median(through for through, _ in samples["small"]), "µs"),
        Figure("a call under the contract with 1.7 KB", median(contract for _, contract in samples["small"]), "µs"),
        Figure("memory for an answer of 8 MB, over pass-through", extra / 1024, "KB", EXTRA_BYTES / 1024),
        Figure("first byte after the backend's last (8 MB; negative: before)", -lead * 1000, "ms", 0),
    ]
    spread = {size: [round(value, 3) for value in quantiles(found, n=4)] for size, found in more.items()}
    sizes = {size: len(body(count)) for size, count in SIZES.items()}
    return publish("contracts", figures, rounds=arguments.rounds, calls=arguments.calls, quartiles=spread, bytes=sizes)


@contextmanager
def _gateway(folder: Path, tools: build.Tools, target: str) -> Iterator[tuple[Started, str]]:
    data = folder / "data"
    key = write_snapshot(data, target)
    port = free_port()
    environment = {
        "PYTHONPATH": str(tools.portazgo),
        "PORTAZGO_DATA_DIR": str(data),
        "PORTAZGO_GATEWAY_PORT": str(port),
        "PORTAZGO_ADMIN_LISTEN": f"127.0.0.1:{free_port()}",
        "PORTAZGO_THREADS": "1",
        "PORTAZGO_PROFILE": "production",
        "PORTAZGO_REVOCATION_MAX_STALENESS": "off",
    }
    command = [str(tools.python), "-m", "portazgo", "gateway", "--snapshot", str(data / SNAPSHOT_FILE)]
    with Started(command, folder, port, environment, PROXY_CORE) as node:
        yield node, key


def _compared(node: Started, key: str, size: str, rounds: int, calls: int) -> list[tuple[float, float]]:
    """Microseconds of processor time per call that passes through, and per call under the contract, by round."""
    found = []
    for way in ("through", "contract"):
        _call(node, key, f"/v1/{way}/{size}", min(WARM_CALLS, calls))
    for number in range(rounds):
        order = ("through", "contract") if number % 2 else ("contract", "through")
        spent = {way: _spent(node, key, f"/v1/{way}/{size}", calls) for way in order}
        through, contract = (spent[way] / calls * 1e6 for way in ("through", "contract"))
        found.append((through, contract))
        print(f"  {size:7s} round {number:2d}  through {through:9.2f} µs  contract {contract:9.2f} µs", flush=True)
    return found


def _spent(node: Started, key: str, path: str, calls: int) -> float:
    before = _scheduled_seconds(node)
    _call(node, key, path, calls)
    return _scheduled_seconds(node) - before


def _scheduled_seconds(node: Started) -> float:
    """Processor time of the data threads, by the scheduler's clock: `stat` counts hundredths of a second."""
    total = 0
    for thread in Path(f"/proc/{_serving(node)}/task").iterdir():
        if (thread / "comm").read_text().startswith("data-"):
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def _serving(node: Started) -> int:
    """Find the process that has data threads."""
    for pid in node.processes():
        if any((thread / "comm").read_text().startswith("data-") for thread in Path(f"/proc/{pid}/task").iterdir()):
            return pid
    raise RuntimeError("no process of the node has data threads")


def _call(node: Started, key: str, path: str, calls: int) -> None:
    """Ask so often over one connection, some requests ahead."""
    request = f"GET {path} HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {key}\r\n\r\n".encode()
    with (
        socket.create_connection(("127.0.0.1", node.port), 60) as connection,
        connection.makefile("rb", 1 << 20) as answers,
    ):
        ahead = min(PIPELINED, calls)
        connection.sendall(request * ahead)
        for number in range(calls):
            _read(answers)
            if number + ahead < calls:
                connection.sendall(request)


def _read(answers: Any) -> int:
    """Read one answer. Returns the bytes of its body."""
    status, length = answers.readline(), None
    if b" 200 " not in status:
        raise RuntimeError(f"the node answered {status!r}")
    while (line := answers.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    if length is not None:
        return len(answers.read(length))
    read = 0
    while size := int(answers.readline(), 16):
        read += len(answers.read(size + 2)) - 2
    answers.readline()
    return read


def _extra_memory(node: Started, key: str) -> int:
    """Bytes that the peak of an answer of 8 MB under a contract is above that of one that passes through."""
    peaks = {}
    for way in ("through", "contract"):
        found = []
        for _ in range(5):
            pid = _serving(node)
            Path(f"/proc/{pid}/clear_refs").write_text("5")
            before = _resident_peak(pid)
            _call(node, key, f"/v1/{way}/large", 1)
            found.append(_resident_peak(pid) - before)
        peaks[way] = median(found)
    return int(peaks["contract"] - peaks["through"])


def _resident_peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM")


def _lead(node: Started, key: str, origin: Origin) -> float:
    """Seconds by which the partner had its first byte before the backend sent its last."""
    request = f"GET /v1/contract/large HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {key}\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", node.port), 60) as connection:
        connection.sendall(request)
        connection.recv(1)
        first = time.monotonic()
        while connection.recv(1 << 20):
            pass
    return origin.last_sent_at - first


if __name__ == "__main__":
    sys.exit(main())
