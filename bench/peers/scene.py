"""A node whose routes stand under contracts or pass all through, its backends, and what asks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.ports import free_port

from peers.build import Tools
from peers.contracts_deployment import FILL, SIZES, body, request_body, write_snapshot
from peers.deployment import KEYS_FILE, SNAPSHOT_FILE
from peers.load import Load, run
from peers.process import LOAD_CORE, PROXY_CORE, Started

MOST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A server under test, and what asks it."""

    server: Started
    tools: Tools
    keys: Path
    key: str
    filled: Path

    def saturate(self, way: str, size: str, calls: int) -> int:
        """Ask so often from many connections, or less often where the time is over. Returns how often."""
        path = f"/v1/{way}/{size}"
        load = Load(requests=1, path=path, body=self.filled if size == FILL else None)
        outcome = run(self.tools.load, load, self.server.port, self.keys, MOST_SECONDS, calls=calls)
        if outcome.wrong or not outcome.requests:
            raise RuntimeError(f"{outcome.wrong} of {outcome.requests} calls of {path} went wrong")
        return outcome.requests


def origin_of(folder: Path, tools: Tools, size: str) -> Started:
    """Start a backend that gives an answer of this size."""
    place = folder / f"origin-{size}"
    place.mkdir()
    port = free_port()
    command = [str(tools.origin), str(port)]
    if size in SIZES:
        answer = place / "answer.json"
        answer.write_bytes(body(SIZES[size]))
        command.append(str(answer))
    return Started(command, place, port, {}, LOAD_CORE)


@contextmanager
def gateway(folder: Path, tools: Tools, targets: Mapping[str, str]) -> Iterator[Scene]:
    """Start a node; `targets`: by size, whom its routes call."""
    data = folder / "data"
    key = write_snapshot(data, targets)
    filled = folder / "request.json"
    filled.write_bytes(request_body())
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
        yield Scene(node, tools, data / KEYS_FILE, key, filled)
