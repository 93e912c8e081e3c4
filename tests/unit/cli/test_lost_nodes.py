"""Nodes that are declared lost by their id: the control plane may know them by their records only."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from portazgo.cli import node

ID = "01a217b9-b748-7c2c-ad96-1bfdb0f21314"


class LedgerOnly:
    """A control plane whose state has no nodes."""

    def __init__(self) -> None:
        self.posted: list[str] = []

    def get(self, path: str, *_: object) -> dict[str, Any]:
        raise AssertionError(path)

    def post(self, path: str, _: object) -> dict[str, Any]:
        self.posted.append(path)
        return {"items": []}


def test_a_node_is_declared_lost_by_its_id_without_being_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    client = LedgerOnly()
    monkeypatch.setattr(node, "connect", lambda: client)
    done = CliRunner().invoke(node.declare_lost, [ID, "--yes"], catch_exceptions=False)
    assert (done.exit_code, client.posted) == (0, [f"/nodes/{ID}/lost"])
