"""One contender at a time on its core, the origin and the load on the other; each sample with what else the core did."""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from support.ports import free_port

from peers import deployment
from peers.build import Tools
from peers.contenders import Contender, Place
from peers.deployment import FEW, Issued, Variant
from peers.load import Outcome, run
from peers.parity import echoing_origin, prove
from peers.process import LOAD_CORE, MOST_OPEN_FILES, PROXY_CORE, Started, core_time

FOREIGN_IS_TOO_MUCH = 0.1
TRIES = 2
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured load on one contender."""

    contender: str
    round: int
    cpu_us: float
    """Processor time of all its processes and threads, per call."""
    rate: float
    p50_us: float
    p99_us: float
    core: float
    """The part of its core that it used."""
    foreign: float
    """The part of its core that others used."""
    resident_mb: float
    wrong: int
    threads_us: dict[str, float]
    """Processor time per call by thread name."""


@dataclass(frozen=True, slots=True)
class OpenSample:
    """A contender at a part of its own maximum, and the origin at the same rate without it."""

    contender: str
    round: int
    rate: float
    cpu_us: float
    added_p50_us: float
    added_p99_us: float
    foreign: float
    wrong: int


@dataclass(slots=True)
class Arena:
    """Holds what all samples share: the folder, the origin, the deployments that were written."""

    folder: Path
    tools: Tools
    _written: dict[Variant, Path] = field(default_factory=dict)
    _keys: list[Issued] = field(default_factory=list)
    _origin: Started | None = None

    def __enter__(self) -> Self:
        resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_OPEN_FILES, MOST_OPEN_FILES))
        place = self.folder / "origin"
        place.mkdir()
        port = free_port()
        origin = Started([str(self.tools.origin), str(port)], place, port, {}, LOAD_CORE)
        self._origin = origin.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._origin is not None:
            self._origin.__exit__()

    @property
    def origin_port(self) -> int:
        """Where the origin listens."""
        assert self._origin is not None
        return self._origin.port

    def prove(self, contender: Contender) -> None:
        """Prove that the contender does what its row says. Raises NoParity and DidNotStart."""
        with echoing_origin() as origin, self.started(contender, origin.port) as (started, place):
            # Some open the port before they know their routes.
            time.sleep(SETTLE_SECONDS)
            with place.keys.open() as keys:
                key = keys.readline().strip()
            prove(contender, started.port, key, origin)

    def sample(self, contender: Contender, number: int, seconds: float) -> Sample:
        """Measure in a closed loop; once more where others used too much of the core."""
        sample = self._sample(contender, number, seconds)
        for _ in range(TRIES - 1):
            if sample.foreign > FOREIGN_IS_TOO_MUCH:
                sample = min(sample, self._sample(contender, number, seconds), key=lambda one: one.foreign)
        return sample

    def _sample(self, contender: Contender, number: int, seconds: float) -> Sample:
        with self.started(contender, self.origin_port) as (started, place):
            self._load(contender, place, contender.warm_seconds)
            threads = started.processor_seconds_of_threads()
            outcome, spent, share, foreign = self._timed(started, contender, place, seconds, 0)
            calls = max(outcome.requests, 1)
            after = started.processor_seconds_of_threads()
            return Sample(
                contender=contender.name,
                round=number,
                cpu_us=spent / calls * 1e6,
                rate=outcome.rate,
                p50_us=outcome.p50_us,
                p99_us=outcome.p99_us,
                core=share,
                foreign=foreign,
                resident_mb=started.resident_bytes() / 2**20,
                wrong=outcome.wrong,
                threads_us={name: (spent - threads.get(name, 0)) / calls * 1e6 for name, spent in after.items()},
            )

    def open_sample(self, contender: Contender, number: int, seconds: float, rate: float) -> OpenSample:
        """Measure in an open loop at this rate; latencies are over those of the origin alone, just before."""
        with self.started(contender, self.origin_port) as (started, place):
            direct = run(self.tools.load, contender.load, self.origin_port, place.keys, seconds, rate)
            self._load(contender, place, contender.warm_seconds)
            outcome, spent, _, foreign = self._timed(started, contender, place, seconds, rate)
            return OpenSample(
                contender=contender.name,
                round=number,
                rate=rate,
                cpu_us=spent / max(outcome.requests, 1) * 1e6,
                added_p50_us=outcome.p50_us - direct.p50_us,
                added_p99_us=outcome.p99_us - direct.p99_us,
                foreign=foreign,
                wrong=outcome.wrong,
            )

    def _timed(
        self, started: Started, contender: Contender, place: Place, seconds: float, rate: float
    ) -> tuple[Outcome, float, float, float]:
        """Load it. Returns what came of it, its processor seconds, and the parts of the core: its own, of others."""
        before, core, began = started.processor_seconds(), core_time(PROXY_CORE), time.monotonic()
        outcome = self._load(contender, place, seconds, rate)
        took, after = time.monotonic() - began, core_time(PROXY_CORE)
        spent = started.processor_seconds() - before
        others = after.busy - core.busy - spent + after.stolen - core.stolen
        return outcome, spent, spent / took, max(0.0, others / took)

    def _load(self, contender: Contender, place: Place, seconds: float, rate: float = 0) -> Outcome:
        return run(self.tools.load, contender.load, place.port, place.keys, seconds, rate)

    @contextmanager
    def started(self, contender: Contender, origin_port: int) -> Iterator[tuple[Started, Place]]:
        """Start a contender in an empty folder, which goes with it."""
        folder = self.folder / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        data = self._deployment(contender.variant, origin_port)
        place = Place(folder, free_port(), free_port(), origin_port, data, self.tools)
        start = contender.start(place)
        with Started(start.command, folder, place.port, start.environment, PROXY_CORE) as started:
            yield started, place

    def _deployment(self, variant: Variant, origin_port: int) -> Path:
        target = f"http://127.0.0.1:{origin_port}"
        if origin_port != self.origin_port:
            # A parity check: its origin is there for one contender only.
            variant = Variant(min(variant.keys, FEW), throttles=variant.throttles, credential=variant.credential)
            folder = self.folder / "parity"
            shutil.rmtree(folder, ignore_errors=True)
            deployment.write(folder, self._issued(variant.keys), variant, target)
            return folder
        if variant not in self._written:
            folder = self.folder / f"deployment-{len(self._written)}"
            deployment.write(folder, self._issued(variant.keys), variant, target)
            self._written[variant] = folder
        return self._written[variant]

    def _issued(self, count: int) -> list[Issued]:
        if len(self._keys) < count:
            # All variants have the same first keys.
            self._keys += deployment.issue_keys(count)[len(self._keys) :]
        return self._keys


def members(sample: Sample | OpenSample) -> dict[str, Any]:
    """Give a sample for the results file, rounded to what it is good for."""
    rounded = {name: getattr(sample, name) for name in sample.__dataclass_fields__}
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in rounded.items()}
