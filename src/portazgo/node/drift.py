"""Compares a few of the backends' answers with their schemas, and tells the control plane in what they differ.

Answers never leave this process, nor does a value of theirs: places and types do, and of routes whose contract asks for it
answers and requests without their values (docs/what-is-recorded.md).
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from portazgo import _native
from portazgo.contracts.drift.expectation import Expectation, read_expectation
from portazgo.contracts.drift.finding import findings
from portazgo.contracts.drift.merging import Merged, Seen
from portazgo.contracts.drift.reading import NotJson, read_answer
from portazgo.contracts.recording.forms import NotRecorded
from portazgo.contracts.recording.redacting import Known, read_known, redact
from portazgo.contracts.recording.requests import Rules, read_rules, redact_request
from portazgo.kit.clock import from_microseconds, rfc3339
from portazgo.kit.http import Unreachable

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from portazgo.kit.http import Answer

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1.0
TAKEN_AT_ONCE = 4
ASKED_AGAIN_SECONDS = 60.0
"""The schema may have been imported anew. What is known is named in the question: mostly nothing is sent."""
KNOWN_AT_MOST = 200
TELL_SECONDS = 5.0
TOLD_AT_ONCE = 200
RECORDED_AT_ONCE = 6
"""Redacted bodies of the largest kind, in one report."""
RECORDED_OF_ONE = 20
"""Of one route, status or request, between two reports."""
_OK, _NO_CONTENT, _NOT_FOUND, _OUTAGE = 200, 204, 404, 500


class Node(Protocol):
    """Who has answers and requests to be looked at: the native node."""

    @property
    def node_id(self) -> str:
        """Give the id of the node's folder."""

    @property
    def epoch(self) -> str:
        """Give the id of this process life."""

    def samples(self, timeout_seconds: float, most: int) -> Sequence[tuple[int, str, int | None, int, bytes, bool]]:
        """Wait for some."""

    def record_requests(self, contract_version: int, route: str, recorded: bool) -> bool:  # noqa: FBT001 - of Rust
        """Say whether requests of a version's route are recorded."""


class Client(Protocol):
    """Who reaches the control plane."""

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call. Raises Unreachable."""


class Place(NamedTuple):
    """Whose answers they are."""

    contract_version: int
    route: str


@dataclass(slots=True)
class _Known:
    """What is expected at a place; no expectation: nothing, as far as the control plane knows."""

    asked: float
    schema_version: int = 0
    expectation: Expectation | None = None
    merged: dict[int, Merged] = field(default_factory=dict)
    """By the answer's status: what is not told yet."""
    recording: Known | None = None
    """None: nothing is recorded there."""
    rules: Rules | None = None
    """Of requests; None: none is recorded there."""
    settled: bool = False
    """Whether the control plane said so."""
    recorded: dict[tuple[int, str], Seen] = field(default_factory=dict)
    """By status and redacted document: what is not told yet."""
    requested: dict[str, Seen] = field(default_factory=dict)
    """By redacted request: what is not told yet."""


class DriftReporter:
    """One thread of a node."""

    def __init__(self, node: Node, client: Client, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._client = client
        self._monotonic = monotonic
        self._headers = {"X-Portazgo-Node": node.node_id, "X-Portazgo-Epoch": node.epoch}
        self._known: dict[Place, _Known] = {}
        self._next = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Look until told to stop. What is not told then is lost: others will show the same."""
        while not stopping.is_set():
            try:
                self.look(WAIT_SECONDS)
            except Exception as problem:  # noqa: BLE001 - a trace may show what an answer held
                logger.warning("comparing answers with schemas failed", extra={"kind": type(problem).__name__})
                stopping.wait(WAIT_SECONDS)

    def look(self, wait_seconds: float) -> None:
        """Compare what has come, and tell what is new a few seconds later."""
        for version, route, status, at_us, body, _ in self._node.samples(wait_seconds, TAKEN_AT_ONCE):
            if status is None:
                self._record_request(Place(version, route), at_us, body)
            else:
                self._compare(Place(version, route), status, at_us, body)
        if self._monotonic() >= self._next:
            self._next = self._monotonic() + TELL_SECONDS
            self._tell()

    def _compare(self, place: Place, status: int, at_us: int, body: bytes) -> None:
        known = self._asked(place)
        if known is None or known.expectation is None:
            return
        try:
            document, cut = read_answer(body)
        except NotJson:
            return  # the call itself has failed, and says so
        found = findings(known.expectation, status, document, cut=cut)
        if found:
            known.merged.setdefault(status, Merged()).add(found, at_us)
        if known.recording is not None and not cut:
            _record(known, known.expectation, known.recording, (status, at_us, body))

    def _record_request(self, place: Place, at_us: int, body: bytes) -> None:
        """Keep a request without its values; the node is told whether it shall show more. An empty one only asks that."""
        known = self._asked(place)
        if known is None or not known.settled:
            return  # It asks again.
        self._node.record_requests(place.contract_version, place.route, known.rules is not None)
        if known.rules is None or not body:
            return
        try:
            document = redact_request(known.rules, body, _native)
        except NotRecorded:
            return
        if document in known.requested or len(known.requested) < RECORDED_OF_ONE:
            _count(known.requested, document, at_us)

    def _asked(self, place: Place) -> _Known | None:
        """What is expected there, asked again from time to time. None: the control plane can't be reached."""
        now = self._monotonic()
        known = self._known.get(place)
        if known is not None and now < known.asked + ASKED_AGAIN_SECONDS:
            return known
        query = {**place._asdict(), "known": 0 if known is None else known.schema_version}
        try:
            answer = self._client.request("GET", "/internal/v1/expectations", query=query, headers=self._headers)
        except Unreachable:
            return known
        if known is not None and answer.status == _NO_CONTENT:
            known.asked = now
            return known
        if place not in self._known and len(self._known) >= KNOWN_AT_MOST:
            self._known.pop(min(self._known, key=lambda one: self._known[one].asked))
        self._known[place] = _read(answer, now)
        return self._known[place]

    def _tell(self) -> None:
        """What was not taken is told with the next; what was refused is not told again."""
        if self._sent("drift", "findings", list(self._findings()), TOLD_AT_ONCE):
            for known in self._known.values():
                known.merged.clear()
        if self._sent("recordings", "answers", list(self._recorded()), RECORDED_AT_ONCE):
            for known in self._known.values():
                known.recorded.clear()
        if self._sent("recordings", "requests", list(self._requested()), RECORDED_AT_ONCE, answers=[]):
            for known in self._known.values():
                known.requested.clear()

    def _sent(self, path: str, member: str, told: list[dict[str, Any]], at_once: int, **beside: Any) -> bool:
        for first in range(0, len(told), at_once):
            body = {"epoch": self._node.epoch, **beside, member: told[first : first + at_once]}
            try:
                answer = self._client.request("POST", f"/internal/v1/{path}", body=body, headers=self._headers)
            except Unreachable:
                return False  # The follower says so.
            if answer.status >= _OUTAGE:
                return False
        return True

    def _recorded(self) -> Iterator[dict[str, Any]]:
        for place, known in self._known.items():
            for (status, document), seen in known.recorded.items():
                yield {
                    **place._asdict(),
                    "status": status,
                    "document": document,
                    **_times(seen, "answers"),
                }

    def _requested(self) -> Iterator[dict[str, Any]]:
        for place, known in self._known.items():
            for document, seen in known.requested.items():
                yield {
                    **place._asdict(),
                    "document": document,
                    **_times(seen, "requests"),
                }

    def _findings(self) -> Iterator[dict[str, Any]]:
        for place, known in self._known.items():
            for status, merged in known.merged.items():
                for finding, seen in merged.seen.items():
                    yield {
                        **place._asdict(),
                        "schema_version": known.schema_version,
                        "status": status,
                        "kind": finding.kind.value,
                        "path": finding.path,
                        "found": finding.found,
                        "expected": finding.expected,
                        **_times(seen, "answers"),
                    }


def _times(seen: Seen, member: str) -> dict[str, Any]:
    """How often something came, under this name, and when."""
    return {
        member: seen.answers,
        "first_seen": rfc3339(from_microseconds(seen.first_us)),
        "last_seen": rfc3339(from_microseconds(seen.last_us)),
    }


def _read(answer: Answer, now: float) -> _Known:
    if answer.status != _OK:
        return _Known(now, settled=answer.status == _NOT_FOUND)
    try:
        told = json.loads(answer.body)
        known = _Known(now, int(told["schema_version"]), read_expectation(told), settled=True)
        if "recording" in told:
            known.recording = read_known(told["recording"])
            # Control planes of older versions say nothing of requests.
            known.rules = _rules(told["recording"].get("request"))
    except (ValueError, KeyError, TypeError):
        return _Known(now)
    return known


def _rules(told: Any) -> Rules | None:
    """Raises ValueError: this node would not run them."""
    if told is None:
        return None
    rules = read_rules(told)
    _native.check_program("request", json.dumps(rules.program).encode())
    if rules.root not in range(len(rules.program["nodes"])):
        raise ValueError("the root is no node")
    return rules


def _record(known: _Known, expectation: Expectation, words: Known, answer: tuple[int, int, bytes]) -> None:
    status, at_us, body = answer
    try:
        document = redact(expectation, words, status, body)
    except NotRecorded:
        return
    one, of_status = (status, document), sum(key[0] == status for key in known.recorded)
    if one in known.recorded or of_status < RECORDED_OF_ONE:
        _count(known.recorded, one, at_us)


_One = TypeVar("_One")


def _count(recorded: dict[_One, Seen], one: _One, at_us: int) -> None:
    seen = Seen(1, at_us, at_us)
    recorded[one] = recorded[one].and_(seen) if one in recorded else seen
