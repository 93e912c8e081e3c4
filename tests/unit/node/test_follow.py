"""What a node is told counts in its memory first, then on its disk, and only then as contact."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from portazgo.kit.http import Answer, Stream, Unreachable
from portazgo.kit.wrapping.local import LocalWrapper
from portazgo.node.follow import Follower
from portazgo.node.last_known_good import LastKnownGood
from portazgo.node.native import SnapshotRefused, Update
from portazgo.snapshot.compile import (
    Revision,
    canonical,
    changes_head,
    last_line,
    page_of_changes,
    snapshot_head,
    with_hash,
)

HISTORY = "01a21409-ce2d-71fc-833d-ec1da9c13c5f"
OTHER_HISTORY = "01a21409-ce2d-71fc-833d-ec1da9c13c60"
DIGEST = "a" * 64
DEAD, OFF = "aaaaaaaaaa", "bbbbbbbbbb"
LANE = [
    f'{{"security":{{"at":"2026-11-25T12:00:00Z","id":"{kid}","operation":"{operation}","revision":2,"sequence":{number}}}}}'
    for number, (operation, kid) in enumerate([("revoke_key", DEAD), ("disable_key", OFF)], 1)
]
LANE_BYTES = "".join(f"{line}\n" for line in LANE).encode()


def page(revision: int = 2) -> bytes:
    """A revision of nothing but its security lane."""
    head = changes_head(HISTORY, revision - 1, revision, DIGEST)
    line = with_hash(canonical(Revision(revision, [], []).document()), DIGEST)
    return page_of_changes(head, [line, *LANE])


def snapshot(history: str = HISTORY) -> bytes:
    """One that is nothing but its security lane."""
    return "".join(f"{line}\n" for line in (snapshot_head(history, 2, DIGEST), *LANE, last_line(len(LANE)))).encode()


class RecordingNode:
    """Stands at revision 1; writes down in which order it is told things, and refuses revisions if told so."""

    node_id = epoch = "01a21409-ce2d-71fc-833d-ec1da9c13c61"

    def __init__(self, *, refuses: bool) -> None:
        self.told: list[str] = []
        self.lane = b""
        self.dead: set[str] = set()
        self.revision = 1
        self._refuses = refuses

    def warn(self, warnings: list[str]) -> None:
        self.warnings = warnings

    def wait_for_wrapping(self, waits: bool) -> None:
        self.waits_for_wrapping = waits

    def stats(self) -> str:
        counts = {"accepted": 0, "aggregates": 0, "written": 0, "synced": 0, "at_risk": 0, "at_risk_since_us": None}
        place = {"history": HISTORY, "revision": self.revision, "hash": DIGEST, "security": 0}
        return json.dumps({**place, **counts, "threads": 1})

    def revoke_for_ever(self, kids: list[str]) -> None:
        self.dead.update(kids)
        self.told += ["dead keys"] if kids else []

    def apply_security(self, lines: bytes) -> tuple[int, list[str]]:
        self.lane += lines
        self.told.append("lane")
        return 2, []

    def contact(self, _age_ms: int, _server_time_us: int, _round_trip_us: int) -> None:
        self.told.append("contact")

    def apply(self, update: Update) -> int:
        if self._refuses:
            raise SnapshotRefused("line 2", "unheard of")
        self.told.append("revision")
        self.revision = update.revision or 0
        return self.revision


class ScriptedControlPlane:
    """Answers each poll with the next answer, the snapshot always, and ends the follower after that."""

    def __init__(self, stopping: threading.Event, polls: list[tuple[int, bytes]], whole: bytes = b"") -> None:
        self._stopping = stopping
        self._polls = polls
        self._whole = whole
        self.receipts: list[dict[str, Any]] = []

    def request(self, method: str, _path: str, *, body: Any = None, **_: Any) -> Answer:
        if method == "POST":
            self.receipts.append(body)
            return Answer(204, {}, b"")
        if not self._polls:
            self._stopping.set()
            raise Unreachable("here", "the script is over")
        status, content = self._polls.pop(0)
        return Answer(status, TIME, content)

    @contextmanager
    def stream(self, *_: Any, **__: Any) -> Iterator[Stream]:
        yield Stream(200, TIME, iter([self._whole[:50], self._whole[50:]]))


TIME: Mapping[str, str] = {"X-Portazgo-Time": "1790000000000000"}


class Followed:
    """A follower over these two, and what is left of it. The file `broken` can't be written from its start on."""

    def __init__(
        self,
        folder: Path,
        polls: list[tuple[int, bytes]],
        whole: bytes = b"",
        *,
        refuses: bool = False,
        broken: str | None = None,
    ) -> None:
        stopping = threading.Event()
        self.node = RecordingNode(refuses=refuses)
        self.control = ScriptedControlPlane(stopping, polls, whole)
        self.kept = LastKnownGood(folder)
        self.kept.revoked()  # as at every start
        if broken is not None:
            (folder / broken).mkdir()
        follower = Follower(
            cast("Any", self.node),
            cast("Any", self.control),
            self.kept,
            LocalWrapper(bytes(32)),
            label="test",
            max_staleness_seconds=60,
        )
        follower.run(stopping)


@pytest.mark.parametrize("refuses", [False, True])
def test_the_lane_is_in_force_before_its_answer_counts_as_contact(tmp_path: Path, *, refuses: bool) -> None:
    followed = Followed(tmp_path, [(200, page())], refuses=refuses)
    assert followed.node.told[:3] == ["dead keys", "lane", "contact"]
    assert followed.node.told[3:] == ([] if refuses else ["revision"])
    assert followed.kept.lane() == (LANE_BYTES if refuses else b"")


@pytest.mark.parametrize("file", ["revoked.log", "changes.ndjson", "lane.ndjson"])
def test_a_disk_that_cant_be_written_keeps_nothing_from_counting(tmp_path: Path, file: str) -> None:
    followed = Followed(tmp_path, [(200, page())], broken=file)
    assert followed.node.told == ["dead keys", "lane", "contact", "revision"]
    (receipt,) = followed.control.receipts
    assert (receipt["revision"], receipt["refused"]["where"]) == (2, "last known good")
    assert file in receipt["refused"]["why"]


def test_a_refused_snapshot_of_the_same_history_leaves_its_lane_in_force_and_on_the_disk(tmp_path: Path) -> None:
    for number, broken in enumerate((snapshot(), snapshot().replace(b'{"end"', b'{"and"'))):
        followed = Followed(tmp_path / str(number), [(410, b"")], broken, refuses=True)
        assert followed.node.told == ["dead keys", "lane", "contact"]
        assert followed.node.lane == LANE_BYTES == LastKnownGood(tmp_path / str(number)).lane()
        assert LastKnownGood(tmp_path / str(number)).revoked() == [DEAD]
        assert followed.control.receipts[-1]["refused"]["why"]


def test_of_a_refused_snapshot_of_another_history_only_the_revocations_count(tmp_path: Path) -> None:
    followed = Followed(tmp_path, [(410, b"")], snapshot(OTHER_HISTORY), refuses=True)
    assert (followed.node.told, followed.node.lane, followed.node.dead) == (["dead keys", "contact"], b"", {DEAD})
    assert LastKnownGood(tmp_path).lane() == b""
    assert LastKnownGood(tmp_path).revoked() == [DEAD]


def test_a_receipt_tells_the_nodes_own_lease(tmp_path: Path) -> None:
    followed = Followed(tmp_path, [(200, page())])
    assert [receipt["max_staleness_seconds"] for receipt in followed.control.receipts] == [60]
