"""Sixteen writers, killed at random: revisions without gap or disorder, and whoever follows gets each once, in order.

PORTAZGO_TEST_SEED repeats a run; PORTAZGO_TEST_WRITERS_SECONDS makes it longer (soak).
"""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support.control import ControlProcess, FeedClient, lines_of
from support.world import World
from support.writers import ACTION, ENOUGH

from portazgo.audit.models import AuditRow
from portazgo.settings import Settings
from portazgo.snapshot.compile import canonical, chain
from portazgo.snapshot.feed import head_now, write_snapshot
from portazgo.snapshot.models import ChangeRow, SecurityRow
from portazgo.snapshot.verify import broken_at, differing
from portazgo.snapshot.wire import NO_HASH

pytestmark = pytest.mark.usefixtures("database")

WRITERS = 16
SECONDS = float(os.environ.get("PORTAZGO_TEST_WRITERS_SECONDS", "5"))
TESTS = Path(__file__).parents[1]


class Follower(threading.Thread):
    """A node that holds one long poll after the other; keeps every line that it was given."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(daemon=True)
        self._client = FeedClient(url, token)
        self._history = head_now().history
        self._ending = threading.Event()
        self.revisions: list[dict[str, Any]] = []
        self.security: list[dict[str, Any]] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Follow until told to end, and then to the head."""
        try:
            while self._follow() or not self._ending.is_set():
                pass
        except BaseException as problem:  # noqa: BLE001 - told to the test
            self.failure = problem

    def finish(self) -> None:
        """Wait until everything that there is has come."""
        self._ending.set()
        self.join(60)
        self._client.close()
        assert not self.is_alive()
        if self.failure is not None:
            raise self.failure

    def _follow(self) -> bool:
        last: dict[str, Any] = self.revisions[-1] if self.revisions else {"revision": 0, "hash": NO_HASH}
        answer = self._client.changes(self._history, last["revision"], last["hash"], len(self.security), 1)
        if answer.status == 204:
            return False
        if answer.status == 503:
            time.sleep(0.2)  # the writers kept the database from taking down the poll: a node asks again
            return True
        assert answer.status == 200, answer
        head, *lines, end = lines_of(answer)
        assert head["from"] == last["revision"]
        assert end == {"end": True, "count": len(lines)}
        self.revisions += [line for line in lines if "revision" in line]
        self.security += [line["security"] for line in lines if "security" in line]
        return True


def test_no_revision_is_lost_doubled_or_out_of_order(
    control: ControlProcess, world: World, settings: Settings, state_url: str | None, tmp_path: Path
) -> None:
    for _ in range(4):
        world.key(world.application(world.partner()))
    before = head_now().revision
    follower = Follower(control.internal_url, world.node_token()["token"])
    follower.start()
    killed = write_and_kill(settings, state_url, tmp_path)
    follower.finish()
    head = head_now()
    acknowledged = acknowledgements(tmp_path)
    # The run was one: writers committed, and were killed.
    assert killed > 10
    assert len(acknowledged) >= ENOUGH
    assert head.revision - before >= len(acknowledged)

    # The log: 1, 2, 3, … up to the head, each hash following from the one before, the rows saying what was compiled.
    assert list(ChangeRow.objects.order_by("revision").values_list("revision", flat=True)) == [
        *range(1, head.revision + 1)
    ]
    assert broken_at() is None
    assert differing() == []
    sequences = list(SecurityRow.objects.order_by("sequence").values_list("sequence", "revision"))
    assert [sequence for sequence, _ in sequences] == [*range(1, head.security + 1)]
    assert [revision for _, revision in sequences] == sorted(revision for _, revision in sequences)

    # What was told to be done was done, under the revision that was told; nothing was done that left no trace.
    rows = dict(AuditRow.objects.filter(action=ACTION).values_list("subject", "revision"))
    assert {subject: rows.get(subject) for subject in acknowledged} == acknowledged
    assert sorted(revision or 0 for revision in rows.values()) == [*range(before + 1, head.revision + 1)]

    # Who followed along has all of it, once, in order; it adds up to what a newcomer would be given.
    assert [line["revision"] for line in follower.revisions] == [*range(1, head.revision + 1)]
    assert [entry["sequence"] for entry in follower.security] == [*range(1, head.security + 1)]
    previous = NO_HASH
    for line in follower.revisions:
        bare = {name: value for name, value in line.items() if name != "hash"}
        previous = chain(previous, canonical(bare))
        assert line["hash"] == previous
    assert added_up(follower.revisions) == snapshot()


def write_and_kill(settings: Settings, state_url: str | None, folder: Path) -> int:
    """Let the writers write. Returns how many were killed while they did."""
    seed = int(os.environ.get("PORTAZGO_TEST_SEED", random.SystemRandom().randrange(2**32)))
    print(f"PORTAZGO_TEST_SEED={seed}")  # noqa: T201 - to repeat a run that failed
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTAZGO_")}
    environment |= {"PORTAZGO_DATA_DIR": str(settings.data_dir), "PYTHONPATH": str(TESTS)}
    environment |= {"PORTAZGO_STATE_URL": state_url} if state_url else {}
    command = [sys.executable, "-m", "support.writers", str(seed), str(SECONDS), str(WRITERS), str(folder)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS + 120, cwd=folder
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return int(done.stdout)


def acknowledgements(folder: Path) -> dict[str, int]:
    """Read what writers were told: revision by subject. A line that a kill cut short tells nothing."""
    found = {}
    for file in folder.iterdir():
        for line in file.read_text().split("\n")[:-1]:
            revision, subject = line.split()
            found[subject] = int(revision)
    return found


def added_up(revisions: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """Do what a node does with the changes."""
    resources: dict[tuple[str, str], Any] = {}
    for line in revisions:
        for gone in line["delete"]:
            del resources[gone["kind"], gone["id"]]
        for one in line["put"]:
            resources[one["kind"], one["id"]] = one
    return resources


def snapshot() -> dict[tuple[str, str], Any]:
    """Read the resources of the whole snapshot."""
    file = io.BytesIO()
    write_snapshot(file)
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    return {(line["kind"], line["id"]): line for line in lines if "kind" in line}
