"""What a crash leaves on a node's disk never hides what came before or after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from portazgo.node.lane import LaneSieve, lane_of, revoked_kids
from portazgo.node.last_known_good import LastKnownGood
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
DIGEST = "a" * 64


def page(revision: int) -> bytes:
    """One empty revision, as the control plane sends it."""
    head = changes_head(HISTORY, revision - 1, revision, DIGEST)
    return page_of_changes(head, [with_hash(canonical(Revision(revision, [], []).document()), DIGEST)])


def kept(folder: Path) -> LastKnownGood:
    """A node's files with a snapshot at revision 1."""
    files = LastKnownGood(folder)
    snapshot = f"{snapshot_head(HISTORY, 1, DIGEST)}\n{last_line(0)}\n".encode()
    assert b"".join(files.replace([snapshot])) == snapshot
    files.keep()
    return files


def revisions(folder: Path) -> list[int | None]:
    """What a start finds, in order."""
    found: list[int | None] = []
    LastKnownGood(folder).load(lambda update: found.append(update.revision))
    return found


def test_a_start_finds_the_snapshot_and_every_page_since(tmp_path: Path) -> None:
    files = kept(tmp_path)
    files.append(page(2))
    files.append(page(3))
    assert revisions(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("left", [1, 40, len(page(3)) - 1])
def test_a_torn_page_is_left_out_and_the_ones_after_it_are_not(tmp_path: Path, left: int) -> None:
    kept(tmp_path).append(page(2))
    with (tmp_path / "changes.ndjson").open("ab") as changes:
        changes.write(page(3)[:left])
    assert revisions(tmp_path) == [1, 2]
    LastKnownGood(tmp_path).append(page(3))
    LastKnownGood(tmp_path).append(page(4))
    assert revisions(tmp_path) == [1, 2, 3, 4]


def test_a_page_that_is_refused_ends_what_is_known_and_what_comes_later_is_kept(tmp_path: Path) -> None:
    files = kept(tmp_path)
    files.append(page(2))
    files.append(page(3).replace(b'"put"', b'"putt"'))
    assert revisions(tmp_path) == [1, 2]
    LastKnownGood(tmp_path).append(page(3))
    assert revisions(tmp_path) == [1, 2, 3]


def test_a_torn_line_of_dead_keys_neither_is_one_nor_swallows_the_next(tmp_path: Path) -> None:
    files = LastKnownGood(tmp_path)
    files.revoke(["aaaaaaaaaa", "bbbbbbbbbb"])
    with (tmp_path / "revoked.log").open("ab") as log:
        log.write(b"ccccc")
    again = LastKnownGood(tmp_path)
    assert again.revoked() == ["aaaaaaaaaa", "bbbbbbbbbb"]
    again.revoke(["cccccccccc", "aaaaaaaaaa"])
    assert LastKnownGood(tmp_path).revoked() == ["aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"]
    assert (tmp_path / "revoked.log").read_bytes().count(b"aaaaaaaaaa") == 1


def test_what_the_lane_said_is_kept_until_a_revision_is_taken(tmp_path: Path) -> None:
    files = kept(tmp_path)
    line = b'{"security":{"id":"aaaaaaaaaa","operation":"disable_key","sequence":1}}\n'
    files.append_lane(line)
    files.append_lane(line)
    assert LastKnownGood(tmp_path).lane() == line * 2
    files.append(page(2))
    assert LastKnownGood(tmp_path).lane() == b""


def test_the_lane_is_fished_out_of_a_stream_that_is_cut_anywhere() -> None:
    revoke = b'{"security":{"id":"aaaaaaaaaa","operation":"revoke_key","sequence":1}}\n'
    broken = b'{"security":{"id":\n{"security":["revoke_key"]}\n{"security":{"id":"no kid","operation":"revoke_key"}}\n'
    stream = b'{"format":1}\n' + revoke + b"nonsense\n" + broken + b'{"end":true}\n'
    for size in (1, 7, 1000):
        sieve = LaneSieve()
        for start in range(0, len(stream), size):
            sieve.take(stream[start : start + size])
        assert sieve.lines == revoke + broken == lane_of(stream)
    assert revoked_kids(revoke + broken) == ["aaaaaaaaaa"]


def test_dead_keys_that_could_not_be_written_are_written_as_soon_as_it_goes(tmp_path: Path) -> None:
    files = LastKnownGood(tmp_path)
    files.revoke(["aaaaaaaaaa"])
    text = (tmp_path / "revoked.log").read_bytes()
    (tmp_path / "revoked.log").unlink()
    (tmp_path / "revoked.log").mkdir()
    files.revoke(["bbbbbbbbbb"])
    files.revoke(["cccccccccc", "bbbbbbbbbb"])
    assert "revoked.log" in (files.trouble or "")
    (tmp_path / "revoked.log").rmdir()
    (tmp_path / "revoked.log").write_bytes(text)
    files.catch_up()
    assert files.trouble is None
    assert LastKnownGood(tmp_path).revoked() == ["aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"]


def test_a_page_that_could_not_be_kept_leaves_its_lane_and_a_snapshot_closes_the_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = kept(tmp_path)
    line = b'{"security":{"id":"aaaaaaaaaa","operation":"disable_key","sequence":1}}\n'
    (tmp_path / "changes.ndjson").mkdir()
    files.append(page(2), line)
    assert "changes.ndjson" in (files.trouble or "")
    (tmp_path / "changes.ndjson").rmdir()
    # A page after a gap is none that a start could apply.
    files.append(page(3), line)
    assert (revisions(tmp_path), LastKnownGood(tmp_path).lane()) == ([1], line * 2)
    assert not files.wants_snapshot
    monkeypatch.setattr("portazgo.node.last_known_good.AGAIN_SECONDS", 0.0)
    (tmp_path / "snapshot.partial").mkdir()
    whole = f"{snapshot_head(HISTORY, 3, DIGEST)}\n{last_line(0)}\n".encode()
    assert b"".join(files.replace([whole])) == whole
    files.keep()
    assert (files.wants_snapshot, revisions(tmp_path)) == (True, [1])
    (tmp_path / "snapshot.partial").rmdir()
    assert b"".join(files.replace([whole])) == whole
    files.keep()
    files.append(page(4))
    assert (files.trouble, files.wants_snapshot, revisions(tmp_path)) == (None, False, [3, 4])
    assert LastKnownGood(tmp_path).lane() == b""
