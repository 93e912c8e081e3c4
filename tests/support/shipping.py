"""Busy nodes as the collector meets them: sealed segments that were made ahead are handed in when they would be sealed.

`python -m support.shipping URL PER_SECOND FOLDER…`, with a node token as the first line of what it reads. Each folder is
one node's (native/crates/server/examples/segments.rs), and the records per second are those of all of them. It prints
`shipping` when each has had an acknowledgement. It ends when what it reads ends, or there is nothing left, and prints what was
acknowledged as one JSON object.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret

STORED = {"stored": True}


@dataclass(frozen=True, slots=True)
class Sealed:
    """A segment, and how many records were made until it was sealed, itself included."""

    path: Path
    first: int
    last: int


@dataclass
class Acknowledged:
    """What the collector has taken of one node."""

    records: int = 0
    bytes: int = 0
    seconds: float = 0.0
    """From the beginning to the last acknowledgement."""
    behind_seconds: float = 0.0
    """How much later than a segment was sealed it was acknowledged, at most."""

    def note(self, sealed: Sealed, size: int, seconds: float, due: float) -> None:
        """Count one; `seconds` and `due`: from the beginning."""
        self.records += sealed.last - sealed.first + 1
        self.bytes += size
        self.seconds, self.behind_seconds = seconds, max(self.behind_seconds, seconds - due)


def sealed_segments(epoch: Path, count: int) -> Iterator[Sealed]:
    """Give the segments of an epoch of so many records, in their order."""
    paths = sorted(epoch.glob("*.seg"))
    for path, following in pairwise([*paths, None]):
        if path is not None:
            yield Sealed(path, int(path.stem), count if following is None else int(following.stem) - 1)


def ship(folder: Path, client: JsonClient, per_second: float, stopping: threading.Event, done: Acknowledged) -> None:
    """Hand in one node's segments, each when its last record would have been made. Raises RuntimeError for a refusal."""
    report = next((folder / "ended").glob("*.json"))
    ended = json.loads(report.read_text())
    node, epoch = ended["node"], report.stem
    headers = {"X-Portazgo-Node": node, "X-Portazgo-Epoch": epoch}
    began = time.monotonic()
    for sealed in sealed_segments(folder / "segments" / epoch, ended["last_sequence"]):
        due = sealed.last / per_second
        if stopping.wait(max(0.0, began + due - time.monotonic())):
            return
        body = sealed.path.read_bytes()
        query = {"node": node, "epoch": epoch, "first": sealed.first}
        answer = client.request("POST", "/internal/v1/segments", query=query, body=body, headers=headers)
        if answer.status != 200 or answer.json() != STORED:
            raise RuntimeError(f"a segment was answered {answer.status}: {answer.body[:300]!r}")
        done.note(sealed, len(body), time.monotonic() - began, due)


def main(url: str, per_second: float, folders: list[Path]) -> int:
    """Ship until told to end. Returns 1 when a segment was refused."""
    client = JsonClient(url, Secret(sys.stdin.readline().strip()), connections=len(folders))
    stopping, done = threading.Event(), [Acknowledged() for _ in folders]
    troubles: list[str] = []

    def shipper(folder: Path, acknowledged: Acknowledged) -> None:
        try:
            ship(folder, client, per_second / len(folders), stopping, acknowledged)
        except Exception as problem:  # noqa: BLE001 - told, and ends the run
            troubles.append(repr(problem))
            stopping.set()

    threads = [threading.Thread(target=shipper, args=pair) for pair in zip(folders, done, strict=True)]
    for thread in threads:
        thread.start()
    while not all(one.records for one in done) and not stopping.is_set():
        time.sleep(0.01)
    _say("shipping")
    threading.Thread(target=_await_the_end, args=(stopping,), daemon=True).start()
    for thread in threads:
        thread.join()
    told = {
        "records": sum(one.records for one in done),
        "bytes": sum(one.bytes for one in done),
        "per_second": round(sum(one.records / one.seconds for one in done if one.records), 1),
        "behind_seconds": round(max(one.behind_seconds for one in done), 3),
        "troubles": troubles,
    }
    _say(json.dumps(told))
    return 1 if troubles else 0


def _await_the_end(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), [Path(text) for text in sys.argv[3:]]))
