"""Sealed segments of busy nodes, made ahead by the journal's own writer, and a process that hands them in."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from control_plane import ControlPlane
from peers.build import NATIVE, PROFILE, PROJECT

from portazgo.kit.ids import uuid7

ACTIVE_KEYS = 1_000
PROGRAM = NATIVE / "target" / "dist" / "examples" / "segments"
BUILD = ("build", *PROFILE, "--package", "portazgo-server", "--example", "segments")


def make_segments(folder: Path, nodes: int, records_each: int, per_second_each: int) -> list[Path]:
    """Make what so many nodes would record. Returns a folder for each."""
    subprocess.run([str(PROJECT / "scripts" / "cargo-like-maturin"), *BUILD], check=True, cwd=PROJECT)
    start = time.time_ns() // 1000

    def make(number: int) -> Path:
        place = folder / str(number)
        place.mkdir(parents=True)
        numbers = [str(one) for one in (records_each, per_second_each, ACTIVE_KEYS, start)]
        command = [str(PROGRAM), str(place), str(uuid7()), str(uuid7()), *numbers]
        subprocess.run(command, check=True, capture_output=True)
        return place

    with ThreadPoolExecutor(nodes) as makers:
        return list(makers.map(make, range(nodes)))


@contextmanager
def handing_in(control: ControlPlane, per_second: int, folders: Sequence[Path]) -> Iterator[Shipping]:
    """Have the segments handed in meanwhile, by a process of their own that has begun."""
    url = control.environment["PORTAZGO_INTERNAL_URL"]
    command = [sys.executable, "-m", "support.shipping", url, str(per_second), *map(str, folders)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        shipping = Shipping(process)
        shipping.begin((control.data / "node-token").read_text().strip())
        yield shipping
    finally:
        process.kill()
        process.wait()


class Shipping:
    """The process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without pipes")
        self._process = process
        self._given: IO[str] = process.stdin
        self._answer: IO[str] = process.stdout

    def begin(self, token: str) -> None:
        """Wait until each node has had an acknowledgement."""
        self._given.write(token + "\n")
        self._given.flush()
        if self._answer.readline().strip() != "shipping":
            raise RuntimeError("no segment was taken")

    def all(self) -> dict[str, Any]:
        """Wait until there is nothing left. Returns what was acknowledged."""
        return self._told()

    def end(self) -> dict[str, Any]:
        """End it before there is nothing left. Returns what was acknowledged."""
        early = self._process.poll() is not None
        self._given.close()
        told = self._told()
        if early:
            raise RuntimeError(f"the segments ran out: {told}")
        return told

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._answer.readline())
        if told["troubles"]:
            raise RuntimeError(f"segments were refused: {told}")
        return told
