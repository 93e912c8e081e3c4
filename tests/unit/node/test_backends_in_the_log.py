"""Who is on call reads in the log which target fell ill, why, and when it was well again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portazgo.kit.logs import extra_members
from portazgo.node.backends import BackendWatcher

URL = "http://10.0.0.1:8000"


class Backends:
    """A node that says what the test tells it."""

    def __init__(self) -> None:
        self.standing: list[dict[str, Any]] = []

    def stats(self) -> str:
        return json.dumps({"backends": self.standing})

    def stands(self, *, circuit: str | None = None, **target: Any) -> None:
        one = {"target": URL, "healthy": True, "ails": None, "ejected_ms": None, **target}
        self.standing = [{"backend": "depot", "environment": "live", "circuit": circuit, "targets": [one]}]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level("INFO", "portazgo.node.backends")

    def since_the_last_look(watcher: BackendWatcher) -> list[tuple[str, str, dict[str, Any]]]:
        caplog.clear()
        watcher.look()
        return [(one.levelname, one.getMessage(), extra_members(one)) for one in caplog.records]

    return since_the_last_look


WHERE = {"backend": "depot", "environment": "live", "target": URL}


def test_a_target_that_falls_ill_is_told_once_and_once_when_it_is_well(told: Any) -> None:
    node = Backends()
    watcher = BackendWatcher(node)
    node.stands()
    assert told(watcher) == []
    node.stands(healthy=False, ails="status 503")
    assert told(watcher) == [("WARNING", "a target fails its health check", {**WHERE, "why": "status 503"})]
    node.stands(healthy=False, ails="connect_refused")
    assert told(watcher) == []
    node.stands()
    assert told(watcher) == [("INFO", "a target passes its health check again", WHERE)]


def test_ejection_and_circuit_are_told_too(told: Any) -> None:
    node = Backends()
    watcher = BackendWatcher(node)
    node.stands(ejected_ms=4_000, circuit="open")
    circuit = {"backend": "depot", "environment": "live"}
    assert told(watcher) == [
        ("WARNING", "the circuit to a backend has opened", circuit),
        ("WARNING", "a target is left out for its failures", WHERE),
    ]
    node.stands(circuit="half_open")
    assert told(watcher) == [("INFO", "a target that was left out is called again", WHERE)]
    node.stands(circuit="closed")
    assert told(watcher) == [("INFO", "the circuit to a backend has closed", circuit)]


def test_what_is_configured_no_longer_is_not_called_well(told: Any) -> None:
    node = Backends()
    watcher = BackendWatcher(node)
    node.stands(healthy=False, ails="connect_refused")
    told(watcher)
    node.standing = []
    assert told(watcher) == []
