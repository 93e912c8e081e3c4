"""Says in the log when a backend's target or circuit falls ill, and when it is well again."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator, Mapping

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""What begins and ends between two looks is told by no line; the metrics count it."""


class Stats(Protocol):
    """Who tells how the node's backends stand: the native node."""

    def stats(self) -> str:
        """Give it as JSON."""


class Place(NamedTuple):
    """A target, or (`target` empty) the circuit to a whole backend."""

    backend: str
    environment: str
    target: str


class Trouble(NamedTuple):
    """What is wrong at a place. What `why` says may change while it lasts."""

    place: Place
    kind: str


_FALLS = {
    "check": "a target fails its health check",
    "ejection": "a target is left out for its failures",
    "circuit": "the circuit to a backend has opened",
}
_RISES = {
    "check": "a target passes its health check again",
    "ejection": "a target that was left out is called again",
    "circuit": "the circuit to a backend has closed",
}


class BackendWatcher:
    """Compares how backends stand with how they stood."""

    def __init__(self, node: Stats) -> None:
        self._node = node
        self._before: dict[Trouble, str | None] = {}

    def run(self, stopping: threading.Event) -> None:
        """Look once a second until told to end."""
        while not stopping.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Log what has changed since the last look. What is configured no longer is neither ill nor well."""
        backends = json.loads(self._node.stats())["backends"]
        now = dict(_troubles(backends))
        there = set(_places(backends))
        for trouble, why in now.items():
            if trouble not in self._before:
                logger.warning(_FALLS[trouble.kind], extra={**_named(trouble.place), **({"why": why} if why else {})})
        for trouble in self._before.keys() - now.keys():
            if trouble.place in there:
                logger.info(_RISES[trouble.kind], extra=_named(trouble.place))
        self._before = now


def _places(backends: Iterable[Mapping[str, Any]]) -> Iterator[Place]:
    for backend in backends:
        for target in ("", *(one["target"] for one in backend["targets"])):
            yield Place(backend["backend"], backend["environment"], target)


def _troubles(backends: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Trouble, str | None]]:
    for backend in backends:
        whose = (backend["backend"], backend["environment"])
        # Half open: probes are under way, and may fail.
        if backend["circuit"] in {"open", "half_open"}:
            yield Trouble(Place(*whose, ""), "circuit"), None
        for target in backend["targets"]:
            place = Place(*whose, target["target"])
            if target["healthy"] is False:
                yield Trouble(place, "check"), target["ails"]
            if target["ejected_ms"] is not None:
                yield Trouble(place, "ejection"), None


def _named(place: Place) -> dict[str, str]:
    return {name: value for name, value in place._asdict().items() if value}
