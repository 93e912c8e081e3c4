"""Follows the control plane: one long poll at a time, a receipt for every revision."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from portazgo import _native
from portazgo.kit.clock import rfc3339
from portazgo.kit.errors import StartRefused
from portazgo.kit.http import Unreachable
from portazgo.kit.wrapping import FEATURE, WrappingFailed, WrappingUnavailable
from portazgo.node.answers import CONFLICT, FeedRefused, other_history, refusal
from portazgo.node.apply import apply_update
from portazgo.node.counts import counts_of_records
from portazgo.node.lane import LaneSieve, lane_of, revoked_kids
from portazgo.node.native import SnapshotRefused, Update
from portazgo.node.testifying import Testifying
from portazgo.node.waiting import WrappingLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from portazgo.kit.http import Answer, JsonClient
    from portazgo.kit.wrapping import KeyWrapper
    from portazgo.node.last_known_good import LastKnownGood
    from portazgo.node.native import Node

logger = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 12
FIRST_PAUSE_SECONDS = 0.2
START_TOGETHER_SECONDS = 15.0
"""A group's parts start at once, and the control plane takes longest: until then its absence is no trouble."""
LONGEST_PAUSE_SECONDS = 5.0
GONE = 410
NO_CONTENT = 204
OK = 200
CLOCK_ALERT_US = 2_000_000
WRAPPING = "key wrapping"
"""Where a refusal comes from that is the wrapping provider's."""


class LetGo(Exception):
    """A successor follows instead."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the node stands in a history."""

    history: str
    revision: int
    hash: str


class Follower:
    """One thread of a node."""

    def __init__(
        self,
        node: Node,
        client: JsonClient,
        kept: LastKnownGood,
        wrapper: KeyWrapper,
        *,
        label: str,
        max_staleness_seconds: float | None,
        tell_lane: Callable[[bytes], bool] | None = None,
    ) -> None:
        self._node = node
        self._client = client
        self._kept = kept
        self._wrapper = wrapper
        self._label = label
        self._max_staleness_seconds = max_staleness_seconds
        # A lease that is shorter than a poll would end while the poll waits.
        longest = LONGEST_WAIT_SECONDS if max_staleness_seconds is None else max_staleness_seconds / 3
        self._wait_seconds = max(1, min(LONGEST_WAIT_SECONDS, int(longest)))
        self._headers = {"X-Portazgo-Node": node.node_id, "X-Portazgo-Epoch": node.epoch}
        self._receipt: dict[str, Any] | None = None
        self._sent: dict[str, Any] | None = None
        self._refused: Mapping[str, Any] | None = None
        self._unkept: str | None = None
        self._clock_offset_us: int | None = None
        self._clock_off = False
        self._heard = False
        self._tell_lane = tell_lane
        self._testifying = Testifying(client, self._headers, lambda question: kept.tells(label, question))
        # Held while an answer is taken in: between two of them a successor may take over.
        self._taking = threading.Lock()
        self._let_go = False
        # Shut while the wrapping provider is away; what was known last may wait for that.
        self._lock = WrappingLock(wrapper)
        self._unloaded = False
        self._wants_whole = False
        self._pause = FIRST_PAUSE_SECONDS
        self._last_trouble: tuple[int, str] | None = None
        self._patient_until = time.monotonic() + START_TOGETHER_SECONDS

    def load_last_known_good(self) -> bool:
        """Serve what was known last, dead keys first. Returns whether there was anything that could be unsealed.

        When the wrapping provider is away, `run` tries it again until it answers.
        """
        self._node.revoke_for_ever(self._kept.revoked())
        try:
            loaded = self._kept.load(self._apply_kept)
        except WrappingUnavailable as problem:
            self._unloaded = True
            self._wait_for(problem)
            return False
        except WrappingFailed as problem:
            logger.warning("what was known last can't be unsealed: %s", problem)
            return False
        self._unloaded = False
        self._node.apply_security(self._kept.lane())
        return loaded

    def catch_up_with_predecessor(self) -> None:
        """Take in what the node that let go has kept since we loaded. Raises StartRefused when nothing is to be served."""
        try:
            loaded = self._kept.take_over(self._apply_kept)
        except WrappingFailed as problem:
            raise StartRefused(
                f"what the node that runs knows can't be unsealed here: {problem}",
                "it goes on; correct PORTAZGO_WRAPPING and PORTAZGO_WRAPPING_ALSO, or wait for the provider",
            ) from None
        self._node.revoke_for_ever(self._kept.revoked())
        self._node.apply_security(self._kept.lane())
        if not loaded:
            raise StartRefused(
                "the folder of the node that runs holds nothing to serve",
                "look at its log; stop it and start without --take-over",
            )

    def let_go(self) -> str | None:
        """Stop following and writing; what has been heard is on the disk then. Otherwise returns why it isn't, and goes on."""
        with self._taking:
            if self._kept.trouble is None:
                self._let_go = True
            return self._kept.trouble

    def resume(self) -> None:
        """Follow again: nobody took over."""
        self._let_go = False

    def run(self, stopping: threading.Event) -> None:
        """Follow until told to stop; every failure is a pause and another try."""
        while not stopping.is_set():
            if self._let_go:
                stopping.wait(FIRST_PAUSE_SECONDS)
                continue
            try:
                self._step()
            except LetGo:
                continue
            except (FeedRefused, Unreachable, SnapshotRefused, WrappingFailed, OSError) as problem:
                self._say(problem)
                self._rest(stopping)
            except Exception:
                # A follower that ends is a node that never hears of a revocation again, whatever the cause was.
                logger.exception("following the control plane failed")
                self._rest(stopping)
            else:
                self._pause = FIRST_PAUSE_SECONDS
                self._last_trouble = None
                self._lock.opened()

    def _rest(self, stopping: threading.Event) -> None:
        stopping.wait(self._pause * random.uniform(0.75, 1.25))  # noqa: S311 - spreads retries, guards nothing
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)

    def _step(self) -> None:
        position = self._position()
        if self._heard:
            # Before that the node does not know what time it is.
            self._try_receipt()
        try:
            if position is None and self._lock.shut:
                self._see_whether_unlocked()
            # While a snapshot can't be unsealed, it is no use to have it sent again and again.
            elif position is None or self._wants_whole or (self._kept.wants_snapshot and not self._lock.shut):
                self._wants_whole = False
                with self._taking:
                    self._take_snapshot()
            else:
                self._poll(position)
        finally:
            with self._taking:
                self._see_to_what_is_owed()
            # Refusals too: what a node does not take, or can't keep, must be seen from the outside.
            self._send_receipt()

    def _see_whether_unlocked(self) -> None:
        """Go on when the wrapping provider answers again. Raises WrappingFailed when it does not."""
        try:
            self._lock.knock()
        except WrappingUnavailable as problem:
            self._wait_for(problem)
            raise
        self._node.wait_for_wrapping(False)  # noqa: FBT003 - native
        if self._unloaded:
            with self._taking:
                self.load_last_known_good()

    def _wait_for(self, problem: WrappingUnavailable) -> None:
        self._lock.fell(problem)
        if self._position() is None:
            self._node.wait_for_wrapping(True)  # noqa: FBT003 - native
            # Told at the admin port, and to the control plane: `portazgo node show` says what the node waits for.
            why = f"{problem}; {problem.remedy}"
            self._note_receipt(refused={"revision": 0, "where": WRAPPING, "why": why[:4000]})

    def _see_to_what_is_owed(self) -> None:
        if self._let_go:
            return
        self._kept.catch_up()
        if self._kept.trouble != self._unkept:
            self._note_receipt(refused=self._refused)

    def _try_receipt(self) -> None:
        try:
            self._send_receipt()
        except (FeedRefused, Unreachable) as problem:
            # It waits: hearing of what is new matters more than telling what is known.
            self._say(problem)

    def _position(self) -> Position | None:
        state = json.loads(self._node.stats())
        if state["revision"] is None:
            return None
        return Position(state["history"], state["revision"], state["hash"])

    def _take_snapshot(self) -> None:
        if self._let_go:
            raise LetGo
        sent = boottime_ms()
        with self._client.stream("GET", "/internal/v1/snapshot", headers=self._headers) as answer:
            if answer.status != OK:
                body = b"".join(answer.chunks)
                if answer.status == CONFLICT:
                    self._testifying.answer(body)
                raise FeedRefused(refusal(answer.status, body))
            lane = LaneSieve()
            chunks = self._sieved(self._kept.replace(answer.chunks), lane)
            update = Update.snapshot()
            try:
                self._push(update, chunks)
            except SnapshotRefused as problem:
                # The lane stands at the end: it counts whatever is wrong before it.
                for _ in chunks:
                    pass
                self._take_lane_of_snapshot(lane)
                self._contact(sent, answer.headers)
                self._keep_lane_of_refused(lane)
                self._note_refused(update, problem)
                raise
        self._take_lane_of_snapshot(lane)
        self._contact(sent, answer.headers)
        try:
            self._apply(update)
        except (SnapshotRefused, WrappingFailed):
            self._keep_lane_of_refused(lane)
            raise
        self._kept.keep()

    @staticmethod
    def _sieved(chunks: Iterable[bytes], lane: LaneSieve) -> Iterator[bytes]:
        for chunk in chunks:
            lane.take(chunk)
            yield chunk

    @staticmethod
    def _push(update: Update, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            update.push(chunk)
        update.finish()

    def _take_lane_of_snapshot(self, lane: LaneSieve) -> None:
        """Take a snapshot's lane before the rest of it, and before it counts as contact.

        Of another history only the revocations count: they are final. Its other entries count with the snapshot itself.
        """
        self._take_lane(lane.lines, whole=self._is_ours(lane))

    def _keep_lane_of_refused(self, lane: LaneSieve) -> None:
        if self._is_ours(lane):
            self._kept.append_lane(lane.lines)

    def _is_ours(self, lane: LaneSieve) -> bool:
        position = self._position()
        return position is not None and position.history == lane.history

    def _take_lane(self, lines: bytes, *, whole: bool) -> None:
        # Memory first: a disk that can't be written must not keep a dead key alive.
        kids = revoked_kids(lines)
        self._node.revoke_for_ever(kids)
        if self._tell_lane is not None:
            self._tell_lane(lines if whole else b"")
        if whole and lines:
            sequence, trouble = self._node.apply_security(lines)
            if trouble:
                logger.warning(
                    "not all of the security lane is understood", extra={"security": sequence, "trouble": trouble}
                )
        self._kept.revoke(kids)

    def _poll(self, position: Position) -> None:
        sent = boottime_ms()
        state = json.loads(self._node.stats())
        answer = self._client.request(
            "GET",
            "/internal/v1/changes",
            query={
                "history": position.history,
                "after": position.revision,
                "hash": position.hash,
                "security_after": state["security"],
                "wait": self._next_wait(),
                **counts_of_records(state),
            },
            headers=self._headers,
            read_seconds=self._wait_seconds + 15,
        )
        with self._taking:
            if self._let_go:
                raise LetGo
            self._take(answer, sent)

    def _take(self, answer: Answer, sent: int) -> None:
        if answer.status == NO_CONTENT:
            self._contact(sent, answer.headers)
        elif answer.status == OK:
            lane = lane_of(answer.body)
            self._take_lane(lane, whole=True)
            # Only now: a lease that runs on says that what came with the answer is in force.
            self._contact(sent, answer.headers)
            self._take_changes(answer.body, lane)
        elif answer.status == GONE:
            self._take_snapshot()
        elif answer.status == CONFLICT:
            self._testifying.answer(answer.body)
            self._note_receipt(refused=other_history(answer.headers))
            raise FeedRefused(refusal(answer.status, answer.body))
        else:
            raise FeedRefused(refusal(answer.status, answer.body))

    def _take_changes(self, page: bytes, lane: bytes) -> None:
        update = Update.changes()
        try:
            self._push(update, [page])
            self._apply(update)
        except (SnapshotRefused, WrappingFailed) as problem:
            self._kept.append_lane(lane)
            logger.warning("revision refused, security lane applied")
            self._note_refused(update, problem)
            # What a page has sealed may have been sealed anew since; a snapshot holds only what counts today.
            self._wants_whole = isinstance(problem, WrappingFailed) and not isinstance(problem, WrappingUnavailable)
            raise
        self._kept.append(page, lane)
        if self._kept.holds_erased:
            # Proven when it no longer lies on this disk either: with the receipt of the snapshot that is asked for next.
            self._receipt = None

    def _apply_kept(self, update: Update) -> None:
        apply_update(self._node, update, self._wrapper)
        self._lock.opened()
        self._note_receipt(refused=None)

    def _apply(self, update: Update) -> None:
        try:
            revision = apply_update(self._node, update, self._wrapper)
        except (SnapshotRefused, WrappingFailed) as problem:
            self._note_refused(update, problem)
            if isinstance(problem, WrappingUnavailable):
                self._wait_for(problem)
            raise
        self._lock.opened()
        self._note_receipt(refused=None)
        logger.info("revision applied", extra={"revision": revision})

    def _note_refused(self, update: Update, problem: SnapshotRefused | WrappingFailed) -> None:
        where, why = problem.args if isinstance(problem, SnapshotRefused) else (WRAPPING, str(problem))
        self._note_receipt(refused={"revision": update.revision or 0, "where": where[:1000], "why": why[:4000]})

    def _note_receipt(self, *, refused: Mapping[str, Any] | None) -> None:
        state = json.loads(self._node.stats())
        self._refused, self._unkept = refused, self._kept.trouble
        self._node.warn(self._warnings())
        if refused is None and self._unkept is not None:
            # It is served, and yet not taken for good: a start without the control plane would know less.
            refused = {"revision": state["revision"] or 0, "where": "last known good", "why": self._unkept[:4000]}
        self._receipt = {
            "epoch": self._node.epoch,
            "history": state["history"] or "",
            "revision": state["revision"] or 0,
            "hash": state["hash"] or "",
            "security": state["security"],
            "applied_at": datetime.now(UTC),
            "threads": state["threads"],
            "refused": refused,
            "version": _native.VERSION,
            "features": [*_native.FEATURES, *(FEATURE + name for name in self._wrapper.opens)],
            "label": self._label,
            "max_staleness_seconds": self._max_staleness_seconds,
        }

    def _warnings(self) -> list[str]:
        """Say what people should know of a node that is ready all the same."""
        warnings = []
        if self._refused is not None:
            said = self._refused
            warnings.append(
                f"revision {said['revision']} is refused, an older one is served: {said['where']}: {said['why']}"
                if self._position() is not None
                else f"nothing is served yet, waits for {said['where']}: {said['why']}"
            )
        if self._unkept is not None:
            warnings.append(f"a start without the control plane would know less than this: {self._unkept}")
        return [warning[:500] for warning in warnings]

    def _send_receipt(self) -> None:
        if self._receipt is None or self._let_go:
            return
        said = {name: value for name, value in self._receipt.items() if name != "applied_at"}
        if said == self._sent:
            # A refusal comes back with every poll; it is told once.
            self._receipt = None
            return
        if self._tell_lane is not None and not self._tell_lane(b""):
            # Calls of the process before this one may not know of it yet: that would be a proof too early.
            return
        # By the control plane's time, as all that a node tells.
        applied_at = self._receipt["applied_at"] + timedelta(microseconds=self._clock_offset_us or 0)
        body = {**said, "applied_at": rfc3339(applied_at), "clock_offset_us": self._clock_offset_us}
        answer = self._client.request("POST", "/internal/v1/receipts", body=body, headers=self._headers)
        if answer.status >= 300:  # noqa: PLR2004 - HTTP's own border
            raise FeedRefused(refusal(answer.status, answer.body))
        self._receipt, self._sent = None, said

    def _next_wait(self) -> int:
        if not self._heard:
            # Answered at once: until then a node that starts with what it knew last goes by its host's clock.
            return 0
        if self._receipt is not None:
            return 1
        # Spread: a change wakes all nodes at once, and they shall not come back at once for ever after.
        return random.randint(-(-self._wait_seconds * 3 // 5), self._wait_seconds)  # noqa: S311 - guards nothing

    def _contact(self, sent_ms: int, headers: Mapping[str, str]) -> None:
        self._heard = True
        server_time = headers.get("X-Portazgo-Time", "")
        if server_time.isdigit():
            self._node.contact(boottime_ms() - sent_ms, int(server_time), 0)
            self._compare_clocks(int(server_time))

    def _compare_clocks(self, server_time_us: int) -> None:
        """Go by the control plane's time, as the data plane does; say when this host's is off, and when it no longer is."""
        self._clock_offset_us = server_time_us - time.time_ns() // 1_000
        off = abs(self._clock_offset_us) > CLOCK_ALERT_US
        if off and not self._clock_off:
            logger.warning(
                "this host's clock is off: the node goes by the control plane's; have the clock kept by NTP",
                extra={"control_plane_minus_host_seconds": round(self._clock_offset_us / 1_000_000, 1)},
            )
        elif self._clock_off and not off:
            logger.info("this host's clock agrees with the control plane's again")
        self._clock_off = off

    def _say(self, trouble: Exception) -> None:
        # Once, not at every try: an outage of an hour is one line.
        starting = isinstance(trouble, Unreachable) and time.monotonic() < self._patient_until
        said = (logging.INFO if starting else logging.WARNING, str(trouble))
        if said != self._last_trouble:
            logger.log(said[0], "can't follow the control plane%s: %s", " yet" if starting else "", trouble)
            self._last_trouble = said


def boottime_ms() -> int:
    """Read the clock that goes on while the host sleeps, as a lease must."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
