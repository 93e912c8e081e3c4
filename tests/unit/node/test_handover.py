"""What a successor says to the process before it is taken before it counts as told."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from portazgo.node import handover
from portazgo.node.handover import Predecessor

LINE = b'{"security": {"sequence": 1}}\n'


def test_lines_of_the_lane_stay_owed_until_they_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "LANE_SECONDS", 0.1)
    ours, theirs = socket.socketpair()
    predecessor = Predecessor(tmp_path, handover._Talk(ours), "epoch")
    with theirs:
        assert predecessor.tell_lane(b""), "nothing is owed"
        assert not predecessor.tell_lane(LINE)
        assert not predecessor.tell_lane(b"")
        assert not predecessor.tell_lane(LINE)
        said = theirs.recv(65536).splitlines()
        assert [json.loads(line)["lane"].encode() for line in said] == [LINE, LINE]
        theirs.sendall(b'{"taken": 1}\n')
        assert not predecessor.tell_lane(b"")
        theirs.sendall(b'{"taken": 1}\n')
        assert predecessor.tell_lane(b"")
        assert not predecessor.tell_lane(LINE)
    assert predecessor.tell_lane(b""), "who has ended has no calls any more"
