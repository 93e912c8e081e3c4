"""What a contract costs a call: projection and filling against pass-through, by the same node on the same core, in one run.

    python bench/contracts.py [--rounds 15] [--calls 20000]

Rounds alternate between a route that passes all through and one under a contract; both ask the same backend for the same
bytes, over so many connections that the node's data thread is busy all the time. What is compared is that thread's processor
time, by the scheduler's own clock; the median of the differences is told. Backends and load share the other core. Where nginx
has its module for JavaScript, the same projection in njs is measured beside, by nginx's own processor time.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from peers import build
from peers.contracts_deployment import FILL, SIZES, WAYS, Origin, body, request_body
from peers.deployment import KEYS_FILE
from peers.process import LOAD_CORE, PROXY_CORE, Started
from peers.scene import Scene, gateway, origin_of
from report import Figure, publish
from support.ports import free_port

CONFIGURATIONS = Path(__file__).resolve().parent / "peers" / "configurations"
NJS = Path("/usr/lib/nginx/modules/ngx_http_js_module.so")
# Sizes that many connections ask for; the others come one by one.
SATURATED = ("small", "medium", FILL)
FEWER = {"small": 1, "medium": 20, FILL: 1}
LARGE_CALLS = 8
WARM_CALLS = 2_000
STALLED = 8
STALLED_ROUNDS = 5
SMALL_WINDOW = 1 << 16
EXTRA_BYTES = 1 << 20
SETTLE_SECONDS = 0.5

Pair = tuple[float, float]


def main() -> int:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description="What a contract costs a call.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--calls", type=int, default=20_000, help="of the small answer in a round; fewer of larger ones"
    )
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    tools = build.build(with_peers=False)
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        origin = Origin()
        origin.start()
        ports = {size: running.enter_context(origin_of(folder, tools, size)).port for size in SATURATED}
        targets = {size: f"http://127.0.0.1:{ports.get(size, origin.port)}" for size in (*SIZES, FILL)}
        with gateway(folder, tools, targets) as scene:
            found = {
                size: _compared(scene, size, arguments.rounds, arguments.calls // FEWER[size], _data_seconds)
                for size in SATURATED
            }
            found["large"] = [_large(scene) for _ in range(arguments.rounds)]
            lead = _lead(scene, origin)
            extra = _extra_memory(scene)
            # The last: its backend has much to write to nobody.
            stalled = _stalled_memory(scene)
        peers = _njs(folder, tools, ports, arguments) if NJS.exists() else {}
    figures = [
        *_figures(found, {"small": 1.5, "medium": 120, FILL: 3, "large": None}),
        Figure("memory for an answer of 8 MB, over pass-through", extra / 1024, "KB", EXTRA_BYTES / 1024),
        Figure("memory for a reader that stalls, over pass-through", stalled / 1024, "KB", EXTRA_BYTES / 1024),
        Figure("first byte after the backend's last (8 MB; negative: before)", -lead * 1000, "ms", 0),
        *_figures(peers, dict.fromkeys(peers), "nginx with njs: "),
    ]
    spread = {size: [round(value, 3) for value in quantiles(_more(pairs), n=4)] for size, pairs in found.items()}
    sizes = {size: len(body(count)) for size, count in SIZES.items()} | {FILL: len(request_body())}
    return publish("contracts", figures, rounds=arguments.rounds, calls=arguments.calls, quartiles=spread, bytes=sizes)


def _more(pairs: list[Pair]) -> list[float]:
    return [contract - through for through, contract in pairs]


def _figures(found: Mapping[str, list[Pair]], most: Mapping[str, float | None], before: str = "") -> Iterator[Figure]:
    does = {
        "small": "projection of 1.7 KB",
        "medium": "projection of 84 KB",
        "large": "projection of 8 MB",
        FILL: "filling a request of 1 KB",
    }
    for size, pairs in found.items():
        yield Figure(f"{before}{does[size]}, over pass-through", median(_more(pairs)), "µs", most[size])
    for size, pairs in found.items():
        for number, way in enumerate(WAYS):
            what = "passes through" if way == "through" else "under the contract"
            yield Figure(f"{before}a call {what}: {does[size]}", median(pair[number] for pair in pairs), "µs")


def _compared(scene: Scene, size: str, rounds: int, calls: int, spent: Callable[[Started], float]) -> list[Pair]:
    """Microseconds of processor time per call that passes through, and per call under the contract, by round."""
    found = []
    for way in WAYS:
        scene.saturate(way, size, min(WARM_CALLS, calls))
    for number in range(rounds):
        took = {}
        for way in WAYS if number % 2 else reversed(WAYS):
            before = spent(scene.server)
            answered = scene.saturate(way, size, calls)
            took[way] = (spent(scene.server) - before) / answered * 1e6
        found.append((took["through"], took["contract"]))
        print(
            f"  {size:7s} round {number:2d}  through {found[-1][0]:9.2f} µs  contract {found[-1][1]:9.2f} µs",
            flush=True,
        )
    return found


def _large(scene: Scene) -> Pair:
    """Do the same for answers that stream, which come one by one."""
    took = []
    for way in WAYS:
        before = _data_seconds(scene.server)
        _call(scene, f"/v1/{way}/large", LARGE_CALLS)
        took.append((_data_seconds(scene.server) - before) / LARGE_CALLS * 1e6)
    return took[0], took[1]


def _data_seconds(node: Started) -> float:
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


def _request(scene: Scene, path: str, more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {scene.key}\r\n{more}\r\n".encode()


def _call(scene: Scene, path: str, calls: int) -> None:
    """Ask so often over one connection."""
    with (
        socket.create_connection(("127.0.0.1", scene.server.port), 60) as connection,
        connection.makefile("rb", 1 << 20) as answers,
    ):
        for _ in range(calls):
            connection.sendall(_request(scene, path))
            _read(answers)


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


def _extra_memory(scene: Scene) -> int:
    """Bytes that the peak of an answer of 8 MB under a contract is above that of one that passes through."""
    pid = _serving(scene.server)
    peaks = {}
    for way in WAYS:
        found = []
        for _ in range(5):
            Path(f"/proc/{pid}/clear_refs").write_text("5")
            before = _memory(pid, "VmHWM")
            _call(scene, f"/v1/{way}/large", 1)
            found.append(_memory(pid, "VmHWM") - before)
        peaks[way] = median(found)
    return int(peaks["contract"] - peaks["through"])


def _stalled_memory(scene: Scene) -> int:
    """Bytes that a call whose answer nobody reads takes under a contract, above what one takes that passes through.

    What the node holds with all of them waiting is compared, so that what the allocator keeps of earlier calls counts for both.
    """
    pid = _serving(scene.server)
    held: dict[str, list[int]] = {way: [] for way in WAYS}
    for _ in range(STALLED_ROUNDS):
        for way in WAYS:
            with ExitStack() as waiting:
                for _ in range(STALLED):
                    connection = waiting.enter_context(socket.socket())
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
                    connection.connect(("127.0.0.1", scene.server.port))
                    connection.sendall(_request(scene, f"/v1/{way}/huge"))
                held[way].append(_settled(pid))
            _settled(pid)
    return int((median(held["contract"]) - median(held["through"])) / STALLED)


def _settled(pid: int) -> int:
    """Wait until the memory of a process stands, half a minute at most. Returns it, bytes."""
    last = -1
    for _ in range(60):
        time.sleep(SETTLE_SECONDS)
        last, before = _memory(pid, "VmRSS"), last
        if last == before:
            break
    return last


def _memory(pid: int, what: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {what}")


def _lead(scene: Scene, origin: Origin) -> float:
    """Seconds by which the partner had its first byte before the backend sent its last."""
    origin.pauses = True
    with socket.create_connection(("127.0.0.1", scene.server.port), 60) as connection:
        connection.sendall(_request(scene, "/v1/contract/large", "Connection: close\r\n"))
        head = connection.recv(64)
        first = time.monotonic()
        if b" 200 " not in head:
            raise RuntimeError(f"the node answered {head!r}")
        while connection.recv(1 << 20):
            pass
    origin.pauses = False
    return origin.last_sent_at - first


def _njs(
    folder: Path, tools: build.Tools, ports: Mapping[str, int], arguments: argparse.Namespace
) -> dict[str, list[Pair]]:
    """Let nginx project the same answers, by a script."""
    build.require("nginx")
    place = folder / "nginx"
    place.mkdir()
    port = free_port()
    text = (CONFIGURATIONS / "nginx_njs.conf").read_text()
    values = {
        "MODULE": NJS,
        "FOLDER": place,
        "SCRIPTS": CONFIGURATIONS,
        "SMALL_PORT": ports["small"],
        "MEDIUM_PORT": ports["medium"],
        "PORT": port,
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    configured = place / "nginx.conf"
    configured.write_text(text)
    keys = place / KEYS_FILE
    keys.write_text("none\n")
    command = ["nginx", "-p", str(place), "-e", str(place / "error.log"), "-c", str(configured)]
    with Started(command, place, port, {}, PROXY_CORE) as server:
        scene = Scene(server, tools, keys, "none", place / "none")
        return {
            size: _compared(
                scene, size, min(arguments.rounds, 5), arguments.calls // FEWER[size], Started.processor_seconds
            )
            for size in ("small", "medium")
        }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (build.Missing, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
